/** Contractions: sums of products over any axes of two arrays (matrix products and their batches). */
import {
  type ArrayLike,
  type DType,
  type NDArray,
  type Primitive,
  type ShapedArray,
  ArgumentError,
  DTypeError,
  PrintedList,
  ShapeError,
  avalText,
  bindOne,
  canonicalAxes,
  definePrimitive,
  e,
  isLinear,
  known,
  knownInput,
  plainParameter,
  range,
  shapeText,
  shapedArray,
  checkOptions,
} from '../core/index.js'
import { numbers, transpose } from './broadcasting.js'
import { addAny, anyDType } from './elementwise.js'
import { asArray, convertElementType, operands } from './operands.js'

/** Which axes are summed over and which are batch axes: `[[lhsContract, rhsContract], [lhsBatch, rhsBatch]]`. */
export type DotDimensionNumbers = readonly [
  contract: readonly [lhs: readonly number[], rhs: readonly number[]],
  batch: readonly [lhs: readonly number[], rhs: readonly number[]],
]

export interface DotGeneralParams {
  readonly dimensionNumbers: DotDimensionNumbers
  readonly preferredElementType?: DType
}

/** Axes that are in none of the lists, in order. */
const remaining = (rank: number, ...used: (readonly number[])[]): number[] =>
  range(rank).filter((d) => !used.some((axes) => axes.includes(d)))

const sizes = (shape: readonly number[], axes: readonly number[]): number[] => axes.map((d) => known(shape[d], 'size'))

const checkPairs = (
  lhs: ShapedArray,
  rhs: ShapedArray,
  [left, right]: readonly [readonly number[], readonly number[]],
  what: string,
): void => {
  const fits = left.length === right.length && left.every((d, i) => lhs.shape[d] === rhs.shape[right[i] ?? -1])
  if (!fits) {
    throw new ShapeError(
      `dotGeneral: ${what} axes ${shapeText(left)} of ${avalText(lhs)} (sizes ${shapeText(sizes(lhs.shape, left))}) don't match ` +
        `${what} axes ${shapeText(right)} of ${avalText(rhs)} (sizes ${shapeText(sizes(rhs.shape, right))}). ` +
        `They are paired in order and must have equal sizes; transpose or reshape an operand, or name other axes.`,
    )
  }
}

const resultParams = (dimensionNumbers: DotDimensionNumbers, preferred: DType | undefined): DotGeneralParams =>
  preferred === undefined ? { dimensionNumbers } : { dimensionNumbers, preferredElementType: preferred }

/**
 * Cotangent of one operand, as a contraction of the result's with the other operand.
 * `ansOther` are the axes that the other operand's kept ones have in the result.
 */
const operandCotangent = (
  ct: NDArray,
  other: NDArray,
  aval: ShapedArray,
  own: { readonly contract: readonly number[]; readonly batch: readonly number[] },
  others: { readonly contract: readonly number[]; readonly batch: readonly number[] },
  ansOther: readonly number[],
): NDArray => {
  const ownKept = remaining(aval.shape.length, own.contract, own.batch)
  const otherKept = remaining(other.ndim, others.contract, others.batch)
  const product = dotGeneral(ct, other.dtype === ct.dtype ? other : convertElementType(other, ct.dtype), [
    [ansOther, otherKept],
    [range(own.batch.length), others.batch],
  ])
  // The contracted axes come out in the order in which the other operand has them.
  const byOther = range(own.contract.length).sort(
    (i, j) => known(others.contract[i], 'axis') - known(others.contract[j], 'axis'),
  )
  const order = [...own.batch, ...ownKept, ...byOther.map((i) => known(own.contract[i], 'axis'))]
  const out = transpose(
    product,
    range(order.length).map((d) => order.indexOf(d)),
  )
  return out.dtype === aval.dtype ? out : convertElementType(out, aval.dtype)
}

