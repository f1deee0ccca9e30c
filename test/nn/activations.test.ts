/** Activations against their formulas in plain JavaScript, their derivatives at kinks and far away, and softmax's laws. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, hessian, jit, nn, numpy as np, vmap } from 'cotangent'
import { assertClose } from '../../src/testing/index.js'

type Activation = (x: NDArray) => NDArray

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
const relu6 = (x: number): number => Math.min(Math.max(x, 0), 6)
const elu = (x: number, alpha: number): number => (x > 0 ? x : alpha * Math.expm1(x))

const formulas: Readonly<Record<string, readonly [Activation, (x: number) => number]>> = {
  identity: [nn.identity, (x) => x],
  relu: [nn.relu, (x) => Math.max(x, 0)],
  relu6: [nn.relu6, relu6],
  sigmoid: [nn.sigmoid, sigmoid],
  softplus: [nn.softplus, softplus],
  squareplus: [nn.squareplus, (x) => (x + Math.sqrt(x * x + 4)) / 2],
  sparsePlus: [nn.sparsePlus, (x) => (x <= -1 ? 0 : x >= 1 ? x : (x + 1) ** 2 / 4)],
  sparseSigmoid: [nn.sparseSigmoid, (x) => Math.min(Math.max(x + 1, 0), 2) / 2],
  softSign: [nn.softSign, (x) => x / (1 + Math.abs(x))],
  silu: [nn.silu, (x) => x * sigmoid(x)],
  mish: [nn.mish, (x) => x * Math.tanh(softplus(x))],
  logSigmoid: [nn.logSigmoid, (x) => -softplus(-x)],
  elu: [nn.elu, (x) => elu(x, 1)],
  celu: [(x) => nn.celu(x, { alpha: 2 }), (x) => Math.max(x, 0) + Math.min(0, 2 * Math.expm1(x / 2))],
  selu: [nn.selu, (x) => 1.0507009873554805 * elu(x, 1.6732632423543772)],
  leakyRelu: [(x) => nn.leakyRelu(x, { negativeSlope: 0.3 }), (x) => (x >= 0 ? x : 0.3 * x)],
  hardTanh: [nn.hardTanh, (x) => Math.min(Math.max(x, -1), 1)],
  hardSigmoid: [nn.hardSigmoid, (x) => relu6(x + 3) / 6],
  hardSilu: [nn.hardSilu, (x) => (x * relu6(x + 3)) / 6],
  gelu: [(x) => nn.gelu(x), (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))],
}

/** Far from every kink. */
const points = fc.array(
  fc.double({ min: -8, max: 8, noNaN: true }).filter((x) => [-3, -1, 0, 1, 3, 6].every((k) => Math.abs(x - k) > 0.01)),
  { minLength: 1, maxLength: 8 },
)

