/** From a program of kernels to steps: shaders for every kernel, places for every array. */
import { InternalError, known } from '../../core/index.js'
import {
  type BranchKernel,
  type Buffer,
  type Kernel,
  type LoopKernel,
  type Program,
  type ScanKernel,
  type WhileKernel,
  staysInPlace,
} from '../../compiler/index.js'
import { newBuffer } from '../../compiler/graph.js'
import { atomicScatterOf, planAtomicScatter } from './atomic-scatter.js'
import { basic } from './basic.js'
import { planContraction } from './contraction.js'
import { fuseProducts } from './fuse-products.js'
import { Region, chooseShader, startShader, testShader } from './gates.js'
import { checkGpuDType, gpuBytes } from './layout.js'
import { copy, withRoom, withinLimit } from './limits.js'
import { pieceShader } from './loops.js'
import type { Pipelines } from './pipelines.js'
import { schedule } from './schedule.js'
import type { Memory, Shader, Trip } from './shader.js'
import { planScatter, scatterOf } from './scatter.js'
import { type Uses, assignSlots } from './slots.js'
import { planPrefix, prefixOf } from './prefix.js'
import { planSmallLoop } from './small-loops.js'
import { planSort } from './sort.js'
import { splitReductions } from './split.js'
import { type DispatchStep, type PreparedProgram, type Step, outerFlags } from './steps.js'
import type { Target } from './target.js'
import { planTransform } from './transform.js'

/** What all preparation needs. */
export interface Workshop {
  readonly target: Target
  /** Where pipelines come from; without, shaders are only printed. */
  readonly pipelines: Pipelines
  /** Is told of every shader. */
  readonly see?: (shader: Shader) => void
}

/** Where a program stands among loops and gates. */
interface Position {
  /** Loops around it. */
  readonly depth: number
  readonly gate: Region | undefined
}

/** A step that waits for the places of its arrays. */
interface Draft extends Uses {
  readonly make: (place: (buffer: Buffer) => number) => Step
}

class Preparation {
  private readonly workshop: Workshop
  private readonly program: Program
  private readonly memory: Memory
  private readonly position: Position
  private readonly drafts: Draft[] = []
  private waits = false
  private longestLoop = 0

  constructor(workshop: Workshop, program: Program, memory: Memory, position: Position) {
    this.workshop = workshop
    this.program = program
    this.memory = memory
    this.position = position
  }

  run(): PreparedProgram {
    const { program } = this
    const { target } = this.workshop
    const kernels = program.kernels.map((kernel) => (kernel.kind === 'loops' ? basic(kernel) : kernel))
    for (const work of fuseProducts(kernels, program.outputs, target)) {
      if (work.kind === 'kernel') this.kernel(work.kernel)
      else planContraction(work, this.memory, target).shaders.forEach((s) => this.dispatch(s))
    }
    const places = new Map<Buffer, number>()
    const place = (buffer: Buffer): number => {
      if (buffer === this.position.gate?.flags) return outerFlags
      let found = places.get(buffer)
      if (found === undefined) places.set(buffer, (found = places.size))
      return found
    }
    const fixed = new Set([...program.inputs, ...program.outputs])
    if (this.position.gate !== undefined) fixed.add(this.position.gate.flags)
    const inputs = program.inputs.map(place)
    const outputs = program.outputs.map(place)
    const slots = assignSlots(this.drafts, fixed).map(({ bytes, buffers }) => ({ bytes, places: buffers.map(place) }))
    const steps = this.drafts.map((draft) => draft.make(place))
    return { steps, inputs, outputs, slots, places: places.size, waits: this.waits, longestLoop: this.longestLoop }
  }

  private kernel(kernel: Kernel): void {
    switch (kernel.kind) {
      case 'loops': {
        for (const buffer of [...kernel.reads, ...kernel.writes]) checkGpuDType(buffer.dtype)
        const { target } = this.workshop
        if (this.sharing(kernel) !== undefined) {
          const { before, kernel: bindable } = withRoom(kernel, target.storageBuffers)
          const shaders = this.sharing(bindable)
          if (shaders !== undefined) {
            for (const { piece, writes } of before)
              this.dispatch(pieceShader('copy', piece, writes, this.memory, target))
            return shaders().forEach((s) => this.dispatch(s))
          }
        }
        for (const piece of schedule(kernel).flatMap((whole) => splitReductions(whole, target))) {
          for (const work of withinLimit(piece, target.storageBuffers))
            this.dispatch(pieceShader(kernel.name, work.piece, work.writes, this.memory, target))
        }
        return
      }
      case 'contraction':
        throw new InternalError('a product is planned with what is around it')
      case 'sort':
        return planSort(kernel, this.memory, this.workshop.target).forEach((s) => this.dispatch(s))
      case 'transform':
        return this.dispatch(planTransform(kernel, this.memory))
      case 'scan': {
        const whole = planSmallLoop(kernel, this.memory, this.workshop.target)
        return whole === undefined ? this.scan(kernel) : this.dispatch(whole)
      }
      case 'while':
        return this.while(kernel)
      case 'branch':
        return this.branch(kernel)
      case 'callback': {
        this.waits = true
        const operands = kernel.operands.map((buffer) => this.whole(buffer))
        this.drafts.push({
          reads: operands,
          writes: [],
          make: (place) => ({ kind: 'callback', operands: operands.map(place), kernel }),
        })
      }
    }
  }

