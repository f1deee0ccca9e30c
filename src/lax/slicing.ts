/** Parts of arrays at places known when tracing, and their transpose: slice, pad, and their forms for one axis. */
import {
  type ArrayLike,
  type Expression,
  type NDArray,
  type Primitive,
  type ShapedArray,
  ArgumentError,
  DTypeError,
  ShapeError,
  avalText,
  bindOne,
  canonicalAxis,
  definePrimitive,
  dtypes,
  e,
  isLinear,
  known,
  range,
  shapeText,
  shapedArray,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import { broadcastInDim, defineLinear, filled, moveAxis, reduceSum, scalarOf, zerosOf } from './broadcasting.js'
import { select } from './comparison.js'
import { asArray, operands } from './operands.js'
import { squeeze } from './shape.js'

export interface SliceParams {
  readonly startIndices: readonly number[]
  readonly limitIndices: readonly number[]
  readonly strides: readonly number[] | null
}

const slicedShape = (operand: ShapedArray, { startIndices, limitIndices, strides }: SliceParams): number[] => {
  const rank = operand.shape.length
  const lists = [startIndices, limitIndices, ...(strides === null ? [] : [strides])]
  if (lists.some((list) => list.length !== rank)) {
    throw new ShapeError(
      `slice: ${avalText(operand)} has ${rank} axes, and needs as many starts, limits and strides; ` +
        `got ${lists.map(shapeText).join(', ')}. For one axis use lax.sliceInDim.`,
    )
  }
  return operand.shape.map((size, d) => {
    const start = known(startIndices[d], 'start')
    const limit = known(limitIndices[d], 'limit')
    const stride = strides?.[d] ?? 1
    const integers = [start, limit, stride].every(Number.isInteger)
    if (!integers || start < 0 || start > limit || limit > size || stride < 1) {
      throw new ArgumentError(
        `slice: axis ${d} of ${avalText(operand)} cannot be sliced from ${start} to ${limit} by ${stride}; ` +
          `0 <= start <= limit <= ${size} and stride >= 1 must hold. x.get(slice(...)) takes negative and too large bounds.`,
      )
    }
    return Math.ceil((limit - start) / stride)
  })
}

const slicePrimitive: Primitive<SliceParams> = defineLinear<SliceParams>({
  name: 'slice',
  passes: true,
  abstract: ([x], params) => {
    const operand = known(x, 'operand')
    return [shapedArray(slicedShape(operand, params), operand.dtype, operand.weakType)]
  },
  transpose: (ct, operand, { startIndices, strides }) =>
    pad(
      ct,
      scalarOf(0, ct),
      operand.shape.map((size, d) => {
        const start = known(startIndices[d], 'start')
        const stride = strides?.[d] ?? 1
        const taken = known(ct.shape[d], 'size')
        const end = start + (taken === 0 ? 0 : (taken - 1) * stride + 1)
        return [start, size - end, stride - 1]
      }),
    ),
  batch: (x, axis, { startIndices, limitIndices, strides }, { size }) => [
    slice(
      x,
      startIndices.toSpliced(axis, 0, 0),
      limitIndices.toSpliced(axis, 0, size),
      strides === null ? null : strides.toSpliced(axis, 0, 1),
    ),
    axis,
  ],
  lower: (_, [x], { startIndices, strides }, [out]) => {
    const operand = known(x, 'operand')
    return [
      {
        aval: known(out, 'result'),
        at: (index) =>
          operand.at(
            index.map((i, d) =>
              e.binary('add', e.binary('mul', i, e.index(strides?.[d] ?? 1)), e.index(known(startIndices[d], 'start'))),
            ),
          ),
      },
    ]
  },
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 3 })
    const startIndices = shape.map((size) => draw.integer(0, size))
    const limitIndices = shape.map((size, d) => draw.integer(startIndices[d] ?? 0, size))
    const strides = draw.boolean() ? shape.map(() => draw.integer(1, 3)) : null
    return { inputs: [draw.array(shape, draw.pick(dtypes))], params: { startIndices, limitIndices, strides } }
  },
})

/** Options of `slice`. */
export interface SliceOptions {
  /** Every how many elements one is taken (1 along each axis). */
  readonly strides?: readonly number[] | null
}

const isStrides = (given: readonly number[] | SliceOptions | null): given is readonly number[] => Array.isArray(given)

/**
 * The elements from `startIndices` up to, but without, `limitIndices`, every `strides`-th, on each axis.
 *
 * Throws ArgumentError unless `0 <= start <= limit <= size`.
 *
 * @example
 * ```ts
 * lax.slice(np.arange(6), [1], [6], [2]).js() // [1, 3, 5]
 * ```
 */
