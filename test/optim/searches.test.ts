/** L-BFGS, line searches and lookahead: against values of optax 0.2.8, and by the conditions that they promise. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, numpy as np, optim, slice, valueAndGrad, vmap } from 'cotangent'

type Loss = (x: NDArray) => NDArray

const rosenbrock: Loss = (x) => {
  const [head, tail] = [x.get(slice(0, -1)), x.get(slice(1, null))]
  return np.sum(
    np.add(np.multiply(100, np.square(np.subtract(tail, np.square(head)))), np.square(np.subtract(1, head))),
  )
}
const quadratic: Loss = (x) =>
  np.sum(np.multiply(np.array([1, 10, 100]), np.square(np.subtract(x, np.array([1, 2, 3])))))

/** Losses before each step. */
const losses = (f: Loss, optimizer: optim.GradientTransformation, start: NDArray, steps: number): number[] => {
  const fromState = optim.valueAndGradFromState(f)
  const step = jit((x: NDArray, state: unknown) => {
    const [value, gradient] = fromState(x, { state })
    const [updates, next] = optimizer.update(gradient, state, x, { value, grad: gradient, valueFn: f })
    return [value, optim.applyUpdates(x, updates), next] as const
  })
  let x = start
  let state: unknown = optimizer.init(start)
  return Array.from({ length: steps }, () => {
    const [value, after, next] = step(x, state)
    x = after
    state = next
    return value.item()
  })
}

const start = np.array([-1.2, 1])
const withSearch = (search: optim.GradientTransformation): optim.GradientTransformation =>
  optim.chain(optim.sgd(1), search)

/** What optax 0.2.8 gives; longer runs drift apart with the rounding of single operations. */
const reference: Readonly<Record<string, readonly [Loss, optim.GradientTransformation, NDArray, readonly number[]]>> = {
  'lbfgs on the function of Rosenbrock': [
    rosenbrock,
    optim.lbfgs(),
    start,
    [24.2, 11.298, 4.4005, 4.1139, 4.1048, 4.1006, 4.0602, 3.9627, 2.6301, 2.6235, 2.5585],
  ],
  'lbfgs with a small memory': [
    quadratic,
    optim.lbfgs({ memorySize: 3 }),
    np.zeros([3]),
    [941, 439.27, 27.167, 22.088, 0.68109, 0.55221, 0.32638, 0.003093],
  ],
  backtracking: [
    rosenbrock,
    withSearch(optim.scaleByBacktrackingLinesearch(30, { storeGrad: true })),
    start,
    [24.2, 13.153, 11.773, 6.4623, 4.4739, 3.9259, 2.003, 1.2245, 0.54013, 0.53376],
  ],
  zoom: [
    rosenbrock,
    withSearch(optim.scaleByZoomLinesearch(30)),
    start,
    [24.2, 4.7506, 4.1223, 4.1174, 3.7721, 3.7306, 3.7262],
  ],
  'zoom with a longest step': [
    rosenbrock,
    withSearch(optim.scaleByZoomLinesearch(30, { maxLearningRate: 0.01, approxDecRtol: null })),
    start,
    [24.2, 5.199, 4.1187, 4.1152, 4.0837, 4.054, 4.0477, 4.0415, 4.0354, 4.0294],
  ],
}

describe("optax's searches", () => {
  it.each(Object.entries(reference))('%s', (_, [f, optimizer, from, expected]) => {
    losses(f, optimizer, from, expected.length).forEach((value, i) => {
      const wanted = expected[i] ?? NaN
      expect(Math.abs(value / wanted - 1)).toBeLessThan(5e-4)
    })
  })

  it('lbfgs finds minima', () => {
    expect(losses(rosenbrock, optim.lbfgs(), start, 45).at(-1)).toBeLessThan(1e-9)
    expect(losses(quadratic, optim.lbfgs(), np.zeros([3]), 15).at(-1)).toBeLessThan(1e-6)
  })
})

