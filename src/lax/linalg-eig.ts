/** Eigenvalues and eigenvectors of general matrices, which are complex. */
import {
  type ArrayLike,
  type NDArray,
  type Primitive,
  DifferentiationError,
  bind,
  definePrimitive,
  dtypeEpsilon,
  known,
  shapedArray,
} from '../core/index.js'
import { abs, add, div, mul, sub } from './arithmetic.js'
import { broadcastInDim, filled, moveAxis, reduceSum, reshape, zerosOf } from './broadcasting.js'
import { eq, gt, le, lt, select } from './comparison.js'
import {
  type Complex,
  chosen,
  complex,
  conjugate,
  minus,
  modulus,
  negated,
  onParts,
  plus,
  quotient,
  times,
} from './complex-pair.js'
import { concatenate } from './concatenate.js'
import { dynamicIndexInDim } from './dynamic-slicing.js'
import { sqrt } from './exponential.js'
import {
  asColumns,
  asRows,
  batchStack,
  checkMatrices,
  columnIndex,
  diagonalOf,
  distinctDiagonal,
  factored,
  flatStack,
  keepWhere,
  product,
  rowIndex,
  sizesOf,
  transposed,
} from './linalg-matrix.js'
import { schur } from './linalg-schur.js'
import { solve } from './linalg-solve.js'
import { asArray } from './operands.js'
import { lowerAs, repeat } from './program-lowering.js'
import { argmax, argmin, reduceMax, reduceMin } from './reductions.js'
import { sliceInDim } from './slicing.js'
import { takeRows } from './linalg-lu.js'

export interface EigParams {
  readonly computeLeftEigenvectors: false
  readonly computeRightEigenvectors: boolean
}

/**
 * Eigenvalues of real matrices, `[s, n]`, made symmetric about the real axis: one that is its own nearest conjugate is real,
 * two that are each other's are a pair.
 */
const paired = (w: Complex): { readonly values: Complex; readonly isReal: NDArray } => {
  const [count, n] = [known(w.real.shape[0], 'stack'), known(w.real.shape[1], 'size')]
  const shape = [count, n, n]
  const distance = modulus({
    real: sub(asColumns(w.real, shape), asRows(w.real, shape)),
    imag: add(asColumns(w.imag, shape), asRows(w.imag, shape)),
  })
  const nearest = argmin(distance, 2)
  const own = mul(2, abs(w.imag))
  const isReal = le(own, reduceMin(distance, [2]))
  const partner = (x: NDArray): NDArray => reshape(takeRows(reshape(x, [count, n, 1]), nearest), [count, n])
  const mutual = eq(partner(nearest), columnIndex([count, n]))
  const half = (x: NDArray, y: NDArray): NDArray => mul(0.5, add(x, y))
  const real = select(mutual, half(w.real, partner(w.real)), w.real)
  const imag = select(mutual, mul(0.5, sub(w.imag, partner(w.imag))), w.imag)
  return {
    values: { real: select(isReal, w.real, real), imag: select(isReal, zerosOf(imag.aval), imag) },
    isReal,
  }
}

