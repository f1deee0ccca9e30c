/** Discrete Fourier transforms of complex values, which are pairs of arrays. */
import {
  type ArrayLike,
  type LowerRule,
  type Lowering,
  type NDArray,
  type Primitive,
  ArgumentError,
  DTypeError,
  NDArray as ArrayClass,
  ShapeError,
  avalText,
  bind,
  definePrimitive,
  isLinear,
  known,
  range,
  sameShape,
  shapeText,
  sizeOf,
} from '../core/index.js'
import { mul, neg } from './arithmetic.js'
import { numbers, zerosOf } from './broadcasting.js'
import { type Complex, onParts } from './complex-pair.js'
import { batchInFront, concatenate } from './concatenate.js'
import { type LineTransforms, transformAxis } from './fft-program.js'
import { factored } from './linalg-matrix.js'
import { asArray } from './operands.js'
import { loweredOnly, lowerAs } from './program-lowering.js'
import { rev } from './shape.js'
import { sliceInDim } from './slicing.js'

export interface FftParams {
  /** 0: `sum over j of x[j] exp(-2 pi i j k / n)`; 1: its inverse. JAX's numbers. */
  readonly fftType: 0 | 1
  /** Sizes of the last axes, which are transformed. */
  readonly fftLengths: readonly number[]
}

/** Transforms of lines by a machine that has them: of the parts of `[outer, n, inner]`, with those of the n roots of unity. */
const linesPrimitive: Primitive<Record<string, never>> = loweredOnly<Record<string, never>>({
  name: 'transform_lines',
  abstract: ([real, imag]) => [known(real, 'real part'), known(imag, 'imaginary part')],
  lower: (compiler, [x, y, p, q]) =>
    compiler.transform({
      real: known(x, 'real part'),
      imag: known(y, 'imaginary part'),
      roots: { real: known(p, 'real roots'), imag: known(q, 'imaginary roots') },
      axis: 1,
    }),
})

const lineTransforms = (compiler: Lowering): LineTransforms => ({
  canTransform: (size) => compiler.canTransform(size),
  transform: (x, roots) => {
    const outs = bind(linesPrimitive, [x.real, x.imag, roots.real, roots.imag], {})
    return { real: known(outs[0], 'real part'), imag: known(outs[1], 'imaginary part') }
  },
})

const lowerFft = (machine: LineTransforms): LowerRule<FftParams> =>
  lowerAs(([x, y], { fftType, fftLengths }) => {
    const [real, imag] = [known(x, 'real part'), known(y, 'imaginary part')]
    // The inverse is the transform of what has its parts exchanged, exchanged again, and a factor.
    const inverse = fftType === 1
    let z = inverse ? { real: imag, imag: real } : { real, imag }
    for (const d of range(fftLengths.length).reverse()) z = transformAxis(z, real.ndim - fftLengths.length + d, machine)
    if (!inverse) return [z.real, z.imag]
    const factor = 1 / sizeOf(fftLengths)
    return [mul(z.imag, factor), mul(z.real, factor)]
  })

const fftPrimitive: Primitive<FftParams> = definePrimitive<FftParams>({
  name: 'fft',
  abstract: ([x, y], { fftLengths }) => {
    const real = known(x, 'real part')
    const imag = known(y, 'imaginary part')
    if (!sameShape(real.shape, imag.shape) || real.dtype !== imag.dtype) {
      throw new ShapeError(
        `fft: the parts of complex values must have one shape and dtype, got ${avalText(real)} and ${avalText(imag)}.`,
      )
    }
    if (!factored.includes(real.dtype)) {
      throw new DTypeError(
        `fft: operands of dtype ${real.dtype} are not accepted; it takes ${factored.join(', ')}. Use np.fft, which converts.`,
      )
    }
    if (fftLengths.length < 1 || !sameShape(real.shape.slice(-fftLengths.length), fftLengths)) {
      throw new ShapeError(
        `fft: the last axes of ${avalText(real)} are transformed, so their sizes must be the lengths ${shapeText(fftLengths)}; pad or slice before.`,
      )
    }
    return [real, imag]
  },
  jvp: ([x, y], [s, t], params) => {
    const real = known(x, 'real part')
    const outs = bind(fftPrimitive, [real, known(y, 'imaginary part')], params)
    const none = (u: NDArray | null | undefined): boolean => u === null || u === undefined
    if (none(s) && none(t)) return [outs, [null, null]]
    return [outs, bind(fftPrimitive, [s ?? zerosOf(real.aval), t ?? zerosOf(real.aval)], params)]
  },
  // The matrix of the transform is symmetric, so its real transpose is that of the conjugate: the inverse, but for a factor.
  transpose: ([real, imag], inputs, params) => {
    const some = known(real ?? imag ?? undefined, 'cotangent')
    const outs = bind<FftParams>(fftPrimitive, [real ?? zerosOf(some.aval), imag ?? zerosOf(some.aval)], {
      ...params,
      fftType: params.fftType === 0 ? 1 : 0,
    })
    const count = sizeOf(params.fftLengths)
    const factor = params.fftType === 0 ? count : 1 / count
    return outs.map((out, i) => (isLinear(inputs[i]) ? mul(out, factor) : null))
  },
  batch: (inputs, axes, params, { size }) => {
    const moved = inputs.map((x, i) => batchInFront(x, axes[i], size))
    return [bind(fftPrimitive, moved, params), [0, 0]]
  },
  lower: (compiler, inputs, params, outputs) => lowerFft(lineTransforms(compiler))(compiler, inputs, params, outputs),
  parse: (printed) => ({ fftType: printed['fft_type'] === 1 ? 1 : 0, fftLengths: numbers(printed['fft_lengths']) }),
  print: ({ fftType, fftLengths }) => ({ fft_type: fftType, fft_lengths: fftLengths }),
  sample: (draw) => {
    const dtype = draw.pick(factored)
    const lengths = range(draw.integer(1, 2)).map(() => draw.integer(1, 5))
    const shape = [...draw.shape({ maxRank: 1 }), ...lengths]
    return {
      inputs: [draw.array(shape, dtype), draw.array(shape, dtype)],
      params: { fftType: draw.boolean() ? 0 : 1, fftLengths: lengths },
    }
  },
})