describe('activations', () => {
  for (const [name, [f, plain]] of Object.entries(formulas)) {
    it(`${name} is its formula, and so is its derivative`, () => {
      fc.assert(
        fc.property(points, (xs) => {
          const x = np.array(xs)
          const exact = Array.from(x.dataSync())
          assertClose(f(x), np.array(exact.map(plain)), name, { relative: 4e-6, absolute: 4e-7 })
          const slopes = exact.map((v) => (plain(v + 1e-5) - plain(v - 1e-5)) / 2e-5)
          assertClose(vmap(grad(f))(x), np.array(slopes), `${name}'`, { relative: 2e-5, absolute: 2e-6 })
        }),
        { numRuns: 20 },
      )
    })
  }

  it('keep NaN, and are finite or infinite as their limits are', () => {
    for (const [name, [f]] of Object.entries(formulas)) {
      const isNaN = [NaN, 1e30, -1e30].map((x) => Number.isNaN(f(np.array(x)).item()))
      expect([name, ...isNaN]).toEqual([name, true, false, false])
    }
  })

  it('have the derivatives of JAX at their kinks', () => {
    const at = (f: Activation, x: number): number => grad(f)(np.array(x)).item()
    expect(at(nn.relu, 0)).toBe(0)
    expect([at(nn.relu6, 0), at(nn.relu6, 6)]).toEqual([0, 0])
    expect(at(nn.softplus, 0)).toBe(0.5)
    expect(at(nn.elu, 0)).toBe(1)
    expect(at((x) => nn.leakyRelu(x), 0)).toBe(1)
    expect(at(nn.hardTanh, 1)).toBe(1)
    expect(at(nn.softSign, 0)).toBe(1)
    expect(at(nn.logSigmoid, -200)).toBe(1)
    expect(grad(grad((x: NDArray) => nn.softplus(x)))(np.array(0)).item()).toBeCloseTo(0.25, 6)
    expect(grad(grad((x: NDArray) => nn.gelu(x)))(np.array(-3.2)).item()).toBeCloseTo(-0.0197931, 7)
  })

  it('glu halves an axis; oneHot adds one', () => {
    const x = np.array([[1, 2, 0, Math.log(3)]])
    assertClose(nn.glu(x), np.array([[0.5, 1.5]]), 'glu')
    expect(() => nn.glu(np.ones([3]))).toThrow(/nn.glu: axis -1 of f32\[3\] has the odd size 3/)
    const labels = np.array([2, 0, 7, -1], { dtype: 'int32' })
    expect(nn.oneHot(labels, 3).js()).toEqual([
      [0, 0, 1],
      [1, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ])
    expect(nn.oneHot(labels, 3, { axis: 0, dtype: 'bool' }).shape).toEqual([3, 4])
  })
})

describe('softmax and its relatives', () => {
  const matrices = fc.array(fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 4, maxLength: 4 }), {
    minLength: 1,
    maxLength: 4,
  })

  it('probabilities sum to 1 and ignore shifts; logSoftmax is the log; logsumexp is the normalizer', () => {
    fc.assert(
      fc.property(matrices, fc.double({ min: -1000, max: 1000, noNaN: true }), (rows, shift) => {
        const x = np.array(rows)
        const p = nn.softmax(x)
        assertClose(np.sum(p, { axis: -1 }), np.ones([rows.length]), 'sum', { relative: 1e-6, absolute: 0 })
        assertClose(nn.softmax(np.add(x, shift)), p, 'shift', { relative: 1e-3, absolute: 1e-4 })
        assertClose(np.exp(nn.logSoftmax(x)), p, 'log', { relative: 1e-5, absolute: 1e-7 })
        const normalizer = nn.logsumexp(x, { axis: -1, keepdims: true })
        assertClose(np.subtract(x, normalizer), nn.logSoftmax(x), 'normalizer', { relative: 1e-5, absolute: 1e-5 })
      }),
      { numRuns: 20 },
    )
  })

  it('where leaves elements out, of the value and of the derivative', () => {
    const x = np.array([1, 2, 3, 4])
    const where = np.array([true, false, true, false], { dtype: 'bool' })
    const p = nn.softmax(x, { where })
    assertClose(p.get([0, 2]), nn.softmax(np.array([1, 3])), 'where')
    expect(p.get([1, 3]).js()).toEqual([0, 0])
    const nowhere = np.zeros([4], { dtype: 'bool' })
    const weighted = (y: NDArray): NDArray => np.sum(np.multiply(nn.softmax(y, { where: nowhere }), y))
    expect(nn.softmax(x, { where: nowhere }).js()).toEqual([0, 0, 0, 0])
    expect(grad(weighted)(x).js()).toEqual([0, 0, 0, 0])
    expect(nn.logSoftmax(x, { where }).get(1).item()).toBe(-Infinity)
  })

  it('logsumexp takes weights, infinities, and has the softmax as gradient', () => {
    expect(nn.logsumexp(np.array([-Infinity, -Infinity])).item()).toBe(-Infinity)
    expect(nn.logsumexp(np.array([Infinity, 0])).item()).toBe(Infinity)
    expect(nn.logsumexp(np.array([1000, 1000])).item()).toBeCloseTo(1000 + Math.LN2, 3)
    expect(nn.logsumexp(np.array([0, 0]), { b: np.array([1, -2]) }).item()).toBeNaN()
    expect(nn.logsumexp(np.array([0, 0]), { b: np.array([1, 2]) }).item()).toBeCloseTo(Math.log(3), 6)
    const x = np.array([0.1, -0.2, 0.3])
    const p = nn.softmax(x)
    assertClose(grad((y: NDArray) => nn.logsumexp(y))(x), p, 'gradient')
    const expected = np.subtract(np.diag(p), np.outer(p, p))
    assertClose(hessian((y: NDArray) => nn.logsumexp(y))(x), expected, 'hessian', { relative: 1e-5, absolute: 1e-6 })
    assertClose(nn.logmeanexp(x), np.array(Math.log((Math.exp(0.1) + Math.exp(-0.2) + Math.exp(0.3)) / 3)), 'mean')
  })

  it('with returnSign, logsumexp gives the logarithm of the magnitude and the sign', () => {
    const numbers = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 6, maxLength: 6 })
    fc.assert(
      fc.property(numbers, numbers, fc.boolean(), (a, b, keepdims) => {
        const [x, weights] = [np.reshape(np.array(a, { dtype: 'float64' }), [2, 3]), np.reshape(np.array(b), [2, 3])]
        const [logarithm, sign] = nn.logsumexp(x, { b: weights, axis: 1, keepdims, returnSign: true })
        const direct = np.sum(np.multiply(weights, np.exp(x)), { axis: 1, keepdims })
        assertClose(np.multiply(sign, np.exp(logarithm)), direct, 'signed sum', { relative: 1e-9, absolute: 1e-9 })
      }),
      { numRuns: 25 },
    )
    expect(nn.relu6(np.array([-1, 3, 9], { dtype: 'int32' }))).toMatchObject({ dtype: 'float32' })
  })

  it('standardize gives mean 0 and variance 1, jitted too', () => {
    const x = np.array([
      [1, 2, 4],
      [-3, 0, 9],
    ])
    const y = jit((a: NDArray) => nn.standardize(a, { epsilon: 0 }))(x)
    assertClose(np.mean(y, { axis: -1 }), np.zeros([2]), 'mean', { relative: 0, absolute: 1e-6 })
    assertClose(np.var(y, { axis: -1 }), np.ones([2]), 'variance', { relative: 1e-5, absolute: 0 })
  })
})