  /** The shaders of kernels whose threads share the work in a way of their own. */
  private sharing(kernel: LoopKernel): (() => readonly Shader[]) | undefined {
    const { memory } = this
    const { target } = this.workshop
    const prefix = prefixOf(kernel, target)
    if (prefix !== undefined) return () => planPrefix(prefix, memory)
    const anyOrder = atomicScatterOf(kernel)
    if (anyOrder !== undefined) return () => [planAtomicScatter(anyOrder, memory, target)]
    const scatter = scatterOf(kernel, target)
    return scatter === undefined ? undefined : () => planScatter(scatter, memory, target)
  }

  private dispatchStep(shader: Shader, place: (buffer: Buffer) => number, always: boolean): DispatchStep {
    const gate = always ? undefined : this.position.gate
    return {
      kind: 'dispatch',
      name: shader.name,
      pipeline: this.workshop.pipelines.get(shader),
      arrays: shader.bindings.map(({ buffer }) => place(buffer)),
      levels: shader.levels,
      groups: shader.groups,
      gated: gate === undefined ? -1 : gate.place(shader.groups),
      bound: new Map(),
    }
  }

  private dispatch(shader: Shader): void {
    this.workshop.see?.(shader)
    // The gate's arguments must know of it before the gate is printed.
    this.position.gate?.place(shader.groups)
    this.drafts.push({
      reads: shader.bindings.flatMap(({ buffer, writes }) => (writes ? [] : [buffer])),
      writes: shader.bindings.flatMap(({ buffer, writes }) => (writes ? [buffer] : [])),
      make: (place) => this.dispatchStep(shader, place, false),
    })
  }

  /** A program inside this one. Its slices of loops around it begin where `memory` says. */
  private inner(program: Program, memory: Memory, position: Position): PreparedProgram {
    const prepared = new Preparation(this.workshop, program, memory, position).run()
    this.waits ||= prepared.waits
    this.longestLoop = Math.max(this.longestLoop, prepared.longestLoop)
    return prepared
  }

  /** Bases of an inner program's buffers, from those of the buffers that they are given. */
  private memoryFor(pairs: readonly (readonly [inner: Buffer | undefined, given: Buffer, own?: Trip])[]): Memory {
    const bases = new Map<Buffer, readonly Trip[]>()
    for (const [inner, given, trip] of pairs) {
      const all = [...(this.memory.bases.get(given) ?? []), ...(trip === undefined ? [] : [trip])]
      if (inner !== undefined && all.length > 0) bases.set(inner, all)
    }
    return { ...this.memory, bases }
  }

  private copy(from: Buffer, to: Buffer): void {
    if (from.size === 0) return
    const { piece, writes } = copy(from, 0, to, 0, from.size)
    this.dispatch(pieceShader('copy', piece, writes, this.memory, this.workshop.target))
  }

  /** Arrays that begin at zero: carries change places, so a slice of a loop around must be copied first. */
  private whole(buffer: Buffer): Buffer {
    if (!this.memory.bases.has(buffer)) return buffer
    const copied = newBuffer(buffer.dtype, buffer.shape)
    this.copy(buffer, copied)
    return copied
  }

  /** The same for results: places for them, and afterwards the copies to where they belong. */
  private wholeResults(buffers: readonly Buffer[]): {
    readonly places: readonly Buffer[]
    readonly finish: () => void
  } {
    const places = buffers.map((buffer) =>
      this.memory.bases.has(buffer) ? newBuffer(buffer.dtype, buffer.shape) : buffer,
    )
    const finish = (): void =>
      places.forEach((place, i) => {
        const buffer = known(buffers[i], 'result')
        if (place !== buffer) this.copy(place, buffer)
      })
    return { places, finish }
  }

  /** Places of carries before and after: those that stay get their first values in their only place. */
  private carries(kernel: ScanKernel | WhileKernel): {
    readonly initial: readonly Buffer[]
    readonly carries: readonly Buffer[]
    readonly stays: readonly boolean[]
    readonly finish: () => void
  } {
    const { places: carries, finish } = this.wholeResults(kernel.carries)
    const stays = carries.map((_, i) => staysInPlace(kernel, i))
    const initial = carries.map((carry, i) => {
      const first = known(kernel.initial[i], 'first carry')
      if (stays[i] !== true) return this.whole(first)
      if (first !== carry) this.copy(first, carry)
      return carry
    })
    return { initial, carries, stays, finish }
  }

