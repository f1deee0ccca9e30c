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
  checkOptions,
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

/** Orthonormal columns along the orthogonal columns of `x`, `[s, n, n]`; those of length zero are completed. */
const normalized = (x: NDArray): NDArray => {
  const [q, r] = qr(x, { fullMatrices: false })
  const diagonal = diagonalOf(r)
  const signs = select(lt(diagonal, 0), filled(-1, diagonal.aval), filled(1, diagonal.aval))
  return mul(q, asRows(signs, q.shape))
}

/** Rows of `[s, n, m]` turned into orthogonal ones, the longest first, and their lengths. */
const orderedRows = (x: NDArray): { readonly rows: NDArray; readonly lengths: NDArray } => {
  const rows = orthogonalizedRows(x)
  const lengths = sqrt(reduceSum(mul(rows, rows), [2]))
  const places = broadcastedIota('int32', lengths.shape, 1)
  const [ascending, order] = sort([lengths, places], { dimension: 1 })
  return { rows: takeRows(rows, rev(known(order, 'order'), [1])), lengths: rev(known(ascending, 'lengths'), [1]) }
}

/**
 * Singular values and vectors of square matrices. Rotations of the rows give right singular vectors up to the rounding of
 * many rotations; from the columns of the matrix times those, tiny rotations give accurate left ones, and those right ones.
 */
const decomposeSquare = (a: NDArray): { readonly u: NDArray; readonly s: NDArray; readonly v: NDArray } => {
  const first = normalized(transposed(orderedRows(a).rows))
  const { rows, lengths } = orderedRows(transposed(product(a, first)))
  const u = normalized(transposed(rows))
  return { u, s: lengths, v: normalized(transposedProduct(a, u)) }
}

const decompose = (a: NDArray, { fullMatrices, computeUv }: SvdParams): readonly NDArray[] => {
  const [m, n] = sizesOf(a)
  const stack = a.shape.slice(0, -2)
  const k = Math.min(m, n)
  const flat = flatStack(a)
  const wide = m < n
  const upright = wide ? transposed(flat) : flat
  const [q, r] = m === n ? [undefined, flat] : qr(upright, { fullMatrices: computeUv && fullMatrices })
  const { u: inner, s: values, v } = decomposeSquare(m === n ? r : sliceInDim(r, 0, k, { axis: 1 }))
  const s = reshape(values, [...stack, k])
  if (!computeUv) return [s]
  const u = q === undefined ? inner : outer(q, inner)
  const [left, right] = wide ? [v, u] : [u, v]
  const rightTransposed = transposed(right)
  return [
    s,
    reshape(left, [...stack, ...left.shape.slice(1)]),
    reshape(rightTransposed, [...stack, ...rightTransposed.shape.slice(1)]),
  ]
}

/** The first columns of `q` times a square matrix, followed by the others. */
const outer = (q: NDArray, inner: NDArray): NDArray => {
  const [, columns] = sizesOf(q)
  const [k] = sizesOf(inner)
  const turned = product(sliceInDim(q, 0, k, { axis: 2 }), inner)
  return k === columns ? turned : concatenate([turned, sliceInDim(q, k, columns, { axis: 2 })], 2)
}

/** Results for matrices without elements. */
const emptyResults = (a: NDArray, { fullMatrices, computeUv }: SvdParams): readonly NDArray[] => {
  const [m, n] = sizesOf(a)
  const stack = a.shape.slice(0, -2)
  const s = zerosOf(shapedArray([...stack, 0], a.dtype))
  if (!computeUv) return [s]
  const columns = fullMatrices ? [m, n] : [0, 0]
  return [s, identity([...stack, m, columns[0] ?? 0], a.dtype), identity([...stack, columns[1] ?? 0, n], a.dtype)]
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
  options: Pick<SvdOptions, 'fullMatrices'> = {},
): [u: NDArray, s: NDArray, vt: NDArray] => {
  const { fullMatrices = true } = checkOptions('svd', options, 'fullMatrices')
  const [s, u, vt] = bind(svdPrimitive, [asArray(a, 'svd')], { fullMatrices, computeUv: true })
  return [known(u, 'u'), known(s, 'singular values'), known(vt, 'vt')]
}

/** Singular values of matrices `[..., m, n]` in descending order; see `svd`. */
export const singularValues = (a: ArrayLike): NDArray =>
  known(bind(svdPrimitive, [asArray(a, 'svd')], { fullMatrices: false, computeUv: false })[0], 'singular values')
