/** Runs prepared programs: encodes their steps, and waits where the GPU decides how it goes on. */
import { DeviceArray, type HostData, getDevice, known, shapedArray } from '../../core/index.js'
import { flagWords } from './gates.js'
import { bytesPerWord, fromWords, gpuBytes } from './layout.js'
import type { GpuBuffer } from './pool.js'
import type { Recorder } from './recorder.js'
import {
  type BranchStep,
  type CallbackStep,
  type DispatchStep,
  type PreparedProgram,
  type ScanStep,
  type WhileStep,
  outerFlags,
} from './steps.js'

/** What running needs of the device. */
export interface Machine {
  readonly recorder: Recorder
  /** Reads the first bytes of a buffer, after all that was submitted. */
  readonly read: (buffer: GpuBuffer, bytes: number) => Promise<ArrayBuffer>
  /** Stands for arrays without elements. */
  readonly empty: GpuBuffer
}

/** Arrays of a program while it runs, by place. */
type Table = (GpuBuffer | undefined)[]

interface Surroundings {
  /** Trip of each loop around the program. */
  readonly trips: readonly number[]
  /** Workgroup counts and flags of the gate around it. */
  readonly counts: GpuBuffer | undefined
  readonly flags: GpuBuffer | undefined
}

/** A run is a sequence of waits; most have none. */
export type Run = Generator<Promise<void>, void, void>

const nowhere: Surroundings = { trips: [], counts: undefined, flags: undefined }

/** Most trips of a loop that are encoded before its flags are read. */
const mostTrips = 64

/** Encodes a program on given inputs, into given outputs. */
export function* execute(
  machine: Machine,
  program: PreparedProgram,
  inputs: readonly GpuBuffer[],
  outputs: readonly (GpuBuffer | undefined)[],
  around: Surroundings = nowhere,
): Run {
  const { buffers } = machine.recorder
  const table: Table = new Array<GpuBuffer | undefined>(program.places)
  program.inputs.forEach((place, i) => {
    table[place] = inputs[i]
  })
  program.outputs.forEach((place, i) => {
    const output = outputs[i]
    if (output !== undefined) table[place] = output
  })
  const temporaries = program.slots.map(({ bytes, places }) => {
    const buffer = bytes === 0 ? machine.empty : buffers.take(bytes)
    for (const place of places) table[place] = buffer
    return buffer
  })
  for (const step of program.steps) {
    switch (step.kind) {
      case 'dispatch':
        dispatch(machine, step, table, around)
        break
      case 'scan':
        yield* scan(machine, step, table, around)
        break
      case 'while':
        yield* loop(machine, step, table, around)
        break
      case 'branch':
        yield* branch(machine, step, table, around)
        break
      case 'callback':
        yield* callback(machine, step, table, around)
        break
    }
  }
  for (const buffer of temporaries) if (buffer !== machine.empty) buffers.give(buffer)
}

const at = (table: Table, place: number, around: Surroundings): GpuBuffer =>
  known(place === outerFlags ? around.flags : table[place], 'array of a step')

const all = (table: Table, places: readonly number[], around: Surroundings): GpuBuffer[] =>
  places.map((place) => at(table, place, around))

const dispatch = ({ recorder }: Machine, step: DispatchStep, table: Table, around: Surroundings): void =>
  recorder.dispatch(step, all(table, step.arrays, around), around.trips, around.counts)

function* scan(machine: Machine, step: ScanStep, table: Table, around: Surroundings): Run {
  const { buffers } = machine.recorder
  const { body, length, reverse, level } = step
  const constants = all(table, step.constants, around)
  const xs = all(table, step.xs, around)
  const ys = all(table, step.ys, around)
  const last = all(table, step.carries, around)
  const other = step.bytes.map((bytes, i) => {
    if (step.stays[i] === true) return known(last[i], 'carry')
    return length === 1 || bytes === 0 ? machine.empty : buffers.take(bytes)
  })
  let carries = all(table, step.initial, around)
  for (let trip = 0; trip < length; trip++) {
    const trips = [...around.trips]
    trips[level] = reverse ? length - 1 - trip : trip
    const next = (length - 1 - trip) % 2 === 0 ? last : other
    yield* execute(machine, body, [...constants, ...carries, ...xs], [...next, ...ys], { ...around, trips })
    carries = next
  }
  other.forEach((buffer, i) => {
    if (step.stays[i] !== true && buffer !== machine.empty) buffers.give(buffer)
  })
}

