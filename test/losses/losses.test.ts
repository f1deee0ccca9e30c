/** Losses against their formulas, against each other, and in their extremes. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, losses, nn, numpy as np, vmap } from 'cotangent'
import { assertClose } from '../../src/testing/index.js'

const loose = { relative: 1e-5, absolute: 2e-6 }
const integers = (...values: number[]): NDArray => np.array(values, { dtype: 'int32' })
const finite = fc.double({ min: -20, max: 20, noNaN: true })

const batch = fc.array(fc.record({ logits: fc.array(finite, { minLength: 4, maxLength: 4 }), label: fc.nat(3) }), {
  minLength: 1,
  maxLength: 5,
})

describe('cross-entropies', () => {
  it('of integer labels, of one-hot labels and of focal loss without focus agree', () => {
    fc.assert(
      fc.property(batch, (rows) => {
        const logits = np.array(rows.map((r) => r.logits))
        const labels = integers(...rows.map((r) => r.label))
        const byLabel = losses.softmaxCrossEntropyWithIntegerLabels(logits, labels)
        assertClose(byLabel, losses.softmaxCrossEntropy(logits, nn.oneHot(labels, 4)), 'one-hot', loose)
        const focal = losses.focalLoss(logits, labels, { gamma: 0, reduction: 'none' })
        assertClose(focal, byLabel, 'focal', loose)
        const first = np.transpose(logits)
        assertClose(losses.softmaxCrossEntropyWithIntegerLabels(first, labels, { axis: 0 }), byLabel, 'axis', loose)
        assertClose(
          vmap((x: NDArray, y: NDArray) => losses.softmaxCrossEntropyWithIntegerLabels(x, y))(logits, labels),
          byLabel,
          'vmap',
          loose,
        )
      }),
      { numRuns: 20 },
    )
  })

  it('have softmax minus label as gradient', () => {
    const logits = np.array([
      [1, 2, 3],
      [0, -1, 4],
    ])
    const labels = integers(2, 0)
    const loss = (x: NDArray): NDArray => np.sum(losses.softmaxCrossEntropyWithIntegerLabels(x, labels))
    const expected = np.subtract(nn.softmax(logits), nn.oneHot(labels, 3))
    assertClose(grad(loss)(logits), expected, 'gradient', loose)
    assertClose(jit(grad(loss))(logits), expected, 'jitted gradient', loose)
  })

  it('stay finite for extreme logits, and a label outside gives NaN', () => {
    const logits = np.array([[1000, -1000, -Infinity]])
    expect(losses.softmaxCrossEntropyWithIntegerLabels(logits, integers(0)).item()).toBe(0)
    expect(losses.softmaxCrossEntropyWithIntegerLabels(logits, integers(1)).item()).toBe(2000)
    expect(losses.softmaxCrossEntropyWithIntegerLabels(logits, integers(3)).item()).toBeNaN()
    expect(losses.softmaxCrossEntropyWithIntegerLabels(logits, integers(-1)).item()).toBeNaN()
    expect(losses.safeSoftmaxCrossEntropy(logits, np.array([[1, 0, 0]])).item()).toBeCloseTo(0)
    assertClose(losses.sigmoidBinaryCrossEntropy(np.array([100, -100]), np.array([0, 0])), np.array([100, 0]), 'far')
  })

  it('where leaves classes out', () => {
    const where = np.array([[true, true, false]])
    const got = losses.softmaxCrossEntropyWithIntegerLabels(np.array([[1, 2, 3]]), integers(1), { where })
    const expected = losses.softmaxCrossEntropyWithIntegerLabels(np.array([[1, 2]]), integers(1))
    assertClose(got, expected, 'where', loose)
  })

  it('tell wrong labels', () => {
    const logits = np.ones([2, 3])
    expect(() => losses.softmaxCrossEntropyWithIntegerLabels(logits, np.ones([2]))).toThrow(
      /labels are integers.*losses.softmaxCrossEntropy/,
    )
    expect(() => losses.focalLoss(logits, integers(0, 1, 2))).toThrow(/need labels of shape \[2\].*got i32\[3\]/)
    expect(() => losses.focalLoss(logits, integers(0, 1), { alpha: [1, 2] })).toThrow(
      /one weight for each of the 3 classes/,
    )
    // With as many rows as classes they would be broadcast.
    for (const loss of [losses.softmaxCrossEntropy, losses.safeSoftmaxCrossEntropy]) {
      expect(() => loss(np.ones([2, 2]), integers(0, 1))).toThrow(
        /labels i32\[2\] look like one class for each row of the logits f32\[2,2\].*softmaxCrossEntropyWithIntegerLabels/,
      )
      assertClose(loss(np.ones([2, 2]), nn.oneHot(integers(0, 1), 2).astype('int32')), np.full([2], Math.LN2), 'ints')
    }
  })
})

describe('focal losses', () => {
  it('of several classes is alpha (1 - p)^gamma times the cross-entropy', () => {
    fc.assert(
      fc.property(batch, fc.double({ min: 0.5, max: 4, noNaN: true }), (rows, gamma) => {
        const alpha = [0.25, 1, 2, 0.5]
        const plain = rows.map(({ logits, label }) => {
          const rounded = logits.map(Math.fround)
          const top = Math.max(...rounded)
          const total = rounded.reduce((s, x) => s + Math.exp(x - top), 0)
          const others = rounded.reduce((s, x, i) => (i === label ? s : s + Math.exp(x - top)), 0)
          const logP = (rounded[label] ?? 0) - top - Math.log(total)
          return -(alpha[label] ?? 0) * (others / total) ** Math.fround(gamma) * logP
        })
        const logits = np.array(rows.map((r) => r.logits))
        const labels = integers(...rows.map((r) => r.label))
        const each = losses.focalLoss(logits, labels, { alpha, gamma, reduction: 'none' })
        assertClose(each, np.array(plain), 'each', { relative: 2e-3, absolute: 2e-6 })
        assertClose(losses.focalLoss(logits, labels, { alpha, gamma }), np.mean(each), 'mean', loose)
        assertClose(losses.focalLoss(logits, labels, { alpha, gamma, reduction: 'sum' }), np.sum(each), 'sum', loose)
      }),
      { numRuns: 20 },
    )
  })

  it('have finite gradients where an example is certain', () => {
    for (const gamma of [0, 0.5, 1, 1.5, 2]) {
      const loss = (x: NDArray): NDArray => losses.focalLoss(x, integers(0), { gamma })
      const slopes = grad(loss)(np.array([[200, 0, -200]])).dataSync()
      expect(slopes.every(Number.isFinite), `gamma ${gamma}`).toBe(true)
      const binary = (x: NDArray): NDArray => np.sum(losses.sigmoidFocalLoss(x, np.array([1, 0]), { gamma }))
      expect(
        grad(binary)(np.array([200, -200]))
          .dataSync()
          .every(Number.isFinite),
        `gamma ${gamma}`,
      ).toBe(true)
    }
  })

  it('of two classes is the sigmoid focal loss of the difference', () => {
    const x = np.array([0.3, -2, 5])
    const labels = integers(1, 0, 0)
    const pair = np.stack([np.zeros([3]), x], { axis: 1 })
    const many = losses.focalLoss(pair, labels, { reduction: 'none' })
    assertClose(losses.sigmoidFocalLoss(x, labels.astype('float32')), many, 'binary', loose)
  })
})

describe('losses of regression and of distributions', () => {
  it('are their formulas', () => {
    fc.assert(
      fc.property(finite, finite, (a, b) => {
        const [x, y] = [Math.fround(a), Math.fround(b)]
        const e = x - y
        const check = (got: NDArray, expected: number): void =>
          assertClose(got, np.array(expected), 'value', { relative: 1e-5, absolute: 4e-6 })
        check(losses.squaredError(np.array(x), np.array(y)), e * e)
        check(losses.l2Loss(np.array(x), np.array(y)), (e * e) / 2)
        check(losses.absoluteError(np.array(x), np.array(y)), Math.abs(e))
        check(
          losses.huberLoss(np.array(x), np.array(y), { delta: 2 }),
          Math.abs(e) <= 2 ? (e * e) / 2 : 2 * (Math.abs(e) - 1),
        )
        check(losses.logCosh(np.array(x), np.array(y)), Math.abs(e) + Math.log1p(Math.exp(-2 * Math.abs(e))) - Math.LN2)
        check(losses.hingeLoss(np.array(x), np.array(1)), Math.max(0, 1 - x))
      }),
      { numRuns: 40 },
    )
  })

  it('similarities, divergences and margins', () => {
    const a = np.array([3, 4])
    expect(losses.cosineSimilarity(a, np.array([4, 3])).item()).toBeCloseTo(0.96, 6)
    expect(losses.cosineDistance(a, a).item()).toBeCloseTo(0, 6)
    const p = np.array([0.2, 0.3, 0.5])
    expect(losses.klDivergence(np.log(p), p).item()).toBeCloseTo(0, 6)
    expect(losses.klDivergence(np.log(p), np.array([0, 0, 1])).item()).toBeCloseTo(Math.log(2), 6)
    expect(losses.klDivergenceWithLogTargets(np.log(p), np.log(p)).item()).toBeCloseTo(0, 6)
    expect(losses.tripletMarginLoss(a, a, np.array([0, 0]), { margin: 7, eps: 0 }).item()).toBeCloseTo(2, 5)
    expect(losses.multiclassHingeLoss(np.array([1, 3, 2.5]), integers(1).get(0)).item()).toBeCloseTo(0.5, 6)
    expect(losses.multiclassPerceptronLoss(np.array([1, 3, 2.5]), integers(0).get(0)).item()).toBeCloseTo(2, 6)
    assertClose(losses.smoothLabels(np.array([0, 1]), 0.1), np.array([0.05, 0.95]), 'smooth')
    assertClose(
      losses.polyLossCrossEntropy(np.log(p), np.array([0, 0, 1]), { epsilon: 2 }),
      np.array(Math.log(2) + 1),
      'poly',
    )
  })
})
