/** Applying functions along axes and over leading axes. */
import {
  type ArrayLike,
  type DType,
  ArgumentError,
  NDArray,
  broadcastShapes,
  canonicalAxis,
  known,
  range,
  checkOptions,
  describe,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { vmap } from '../transforms/index.js'
import { keepAxes } from './reductions.js'
import { withRank } from './promotion-args.js'

/**
 * A function of vectors, applied to every vector along an axis. The axes of its result take the place of that axis.
 *
 * @example
 * ```ts
 * np.applyAlongAxis((v) => np.sum(v), 1, np.ones([2, 3])) // [3, 3]
 * ```
 */
export const applyAlongAxis = (func1d: (x: NDArray) => NDArray, axis: number, arr: ArrayLike): NDArray => {
  const x = lax.asArray(arr, 'applyAlongAxis')
  const along = canonicalAxis(axis, x.ndim, 'applyAlongAxis')
  const others = range(x.ndim).filter((d) => d !== along)
  let f = (v: NDArray): NDArray => func1d(v)
  for (const _ of others) {
    const inner = f
    f = (v) => oneArray(vmap((u: NDArray) => inner(u))(v), 'applyAlongAxis')
  }
  const out = f(lax.transpose(x, [...others, along]))
  // The function's axes, which come last, go to where the axis was.
  const added = out.ndim - others.length
  const order = [
    ...range(along),
    ...range(added).map((d) => others.length + d),
    ...range(others.length - along).map((d) => along + d),
  ]
  return lax.transpose(out, order)
}

const oneArray = (x: unknown, operation: string): NDArray => {
  if (x instanceof NDArray) return x
  throw new ArgumentError(`${operation}: the function must return one array, got ${describe(x)}.`)
}

/**
 * A reduction, applied over several axes one after the other; axes that it drops come back with size 1.
 *
 * @example
 * ```ts
 * np.applyOverAxes((x, axis) => np.sum(x, { axis }), np.ones([2, 3]), [0, 1]) // [[6]]
 * ```
 */
export const applyOverAxes = (
  func: (x: NDArray, axis: number) => NDArray,
  a: ArrayLike,
  axes: number | readonly number[],
): NDArray => {
  let x = lax.asArray(a, 'applyOverAxes')
  for (const axis of typeof axes === 'number' ? [axes] : axes) {
    const along = canonicalAxis(axis, x.ndim, 'applyOverAxes')
    const out = func(x, along)
    if (out.ndim !== x.ndim && out.ndim !== x.ndim - 1)
      throw new ArgumentError(
        `applyOverAxes: the function turned ${x.ndim} axes into ${out.ndim}; it may drop one at most.`,
      )
    x = out.ndim === x.ndim ? out : keepAxes(out, x.shape, [along], true)
  }
  return x
}

export interface VectorizeOptions {
  /** Axes of arguments and results that the function itself takes, such as '(m,n),(n)->(m)'; all scalars unless given. */
  readonly signature?: string | null
  /** Arguments to pass through as they are. */
  readonly excluded?: readonly number[]
}

/** Number of own axes of each argument. */
const coreRanks = (signature: string, count: number): number[] => {
  const inputs = signature.replace(/\s/g, '').split('->')[0] ?? ''
  const terms = inputs.match(/\([^()]*\)/g) ?? []
  if (terms.join(',') !== inputs || terms.length !== count) {
    throw new ArgumentError(
      `vectorize: the signature '${signature}' does not describe ${count} arguments; write one '(m,n)' for each, then '->'.`,
    )
  }
  return terms.map((term) => (term === '()' ? 0 : term.split(',').length))
}

/**
 * A function of scalars (or of arrays of the signature's axes) as one of arrays: it is mapped over all leading axes, which are
 * broadcast together.
 *
 * @example
 * ```ts
 * const f = np.vectorize((x, y) => np.dot(x, y), { signature: '(n),(n)->()' })
 * f(np.ones([4, 3]), np.ones([3])) // float32[4]
 * ```
 */
export const vectorize = <R>(
  pyfunc: (...args: NDArray[]) => R,
  options?: VectorizeOptions,
): ((...args: ArrayLike[]) => R) => {
  checkOptions('vectorize', options, 'signature excluded')
  return (...args) => {
    const arrays = args.map((x) => lax.asArray(x, 'vectorize'))
    const excluded = new Set(options?.excluded ?? [])
    const mapped = range(arrays.length).filter((i) => !excluded.has(i))
    const signature = options?.signature ?? null
    const ranks = signature === null ? mapped.map(() => 0) : coreRanks(signature, mapped.length)
    const leading = mapped.map((i, n) => {
      const x = known(arrays[i], 'argument')
      const rank = x.ndim - known(ranks[n], 'rank')
      if (rank < 0)
        throw new ArgumentError(`vectorize: argument ${i} has ${x.ndim} axes, fewer than its signature names.`)
      return x.shape.slice(0, rank)
    })
    const common = broadcastShapes('vectorize', ...leading)
    const inputs = [...arrays]
    mapped.forEach((i, n) => {
      const x = withRank(known(arrays[i], 'argument'), common.length + known(ranks[n], 'rank'))
      inputs[i] = lax.broadcastTo(x, [...common, ...x.shape.slice(common.length)])
    })
    const inAxes = arrays.map((_, i) => (excluded.has(i) ? null : 0))
    let f = (...xs: NDArray[]): R => pyfunc(...xs)
    for (const _ of common) {
      const inner = f
      f = vmap((...xs: NDArray[]) => inner(...xs), { inAxes })
    }
    return f(...inputs)
  }
}

/** Options of `fromfunction`. */
export interface FromFunctionOptions {
  /** Dtype of the indices, float32 unless said. */
  readonly dtype?: DType
}

/**
 * An array by a function of its indices, scalars: the function is mapped over all of them.
 *
 * @example
 * ```ts
 * np.fromfunction((i, j) => np.add(i, np.multiply(10, j)), [2, 3]) // [[0, 10, 20], [1, 11, 21]]
 * ```
 */
export const fromfunction = (
  f: (...indices: readonly NDArray[]) => ArrayLike,
  shape: readonly number[],
  options: FromFunctionOptions = {},
): NDArray => {
  const { dtype = 'float32' } = checkOptions('fromfunction', options, 'dtype')
  const axes = shape.map((n) => lax.iota(dtype, n))
  const at = (indices: readonly NDArray[]): NDArray => {
    const axis = axes[indices.length]
    return axis === undefined
      ? lax.asArray(f(...indices), 'fromfunction')
      : vmap((i: NDArray) => at([...indices, i]))(axis)
  }
  return at([])
}
