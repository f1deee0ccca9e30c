/** Orthogonal factorizations: QR, singular values, symmetric eigenvalues, polar, under SciPy's names. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  known,
  checkOptions,
} from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { product, symmetrized, transposed } from '../../lax/linalg-matrix.js'
import { diagflat } from '../../numpy/diagonals.js'
import * as np from '../../numpy/linalg.js'
import { promoteInexact } from '../../numpy/promotion-args.js'
import { float } from '../arguments.js'
import { type TriangleOptions, squareMatrices } from './solvers.js'

/** QR factors; `mode` 'full' (the default) gives square `q`, 'economic' min(m, n) columns, 'r' `[r]` only. */
export function qr(a: ArrayLike, options?: { readonly mode?: 'full' | 'economic' }): [q: NDArray, r: NDArray]
export function qr(a: ArrayLike, options: { readonly mode: 'r' }): [r: NDArray]
export function qr(
  a: ArrayLike,
  options: { readonly mode?: 'full' | 'economic' | 'r' } = {},
): [NDArray, NDArray] | [NDArray] {
  const { mode = 'full' } = checkOptions('linalg.qr', options, 'mode')
  if (!['full', 'economic', 'r'].includes(mode)) {
    throw new ArgumentError(`linalg.qr: '${String(mode)}' is not a mode; there are 'full', 'economic' and 'r'.`)
  }
  const [q, r] = lax.linalg.qr(float('linalg.qr', a), { fullMatrices: mode !== 'economic' })
  return mode === 'r' ? [r] : [q, r]
}

export interface SvdOptions {
  readonly fullMatrices?: boolean
  readonly computeUv?: boolean
}

/** Singular value decomposition of matrices `[..., m, n]`: `[u, s, vh]`, or `s` alone without `computeUv`. */
export function svd(a: ArrayLike, options: SvdOptions & { readonly computeUv: false }): NDArray
export function svd(
  a: ArrayLike,
  options?: SvdOptions & { readonly computeUv?: true },
): [u: NDArray, s: NDArray, vh: NDArray]
export function svd(a: ArrayLike, options: SvdOptions = {}): NDArray | NDArray[] {
  const { fullMatrices = true, computeUv = true } = checkOptions('linalg.svd', options, 'fullMatrices computeUv')
  return computeUv ? np.svd(a, { fullMatrices }) : np.svd(a, { computeUv: false })
}

export interface EighOptions extends TriangleOptions {
  /** Gives eigenvalues alone. */
  readonly eigvalsOnly?: boolean
}

/** Eigenvalues (ascending) and eigenvectors of symmetric matrices `[..., n, n]`, given by one triangle; `[w, v]`. */
export function eigh(a: ArrayLike, options: EighOptions & { readonly eigvalsOnly: true }): NDArray
export function eigh(
  a: ArrayLike,
  options?: EighOptions & { readonly eigvalsOnly?: false },
): [eigenvalues: NDArray, eigenvectors: NDArray]
export function eigh(a: ArrayLike, options: EighOptions = {}): NDArray | [NDArray, NDArray] {
  const { lower = true, eigvalsOnly = false } = checkOptions('linalg.eigh', options, 'eigvalsOnly lower')
  const [v, w] = lax.linalg.eigh(squareMatrices('linalg.eigh', a), { lower, symmetrizeInput: false })
  return eigvalsOnly ? w : [w, v]
}

export interface PolarOptions {
  /** 'right' (the default): `a = u p`; 'left': `a = p u`. */
  readonly side?: 'right' | 'left'
}

/**
 * Polar decomposition of matrices `[..., m, n]`: `[u, p]` with orthonormal rows or columns of `u` and symmetric positive
 * semidefinite `p`.
 */
export const polar = (a: ArrayLike, options: PolarOptions = {}): [u: NDArray, p: NDArray] => {
  const { side = 'right' } = checkOptions('linalg.polar', options, 'side')
  if (side !== 'right' && side !== 'left') {
    throw new ArgumentError(`linalg.polar: side is '${String(side)}'; it must be 'right' or 'left'.`)
  }
  const [w, s, vh] = lax.linalg.svd(float('linalg.polar', a), { fullMatrices: false })
  const u = product(w, vh)
  const basis = side === 'right' ? transposed(vh) : w
  const scaled = lax.mul(basis, lax.expandDims(s, [-2]))
  return [u, symmetrized(product(scaled, transposed(basis)))]
}

export interface EighTridiagonalOptions {
  /** Gives eigenvalues alone. */
  readonly eigvalsOnly?: boolean
  /** 'a' (the default) for all, 'i' for those whose places in ascending order `selectRange` bounds. */
  readonly select?: 'a' | 'i'
  /** First and last place, both included. */
  readonly selectRange?: readonly [first: number, last: number] | null
}

