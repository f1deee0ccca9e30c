/** Optimizers against plain loops, as pytrees of arrays in jit, and the parts that combine them. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, numpy as np, optim, tree } from 'cotangent'
import { assertClose } from '../../src/testing/index.js'

const loose = { relative: 2e-5, absolute: 1e-6 }

/** Steps of an optimizer of one number on given gradients: the updates. */
const updatesOf = (optimizer: optim.GradientTransformation, gradients: readonly number[], start = 1): number[] => {
  let params = np.array(start)
  let state = optimizer.init(params)
  return gradients.map((g) => {
    const [update, next] = optimizer.update(np.array(g), state, params)
    params = optim.applyUpdates(params, update)
    state = next
    return update.item()
  })
}

type Plain = (rate: number) => (g: number, x: number) => number

/** The same optimizers on plain numbers, written from the papers. */
const plain: Readonly<Record<string, readonly [(rate: number) => optim.GradientTransformation, Plain]>> = {
  sgd: [(r) => optim.sgd(r), (r) => (g) => -r * g],
  momentum: [
    (r) => optim.sgd(r, { momentum: 0.9 }),
    (r) => {
      let m = 0
      return (g) => -r * (m = 0.9 * m + g)
    },
  ],
  nesterov: [
    (r) => optim.sgd(r, { momentum: 0.8, nesterov: true }),
    (r) => {
      let m = 0
      return (g) => ((m = 0.8 * m + g), -r * (0.8 * m + g))
    },
  ],
  adam: [
    (r) => optim.adam(r),
    (r) => {
      let [m, v, t] = [0, 0, 0]
      return (g) => {
        t++
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        return (-r * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-8)
      }
    },
  ],
  adamw: [
    (r) => optim.adamw(r, { weightDecay: 0.1, b1: 0.5 }),
    (r) => {
      let [m, v, t] = [0, 0, 0]
      return (g, x) => {
        t++
        m = 0.5 * m + 0.5 * g
        v = 0.999 * v + 0.001 * g * g
        return -r * (m / (1 - 0.5 ** t) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-8) + 0.1 * x)
      }
    },
  ],
  adamax: [
    (r) => optim.adamax(r),
    (r) => {
      let [m, u, t] = [0, 0, 0]
      return (g) => {
        t++
        m = 0.9 * m + 0.1 * g
        u = Math.max(0.999 * u, Math.abs(g) + 1e-8)
        return (-r * (m / (1 - 0.9 ** t))) / u
      }
    },
  ],
  rmsprop: [
    (r) => optim.rmsprop(r, { decay: 0.8, momentum: 0.5 }),
    (r) => {
      let [v, m] = [0, 0]
      return (g) => {
        v = 0.8 * v + 0.2 * g * g
        return (m = 0.5 * m - (r * g) / Math.sqrt(v + 1e-8))
      }
    },
  ],
  centered: [
    (r) => optim.rmsprop(r, { centered: true, eps: 0.01 }),
    (r) => {
      let [v, m] = [0, 0]
      return (g) => {
        v = 0.9 * v + 0.1 * g * g
        m = 0.9 * m + 0.1 * g
        return (-r * g) / Math.sqrt(v - m * m + 0.01)
      }
    },
  ],
  adagrad: [
    (r) => optim.adagrad(r),
    (r) => {
      let s = 0.1
      return (g) => ((s += g * g), (-r * g) / Math.sqrt(s + 1e-7))
    },
  ],
  lion: [
    (r) => optim.lion(r, { weightDecay: 0.2 }),
    (r) => {
      let m = 0
      return (g, x) => {
        const step = Math.sign(0.9 * m + 0.1 * g)
        m = 0.99 * m + 0.01 * g
        return -r * (step + 0.2 * x)
      }
    },
  ],
}