/** Eigenvectors of upper triangular matrices `[s, n, n]`, as columns of upper triangular ones, by back substitution. */
const triangularVectors = (t: Complex, w: Complex): Complex => {
  const { shape } = t.real
  const [n] = sizesOf(t.real)
  const largest = reduceMax(modulus(t), [1, 2])
  const least = select(gt(largest, 0), mul(largest, dtypeEpsilon(t.real.dtype)), filled(1, largest.aval))
  const { stacked } = repeat(
    n,
    [zerosOf(t.real.aval), zerosOf(t.real.aval)],
    (i, [sumReal, sumImag]) => {
      const sum = { real: known(sumReal, 'sum'), imag: known(sumImag, 'sum') }
      const column = onParts(t, (x) => dynamicIndexInDim(x, i, { axis: 2 }))
      const here = onParts(column, (x) => dynamicIndexInDim(x, i, { axis: 1 }))
      const row = onParts(sum, (x) => dynamicIndexInDim(x, i, { axis: 1 }))
      const values = onParts(w, (x) => reshape(x, [known(shape[0], 'stack'), 1, n]))
      const gap = minus(values, here)
      const small = lt(modulus(gap), broadcastInDim(least, gap.real.shape, [0]))
      const safe = chosen(small, complex(broadcastInDim(least, gap.real.shape, [0])), gap)
      const columns = columnIndex(gap.real.shape)
      const ones = complex(filled(1, gap.real.aval))
      const zeros = complex(zerosOf(gap.real.aval))
      const x = chosen(gt(columns, i), quotient(row, safe), chosen(eq(columns, i), ones, zeros))
      const next = plus(sum, times(column, x))
      return { carries: [next.real, next.imag], slices: [x.real, x.imag] }
    },
    { reverse: true },
  )
  const placed = (x: NDArray | undefined): NDArray => reshape(moveAxis(known(x, 'vectors'), 0, 1), shape)
  return { real: placed(stacked[0]), imag: placed(stacked[1]) }
}

/** Vectors of length one whose largest component is real, as LAPACK's geev has them. */
const normalizedVectors = (v: Complex, isReal: NDArray): Complex => {
  const { shape } = v.real
  const size = modulus(v)
  const largest = broadcastInDim(reduceMax(size, [1]), shape, [0, 2])
  const unit = onParts(v, (x) => div(x, largest))
  const squares = add(mul(unit.real, unit.real), mul(unit.imag, unit.imag))
  const length = broadcastInDim(sqrt(reduceSum(squares, [1])), shape, [0, 2])
  const place = broadcastInDim(argmax(size, 1), shape, [0, 2])
  const top = onParts(unit, (x) =>
    broadcastInDim(reduceSum(keepWhere(eq(rowIndex(shape), place), x), [1]), shape, [0, 2]),
  )
  const phase = onParts(conjugate(top), (x) => div(x, modulus(top)))
  const turned = onParts(times(unit, phase), (x) => div(x, length))
  const realColumns = broadcastInDim(isReal, shape, [0, 2])
  return { real: turned.real, imag: select(realColumns, zerosOf(turned.imag.aval), turned.imag) }
}

const decompose = (matrix: NDArray, { computeRightEigenvectors }: EigParams): readonly NDArray[] => {
  const stack = matrix.shape.slice(0, -2)
  const [n] = sizesOf(matrix)
  const { q, t } = schur(flatStack(matrix))
  const { values, isReal } = paired(onParts(t, diagonalOf))
  const w = onParts(values, (x) => reshape(x, [...stack, n]))
  if (!computeRightEigenvectors) return [w.real, w.imag]
  const vectors = times(q, triangularVectors(t, onParts(t, diagonalOf)), product)
  const v = onParts(normalizedVectors(vectors, isReal), (x) => reshape(x, matrix.shape))
  return [w.real, w.imag, v.real, v.imag]
}