/**
 * Eigenvalues (ascending) and eigenvectors of a symmetric tridiagonal matrix, given by its diagonal `d` `[n]` and the
 * diagonal `e` `[n - 1]` beside it; `[w, v]`.
 *
 * @example
 * ```ts
 * scipy.linalg.eighTridiagonal(np.array([2, 2]), np.array([1]), { eigvalsOnly: true }) // [1, 3]
 * ```
 */
export function eighTridiagonal(
  d: ArrayLike,
  e: ArrayLike,
  options: EighTridiagonalOptions & { readonly eigvalsOnly: true },
): NDArray
export function eighTridiagonal(
  d: ArrayLike,
  e: ArrayLike,
  options?: EighTridiagonalOptions & { readonly eigvalsOnly?: false },
): [eigenvalues: NDArray, eigenvectors: NDArray]
export function eighTridiagonal(
  d: ArrayLike,
  e: ArrayLike,
  options: EighTridiagonalOptions = {},
): NDArray | [NDArray, NDArray] {
  const {
    eigvalsOnly = false,
    select = 'a',
    selectRange = null,
  } = checkOptions('linalg.eighTridiagonal', options, 'eigvalsOnly select selectRange')
  const operation = 'linalg.eighTridiagonal'
  const [first, second] = promoteInexact(operation, [d, e])
  const [diagonal, beside] = [known(first, 'diagonal'), known(second, 'diagonal beside it')]
  const n = known(diagonal.shape[0] ?? 0, 'size')
  if (diagonal.ndim !== 1 || n === 0 || beside.ndim !== 1 || beside.shape[0] !== n - 1) {
    throw new ShapeError(
      `${operation}: diagonals ${avalText(diagonal.aval)} and ${avalText(beside.aval)} don't fit; they must be [n] and [n - 1].`,
    )
  }
  if (select !== 'a' && select !== 'i') {
    throw new ArgumentError(`${operation}: select is 'a' (all) or 'i' (by place), got '${String(select)}'.`)
  }
  const [from, to] = select === 'a' ? [0, n - 1] : (selectRange ?? [0, n - 1])
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to < from || to >= n) {
    throw new ArgumentError(`${operation}: selectRange must be two places from 0 to ${n - 1}, got [${from}, ${to}].`)
  }
  const off = diagflat(beside, { k: 1 })
  const matrix = lax.add(diagflat(diagonal), lax.add(off, transposed(off)))
  const [v, w] = lax.linalg.eigh(matrix, { symmetrizeInput: false })
  const values = lax.sliceInDim(w, from, to + 1)
  return eigvalsOnly ? values : [values, lax.sliceInDim(v, from, to + 1, { axis: 1 })]
}

export interface QrMultiplyOptions {
  /** 'right' (the default) gives `c q`, 'left' `q c`. */
  readonly mode?: 'right' | 'left'
}

/**
 * The product of `c` (matrix or vector) with the factor `q` of `a = q r` (min(m, n) columns), and `r`, as `[product, r]`.
 *
 * @throws ShapeError where the sizes of `c` and `q` don't fit
 * @example
 * ```ts
 * const [qtb, r] = scipy.linalg.qrMultiply(np.array([[1, 1], [1, 2], [1, 3]]), np.array([2, 4, 5]))
 * scipy.linalg.solveTriangular(r, qtb) // the least squares line: [0.6666667, 1.5]
 * ```
 */
export const qrMultiply = (
  a: ArrayLike,
  c: ArrayLike,
  options: QrMultiplyOptions = {},
): [product: NDArray, r: NDArray] => {
  const { mode = 'right' } = checkOptions('linalg.qrMultiply', options, 'mode')
  const operation = 'linalg.qrMultiply'
  if (mode !== 'right' && mode !== 'left') {
    throw new ArgumentError(`${operation}: mode is 'right' or 'left', got '${String(mode)}'.`)
  }
  const [first, second] = promoteInexact(operation, [a, c])
  const [matrix, factor] = [known(first, 'matrix'), known(second, 'factor')]
  if (matrix.ndim < 2 || factor.ndim < 1) {
    throw new ShapeError(
      `${operation}: expected matrices [..., m, n] and a matrix or vector, got ${lax.avalsText([matrix, factor])}.`,
    )
  }
  const [q, r] = lax.linalg.qr(matrix, { fullMatrices: false })
  return [mode === 'right' ? np.matmul(factor, q) : np.matmul(q, factor), r]
}
