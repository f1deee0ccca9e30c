/** What the axes of a convolution's operands mean, the parameters of a convolution, and the shape of its result. */
import {
  type DType,
  type Expression,
  type ShapedArray,
  ArgumentError,
  DTypeError,
  PrintedRecord,
  ShapeError,
  avalText,
  known,
  range,
  shapedArray,
} from '../core/index.js'
import { numbers } from './broadcasting.js'
import { dilatedSize, windowCount } from './geometry.js'

/** Layouts of the left operand, the kernel and the result, as letters: `['NHWC', 'HWIO', 'NHWC']`. */
export type ConvDimensionNumbers = readonly [lhs: string, rhs: string, out: string]

/**
 * Where the axes are. `lhsSpec` and `outSpec`: batch, features, then the spatial axes; `rhsSpec`: features of the
 * result, features of the input, then the spatial axes.
 */
export interface ConvolutionSpecs {
  readonly lhsSpec: readonly number[]
  readonly rhsSpec: readonly number[]
  readonly outSpec: readonly number[]
}

export interface ConvolutionParams {
  readonly windowStrides: readonly number[]
  readonly padding: readonly (readonly [low: number, high: number])[]
  readonly lhsDilation: readonly number[]
  readonly rhsDilation: readonly number[]
  readonly dimensionNumbers: ConvolutionSpecs
  readonly featureGroupCount: number
  readonly batchGroupCount: number
  readonly preferredElementType?: DType
}

/** The kernel as lowerings see it: its sizes, and an element by group, output feature and input feature within it, and place. */
export interface KernelSide {
  readonly sizes: readonly number[]
  readonly inputs: number
  readonly outputs: number
  readonly groups: number
  readonly weight: (g: Expression, o: Expression, c: Expression, k: readonly Expression[]) => Expression
}

/** Axes of a layout: those of the two named letters, then the spatial ones in the order of the kernel's letters. */
const axesOf = (layout: string, letters: string, kernel: string): number[] => {
  const spatial = kernel.split('').filter((c) => c !== 'O' && c !== 'I')
  return [...letters.split(''), ...spatial].map((c) => layout.indexOf(c))
}

/** The axes that three layouts name. Throws ArgumentError when they don't fit together or the rank. */
export const convolutionSpecs = (layouts: ConvDimensionNumbers, rank: number, operation: string): ConvolutionSpecs => {
  const [lhs, rhs, out] = layouts
  const specs = {
    lhsSpec: axesOf(lhs, 'NC', rhs),
    rhsSpec: axesOf(rhs, 'OI', rhs),
    outSpec: axesOf(out, 'NC', rhs),
  }
  const fits = [lhs, rhs, out].every((layout) => layout.length === rank && new Set(layout).size === rank)
  const complete = Object.values(specs).every((spec) => spec.length === rank && !spec.includes(-1))
  if (!fits || !complete) {
    throw new ArgumentError(
      `${operation}: dimensionNumbers [${layouts.map((layout) => `'${layout}'`).join(', ')}] don't describe operands of rank ${rank}. ` +
        `Each layout has one letter per axis: N and C (batch, features) or O and I (features of result and input), ` +
        `and the same spatial letters in all three, such as ['NHWC', 'HWIO', 'NHWC'].`,
    )
  }
  return specs
}

/** JAX's layouts without dimension numbers: batch, features, spatial; and output features, input features, spatial. */
export const defaultSpecs = (rank: number): ConvolutionSpecs => ({
  lhsSpec: range(rank),
  rhsSpec: range(rank),
  outSpec: range(rank),
})

/** Sizes along some axes. */
export const sizesAlong = (shape: readonly number[], axes: readonly number[]): number[] =>
  axes.map((d) => known(shape[d], 'size'))

/** The first two axes of a spec, and the spatial ones. */
export const splitSpec = (spec: readonly number[]): readonly [first: number, second: number, spatial: number[]] => [
  known(spec[0], 'axis'),
  known(spec[1], 'axis'),
  spec.slice(2),
]

const checkGroups = (
  lhs: ShapedArray,
  rhs: ShapedArray,
  { dimensionNumbers, featureGroupCount, batchGroupCount }: ConvolutionParams,
): void => {
  const [batchAxis, featureAxis] = splitSpec(dimensionNumbers.lhsSpec)
  const [outAxis, inAxis] = splitSpec(dimensionNumbers.rhsSpec)
  const features = known(lhs.shape[featureAxis], 'size')
  const expected = known(rhs.shape[inAxis], 'size')
  const produced = known(rhs.shape[outAxis], 'size')
  const batch = known(lhs.shape[batchAxis], 'size')
  const operandsText = `${avalText(lhs)} and kernel ${avalText(rhs)}`
  for (const [name, count] of Object.entries({ featureGroupCount, batchGroupCount })) {
    if (!Number.isInteger(count) || count < 1) {
      throw new ArgumentError(`convGeneralDilated: ${name} is ${count}; it must be a positive integer.`)
    }
  }
  if (featureGroupCount > 1 && batchGroupCount > 1) {
    throw new ArgumentError(
      `convGeneralDilated: featureGroupCount ${featureGroupCount} and batchGroupCount ${batchGroupCount} cannot both be above 1.`,
    )
  }
  if (features !== expected * featureGroupCount) {
    throw new ShapeError(
      `convGeneralDilated: input ${operandsText} don't fit: the input has ${features} features (axis ${featureAxis}) and the ` +
        `kernel takes ${expected} (axis ${inAxis})${featureGroupCount > 1 ? ` in each of ${featureGroupCount} groups` : ''}. ` +
        `Check the layouts in dimensionNumbers and featureGroupCount.`,
    )
  }
  if (produced % (featureGroupCount * batchGroupCount) !== 0) {
    throw new ShapeError(
      `convGeneralDilated: the kernel ${avalText(rhs)} gives ${produced} features (axis ${outAxis}), which ` +
        `${featureGroupCount * batchGroupCount} groups don't divide.`,
    )
  }
  if (batch % batchGroupCount !== 0) {
    throw new ShapeError(
      `convGeneralDilated: the batch of ${avalText(lhs)} has ${batch} members (axis ${batchAxis}), which batchGroupCount ` +
        `${batchGroupCount} doesn't divide.`,
    )
  }
}