/**
 * Trips are encoded in chunks, each trip switched off by the loop's gate once the condition has failed; after a chunk the
 * flags are read to see whether to go on, and how many trips were made.
 */
function* loop(machine: Machine, step: WhileStep, table: Table, around: Surroundings): Run {
  const { recorder } = machine
  const conditionConstants = all(table, step.conditionConstants, around)
  const bodyConstants = all(table, step.bodyConstants, around)
  const initial = all(table, step.initial, around)
  const results = all(table, step.carries, around)
  const places = [0, 1].map(() =>
    step.bytes.map((bytes, i) => {
      if (step.stays[i] === true) return known(results[i], 'carry')
      return bytes === 0 ? machine.empty : recorder.buffers.take(bytes)
    }),
  )
  const predicate = at(table, step.predicate, around)
  const flags = at(table, step.gate.flags, around)
  const inside: Surroundings = { trips: around.trips, counts: at(table, step.gate.counts, around), flags }
  const carriesAt = (trip: number): readonly GpuBuffer[] =>
    trip === 0 ? initial : known(places[(trip - 1) % 2], 'place of carries')
  dispatch(machine, step.start, table, around)
  let trip = 0
  let chunk = 2
  for (;;) {
    for (let k = 0; k < chunk; k++, trip++) {
      yield* execute(machine, step.condition, [...conditionConstants, ...carriesAt(trip)], [predicate], inside)
      dispatch(machine, step.test, table, around)
      yield* execute(machine, step.body, [...bodyConstants, ...carriesAt(trip)], carriesAt(trip + 1), inside)
    }
    let words = new Uint32Array(flagWords)
    recorder.submit()
    yield machine.read(flags, flagWords * bytesPerWord).then((read) => {
      words = new Uint32Array(read)
    })
    const [open, made = 0, wasOpen] = words
    if (open !== 0) {
      chunk = Math.min(2 * chunk, mostTrips)
      continue
    }
    // Behind a closed gate the results belong to another branch.
    if (wasOpen !== 0) {
      results.forEach((to, i) => {
        const from = known(carriesAt(made)[i], 'carry')
        if (from !== to) recorder.copy(from, to, known(step.bytes[i], 'bytes'))
      })
    }
    break
  }
  for (const place of places) {
    place.forEach((buffer, i) => {
      if (step.stays[i] !== true && buffer !== machine.empty) recorder.buffers.give(buffer)
    })
  }
}

function* branch(machine: Machine, step: BranchStep, table: Table, around: Surroundings): Run {
  const operands = all(table, step.operands, around)
  const outputs = all(table, step.outputs, around)
  for (const { gate, choose, program } of step.branches) {
    dispatch(machine, choose, table, around)
    yield* execute(machine, program, operands, outputs, {
      trips: around.trips,
      counts: at(table, gate.counts, around),
      flags: at(table, gate.flags, around),
    })
  }
}

/** Callbacks get their values on a device that can be read at once. */
function* callback(machine: Machine, step: CallbackStep, table: Table, around: Surroundings): Run {
  machine.recorder.submit()
  const { operands, call } = step.kernel
  const values: HostData[] = []
  let open = true
  const reads = operands.map(async (buffer, i) => {
    const bytes = gpuBytes(buffer)
    const words =
      bytes === 0
        ? new ArrayBuffer(0)
        : await machine.read(at(table, known(step.operands[i], 'operand'), around), bytes)
    values[i] = fromWords(words, buffer.dtype, buffer.size)
  })
  const { flags } = around
  if (flags !== undefined) {
    reads.push(
      machine.read(flags, bytesPerWord).then((words) => {
        open = new Uint32Array(words)[0] !== 0
      }),
    )
  }
  yield Promise.all(reads).then(() => {})
  if (!open) return
  const host = getDevice('js')
  call(
    operands.map((buffer, i) => {
      const data = known(values[i], 'operand')
      return new DeviceArray(shapedArray(buffer.shape, buffer.dtype), host, host.fromHost(data, buffer.dtype))
    }),
  )
}
