import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type NDArray, numpy as np } from '../../src/index.js'
import { type Expression, e, known } from '../../src/core/index.js'
import { newBuffer } from '../../src/compiler/graph.js'
import { type Buffer, type LoopKernel, accesses } from '../../src/compiler/index.js'
import { shareCopies } from '../../src/compiler/share.js'
import { kernels } from './support.js'

const size = 4

/** What a random kernel stores: to an array, elements of another one, forwards or backwards, negated or not. */
interface Filling {
  readonly to: number
  readonly from: number
  readonly backwards: boolean
  readonly negated: boolean
}

const kernelOf = (fillings: readonly Filling[], buffers: readonly Buffer[]): LoopKernel => {
  const i = e.variable('int32', size)
  const body = fillings.map(({ to, from, backwards, negated }) => {
    const element = e.load(known(buffers[from], 'source'), backwards ? e.binary('sub', e.index(size - 1), i) : i)
    const value = negated ? e.unary('neg', element) : element
    return { kind: 'store' as const, buffer: known(buffers[to], 'target'), index: i, value }
  })
  const reads = [...new Set(fillings.map(({ from }) => known(buffers[from], 'source')))]
  const writes = [...new Set(fillings.map(({ to }) => known(buffers[to], 'target')))]
  const loop = { kind: 'for' as const, variable: i, extent: size, order: 'parallel' as const, body }
  return { kind: 'loops', name: 'map', body: [loop], reads, writes }
}

/** Contents of all arrays after the kernels have run; arrays hold NaN before. */
const run = (list: readonly LoopKernel[], inputs: readonly Buffer[]): Map<Buffer, number[]> => {
  const memory = new Map(inputs.map((buffer, k) => [buffer, Array.from({ length: size }, (_, i) => 10 * k + i + 1)]))
  const contents = (buffer: Buffer): number[] => {
    const found = memory.get(buffer) ?? new Array<number>(size).fill(NaN)
    memory.set(buffer, found)
    return found
  }
  for (const { body } of list) {
    for (const loop of body) {
      if (loop.kind !== 'for') throw new Error('a loop was expected')
      for (let i = 0; i < size; i++) {
        for (const s of loop.body) {
          if (s.kind !== 'store') throw new Error('a store was expected')
          const valueOf = (x: Expression): number => {
            if (x === loop.variable) return i
            const args = x.args.map(valueOf)
            const [a = 0, b = 0] = args
            if (x.op === 'const') return x.value
            if (x.op === 'load') return contents(x.source as Buffer)[a] ?? NaN
            return x.op === 'neg' ? -a : x.op === 'add' ? a + b : x.op === 'mul' ? a * b : a - b
          }
          contents(s.buffer)[valueOf(s.index)] = valueOf(s.value)
        }
      }
    }
  }
  return memory
}

/** Whether arrays that have become one were there without a gap between them; results are there to the end. */
const isUnbroken = (
  list: readonly LoopKernel[],
  outputs: ReadonlySet<Buffer>,
  places: ReadonlyMap<Buffer, Buffer>,
): boolean => {
  const spanOf = (buffer: Buffer): { first: number; last: number } => {
    const at = list.flatMap((kernel, k) => (Object.values(accesses(kernel)).flat().includes(buffer) ? [k] : []))
    return { first: Math.min(...at), last: outputs.has(buffer) ? Infinity : Math.max(...at) }
  }
  return [...new Set(places.values())].every((place) => {
    const members = [place, ...[...places].flatMap(([from, to]) => (to === place ? [from] : []))]
    const spans = members.map(spanOf).sort((a, b) => a.first - b.first)
    let end = known(spans[0], 'span').last
    return spans.every(({ first, last }) => {
      const meets = first <= end
      end = Math.max(end, last)
      return meets
    })
  })
}

describe('equal copies become one', () => {
  test('results stay the same, and nothing is in memory for longer', () => {
    const arrays = 16
    const filling = fc.record({
      to: fc.oneof(fc.nat(1), { arbitrary: fc.nat(arrays - 1), weight: 4 }),
      // Few sources and few ways, so that many are equal.
      from: fc.oneof({ arbitrary: fc.nat(1), weight: 4 }, fc.nat(arrays - 1)),
      backwards: fc.boolean(),
      negated: fc.boolean(),
    })
    const programs = fc.array(fc.array(filling, { minLength: 1, maxLength: 2 }), { minLength: 2, maxLength: 9 })
    let merged = 0
    fc.assert(
      fc.property(programs, fc.uniqueArray(fc.nat(arrays - 1), { maxLength: 6 }), (drawn, results) => {
        const buffers = Array.from({ length: arrays }, () => newBuffer('float32', [size]))
        const inputs = buffers.slice(0, 2)
        // A kernel reads only what is written, not by itself, and writes an array once.
        const written = new Set([0, 1])
        const list = drawn.flatMap((fillings): LoopKernel[] => {
          const own = fillings.filter(
            ({ to, from }, k) =>
              written.has(from) && fillings.every((f) => f.from !== to) && fillings.findIndex((f) => f.to === to) === k,
          )
          for (const { to } of own) written.add(to)
          return own.length === 0 ? [] : [kernelOf(own, buffers)]
        })
        const outputs = new Set(results.map((k) => known(buffers[k], 'result')))
        const shared = shareCopies(list, inputs, outputs)
        const after = shared.kernels.flatMap((kernel) => (kernel.kind === 'loops' ? [kernel] : []))
        merged += shared.places.size
        const want = run(list, inputs)
        const got = run(after, inputs)
        for (const buffer of outputs) expect(got.get(buffer)).toEqual(want.get(buffer))
        expect(isUnbroken(list, outputs, shared.places)).toBe(true)
      }),
      { numRuns: 2000 },
    )
    expect(merged).toBeGreaterThan(100)
  })

  test('a transposed array that two products read is stored once, or not at all', () => {
    const copies = (length: number, count: number, isInterleaved = false): number => {
      const heads = (x: NDArray): NDArray =>
        isInterleaved
          ? np.transpose(np.reshape(x, [4, length, count / 2, 64, 2]), [0, 2, 4, 1, 3]).reshape([4, count, length, 64])
          : np.transpose(np.reshape(x, [4, length, count, 64]), [0, 2, 1, 3])
      const text = kernels(
        (x, y, z) => [np.matmul(heads(x), y), np.matmul(z, heads(x))],
        [4, length, 64 * count],
        [4, count, 64, 3],
        [4, count, 5, length],
      )
      return text.match(/^ *\w+\[.*\] = in0\[/gm)?.length ?? 0
    }
    // Groups of matrices that are small enough to be in a cache together, groups that aren't, and matrices that aren't.
    for (const [length, count] of [
      [64, 8],
      [128, 16],
      [2048, 8],
    ] as const) {
      expect(copies(length, count)).toBe(0)
      // Matrices of three strides.
      expect(copies(length, count, true)).toBe(1)
    }
  })
})
