/**
 * Convolutions from the side of the input: first the products of every element with the whole kernel, one matrix product that
 * reads the input in place; then every element of the result gathers the products that meet there. An input with holes is
 * never filled with zeros, and a result of few features is not paid for with windows of many.
 */
import {
  type DType,
  type Delayed,
  type Expression,
  type Lowering,
  type ShapedArray,
  e,
  isHalf,
  known,
  range,
  shapedArray,
  sizeOf,
} from '../core/index.js'
import { type ConvolutionParams, type KernelSide, sizesAlong, splitSpec } from './convolution-numbers.js'
import { allOf, guarded } from './geometry.js'

/** Kernels of more places than this are not written out. */
const mostPlaces = 25
/** Fewer features than this are not worth a vector: positions are neighbours in memory instead. */
const fewFeatures = 8

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b))

/** One place of the kernel along an axis: the element of the input that it takes is `step * quotient + start`. */
interface Place {
  readonly at: number
  readonly step: number
  readonly start: number
}

/** Places of the kernel along an axis that meet elements, for every remainder of the result's index by their number. */
const placesAlong = (params: ConvolutionParams, kernel: number, d: number): readonly (readonly Place[])[] => {
  const stride = known(params.windowStrides[d], 'stride')
  const holes = known(params.lhsDilation[d], 'dilation')
  const spread = known(params.rhsDilation[d], 'dilation')
  const [low] = known(params.padding[d], 'padding')
  const period = holes / greatestDivisor(holes, stride)
  return range(period).map((remainder) =>
    range(kernel).flatMap((at): Place[] => {
      const position = remainder * stride + at * spread - low
      return position % holes === 0 ? [{ at, step: (period * stride) / holes, start: position / holes }] : []
    }),
  )
}

/** Whether a convolution is better computed this way; `input` and `result` are spatial sizes. */
export const isGathered = (
  { windowStrides, lhsDilation, batchGroupCount }: ConvolutionParams,
  { sizes, inputs, outputs }: KernelSide,
  input: readonly number[],
  result: readonly number[],
  dtype: DType,
): boolean => {
  if (batchGroupCount > 1 || isHalf(dtype) || dtype === 'int8' || dtype === 'uint8') return false
  if (sizeOf(sizes) > mostPlaces || sizeOf(sizes) === 1) return false
  const hasHoles = lhsDilation.some((n) => n > 1) && 2 * sizeOf(input) <= sizeOf(result)
  return hasHoles || (windowStrides.every((n) => n === 1) && 4 * outputs <= inputs)
}

