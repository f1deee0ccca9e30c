/** Programs made by hand, run on wasm and on the reference, and random loop kernels to compare them on. */
import '../../../src/install.js'
import {
  type DType,
  type Expression,
  type HostData,
  decodeValue,
  e,
  encodeHost,
  isFloating,
  known,
  makeHostData,
} from '../../../src/core/index.js'
import type {
  Buffer,
  Kernel,
  LoopKernel,
  LoopOrder,
  Placement,
  Program,
  Statement,
} from '../../../src/compiler/index.js'
import { kernelText } from '../../../src/compiler/index.js'
import { Machine, compileStatements } from '../../../src/backends/js/evaluate.js'
import { compileContraction, compileSort } from '../../../src/backends/js/routines.js'
import { type WasmRuntime, programExecutable, storageFromHost } from '../../../src/backends/wasm/device.js'
import { WasmStorage } from '../../../src/backends/wasm/storage.js'
import { generator } from '../../compiler/random.js'

let nextBuffer = 10_000_000

export const buffer = (dtype: DType, size: number): Buffer => ({ id: nextBuffer++, dtype, shape: [size], size })

export const loop = (variable: Expression, order: LoopOrder, body: readonly Statement[]): Statement => ({
  kind: 'for',
  variable,
  extent: variable.extent ?? 1,
  order,
  body,
})

export const loops = (
  variables: readonly Expression[],
  order: LoopOrder,
  body: readonly Statement[],
): readonly Statement[] =>
  variables.reduceRight<readonly Statement[]>((inside, variable) => [loop(variable, order, inside)], body)

/** Row-major index over variables. */
export const rowMajor = (variables: readonly Expression[]): Expression => {
  let index = e.index(0)
  let stride = 1
  for (const v of [...variables].reverse()) {
    index = e.binary('add', index, e.binary('mul', v, e.index(stride)))
    stride *= v.extent ?? 1
  }
  return index
}

export const loopKernel = (
  body: readonly Statement[],
  reads: readonly Buffer[],
  writes: readonly Buffer[],
): LoopKernel => ({
  kind: 'loops',
  name: 'test',
  body,
  reads,
  writes,
})

/** A program of which `inputs` and `outputs` are all the buffers. */
export const program = (kernels: readonly Kernel[], inputs: readonly Buffer[], outputs: readonly Buffer[]): Program => {
  const placements = new Map<Buffer, Placement>()
  inputs.forEach((b, index) => placements.set(b, { kind: 'input', index }))
  outputs.forEach((b, index) => placements.set(b, { kind: 'output', index }))
  return { kernels, inputs, outputs, constants: [], placements, temporaryBytes: 0 }
}

export const onWasm = (runtime: WasmRuntime, p: Program, data: readonly HostData[]): HostData[] => {
  const results = programExecutable(runtime, p).run(data.map((d) => storageFromHost(runtime.arena, d, d.byteLength)))
  return p.outputs.map((b, i) => {
    const storage = known(results[i], 'result')
    if (!(storage instanceof WasmStorage)) throw new Error('not a wasm storage')
    return makeHostData(b.dtype, runtime.arena.copyOut(storage))
  })
}

export const onReference = (p: Program, data: readonly HostData[]): HostData[] => {
  const machine = new Machine({ exact: false })
  const actions = p.kernels.map((k) => {
    if (k.kind === 'loops') return compileStatements(machine, k.body)
    if (k.kind === 'sort') return compileSort(machine, k)
    if (k.kind === 'contraction') return compileContraction(machine, k)
    throw new Error(`the tests of the backend make no ${k.kind} kernels`)
  })
  for (const [b, placement] of p.placements) {
    machine.arrays[machine.position(b)] =
      placement.kind === 'input' ? known(data[placement.index], 'input') : makeHostData(b.dtype, b.size)
  }
  for (const action of actions) action()
  return p.outputs.map((b) => known(machine.arrays[machine.position(b)], 'output'))
}

