/** Discrete Fourier transforms as programs of matrix products, or of transforms that a machine has: the lowering of lax.fft. */
import { type DType, type NDArray, known, sizeOf } from '../core/index.js'
import { add, div, mul, neg, rem, sub } from './arithmetic.js'
import { broadcastInDim, moveAxis, reshape, scalarOf, transpose, zerosOf } from './broadcasting.js'
import { eq, select } from './comparison.js'
import { type Complex, conjugate, onParts, times } from './complex-pair.js'
import { concatenate } from './concatenate.js'
import { dotGeneral } from './contraction.js'
import { convertElementType } from './operands.js'
import { broadcastedIota, rev } from './shape.js'
import { pad, sliceInDim } from './slicing.js'
import { cos, sin } from './trigonometric.js'

/** Transforms up to this size are one matrix product. */
const largestRadix = 64

/** What a stage costs besides its radix: a pass over memory, in multiplications per element. */
const stageOverhead = 10

/** Sizes of the matrix products that a transform of size n is made of, or nothing when a prime factor is too large. */
export const radices = (n: number): readonly number[] | undefined => {
  const found = new Map<number, { readonly cost: number; readonly factors: readonly number[] } | undefined>()
  const best = (size: number): { readonly cost: number; readonly factors: readonly number[] } | undefined => {
    if (size === 1) return { cost: 0, factors: [] }
    if (found.has(size)) return found.get(size)
    let least: { readonly cost: number; readonly factors: readonly number[] } | undefined
    for (let radix = 2; radix <= Math.min(size, largestRadix); radix++) {
      if (size % radix !== 0) continue
      const rest = best(size / radix)
      if (rest === undefined) continue
      const cost = rest.cost + radix + stageOverhead
      if (least === undefined || cost < least.cost) least = { cost, factors: [radix, ...rest.factors] }
    }
    found.set(size, least)
    return least
  }
  return best(n)?.factors
}

/** `exp(-2 pi i m / n)` for integers m, 0 <= m < n; the angle is reduced to an eighth of a turn exactly. */
const rootsOfUnity = (m: NDArray, n: number, dtype: DType): Complex => {
  const quarters = div(add(mul(m, 4), Math.floor(n / 2)), n)
  const angle = mul(convertElementType(sub(mul(m, 4), mul(quarters, n)), dtype), Math.PI / 2 / n)
  const [c, s] = [cos(angle), sin(angle)]
  const turn = rem(quarters, 4)
  const is = (k: number): NDArray => eq(turn, k)
  const real = select(is(0), c, select(is(1), neg(s), select(is(2), neg(c), s)))
  const imaginary = select(is(0), s, select(is(1), c, select(is(2), neg(s), neg(c))))
  return { real, imag: neg(imaginary) }
}

/** `(x * y) mod n` of integers below n, without overflow: bits of y are taken in groups. */
const productModulo = (x: NDArray, y: NDArray, n: number): NDArray => {
  const bits = Math.max(1, 30 - Math.ceil(Math.log2(n + 1)))
  const group = 2 ** bits
  let result = zerosOf(x.aval)
  for (let k = Math.ceil(Math.log2(n + 1) / bits) - 1; k >= 0; k--) {
    const digit = rem(div(y, group ** k), group)
    result = rem(add(mul(result, group), mul(x, digit)), n)
  }
  return result
}

/** The matrix of a transform of stacked parts: `[re; im]` of size 2n from `[re; im]`. */
const transformMatrix = (n: number, dtype: DType): NDArray => {
  const roots = rootsOfUnity(
    rem(mul(broadcastedIota('int32', [n, n], 0), broadcastedIota('int32', [n, n], 1)), n),
    n,
    dtype,
  )
  const top = concatenate([roots.real, neg(roots.imag)], 1)
  return concatenate([top, concatenate([roots.imag, roots.real], 1)], 0)
}

/** Transform along axis 0 of `[n, m]` as one matrix product. */
const byMatrix = (x: Complex, n: number): Complex => {
  const stacked = concatenate([x.real, x.imag], 0)
  const y = dotGeneral(transformMatrix(n, x.real.dtype), stacked, [
    [[1], [0]],
    [[], []],
  ])
  return { real: sliceInDim(y, 0, n), imag: sliceInDim(y, n, 2 * n) }
}

/**
 * Transform along axis 0 of `[n, m]` for n = n1 n2 (Cooley and Tukey, 1965): of size n1 over the slow part of the index,
 * a twist, then of size n2 over the fast part.
 */
const bySplitting = (x: Complex, factors: readonly number[]): Complex => {
  const [first = 1, ...others] = factors
  const [n, m] = [known(x.real.shape[0], 'size'), known(x.real.shape[1], 'columns')]
  if (others.length === 0) return byMatrix(x, first)
  const rest = n / first
  const y = byMatrix(
    onParts(x, (part) => reshape(part, [first, rest * m])),
    first,
  )
  const shape = [first, rest, m]
  const index = mul(broadcastedIota('int32', [first, rest], 0), broadcastedIota('int32', [first, rest], 1))
  const twist = onParts(rootsOfUnity(index, n, x.real.dtype), (part) => broadcastInDim(part, shape, [0, 1]))
  const twisted = times(
    onParts(y, (part) => reshape(part, shape)),
    twist,
  )
  const turned = onParts(twisted, (part) => reshape(transpose(part, [1, 0, 2]), [rest, first * m]))
  return onParts(bySplitting(turned, others), (part) => reshape(part, [n, m]))
}

