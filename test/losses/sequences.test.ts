/** Losses of sequences, segmentations, embeddings and rankings: against optax 0.2.8 (optax.json), and CTC against all paths. */
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, losses, nn, numpy as np } from 'cotangent'
import { assertClose } from '../../src/testing/index.js'

interface Expected {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}
const reference = JSON.parse(readFileSync(new URL('optax.json', import.meta.url), 'utf8')) as Record<string, Expected>

/** Uniform numbers of a small generator, which the script behind optax.json has too. */
const uniform = (seed: number, shape: readonly number[], low = -1, high = 1): NDArray => {
  let s = (Math.imul(seed, 2654435761) + 12345) >>> 0
  const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0
    return low + ((high - low) * (s >>> 8)) / 16777216
  })
  return np.array(values).reshape([...shape])
}
const integers = (data: number[] | number[][]): NDArray => np.array(data, { dtype: 'int32' })
const bits = (seed: number, shape: readonly number[]): NDArray => np.floor(uniform(seed, shape, 0, 2)).astype('int32')

const labels = integers([
  [1, 2, 1],
  [3, 3, 0],
])
const ends = np.array([
  [0, 0, 0],
  [0, 0, 1],
])
const classes = integers([0, 1, 1, 0, 3, 2])
const ctc = (x: NDArray): NDArray => losses.ctcLoss(x, np.zeros([2, 5]), labels, ends)

const computed: Readonly<Record<string, () => NDArray>> = {
  ctc: () => ctc(uniform(1, [2, 5, 4])),
  ctcGrad: () => grad((x: NDArray) => np.sum(ctc(x)))(uniform(1, [2, 5, 4])),
  ctcPadded: () =>
    losses.ctcLoss(
      uniform(1, [3, 6, 4]),
      np.array([
        [0, 0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0],
      ]),
      integers([
        [1, 2],
        [3, 0],
        [0, 0],
      ]),
      np.array([
        [0, 0],
        [0, 1],
        [1, 1],
      ]),
      { blankId: 3 },
    ),
  dice: () => losses.diceLoss(uniform(1, [2, 5]), bits(2, [2, 5])),
  tversky: () =>
    losses.diceLoss(uniform(1, [2, 5, 3]), bits(2, [2, 5, 3]), {
      alpha: 0.3,
      beta: 0.7,
      classWeights: np.array([1, 2, 3]),
      smooth: 0.5,
      reduction: 'sum',
      ignoreBackground: true,
    }),
  binaryDice: () => losses.binaryDiceLoss(uniform(1, [2, 5]), bits(2, [2, 5])),
  generalizedDice: () => losses.multiclassGeneralizedDiceLoss(uniform(1, [2, 5, 3]), bits(2, [2, 5, 3])),
  ntxent: () => losses.ntxent(uniform(1, [6, 5]), integers([0, 0, 1, 1, 2, 2])),
  ntxentGrad: () =>
    grad((x: NDArray) => losses.ntxent(x, integers([0, 0, 1, 1, 1, 2]), { temperature: 0.5 }))(uniform(1, [6, 5])),
  generalizedKl: () => losses.generalizedKlDivergence(uniform(1, [6, 5]), uniform(2, [6, 5], 0.1, 1)),
  ranking: () => losses.rankingSoftmaxLoss(uniform(1, [6, 5]), uniform(2, [6, 5], 0.1, 1)),
  rankingWhere: () =>
    losses.rankingSoftmaxLoss(uniform(1, [6, 5]), uniform(2, [6, 5], 0.1, 1), {
      where: uniform(3, [6, 5]).greater(-0.5),
      weights: uniform(4, [6, 5], 0, 1),
    }),
  sparsemax: () => losses.sparsemaxLoss(uniform(1, [6], -3, 3), integers([0, 1, 1, 0, 1, 0])),
  multiclassSparsemax: () => losses.multiclassSparsemaxLoss(uniform(1, [6, 4]), classes),
  multiclassSparsemaxGrad: () =>
    grad((x: NDArray) => np.sum(losses.multiclassSparsemaxLoss(x, classes)))(uniform(1, [6, 4])),
}

describe("optax's values", () => {
  it.each(Object.entries(reference))('%s', (name, { shape, data }) => {
    const got = computed[name]?.() ?? np.zeros([0])
    assertClose(got, np.array([...data]).reshape([...shape]), name, { relative: 3e-5, absolute: 3e-6 })
  })
})

describe('ctcLoss', () => {
  /** Labels that a path of classes stands for: repetitions joined, then blanks removed. */
  const collapsed = (path: readonly number[]): string => path.filter((c, i) => c !== path[i - 1] && c !== 0).join()

  it('is the probability of all paths that collapse to the labels', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 0, maxLength: 3 }),
        fc.integer({ min: 1, max: 99 }),
        (frames, wanted, seed) => {
          const logits = uniform(seed, [1, frames, 3], -2, 2)
          const scores = nn.logSoftmax(logits).dataSync()
          let total = 0
          for (let code = 0; code < 3 ** frames; code++) {
            const path = Array.from({ length: frames }, (_, t) => Math.floor(code / 3 ** t) % 3)
            const score = path.reduce((sum, c, t) => sum + Number(scores[3 * t + c]), 0)
            if (collapsed(path) === wanted.join()) total += Math.exp(score)
          }
          // One unused label at the end, so that padding takes part.
          const loss = losses
            .ctcLoss(logits, np.zeros([1, frames]), integers([[...wanted, 0]]), np.array([[...wanted.map(() => 0), 1]]))
            .item()
          expect(total === 0 ? loss > 1e4 : Math.abs(loss + Math.log(total)) < 1e-4).toBe(true)
        },
      ),
      { numRuns: 25 },
    )
  })

  it('says which shapes it expects', () => {
    expect(() => losses.ctcLoss(np.zeros([2, 5]), np.zeros([2, 5]), labels, ends)).toThrow(
      /expected logits \[batch, time, classes\], their paddings \[batch, time\].*got f32\[2,5\]/,
    )
    expect(() => losses.diceLoss(np.zeros([2, 3]), np.zeros([2, 4]))).toThrow(/differ in shape/)
  })
})