const dotGeneralPrimitive: Primitive<DotGeneralParams> = definePrimitive<DotGeneralParams>({
  name: 'dot_general',
  abstract: ([x, y], { dimensionNumbers: [contract, batch], preferredElementType }) => {
    const lhs = known(x, 'operand')
    const rhs = known(y, 'operand')
    if (lhs.dtype !== rhs.dtype && preferredElementType === undefined) {
      throw new DTypeError(
        `dotGeneral: operands have dtypes ${lhs.dtype} and ${rhs.dtype}; convert one with x.astype('...'), ` +
          `give preferredElementType, or use np.matmul, which promotes.`,
      )
    }
    checkPairs(lhs, rhs, contract, 'contracted')
    checkPairs(lhs, rhs, batch, 'batch')
    const shape = [
      ...sizes(lhs.shape, batch[0]),
      ...sizes(lhs.shape, remaining(lhs.shape.length, contract[0], batch[0])),
      ...sizes(rhs.shape, remaining(rhs.shape.length, contract[1], batch[1])),
    ]
    return [shapedArray(shape, preferredElementType ?? lhs.dtype, lhs.weakType && rhs.weakType)]
  },
  jvp: ([x, y], [s, t], params) => {
    const lhs = known(x, 'operand')
    const rhs = known(y, 'operand')
    const fromLhs = s === null || s === undefined ? null : bindOne(dotGeneralPrimitive, [s, rhs], params)
    const fromRhs = t === null || t === undefined ? null : bindOne(dotGeneralPrimitive, [lhs, t], params)
    const tangent = fromLhs !== null && fromRhs !== null ? addAny(fromLhs, fromRhs) : (fromLhs ?? fromRhs)
    return [[bindOne(dotGeneralPrimitive, [lhs, rhs], params)], [tangent]]
  },
  transpose: ([cotangent], [x, y], { dimensionNumbers: [contract, batch] }) => {
    const ct = known(cotangent ?? undefined, 'cotangent')
    const left = { contract: contract[0], batch: batch[0] }
    const right = { contract: contract[1], batch: batch[1] }
    if (isLinear(x)) {
      const rhs = knownInput(y)
      const kept = rhs.ndim - right.contract.length - right.batch.length
      return [
        operandCotangent(
          ct,
          rhs,
          x.aval,
          left,
          right,
          range(kept).map((d) => ct.ndim - kept + d),
        ),
        null,
      ]
    }
    if (!isLinear(y)) return [null, null]
    const lhs = knownInput(x)
    const kept = lhs.ndim - left.contract.length - left.batch.length
    return [
      null,
      operandCotangent(
        ct,
        lhs,
        y.aval,
        right,
        left,
        range(kept).map((d) => left.batch.length + d),
      ),
    ]
  },
  batch: ([x, y], [p, q], { dimensionNumbers: [contract, batch], preferredElementType }) => {
    const lhs = known(x, 'operand')
    const rhs = known(y, 'operand')
    const i = p ?? null
    const j = q ?? null
    const shift = (axes: readonly number[], at: number | null): number[] =>
      axes.map((d) => (at === null || d < at ? d : d + 1))
    const contracted = [shift(contract[0], i), shift(contract[1], j)] as const
    const batched = [shift(batch[0], i), shift(batch[1], j)] as const
    const run = (dimensionNumbers: DotDimensionNumbers): NDArray =>
      bindOne(dotGeneralPrimitive, [lhs, rhs], resultParams(dimensionNumbers, preferredElementType))
    if (i !== null && j !== null) {
      return [
        [
          run([
            contracted,
            [
              [i, ...batched[0]],
              [j, ...batched[1]],
            ],
          ]),
        ],
        [0],
      ]
    }
    // A batch axis of one operand is one more kept axis of the result.
    const leftKept = remaining(lhs.ndim, contracted[0], batched[0])
    const rightKept = remaining(rhs.ndim, contracted[1], batched[1])
    const at = i !== null ? leftKept.indexOf(i) : leftKept.length + rightKept.indexOf(j ?? 0)
    return [[run([contracted, batched])], [batched[0].length + at]]
  },
  lower: (compiler, [x, y], { dimensionNumbers: [contract, batch] }, [out]) => {
    const lhs = known(x, 'operand')
    const rhs = known(y, 'operand')
    const aval = known(out, 'result')
    const leftKept = remaining(lhs.aval.shape.length, contract[0], batch[0])
    const rightKept = remaining(rhs.aval.shape.length, contract[1], batch[1])
    // Pairs in the order of the left operand's memory, so that neighbours are read one after the other.
    const order = range(contract[0].length).sort((i, j) => (contract[0][i] ?? 0) - (contract[0][j] ?? 0))
    const leftInner = order.map((i) => known(contract[0][i], 'axis'))
    const rightInner = order.map((i) => known(contract[1][i], 'axis'))
    const element = (
      operand: typeof lhs,
      groups: readonly (readonly [readonly number[], readonly e.Expression[]])[],
    ) => {
      const index = new Array<e.Expression>(operand.aval.shape.length).fill(e.index(0))
      for (const [axes, at] of groups) {
        axes.forEach((d, i) => {
          index[d] = known(at[i], 'index')
        })
      }
      return operand.at(index)
    }
    const computed: DType = aval.dtype === 'bool' ? 'int32' : aval.dtype
    const product = compiler.contract({
      batch: sizes(lhs.aval.shape, batch[0]),
      rows: sizes(lhs.aval.shape, leftKept),
      columns: sizes(rhs.aval.shape, rightKept),
      inner: sizes(lhs.aval.shape, leftInner),
      dtype: computed,
      left: (b, rows, inner) =>
        element(lhs, [
          [batch[0], b],
          [leftKept, rows],
          [leftInner, inner],
        ]),
      right: (b, columns, inner) =>
        element(rhs, [
          [batch[1], b],
          [rightKept, columns],
          [rightInner, inner],
        ]),
    })
    return [aval.dtype === computed ? product : { aval, at: (index) => e.convert(product.at(index), aval.dtype) }]
  },
  sample: (draw) => {
    const dtype = draw.pick(anyDType.filter((d) => d !== 'bool'))
    const batch = draw.shape({ maxRank: 1 })
    const inner = draw.shape({ maxRank: 2 })
    const rows = draw.shape({ maxRank: 2 })
    const columns = draw.shape({ maxRank: 1 })
    const b = range(batch.length)
    const left = inner.map((_, i) => batch.length + rows.length + i)
    const right = inner.map((_, i) => batch.length + i)
    return {
      inputs: [draw.array([...batch, ...rows, ...inner], dtype), draw.array([...batch, ...inner, ...columns], dtype)],
      params: {
        dimensionNumbers: [
          [left, right],
          [b, b],
        ],
      },
    }
  },
  print: ({ dimensionNumbers, preferredElementType }) => ({
    dimension_numbers: dimensionNumbers.map((pair) => pair.map((axes) => new PrintedList(axes))),
    ...(preferredElementType !== undefined && { preferred_element_type: preferredElementType }),
  }),
  parse: (printed, _, [out]) => {
    const lists = plainParameter(printed['dimension_numbers'])
    const pair = (value: unknown): readonly [number[], number[]] =>
      Array.isArray(value) ? [numbers(value[0]), numbers(value[1])] : [[], []]
    const [contract, batch] = Array.isArray(lists) ? [pair(lists[0]), pair(lists[1])] : [pair([]), pair([])]
    const preferred = printed['preferred_element_type'] ?? null
    return resultParams([contract, batch], preferred === null ? undefined : known(out, 'result').dtype)
  },
})

