/** Running primitives at once: each is compiled as a program of one equation, found again by its signature. */
import { type Device, type Executable, type Storage, currentDevice } from './device.js'
import { sizeOf } from './aval.js'
import { DeviceError, InternalError } from './errors.js'
import { encodeValue } from './host.js'
import { programFor } from './eager-programs.js'
import { DeviceArray } from './device-array.js'
import type { NDArray } from './ndarray.js'
import type { Jaxpr, Params, Primitive } from './primitive.js'
import { Trace, Tracer, checkAlive, setRootTrace } from './trace.js'

/** Compiled forms, per device, for as long as the program lives. */
const executables = new WeakMap<Device, WeakMap<Jaxpr, Executable>>()

/** The compiled form of a program on a device. */
export const executableOf = (jaxpr: Jaxpr, device: Device, donated?: readonly boolean[]): Executable => {
  let perDevice = executables.get(device)
  if (perDevice === undefined) {
    perDevice = new WeakMap()
    executables.set(device, perDevice)
  }
  let executable = perDevice.get(jaxpr)
  if (executable === undefined) {
    executable = device.compile(jaxpr, donated)
    perDevice.set(jaxpr, executable)
  }
  return executable
}

/** The one device of several arrays; scalars from JS numbers go along with any. */
export const commonDevice = (inputs: readonly NDArray[], what: string): Device => {
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
  return runOn(executableOf(jaxpr, device, donated), device, jaxpr, inputs, donated, what)
}

const missing = (what: string): never => {
  throw new InternalError(`${what} gave too few results`)
}

const runOn = (
  executable: Executable,
  device: Device,
  jaxpr: Jaxpr,
  inputs: readonly NDArray[],
  donated: readonly boolean[] | undefined,
  what: string,
): DeviceArray[] => {
  const storages: Storage[] = []
  for (const x of inputs) {
    const array = x instanceof DeviceArray ? x : concrete(x, what)
    storages.push(
      array.deviceHandle === device || array.scalar === undefined
        ? array.storage()
        : new DeviceArray(array.aval, device, undefined, array.scalar).storage(),
    )
  }
  const results = executable.run(storages, donated)
  if (donated !== undefined) {
    donated.forEach((given, i) => {
      const x = inputs[i]
      if (given && x instanceof DeviceArray) x.delete(`donated to ${what}`)
    })
  }
  const arrays: DeviceArray[] = []
  for (const out of jaxpr.outputs) {
    arrays.push(new DeviceArray(out.aval, device, results[arrays.length] ?? missing(what)))
  }
  return arrays
}

/** `add`, or `jit(step)` for a primitive that runs a named program. */
const nameOf = (primitive: Primitive, params: Params): string =>
  primitive.program !== undefined && 'name' in params ? `${primitive.name}(${String(params.name)})` : primitive.name

/** What needs no program on devices that fill and share memory: otherwise filling would be one for each shape. */
const reshaped = ([x]: readonly NDArray[], primitive: Primitive, params: Params): DeviceArray | undefined => {
  if (!(x instanceof DeviceArray)) return undefined
  const [aval = x.aval] = primitive.abstract([x.aval], params)
  const { dtype, shape } = aval
  const size = sizeOf(shape)
  const device = commonDevice([x], primitive.name)
  if (x.scalar !== undefined) {
    const filled = device.fill?.(encodeValue(x.scalar, dtype), dtype, size)
    return filled && new DeviceArray(aval, device, filled)
  }
  const storage = x.storage()
  if (x.size !== size || storage.holders === undefined) return undefined
  storage.holders++
  return new DeviceArray(aval, device, storage)
}

/** Runs primitives on arrays that have values. */
class EagerTrace extends Trace {
  process(primitive: Primitive, inputs: readonly NDArray[], params: Params): readonly NDArray[] {
    for (const x of inputs) if (!(x instanceof DeviceArray)) concrete(x, primitive.name)
    if (primitive.eager !== undefined) return primitive.eager(inputs, params)
    const made = primitive.reshapes ? reshaped(inputs, primitive, params) : undefined
    if (made !== undefined) return [made]
    const program = programFor(primitive, inputs, params)
    const name = nameOf(primitive, params)
    const device = commonDevice(inputs, name)
    const donated = primitive.program?.donated?.(params)
    let { executable } = program
    if (executable === undefined || program.device !== device) {
      executable = program.executable = executableOf(program.jaxpr, device, donated)
      program.device = device
    }
    return runOn(executable, device, program.jaxpr, inputs, donated, name)
  }
}

/** Makes primitives outside of transformations run at once; called where the library is put together. */
export const startEager = (): void => setRootTrace(new EagerTrace('eager evaluation', undefined))
