/** Laws that every primitive obeys, stated on samples of its own valid arguments. */
import {
  type BatchAxis,
  type Draw,
  type NDArray,
  type Primitive,
  type Sample,
  type SampleArray,
  DeviceArray,
  DeviceError,
  avalText,
  bind,
  buildJaxpr,
  checkJaxpr,
  currentDevice,
  encodeHost,
  getDevice,
  isFloating,
  known,
  parseJaxpr,
  printJaxpr,
  sameAval,
  sameJaxpr,
  shapedArray,
  withDevice,
} from '../core/index.js'
import { add, concatenate, expandDims, moveAxis, mul, reduceSum, sub } from '../lax/index.js'
import { jit, jvp, vjp, vmap } from '../transforms/index.js'
import { type Tolerance, assertClose, assertCloseAsync, toleranceOf } from './compare.js'
import { sampleData } from './draw.js'

/** An array on the current device from a sample. */
export const arrayOf = ({ shape, dtype, data }: SampleArray): NDArray => {
  const device = currentDevice()
  return new DeviceArray(shapedArray(shape, dtype), device, device.fromHost(encodeHost(data, dtype), dtype))
}

/** Arrays of a sample's inputs. */
export const inputsOf = (sample: Sample<object>): NDArray[] => sample.inputs.map(arrayOf)

const apply =
  (primitive: Primitive, params: object) =>
  (...inputs: NDArray[]): NDArray[] => [...bind(primitive, inputs, params)]

const signature = (primitive: Primitive, sample: Sample<object>): string =>
  `${primitive.name} ${sample.inputs.map((x) => `${x.dtype}[${x.shape.join()}]`).join(' ')} ${JSON.stringify(sample.params, (_, v: unknown) => (typeof v === 'object' && v !== null && 'equations' in v ? 'jaxpr' : v))}`

/** The abstract rule tells the shapes and dtypes of the result. */
export const shapeLaw = (primitive: Primitive, draw: Draw): void => {
  const sample = primitive.sample(draw)
  const inputs = inputsOf(sample)
  const expected = primitive.abstract(
    inputs.map((x) => x.aval),
    sample.params,
  )
  const outs = bind(primitive, inputs, sample.params)
  expected.forEach((aval, i) => {
    const out = known(outs[i], 'output')
    if (!sameAval(aval, out.aval))
      throw new Error(
        `${signature(primitive, sample)}: abstract says ${avalText(aval)}, result is ${avalText(out.aval)}`,
      )
    if (out.dataSync().length !== out.size)
      throw new Error(`${signature(primitive, sample)}: ${out.dataSync().length} elements in ${avalText(out.aval)}`)
  })
}

/** Compiled inside a program with neighbours gives what eager evaluation gives. */
export const jitLaw = (primitive: Primitive, draw: Draw): void => {
  const sample = primitive.sample(draw)
  const inputs = inputsOf(sample)
  const f = apply(primitive, sample.params)
  const eager = f(...inputs)
  const jitted = jit(f)(...inputs)
  eager.forEach((out, i) =>
    assertClose(known(jitted[i], 'output'), out, `jit of ${signature(primitive, sample)}, output ${i}`),
  )
}

/** Another device agrees within tolerance. */
export const deviceLaw = (primitive: Primitive, draw: Draw, device: string, reference: string, scale = 1): void => {
  const sample = primitive.sample(draw)
  const run = (name: string): NDArray[] => withDevice(name, () => apply(primitive, sample.params)(...inputsOf(sample)))
  const expected = run(reference)
  run(device).forEach((out, i) => {
    const other = known(expected[i], 'output')
    assertClose(
      out,
      other,
      `${device} against ${reference}: ${signature(primitive, sample)}, output ${i}`,
      toleranceOf(other.dtype, scale),
    )
  })
}

