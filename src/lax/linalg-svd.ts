/** Singular values and singular vectors of matrices. */
import {
  type ArrayLike,
  type NDArray,
  type Primitive,
  DifferentiationError,
  avalText,
  bind,
  definePrimitive,
  known,
  shapedArray,
} from '../core/index.js'
import { add, div, mul, sub } from './arithmetic.js'
import { filled, reduceSum, reshape, zerosOf } from './broadcasting.js'
import { eq, lt, select } from './comparison.js'
import { concatenate } from './concatenate.js'
import { sqrt } from './exponential.js'
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
  sizesOf,
  stackSize,
  transposed,
  transposedProduct,
} from './linalg-matrix.js'
import { qr } from './linalg-qr.js'
import { asArray } from './operands.js'
import { convertElementType } from './operands.js'
import { lowerAs } from './program-lowering.js'
import { broadcastedIota, rev } from './shape.js'
import { sliceInDim } from './slicing.js'
import { sort } from './sorting.js'

export interface SvdParams {
  readonly fullMatrices: boolean
  readonly computeUv: boolean
}

/** Rows `[s, n, n]` whose lengths are the singular values in descending order, the lengths, and the matrices turned upright. */
const singularRows = (upright: NDArray): { readonly rows: NDArray; readonly values: NDArray } => {
  const [m, n] = sizesOf(upright)
  const count = known(upright.shape[0], 'stack')
  const square = m > n ? qr(upright, { fullMatrices: false })[1] : upright
  const rows = orthogonalizedRows(square)
  const lengths = sqrt(reduceSum(mul(rows, rows), [2]))
  const [ascending, places] = sort([lengths, broadcastedIota('int32', [count, n], 1)], { dimension: 1 })
  const order = rev(known(places, 'order'), [1])
  return { rows: takeRows(rows, order), values: rev(known(ascending, 'values'), [1]) }
}

/** Orthonormal columns along the orthogonal columns of `x`, `[s, m, n]`; those of length zero are completed. */
const normalized = (x: NDArray, fullMatrices: boolean): NDArray => {
  const [, n] = sizesOf(x)
  const [q, r] = qr(x, { fullMatrices })
  const signs = select(lt(diagonalOf(r), 0), filled(-1, shapedArray([known(x.shape[0], 'stack'), n], x.dtype)), filled(1, shapedArray([known(x.shape[0], 'stack'), n], x.dtype)))
  const [, columns] = sizesOf(q)
  const all = columns === n ? signs : concatenate([signs, filled(1, shapedArray([known(x.shape[0], 'stack'), columns - n], x.dtype))], 1)
  return mul(q, asRows(all, q.shape))
}

const decompose = (a: NDArray, { fullMatrices, computeUv }: SvdParams): readonly NDArray[] => {
  const [m, n] = sizesOf(a)
  const stack = a.shape.slice(0, -2)
  const k = Math.min(m, n)
  const flat = flatStack(a)
  const wide = m < n
  const upright = wide ? transposed(flat) : flat
  const { rows, values } = singularRows(upright)
  const s = reshape(values, [...stack, k])
  if (!computeUv) return [s]
  const right = normalized(transposed(rows), false)
  const left = normalized(product(upright, right), fullMatrices)
  const [u, v] = wide ? [right, left] : [left, right]
  const vt = transposed(v)
  return [s, reshape(u, [...stack, ...u.shape.slice(1)]), reshape(vt, [...stack, ...vt.shape.slice(1)])]
}

/** Results for matrices without elements. */
const emptyResults = (a: NDArray, { fullMatrices, computeUv }: SvdParams): readonly NDArray[] => {
  const [m, n] = sizesOf(a)
  const stack = a.shape.slice(0, -2)
  const s = zerosOf(shapedArray([...stack, 0], a.dtype))
  if (!computeUv) return [s]
  const columns = fullMatrices ? [m, n] : [0, 0]
  return [
    s,
    identity([...stack, m, columns[0] ?? 0], a.dtype),
    identity([...stack, columns[1] ?? 0, n], a.dtype),
  ]
}