describe('optimizers', () => {
  const gradients = fc.array(
    fc.double({ min: -5, max: 5, noNaN: true }).filter((g) => Math.abs(g) > 1e-2),
    { minLength: 1, maxLength: 8 },
  )
  for (const [name, [make, start]] of Object.entries(plain)) {
    it(`${name} is its formula`, () => {
      fc.assert(
        fc.property(gradients, (gs) => {
          const step = start(0.1)
          let x = 1
          const expected = gs.map((g) => {
            const update = step(Math.fround(g), x)
            x += update
            return update
          })
          assertClose(np.array(updatesOf(make(0.1), gs)), np.array(expected), name, { relative: 1e-4, absolute: 1e-6 })
        }),
        { numRuns: 8 },
      )
    })
  }

  const params = { w: np.array([[1, -2]]), b: [np.array([0.5]), null], out: np.array(3) }
  const loss = (p: typeof params): NDArray =>
    np.add(np.sum(np.square(p.w)), np.add(np.sum(np.square(p.b[0] ?? 0)), np.square(np.subtract(p.out, 1))))

  it('take pytrees, converge, and give the same steps in jit', () => {
    for (const [name, [make]] of Object.entries(plain)) {
      const optimizer = make(name === 'lion' || name === 'adamax' ? 0.02 : 0.05)
      const step = (p: typeof params, s: unknown): [typeof params, unknown] => {
        const [updates, next] = optimizer.update(grad(loss)(p), s, p)
        return [optim.applyUpdates(p, updates), next]
      }
      const jitted = jit(step)
      let [p, s]: [typeof params, unknown] = [params, optimizer.init(params)]
      for (let i = 0; i < 60; i++) {
        const eager = i < 2 ? step(p, s) : undefined
        ;[p, s] = jitted(p, s)
        if (eager !== undefined) {
          tree.leaves([p, s]).forEach((leaf, j) => {
            assertClose(leaf as NDArray, tree.leaves(eager)[j] as NDArray, `${name}, leaf ${j}`, loose)
          })
        }
      }
      expect([name, loss(p).item() < 0.6 * loss(params).item()]).toEqual([name, true])
      expect(jit.explain(jitted)).toMatch(/was not traced by its last call/)
    }
  })

  it('of every kind take a schedule, or say that they take a number', () => {
    const params = { w: np.ones([2, 3]) }
    const schedule = optim.linearSchedule(0.1, 0.1, 10)
    for (const make of [optim.sgd, optim.adam, optim.lion, optim.sm3, optim.lamb, optim.signum, optim.novograd]) {
      const updates = [0.1, schedule].map((rate) => {
        const optimizer = make(rate)
        return optimizer.update(params, optimizer.init(params), params)[0].w
      })
      assertClose(updates[1] ?? np.zeros([]), updates[0] ?? np.zeros([]), make.name)
    }
    for (const make of [optim.rprop, optim.fromage]) {
      expect(() => Reflect.apply(make, undefined, [schedule])).toThrow(/the learning rate must be a JS number/)
    }
    for (const rate of [undefined, { learningRate: 0.1 }]) {
      expect(() => Reflect.apply(optim.adam, undefined, [rate])).toThrow(
        /the learning rate is a number.*optim.adam\(1e-3\); got/,
      )
    }
    expect(() => optim.warmupCosineDecaySchedule(0, 0.1, 10, 10)).toThrow(/decaySteps counts the warm-up too.*10 steps/)
  })

  it('keep the dtype of the parameters', () => {
    const p = { h: np.ones([2], { dtype: 'float16' }), d: np.ones([2], { dtype: 'float64' }) }
    const optimizer = optim.adamw(optim.cosineDecaySchedule(0.1, 10))
    const [updates] = optimizer.update(p, optimizer.init(p), p)
    const next = optim.applyUpdates(p, updates)
    expect([next.h.dtype, next.d.dtype]).toEqual(['float16', 'float64'])
  })
})