/** Whether a device has the dtypes of a sample and of its results. */
const hasDTypes = (device: string, primitive: Primitive, sample: Sample<object>): boolean => {
  const avals = sample.inputs.map((x) => shapedArray(x.shape, x.dtype))
  try {
    for (const { dtype } of [...avals, ...primitive.abstract(avals, sample.params)]) getDevice(device).checkDType(dtype)
  } catch (error) {
    if (error instanceof DeviceError) return false
    throw error
  }
  return true
}

/**
 * The same for a device whose arrays are read asynchronously, alone and compiled inside a program. Says nothing about samples
 * of dtypes that the device lacks.
 */
export const deviceLawAsync = async (
  primitive: Primitive,
  draw: Draw,
  device: string,
  reference: string,
  scale = 1,
): Promise<void> => {
  const sample = primitive.sample(draw)
  if (!hasDTypes(device, primitive, sample)) return
  const f = apply(primitive, sample.params)
  const expected = withDevice(reference, () => f(...inputsOf(sample)))
  const [eager, jitted] = withDevice(device, () => {
    const inputs = inputsOf(sample)
    return [f(...inputs), jit(f)(...inputs)]
  })
  for (const [how, outs] of [
    ['', known(eager, 'results')],
    ['jit of ', known(jitted, 'results')],
  ] as const) {
    for (const [i, out] of outs.entries()) {
      const other = known(expected[i], 'output')
      const what = `${device} against ${reference}: ${how}${signature(primitive, sample)}, output ${i}`
      await assertCloseAsync(out, other, what, toleranceOf(other.dtype, scale))
    }
  }
}

const stack = (xs: readonly NDArray[]): NDArray =>
  concatenate(
    xs.map((x) => expandDims(x, [0])),
    0,
  )

/** vmap is a loop over the members. */
export const vmapLaw = (primitive: Primitive, draw: Draw): void => {
  const base = primitive.sample(draw)
  if (base.inputs.length === 0) return
  const size = draw.integer(1, 3)
  const mapped = base.inputs.map(() => draw.integer(0, 2) > 0)
  if (!mapped.includes(true)) mapped[0] = true
  // Members differ by cyclic shifts of the data, which keeps every member valid.
  const members = base.inputs.map((x, k) =>
    Array.from({ length: size }, (_, m) =>
      mapped[k] === true ? { ...x, data: x.data.map((__, i) => known(x.data[(i + m) % x.data.length], 'element')) } : x,
    ),
  )
  const axes = base.inputs.map((x, k): BatchAxis => (mapped[k] === true ? draw.integer(0, x.shape.length) : null))
  const f = apply(primitive, base.params)
  const inputs = members.map((list, k) => {
    const axis = axes[k]
    return axis === null || axis === undefined
      ? arrayOf(known(list[0], 'member'))
      : moveAxis(stack(list.map(arrayOf)), 0, axis)
  })
  const batched = vmap(f, { inAxes: axes })(...inputs)
  const looped = Array.from({ length: size }, (_, m) => f(...members.map((list) => arrayOf(known(list[m], 'member')))))
  batched.forEach((out, i) =>
    assertClose(
      out,
      stack(looped.map((outs) => known(outs[i], 'output'))),
      `vmap of ${signature(primitive, base)} over axes ${axes.join()}, output ${i}`,
    ),
  )
}

/** The sample in float64, or undefined when nothing in it is differentiable. */
const doubled = (primitive: Primitive, draw: Draw): Sample<object> | undefined => {
  const sample = primitive.sample(draw)
  if (!sample.inputs.some((x) => isFloating(x.dtype))) return undefined
  const inputs = sample.inputs.map((x) => (isFloating(x.dtype) ? { ...x, dtype: 'float64' as const } : x))
  try {
    primitive.abstract(
      inputs.map((x) => shapedArray(x.shape, x.dtype)),
      sample.params,
    )
  } catch {
    return undefined // not an operation on float64, such as one that fixes its dtype
  }
  return { inputs, params: sample.params }
}

const derivativeTolerance: Tolerance = { relative: 2e-5, absolute: 2e-6 }

