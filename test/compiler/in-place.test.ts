/** What a step of a loop moves: as many elements as it changes, however large its carries are. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, jit, lax, makeJaxpr, numpy as np, vmap, withDevice } from 'cotangent'
import { type Kernel, type Program, type Statement, compile, staysInPlace } from '../../src/compiler/index.js'
import { assertClose } from '../../src/testing/index.js'
import { branchLoop, branchPlans, unrolledBranches } from '../support/branch-loops.js'

const storesOf = (statements: readonly Statement[]): number =>
  statements.reduce((sum, s) => {
    if (s.kind === 'for') return sum + s.extent * storesOf(s.body)
    return sum + (s.kind === 'store' ? 1 : s.kind === 'if' ? storesOf(s.body) : 0)
  }, 0)

/** Elements that kernels write, copies of what carries start from included. */
const written = (program: Program): number => program.kernels.reduce((sum, kernel) => sum + writtenBy(kernel), 0)

const writtenBy = (kernel: Kernel): number => {
  switch (kernel.kind) {
    case 'loops':
      return storesOf(kernel.body)
    case 'contraction':
      return kernel.out.size
    case 'sort':
    case 'transform':
      return kernel.outputs.reduce((sum, buffer) => sum + buffer.size, 0)
    case 'callback':
      return 0
    case 'branch':
      return Math.max(...kernel.programs.map(written))
    case 'scan':
    case 'while': {
      const copied = kernel.carries.filter((carry, i) => staysInPlace(kernel, i) && kernel.initial[i] !== carry)
      const trips = kernel.kind === 'scan' ? kernel.length : 1
      return copied.reduce((sum, carry) => sum + carry.size, 0) + trips * written(kernel.body)
    }
  }
}

const loopOf = (program: Program) => {
  const [loop, ...others] = program.kernels.flatMap((k) => (k.kind === 'scan' || k.kind === 'while' ? [k] : []))
  if (loop === undefined || others.length > 0) throw new Error('not one loop')
  return loop
}

type Step = (i: NDArray, carry: NDArray, n: number) => NDArray

const steps: Readonly<Record<string, { readonly step: Step; readonly elements: number }>> = {
  'set an element': { step: (i, c) => c.at(i).set(3), elements: 1 },
  'add to an element': { step: (i, c) => c.at(i).add(c.get(0)), elements: 1 },
  'elements of elements': {
    step: (i, c) => c.at(i).set(np.add(c.get(np.add(i, 1)), c.get(np.add(i, 2)))),
    elements: 1,
  },
  'swap two elements': { step: (i, c) => c.at(i).set(c.get(0)).at(0).set(c.get(i)), elements: 3 },
  'set a window': { step: (i, c) => lax.dynamicUpdateSlice(c, np.ones([4]), [i]), elements: 4 },
  'move a window': {
    step: (i, c) => lax.dynamicUpdateSlice(c, lax.dynamicSlice(c, [np.add(i, 2)], [4]), [i]),
    elements: 8,
  },
  'scatter, some elements twice': { step: (i, c) => c.at(np.stack([i, i, np.add(i, 1)])).add(1), elements: 3 },
  'two updates and a read of the old value between them': {
    step: (i, c) => {
      const next = c.at(i).set(1)
      return next.at(np.add(i, 1)).set(np.add(c.get(i), next.get(np.add(i, 2))))
    },
    elements: 4,
  },
  'leave it': { step: (_, c) => c, elements: 0 },
  'set an element, or leave it': {
    step: (i, c) =>
      lax.cond(
        np.greater(c.get(i), 0),
        (d: NDArray) => d,
        (d: NDArray) => d.at(i).set(1),
        c,
      ),
    // With the number of the branch.
    elements: 2,
  },
  'choose among three, one of which chooses': {
    step: (i, c) =>
      lax.switch(
        np.remainder(i, 3),
        [
          (d: NDArray) => d.at(i).set(1),
          (d: NDArray) => d,
          (d: NDArray) =>
            lax.cond(
              np.greater(d.get(0), 0),
              (x: NDArray) => x.at(0).add(1),
              (x: NDArray) => x.at(i).set(2),
              d,
            ),
        ],
        c,
      ),
    elements: 4,
  },
  'a loop inside': {
    step: (i, c) => lax.foriLoop(0, 5, (j: NDArray, d: NDArray) => d.at(np.add(i, j)).set(2), c),
    elements: 11,
  },
}

/** Machines that compute whole arrays at once, and those that compute pieces. */
const machines = [false, true]