/** Throws unless both engines give the same numbers: equal bits, or within `tolerance` relative to the size of the number. */
export const compare = (runtime: WasmRuntime, p: Program, data: readonly HostData[], tolerance = 0): void => {
  const got = onWasm(runtime, p, data)
  const want = onReference(p, data)
  p.outputs.forEach((b, o) => {
    for (let i = 0; i < b.size; i++) {
      const x = decodeValue(known(got[o]?.[i], 'element'), b.dtype)
      const y = decodeValue(known(want[o]?.[i], 'element'), b.dtype)
      const same = Object.is(x, y) || Math.abs(x - y) <= tolerance * (1 + Math.abs(y))
      if (!same) throw new Error(`output ${o}, element ${i}: ${x} and not ${y}\n${kernelText(p)}`)
    }
  })
}

const wideOf = (dtype: DType): DType =>
  dtype === 'int8' || dtype === 'uint8' ? 'int32' : dtype === 'float16' || dtype === 'bfloat16' ? 'float32' : dtype

/** A random program of one loop kernel, and data for it: any strides, gathers, dtypes, reductions and folds. */
export const randomLoops = (seed: number): { readonly program: Program; readonly data: readonly HostData[] } => {
  const random = generator(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const pick = <T>(list: readonly T[]): T => known(list[below(list.length)], 'choice')
  const inputs: Buffer[] = []
  const indices = new Set<Buffer>()
  const withDoubles = below(8) === 0
  const wide: readonly DType[] = withDoubles
    ? ['float32', 'int32', 'uint32', 'bool', 'float64']
    : ['float32', 'int32', 'uint32', 'bool']
  const space = Array.from({ length: 1 + below(3) }, () =>
    e.variable('int32', pick([1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 21, 33])),
  )

  const load = (dtype: DType, variables: readonly Expression[]): Expression => {
    const mode = below(6)
    const order = [...variables].reverse()
    if (mode === 0) order.sort(() => random() - 0.5)
    let index = e.index(below(3))
    let stride = 1
    for (const v of order) {
      if (below(5) === 0) continue
      index = e.binary(
        'add',
        index,
        e.binary('mul', v, e.index(mode === 1 ? -stride : mode === 2 ? stride * 2 : mode === 3 ? stride * 3 : stride)),
      )
      stride *= v.extent ?? 1
    }
    index = e.binary('add', index, e.index(-Math.min(0, e.bounds(index).min)))
    if (mode === 4) index = e.binary('div', index, e.index(pick([2, 3, 4])))
    const size = e.bounds(index).max + 1
    if (below(12) === 0) {
      const at = buffer('int32', size)
      const table = buffer(dtype, 13)
      indices.add(at)
      inputs.push(at, table)
      return e.load(table, e.binary('min', e.binary('max', e.load(at, index), e.index(0)), e.index(12)))
    }
    const reusable = inputs.filter((b) => b.dtype === dtype && b.size >= size && !indices.has(b))
    if (reusable.length > 0 && below(2) === 0) return e.load(pick(reusable), index)
    const fresh = buffer(dtype, size + below(3))
    inputs.push(fresh)
    return e.load(fresh, index)
  }

  const expression = (
    dtype: DType,
    depth: number,
    variables: readonly Expression[],
    locals: readonly Expression[],
  ): Expression => {
    const own = locals.filter((local) => local.dtype === dtype)
    if (own.length > 0 && below(4) === 0) return pick(own)
    if (depth <= 0) {
      const k = below(6)
      if (k === 0) return e.constant(dtype === 'bool' ? below(2) : below(7) - (dtype === 'uint32' ? 0 : 3), dtype)
      if (k === 1 && dtype !== 'bool') return e.convert(pick(variables), dtype)
      if (k === 2 && dtype === 'int32')
        return e.convert(load(pick(['int8', 'uint8', 'bool'] as const), variables), dtype)
      if (k === 2 && dtype === 'float32')
        return e.convert(load(pick(['float16', 'bfloat16', 'uint8', 'int8'] as const), variables), dtype)
      return load(dtype, variables)
    }
    const inner = (d: DType = dtype): Expression => expression(d, depth - 1 - below(2), variables, locals)
    const comparison = (): Expression => {
      const d = pick(wide)
      return e.compare(pick(['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const), inner(d), inner(d))
    }
    const k = below(10)
    if (k === 0) return e.select(inner('bool'), inner(), inner())
    if (dtype === 'bool')
      return k < 5
        ? comparison()
        : k < 7
          ? e.unary('not', inner())
          : e.binary(pick(['and', 'or', 'xor'] as const), inner(), inner())
    if (k === 1) return e.convert(inner(pick(wide)), dtype)
    if (isFloating(dtype)) {
      if (k < 4)
        return e.unary(pick(['neg', 'abs', 'sign', 'floor', 'ceil', 'trunc', 'round', 'sqrt'] as const), inner())
      if (k === 4 && dtype === 'float32') {
        return below(2) === 0
          ? e.bitcast(e.binary('and', inner('int32'), e.constant(0x3fffffff, 'int32')), 'float32')
          : e.convert(e.convert(inner(), pick(['float16', 'bfloat16'] as const)), 'float32')
      }
      return e.binary(pick(['add', 'sub', 'mul', 'div', 'min', 'max', 'rem'] as const), inner(), inner())
    }
    if (k < 4) return e.unary(pick(['neg', 'abs', 'sign', 'not', 'clz', 'popcount'] as const), inner())
    if (k === 4 && dtype === 'int32') return e.bitcast(inner('uint32'), 'int32')
    const op = pick([
      'add',
      'sub',
      'mul',
      'min',
      'max',
      'div',
      'rem',
      'and',
      'or',
      'xor',
      'shl',
      'shrArithmetic',
      'shrLogical',
    ] as const)
    return e.binary(op, inner(), inner())
  }

  const body: Statement[] = []
  const locals: Expression[] = []
  if (below(2) === 0) {
    const reduced = e.variable('int32', pick([3, 4, 5, 8, 16, 19, 37]))
    const sequential = below(4) === 0
    const steps: Statement[] = []
    for (let i = 1 + below(2); i > 0; i--) {
      const dtype = pick(['float32', 'int32', 'uint32', 'bool'] as const)
      const local = e.variable(dtype)
      // Float sums are reassociated: only their extremes can be compared exactly.
      const op =
        dtype === 'float32'
          ? pick(['min', 'max'] as const)
          : dtype === 'bool'
            ? pick(['and', 'or', 'xor'] as const)
            : pick(['add', 'mul', 'min', 'max', 'and', 'or', 'xor'] as const)
      body.push({ kind: 'define', local, value: e.constant(below(2), dtype) })
      const value = expression(dtype, 2, [...space, reduced], [])
      steps.push(
        sequential
          ? { kind: 'assign', local, value: e.binary(op, local, value) }
          : { kind: 'combine', local, op, value },
      )
      locals.push(local)
    }
    body.push(loop(reduced, sequential ? 'sequential' : 'reduce', steps))
  }
  const outputs: Buffer[] = []
  for (let i = 1 + below(2); i > 0; i--) {
    const dtype = pick([...wide, 'int8', 'uint8', 'float16', 'bfloat16'] as const)
    const out = buffer(dtype, e.bounds(rowMajor(space)).max + 1)
    outputs.push(out)
    const value = e.convert(expression(wideOf(dtype), 3, space, locals), dtype)
    body.push({ kind: 'store', buffer: out, index: rowMajor(space), value })
  }
  const special = [NaN, Infinity, -Infinity, -0, 0]
  const value = (dtype: DType): number => {
    const k = below(12)
    if (dtype === 'bool') return below(2)
    if (dtype === 'int32') return k === 0 ? -2147483648 : k === 1 ? 2147483647 : below(41) - 20
    if (dtype === 'uint32') return k === 0 ? 4294967295 : below(50)
    if (dtype === 'int8') return below(256) - 128
    if (dtype === 'uint8') return below(256)
    return special[k] ?? (k === 5 ? random() * 1e9 - 5e8 : below(33) - 16 + (below(3) === 0 ? 0.5 : 0))
  }
  const data = inputs.map((b) =>
    encodeHost(
      Array.from({ length: b.size }, () => (indices.has(b) ? below(20) - 3 : value(b.dtype))),
      b.dtype,
    ),
  )
  return { program: program([loopKernel(loops(space, 'parallel', body), inputs, outputs)], inputs, outputs), data }
}
