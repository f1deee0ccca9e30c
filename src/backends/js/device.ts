/** The device named `js`: the reference that interprets kernels plainly and that all other devices are compared with. */
import {
  type Device,
  type DType,
  type Executable,
  type HostData,
  type MemoryStats,
  type Storage,
  DeviceArray,
  InternalError,
  decodeValue,
  encodeHost,
  isFloating,
  known,
  makeHostData,
  shapedArray,
} from '../../core/index.js'
import {
  type Buffer,
  type CallbackKernel,
  type Kernel,
  type Limits,
  type Program,
  compile,
  kernelText,
  legalizeKernel,
  programFlops,
} from '../../compiler/index.js'
import { type NestedRun, compileControl } from './control.js'
import { type Action, type Arrays, Machine, compileStatements } from './evaluate.js'
import { compileContraction, compileSort } from './routines.js'

/** Values of an array: its host representation, or doubles for floats when the device is exact. */
class JsStorage implements Storage {
  data: HostData | undefined
  readonly bytes: number
  constructor(data: HostData) {
    this.data = data
    this.bytes = data.byteLength
  }
}

export interface JsDeviceOptions {
  /** Keep floats in double precision throughout, whatever their dtype: for comparing with finite differences. */
  readonly exact?: boolean
  /** Name in the registry; `js`, or `exact` for an exact device. */
  readonly name?: string
  /** Put temporaries where the program's plan says, to test plans; otherwise each has an array of its own. */
  readonly planned?: boolean
  /** Run expressions as `legalize` rewrites them for machines, to test that rewriting. */
  readonly legalized?: boolean
  /** Sizes that decide what runs in pieces, to test that with small programs. */
  readonly limits?: Limits
}

const dataOf = (storage: Storage): HostData => {
  if (!(storage instanceof JsStorage)) throw new InternalError('storage of another device')
  return known(storage.data, 'values of a released array')
}

/** Makes a reference device. */
export const createJsDevice = (options: JsDeviceOptions = {}): Device => {
  const { exact = false, planned = false, legalized = false, name = exact ? 'exact' : 'js', limits } = options
  let live = 0
  let peak = 0
  const registry = new FinalizationRegistry<number>((bytes) => {
    live -= bytes
  })
  const own = (data: HostData): JsStorage => {
    const storage = new JsStorage(data)
    live += storage.bytes
    peak = Math.max(peak, live)
    registry.register(storage, storage.bytes, storage)
    return storage
  }
  const allocate = (buffer: Buffer): HostData =>
    exact && isFloating(buffer.dtype) ? new Float64Array(buffer.size) : makeHostData(buffer.dtype, buffer.size)

  const read = (storage: Storage, dtype: DType): HostData => {
    const data = dataOf(storage)
    // A reader of halves expects their bits; one of float32 takes doubles as well.
    return exact && (dtype === 'float16' || dtype === 'bfloat16') ? encodeHost(data, dtype) : data.slice()
  }

  const arrayOf = (buffer: Buffer, data: HostData): DeviceArray =>
    new DeviceArray(shapedArray(buffer.shape, buffer.dtype), device, own(data.slice()))

  const device: Device = {
    name,
    synchronous: true,
    checkDType: () => {},
    compile: (jaxpr) =>
      executable(compile(jaxpr, limits === undefined ? {} : { limits }), {
        exact,
        planned,
        legalized,
        own,
        allocate,
        arrayOf,
      }),
    fromHost: (data, dtype) =>
      own(exact && isFloating(dtype) ? Float64Array.from(data, (x) => decodeValue(x, dtype)) : data.slice()),
    read,
    readAsync: (storage, dtype) => Promise.resolve(read(storage, dtype)),
    release: (storage) => {
      if (!(storage instanceof JsStorage) || storage.data === undefined) return
      storage.data = undefined
      live -= storage.bytes
      registry.unregister(storage)
    },
    memoryStats: (): MemoryStats => ({
      device: name,
      live,
      resident: live,
      pooled: 0,
      spilled: 0,
      peak,
      budget: Infinity,
    }),
  }
  return device
}

interface Runtime {
  readonly exact: boolean
  readonly planned: boolean
  readonly legalized: boolean
  readonly own: (data: HostData) => JsStorage
  readonly allocate: (buffer: Buffer) => HostData
  /** An array of the device with a copy of these values. */
  readonly arrayOf: (buffer: Buffer, data: HostData) => DeviceArray
}

