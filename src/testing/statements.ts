/** What the laws say: for a primitive and a sample of its own valid arguments, the claims that must hold on the current device. */
import {
  type BatchAxis,
  type DType,
  type Draw,
  type HostData,
  type NDArray,
  type Primitive,
  type Sample,
  type SampleArray,
  DeviceArray,
  DeviceError,
  avalText,
  bind,
  currentDevice,
  encodeHost,
  getDevice,
  isDType,
  isFloating,
  known,
  sameAval,
  shapedArray,
  sizeOf,
  withDevice,
} from '../core/index.js'
import { add, mul, sub } from '../lax/index.js'
import { jit, jvp, vjp, vmap } from '../transforms/index.js'
import { type Claim, type Tolerance, assertValues, claimClose, toleranceOf } from './compare.js'
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

// ---- dtypes that a device lacks: webgpu has no float64

const hasDType = (device: string, dtype: DType): boolean => {
  try {
    getDevice(device).checkDType(dtype)
    return true
  } catch (error) {
    if (error instanceof DeviceError) return false
    throw error
  }
}

/** Choices without the dtypes that a device lacks, unless it has none of them. */
const drawFor = (device: string, draw: Draw): Draw => ({
  ...draw,
  pick: (options) => {
    const offered = options.filter((option) => !isDType(option) || hasDType(device, option))
    return draw.pick(offered.length > 0 ? offered : options)
  },
})

const dtypesOf = (primitive: Primitive, { inputs, params }: Sample<object>): DType[] => {
  const avals = inputs.map((x) => shapedArray(x.shape, x.dtype))
  return [...avals, ...primitive.abstract(avals, params)].map(({ dtype }) => dtype)
}

/** A sample whose inputs and results the device can hold; undefined when the primitive has drawn one of a dtype that it lacks. */
const sampleFor = (primitive: Primitive, draw: Draw, device = currentDevice().name): Sample<object> | undefined => {
  const sample = primitive.sample(drawFor(device, draw))
  return dtypesOf(primitive, sample).every((dtype) => hasDType(device, dtype)) ? sample : undefined
}

// ---- results

/** The abstract rule tells the shapes and dtypes of the result. */
export const shapeClaims = (primitive: Primitive, draw: Draw): Claim[] => {
  const sample = sampleFor(primitive, draw)
  if (sample === undefined) return []
  const inputs = inputsOf(sample)
  const expected = primitive.abstract(
    inputs.map((x) => x.aval),
    sample.params,
  )
  const outs = bind(primitive, inputs, sample.params)
  return expected.map((aval, i) => {
    const out = known(outs[i], 'output')
    return {
      arrays: [out],
      check: ([values]) => {
        const what = signature(primitive, sample)
        if (!sameAval(aval, out.aval))
          throw new Error(`${what}: abstract says ${avalText(aval)}, result is ${avalText(out.aval)}`)
        const count = known(values, 'values').length
        if (count !== out.size) throw new Error(`${what}: ${count} elements in ${avalText(out.aval)}`)
      },
    }
  })
}

/** Compiled inside a program with neighbours gives what eager evaluation gives. */
export const jitClaims = (primitive: Primitive, draw: Draw): Claim[] => {
  const sample = sampleFor(primitive, draw)
  if (sample === undefined) return []
  const inputs = inputsOf(sample)
  const f = apply(primitive, sample.params)
  const eager = f(...inputs)
  const jitted = jit(f)(...inputs)
  return eager.map((out, i) =>
    claimClose(known(jitted[i], 'output'), out, `jit of ${signature(primitive, sample)}, output ${i}`),
  )
}

export interface Comparison {
  readonly device: string
  readonly reference: string
  readonly scale: number
  /** Whether the program is also compiled inside a program. */
  readonly compiled?: boolean
}

/** Another device agrees within tolerance. */
export const deviceClaims = (
  primitive: Primitive,
  draw: Draw,
  { device, reference, scale, compiled = false }: Comparison,
): Claim[] => {
  const sample = sampleFor(primitive, draw, device)
  if (sample === undefined) return []
  const f = apply(primitive, sample.params)
  const expected = withDevice(reference, () => f(...inputsOf(sample)))
  return withDevice(device, () => {
    const inputs = inputsOf(sample)
    const claims = (how: string, outs: readonly NDArray[]): Claim[] =>
      outs.map((out, i) => {
        const other = known(expected[i], 'output')
        const what = `${device} against ${reference}: ${how}${signature(primitive, sample)}, output ${i}`
        return claimClose(out, other, what, toleranceOf(other.dtype, scale))
      })
    return [...claims('', f(...inputs)), ...(compiled ? claims('jit of ', jit(f)(...inputs)) : [])]
  })
}

/** Members of one shape as one array, with an axis of members at `axis`. */
const stacked = (members: readonly SampleArray[], axis: number): SampleArray => {
  const { shape, dtype } = known(members[0], 'member')
  const inner = sizeOf(shape.slice(axis))
  const outer = sizeOf(shape.slice(0, axis))
  return {
    shape: [...shape.slice(0, axis), members.length, ...shape.slice(axis)],
    dtype,
    data: Array.from({ length: outer }, (_, k) =>
      members.flatMap(({ data }) => data.slice(k * inner, (k + 1) * inner)),
    ).flat(),
  }
}