/** How precise products may be: `'highest'` always, whatever is asked for. Floats are multiplied and added in float32, or wider. */
export type Precision = string | null | readonly (string | null)[]

export interface DotOptions {
  /** Dtype of the result and of its accumulation; the operands' unless said. */
  readonly preferredElementType?: DType
  /** Accepted as in JAX; products are always of the highest. */
  readonly precision?: Precision
}

/**
 * Sum of products over contracted axes, for every index of the batch axes: the result has the batch axes, then the
 * left operand's other axes, then the right one's. `dimensionNumbers` is `[[lhsContract, rhsContract], [lhsBatch, rhsBatch]]`.
 * Halves accumulate in float32. Throws ShapeError when paired axes differ in size, DTypeError for different dtypes.
 *
 * @example lax.dotGeneral(np.ones([2, 3]), np.ones([3, 4]), [[[1], [0]], [[], []]]).shape // [2, 4]
 */
export const dotGeneral = (
  lhs: ArrayLike,
  rhs: ArrayLike,
  dimensionNumbers: DotDimensionNumbers,
  options: DotOptions = {},
): NDArray => {
  const { preferredElementType } = checkOptions('dotGeneral', options, 'preferredElementType precision')
  const arrays = operands('dotGeneral', [lhs, rhs])
  const [x, y] = [known(arrays[0], 'operand'), known(arrays[1], 'operand')]
  const [[leftContract, rightContract], [leftBatch, rightBatch]] = dimensionNumbers
  const left = canonicalAxes([...leftContract, ...leftBatch], x.ndim, 'dotGeneral')
  const right = canonicalAxes([...rightContract, ...rightBatch], y.ndim, 'dotGeneral')
  const canonical: DotDimensionNumbers = [
    [left.slice(0, leftContract.length), right.slice(0, rightContract.length)],
    [left.slice(leftContract.length), right.slice(rightContract.length)],
  ]
  return bindOne(dotGeneralPrimitive, [x, y], resultParams(canonical, preferredElementType))
}

