/** Eigenvalues and eigenvectors of symmetric matrices. */
import {
  type ArrayLike,
  type NDArray,
  type Primitive,
  bind,
  definePrimitive,
  known,
  shapedArray,
  checkOptions,
} from '../core/index.js'
import { abs, add, div, integerPow, mul, sub } from './arithmetic.js'
import { broadcastInDim, filled, reduceSum, reshape, zerosOf } from './broadcasting.js'
import { gt, select } from './comparison.js'
import { sqrt } from './exponential.js'
import { cholesky } from './linalg-cholesky.js'
import { orthogonalizedRows } from './linalg-jacobi.js'
import { takeRows } from './linalg-lu.js'
import {
  asColumns,
  asRows,
  batchStack,
  checkMatrices,
  diagonalOf,
  distinctDiagonal,
  factored,
  flatStack,
  identity,
  product,
  productTransposed,
  sizesOf,
  stackSize,
  symmetricFromLower,
  symmetrized,
  transposed,
  transposedProduct,
} from './linalg-matrix.js'
import { asArray } from './operands.js'
import { lowerAs } from './program-lowering.js'
import { reduceMax } from './reductions.js'
import { broadcastedIota } from './shape.js'
import { sort } from './sorting.js'

export interface EighParams {
  /** Which triangle of the matrices is used. */
  readonly lower: boolean
  readonly sortEigenvalues: boolean
}

/** An upper bound of the absolute values of eigenvalues, at most n^(1/8) times too large: that of the fourth power's norm. */
const spectralBound = (a: NDArray): NDArray => {
  const largest = reduceMax(reduceSum(abs(a), [2]), [1])
  const scale = select(gt(largest, 0), largest, filled(1, largest.aval))
  const unit = div(a, broadcastInDim(scale, a.shape, [0]))
  const square = product(unit, unit)
  const fourth = product(square, square)
  const norm = sqrt(sqrt(sqrt(reduceSum(mul(fourth, fourth), [1, 2]))))
  return mul(scale, select(gt(norm, 0), norm, filled(1, norm.aval)))
}

/**
 * Eigenvectors as rows. A shift makes the matrix well conditioned and positive definite; the left singular vectors of its
 * Cholesky factor are the eigenvectors (Veselic and Hari, "A note on a one-sided Jacobi algorithm", 1989).
 */
const eigenvectors = (a: NDArray, bound: NDArray): NDArray => {
  const eye = identity(a.shape, a.dtype)
  const shifted = add(a, mul(eye, broadcastInDim(mul(1.25, bound), a.shape, [0])))
  const rows = orthogonalizedRows(transposed(cholesky(shifted, { symmetrizeInput: false })))
  const lengths = sqrt(reduceSum(mul(rows, rows), [2]))
  return div(rows, asColumns(lengths, rows.shape))
}

/** The same with the rounding of many rotations removed: what they left is diagonalized once more, by tiny rotations. */
const accurateEigenvectors = (a: NDArray): NDArray => {
  const bound = spectralBound(a)
  const rows = eigenvectors(a, bound)
  if (sizesOf(a)[0] < 3) return rows
  return product(eigenvectors(productTransposed(product(rows, a), rows), bound), rows)
}

const decompose = (matrix: NDArray, { lower, sortEigenvalues }: EighParams): readonly NDArray[] => {
  const [n] = sizesOf(matrix)
  const stack = matrix.shape.slice(0, -2)
  const count = stackSize(matrix.shape)
  const flat = flatStack(matrix)
  const a = symmetricFromLower(lower ? flat : transposed(flat))
  const rows = accurateEigenvectors(a)
  // Rayleigh quotients: free of the shift's rounding.
  const values = reduceSum(mul(product(rows, a), rows), [2])
  if (!sortEigenvalues) return [reshape(transposed(rows), matrix.shape), reshape(values, [...stack, n])]
  const [sorted, order] = sort([values, broadcastedIota('int32', [count, n], 1)], { dimension: 1 })
  const vectors = transposed(takeRows(rows, known(order, 'order')))
  return [reshape(vectors, matrix.shape), reshape(known(sorted, 'eigenvalues'), [...stack, n])]
}