export const slice = (
  operand: ArrayLike,
  startIndices: readonly number[],
  limitIndices: readonly number[],
  strides: readonly number[] | SliceOptions | null = null,
): NDArray => {
  const steps =
    strides === null || isStrides(strides) ? strides : (checkOptions('slice', strides, 'strides').strides ?? null)
  return bindOne(slicePrimitive, [asArray(operand, 'slice')], { startIndices, limitIndices, strides: steps })
}

/**
 * A slice of one axis; negative bounds count from its end, null is the beginning or the end.
 *
 * @example
 * ```ts
 * lax.sliceInDim(np.arange(6), -3, null).js() // [3, 4, 5]
 * ```
 */
export const sliceInDim = (
  operand: ArrayLike,
  startIndex: number | null,
  limitIndex: number | null,
  options: { readonly stride?: number; readonly axis?: number } = {},
): NDArray => {
  checkOptions('sliceInDim', options, 'stride axis')
  const x = asArray(operand, 'sliceInDim')
  const axis = canonicalAxis(options.axis ?? 0, x.ndim, 'sliceInDim')
  const size = known(x.shape[axis], 'size')
  const bound = (i: number): number => (i < 0 ? i + size : i)
  const start = bound(startIndex ?? 0)
  const limit = bound(limitIndex ?? size)
  return slice(
    x,
    x.shape.map((_, d) => (d === axis ? start : 0)),
    x.shape.map((n, d) => (d === axis ? limit : n)),
    x.shape.map((_, d) => (d === axis ? (options.stride ?? 1) : 1)),
  )
}

/**
 * The part of an array at one index of an axis, which keeps size 1 unless `keepdims` is false.
 *
 * Throws ArgumentError when the index is outside of the axis.
 *
 * @example
 * ```ts
 * lax.indexInDim(np.arange(6), -1, { keepdims: false }).item() // 5
 * ```
 */
export const indexInDim = (
  operand: ArrayLike,
  index: number,
  options: { readonly axis?: number; readonly keepdims?: boolean } = {},
): NDArray => {
  checkOptions('indexInDim', options, 'axis keepdims')
  const x = asArray(operand, 'indexInDim')
  const axis = canonicalAxis(options.axis ?? 0, x.ndim, 'indexInDim')
  const size = known(x.shape[axis], 'size')
  const at = index < 0 ? index + size : index
  if (!Number.isInteger(index) || at < 0 || at >= size) {
    throw new ArgumentError(`indexInDim: index ${index} is out of range for axis ${axis} of ${avalText(x.aval)}.`)
  }
  const part = sliceInDim(x, at, at + 1, { axis })
  return (options.keepdims ?? true) ? part : squeeze(part, [axis])
}

/** Padding of one axis: elements before, after (negative: fewer), and between every two. */
export type AxisPadding = readonly [low: number, high: number, interior: number]

export interface PadParams {
  readonly paddingConfig: readonly AxisPadding[]
}

const noPadding: AxisPadding = [0, 0, 0]

