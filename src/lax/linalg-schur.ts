/** Complex Schur form of general matrices: Hessenberg form, then QR steps with Wilkinson's shifts. */
import { type NDArray, dtypeEpsilon, known } from '../core/index.js'
import { add, div, mul, rem, sub } from './arithmetic.js'
import { broadcastInDim, filled, moveAxis, reduceSum, reshape, scalarOf, transpose, zerosOf } from './broadcasting.js'
import { bitwiseAnd, eq, ge, gt, le, lt, select } from './comparison.js'
import {
  type Complex,
  chosen,
  complex,
  conjugate,
  minus,
  modulus,
  negated,
  onParts,
  plus,
  quotient,
  scaled,
  squareRoot,
  times,
} from './complex-pair.js'
import { concatenate } from './concatenate.js'
import { dynamicIndexInDim } from './dynamic-slicing.js'
import { columnIndex, identity, keepWhere, rowIndex, sizesOf, transposed } from './linalg-matrix.js'
import { applyReflections, reflected, reflectionOf } from './linalg-qr.js'
import { repeat, repeatWhile } from './program-lowering.js'
import { reduceMax, reduceOr } from './reductions.js'
import { broadcastedIota } from './shape.js'
import { pad, sliceInDim } from './slicing.js'

/** `a = q h q^H` with unitary `q` and upper triangular `t`. */
export interface Schur {
  readonly q: Complex
  readonly t: Complex
}

/** Steps per eigenvalue after which an iteration gives up; two or three are usual. */
const stepsPerEigenvalue = 30

/** Real matrices `[s, n, n]` turned into ones with zeros below the first subdiagonal, by reflections from both sides. */
const hessenberg = (a: NDArray): { readonly h: NDArray; readonly q: NDArray } => {
  const [n] = sizesOf(a)
  const eye = identity(a.shape, a.dtype)
  if (n < 3) return { h: a, q: eye }
  const { carries, stacked } = repeat(n - 2, [a], (k, [current]) => {
    const matrix = known(current, 'matrix')
    const { vector, factor } = reflectionOf(dynamicIndexInDim(matrix, k, { axis: 2 }), add(k, 1))
    const left = reflected(matrix, vector, factor)
    return { carries: [transposed(reflected(transposed(left), vector, factor))], slices: [vector, factor] }
  })
  const h = known(carries[0], 'matrix')
  const reflections = { vectors: known(stacked[0], 'vectors'), factors: known(stacked[1], 'factors') }
  return { h: keepWhere(le(rowIndex(h.shape), add(columnIndex(h.shape), 1)), h), q: applyReflections(reflections, eye) }
}

/** Elements on the diagonal that many places above the main one, `[s, n]`, by their column. */
const diagonalAbove = (x: Complex, offset: number): Complex =>
  onParts(x, (part) => reduceSum(keepWhere(eq(add(rowIndex(part.shape), offset), columnIndex(part.shape)), part), [1]))

/** The block that each member works on: rows and columns `low..high`, `[s, 1]` each; `high` is 0 when it is done. */
interface Window {
  readonly low: NDArray
  readonly high: NDArray
}

/** The last block whose subdiagonal, `[s, n]` by its column, is not zero. */
const lastBlock = (connected: NDArray): Window => {
  const at = broadcastedIota('int32', connected.shape, 1)
  const zero = zerosOf(at.aval)
  const one = [known(connected.shape[0], 'stack'), 1]
  const high = reshape(reduceMax(select(connected, add(at, 1), zero), [1]), one)
  const before = bitwiseAnd(lt(add(at, 1), high), eq(connected, filled(0, connected.aval)))
  return { low: reshape(reduceMax(select(before, add(at, 1), zero), [1]), one), high }
}

/** Subdiagonal elements that are not negligible beside their neighbours on the diagonal. */
const connections = (t: Complex): NDArray => {
  const below = modulus(diagonalAbove(t, -1))
  const diagonal = modulus(diagonalAbove(t, 0))
  const next = pad(sliceInDim(diagonal, 1, known(diagonal.shape[1], 'size'), { axis: 1 }), scalarOf(0, diagonal.aval), [
    [0, 0, 0],
    [0, 1, 0],
  ])
  const size = broadcastInDim(reduceMax(diagonal, [1]), diagonal.shape, [0])
  const neighbours = add(diagonal, next)
  const beside = select(gt(neighbours, 0), neighbours, size)
  return gt(below, mul(dtypeEpsilon(below.dtype), beside))
}