/** Transforms that a machine has. */
export interface LineTransforms {
  /** Whether lines of this size have one. */
  readonly canTransform: (size: number) => boolean
  /** Along axis 1 of `[outer, n, inner]`, given the n roots of unity. */
  readonly transform: (x: Complex, roots: Complex) => Complex
}

/** Sizes of the two transforms that one is done by, as equal as they can be, so that there are many lines each time. */
const halves = (n: number, { canTransform }: LineTransforms): readonly [number, number] | undefined => {
  for (let first = Math.floor(Math.sqrt(n)); first > 1; first--) {
    if (n % first === 0 && canTransform(first) && canTransform(n / first)) return [n / first, first]
  }
  return undefined
}

/** Transform along axis 1 of `[outer, n, inner]` by those that the machine has: one, or two with a twist in between, if it can. */
const byLines = (x: Complex, machine: LineTransforms): Complex | undefined => {
  const [outer = 1, n = 1, inner = 1] = x.real.shape
  const { dtype } = x.real
  if (machine.canTransform(n)) return machine.transform(x, rootsOfUnity(broadcastedIota('int32', [n], 0), n, dtype))
  const [slow, fast] = halves(n, machine) ?? []
  if (slow === undefined || fast === undefined) return undefined
  const line = (parts: Complex, shape: readonly number[]): Complex | undefined =>
    byLines(
      onParts(parts, (part) => reshape(part, [...shape])),
      machine,
    )
  const first = line(x, [outer, slow, fast * inner])
  if (first === undefined) return undefined
  const index = mul(broadcastedIota('int32', [slow, fast], 0), broadcastedIota('int32', [slow, fast], 1))
  const shape = [outer, slow, fast, inner]
  const twist = onParts(rootsOfUnity(index, n, dtype), (part) => broadcastInDim(part, shape, [1, 2]))
  const twisted = times(
    onParts(first, (part) => reshape(part, shape)),
    twist,
  )
  const second = line(twisted, [outer * slow, fast, inner])
  if (second === undefined) return undefined
  return onParts(second, (part) => reshape(transpose(reshape(part, shape), [0, 2, 1, 3]), [outer, n, inner]))
}

/** Transform along axis 0 of `[n, m]`, where n has small factors. */
const byFactors = (x: Complex, factors: readonly number[], machine: LineTransforms): Complex => {
  const done = byLines(
    onParts(x, (part) => reshape(part, [1, ...part.shape])),
    machine,
  )
  return done === undefined ? bySplitting(x, factors) : onParts(done, (part) => reshape(part, x.real.shape))
}

/** Transform along axis 0 of `[n, m]` for any n, as a convolution with a chirp: Bluestein (1970). */
const byChirp = (x: Complex, n: number, machine: LineTransforms): Complex => {
  const [, m] = x.real.shape
  const columns = known(m, 'columns')
  const { dtype } = x.real
  let size = 1
  while (size < 2 * n - 1) size *= 2
  const factors = known(radices(size), 'factors of a power of two')
  const k = broadcastedIota('int32', [n], 0)
  const chirp = rootsOfUnity(productModulo(k, k, 2 * n), 2 * n, dtype)
  const zero = scalarOf(0, { dtype })
  const asColumns = (part: NDArray): NDArray => broadcastInDim(part, [known(part.shape[0], 'size'), columns], [0])
  const weighted = onParts(times(x, onParts(chirp, asColumns)), (part) =>
    pad(part, zero, [
      [0, size - n, 0],
      [0, 0, 0],
    ]),
  )
  // The chirp's conjugate at -n+1 .. n-1, wrapped around.
  const wrapped = onParts(conjugate(chirp), (part) => {
    const behind = rev(sliceInDim(part, 1, n), [0])
    return concatenate([pad(part, zero, [[0, size - 2 * n + 1, 0]]), behind], 0)
  })
  const kernel = byFactors(
    onParts(wrapped, (part) => reshape(part, [size, 1])),
    factors,
    machine,
  )
  const spectrum = times(
    byFactors(weighted, factors, machine),
    onParts(kernel, (part) => asColumns(reshape(part, [size]))),
  )
  const convolved = onParts(conjugate(byFactors(conjugate(spectrum), factors, machine)), (part) =>
    sliceInDim(mul(part, 1 / size), 0, n),
  )
  return times(convolved, onParts(chirp, asColumns))
}

/** The transform, without a factor, along one axis of arrays of any rank. */
export const transformAxis = (x: Complex, axis: number, machine: LineTransforms): Complex => {
  const { shape } = x.real
  const n = known(shape[axis], 'size')
  if (n < 2) return x
  const lines = [sizeOf(shape.slice(0, axis)), n, sizeOf(shape.slice(axis + 1))]
  const direct = byLines(
    onParts(x, (part) => reshape(part, lines)),
    machine,
  )
  if (direct !== undefined) return onParts(direct, (part) => reshape(part, shape))
  const others = shape.filter((_, d) => d !== axis)
  const flat = onParts(x, (part) => reshape(moveAxis(part, axis, 0), [n, sizeOf(others)]))
  const factors = radices(n)
  const y = factors === undefined ? byChirp(flat, n, machine) : bySplitting(flat, factors)
  return onParts(y, (part) => moveAxis(reshape(part, [n, ...others]), 0, axis))
}
