/** Powers and chains of products of matrices. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  known,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { identity } from '../lax/linalg-matrix.js'
import { diagonal as diagonalAlong, trace as traceAlong } from './diagonals.js'
import { inv } from './linalg-solve.js'
import { matmul, outer as outerOf } from './products.js'

/**
 * Integer powers of square matrices `[..., n, n]`, by repeated squaring; negative ones are powers of the inverse.
 * Throws ShapeError unless the matrices are square, ArgumentError unless the exponent is an integer.
 *
 * @example
 * ```ts
 * np.linalg.matrixPower(np.array([[1, 1], [0, 1]]), 3) // [[1, 3], [0, 1]]
 * ```
 */
export const matrixPower = (a: ArrayLike, n: number): NDArray => {
  const x = lax.asArray(a, 'linalg.matrixPower')
  if (x.ndim < 2 || x.shape.at(-1) !== x.shape.at(-2)) {
    throw new ShapeError(`linalg.matrixPower: expected square matrices [..., n, n], got ${avalText(x.aval)}.`)
  }
  if (!Number.isInteger(n)) throw new ArgumentError(`linalg.matrixPower: the exponent ${n} must be an integer.`)
  if (n === 0) return identity(x.shape, x.dtype)
  let square = n < 0 ? inv(x) : x
  let result: NDArray | undefined
  for (let rest = Math.abs(n); ; square = matmul(square, square)) {
    if (rest % 2 === 1) result = result === undefined ? square : matmul(result, square)
    rest = Math.floor(rest / 2)
    if (rest === 0) return known(result, 'power')
  }
}

/** Number of multiplications of the cheapest order of products, and where the last one splits each part of the chain. */
const cheapestSplits = (sizes: readonly number[]): ((from: number, to: number) => number) => {
  const count = sizes.length - 1
  const costs = new Map<string, { readonly cost: number; readonly split: number }>()
  const best = (from: number, to: number): { readonly cost: number; readonly split: number } => {
    if (to - from < 2) return { cost: 0, split: from }
    const key = `${from}:${to}`
    let found = costs.get(key)
    if (found === undefined) {
      found = { cost: Infinity, split: from + 1 }
      for (let split = from + 1; split < to; split++) {
        const outer = (sizes[from] ?? 1) * (sizes[split] ?? 1) * (sizes[to] ?? 1)
        const cost = best(from, split).cost + best(split, to).cost + outer
        if (cost < found.cost) found = { cost, split }
      }
      costs.set(key, found)
    }
    return found
  }
  best(0, count)
  return (from, to) => best(from, to).split
}

/**
 * The product of a chain of matrices, in the order of least work. The first and the last may be vectors.
 * Throws ShapeError when neighbours don't fit, ArgumentError for fewer than two arrays.
 *
 * @example
 * ```ts
 * np.linalg.multiDot([np.ones([10, 100]), np.ones([100, 5]), np.ones([5, 50])]).shape // [10, 50]
 * ```
 */
export const multiDot = (arrays: readonly ArrayLike[]): NDArray => {
  if (arrays.length < 2) throw new ArgumentError(`linalg.multiDot: give at least two arrays, got ${arrays.length}.`)
  const xs = arrays.map((x) => lax.asArray(x, 'linalg.multiDot'))
  const last = xs.length - 1
  const fits = xs.every((x, i) => {
    const next = xs[i + 1]
    const rank = i === 0 || i === last ? x.ndim === 1 || x.ndim === 2 : x.ndim === 2
    return rank && (next === undefined || x.shape.at(-1) === next.shape[0])
  })
  if (!fits) {
    throw new ShapeError(
      `linalg.multiDot: ${lax.avalsText(xs)} make no chain: all must be matrices (the first and last may be vectors), ` +
        `and the columns of each must be as many as the rows of the next.`,
    )
  }
  const sizes = xs.map((x, i) => (i === 0 && x.ndim === 1 ? 1 : (x.shape[0] ?? 1)))
  const end = known(xs[last], 'array')
  sizes.push(end.ndim === 1 ? 1 : (end.shape[1] ?? 1))
  const splitOf = cheapestSplits(sizes)
  const multiply = (from: number, to: number): NDArray => {
    if (to - from < 2) return known(xs[from], 'array')
    const split = splitOf(from, to)
    return matmul(multiply(from, split), multiply(split, to))
  }
  return multiply(0, xs.length)
}

/** Diagonals of matrices `[..., m, n]`, above the main one for a positive offset. */
export const diagonal = (x: ArrayLike, options: { readonly offset?: number } = {}): NDArray => {
  const { offset = 0 } = checkOptions('linalg.diagonal', options, 'offset')
  return diagonalAlong(x, { offset, axis1: -2, axis2: -1 })
}

/** Sums of the diagonals of matrices `[..., m, n]`. */
export const trace = (x: ArrayLike, options: { readonly offset?: number } = {}): NDArray => {
  const { offset = 0 } = checkOptions('linalg.trace', options, 'offset')
  return traceAlong(x, { offset, axis1: -2, axis2: -1 })
}

/** Products of every element of one vector with every element of another, `[m, n]`. Throws ShapeError for other ranks. */
export const outer = (x1: ArrayLike, x2: ArrayLike): NDArray => {
  const [x, y] = [lax.asArray(x1, 'linalg.outer'), lax.asArray(x2, 'linalg.outer')]
  if (x.ndim !== 1 || y.ndim !== 1) {
    throw new ShapeError(`linalg.outer: expected two vectors, got ${lax.avalsText([x, y])}; np.outer flattens.`)
  }
  return outerOf(x, y)
}
