/** Orthogonal factors, singular values, eigenvalues, and what is made of them: pseudo-inverses, ranks, least squares. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  dtypeEpsilon,
  known,
  shapedArray,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { product, transposed } from '../lax/linalg-matrix.js'
import { customJvp, jit } from '../transforms/index.js'
import { squareMatrices } from './linalg-solve.js'
import { inexactOperand, promoteInexact } from './promotion-args.js'
import { any, max, sum } from './reductions.js'
import { where } from './selection.js'
import { expandDims } from './shape.js'
import { takeAlongAxis } from './take.js'
import { matmul } from './products.js'

/** Matrices `[..., m, n]` of floats. Throws ShapeError for scalars and vectors. */
const matrices = (operation: string, a: ArrayLike): NDArray => {
  const x = inexactOperand(operation, a)
  if (x.ndim < 2) {
    throw new ShapeError(`${operation}: expected matrices [..., m, n], got ${avalText(x.aval)}.`)
  }
  return x
}

export interface QrOptions {
  /** 'reduced' (the default) gives min(m, n) columns, 'complete' a square q, 'r' only r. */
  readonly mode?: 'reduced' | 'complete' | 'r' | 'full'
}

/**
 * QR factors of matrices `[..., m, n]`: `a = q r` with orthonormal columns of `q` and upper triangular `r`.
 * With `mode: 'r'` only `r`. Throws ShapeError for scalars and vectors, ArgumentError for an unknown mode.
 *
 * @example
 * ```ts
 * const [q, r] = np.linalg.qr(np.array([[3, 1], [4, 2]]))
 * ```
 */
export function qr(a: ArrayLike, options: QrOptions & { readonly mode: 'r' }): NDArray
export function qr(
  a: ArrayLike,
  options?: QrOptions & { readonly mode?: 'reduced' | 'complete' | 'full' },
): [q: NDArray, r: NDArray]
export function qr(a: ArrayLike, options: QrOptions = {}): NDArray | [q: NDArray, r: NDArray] {
  const { mode = 'reduced' } = checkOptions('linalg.qr', options, 'mode')
  if (!['reduced', 'complete', 'r', 'full'].includes(mode)) {
    throw new ArgumentError(`linalg.qr: '${String(mode)}' is not a mode; there are 'reduced', 'complete' and 'r'.`)
  }
  const [q, r] = lax.linalg.qr(matrices('linalg.qr', a), { fullMatrices: mode === 'complete' })
  return mode === 'r' ? r : [q, r]
}

export interface SvdOptions {
  /** Makes `u` and `vh` square, the default. */
  readonly fullMatrices?: boolean
  /** Gives `[u, s, vh]`, the default; otherwise only `s`. */
  readonly computeUv?: boolean
  /** Takes the matrices as symmetric, and their eigenvectors as singular ones. */
  readonly hermitian?: boolean
}

/** Singular values of symmetric matrices are absolute values of eigenvalues. */
const symmetricSvd = (x: NDArray): [u: NDArray, s: NDArray, vh: NDArray] => {
  const [v, w] = lax.linalg.eigh(x)
  const last = w.ndim - 1
  const sorted = lax.sort([lax.neg(lax.abs(w)), lax.broadcastedIota('int32', w.shape, last), lax.sign(w)])
  const [negative, order, signs] = sorted
  const u = takeAlongAxis(v, expandDims(known(order, 'order'), -2), { axis: -1 })
  const turned = lax.mul(u, lax.expandDims(known(signs, 'signs'), [last]))
  return [u, lax.neg(known(negative, 'singular values')), transposed(turned)]
}

/**
 * Singular value decomposition of matrices `[..., m, n]`: `a = u diag(s) vh`, with `s` descending, `[..., min(m, n)]`, and
 * orthonormal columns of `u` and rows of `vh`. Without `computeUv` only `s`.
 *
 * Throws ShapeError for scalars and vectors.
 *
 * @example
 * ```ts
 * const [u, s, vh] = np.linalg.svd(np.array([[3, 0], [0, 4]]))
 * ```
 */