/** Complex values, or real ones. */
export type ComplexLike = Complex | ArrayLike

/** A transform, JAX's names: of complex values, its inverse, of real values, its inverse. */
export type FftType = 'FFT' | 'IFFT' | 'RFFT' | 'IRFFT'

/** Whether a value is a pair of parts. */
export const isComplex = (x: unknown): x is Complex =>
  typeof x === 'object' && x !== null && !(x instanceof ArrayClass) && 'real' in x && 'imag' in x

/** A value as a pair; a real one has imaginary part zero. Throws ArgumentError for anything else. */
export const asComplex = (x: ComplexLike, operation: string): Complex => {
  if (isComplex(x)) return { real: asArray(x.real, operation), imag: asArray(x.imag, operation) }
  const real = asArray(x, operation)
  return { real, imag: zerosOf(real.aval) }
}

const bindFft = ({ real, imag }: Complex, params: FftParams): Complex => {
  const outs = bind(fftPrimitive, [real, imag], params)
  return { real: known(outs[0], 'real part'), imag: known(outs[1], 'imaginary part') }
}

/** Spectra of real values from their non-negative frequencies along the last axis, whose full size is given. */
const hermitian = ({ real, imag }: Complex, size: number, transformed: number): Complex => {
  const axis = real.ndim - 1
  const half = known(real.shape[axis], 'size')
  // Frequencies of the other transformed axes change sign too.
  const others = range(transformed - 1).map((d) => axis - 1 - d)
  const mirrored = (x: NDArray): NDArray => {
    const tail = rev(sliceInDim(x, 1, 1 + size - half, { axis }), [axis])
    return others.reduce((y, d) => {
      const first = sliceInDim(y, 0, 1, { axis: d })
      return concatenate([first, rev(sliceInDim(y, 1, known(y.shape[d], 'size'), { axis: d }), [d])], d)
    }, tail)
  }
  if (size === half) return { real, imag }
  return {
    real: concatenate([real, mirrored(real)], axis),
    imag: concatenate([imag, neg(mirrored(imag))], axis),
  }
}

/**
 * Fourier transform over the last axes, whose sizes are `fftLengths`: 'FFT' of complex values, without a factor, and its
 * inverse 'IFFT' with the factor 1 / n; 'RFFT' of real values, of which it gives the non-negative frequencies of the last
 * axis, and its inverse 'IRFFT', which gives real values (of that axis the length is that of the result).
 * Complex values are pairs `{real, imag}`; arrays count as real. Any length; powers of small primes are fastest.
 *
 * Throws ShapeError when sizes are not the lengths, DTypeError unless parts are float32 or float64.
 *
 * @example
 * ```ts
 * const { real, imag } = lax.fft(np.array([1, 0, 0, 0]), 'FFT', [4]) // [1, 1, 1, 1], [0, 0, 0, 0]
 * ```
 */
export function fft(x: ComplexLike, fftType: 'FFT' | 'IFFT' | 'RFFT', fftLengths: readonly number[]): Complex
export function fft(x: ComplexLike, fftType: 'IRFFT', fftLengths: readonly number[]): NDArray
export function fft(x: ComplexLike, fftType: FftType, fftLengths: readonly number[]): Complex | NDArray {
  const last = fftLengths.at(-1)
  if (last === undefined) return isComplex(x) ? x : asComplex(x, 'fft')
  switch (fftType) {
    case 'FFT':
      return bindFft(asComplex(x, 'fft'), { fftType: 0, fftLengths })
    case 'IFFT':
      return bindFft(asComplex(x, 'fft'), { fftType: 1, fftLengths })
    case 'RFFT': {
      if (isComplex(x)) throw new DTypeError(`fft: 'RFFT' transforms real values, got a complex pair; use 'FFT'.`)
      const all = bindFft(asComplex(x, 'fft'), { fftType: 0, fftLengths })
      return onParts(all, (part) => sliceInDim(part, 0, Math.floor(last / 2) + 1, { axis: -1 }))
    }
    case 'IRFFT': {
      const given = asComplex(x, 'fft')
      if (given.real.shape.at(-1) !== Math.floor(last / 2) + 1) {
        throw new ShapeError(
          `fft: real values of length ${last} have ${Math.floor(last / 2) + 1} non-negative frequencies, got ${avalText(given.real.aval)}.`,
        )
      }
      return bindFft(hermitian(given, last, fftLengths.length), { fftType: 1, fftLengths }).real
    }
    default:
      throw new ArgumentError(
        `fft: '${String(fftType)}' is not a transform; there are 'FFT', 'IFFT', 'RFFT' and 'IRFFT'.`,
      )
  }
}