/** Aval of a convolution's result. Throws ShapeError, DTypeError or ArgumentError when the operands don't fit. */
export const convolutionAval = (lhs: ShapedArray, rhs: ShapedArray, params: ConvolutionParams): ShapedArray => {
  const { dimensionNumbers, preferredElementType } = params
  if (lhs.dtype === 'bool' || rhs.dtype === 'bool') {
    throw new DTypeError(`convGeneralDilated: bool arrays have no products and sums; convert with x.astype('...').`)
  }
  if (lhs.dtype !== rhs.dtype && preferredElementType === undefined) {
    throw new DTypeError(
      `convGeneralDilated: the input has dtype ${lhs.dtype} and the kernel ${rhs.dtype}; convert one with x.astype('...').`,
    )
  }
  checkGroups(lhs, rhs, params)
  const [batchAxis, , lhsSpatial] = splitSpec(dimensionNumbers.lhsSpec)
  const [outFeatures, , rhsSpatial] = splitSpec(dimensionNumbers.rhsSpec)
  const [outBatch, outFeature, outSpatial] = splitSpec(dimensionNumbers.outSpec)
  const shape = new Array<number>(lhs.shape.length).fill(0)
  shape[outBatch] = known(lhs.shape[batchAxis], 'size') / params.batchGroupCount
  shape[outFeature] = known(rhs.shape[outFeatures], 'size')
  outSpatial.forEach((axis, d) => {
    const size = dilatedSize(known(lhs.shape[lhsSpatial[d] ?? -1], 'size'), known(params.lhsDilation[d], 'dilation'))
    const window = dilatedSize(known(rhs.shape[rhsSpatial[d] ?? -1], 'size'), known(params.rhsDilation[d], 'dilation'))
    const [low, high] = known(params.padding[d], 'padding')
    shape[axis] = windowCount(size + low + high, window, known(params.windowStrides[d], 'stride'))
  })
  return shapedArray(shape, preferredElementType ?? lhs.dtype, lhs.weakType && rhs.weakType)
}

/** Parameters as JAX prints them. */
export const printConvolution = (params: ConvolutionParams): Readonly<Record<string, unknown>> => {
  const { lhsSpec, rhsSpec, outSpec } = params.dimensionNumbers
  return {
    batch_group_count: params.batchGroupCount,
    dimension_numbers: new PrintedRecord('ConvDimensionNumbers', {
      lhs_spec: lhsSpec,
      rhs_spec: rhsSpec,
      out_spec: outSpec,
    }),
    feature_group_count: params.featureGroupCount,
    lhs_dilation: params.lhsDilation,
    padding: params.padding,
    ...(params.preferredElementType !== undefined && { preferred_element_type: params.preferredElementType }),
    rhs_dilation: params.rhsDilation,
    window_strides: params.windowStrides,
  }
}

/** Pairs of numbers among printed parameters. */
export const numberPairs = (value: unknown): (readonly [number, number])[] =>
  (Array.isArray(value) ? value : []).map((pair) => {
    const [low = 0, high = 0] = numbers(pair)
    return [low, high]
  })

/** The parameters that `printConvolution` printed. */
export const parseConvolution = (
  printed: Readonly<Record<string, unknown>>,
  outputs: readonly ShapedArray[],
): ConvolutionParams => {
  const specs = printed['dimension_numbers']
  const spec = (name: string): number[] => (specs instanceof PrintedRecord ? numbers(specs.fields[name]) : [])
  const preferred = printed['preferred_element_type'] ?? null
  return {
    windowStrides: numbers(printed['window_strides']),
    padding: numberPairs(printed['padding']),
    lhsDilation: numbers(printed['lhs_dilation']),
    rhsDilation: numbers(printed['rhs_dilation']),
    dimensionNumbers: { lhsSpec: spec('lhs_spec'), rhsSpec: spec('rhs_spec'), outSpec: spec('out_spec') },
    featureGroupCount: Number(printed['feature_group_count'] ?? 1),
    batchGroupCount: Number(printed['batch_group_count'] ?? 1),
    ...(preferred !== null && { preferredElementType: known(outputs[0], 'result').dtype }),
  }
}
