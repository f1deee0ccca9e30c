/** Optimizers and schedules against optax 0.2.8: losses of a training run, values by step (optax.json). */
import { describe, expect, it } from 'vitest'
import { readFileSync } from 'node:fs'
import { type NDArray, jit, grad, numpy as np, optim, valueAndGrad } from 'cotangent'

type Arg = number | string | boolean | null | { readonly [key: string]: Arg } | readonly Arg[]
type Part = readonly [name: string, ...args: Arg[]]

interface Reference {
  readonly optimizers: readonly { readonly parts: readonly Part[]; readonly losses: readonly number[] }[]
  readonly schedules: readonly { readonly name: string; readonly args: readonly Arg[]; readonly values: number[] }[]
}

const reference = JSON.parse(readFileSync(new URL('optax.json', import.meta.url), 'utf8')) as Reference

const call = (name: string, args: readonly Arg[]): unknown => {
  const f: unknown = Reflect.get(optim, name)
  if (typeof f !== 'function') throw new Error(`optim has no ${name}`)
  return Reflect.apply(f, undefined, args)
}

const build = (parts: readonly Part[]): optim.GradientTransformation =>
  optim.chain(...parts.map(([name, ...args]) => call(name, args) as optim.GradientTransformation))

interface Params {
  readonly w: NDArray
  readonly b: NDArray
  readonly out: { readonly v: NDArray }
}

/** Uniform numbers of a small generator, which the script behind optax.json has too. */
const R = (seed: number, shape: readonly number[], low = -1, high = 1): NDArray => {
  let s = (Math.imul(seed, 2654435761) + 12345) >>> 0
  const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0
    return low + ((high - low) * (s >>> 8)) / 16777216
  })
  return np.array(values).reshape([...shape])
}
const [x, y] = [R(11, [6, 3]), R(12, [6, 2], -2, 2)]
const loss = (p: Params): NDArray => np.mean(np.square(np.tanh(x.matmul(p.w).add(p.b)).matmul(p.out.v).add(0.1).sub(y)))
const start: Params = { w: R(13, [3, 4]), b: R(14, [4]), out: { v: R(15, [4, 2]) } }

const losses = (optimizer: optim.GradientTransformation, steps: number): number[] => {
  let params = start
  let state = optimizer.init(params)
  const step = jit((p: Params, s: unknown) => {
    const [value, gradients] = valueAndGrad(loss)(p)
    const [updates, next] = optimizer.update(gradients, s, p, { value })
    return [value, optim.applyUpdates(p, updates), next] as const
  })
  return Array.from({ length: steps }, () => {
    const [value, after, next] = step(params, state)
    params = after
    state = next
    return value.item()
  })
}

describe("optax's optimizers", () => {
  it.each(reference.optimizers.map((c) => [JSON.stringify(c.parts), c] as const))(
    '%s',
    (_, { parts, losses: want }) => {
      const got = losses(build(parts), want.length)
      // Rounding of bias corrections (and of bfloat16 moments) is all that differs; it grows over the steps.
      const tolerance = JSON.stringify(parts).includes('bfloat16') ? 1e-2 : 5e-4
      got.forEach((value, i) =>
        expect(Math.abs(value - (want[i] ?? NaN))).toBeLessThanOrEqual(tolerance * (want[i] ?? 1)),
      )
    },
  )
})

describe("optax's schedules", () => {
  it.each(reference.schedules.map((c) => [`${c.name} ${JSON.stringify(c.args)}`, c] as const))('%s', (_, c) => {
    const schedule = call(c.name, c.args) as optim.Schedule
    c.values.forEach((want, step) => expect(np.asarray(schedule(step)).item()).toBeCloseTo(want, 5))
  })
})