/** Calls JavaScript, which may run other programs of the device meanwhile, and this one too. */
const compileCallback = (machine: Machine, { operands, call }: CallbackKernel, runtime: Runtime): Action => {
  const positions = operands.map((buffer) => machine.position(buffer))
  return () =>
    call(operands.map((buffer, i) => runtime.arrayOf(buffer, known(machine.arrays[positions[i] ?? -1], 'operand'))))
}

const compileKernel = (machine: Machine, kernel: Kernel, runtime: Runtime): Action => {
  switch (kernel.kind) {
    case 'loops':
      return compileStatements(machine, (runtime.legalized ? legalizeKernel(kernel) : kernel).body)
    case 'scan':
    case 'while':
    case 'branch':
      return compileControl(machine, kernel, {
        allocate: runtime.allocate,
        prepare: (program) => nestedRun(program, runtime),
      })
    case 'contraction':
      return compileContraction(machine, kernel)
    case 'sort':
      return compileSort(machine, kernel)
    case 'transform':
      throw new InternalError('a transform of lines')
    case 'callback':
      return compileCallback(machine, kernel, runtime)
  }
}

/** A program inside a loop or branch, which reads and writes arrays that it is given. */
const nestedRun = (program: Program, runtime: Runtime): NestedRun => {
  const machine = new Machine(runtime)
  const actions = program.kernels.map((kernel) => compileKernel(machine, kernel, runtime))
  return (inputs, outputs) => {
    const arrays: Arrays = []
    program.inputs.forEach((buffer, i) => {
      arrays[machine.position(buffer)] = inputs[i]
    })
    program.outputs.forEach((buffer, i) => {
      arrays[machine.position(buffer)] = outputs[i]
    })
    for (const [buffer, placement] of program.placements) {
      if (placement.kind === 'temporary' || placement.kind === 'output')
        arrays[machine.position(buffer)] ??= runtime.allocate(buffer)
    }
    runOn(machine, arrays, actions)
  }
}

/** Runs actions on arrays; a run of the same program that a callback started is left as it was. */
const runOn = (machine: Machine, arrays: Arrays, actions: readonly Action[]): void => {
  const before = machine.arrays
  machine.arrays = arrays
  try {
    for (const action of actions) action()
  } finally {
    machine.arrays = before
  }
}

const executable = (program: Program, runtime: Runtime): Executable => {
  const machine = new Machine(runtime)
  const actions = program.kernels.map((kernel) => compileKernel(machine, kernel, runtime))
  return {
    run: (inputs) => {
      const arrays = bindArrays(program, machine, inputs, runtime)
      runOn(machine, arrays, actions)
      return program.outputs.map((buffer, i) => {
        const array = known(arrays[machine.position(buffer)], 'result')
        // Every result has values of its own, also when it is an input or another result.
        const placement = program.placements.get(buffer)
        return runtime.own(placement?.kind === 'output' && placement.index === i ? array : array.slice())
      })
    },
    kernels: () => kernelText(program),
    text: () => kernelText(program),
    temporaryBytes: program.temporaryBytes,
    flops: () => programFlops(program),
  }
}

const bindArrays = (program: Program, machine: Machine, inputs: readonly Storage[], runtime: Runtime): Arrays => {
  const arrays: Arrays = []
  const block = runtime.planned ? new ArrayBuffer(program.temporaryBytes) : undefined
  for (const [buffer, placement] of program.placements) {
    const position = machine.position(buffer)
    if (placement.kind === 'input') arrays[position] = dataOf(known(inputs[placement.index], 'input'))
    else if (placement.kind === 'constant')
      arrays[position] = known(program.constants[placement.index], 'constant').data
    else if (placement.kind === 'temporary' && block !== undefined)
      arrays[position] = view(block, placement.offset, buffer)
    else arrays[position] = runtime.allocate(buffer)
  }
  if (runtime.planned) {
    // Temporaries that lie where an output will be.
    for (const [buffer, placement] of program.placements) {
      const output = placement.kind === 'output' ? known(program.outputs[placement.index], 'output') : buffer
      const memory = arrays[machine.position(output)]
      if (output !== buffer && ArrayBuffer.isView(memory) && memory.buffer instanceof ArrayBuffer)
        arrays[machine.position(buffer)] = view(memory.buffer, memory.byteOffset, buffer)
    }
  }
  return arrays
}

const view = (block: ArrayBuffer, offset: number, buffer: Buffer): HostData => {
  const { constructor } = makeHostData(buffer.dtype, 0)
  const make = constructor as new (block: ArrayBuffer, offset: number, length: number) => HostData
  return new make(block, buffer.size === 0 ? 0 : offset, buffer.size)
}