const padPrimitive: Primitive<PadParams> = definePrimitive<PadParams>({
  name: 'pad',
  passes: true,
  abstract: ([x, value], { paddingConfig }) => {
    const operand = known(x, 'operand')
    const padding = known(value, 'padding value')
    if (padding.shape.length !== 0) {
      throw new ShapeError(`pad: the padding value must be a scalar, got ${avalText(padding)}.`)
    }
    if (padding.dtype !== operand.dtype) {
      throw new DTypeError(
        `pad: the padding value is ${avalText(padding)} and the operand ${avalText(operand)}; convert one with x.astype('...').`,
      )
    }
    if (paddingConfig.length !== operand.shape.length) {
      throw new ShapeError(
        `pad: ${avalText(operand)} needs one [low, high, interior] per axis, got ${paddingConfig.length} of them.`,
      )
    }
    const shape = operand.shape.map((size, d) => {
      const [low, high, interior] = paddingConfig[d] ?? noPadding
      const padded = low + size + Math.max(0, size - 1) * interior + high
      if (![low, high, interior].every(Number.isInteger) || interior < 0 || padded < 0) {
        throw new ArgumentError(
          `pad: axis ${d} of ${avalText(operand)} cannot be padded by [${low}, ${high}, ${interior}]; ` +
            `these are integers, interior is not negative, and no more can be cut off than there is.`,
        )
      }
      return padded
    })
    return [shapedArray(shape, operand.dtype, operand.weakType && padding.weakType)]
  },
  jvp: ([x, value], [t, tValue], { paddingConfig }) => {
    const operand = known(x, 'operand')
    const padding = known(value, 'padding value')
    return [
      [pad(operand, padding, paddingConfig)],
      [pad(t ?? zerosOf(operand.aval), tValue ?? zerosOf(padding.aval), paddingConfig)],
    ]
  },
  transpose: ([c], [x, value], { paddingConfig }) => {
    const ct = known(c ?? undefined, 'cotangent')
    const operand = known(x, 'operand').aval
    return [
      isLinear(x) ? unpad(ct, paddingConfig) : null,
      isLinear(value) ? sumOf(select(insideMask(operand.shape, paddingConfig), zerosOf(ct.aval), ct)) : null,
    ]
  },
  batch: ([x, value], [axis, valueAxis], { paddingConfig }, { size }) => {
    const operand = known(x, 'operand')
    const padding = known(value, 'padding value')
    if (valueAxis === null || valueAxis === undefined) {
      const at = known(axis ?? undefined, 'batch axis')
      return [[pad(operand, padding, paddingConfig.toSpliced(at, 0, noPadding))], [at]]
    }
    // Each member has its own padding value: pad with zeros and put the values where padding is.
    const batched =
      axis === null || axis === undefined
        ? broadcastInDim(
            operand,
            [size, ...operand.shape],
            range(operand.ndim).map((d) => d + 1),
          )
        : moveAxis(operand, axis, 0)
    const config = [noPadding, ...paddingConfig]
    const padded = pad(batched, scalarOf(0, batched), config)
    return [[select(insideMask(batched.shape, config), padded, broadcastInDim(padding, padded.shape, [0]))], [0]]
  },
  lower: (_, [x, value], { paddingConfig }, [out]) => {
    const operand = known(x, 'operand')
    const padding = known(value, 'padding value')
    if (sizeOf(operand.aval.shape) === 0) return [{ aval: known(out, 'result'), at: () => padding.at([]) }]
    const at = (index: readonly Expression[]): Expression => {
      let inside = e.constant(1, 'bool')
      const source = operand.aval.shape.map((size, d) => {
        const [low, , interior] = paddingConfig[d] ?? noPadding
        const step = e.index(interior + 1)
        const position = e.binary('sub', known(index[d], 'index'), e.index(low))
        for (const condition of [
          e.compare('ge', position, e.index(0)),
          e.compare('le', position, e.index((size - 1) * (interior + 1))),
          e.compare('eq', e.binary('rem', position, step), e.index(0)),
        ]) {
          inside = e.binary('and', inside, condition)
        }
        // Both branches of a selection may be evaluated, so the index stays inside in any case.
        return e.binary('max', e.binary('min', e.binary('div', position, step), e.index(size - 1)), e.index(0))
      })
      return e.select(inside, operand.at(source), padding.at([]))
    }
    return [{ aval: known(out, 'result'), at }]
  },
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 3 })
    const dtype = draw.pick(dtypes)
    const paddingConfig = shape.map((size): AxisPadding => {
      const interior = draw.integer(0, 2)
      const least = -Math.floor((size + Math.max(0, size - 1) * interior) / 2)
      return [draw.integer(least, 2), draw.integer(least, 2), interior]
    })
    return { inputs: [draw.array(shape, dtype), draw.array([], dtype)], params: { paddingConfig } }
  },
})

/** True where a padded array has elements of the operand. */
const insideMask = (shape: readonly number[], paddingConfig: readonly AxisPadding[]): NDArray =>
  pad(filled(1, shapedArray(shape, 'bool')), false, paddingConfig)

/** Cotangent of a padded operand: what is left when padding is cut off again. */
const unpad = (ct: NDArray, paddingConfig: readonly AxisPadding[]): NDArray => {
  const outer = paddingConfig.map(([low, high]): AxisPadding => [0 - low, 0 - high, 0])
  const inner = paddingConfig.every(([low, high]) => low === 0 && high === 0) ? ct : pad(ct, scalarOf(0, ct), outer)
  if (paddingConfig.every(([, , interior]) => interior === 0)) return inner
  return slice(
    inner,
    inner.shape.map(() => 0),
    inner.shape,
    paddingConfig.map(([, , interior]) => interior + 1),
  )
}

const sumOf = (x: NDArray): NDArray => reduceSum(x, range(x.ndim))

/**
 * Puts `low` padding values before each axis, `high` after it, and `interior` between every two elements.
 * Negative `low` and `high` cut elements off. The padding value is a scalar of the operand's dtype.
 *
 * Throws ShapeError without one triple per axis, ArgumentError when more is cut off than there is.
 *
 * @example
 * ```ts
 * lax.pad(np.array([1, 2, 3]), 0, [[1, -1, 1]]).js() // [0, 1, 0, 2, 0]
 * ```
 */
export const pad = (operand: ArrayLike, paddingValue: ArrayLike, paddingConfig: readonly AxisPadding[]): NDArray => {
  const [x, value] = operands('pad', [operand, paddingValue])
  return bindOne(padPrimitive, [known(x, 'operand'), known(value, 'padding value')], { paddingConfig })
}