export function svd(a: ArrayLike, options: SvdOptions & { readonly computeUv: false }): NDArray
export function svd(
  a: ArrayLike,
  options?: SvdOptions & { readonly computeUv?: true },
): [u: NDArray, s: NDArray, vh: NDArray]
export function svd(a: ArrayLike, options: SvdOptions = {}): NDArray | [u: NDArray, s: NDArray, vh: NDArray] {
  const {
    fullMatrices = true,
    computeUv = true,
    hermitian = false,
  } = checkOptions('linalg.svd', options, 'fullMatrices computeUv hermitian')
  const x = matrices('linalg.svd', a)
  if (hermitian) {
    const all = symmetricSvd(x)
    return computeUv ? all : all[1]
  }
  return computeUv ? lax.linalg.svd(x, { fullMatrices }) : lax.linalg.singularValues(x)
}

/** Singular values, for functions of this room. */
export const singularValuesOf = (x: NDArray): NDArray => lax.linalg.singularValues(x)

/**
 * Singular values of matrices `[..., m, n]` in descending order. Throws ShapeError for scalars and vectors.
 *
 * @example
 * ```ts
 * np.linalg.svdvals(np.array([[3, 0], [0, 4]])) // [4, 3]
 * ```
 */
export const svdvals = (x: ArrayLike): NDArray => svd(x, { computeUv: false })

export interface EighOptions {
  /** Which triangle is used where the input is not symmetrized. */
  readonly UPLO?: 'L' | 'U' | null
  /** Takes `(a + a^T) / 2`, the default. */
  readonly symmetrizeInput?: boolean
}

/**
 * Eigenvalues (ascending) and eigenvectors (columns, orthonormal, each up to its sign) of symmetric matrices
 * `[..., n, n]`. Throws ShapeError unless the matrices are square.
 *
 * @example
 * ```ts
 * const [w, v] = np.linalg.eigh(np.array([[2, 1], [1, 2]])) // w: [1, 3]
 * ```
 */
export const eigh = (a: ArrayLike, options: EighOptions = {}): [eigenvalues: NDArray, eigenvectors: NDArray] => {
  const { UPLO = 'L', symmetrizeInput = true } = checkOptions('linalg.eigh', options, 'UPLO symmetrizeInput')
  if (UPLO !== null && !['L', 'U'].includes(UPLO)) {
    throw new ArgumentError(`linalg.eigh: UPLO is '${String(UPLO)}'; it must be 'L' or 'U', the triangle that is used.`)
  }
  const [v, w] = lax.linalg.eigh(squareMatrices('linalg.eigh', a), { lower: UPLO !== 'U', symmetrizeInput })
  return [w, v]
}

/**
 * Eigenvalues of symmetric matrices `[..., n, n]`, ascending. Throws ShapeError unless the matrices are square.
 *
 * @example
 * ```ts
 * np.linalg.eigvalsh(np.array([[2, 1], [1, 2]])) // [1, 3]
 * ```
 */
export const eigvalsh = (a: ArrayLike, options?: EighOptions): NDArray => {
  checkOptions('linalg.eigvalsh', options, 'UPLO symmetrizeInput')
  return eigh(a, options)[0]
}

export interface PinvOptions {
  /** Singular values up to this multiple of the largest count as zero; 10 max(m, n) epsilon unless said. */
  readonly rtol?: number | null
  /** The same under NumPy's name. */
  readonly rcond?: number | null
  readonly hermitian?: boolean
}

/** Pseudo-inverse by singular values. */
const pseudoInverse = (x: NDArray, rtol: NDArray, hermitian: boolean): NDArray => {
  const [u, s, vh] = svd(x, { fullMatrices: false, hermitian })
  const largest = lax.sliceInDim(s, 0, 1, { axis: -1 })
  const kept = lax.gt(s, lax.broadcastTo(lax.mul(largest, rtol), s.shape))
  const divisors = lax.select(kept, s, lax.filled(Infinity, s.aval))
  return product(transposed(vh), lax.div(transposed(u), lax.expandDims(divisors, [divisors.ndim])))
}