const eigPrimitive: Primitive<EigParams> = definePrimitive<EigParams>({
  name: 'eig',
  abstract: ([x], { computeRightEigenvectors }) => {
    const a = known(x, 'matrix')
    checkMatrices('eig', a, { square: true })
    const w = shapedArray(a.shape.slice(0, -1), a.dtype)
    const v = shapedArray(a.shape, a.dtype)
    return computeRightEigenvectors ? [w, w, v, v] : [w, w]
  },
  // dw = diag(v^-1 da v): Giles, "An extended collection of matrix derivative results" (2008), section 3.1.
  jvp: ([x], [t], params) => {
    const a = known(x, 'matrix')
    if (t === null || t === undefined) {
      const outs = bind(eigPrimitive, [a], params)
      return [outs, outs.map(() => null)]
    }
    if (params.computeRightEigenvectors) {
      throw new DifferentiationError(
        `eig: eigenvectors of general matrices are unique only up to complex factors, so that their derivative depends on a choice. ` +
          `Differentiate eigenvalues (np.linalg.eigvals), or use eigh for symmetric matrices.`,
      )
    }
    const [real, imag, vectorReal, vectorImag] = bind(eigPrimitive, [a], { ...params, computeRightEigenvectors: true })
    const v = { real: known(vectorReal, 'vectors'), imag: known(vectorImag, 'vectors') }
    const moved = complexSolve(v, complex(t))
    const rates = times(moved, onParts(v, transposed))
    const sums = onParts(rates, (part) => reduceSum(part, [a.ndim - 1]))
    return [
      [known(real, 'eigenvalues'), known(imag, 'eigenvalues')],
      [sums.real, sums.imag],
    ]
  },
  batch: batchStack(() => eigPrimitive),
  lower: lowerAs(([a], params) => {
    const matrix = known(a, 'matrix')
    return decompose(matrix, params)
  }),
  print: ({ computeLeftEigenvectors, computeRightEigenvectors }) => ({
    compute_left_eigenvectors: computeLeftEigenvectors,
    compute_right_eigenvectors: computeRightEigenvectors,
  }),
  parse: (printed) => ({
    computeLeftEigenvectors: false,
    computeRightEigenvectors: printed['compute_right_eigenvectors'] === true,
  }),
  sample: (draw) => {
    const stack = draw.shape({ maxRank: 1 })
    const n = draw.integer(0, 3)
    return {
      inputs: [distinctDiagonal(draw.array([...stack, n, n], draw.pick(factored), { min: -1, max: 1 }))],
      params: { computeLeftEigenvectors: false, computeRightEigenvectors: false },
    }
  },
})

/** Solutions of complex systems, as real ones of twice the size. */
const complexSolve = (a: Complex, b: Complex): Complex => {
  const [n] = sizesOf(a.real)
  const [rows, columns] = [a.real.ndim - 2, a.real.ndim - 1]
  const upper = concatenate([a.real, negated(a).imag], columns)
  const lower = concatenate([a.imag, a.real], columns)
  const x = solve(concatenate([upper, lower], rows), concatenate([b.real, b.imag], rows))
  return { real: sliceInDim(x, 0, n, { axis: rows }), imag: sliceInDim(x, n, 2 * n, { axis: rows }) }
}

/**
 * Eigenvalues, `[..., n]`, and right eigenvectors (columns of length one, `[..., n, n]`) of general real matrices, as
 * `[w, v]` of complex pairs `{real, imag}`. Complex eigenvalues come in conjugate pairs. By QR steps on the Hessenberg form.
 *
 * Throws ShapeError unless the matrices are square, DTypeError unless they are float32 or float64.
 *
 * @example
 * ```ts
 * const [w] = lax.linalg.eig(np.array([[0, -1], [1, 0]]))
 * console.log(w.imag.js()) // [ 1, -1 ] in some order
 * ```
 */
export const eig = (a: ArrayLike): [w: Complex, v: Complex] => {
  const outs = bind<EigParams>(eigPrimitive, [asArray(a, 'eig')], {
    computeLeftEigenvectors: false,
    computeRightEigenvectors: true,
  })
  const [real, imag, vectorReal, vectorImag] = outs.map((x) => x)
  return [
    { real: known(real, 'eigenvalues'), imag: known(imag, 'eigenvalues') },
    { real: known(vectorReal, 'eigenvectors'), imag: known(vectorImag, 'eigenvectors') },
  ]
}

/** Eigenvalues of general real matrices `[..., n, n]` as a complex pair, in no order; see `eig`. */
export const eigvals = (a: ArrayLike): Complex => {
  const [real, imag] = bind<EigParams>(eigPrimitive, [asArray(a, 'eigvals')], {
    computeLeftEigenvectors: false,
    computeRightEigenvectors: false,
  })
  return { real: known(real, 'eigenvalues'), imag: known(imag, 'eigenvalues') }
}