/** Wilkinson's shift: the eigenvalue of the last two rows of the block that is nearer to its last element. */
const shiftOf = (t: Complex, { high }: Window, step: NDArray): Complex => {
  const one = [known(t.real.shape[0], 'stack'), 1]
  const pick = (x: Complex, column: NDArray): Complex =>
    onParts(x, (part) => {
      const here = eq(broadcastedIota('int32', part.shape, 1), broadcastInDim(column, part.shape, [0, 1]))
      return reshape(reduceSum(keepWhere(here, part), [1]), one)
    })
  const previous = sub(high, 1)
  const diagonal = diagonalAbove(t, 0)
  const a = pick(diagonal, previous)
  const d = pick(diagonal, high)
  const lower = pick(diagonalAbove(t, -1), previous)
  const outer = times(pick(diagonalAbove(t, 1), high), lower)
  const half = scalarOf(0.5, t.real.aval)
  const middle = scaled(minus(a, d), half)
  const root = squareRoot(plus(times(middle, middle), outer))
  const sum = plus(middle, root)
  const difference = minus(middle, root)
  const larger = chosen(ge(modulus(sum), modulus(difference)), sum, difference)
  const usable = gt(modulus(larger), 0)
  const ones = complex(filled(1, middle.real.aval))
  const wilkinson = minus(d, quotient(outer, chosen(usable, larger, ones)))
  const plain = chosen(usable, wilkinson, d)
  // Every tenth step breaks cycles by a shift that fits nothing.
  const odd = broadcastInDim(eq(rem(step, 10), 9), middle.real.shape, [])
  return chosen(odd, plus(d, complex(modulus(lower))), plain)
}

/** Rotations of neighbouring rows, `[n - 1, s, 1]`: rows k and k + 1 become `a* x + b* y` and `-b x + a y`. */
interface Rotations {
  readonly a: Complex
  readonly b: Complex
}

const flat = (x: Complex): readonly NDArray[] => [x.real, x.imag]
const pairAt = (list: readonly NDArray[], i: number): Complex => ({
  real: known(list[2 * i], 'real part'),
  imag: known(list[2 * i + 1], 'imaginary part'),
})

/** Rows `[n, s, m]` of the upper triangular factor of the block, and the rotations that lead to it. */
const triangulated = (
  rows: Complex,
  { low, high }: Window,
): { readonly rows: Complex; readonly rotations: Rotations } => {
  const n = known(rows.real.shape[0], 'rows')
  const first = onParts(rows, (x) => reshape(sliceInDim(x, 0, 1, { axis: 0 }), x.shape.slice(1)))
  const rest = onParts(rows, (x) => sliceInDim(x, 1, n, { axis: 0 }))
  const { carries, stacked } = repeat(
    n - 1,
    flat(first),
    (k, current, next) => {
      const x = pairAt(current, 0)
      const y = pairAt(next, 0)
      const head = (z: Complex): Complex => onParts(z, (part) => dynamicIndexInDim(part, k, { axis: 1 }))
      const [p, q] = [head(x), head(y)]
      const length = modulus({ real: modulus(p), imag: modulus(q) })
      const inside = bitwiseAnd(bitwiseAnd(ge(k, low), lt(k, high)), gt(length, 0))
      const safe = select(inside, length, filled(1, length.aval))
      const over = (z: Complex): Complex => onParts(z, (part) => div(part, safe))
      const a = chosen(inside, over(p), complex(filled(1, length.aval)))
      const b = chosen(inside, over(q), complex(zerosOf(length.aval)))
      const done = plus(times(conjugate(a), x), times(conjugate(b), y))
      const carry = plus(times(negated(b), x), times(a, y))
      return { carries: flat(carry), slices: [...flat(done), ...flat(a), ...flat(b)] }
    },
    { over: flat(rest) },
  )
  const last = onParts(pairAt(carries, 0), (x) => reshape(x, [1, ...x.shape]))
  const done = pairAt(stacked, 0)
  return {
    rows: {
      real: concatenate([done.real, last.real], 0),
      imag: concatenate([done.imag, last.imag], 0),
    },
    rotations: { a: pairAt(stacked, 1), b: pairAt(stacked, 2) },
  }
}