const svdPrimitive: Primitive<SvdParams> = definePrimitive<SvdParams>({
  name: 'svd',
  abstract: ([x], { fullMatrices, computeUv }) => {
    const a = known(x, 'matrix')
    checkMatrices('svd', a)
    const [m, n] = sizesOf(a)
    const stack = a.shape.slice(0, -2)
    const k = Math.min(m, n)
    const s = shapedArray([...stack, k], a.dtype)
    if (!computeUv) return [s]
    return [
      s,
      shapedArray([...stack, m, fullMatrices ? m : k], a.dtype),
      shapedArray([...stack, fullMatrices ? n : k, n], a.dtype),
    ]
  },
  // Giles, "An extended collection of matrix derivative results" (2008), section 3.2, in the form that JAX uses.
  jvp: ([x], [t], params) => {
    const a = known(x, 'matrix')
    if (t === null || t === undefined) {
      const outs = bind(svdPrimitive, [a], params)
      return [outs, outs.map(() => null)]
    }
    const [m, n] = sizesOf(a)
    if (params.computeUv && params.fullMatrices && m !== n) {
      throw new DifferentiationError(
        `svd: singular vectors that complete the others have no derivative, and ${avalText(a.aval)} is not square. ` +
          `Use { fullMatrices: false }, or { computeUv: false } for the singular values alone.`,
      )
    }
    const outs = bind(svdPrimitive, [a], { fullMatrices: false, computeUv: true })
    const s = known(outs[0], 'singular values')
    const u = known(outs[1], 'u')
    const vt = known(outs[2], 'vt')
    const ds = product(transposedProduct(u, t), transposed(vt))
    const sTangent = diagonalOf(ds)
    if (!params.computeUv) return [[s], [sTangent]]
    const columns = asRows(s, ds.shape)
    const rows = asColumns(s, ds.shape)
    const eye = identity(ds.shape, ds.dtype)
    const f = sub(div(1, add(mul(add(columns, rows), sub(columns, rows)), eye)), eye)
    const scaledColumns = mul(columns, ds)
    const scaledRows = mul(rows, ds)
    const zeros = convertElementType(eq(s, 0), s.dtype)
    const inverse = sub(div(1, add(s, zeros)), zeros)
    const turn = mul(mul(0.5, sub(ds, transposed(ds))), mul(eye, asRows(inverse, ds.shape)))
    const inU = add(mul(f, add(scaledColumns, transposed(scaledColumns))), turn)
    const inV = mul(f, add(scaledRows, transposed(scaledRows)))
    const v = transposed(vt)
    // What moves out of the space that thin factors span.
    const outside = (basis: NDArray, moved: NDArray): NDArray =>
      div(sub(moved, product(basis, transposedProduct(basis, moved))), asRows(s, moved.shape))
    const du = m > n ? add(product(u, inU), outside(u, product(t, v))) : product(u, inU)
    const dv = n > m ? add(product(v, inV), outside(v, transposedProduct(t, u))) : product(v, inV)
    return [
      [s, u, vt],
      [sTangent, du, transposed(dv)],
    ]
  },
  batch: batchStack(() => svdPrimitive),
  lower: lowerAs(([a], params) => {
    const matrix = known(a, 'matrix')
    return Math.min(...sizesOf(matrix)) === 0 ? emptyResults(matrix, params) : decompose(matrix, params)
  }),
  print: ({ fullMatrices, computeUv }) => ({
    algorithm: null,
    compute_uv: computeUv,
    full_matrices: fullMatrices,
    subset_by_index: null,
  }),
  parse: (printed) => ({ fullMatrices: printed['full_matrices'] === true, computeUv: printed['compute_uv'] === true }),
  sample: (draw) => {
    const stack = draw.shape({ maxRank: 1 })
    const m = draw.integer(0, 3)
    const n = draw.integer(0, 3)
    return {
      inputs: [distinctDiagonal(draw.array([...stack, m, n], draw.pick(factored), { min: -1, max: 1 }))],
      params: { fullMatrices: m === n && draw.boolean(), computeUv: draw.boolean() },
    }
  },
})

export interface SvdOptions {
  /** Makes `u` and `vt` square, the default; otherwise they have min(m, n) columns and rows. */
  readonly fullMatrices?: boolean
  /** Gives `[u, s, vt]`, the default; otherwise `s` alone. */
  readonly computeUv?: boolean
}

/**
 * Singular value decomposition of matrices `[..., m, n]`, as `[u, s, vt]`: `a = u diag(s) vt` with orthonormal columns of
 * `u` and rows of `vt`, and `s`, `[..., min(m, n)]`, descending. By QR factors and one-sided Jacobi rotations, which find
 * small singular values accurately. Vectors are unique up to signs.
 *
 * Throws ShapeError for scalars and vectors, DTypeError unless the matrices are float32 or float64.
 *
 * @example
 * ```ts
 * const [u, s, vt] = lax.linalg.svd(np.array([[3, 0], [0, 4]]))
 * console.log(s.js()) // [ 4, 3 ]
 * ```
 */
export const svd = (
  a: ArrayLike,
  { fullMatrices = true }: Pick<SvdOptions, 'fullMatrices'> = {},
): [u: NDArray, s: NDArray, vt: NDArray] => {
  const [s, u, vt] = bind(svdPrimitive, [asArray(a, 'svd')], { fullMatrices, computeUv: true })
  return [known(u, 'u'), known(s, 'singular values'), known(vt, 'vt')]
}

/** Singular values of matrices `[..., m, n]` in descending order; see `svd`. */
export const singularValues = (a: ArrayLike): NDArray =>
  known(bind(svdPrimitive, [asArray(a, 'svd')], { fullMatrices: false, computeUv: false })[0], 'singular values')
