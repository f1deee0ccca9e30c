/** What the iterative solvers share: pytrees as vectors, preconditioners, when to stop, derivatives that solve again. */
import {
  type NDArray,
  ArgumentError,
  DTypeError,
  ShapeError,
  avalText,
  isFloating,
  known,
  tree,
} from '../../core/index.js'
import { map } from '../../core/tree-functions.js'
import * as lax from '../../lax/index.js'
import { matmul } from '../../numpy/products.js'
import { customLinearSolve, linearTranspose } from '../../transforms/index.js'

/** Options of every solver. */
export interface KrylovOptions<T> {
  /** Where to begin, zeros unless said. */
  readonly x0?: T | null
  /** A residual is small enough when its norm is at most this part of that of `b`. */
  readonly tol?: number
  /** ... or at most this. */
  readonly atol?: number
  /** Most steps, ten for each element of `b` unless said. */
  readonly maxiter?: number | null
  /** The preconditioner: nearly the inverse of the matrix, as a function or as a matrix. */
  readonly M?: NDArray | ((x: T) => T) | null
}

/** A linear function of vectors `[n]`. */
export type Operator = (x: NDArray) => NDArray

/** What a solver takes: everything in vectors. */
export interface System {
  readonly matvec: Operator
  readonly b: NDArray
  readonly x0: NDArray
  readonly precondition: Operator
  /** The norm at which residuals are small enough. */
  readonly small: NDArray
  readonly maxiter: number
}

/** The inner product of two vectors. */
export const dot = (x: NDArray, y: NDArray): NDArray => lax.reduceSum(lax.mul(x, y), [0])

export const norm = (x: NDArray): NDArray => lax.sqrt(dot(x, x))

/** `y + a x` for a scalar `a`. */
export const plusScaled = (y: NDArray, a: NDArray, x: NDArray): NDArray =>
  lax.add(y, lax.mul(lax.broadcastTo(a, x.shape), x))

/** A quotient of scalars, 0 where the divisor is 0: a method has found the solution, or breaks down and stops. */
export const ratio = (x: NDArray, y: NDArray): NDArray => {
  const none = lax.eq(y, 0)
  return lax.select(none, lax.zerosOf(x.aval), lax.div(x, lax.select(none, lax.filled(1, y.aval), y)))
}

/** Arrays of floats one after the other in a vector. */
const flat = (value: unknown, operation: string, like?: readonly NDArray[]): NDArray => {
  const arrays = tree.leaves(value).map((leaf) => lax.asArray(Object(leaf), operation))
  if (like !== undefined && !arrays.every((x, i) => avalText(x.aval) === avalText(known(like[i], 'array').aval))) {
    throw new ShapeError(
      `${operation}: the matrix takes and gives what b is, ${like.map((x) => avalText(x.aval)).join(', ')}; ` +
        `here is ${arrays.map((x) => avalText(x.aval)).join(', ')}.`,
    )
  }
  const vectors = arrays.map((x) => lax.reshape(x, [x.size]))
  const [only] = vectors
  return only !== undefined && vectors.length === 1 ? only : lax.concatenate(vectors, 0)
}

/** The arrays of `like` with the elements of a vector. */
const shaped = <T>(vector: NDArray, like: T): T => {
  const sizes: number[] = tree.leaves(like).map((leaf) => lax.asArray(Object(leaf), 'sparse.linalg').size)
  const pieces = sizes.length === 1 ? [vector] : lax.split(vector, sizes)
  let next = 0
  return map((leaf) => lax.reshape(known(pieces[next++], 'piece'), leaf.shape), like)
}

const asFunction = <T>(A: NDArray | ((x: T) => T), operation: string, name: string): ((x: T) => T) => {
  if (typeof A === 'function') return A
  const matrix = lax.asArray(A, operation)
  if (matrix.ndim !== 2 || matrix.shape[0] !== matrix.shape[1]) {
    throw new ShapeError(
      `${operation}: ${name} is a square matrix [n, n], or a function; got ${avalText(matrix.aval)}.`,
    )
  }
  return (x) => map((leaf) => matmul(matrix, leaf), x)
}

const positive = (value: number, name: string, operation: string): number => {
  if (!(value >= 0)) throw new ArgumentError(`${operation}: ${name} is not negative, got ${value}.`)
  return value
}

/**
 * The solution by a method that works on vectors. The transposed system, which reverse mode solves, has the transposed
 * preconditioner, and starts from zeros.
 */
export const solveBy = <T>(
  method: (system: System) => NDArray,
  A: NDArray | ((x: T) => T),
  b: T,
  options: KrylovOptions<T>,
  operation: string,
  symmetric: boolean,
): T => {
  const { x0 = null, tol = 1e-5, atol = 0, M = null } = options
  const arrays = tree.leaves(b).map((leaf) => lax.asArray(Object(leaf), operation))
  const [first] = arrays
  if (first === undefined || !arrays.every((x) => isFloating(x.dtype) && x.dtype === first.dtype)) {
    throw new DTypeError(
      `${operation}: b is arrays of one floating dtype, got ${arrays.map((x) => avalText(x.aval)).join(', ') || 'none'}. Convert with x.astype('float32').`,
    )
  }
  const whole = asFunction(A, operation, 'A')
  const nearInverse = M === null ? null : asFunction(M, operation, 'M')
  const onVectors =
    (f: (x: T) => T): Operator =>
    (x) =>
      flat(f(shaped(x, b)), operation, arrays)
  const vector = flat(b, operation)
  if (vector.size === 0) return b
  const maxiter = positive(options.maxiter ?? 10 * vector.size, 'maxiter', operation)
  const limits = [positive(tol, 'tol', operation), positive(atol, 'atol', operation)]
  const precondition: Operator = nearInverse === null ? (x) => x : onVectors(nearInverse)
  const solve = (matvec: Operator, right: NDArray, start: NDArray, preconditioner: Operator): NDArray => {
    const [relative, absolute] = limits.map((x) => lax.scalarOf(x, right))
    const small = lax.max(lax.mul(known(relative, 'tol'), norm(right)), known(absolute, 'atol'))
    return method({ matvec, b: right, x0: start, precondition: preconditioner, small, maxiter })
  }
  const zeros = lax.zerosOf(vector.aval)
  const begin = x0 === null ? zeros : flat(x0, operation, arrays)
  const transposed: Operator = (x) => (nearInverse === null ? x : linearTranspose(precondition, zeros)(x)[0])
  const solution = customLinearSolve<NDArray>(
    onVectors(whole),
    vector,
    (matvec, right) => solve(matvec, right, lax.stopGradient(begin), precondition),
    symmetric ? { symmetric } : { transposeSolve: (vecmat, right) => solve(vecmat, right, zeros, transposed) },
  )
  return shaped(solution, b)
}