/**
 * Product of vectors and matrices: the last axis of `lhs` with the first of `rhs`. Throws ArgumentError for other ranks.
 *
 * @example lax.dot(np.array([1, 2]), np.array([3, 4])) // 11
 */
export const dot = (lhs: ArrayLike, rhs: ArrayLike, options: DotOptions = {}): NDArray => {
  checkOptions('dot', options, 'preferredElementType precision')
  const x = asArray(lhs, 'dot')
  const y = asArray(rhs, 'dot')
  if (x.ndim < 1 || x.ndim > 2 || y.ndim < 1 || y.ndim > 2) {
    throw new ArgumentError(
      `dot: operands must be vectors or matrices, got ${avalText(x.aval)} and ${avalText(y.aval)}. ` +
        `Use lax.dotGeneral or lax.batchMatmul for other ranks, np.dot for NumPy's rules.`,
    )
  }
  return dotGeneral(
    x,
    y,
    [
      [[x.ndim - 1], [0]],
      [[], []],
    ],
    options,
  )
}

/**
 * Matrix products for every index of the leading axes, which both operands have alike.
 * Throws ArgumentError unless both have the same rank, at least 2.
 *
 * @example lax.batchMatmul(np.ones([5, 2, 3]), np.ones([5, 3, 4])).shape // [5, 2, 4]
 */
export const batchMatmul = (lhs: ArrayLike, rhs: ArrayLike, options: DotOptions = {}): NDArray => {
  checkOptions('batchMatmul', options, 'preferredElementType precision')
  const x = asArray(lhs, 'batchMatmul')
  const y = asArray(rhs, 'batchMatmul')
  if (x.ndim !== y.ndim || x.ndim < 2) {
    throw new ArgumentError(
      `batchMatmul: operands need the same rank, at least 2, got ${avalText(x.aval)} and ${avalText(y.aval)}. ` +
        `np.matmul broadcasts leading axes.`,
    )
  }
  const batch = range(x.ndim - 2)
  return dotGeneral(
    x,
    y,
    [
      [[x.ndim - 1], [x.ndim - 2]],
      [batch, batch],
    ],
    options,
  )
}