describe('parts', () => {
  const tree1 = { a: np.array([3, -4]), b: [np.array([[12]])] }
  const once = <T>(t: optim.GradientTransformation, updates: T): T => t.update(updates, t.init(updates), updates)[0]

  it('clip one by one and together', () => {
    expect(optim.globalNorm(tree1).item()).toBe(13)
    expect(once(optim.clip(3.5), tree1).a.js()).toEqual([3, -3.5])
    assertClose(optim.globalNorm(once(optim.clipByGlobalNorm(6.5), tree1)), np.array(6.5), 'norm', loose)
    expect(once(optim.clipByGlobalNorm(100), tree1).a.js()).toEqual([3, -4])
    expect(once(optim.clipByGlobalNorm(1), { z: np.zeros([2]) }).z.js()).toEqual([0, 0])
  })

  it('masks: some parameters only, by a tree, a prefix or a function', () => {
    const decay = (mask: optim.Mask): unknown =>
      tree.map((x: NDArray) => x.js(), once(optim.addDecayedWeights({ weightDecay: 1, mask }), tree1))
    const expected = { a: [6, -8], b: [[[12]]] }
    expect(decay({ a: true, b: [false] })).toEqual(expected)
    expect(decay({ a: true, b: false })).toEqual(expected)
    expect(decay((p: typeof tree1) => tree.map((x: NDArray) => x.ndim === 1, p))).toEqual(expected)
    expect(() => decay({ a: true })).toThrow(/optim.masked/)
  })

  it('multiTransform treats each label by itself', () => {
    const t = optim.multiTransform({ fast: optim.sgd(1), frozen: optim.setToZero() }, { a: 'fast', b: 'frozen' })
    const got = once(t, tree1)
    expect(got.a.js()).toEqual([-3, 4])
    expect(got.b[0]?.js()).toEqual([[0]])
    const wrong = optim.multiTransform({ fast: optim.sgd(1) }, { a: 'fast', b: 'slow' })
    expect(() => wrong.init(tree1)).toThrow(/params.b\[0\] has the label 'slow'.*are for fast/)
  })

  it('applyIfFinite skips what is not finite', () => {
    const t = optim.applyIfFinite(optim.sgd(1, { momentum: 0.5 }), 2)
    let state = t.init(np.array(0))
    const step = (g: number): number => {
      const [update, next] = t.update(np.array(g), state)
      state = next
      return update.item()
    }
    expect(step(1)).toBe(-1)
    expect(step(NaN)).toBe(0)
    expect(step(1)).toBe(-1.5)
    expect([step(NaN), step(Infinity)]).toEqual([0, 0])
    expect(state.totalNotfinite.item()).toBe(3)
    expect(step(NaN)).toBeNaN()
  })

  it('ema and incrementalUpdate average', () => {
    const t = optim.ema(0.9)
    let state = t.init(np.array(0))
    for (const value of [5, 5, 5]) {
      const [average, next] = t.update(np.array(value), state)
      state = next
      expect(average.item()).toBeCloseTo(5, 5)
    }
    expect(optim.incrementalUpdate(np.array(1), np.array(0), 0.25).item()).toBe(0.25)
  })

  it('chain passes updates on in order, and tells a state of another chain', () => {
    const t = optim.chain(optim.scale(2), optim.clip(3), optim.identity())
    expect(once(t, np.array([1, 5])).js()).toEqual([2, 3])
    expect(() => t.update(np.array(1), [null])).toThrow(/optim.chain: the state has 1 entries for 3/)
    expect(() => optim.adamw(0.1).update(np.array(1), optim.adamw(0.1).init(np.array(1)))).toThrow(
      /looks at the parameters/,
    )
    expect(() => optim.applyUpdates({ a: np.ones([1]) }, { c: np.ones([1]) })).toThrow(
      /optim.applyUpdates: the pytrees differ/,
    )
  })
})