  private scan(kernel: ScanKernel): void {
    const { body, length, reverse, constants, xs, ys } = kernel
    const level = this.position.depth
    const slice = (buffer: Buffer): Trip => ({ level, stride: buffer.size / length })
    const { initial, carries, stays, finish } = this.carries(kernel)
    const memory = this.memoryFor([
      ...constants.map((buffer, i) => [body.inputs[i], buffer] as const),
      ...xs.map((buffer, i) => [body.inputs[constants.length + initial.length + i], buffer, slice(buffer)] as const),
      ...ys.map((buffer, i) => [body.outputs[carries.length + i], buffer, slice(buffer)] as const),
    ])
    const prepared = this.inner(body, memory, { depth: level + 1, gate: this.position.gate })
    this.longestLoop = Math.max(this.longestLoop, length)
    this.drafts.push({
      reads: [...constants, ...initial, ...xs],
      writes: [...carries, ...ys],
      make: (place) => ({
        kind: 'scan',
        body: prepared,
        level,
        length,
        reverse,
        constants: constants.map(place),
        initial: initial.map(place),
        xs: xs.map(place),
        carries: carries.map(place),
        ys: ys.map(place),
        bytes: carries.map(gpuBytes),
        stays,
      }),
    })
    finish()
  }

  private while(kernel: WhileKernel): void {
    const { condition, body, conditionConstants, bodyConstants } = kernel
    const { initial, carries, stays, finish } = this.carries(kernel)
    const region = new Region()
    const position = { depth: this.position.depth, gate: region }
    const predicate = newBuffer('bool', [])
    const test = this.inner(
      condition,
      this.memoryFor(conditionConstants.map((buffer, i) => [condition.inputs[i], buffer] as const)),
      position,
    )
    const prepared = this.inner(
      body,
      this.memoryFor(bodyConstants.map((buffer, i) => [body.inputs[i], buffer] as const)),
      position,
    )
    this.waits = true
    const start = startShader(region, this.position.gate?.flags, this.memory)
    const stop = testShader(region, predicate, this.memory)
    this.workshop.see?.(start)
    this.workshop.see?.(stop)
    this.drafts.push({
      reads: [...conditionConstants, ...bodyConstants, ...initial],
      writes: [...carries, region.flags, region.countsBuffer, predicate],
      make: (place) => ({
        kind: 'while',
        gate: { counts: place(region.countsBuffer), flags: place(region.flags) },
        start: this.dispatchStep(start, place, true),
        test: this.dispatchStep(stop, place, true),
        condition: test,
        body: prepared,
        conditionConstants: conditionConstants.map(place),
        bodyConstants: bodyConstants.map(place),
        initial: initial.map(place),
        carries: carries.map(place),
        predicate: place(predicate),
        bytes: carries.map(gpuBytes),
        stays,
      }),
    })
    finish()
  }

  private branch(kernel: BranchKernel): void {
    const { index, programs, operands, outputs } = kernel
    const drafts = programs.map((program, choice) => {
      const region = new Region()
      const memory = this.memoryFor([
        ...operands.map((buffer, i) => [program.inputs[i], buffer] as const),
        ...outputs.map((buffer, i) => [program.outputs[i], buffer] as const),
      ])
      const prepared = this.inner(program, memory, { depth: this.position.depth, gate: region })
      const shader = chooseShader(region, index, choice, this.position.gate?.flags, this.memory)
      this.workshop.see?.(shader)
      return { region, prepared, shader }
    })
    this.drafts.push({
      reads: [index, ...operands],
      writes: [...outputs, ...drafts.flatMap(({ region }) => [region.flags, region.countsBuffer])],
      make: (place) => ({
        kind: 'branch',
        branches: drafts.map(({ region, prepared, shader }) => ({
          gate: { counts: place(region.countsBuffer), flags: place(region.flags) },
          choose: this.dispatchStep(shader, place, true),
          program: prepared,
        })),
        operands: operands.map(place),
        outputs: outputs.map(place),
      }),
    })
  }
}

/** Prepares a program; compiling of its shaders starts at once. */
export const prepare = (workshop: Workshop, program: Program): PreparedProgram => {
  for (const buffer of [...program.inputs, ...program.outputs]) checkGpuDType(buffer.dtype)
  return new Preparation(
    workshop,
    program,
    { bases: new Map(), halves: workshop.target.halves },
    { depth: 0, gate: undefined },
  ).run()
}
