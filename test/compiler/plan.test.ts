import { describe, expect, test } from 'vitest'
import * as lax from '../../src/lax/index.js'
import { buildJaxpr, known } from '../../src/core/index.js'
import { type Buffer, type Program, accesses, bufferBytes, compile } from '../../src/compiler/index.js'
import { canOverwrite } from '../../src/compiler/overwrite.js'
import { randomProgram } from './random.js'
import { program } from './support.js'

/** Temporaries that lay where an output was to be. */
let guests = 0

/** Checks a plan by brute force: buffers that live at the same time never overlap, but for an exchange within a kernel. */
const checkPlan = (made: Program): void => {
  const first = new Map<Buffer, number>()
  const last = new Map<Buffer, number>()
  made.kernels.forEach((kernel, k) => {
    const { reads, writes } = accesses(kernel)
    for (const buffer of writes) if (!first.has(buffer)) first.set(buffer, k)
    for (const buffer of [...reads, ...writes]) last.set(buffer, k)
    for (const buffer of reads) {
      const kind = made.placements.get(buffer)?.kind
      expect(kind).toBeDefined()
      if (kind === 'temporary')
        expect(first.get(buffer), 'a temporary is written before it is read').toBeLessThanOrEqual(k)
    }
    for (const buffer of writes) expect(made.placements.get(buffer)?.kind, 'inputs are never written').not.toBe('input')
  })
  const temporaries = [...first.keys()].flatMap((buffer) => {
    const placement = made.placements.get(buffer)
    return placement?.kind === 'temporary' ? [{ buffer, offset: placement.offset }] : []
  })
  for (const { buffer, offset } of temporaries) {
    expect(offset % 16).toBe(0)
    expect(offset + bufferBytes(buffer)).toBeLessThanOrEqual(made.temporaryBytes)
  }
  const hosts = new Set<Buffer>()
  for (const buffer of first.keys()) {
    const placement = made.placements.get(buffer)
    if (placement?.kind !== 'output' || made.outputs.includes(buffer)) continue
    // A temporary where an output will be: it dies in the kernel that writes the output over it, and is alone there.
    const fresh = known(made.outputs[placement.index], 'output')
    const kernel = known(made.kernels[last.get(buffer) ?? -1], 'kernel')
    expect(first.get(fresh)).toBe(last.get(buffer))
    expect(canOverwrite(kernel, buffer, fresh)).toBe(true)
    expect(hosts.has(fresh)).toBe(false)
    hosts.add(fresh)
  }
  guests += hosts.size
  for (const a of temporaries) {
    for (const b of temporaries) {
      if (
        a.buffer === b.buffer ||
        a.offset >= b.offset + bufferBytes(b.buffer) ||
        b.offset >= a.offset + bufferBytes(a.buffer)
      )
        continue
      const [startA = 0, endA = 0] = [first.get(a.buffer), last.get(a.buffer)]
      const [startB = 0, endB = 0] = [first.get(b.buffer), last.get(b.buffer)]
      if (endA < startB || endB < startA) continue
      // The only way to share memory at one time: the older dies in the kernel that writes the younger over it.
      const [old, fresh, at] = startA < startB ? [a.buffer, b.buffer, startB] : [b.buffer, a.buffer, startA]
      expect(last.get(old)).toBe(at)
      const kernel = made.kernels[at]
      expect(kernel !== undefined && canOverwrite(kernel, old, fresh)).toBe(true)
    }
  }
}

test('temporaries of random programs never overlap while they live', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const { inputs, run } = randomProgram(seed, 20)
    checkPlan(compile(buildJaxpr(run, inputs, 'random').jaxpr))
  }
  expect(guests).toBeGreaterThan(20)
})

describe('reuse', () => {
  const dot = lax.dot
  test('a long chain of products needs two temporaries', () => {
    const made = program(
      (x) => {
        let y = x
        for (let i = 0; i < 10; i++) y = dot(y, x)
        return [y]
      },
      [16, 16],
    )
    checkPlan(made)
    expect(made.temporaryBytes).toBe(2 * 16 * 16 * 4)
  })
  test('elementwise results are written over operands that die', () => {
    const made = program(
      (x) => {
        let y = x
        for (let i = 0; i < 10; i++) y = lax.tanh(dot(y, x))
        return [y]
      },
      [16, 16],
    )
    checkPlan(made)
    expect(made.temporaryBytes).toBe(2 * 16 * 16 * 4)
  })
  test('a small temporary lies where a large one will be', () => {
    const made = program((x, w, v) => [dot(dot(dot(dot(x, x), w), v), v)], [8, 8], [8, 32], [32, 32])
    checkPlan(made)
    expect(made.temporaryBytes).toBe(2 * 8 * 32 * 4)
  })
  test('a reversed operand is not overwritten while it is read', () => {
    const made = program((x) => [dot(lax.exp(lax.rev(dot(x, x), [0])), x)], [16, 16])
    checkPlan(made)
    expect(made.temporaryBytes).toBe(2 * 16 * 16 * 4)
  })
})