describe('schedules', () => {
  const at = (schedule: optim.Schedule, ...steps: number[]): number[] =>
    steps.map((step) => (schedule(step) as NDArray).item())
  const close = (got: readonly number[], expected: readonly number[]): void =>
    assertClose(np.array([...got]), np.array([...expected]), 'schedule', loose)

  it('go where they should', () => {
    close(at(optim.constantSchedule(0.5), 0, 99), [0.5, 0.5])
    close(at(optim.linearSchedule(1, 0, 4), 0, 1, 4, 9), [1, 0.75, 0, 0])
    close(at(optim.linearSchedule(1, 0, 4, { transitionBegin: 2 }), 0, 2, 4), [1, 1, 0.5])
    close(at(optim.polynomialSchedule(1, 0, 2, 4), 2), [0.25])
    close(at(optim.cosineDecaySchedule(2, 10, { alpha: 0.1 }), 0, 5, 10, 20), [2, 1.1, 0.2, 0.2])
    close(at(optim.exponentialDecay(1, 10, 0.5), 0, 10, 20), [1, 0.5, 0.25])
    close(at(optim.exponentialDecay(1, 10, 0.5, { staircase: true, endValue: 0.3 }), 9, 10, 30), [1, 0.5, 0.3])
    close(at(optim.piecewiseConstantSchedule(1, { 5: 0.1, 10: 0.5 }), 4, 5, 11), [1, 0.1, 0.05])
    close(at(optim.warmupCosineDecaySchedule(0, 1, 5, 25, { endValue: 0.1 }), 0, 1, 5, 15, 25), [0, 0.2, 1, 0.55, 0.1])
    close(at(optim.warmupConstantSchedule(0, 1, 4), 2, 8), [0.5, 1])
    close(at(optim.warmupExponentialDecaySchedule(0, 1, 4, 2, 0.5), 2, 4, 6), [0.5, 1, 0.5])
    close(at(optim.cosineOnecycleSchedule(100, 1), 0, 30, 100), [0.04, 1, 4e-6])
    expect(() => optim.joinSchedules([optim.constantSchedule(1)], [3])).toThrow(/1 schedules need 0 boundaries/)
    expect(() => optim.cosineDecaySchedule(1, 0)).toThrow(/decaySteps must be positive/)
  })

  it('give the same in jit, and steer a learning rate by the count of steps', () => {
    const schedule = optim.warmupCosineDecaySchedule(0, 1, 5, 25)
    const jitted = jit(schedule)
    for (const step of [0, 3, 5, 12, 30]) {
      close([(jitted(np.array(step, { dtype: 'int32' })) as NDArray).item()], at(schedule, step))
    }
    close(updatesOf(optim.sgd(optim.linearSchedule(1, 0, 4)), [1, 1, 1, 1, 1]), [-1, -0.75, -0.5, -0.25, 0])
  })
})

describe('the dtype of first moments', () => {
  const params = { w: np.array([1, -2, 3]) }
  const grads = { w: np.array([0.25, 0.5, -1]) }
  it.each([
    ['scaleByAdam', optim.scaleByAdam],
    ['scaleByAmsgrad', optim.scaleByAmsgrad],
    ['scaleByLion', optim.scaleByLion],
    ['scaleByNovograd', optim.scaleByNovograd],
  ] as const)('is an option of %s, before the first step and after it', (_, make) => {
    const optimizer: optim.GradientTransformation = make({ muDtype: 'bfloat16' })
    const wide: optim.GradientTransformation = make()
    const dtypeOf = (state: unknown): string => (state as { readonly mu: typeof params }).mu.w.dtype
    const state = optimizer.init(params)
    const [updates, next] = optimizer.update(grads, state, params)
    expect([dtypeOf(state), dtypeOf(next)]).toEqual(['bfloat16', 'bfloat16'])
    const [wanted] = wide.update(grads, wide.init(params), params)
    assertClose(updates.w.astype('float32'), wanted.w, 'first step', { relative: 2 ** -7, absolute: 0 })
  })
  it.each([
    ['scaleByBelief', optim.scaleByBelief],
    ['scaleByYogi', optim.scaleByYogi],
    ['scaleByRadam', optim.scaleByRadam],
    ['scaleByAdan', optim.scaleByAdan],
  ] as const)('is none of %s, as in optax', (name, make) => {
    expect(() => (make as (options: object) => unknown)({ muDtype: 'bfloat16' })).toThrow(
      `optim.${name}: there is no option 'muDtype'`,
    )
  })
})