describe('a line search', () => {
  const numbers = fc.float({ min: -3, max: 3, noNaN: true, noDefaultInfinity: true })
  const scales = fc.constantFrom(1e-3, 0.1, 1, 50)

  /** A quartic valley: convex, and far from quadratic. */
  const valley =
    (scale: number): Loss =>
    (x) =>
      np.add(np.sum(np.multiply(scale, np.power(x, 4))), np.sum(np.square(np.subtract(x, 0.5))))

  it('zoom ends where the loss falls enough and is flat enough; also for each of a batch', () => {
    fc.assert(
      fc.property(fc.array(numbers, { minLength: 2, maxLength: 2 }), scales, (list, scale) => {
        const f = valley(scale)
        const search = optim.scaleByZoomLinesearch(40, { approxDecRtol: null })
        const x = np.array(list)
        const [value, gradient] = valueAndGrad(f)(x)
        const direction = np.negative(gradient)
        const slope = -np.sum(np.square(gradient)).item()
        fc.pre(slope < -1e-2)
        const step = (at: NDArray, g: NDArray, v: NDArray) =>
          search.update(np.negative(g), search.init(at), at, { value: v, grad: g, valueFn: f })
        const [updates, state] = step(x, gradient, value)
        const after = np.add(x, updates)
        const rate = state.learningRate.item()
        expect(f(after).item()).toBeLessThanOrEqual(value.item() + 1e-4 * rate * slope + 1e-5 * Math.abs(value.item()))
        const left = np.sum(np.multiply(grad(f)(after), direction)).item()
        expect(Math.abs(left)).toBeLessThanOrEqual(0.9 * Math.abs(slope) * (1 + 1e-4))
        expect(state.value.item()).toBeCloseTo(f(after).item(), 3)
        const two = np.stack([x, np.multiply(x, 0.5)])
        const batch = vmap((at: NDArray) => step(at, grad(f)(at), f(at))[0])(two)
        expect(batch.get(0).js()).toEqual(jit(step)(x, gradient, value)[0].js())
      }),
      { numRuns: 15 },
    )
  })

  it('backtracking takes the first of the falling steps at which the loss falls enough', () => {
    fc.assert(
      fc.property(fc.array(numbers, { minLength: 2, maxLength: 2 }), scales, (list, scale) => {
        const f = valley(scale)
        const search = optim.scaleByBacktrackingLinesearch(60, { decreaseFactor: 0.5 })
        const x = np.array(list)
        const [value, gradient] = valueAndGrad(f)(x)
        const slope = -np.sum(np.square(gradient)).item()
        fc.pre(slope < -1e-2)
        const updates = np.negative(gradient)
        const [, state] = search.update(updates, search.init(x), x, { value, grad: gradient, valueFn: f })
        const rate = state.learningRate.item()
        expect(Number.isInteger(Math.log2(rate))).toBe(true)
        const falls = (step: number): boolean =>
          f(np.add(x, np.multiply(step, updates))).item() <= value.item() + 1e-4 * step * slope
        expect(falls(rate)).toBe(true)
        expect(rate === 1 || !falls(2 * rate)).toBe(true)
      }),
      { numRuns: 15 },
    )
  })

  it('makes no step out of the domain, and says what it needs', () => {
    const f: Loss = (x) => np.sum(np.log(x))
    const x = np.array([1e-3])
    const search = optim.scaleByBacktrackingLinesearch(2)
    const inputs = { value: f(x), grad: np.ones([1]), valueFn: f }
    const [updates] = search.update(np.array([-100]), search.init(x), x, inputs)
    expect(updates.js()).toEqual([-0])
    expect(() => search.update(x, search.init(x), x)).toThrow(
      'call update(grads, state, params, { value, grad, valueFn })',
    )
    expect(() => optim.valueAndGradFromState(f)(x, { state: search.init(x) })).toThrow('holds 0 values with gradients')
    expect(() => optim.lbfgs({ memorySize: 0 })).toThrow('memorySize must be a positive integer, got 0')
  })
})

describe('lookahead', () => {
  const train = (resetState: boolean, steps: number) => {
    const optimizer = optim.lookahead(optim.adam(0.1), 3, 0.5, { resetState })
    const loss = (p: { readonly w: NDArray }): NDArray => np.sum(np.square(p.w))
    let params = optim.LookaheadParams.initSynced({ w: np.array([1, 2]) })
    let state = optimizer.init(params)
    const step = jit((p: typeof params, s: typeof state) => {
      const [updates, next] = optimizer.update(grad(loss)(p.fast), s, p)
      return [optim.applyUpdates(p, updates), next] as const
    })
    return Array.from({ length: steps }, () => {
      const [after, next] = step(params, state)
      params = after
      state = next
      return [after.fast.w.dataSync()[0], after.slow.w.dataSync()[0]]
    })
  }

  it.each([
    [false, [0.9000007, 0.8004139, 0.8507941, 0.7519132, 0.6536949, 0.7037822, 0.6072433]],
    [true, [0.9000007, 0.8004139, 0.8507941, 0.7507948, 0.651315, 0.7018047, 0.6018053]],
  ] as const)('follows optax (resetState: %s), and both meet every third step', (resetState, expected) => {
    train(resetState, 7).forEach(([fast = NaN, slow = NaN], i) => {
      expect(Math.abs(fast - (expected[i] ?? NaN))).toBeLessThan(5e-6)
      const met = i < 2 ? 1 : expected[3 * Math.floor((i + 1) / 3) - 1]
      expect(Math.abs(slow - (met ?? NaN))).toBeLessThan(5e-6)
    })
  })

  it('wants both kinds of parameters', () => {
    expect(() => optim.lookahead(optim.sgd(1), 2, 0.5).init({ w: np.ones([1]) })).toThrow(
      'parameters are { fast, slow }',
    )
    expect(() => optim.lookahead(optim.sgd(1), 0, 0.5)).toThrow('the period must be a positive integer, got 0')
  })
})