describe('transformations around others', () => {
  it('MultiSteps steps with the mean of k gradients', () => {
    const [g1, g2] = [np.array([1, 5]), np.array([3, 7])]
    const optimizer = optim.MultiSteps(optim.sgd(0.5), 2)
    let state = optimizer.init(np.zeros([2]))
    const [first, between] = optimizer.update(g1, state)
    expect(first.js()).toEqual([0, 0])
    expect(Boolean(optimizer.hasUpdated(between).item())).toBe(false)
    const [second, after] = optimizer.update(g2, between)
    state = after
    expect(second.js()).toEqual([-1, -3])
    expect(Boolean(optimizer.hasUpdated(state).item())).toBe(true)
    const summed = optim.MultiSteps(optim.sgd(0.5), 2, { useGradMean: false })
    const [, once] = summed.update(g1, summed.init(np.zeros([2])))
    expect(summed.update(g2, once)[0].js()).toEqual([-2, -6])
  })

  it('injectHyperparams keeps a learning rate that can be replaced', () => {
    const optimizer = optim.injectHyperparams(optim.sgd)(0.5)
    const state = optimizer.init(np.array([1]))
    expect(optimizer.update(np.array([2]), state)[0].js()).toEqual([-1])
    const slower = { ...state, hyperparams: { learningRate: np.array(0.25) } }
    const [update, next] = optimizer.update(np.array([2]), slower)
    expect(update.js()).toEqual([-0.5])
    expect(next.hyperparams.learningRate?.item()).toBe(0.25)
  })

  it('flatten, namedChain and partition change nothing', () => {
    const plain = losses(optim.adam(0.05), 5)
    const close = (other: readonly number[]): void =>
      other.forEach((value, i) => expect(value).toBeCloseTo(plain[i] ?? NaN, 6))
    const adam = (): optim.GradientTransformation => build([['adam', 0.05]])
    close(losses(optim.chain(optim.flatten(adam())), 5))
    close(losses(optim.chain(optim.namedChain(['only', adam()])), 5))
    close(losses(optim.chain(optim.partition({ a: adam(), b: adam() }, { w: 'a', b: 'b', out: 'a' })), 5))
  })

  it('zeroNans, freeze and conditions', () => {
    const nan = optim.zeroNans()
    const [clean, found] = nan.update(
      { a: np.array([NaN, 1]), b: np.array([2]) },
      nan.init({ a: np.zeros([2]), b: np.zeros([1]) }),
    )
    expect(clean.a.js()).toEqual([0, 1])
    expect(Object.values(found.foundNan as Record<string, NDArray>).map((flag) => flag.item())).toEqual([1, 0])
    const frozen = optim.freeze({ a: true, b: false })
    const both = { a: np.ones([1]), b: np.ones([1]) }
    const [kept] = frozen.update(both, frozen.init(both))
    expect([kept.a.item(), kept.b.item()]).toEqual([0, 1])
    const early = optim.conditionallyTransform(optim.scale(-2), (step) => np.less(step, 1))
    const [now, later] = early.update(np.ones([1]), early.init(np.ones([1])))
    expect([now.item(), early.update(np.ones([1]), later)[0].item()]).toEqual([-2, 1])
  })

  it('safeNorm has no NaN in its derivative at zero', () => {
    expect(grad((v: NDArray) => optim.safeNorm(v, 1e-3))(np.zeros([2])).js()).toEqual([0, 0])
    expect(grad((v: NDArray) => optim.safeNorm(v, 1e-3))(np.array([3, 4])).js()).toEqual([
      expect.closeTo(0.6),
      expect.closeTo(0.8),
    ])
  })

  it('errors say what is missing', () => {
    const polyak = optim.polyakSgd()
    expect(() => polyak.update(np.ones([1]), polyak.init(np.ones([1])))).toThrow(
      /call update\(grads, state, params, \{ value \}\)/,
    )
    expect(() => optim.MultiSteps(optim.sgd(1), 0)).toThrow(/positive integer or a schedule, got 0/)
    expect(() => optim.namedChain(['a', build([['scale', 1]])], ['a', build([['scale', 1]])])).toThrow(/stands twice/)
  })
})
