/** The transforms of Winograd's minimal filtering F(2x2, 3x3), along one axis and along two. */
import { type Expression, e, known, range } from '../core/index.js'

/** A row of a transform: factors of elements by their place. */
export type Row = readonly (readonly [place: number, factor: number])[]

/** Of the four elements of a tile. */
export const ofTile: readonly Row[] = [
  [
    [0, 1],
    [2, -1],
  ],
  [
    [1, 1],
    [2, 1],
  ],
  [
    [2, 1],
    [1, -1],
  ],
  [
    [1, 1],
    [3, -1],
  ],
]
/** Of the three places of a kernel. */
export const ofKernel: readonly Row[] = [
  [[0, 1]],
  [
    [0, 0.5],
    [1, 0.5],
    [2, 0.5],
  ],
  [
    [0, 0.5],
    [1, -0.5],
    [2, 0.5],
  ],
  [[2, 1]],
]
/** Of the four products, to two results. */
export const ofProducts: readonly Row[] = [
  [
    [0, 1],
    [1, 1],
    [2, 1],
  ],
  [
    [1, 1],
    [2, -1],
    [3, -1],
  ],
]

/** The transform the other way, from results to elements: what gradients go through. */
export const transposed = (rows: readonly Row[]): readonly Row[] =>
  range(1 + Math.max(...rows.flatMap((row) => row.map(([place]) => place)))).map((place) =>
    rows.flatMap((row, i) => row.flatMap(([p, factor]): Row => (p === place ? [[i, factor]] : []))),
  )

/** `sum of factor * element(place)` over a row. */
export const combine = (row: Row, element: (place: number) => Expression): Expression => {
  let sum: Expression | undefined
  for (const [place, factor] of row) {
    const x = element(place)
    const size = Math.abs(factor)
    const term = size === 1 ? x : e.binary('mul', x, e.constant(size, x.dtype))
    if (sum === undefined) sum = factor < 0 ? e.unary('neg', term) : term
    else sum = e.binary(factor < 0 ? 'sub' : 'add', sum, term)
  }
  return known(sum, 'sum of a row')
}

/** The transform along both axes: rows of rows, so that what neighbours share is written once. */
export const combineBoth = (rows: Row, columns: Row, element: (i: number, j: number) => Expression): Expression =>
  combine(columns, (j) => combine(rows, (i) => element(i, j)))