/** The same with its derivative: Golub and Pereyra (1973). */
const differentiablePinv = (hermitian: boolean) => {
  const inverse = customJvp((matrix: NDArray, rtol: NDArray): NDArray => pseudoInverse(matrix, rtol, hermitian))
  inverse.defjvp(([matrix, rtol], [tangent]) => {
    const p = inverse(matrix, rtol)
    const [m, n] = [known(matrix.shape.at(-2), 'rows'), known(matrix.shape.at(-1), 'columns')]
    const pt = transposed(p)
    const dt = transposed(tangent)
    const first = m >= n ? product(product(p, pt), dt) : product(p, product(pt, dt))
    const second = m >= n ? product(product(dt, pt), p) : product(dt, product(pt, p))
    const through = product(product(p, tangent), p)
    const fromFirst = lax.sub(first, product(first, product(matrix, p)))
    const fromSecond = lax.sub(second, product(p, product(matrix, second)))
    return [p, lax.add(lax.sub(fromFirst, through), fromSecond)]
  })
  return jit(inverse)
}
const generalPinv = differentiablePinv(false)
const symmetricPinv = differentiablePinv(true)

/**
 * Moore-Penrose pseudo-inverses of matrices `[..., m, n]`, as `[..., n, m]`. Singular values that are nearly zero count as
 * zero. The derivative holds where the rank stays the same.
 *
 * Throws ShapeError for scalars and vectors.
 *
 * @example
 * ```ts
 * np.linalg.pinv(np.array([[2], [0]])) // [[0.5, 0]]
 * ```
 */
export const pinv = (a: ArrayLike, options: PinvOptions = {}): NDArray => {
  const { rtol, rcond, hermitian = false } = checkOptions('linalg.pinv', options, 'rtol rcond hermitian')
  const x = matrices('linalg.pinv', a)
  const [m, n] = [known(x.shape.at(-2), 'rows'), known(x.shape.at(-1), 'columns')]
  if (m === 0 || n === 0) return lax.zerosOf(shapedArray([...x.shape.slice(0, -2), n, m], x.dtype))
  const tolerance = lax.convertElementType(rtol ?? rcond ?? 10 * Math.max(m, n) * dtypeEpsilon(x.dtype), x.dtype)
  return (hermitian ? symmetricPinv : generalPinv)(x, tolerance)
}
export interface RankOptions {
  /** Singular values up to this value count as zero; max(m, n) epsilon times the largest unless said. */
  readonly rtol?: ArrayLike | null
  /** The same by its older name; only one of the two may be given. */
  readonly tol?: ArrayLike | null
  readonly hermitian?: boolean
}

/**
 * Ranks of matrices `[..., m, n]`, int32: the number of singular values above a tolerance. Of a scalar or vector, whether
 * anything is not zero.
 *
 * @example
 * ```ts
 * np.linalg.matrixRank(np.ones([3, 3])) // 1
 * ```
 */
export const matrixRank = (M: ArrayLike, options: RankOptions = {}): NDArray => {
  const {
    rtol: byName = null,
    tol = null,
    hermitian = false,
  } = checkOptions('linalg.matrixRank', options, 'rtol tol hermitian')
  if (byName !== null && tol !== null)
    throw new ArgumentError('linalg.matrixRank: rtol and tol are two names of one tolerance; give one of them.')
  const rtol = byName ?? tol
  const x = inexactOperand('linalg.matrixRank', M)
  if (x.ndim < 2) return lax.convertElementType(any(lax.ne(x, 0)), 'int32')
  const s = svd(x, { computeUv: false, hermitian })
  const largest = Math.max(known(x.shape.at(-2), 'rows'), known(x.shape.at(-1), 'columns'))
  const limit =
    rtol === null
      ? lax.mul(max(s, { axis: -1, keepdims: true, initial: 0 }), largest * dtypeEpsilon(x.dtype))
      : expandDims(lax.convertElementType(rtol, s.dtype), -1)
  return sum(lax.convertElementType(lax.gt(s, lax.broadcastTo(limit, s.shape)), 'int32'), { axis: -1 })
}

export interface LstsqOptions {
  /** Singular values below this multiple of the largest count as zero; max(m, n) epsilon unless said. */
  readonly rcond?: number | null
}

/**
 * Least-squares solution of `a x = b` for one matrix `[m, n]` and `b` of shape `[m]` or `[m, k]`, as
 * `[x, residuals, rank, s]`: the `x` of least length among those that minimize `|a x - b|`, sums of squared residuals per
 * column, the int32 rank of `a`, and its singular values.
 *
 * Throws ShapeError for other ranks, or when numbers of rows differ.
 *
 * @example
 * ```ts
 * const [x] = np.linalg.lstsq(np.array([[1, 0], [1, 1], [1, 2]]), np.array([1, 3, 5])) // [1, 2]
 * ```
 */
