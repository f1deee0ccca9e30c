/** Products of vectors, matrices and tensors, all written as lax.dotGeneral. */
import {
  type ArrayLike,
  type DType,
  type NDArray,
  ArgumentError,
  ShapeError,
  avalText,
  canonicalAxes,
  canonicalAxis,
  known,
  range,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { dtypeOr, promoteDTypes, withRank } from './promotion-args.js'
import { multiply } from './arithmetic.js'

export interface ProductOptions {
  /** Dtype of the result and of the accumulation. */
  readonly preferredElementType?: DType | null
  /** Accepted as in JAX; products are always of the highest. */
  readonly precision?: lax.Precision
}

const operandsOf = (
  operation: string,
  a: ArrayLike,
  b: ArrayLike,
  options?: ProductOptions,
): { readonly x: NDArray; readonly y: NDArray; readonly dtype: DType } => {
  const [first, second] = promoteDTypes(operation, [a, b])
  const x = known(first, 'first operand')
  return { x, y: known(second, 'second operand'), dtype: dtypeOr(options?.preferredElementType, x.dtype, operation) }
}

/** dotGeneral of any dtypes: products of bool are sums of ands, taken in int32. */
export const contract = (
  x: NDArray,
  y: NDArray,
  contracted: readonly [readonly number[], readonly number[]],
  batch: readonly [readonly number[], readonly number[]],
  dtype: DType,
): NDArray => {
  if (x.dtype === 'bool') {
    const whole = contract(
      lax.convertElementType(x, 'int32'),
      lax.convertElementType(y, 'int32'),
      contracted,
      batch,
      'int32',
    )
    return lax.convertElementType(whole, dtype)
  }
  return lax.dotGeneral(x, y, [contracted, batch], { preferredElementType: dtype })
}

const mismatch = (operation: string, x: NDArray, y: NDArray, why: string): ShapeError =>
  new ShapeError(`${operation}: ${avalText(x.aval)} and ${avalText(y.aval)} don't fit: ${why}.`)

/**
 * Matrix product of the last two axes; leading axes are broadcast together. A vector counts as a row on the left, as a
 * column on the right, and that axis drops out.
 *
 * Throws ShapeError when inner sizes differ or an operand is a scalar.
 *
 * @example
 * ```ts
 * np.matmul(np.ones([2, 3]), np.ones([3, 4])) // float32[2,4]
 * ```
 */
export const matmul = (a: ArrayLike, b: ArrayLike, options?: ProductOptions): NDArray => {
  checkOptions('matmul', options, 'preferredElementType precision')
  const { x, y, dtype } = operandsOf('matmul', a, b, options)
  if (x.ndim === 0 || y.ndim === 0) throw mismatch('matmul', x, y, 'scalars have no matrix product; use np.multiply')
  const xMatrix = x.ndim > 1
  const yMatrix = y.ndim > 1
  if (x.shape.at(-1) !== y.shape.at(yMatrix ? -2 : -1)) {
    throw mismatch(
      'matmul',
      x,
      y,
      `${x.shape.at(-1)} columns on the left, ${y.shape.at(yMatrix ? -2 : -1)} rows on the right`,
    )
  }
  const xBatch = xMatrix ? x.shape.slice(0, -2) : []
  const yBatch = yMatrix ? y.shape.slice(0, -2) : []
  const rank = Math.max(xBatch.length, yBatch.length)
  // For each kind of axis: where it goes in the result, in the order in which dotGeneral gives them.
  const together: number[] = []
  const ofX: number[] = []
  const ofY: number[] = []
  const dropX: number[] = []
  const dropY: number[] = []
  const batchX: number[] = []
  const batchY: number[] = []
  for (const d of range(rank)) {
    const m = xBatch[d - (rank - xBatch.length)]
    const n = yBatch[d - (rank - yBatch.length)]
    if (m === undefined) ofY.push(d)
    else if (n === undefined) ofX.push(d)
    else if (m === n) {
      batchX.push(together.length + ofX.length)
      batchY.push(together.length + ofY.length)
      together.push(d)
    } else if (m === 1) {
      dropX.push(together.length + ofX.length + dropX.length)
      ofY.push(d)
    } else if (n === 1) {
      dropY.push(together.length + ofY.length + dropY.length)
      ofX.push(d)
    } else throw mismatch('matmul', x, y, `leading sizes ${m} and ${n} are neither equal nor 1`)
  }
  if (xMatrix) ofX.push(rank)
  if (yMatrix) ofY.push(rank + (xMatrix ? 1 : 0))
  const left = dropX.length === 0 ? x : lax.squeeze(x, dropX)
  const right = dropY.length === 0 ? y : lax.squeeze(y, dropY)
  const out = contract(left, right, [[left.ndim - 1], [right.ndim - (yMatrix ? 2 : 1)]], [batchX, batchY], dtype)
  const places = [...together, ...ofX, ...ofY]
  return lax.transpose(
    out,
    range(places.length).map((d) => places.indexOf(d)),
  )
}

/**
 * NumPy's dot: the inner product over the last axis of `a` and the last but one of `b` (or its only one); a scalar multiplies.
 *
 * @example
 * ```ts
 * np.dot(np.array([1, 2]), np.array([3, 4])) // 11
 * ```
 */
export const dot = (a: ArrayLike, b: ArrayLike, options?: ProductOptions): NDArray => {
  checkOptions('dot', options, 'preferredElementType precision')
  const { x, y, dtype } = operandsOf('dot', a, b, options)
  if (x.ndim === 0 || y.ndim === 0) return lax.convertElementType(multiply(x, y), dtype)
  const along = y.ndim === 1 ? 0 : y.ndim - 2
  if (x.shape.at(-1) !== y.shape[along])
    throw mismatch(
      'dot',
      x,
      y,
      `${x.shape.at(-1)} elements along the last axis on the left, ${y.shape[along]} on the right`,
    )
  return contract(x, y, [[x.ndim - 1], [along]], [[], []], dtype)
}

/**
 * Inner product over the last axes.
 *
 * @example
 * ```ts
 * np.inner(np.ones([2, 3]), np.ones([4, 3])) // float32[2,4]
 * ```
 */
export const inner = (a: ArrayLike, b: ArrayLike, options?: ProductOptions): NDArray => {
  checkOptions('inner', options, 'preferredElementType precision')
  const { x, y, dtype } = operandsOf('inner', a, b, options)
  if (x.ndim === 0 || y.ndim === 0) return lax.convertElementType(multiply(x, y), dtype)
  if (x.shape.at(-1) !== y.shape.at(-1)) throw mismatch('inner', x, y, 'last axes differ in size')
  return contract(x, y, [[x.ndim - 1], [y.ndim - 1]], [[], []], dtype)
}

/**
 * Every product of an element of `a` with one of `b`, both flattened.
 *
 * @example
 * ```ts
 * np.outer(np.arange(2), np.arange(3))
 * ```
 */
export const outer = (a: ArrayLike, b: ArrayLike): NDArray => {
  const { x, y } = operandsOf('outer', a, b)
  const column = lax.expandDims(lax.reshape(x, [x.size]), [1])
  return multiply(column, lax.expandDims(lax.reshape(y, [y.size]), [0]))
}

/**
 * Dot product of two arrays of one size, flattened.
 *
 * @example
 * ```ts
 * np.vdot(np.ones([2, 2]), np.ones([2, 2])) // 4
 * ```
 */
export const vdot = (a: ArrayLike, b: ArrayLike, options?: ProductOptions): NDArray => {
  checkOptions('vdot', options, 'preferredElementType precision')
  const { x, y, dtype } = operandsOf('vdot', a, b, options)
  if (x.size !== y.size) throw mismatch('vdot', x, y, 'they have different numbers of elements')
  return contract(lax.reshape(x, [x.size]), lax.reshape(y, [y.size]), [[0], [0]], [[], []], dtype)
}

/**
 * Dot products along an axis (the last); the other axes are broadcast together.
 *
 * @example
 * ```ts
 * np.vecdot(np.ones([2, 3]), np.ones([3])) // [3, 3]
 * ```
 */
export const vecdot = (
  x1: ArrayLike,
  x2: ArrayLike,
  options?: ProductOptions & { readonly axis?: number },
): NDArray => {
  checkOptions('vecdot', options, 'preferredElementType precision axis')
  const { x, y, dtype } = operandsOf('vecdot', x1, x2, options)
  const axis = options?.axis ?? -1
  const atEnd = (array: NDArray): NDArray =>
    lax.moveAxis(array, canonicalAxis(axis, array.ndim, 'vecdot'), array.ndim - 1)
  const [left, right] = [atEnd(x), atEnd(y)]
  if (left.shape.at(-1) !== right.shape.at(-1))
    throw mismatch('vecdot', x, y, 'the axes to multiply along differ in size')
  // A row times a column, for every place of the leading axes.
  const row = lax.expandDims(left, [left.ndim - 1])
  const column = lax.expandDims(right, [right.ndim])
  const rank = Math.max(row.ndim, column.ndim)
  return lax.squeeze(matmul(row, column, { preferredElementType: dtype }), [rank - 2, rank - 1])
}

/**
 * Matrices times vectors, over leading axes that are broadcast together.
 *
 * @example
 * ```ts
 * np.matvec(np.ones([5, 2, 3]), np.ones([3])) // float32[5,2]
 * ```
 */
export const matvec = (x1: ArrayLike, x2: ArrayLike): NDArray => {
  const vector = lax.asArray(x2, 'matvec')
  if (vector.ndim === 0) throw new ShapeError('matvec: the vector has no axis; use np.multiply.')
  const out = matmul(x1, lax.expandDims(vector, [vector.ndim]))
  return lax.squeeze(out, [out.ndim - 1])
}

/**
 * Vectors times matrices, over leading axes that are broadcast together.
 *
 * @example
 * ```ts
 * np.vecmat(np.ones([2]), np.ones([5, 2, 3])) // float32[5,3]
 * ```
 */
export const vecmat = (x1: ArrayLike, x2: ArrayLike): NDArray => {
  const vector = lax.asArray(x1, 'vecmat')
  if (vector.ndim === 0) throw new ShapeError('vecmat: the vector has no axis; use np.multiply.')
  const out = matmul(lax.expandDims(vector, [vector.ndim - 1]), x2)
  return lax.squeeze(out, [out.ndim - 2])
}

export interface TensordotOptions extends ProductOptions {
  /** Axes to sum over: the last n of `a` with the first n of `b` (default 2), or lists of axes of each. */
  readonly axes?: number | readonly [number | readonly number[], number | readonly number[]]
}

/**
 * Sum of products over several axes of two arrays; the result has the other axes of `a`, then those of `b`.
 *
 * Throws ShapeError when sizes of paired axes differ.
 *
 * @example
 * ```ts
 * np.tensordot(np.ones([2, 3, 4]), np.ones([4, 3, 5]), { axes: [[1, 2], [1, 0]] }) // float32[2,5]
 * ```
 */
export const tensordot = (a: ArrayLike, b: ArrayLike, options?: TensordotOptions): NDArray => {
  checkOptions('tensordot', options, 'preferredElementType precision axes')
  const { x, y, dtype } = operandsOf('tensordot', a, b, options)
  const axes = options?.axes ?? 2
  let ofX: number[]
  let ofY: number[]
  if (typeof axes === 'number') {
    if (axes > Math.min(x.ndim, y.ndim) || axes < 0)
      throw new ArgumentError(`tensordot: cannot sum over ${axes} axes of ${avalText(x.aval)} and ${avalText(y.aval)}.`)
    ofX = range(axes).map((d) => x.ndim - axes + d)
    ofY = range(axes)
  } else {
    ofX = canonicalAxes(axes[0], x.ndim, 'tensordot')
    ofY = canonicalAxes(axes[1], y.ndim, 'tensordot')
  }
  if (ofX.length !== ofY.length || ofX.some((d, i) => x.shape[d] !== y.shape[known(ofY[i], 'axis')]))
    throw mismatch('tensordot', x, y, `axes [${ofX.join()}] and [${ofY.join()}] must pair up with equal sizes`)
  return contract(x, y, [ofX, ofY], [[], []], dtype)
}

/**
 * Kronecker product: every element of `a` times all of `b`.
 *
 * @example
 * ```ts
 * np.kron(np.array([1, 10]), np.array([1, 2])) // [1, 2, 10, 20]
 * ```
 */
export const kron = (a: ArrayLike, b: ArrayLike): NDArray => {
  const { x, y } = operandsOf('kron', a, b)
  const rank = Math.max(x.ndim, y.ndim)
  const [left, right] = [withRank(x, rank), withRank(y, rank)]
  const spread = (array: NDArray, offset: 0 | 1): NDArray =>
    lax.expandDims(
      array,
      range(rank).map((d) => 2 * d + 1 - offset),
    )
  return lax.reshape(
    multiply(spread(left, 0), spread(right, 1)),
    left.shape.map((n, d) => n * known(right.shape[d], 'size')),
  )
}

export interface CrossOptions {
  readonly axisa?: number
  readonly axisb?: number
  readonly axisc?: number
  /** The axis of the vectors in all three, instead of the other options; the last unless given. */
  readonly axis?: number | null
}

/**
 * Cross product of vectors of 3 (or 2) components along an axis. Two vectors of 2 components give the third component alone.
 *
 * @example
 * ```ts
 * np.cross(np.array([1, 0, 0]), np.array([0, 1, 0])) // [0, 0, 1]
 * ```
 */
export const cross = (a: ArrayLike, b: ArrayLike, options?: CrossOptions): NDArray => {
  checkOptions('cross', options, 'axisa axisb axisc axis')
  const { x, y } = operandsOf('cross', a, b)
  const axisOf = (array: NDArray, own: number | undefined): NDArray =>
    lax.moveAxis(array, canonicalAxis(options?.axis ?? own ?? -1, array.ndim, 'cross'), array.ndim - 1)
  const left = axisOf(x, options?.axisa)
  const right = axisOf(y, options?.axisb)
  const [m, n] = [left.shape.at(-1), right.shape.at(-1)]
  if ((m !== 2 && m !== 3) || (n !== 2 && n !== 3))
    throw mismatch('cross', x, y, `vectors have 2 or 3 components, and here ${m} and ${n}`)
  const component = (array: NDArray, i: number): NDArray =>
    i < (array.shape.at(-1) ?? 0)
      ? lax.indexInDim(array, i, { axis: array.ndim - 1, keepdims: false })
      : lax.zerosOf({ ...array.aval, shape: array.shape.slice(0, -1) })
  const minor = (i: number, j: number): NDArray =>
    lax.sub(multiply(component(left, i), component(right, j)), multiply(component(left, j), component(right, i)))
  if (m === 2 && n === 2) return minor(0, 1)
  const parts = [minor(1, 2), minor(2, 0), minor(0, 1)]
  const rank = known(parts[0], 'component').ndim
  const out = lax.concatenate(
    parts.map((part) => lax.expandDims(part, [rank])),
    rank,
  )
  return lax.moveAxis(out, rank, canonicalAxis(options?.axis ?? options?.axisc ?? -1, rank + 1, 'cross'))
}
