/** Loops and branches on the reference device: nested programs run with views of the arrays around them. */
import { type HostData, known, makeHostData } from '../../core/index.js'
import {
  type BranchKernel,
  type Buffer,
  type ControlKernel,
  type Program,
  type ScanKernel,
  type WhileKernel,
  spreadOf,
  startOf,
  staysInPlace,
} from '../../compiler/index.js'
import type { Action, Machine } from './evaluate.js'

/** A program ready to run on given inputs, into given outputs. */
export type NestedRun = (inputs: readonly HostData[], outputs: readonly HostData[]) => void

/** What control kernels need of the device. */
export interface Nesting {
  readonly prepare: (program: Program) => NestedRun
  readonly allocate: (buffer: Buffer) => HostData
}

const arrayOf = (machine: Machine, buffer: Buffer): HostData => known(machine.arrays[machine.position(buffer)], 'array')
const arraysOf = (machine: Machine, buffers: readonly Buffer[]): HostData[] =>
  buffers.map((buffer) => arrayOf(machine, buffer))

/** Slice `k` of the i-th array that iterations take slices of, which is `inside` to them. */
const sliceOf = (kernel: ScanKernel, i: number, array: HostData, inside: Buffer | undefined, k: number): HostData => {
  const start = startOf(spreadOf(kernel, i), k)
  return array.subarray(start, start + known(inside, 'slice').size)
}

/** Where carries start: those that stay get their first values where they stay. */
const startCarries = (machine: Machine, kernel: ScanKernel | WhileKernel): HostData[] =>
  kernel.carries.map((buffer, i) => {
    const initial = arrayOf(machine, known(kernel.initial[i], 'first carry'))
    if (!staysInPlace(kernel, i)) return initial
    const carry = arrayOf(machine, buffer)
    if (carry !== initial) carry.set(initial)
    return carry
  })

/** Another place for each carry; those that stay have only one. */
const otherPlaces = (machine: Machine, kernel: ScanKernel | WhileKernel, { allocate }: Nesting): HostData[] =>
  kernel.carries.map((buffer, i) => (staysInPlace(kernel, i) ? arrayOf(machine, buffer) : allocate(buffer)))

const compileScan = (machine: Machine, kernel: ScanKernel, nesting: Nesting): Action => {
  const run = nesting.prepare(kernel.body)
  const { length, reverse } = kernel
  const { inputs, outputs } = kernel.body
  const before = kernel.constants.length + kernel.carries.length
  return () => {
    const constants = arraysOf(machine, kernel.constants)
    const xs = arraysOf(machine, kernel.xs)
    const ys = arraysOf(machine, kernel.ys)
    const last = arraysOf(machine, kernel.carries)
    const other = otherPlaces(machine, kernel, nesting)
    let carries = startCarries(machine, kernel)
    for (let trip = 0; trip < length; trip++) {
      const k = reverse ? length - 1 - trip : trip
      const next = (length - 1 - trip) % 2 === 0 ? last : other
      run(
        [...constants, ...carries, ...xs.map((x, i) => sliceOf(kernel, i, x, inputs[before + i], k))],
        [...next, ...ys.map((y, i) => sliceOf(kernel, xs.length + i, y, outputs[carries.length + i], k))],
      )
      carries = next
    }
  }
}

const compileWhile = (machine: Machine, kernel: WhileKernel, nesting: Nesting): Action => {
  const test = nesting.prepare(kernel.condition)
  const run = nesting.prepare(kernel.body)
  const predicate = makeHostData('bool', 1)
  return () => {
    const conditionConstants = arraysOf(machine, kernel.conditionConstants)
    const bodyConstants = arraysOf(machine, kernel.bodyConstants)
    const result = arraysOf(machine, kernel.carries)
    let places = [otherPlaces(machine, kernel, nesting), otherPlaces(machine, kernel, nesting)]
    let carries = startCarries(machine, kernel)
    for (;;) {
      test([...conditionConstants, ...carries], [predicate])
      if (predicate[0] === 0) break
      const next = known(places[0], 'place of carries')
      run([...bodyConstants, ...carries], next)
      carries = next
      places = [known(places[1], 'place of carries'), next]
    }
    result.forEach((array, i) => {
      const carry = known(carries[i], 'carry')
      if (carry !== array) array.set(carry)
    })
  }
}

const compileBranch = (machine: Machine, kernel: BranchKernel, nesting: Nesting): Action => {
  const runs = kernel.programs.map((program) => nesting.prepare(program))
  return () => {
    const run = known(runs[known(arrayOf(machine, kernel.index)[0], 'index')], 'branch')
    run(arraysOf(machine, kernel.operands), arraysOf(machine, kernel.outputs))
  }
}

/** A loop or branch as an action. */
export const compileControl = (machine: Machine, kernel: ControlKernel, nesting: Nesting): Action => {
  switch (kernel.kind) {
    case 'scan':
      return compileScan(machine, kernel, nesting)
    case 'while':
      return compileWhile(machine, kernel, nesting)
    case 'branch':
      return compileBranch(machine, kernel, nesting)
  }
}