export const lstsq = (
  a: ArrayLike,
  b: ArrayLike,
  options: LstsqOptions = {},
): [x: NDArray, residuals: NDArray, rank: NDArray, s: NDArray] => {
  const { rcond = null } = checkOptions('linalg.lstsq', options, 'rcond')
  const [first, second] = promoteInexact('linalg.lstsq', [a, b])
  const matrix = known(first, 'matrix')
  const given = known(second, 'right-hand sides')
  const [m, n] = matrix.shape
  if (
    m === undefined ||
    n === undefined ||
    matrix.ndim !== 2 ||
    given.ndim < 1 ||
    given.ndim > 2 ||
    given.shape[0] !== m
  ) {
    throw new ShapeError(
      `linalg.lstsq: ${avalText(matrix.aval)} and ${avalText(given.aval)} don't fit: a must be one matrix [m, n], ` +
        `b a vector [m] or a matrix [m, k].`,
    )
  }
  const vector = given.ndim === 1
  const right = vector ? lax.expandDims(given, [1]) : given
  const solved = matrix.size === 0 ? emptyLstsq(matrix, right) : leastSquares(matrix, right, rcond)
  const residuals = sum(lax.square(lax.sub(right, matmul(matrix, solved.x))), { axis: 0 })
  return [vector ? lax.squeeze(solved.x, [1]) : solved.x, residuals, solved.rank, solved.s]
}

interface LeastSquares {
  readonly x: NDArray
  readonly rank: NDArray
  readonly s: NDArray
}

const emptyLstsq = (matrix: NDArray, right: NDArray): LeastSquares => ({
  x: lax.zerosOf(shapedArray([known(matrix.shape[1], 'columns'), known(right.shape[1], 'columns')], matrix.dtype)),
  rank: lax.scalarOf(0, { dtype: 'int32' }),
  s: lax.zerosOf(shapedArray([0], matrix.dtype)),
})

const leastSquares = (matrix: NDArray, right: NDArray, rcond: number | null): LeastSquares => {
  const epsilon = dtypeEpsilon(matrix.dtype)
  const limit = rcond === null ? epsilon * Math.max(...matrix.shape) : rcond < 0 ? epsilon : rcond
  const [u, s, vh] = lax.linalg.svd(matrix, { fullMatrices: false })
  const largest = lax.indexInDim(s, 0, { axis: 0, keepdims: false })
  const kept = lax.bitwiseAnd(lax.gt(s, 0), lax.ge(s, lax.mul(largest, limit)))
  const safe = where(kept, s, 1)
  const inverse = where(kept, lax.reciprocal(safe), 0)
  const inner = lax.mul(lax.expandDims(inverse, [1]), matmul(transposed(u), right))
  return { x: matmul(transposed(vh), inner), rank: sum(lax.convertElementType(kept, 'int32')), s }
}

/** A complex value: real and imaginary parts of one shape. */
export interface ComplexPair {
  readonly real: NDArray
  readonly imag: NDArray
}

/**
 * Eigenvalues `[..., n]` and right eigenvectors (columns of length one, `[..., n, n]`) of general real matrices, as complex
 * pairs `{real, imag}`. Complex ones come in conjugate pairs, in no order.
 *
 * Throws ShapeError unless the matrices are square.
 *
 * @example
 * ```ts
 * const [w, v] = np.linalg.eig(np.array([[0, -1], [1, 0]])) // w.imag: 1 and -1
 * ```
 */
export const eig = (a: ArrayLike): [eigenvalues: ComplexPair, eigenvectors: ComplexPair] =>
  lax.linalg.eig(squareMatrices('linalg.eig', a))

/**
 * Eigenvalues of general real matrices `[..., n, n]`, as a complex pair, in no order. Differentiable where they differ.
 * Throws ShapeError unless the matrices are square.
 *
 * @example
 * ```ts
 * const { real, imag } = np.linalg.eigvals(np.array([[0, -1], [1, 0]])) // imag: 1 and -1
 * ```
 */
export const eigvals = (a: ArrayLike): ComplexPair => lax.linalg.eigvals(squareMatrices('linalg.eigvals', a))