/** The result of a convolution, element by element from the products of the input with the kernel. */
export const lowerGathered = (
  compiler: Lowering,
  lhs: Delayed,
  params: ConvolutionParams,
  aval: ShapedArray,
  kernel: KernelSide,
): Delayed => {
  const { lhsSpec, outSpec } = params.dimensionNumbers
  const [lhsBatch, lhsFeature, lhsSpatial] = splitSpec(lhsSpec)
  const [outBatch, outFeature, outSpatial] = splitSpec(outSpec)
  const { sizes, inputs, outputs, groups, weight } = kernel
  const rank = sizes.length
  const members = known(lhs.aval.shape[lhsBatch], 'size')
  const input = sizesAlong(lhs.aval.shape, lhsSpatial)
  const at = (index: readonly Expression[], i: number): Expression => known(index[i], 'index')
  const element = (g: Expression, n: Expression, i: readonly Expression[], c: Expression): Expression => {
    const index = new Array<Expression>(lhs.aval.shape.length).fill(e.index(0))
    index[lhsBatch] = n
    index[lhsFeature] = groups > 1 ? e.binary('add', e.binary('mul', g, e.index(inputs)), c) : c
    lhsSpatial.forEach((axis, d) => {
      index[axis] = at(i, d)
    })
    return lhs.at(index)
  }
  const zero = e.index(0)
  const featuresFirst = groups === 1 && (outFeature < Math.max(...outSpatial) || outputs < fewFeatures)
  const weights = (g: Expression, kernelAndFeature: readonly Expression[], inner: readonly Expression[]): Expression =>
    weight(g, at(kernelAndFeature, rank), at(inner, 0), kernelAndFeature.slice(0, rank))
  const places = [...sizes, outputs]
  const products = featuresFirst
    ? compiler.contract({
        batch: [members],
        rows: places,
        columns: input,
        inner: [inputs],
        dtype: aval.dtype,
        left: (_, kernelAndFeature, inner) => weights(zero, kernelAndFeature, inner),
        right: ([n], i, inner) => element(zero, known(n, 'member'), i, at(inner, 0)),
      })
    : compiler.contract({
        batch: groups > 1 ? [groups] : [],
        rows: [members, ...input],
        columns: places,
        inner: [inputs],
        dtype: aval.dtype,
        left: (batch, [n, ...i], inner) => element(batch[0] ?? zero, known(n, 'member'), i, at(inner, 0)),
        right: (batch, kernelAndFeature, inner) => weights(batch[0] ?? zero, kernelAndFeature, inner),
      })
  const product = (g: Expression, n: Expression, i: readonly Expression[], k: readonly Expression[], o: Expression) =>
    products.at(featuresFirst ? [n, ...k, o, ...i] : [...(groups > 1 ? [g] : []), n, ...i, ...k, o])
  const meeting = sizes.map((size, d) => placesAlong(params, size, d))
  const gather = (n: Expression, feature: Expression, out: readonly Expression[]): Expression => {
    const g = groups > 1 ? e.binary('div', feature, e.index(outputs)) : zero
    const o = groups > 1 ? e.binary('rem', feature, e.index(outputs)) : feature
    const sum = (chosen: readonly (readonly Place[])[], quotients: readonly Expression[]): Expression => {
      let combinations: readonly (readonly Place[])[] = [[]]
      for (const list of chosen)
        combinations = combinations.flatMap((before) => list.map((place) => [...before, place]))
      return combinations.reduce<Expression>(
        (total, combination, i) => {
          const guards = combination.map(({ step, start }, d) =>
            guarded(
              e.binary('add', e.binary('mul', at(quotients, d), e.index(step)), e.index(start)),
              known(input[d], 'size'),
            ),
          )
          const value = product(
            g,
            n,
            guards.map((guard) => guard.index),
            combination.map((place) => e.index(place.at)),
            o,
          )
          const term = e.select(allOf(guards.map((guard) => guard.inside)), value, e.constant(0, aval.dtype))
          return i === 0 ? term : e.binary('add', total, term)
        },
        e.constant(0, aval.dtype),
      )
    }
    /** Chooses, axis by axis, the places for the remainder of the result's index. */
    const choose = (chosen: readonly (readonly Place[])[], quotients: readonly Expression[]): Expression => {
      const d = chosen.length
      const classes = meeting[d]
      if (classes === undefined) return sum(chosen, quotients)
      const [first = [], ...others] = classes
      if (others.length === 0) return choose([...chosen, first], [...quotients, at(out, d)])
      const period = e.index(classes.length)
      const quotient = e.binary('div', at(out, d), period)
      const remainder = e.binary('rem', at(out, d), period)
      return others.reduce<Expression>(
        (rest, list, r) =>
          e.select(
            e.compare('eq', remainder, e.index(r + 1)),
            choose([...chosen, list], [...quotients, quotient]),
            rest,
          ),
        choose([...chosen, first], [...quotients, quotient]),
      )
    }
    return choose([], [])
  }
  const picked = (index: readonly Expression[], axes: readonly number[]): Expression[] =>
    axes.map((axis) => at(index, axis))
  if (!featuresFirst || outFeature < Math.max(...outSpatial))
    return { aval, at: (index) => gather(at(index, outBatch), at(index, outFeature), picked(index, outSpatial)) }
  const axes = [outBatch, outFeature, ...outSpatial]
  const arranged = compiler.materialize({
    aval: shapedArray(sizesAlong(aval.shape, axes), aval.dtype),
    at: ([n, feature, ...out]) => gather(known(n, 'member'), known(feature, 'feature'), out),
  })
  return { aval, at: (index) => arranged.at(picked(index, axes)) }
}