/** Columns (as rows `[n, s, m]`) times the inverses of the rotations, in their order. */
const rotatedColumns = (columns: Complex, { a, b }: Rotations): Complex => {
  const n = known(columns.real.shape[0], 'columns')
  const first = onParts(columns, (x) => reshape(sliceInDim(x, 0, 1, { axis: 0 }), x.shape.slice(1)))
  const rest = onParts(columns, (x) => sliceInDim(x, 1, n, { axis: 0 }))
  const { carries, stacked } = repeat(
    n - 1,
    flat(first),
    (_, current, slices) => {
      const x = pairAt(current, 0)
      const [y, p, q] = [pairAt(slices, 0), pairAt(slices, 1), pairAt(slices, 2)]
      const done = plus(times(p, x), times(q, y))
      const carry = plus(times(negated(conjugate(q)), x), times(conjugate(p), y))
      return { carries: flat(carry), slices: flat(done) }
    },
    { over: [...flat(rest), ...flat(a), ...flat(b)] },
  )
  const last = onParts(pairAt(carries, 0), (x) => reshape(x, [1, ...x.shape]))
  const done = pairAt(stacked, 0)
  return { real: concatenate([done.real, last.real], 0), imag: concatenate([done.imag, last.imag], 0) }
}

/** One QR step with a shift, `t - m = q r` and then `r q + m`, in the block of each member; `z` collects the `q`. */
const qrStep = (
  t: Complex,
  z: Complex,
  connected: NDArray,
  step: NDArray,
): { readonly t: Complex; readonly z: Complex } => {
  const { shape } = t.real
  const [n] = sizesOf(t.real)
  const onSubdiagonal = eq(rowIndex(shape), add(columnIndex(shape), 1))
  const negligible = bitwiseAnd(onSubdiagonal, broadcastInDim(eq(connected, filled(0, connected.aval)), shape, [0, 2]))
  const clean = onParts(t, (part) => select(negligible, zerosOf(part.aval), part))
  const block = lastBlock(connected)
  const shift = shiftOf(clean, block, step)
  const at = broadcastedIota('int32', connected.shape, 1)
  const inside = bitwiseAnd(bitwiseAnd(ge(at, block.low), le(at, block.high)), gt(block.high, 0))
  const onDiagonal = eq(rowIndex(shape), columnIndex(shape))
  const where = bitwiseAnd(onDiagonal, broadcastInDim(inside, shape, [0, 2]))
  const shifts = onParts(shift, (part) => keepWhere(where, broadcastInDim(part, shape, [0, 2])))
  const rowsOf = (x: NDArray): NDArray => moveAxis(x, 1, 0)
  const { rows, rotations } = triangulated(onParts(minus(clean, shifts), rowsOf), block)
  // Columns of t above those of z: both get the same rotations.
  const columns: Complex = {
    real: concatenate([transpose(rows.real, [2, 1, 0]), transpose(z.real, [2, 0, 1])], 2),
    imag: concatenate([transpose(rows.imag, [2, 1, 0]), transpose(z.imag, [2, 0, 1])], 2),
  }
  const turned = onParts(rotatedColumns(columns, rotations), (x) => transpose(x, [1, 2, 0]))
  const band = le(rowIndex(shape), add(columnIndex(shape), 1))
  return {
    t: plus(
      onParts(turned, (x) => keepWhere(band, sliceInDim(x, 0, n, { axis: 1 }))),
      shifts,
    ),
    z: onParts(turned, (x) => sliceInDim(x, n, 2 * n, { axis: 1 })),
  }
}

/** The complex Schur form of real matrices `[s, n, n]`: Golub and Van Loan, "Matrix computations", section 7.5. */
export const schur = (a: NDArray): Schur => {
  const [n] = sizesOf(a)
  const { h, q } = hessenberg(a)
  if (n < 2) return { q: complex(q), t: complex(h) }
  const done = repeatWhile(
    (carries) =>
      bitwiseAnd(
        reduceOr(connections(pairAt(carries, 0)), [0, 1]),
        lt(known(carries[4], 'count'), stepsPerEigenvalue * n),
      ),
    (carries) => {
      const count = known(carries[4], 'count')
      const t = pairAt(carries, 0)
      const next = qrStep(t, pairAt(carries, 1), connections(t), count)
      return [...flat(next.t), ...flat(next.z), add(count, 1)]
    },
    [...flat(complex(h)), ...flat(complex(q)), scalarOf(0, { dtype: 'int32' })],
  )
  const upper = le(rowIndex(h.shape), columnIndex(h.shape))
  return { q: pairAt(done, 1), t: onParts(pairAt(done, 0), (x) => keepWhere(upper, x)) }
}
