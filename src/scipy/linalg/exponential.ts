/** The exponential of matrices. */
import { type ArrayLike, type NDArray, ShapeError, avalText, known, range, checkOptions } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { identity, product } from '../../lax/linalg-matrix.js'
import { norm } from '../../numpy/linalg-norms.js'
import { solve } from '../../numpy/linalg-solve.js'
import { cond, jit, jvp, scan, vmap } from '../../transforms/index.js'
import { float } from '../arguments.js'
import { solveTriangular, squareMatrices } from './solvers.js'

// Coefficients of the numerators of Pade approximants of exp of degrees 7 and 13, and the norms that they are for:
// Higham, "The scaling and squaring method for the matrix exponential revisited" (2005).
const degree7 = [17297280, 8648640, 1995840, 277200, 25200, 1512, 56, 1]
const degree13 = [
  64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
  670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
]
const limits = { float32: 3.92572478313866, float64: 5.371920351148152 }

/** Sum of multiples of matrices. */
const combination = (terms: readonly (readonly [number, NDArray])[]): NDArray =>
  terms.map(([factor, x]) => lax.mul(factor, x)).reduce((p, q) => lax.add(p, q))

/** Odd and even part of the numerator. */
const parts = (a: NDArray): readonly [odd: NDArray, even: NDArray] => {
  const double = a.dtype === 'float64'
  const b = double ? degree13 : degree7
  const c = (i: number): number => known(b[i], 'coefficient')
  const one = identity(a.shape, a.dtype)
  const a2 = product(a, a)
  const a4 = product(a2, a2)
  const a6 = product(a4, a2)
  const powers = [one, a2, a4, a6]
  const low = (first: number): NDArray => combination(powers.map((x, i) => [c(2 * i + first), x]))
  if (!double) return [product(a, low(1)), low(0)]
  const high = (first: number): NDArray =>
    product(a6, combination(powers.slice(1).map((x, i) => [c(2 * i + 8 + first), x])))
  return [product(a, lax.add(high(1), low(1))), lax.add(high(0), low(0))]
}

export interface ExpmOptions {
  /** Takes matrices as upper triangular. */
  readonly upperTriangular?: boolean
  /** How often the result may be squared; where that is too little it is NaN. */
  readonly maxSquarings?: number
}

const exponential = (a: NDArray, upperTriangular: boolean, maxSquarings: number): NDArray => {
  const size = lax.stopGradient(norm(a, { ord: 1 }))
  const limit = a.dtype === 'float64' ? limits.float64 : limits.float32
  const doublings = lax.max(lax.ceil(lax.div(lax.log(lax.div(size, limit)), Math.LN2)), 0)
  const squarings = lax.convertElementType(lax.min(doublings, maxSquarings + 1), 'int32')
  const scale = lax.convertElementType(lax.shiftLeft(lax.scalarOf(1, { dtype: 'int32' }), squarings), a.dtype)
  const [odd, even] = parts(lax.div(a, scale))
  const [top, bottom] = [lax.add(even, odd), lax.sub(even, odd)]
  const quotient = upperTriangular ? solveTriangular(bottom, top) : solve(bottom, top)
  const [result] = scan(
    (x: NDArray, i: NDArray): readonly [NDArray, null] => [
      cond(
        lax.lt(i, squarings),
        (y: NDArray) => product(y, y),
        (y: NDArray) => y,
        x,
      ),
      null,
    ],
    quotient,
    lax.iota('int32', maxSquarings),
  )
  return lax.select(lax.gt(squarings, maxSquarings), lax.filled(NaN, a.aval), result)
}

const compiledExponential = jit(
  (x: NDArray, upperTriangular: boolean, maxSquarings: number): NDArray => {
    const single = (a: NDArray): NDArray => exponential(a, upperTriangular, maxSquarings)
    return range(x.ndim - 2).reduce((f) => vmap(f), single)(x)
  },
  { staticArgnums: [1, 2] },
)

/**
 * Exponential of square matrices `[..., n, n]`, by scaling, a Pade approximant and repeated squaring.
 * NaN where more than `maxSquarings` squarings would be needed. Throws ShapeError unless the matrices are square.
 *
 * @example
 * ```ts
 * scipy.linalg.expm(np.array([[0, 1], [0, 0]])) // [[1, 1], [0, 1]]
 * ```
 */
export const expm = (A: ArrayLike, options: ExpmOptions = {}): NDArray => {
  const { upperTriangular = false, maxSquarings = 16 } = checkOptions(
    'linalg.expm',
    options,
    'upperTriangular maxSquarings',
  )
  const x = squareMatrices('linalg.expm', A)
  return x.size === 0 ? x : compiledExponential(x, upperTriangular, maxSquarings)
}

export interface FrechetOptions {
  /** Gives `[exp(A), derivative]`, the default; otherwise the derivative alone. */
  readonly computeExpm?: boolean
}

/** Derivative of `expm` at `A` in the direction `E`, with the value. Throws ShapeError for different shapes. */
export function expmFrechet(
  A: ArrayLike,
  E: ArrayLike,
  options: FrechetOptions & { readonly computeExpm: false },
): NDArray
export function expmFrechet(
  A: ArrayLike,
  E: ArrayLike,
  options?: FrechetOptions,
): [exponential: NDArray, derivative: NDArray]
export function expmFrechet(A: ArrayLike, E: ArrayLike, options: FrechetOptions = {}): NDArray | [NDArray, NDArray] {
  const { computeExpm = true } = checkOptions('linalg.expmFrechet', options, 'computeExpm')
  const a = squareMatrices('linalg.expmFrechet', A)
  const e = float('linalg.expmFrechet', E)
  if (avalText(a.aval) !== avalText(e.aval)) {
    throw new ShapeError(
      `linalg.expmFrechet: ${avalText(a.aval)} and its direction ${avalText(e.aval)} must have one shape and dtype.`,
    )
  }
  const [value, derivative] = jvp((x: NDArray) => expm(x), [a], [e])
  return computeExpm ? [value, derivative] : derivative
}
