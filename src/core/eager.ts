/** Running primitives at once: each is compiled as a program of one equation, found again by its signature. */
import { avalText, shapedArray } from './aval.js'
import { type Device, type Executable, currentDevice } from './device.js'
import { DeviceError, known } from './errors.js'
import { newEquation, newJaxpr, newVar, paramsKey } from './jaxpr.js'
import { DeviceArray } from './device-array.js'
import type { NDArray } from './ndarray.js'
import type { Jaxpr, Params, Primitive } from './primitive.js'
import { Trace, Tracer, checkAlive, setRootTrace } from './trace.js'

/** Compiled forms, per device, for as long as the program lives. */
const executables = new WeakMap<Device, WeakMap<Jaxpr, Executable>>()

/** The compiled form of a program on a device. */
export const executableOf = (jaxpr: Jaxpr, device: Device): Executable => {
  let perDevice = executables.get(device)
  if (perDevice === undefined) {
    perDevice = new WeakMap()
    executables.set(device, perDevice)
  }
  let executable = perDevice.get(jaxpr)
  if (executable === undefined) {
    executable = device.compile(jaxpr)
    perDevice.set(jaxpr, executable)
  }
  return executable
}

/** The one device of several arrays; scalars from JS numbers go along with any. */
const commonDevice = (inputs: readonly NDArray[], what: string): Device => {
  let device: Device | undefined
  for (const x of inputs) {
    if (!(x instanceof DeviceArray) || x.scalar !== undefined) continue
    if (device === undefined) device = x.deviceHandle
    else if (device !== x.deviceHandle) {
      throw new DeviceError(
        `${what}: operands are on different devices, '${device.name}' and '${x.device}'. ` +
          `Move one of them first: devicePut(x, '${device.name}').`,
      )
    }
  }
  return device ?? currentDevice()
}

/** The array, which must have values. */
export const concrete = (x: NDArray, use: string): DeviceArray => {
  if (x instanceof DeviceArray) return x
  checkAlive(x, use)
  if (x instanceof Tracer) throw x.noValue(use)
  throw new DeviceError(`${use}: not an array of this library`)
}

/** Runs a program without constants on arrays with values. */
export const runJaxpr = (
  jaxpr: Jaxpr,
  inputs: readonly NDArray[],
  donated?: readonly boolean[],
  what = 'a program',
): DeviceArray[] => {
  const device = commonDevice(inputs, what)
  return runOn(executableOf(jaxpr, device), device, jaxpr, inputs, donated, what)
}

const runOn = (
  executable: Executable,
  device: Device,
  jaxpr: Jaxpr,
  inputs: readonly NDArray[],
  donated: readonly boolean[] | undefined,
  what: string,
): DeviceArray[] => {
  const storages = inputs.map((x) => {
    const array = concrete(x, what)
    return array.deviceHandle === device || array.scalar === undefined
      ? array.storage()
      : new DeviceArray(array.aval, device, undefined, array.scalar).storage()
  })
  const results = executable.run(storages, donated)
  if (donated !== undefined) {
    donated.forEach((given, i) => {
      const x = inputs[i]
      const storage = storages[i]
      if (given && x instanceof DeviceArray && storage !== undefined && !results.includes(storage))
        x.delete(`donated to ${what}`)
      else if (given && x instanceof DeviceArray) x.forget(`donated to ${what}`)
    })
  }
  return jaxpr.outputs.map((out, i) => new DeviceArray(out.aval, device, known(results[i], `result of ${what}`)))
}

const maximumPrograms = 4096
const programs = new Map<string, Jaxpr>()

const signature = (primitive: Primitive, inputs: readonly NDArray[], params: Params): string => {
  let key = primitive.name + paramsKey(params)
  for (const x of inputs) key += `${x.weakType ? '~' : ' '}${avalText(x.aval)}`
  return key
}

/** Jaxpr of one equation for these operands. */
const programFor = (primitive: Primitive, inputs: readonly NDArray[], params: Params): Jaxpr => {
  const key = signature(primitive, inputs, params)
  let program = programs.get(key)
  if (program === undefined) {
    const avals = primitive.abstract(
      inputs.map((x) => x.aval),
      params,
    )
    const variables = inputs.map((x) => newVar(shapedArray(x.shape, x.dtype, x.weakType)))
    const outputs = avals.map(newVar)
    program = newJaxpr([], variables, [newEquation(primitive, variables, params, outputs)], outputs)
    if (programs.size >= maximumPrograms) {
      const oldest = programs.keys().next().value
      if (oldest !== undefined) programs.delete(oldest)
    }
  } else programs.delete(key)
  programs.set(key, program) // most recent last
  return program
}

/** `add`, or `jit(step)` for a primitive that runs a named program. */
const nameOf = (primitive: Primitive, params: Params): string =>
  primitive.program !== undefined && 'name' in params ? `${primitive.name}(${String(params.name)})` : primitive.name

/** Runs primitives on arrays that have values. */
class EagerTrace extends Trace {
  process(primitive: Primitive, inputs: readonly NDArray[], params: Params): readonly NDArray[] {
    for (const x of inputs) if (!(x instanceof DeviceArray)) concrete(x, primitive.name)
    if (primitive.eager !== undefined) return primitive.eager(inputs, params)
    const program = programFor(primitive, inputs, params)
    return runJaxpr(program, inputs, primitive.program?.donated?.(params), nameOf(primitive, params))
  }
}

/** Makes primitives outside of transformations run at once; called where the library is put together. */
export const startEager = (): void => setRootTrace(new EagerTrace('eager evaluation', undefined))