const eighPrimitive: Primitive<EighParams> = definePrimitive<EighParams>({
  name: 'eigh',
  abstract: ([x]) => {
    const a = known(x, 'matrix')
    checkMatrices('eigh', a, { square: true })
    return [a, shapedArray(a.shape.slice(0, -1), a.dtype)]
  },
  // Perturbation theory for distinct eigenvalues: Giles, "An extended collection of matrix derivative results" (2008), 3.1.
  jvp: ([x], [t], params) => {
    const outs = bind(eighPrimitive, [known(x, 'matrix')], params)
    if (t === null || t === undefined) return [outs, [null, null]]
    const v = known(outs[0], 'eigenvectors')
    const w = known(outs[1], 'eigenvalues')
    const eye = identity(v.shape, v.dtype)
    const differences = sub(asRows(w, v.shape), asColumns(w, v.shape))
    const inverse = sub(integerPow(add(eye, differences), -1), eye)
    const change = symmetricFromLower(params.lower ? t : transposed(t))
    const inner = product(transposedProduct(v, change), v)
    return [outs, [product(v, mul(inverse, inner)), diagonalOf(inner)]]
  },
  batch: batchStack(() => eighPrimitive),
  lower: lowerAs(([a], params) => {
    const matrix = known(a, 'matrix')
    return sizesOf(matrix)[0] === 0
      ? [matrix, zerosOf(shapedArray(matrix.shape.slice(0, -1), matrix.dtype))]
      : decompose(matrix, params)
  }),
  print: ({ lower, sortEigenvalues }) => ({
    algorithm: null,
    lower,
    sort_eigenvalues: sortEigenvalues,
    subset_by_index: null,
  }),
  parse: (printed) => ({ lower: printed['lower'] === true, sortEigenvalues: printed['sort_eigenvalues'] === true }),
  sample: (draw) => {
    const stack = draw.shape({ maxRank: 1 })
    const n = draw.integer(0, 3)
    return {
      inputs: [distinctDiagonal(draw.array([...stack, n, n], draw.pick(factored), { min: -1, max: 1 }))],
      params: { lower: draw.boolean(), sortEigenvalues: true },
    }
  },
})

export interface EighOptions {
  /** Which triangle is used where the input is not symmetrized; the lower one unless said. */
  readonly lower?: boolean
  /** Takes `(a + a^T) / 2`, the default. */
  readonly symmetrizeInput?: boolean
  /** Gives eigenvalues in ascending order, the default. */
  readonly sortEigenvalues?: boolean
}

/**
 * Eigenvectors and eigenvalues of symmetric matrices `[..., n, n]`, as `[v, w]`: columns of `v` are orthonormal
 * eigenvectors (each up to its sign), `w` is `[..., n]`, and `a = v diag(w) v^T`. By one-sided Jacobi rotations.
 * Derivatives exist where eigenvalues differ.
 *
 * Throws ShapeError unless the matrices are square, DTypeError unless they are float32 or float64.
 *
 * @example
 * ```ts
 * const [v, w] = lax.linalg.eigh(np.array([[2, 1], [1, 2]]))
 * console.log(w.js()) // [ 1, 3 ]
 * ```
 */
export const eigh = (a: ArrayLike, options: EighOptions = {}): [v: NDArray, w: NDArray] => {
  const {
    lower = true,
    symmetrizeInput = true,
    sortEigenvalues = true,
  } = checkOptions('eigh', options, 'lower symmetrizeInput sortEigenvalues')
  const x = asArray(a, 'eigh')
  checkMatrices('eigh', x.aval, { square: true })
  const [v, w] = bind(eighPrimitive, [symmetrizeInput ? symmetrized(x) : x], { lower, sortEigenvalues })
  return [known(v, 'eigenvectors'), known(w, 'eigenvalues')]
}