/** vmap is a loop over the members. */
export const vmapClaims = (primitive: Primitive, draw: Draw): Claim[] => {
  const base = sampleFor(primitive, draw)
  if (base === undefined || base.inputs.length === 0) return []
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
    const axis = axes[k] ?? null
    return arrayOf(axis === null ? known(list[0], 'member') : stacked(list, axis))
  })
  const batched = vmap(f, { inAxes: axes })(...inputs)
  const looped = Array.from({ length: size }, (_, m) => f(...members.map((list) => arrayOf(known(list[m], 'member')))))
  return batched.map((out, i) => {
    const outs = looped.map((list) => known(list[i], 'output'))
    return {
      arrays: [out, ...outs],
      check: ([values, ...each]) => {
        const what = `vmap of ${signature(primitive, base)} over axes ${axes.join()}, output ${i}`
        const one = known(outs[0], 'member')
        const aval = avalText(shapedArray(out.shape, out.dtype))
        const expected = avalText(shapedArray([size, ...one.shape], one.dtype))
        if (aval !== expected) throw new Error(`${what}: ${aval} instead of ${expected}`)
        const all = each.flatMap((list) => [...list])
        assertValues(known(values, 'values'), all, what, aval, toleranceOf(out.dtype))
      },
    }
  })
}

// ---- derivatives

/** The float that derivatives are compared in: the most precise of the device. */
const preciseDType = (): DType => (hasDType(currentDevice().name, 'float64') ? 'float64' : 'float32')

/** A sample whose floats are of one dtype, or undefined when nothing in it is differentiable. */
const sampleIn = (dtype: DType, primitive: Primitive, draw: Draw): Sample<object> | undefined => {
  const drawn = primitive.sample(drawFor(currentDevice().name, draw))
  if (!drawn.inputs.some((x) => isFloating(x.dtype))) return undefined
  const inputs = drawn.inputs.map((x) => (isFloating(x.dtype) ? { ...x, dtype } : x))
  const sample = { inputs, params: drawn.params }
  try {
    return dtypesOf(primitive, sample).every((d) => hasDType(currentDevice().name, d)) ? sample : undefined
  } catch {
    return undefined // not an operation on that dtype, such as one that fixes its dtype
  }
}

const floatPositions = (inputs: readonly NDArray[]): number[] =>
  inputs.flatMap((x, i) => (isFloating(x.dtype) ? [i] : []))

/** The function of the float inputs to the float outputs, and a direction. */
const differentiable = (primitive: Primitive, draw: Draw) => {
  const dtype = preciseDType()
  const sample = sampleIn(dtype, primitive, draw)
  if (sample === undefined) return undefined
  const inputs = inputsOf(sample)
  const at = floatPositions(inputs)
  const f = (...floats: NDArray[]): NDArray[] => {
    const all = [...inputs]
    at.forEach((position, k) => {
      all[position] = known(floats[k], 'input')
    })
    return bind(primitive, all, sample.params).filter((out) => out.dtype === dtype)
  }
  const floats = at.map((i) => known(inputs[i], 'input'))
  const seed = draw.integer(0, 1_000_000)
  const directionFor = (xs: readonly NDArray[], salt: number): NDArray[] =>
    xs.map((x, k) => arrayOf({ shape: x.shape, dtype: x.dtype, data: sampleData(seed + salt + k, x.size, x.dtype) }))
  return { dtype, sample, f, floats, directionFor }
}

const differenceTolerance: Tolerance = { relative: 2e-5, absolute: 2e-6 }

/** The jvp rule agrees with central differences, which only float64 is precise enough for. */
export const jvpClaims = (primitive: Primitive, draw: Draw): Claim[] => {
  const found = differentiable(primitive, draw)
  if (found === undefined || found.dtype !== 'float64') return []
  const { sample, f, floats, directionFor } = found
  const direction = directionFor(floats, 0)
  const [, tangents] = jvp(f, floats, direction)
  const h = 2 ** -18
  const shifted = (step: number): NDArray[] =>
    f(...floats.map((x, k) => add(x, mul(known(direction[k], 'direction'), step))))
  const up = shifted(h)
  const down = shifted(-h)
  return tangents.map((tangent, i) =>
    claimClose(
      tangent,
      mul(sub(known(up[i], 'output'), known(down[i], 'output')), 1 / (2 * h)),
      `jvp of ${signature(primitive, sample)}, output ${i}`,
      differenceTolerance,
    ),
  )
}

/** The inner product of the first half of the lists with the second, and the sum of the sizes of its terms. */
const inner = (lists: readonly HostData[]): [sum: number, size: number] => {
  const half = lists.length / 2
  const terms = lists
    .slice(0, half)
    .flatMap((xs, i) => Array.from(xs, (x, k) => x * known(known(lists[half + i], 'factor')[k], 'element')))
  return [terms.reduce((a, b) => a + b, 0), terms.reduce((a, b) => a + Math.abs(b), 0)]
}

/** Reverse mode is the transpose of forward mode: `<J t, c> = <t, J^T c>`. */
export const transposeClaims = (primitive: Primitive, draw: Draw): Claim[] => {
  const found = differentiable(primitive, draw)
  if (found === undefined) return []
  const { dtype, sample, f, floats, directionFor } = found
  const direction = directionFor(floats, 0)
  const [outs, tangents] = jvp(f, floats, direction)
  if (outs.length === 0) return []
  const cotangents = directionFor(outs, 1000)
  const back = vjp(f, ...floats)[1](cotangents)
  return [
    {
      arrays: [...tangents, ...cotangents, ...direction, ...back],
      check: (values) => {
        const at = 2 * tangents.length
        const [left, sizeLeft] = inner(values.slice(0, at))
        const [right, sizeRight] = inner(values.slice(at))
        const { relative, absolute } = toleranceOf(dtype)
        if (!(Math.abs(left - right) <= absolute + relative * Math.max(sizeLeft, sizeRight))) {
          throw new Error(`transpose of ${signature(primitive, sample)}: <J t, c> = ${left}, but <t, J^T c> = ${right}`)
        }
      },
    },
  ]
}