describe.each(
  Object.entries(steps).flatMap(([name, step]) => machines.map((blocks) => ({ name, ...step, options: { blocks } }))),
)('a loop whose steps $name ($options)', ({ step, elements, options }) => {
  const programOf = (n: number): Program => {
    const loop = (x: NDArray): NDArray => lax.foriLoop(0, 10, (i: NDArray, c: NDArray) => step(i, c, n), x)
    return compile(makeJaxpr(loop)(np.zeros([n])).jaxpr, options)
  }

  it.each([1000, 100_000])('moves only these elements, of %i', (n) => {
    const loop = loopOf(programOf(n))
    expect(loop.carries.every((carry, i) => carry.size === 1 || staysInPlace(loop, i))).toBe(true)
    // The rest is the number of the step.
    expect(written(loop.body)).toBeLessThanOrEqual(elements + 1)
    expect(loop.body.temporaryBytes).toBeLessThanOrEqual(64)
  })

  it('copies what it starts from once, and not if the program made it', () => {
    const n = 1000
    expect(written(programOf(n))).toBeLessThanOrEqual(n + 1 + 10 * (elements + 1))
    const own = makeJaxpr(() => lax.foriLoop(0, 10, (i: NDArray, c: NDArray) => step(i, c, n), np.ones([n])))()
    expect(written(compile(own.jaxpr, options))).toBeLessThanOrEqual(n + 1 + 10 * (elements + 1))
  })
})

describe('other loops in place', () => {
  it('batched', () => {
    const f = vmap((x: NDArray, k: NDArray) =>
      lax.foriLoop(0, 10, (i: NDArray, c: NDArray) => c.at(np.add(i, k)).add(1), x),
    )
    const { jaxpr } = makeJaxpr(f)(np.zeros([3, 1000]), np.arange(3))
    expect(written(loopOf(compile(jaxpr)).body)).toBeLessThanOrEqual(3 + 1)
  })
  it('with a test before each trip', () => {
    const f = (x: NDArray): NDArray =>
      lax.whileLoop(
        (c: NDArray) => np.less(c.get(0), 5),
        (c: NDArray) => c.at(0).add(1),
        x,
      )
    expect(written(loopOf(compile(makeJaxpr(f)(np.zeros([1000])).jaxpr)).body)).toBe(1)
  })
  it('an exchange of carries goes through locals', () => {
    const f = (x: NDArray, y: NDArray): readonly NDArray[] =>
      lax.foriLoop(0, 10, (_: NDArray, [a, b]: readonly [NDArray, NDArray]): readonly [NDArray, NDArray] => [b, a], [
        x,
        y,
      ] as const)
    const loop = loopOf(compile(makeJaxpr(f)(np.zeros([1000]), np.ones([1000])).jaxpr))
    expect(loop.body.temporaryBytes).toBe(0)
    expect(jit(f)(np.array([1, 2]), np.array([3, 4])).map((x) => x.js())).toEqual([
      [1, 2],
      [3, 4],
    ])
  })
  it('a carry that is also read backwards moves between two places', () => {
    const f = (x: NDArray): NDArray => lax.foriLoop(0, 3, (_: NDArray, c: NDArray) => np.subtract(c, np.flip(c)), x)
    const loop = loopOf(compile(makeJaxpr(f)(np.arange(4, { dtype: 'float32' })).jaxpr))
    expect(loop.carries.map((_, i) => staysInPlace(loop, i))).toEqual([true, false])
    expect(jit(f)(np.array([1, 2, 3, 5])).js()).toEqual([-16, -4, 4, 16])
  })
  it('a part of what the program made is replaced where it is', () => {
    const f = (x: NDArray): NDArray => np.matmul(x, x).at([3, 4]).set(1)
    const program = compile(makeJaxpr(f)(np.zeros([32, 32])).jaxpr)
    expect(written(program)).toBeLessThanOrEqual(32 * 32 + 64)
  })
})

describe('branches in loops', () => {
  it.each(['js', 'wasm'])('give what the steps give one by one (%s)', (device) =>
    withDevice(device, () => {
      fc.assert(
        fc.property(branchPlans, (plan) => {
          const expected = unrolledBranches(plan)
          branchLoop(plan).forEach((x, k) => assertClose(x, expected[k] ?? x, `carry ${k}`))
        }),
        { numRuns: 10, seed: 20261123 },
      )
    }),
  )

  it('are copies where one of them cannot write in place', () => {
    const f = (x: NDArray): NDArray =>
      lax.foriLoop(0, 3, (i: NDArray, c: NDArray) => lax.cond(np.greater(i, 1), np.flip, (d: NDArray) => d, c), x)
    for (const blocks of machines) {
      const loop = loopOf(compile(makeJaxpr(f)(np.zeros([1000])).jaxpr, { blocks }))
      expect(loop.carries.map((carry, i) => carry.size === 1 || staysInPlace(loop, i))).toContain(false)
    }
    expect(jit(f)(np.arange(100)).js()).toEqual(np.flip(np.arange(100)).js())
  })
})
