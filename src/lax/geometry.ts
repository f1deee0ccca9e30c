/** Windows that slide over arrays: sizes, padding and index arithmetic shared by pooling and convolution. */
import { type Draw, type Expression, ArgumentError, e, known } from '../core/index.js'

/** Padding by name, or low and high for each axis; negative padding crops. */
export type Padding = 'SAME' | 'VALID' | 'SAME_LOWER' | readonly (readonly [low: number, high: number])[]

/** Size of an axis after `dilation - 1` holes were put between its elements. */
export const dilatedSize = (size: number, dilation: number): number => (size === 0 ? 0 : (size - 1) * dilation + 1)

/** Number of windows of `window` elements that start every `stride` elements and fit in `size`. */
export const windowCount = (size: number, window: number, stride: number): number =>
  size < window ? 0 : Math.floor((size - window) / stride) + 1

/** Throws ArgumentError unless there is one positive (or, on request, non-negative) integer per axis. */
export const checkPerAxis = (
  values: readonly number[],
  rank: number,
  operation: string,
  name: string,
  least: 0 | 1 = 1,
): readonly number[] => {
  if (values.length !== rank || values.some((v) => !Number.isInteger(v) || v < least)) {
    throw new ArgumentError(
      `${operation}: ${name} [${values.join(',')}] must hold ${rank} integers of at least ${least}, one per ` +
        `${operation.startsWith('conv') ? 'spatial axis' : 'axis of the operand'}.`,
    )
  }
  return values
}

/**
 * Low and high padding per axis. SAME gives `ceil(size / stride)` windows and puts an odd element at the end
 * (SAME_LOWER at the start), VALID pads nothing. `sizes` and `windows` are the dilated ones.
 */
export const resolvePadding = (
  padding: Padding,
  sizes: readonly number[],
  windows: readonly number[],
  strides: readonly number[],
  operation: string,
): readonly (readonly [number, number])[] => {
  if (typeof padding !== 'string') {
    if (padding.length !== sizes.length || padding.some((p) => p.length !== 2 || !p.every(Number.isInteger))) {
      throw new ArgumentError(
        `${operation}: padding ${JSON.stringify(padding)} must be 'SAME', 'VALID', 'SAME_LOWER', or ${sizes.length} ` +
          `pairs [low, high] of integers, one per axis that the window slides over.`,
      )
    }
    return padding.map(([low, high]) => [low, high])
  }
  const name = padding.toUpperCase()
  if (name === 'VALID') return sizes.map(() => [0, 0])
  if (name !== 'SAME' && name !== 'SAME_LOWER') {
    throw new ArgumentError(`${operation}: padding '${padding}' is not one of 'SAME', 'VALID', 'SAME_LOWER'.`)
  }
  return sizes.map((size, d) => {
    const stride = known(strides[d], 'stride')
    const total = Math.max((Math.ceil(size / stride) - 1) * stride + known(windows[d], 'window') - size, 0)
    const smaller = Math.floor(total / 2)
    return name === 'SAME' ? [smaller, total - smaller] : [total - smaller, smaller]
  })
}

/** An index that may be read, and whether the element there is meant. */
export interface GuardedIndex {
  readonly index: Expression
  readonly inside: Expression
}

const both = (a: Expression, b: Expression): Expression => e.binary('and', a, b)

/** `position` of an axis of `size` elements, clamped so that reading it is safe. */
export const guarded = (position: Expression, size: number): GuardedIndex => {
  if (size === 0) return { index: e.index(0), inside: e.constant(0, 'bool') }
  return {
    index: e.binary('min', e.binary('max', position, e.index(0)), e.index(size - 1)),
    inside: both(e.compare('ge', position, e.index(0)), e.compare('lt', position, e.index(size))),
  }
}

/** Element of an axis at a position of the dilated axis; holes and padding are outside. */
export const guardedDilated = (position: Expression, size: number, dilation: number): GuardedIndex => {
  if (dilation === 1) return guarded(position, size)
  const d = e.index(dilation)
  const { index, inside } = guarded(e.binary('div', position, d), size)
  // Division truncates, so a negative position is told by its own sign.
  const element = both(e.compare('ge', position, e.index(0)), e.compare('eq', e.binary('rem', position, d), e.index(0)))
  return { index, inside: both(inside, element) }
}

/** All of several conditions. */
export const allOf = (conditions: readonly Expression[]): Expression => conditions.reduce(both, e.constant(1, 'bool'))

/** How windows lie over an array, one entry per axis. */
export interface WindowParams {
  readonly windowDimensions: readonly number[]
  readonly windowStrides: readonly number[]
  readonly padding: readonly (readonly [low: number, high: number])[]
  /** Distance of neighbouring elements of the operand; the holes between them are outside. */
  readonly baseDilation: readonly number[]
  /** Distance of neighbouring elements of a window. */
  readonly windowDilation: readonly number[]
}

/** Number of windows along each axis of an array. */
export const windowedShape = (shape: readonly number[], params: WindowParams): number[] =>
  shape.map((size, d) => {
    const [low, high] = known(params.padding[d], 'padding')
    const padded = dilatedSize(size, known(params.baseDilation[d], 'dilation')) + low + high
    const window = dilatedSize(known(params.windowDimensions[d], 'window'), known(params.windowDilation[d], 'dilation'))
    return windowCount(padded, window, known(params.windowStrides[d], 'stride'))
  })

/** Index of an element of a window, safe to read, and whether it is one. */
export const windowElement = (
  shape: readonly number[],
  params: WindowParams,
  window: readonly Expression[],
  inner: readonly Expression[],
): { readonly index: readonly Expression[]; readonly inside: Expression } => {
  const at = shape.map((size, d) => {
    const start = e.binary('mul', known(window[d], 'index'), e.index(known(params.windowStrides[d], 'stride')))
    const offset = e.binary('mul', known(inner[d], 'index'), e.index(known(params.windowDilation[d], 'dilation')))
    const low = e.index(known(params.padding[d], 'padding')[0])
    const position = e.binary('sub', e.binary('add', start, offset), low)
    return guardedDilated(position, size, known(params.baseDilation[d], 'dilation'))
  })
  return { index: at.map((a) => a.index), inside: allOf(at.map((a) => a.inside)) }
}

/** The windows with a batch axis in front that they don't extend over. */
export const batchedWindow = <P extends WindowParams>(params: P): P => ({
  ...params,
  windowDimensions: [1, ...params.windowDimensions],
  windowStrides: [1, ...params.windowStrides],
  padding: [[0, 0], ...params.padding],
  baseDilation: [1, ...params.baseDilation],
  windowDilation: [1, ...params.windowDilation],
})

/** Windows over a shape, for the law tests. Without holes there are no windows without elements. */
export const sampleWindow = (
  draw: Draw,
  holes = draw.integer(0, 2) === 0,
): { readonly shape: number[]; readonly params: WindowParams } => {
  const shape = draw.shape({ minRank: 1, maxRank: 3, nonEmpty: !holes })
  const perAxis = (min: number, max: number): number[] => shape.map(() => draw.integer(min, max))
  const windowDimensions = perAxis(1, 3)
  return {
    shape,
    params: {
      windowDimensions,
      windowStrides: perAxis(1, 3),
      padding: windowDimensions.map((size): [number, number] => {
        const most = holes ? 2 : size - 1
        return [draw.integer(holes ? -1 : 0, most), draw.integer(0, most)]
      }),
      baseDilation: holes ? perAxis(1, 2) : shape.map(() => 1),
      windowDilation: holes ? perAxis(1, 2) : shape.map(() => 1),
    },
  }
}