const floatPositions = (inputs: readonly NDArray[]): number[] =>
  inputs.flatMap((x, i) => (isFloating(x.dtype) ? [i] : []))

/** The function of the float inputs to the float outputs, and a direction. */
const differentiable = (primitive: Primitive, draw: Draw) => {
  const sample = doubled(primitive, draw)
  if (sample === undefined) return undefined
  const inputs = inputsOf(sample)
  const at = floatPositions(inputs)
  const f = (...floats: NDArray[]): NDArray[] => {
    const all = [...inputs]
    at.forEach((position, k) => {
      all[position] = known(floats[k], 'input')
    })
    return bind(primitive, all, sample.params).filter((out) => out.dtype === 'float64')
  }
  const floats = at.map((i) => known(inputs[i], 'input'))
  const seed = draw.integer(0, 1_000_000)
  const directionFor = (xs: readonly NDArray[], salt: number): NDArray[] =>
    xs.map((x, k) => arrayOf({ shape: x.shape, dtype: x.dtype, data: sampleData(seed + salt + k, x.size, x.dtype) }))
  return { sample, f, floats, directionFor }
}

/** The jvp rule agrees with central differences in float64. Run it on the reference device. */
export const jvpLaw = (primitive: Primitive, draw: Draw): void => {
  const found = differentiable(primitive, draw)
  if (found === undefined) return
  const { sample, f, floats, directionFor } = found
  const direction = directionFor(floats, 0)
  const [, tangents] = jvp(f, floats, direction)
  const h = 2 ** -18
  const shifted = (step: number): NDArray[] =>
    f(...floats.map((x, k) => add(x, mul(known(direction[k], 'direction'), step))))
  const up = shifted(h)
  const down = shifted(-h)
  tangents.forEach((tangent, i) =>
    assertClose(
      tangent,
      mul(sub(known(up[i], 'output'), known(down[i], 'output')), 1 / (2 * h)),
      `jvp of ${signature(primitive, sample)}, output ${i}`,
      derivativeTolerance,
    ),
  )
}

const inner = (xs: readonly NDArray[], ys: readonly NDArray[]): number =>
  xs.reduce(
    (sum, x, i) =>
      sum +
      reduceSum(
        mul(x, known(ys[i], 'factor')),
        x.shape.map((_, d) => d),
      ).item(),
    0,
  )

/** Reverse mode is the transpose of forward mode: `<J t, c> = <t, J^T c>`. */
export const transposeLaw = (primitive: Primitive, draw: Draw): void => {
  const found = differentiable(primitive, draw)
  if (found === undefined) return
  const { sample, f, floats, directionFor } = found
  const direction = directionFor(floats, 0)
  const [outs, tangents] = jvp(f, floats, direction)
  if (outs.length === 0) return
  const cotangents = directionFor(outs, 1000)
  const [, back] = vjp(f, ...floats)
  const left = inner(tangents, cotangents)
  const right = inner(direction, back(cotangents))
  if (!(Math.abs(left - right) <= 1e-9 + 1e-9 * Math.abs(left))) {
    throw new Error(`transpose of ${signature(primitive, sample)}: <J t, c> = ${left}, but <t, J^T c> = ${right}`)
  }
}

/** What is printed can be read back, and is the same program. */
export const printLaw = (primitive: Primitive, draw: Draw): void => {
  const sample = primitive.sample(draw)
  const { jaxpr } = buildJaxpr(
    (xs) => bind(primitive, xs, sample.params),
    sample.inputs.map((x) => shapedArray(x.shape, x.dtype)),
    primitive.name,
  )
  checkJaxpr(jaxpr)
  const text = printJaxpr(jaxpr)
  const again = parseJaxpr(text)
  checkJaxpr(again, 'parsing')
  if (!sameJaxpr(jaxpr, again))
    throw new Error(`printing and parsing changed the program:\n${text}\nbecame\n${printJaxpr(again)}`)
}
