/** Attention, normalization and pooling against plain loops. */
import { describe, expect, it } from 'vitest'
import { type NDArray, jit, nn, numpy as np, random } from 'cotangent'
import { assertClose } from '../../src/testing/index.js'

const normal = (seed: number, shape: readonly number[]): NDArray => random.normal(random.key(seed), shape)
const loose = { relative: 2e-5, absolute: 2e-6 }

/** softmax(q k^T / sqrt(d)) v in loops over [length, heads, dim], with the pairs that `sees` allows. */
const plainAttention = (q: NDArray, k: NDArray, v: NDArray, sees: (i: number, j: number) => boolean): number[] => {
  const [queries = 0, heads = 0, dim = 0] = q.shape
  const [keys = 0, keyHeads = 1] = k.shape
  const at = (x: NDArray, i: number, h: number, d: number): number =>
    x.dataSync()[(i * (x.shape[1] ?? 0) + h) * dim + d] ?? NaN
  const out: number[] = []
  for (let i = 0; i < queries; i++)
    for (let h = 0; h < heads; h++) {
      const group = Math.floor(h / (heads / keyHeads))
      const weights = Array.from({ length: keys }, (_, j) => {
        let dot = 0
        for (let d = 0; d < dim; d++) dot += at(q, i, h, d) * at(k, j, group, d)
        return sees(i, j) ? Math.exp(dot / Math.sqrt(dim)) : 0
      })
      const total = weights.reduce((a, b) => a + b)
      for (let d = 0; d < dim; d++) out.push(weights.reduce((sum, w, j) => sum + (w / total) * at(v, j, group, d), 0))
    }
  return out
}

describe('dotProductAttention', () => {
  const q = normal(1, [5, 4, 3])
  const k = normal(2, [5, 2, 3])
  const v = normal(3, [5, 2, 3])
  const check = (options: nn.AttentionOptions, sees: (i: number, j: number) => boolean): void => {
    const expected = np.array(plainAttention(q, k, v, sees)).reshape([5, 4, 3])
    assertClose(nn.dotProductAttention(q, k, v, options), expected, 'eager', loose)
    assertClose(jit((a: NDArray) => nn.dotProductAttention(a, k, v, options))(q), expected, 'jit', loose)
  }

  it('is a weighted mean of the values, with shared heads', () => check({}, () => true))
  it('causal: the past only', () => check({ isCausal: true }, (i, j) => j <= i))
  it('local: a window only', () => check({ localWindowSize: [1, 2] }, (i, j) => j >= i - 1 && j <= i + 2))
  it('masked', () => {
    const mask = np.array([
      [true, false, false, false, true],
      [true, true, true, true, true],
      [false, true, false, true, false],
      [false, false, true, false, false],
      [true, true, false, false, false],
    ])
    const allowed = mask.js() as boolean[][]
    check({ mask }, (i, j) => Boolean(allowed[i]?.[j]))
  })
  it('lengths: keys beyond are not seen, queries beyond give zeros', () => {
    const y = nn.dotProductAttention(q, k, v, {
      keyValueSeqLengths: np.array([3], { dtype: 'int32' }),
      querySeqLengths: np.array([4], { dtype: 'int32' }),
    })
    const expected = plainAttention(q, k, v, (_, j) => j < 3).map((x, i) => (i < 4 * 12 ? x : 0))
    assertClose(y, np.array(expected).reshape([5, 4, 3]), 'lengths', loose)
  })
  it('tells what does not fit', () => {
    expect(() => nn.dotProductAttention(q, normal(1, [5, 3, 3]), v)).toThrow(/query f32\[1,5,4,3\], key f32\[1,5,3,3\]/)
    expect(() => nn.dotProductAttention(q, k, v, { mask: np.ones([5, 5]) })).toThrow(/the mask must be bool/)
  })
})

describe('normalization', () => {
  const x = normal(4, [6, 3, 4])
  it('batchNorm: training normalises each channel and moves the running statistics', () => {
    const ones = np.ones([4])
    const zeros = np.zeros([4])
    const [y, mean, variance] = nn.batchNorm(x, ones, zeros, zeros, ones, {
      training: true,
      momentum: 0.75,
      epsilon: 0,
    })
    assertClose(np.mean(y, { axis: [0, 1] }), zeros, 'mean', { relative: 0, absolute: 1e-6 })
    assertClose(np.var(y, { axis: [0, 1] }), ones, 'variance', { relative: 1e-5, absolute: 0 })
    assertClose(mean, np.multiply(0.25, np.mean(x, { axis: [0, 1] })), 'running mean', loose)
    assertClose(variance, np.add(0.75, np.multiply(0.25, np.var(x, { axis: [0, 1] }))), 'running variance', loose)
    const evaluated = nn.batchNorm(x, ones, zeros, np.mean(x, { axis: [0, 1] }), np.var(x, { axis: [0, 1] }), {
      epsilon: 0,
    })
    assertClose(evaluated, y, 'evaluation with the statistics of the batch', loose)
    expect(() => nn.batchNorm(x, np.ones([3]), zeros, zeros, ones)).toThrow(/scale f32\[3\].*each of the 4 channels/)
  })
  it('layerNorm, rmsNorm and groupNorm', () => {
    assertClose(
      nn.groupNorm(x, null, null, { numGroups: 1 }),
      nn.layerNorm(x, null, null, { axis: [1, 2] }),
      'one group',
      loose,
    )
    const perChannel = nn.groupNorm(x, null, null, { numGroups: 4 })
    assertClose(perChannel, nn.standardize(x, { axis: 1 }), 'a group per channel', loose)
    const meanSquare = np.mean(np.square(nn.rmsNorm(x, null, { epsilon: 0 })), { axis: -1 })
    assertClose(meanSquare, np.ones([6, 3]), 'mean square', { relative: 1e-5, absolute: 0 })
    expect(() => nn.groupNorm(x, null, null, { numGroups: 3 })).toThrow(/3 groups don't divide the channels/)
  })
})

describe('pooling', () => {
  const x = normal(5, [2, 5, 6, 3])
  const window = (f: (values: number[]) => number, strides: readonly [number, number]): NDArray => {
    const data = x.dataSync()
    const rows: number[][][][] = []
    for (let n = 0; n < 2; n++) {
      const image: number[][][] = []
      for (let i = 0; i + 2 <= 5; i += strides[0]) {
        const row: number[][] = []
        for (let j = 0; j + 3 <= 6; j += strides[1]) {
          row.push(
            [0, 1, 2].map((c) => {
              const values: number[] = []
              for (let a = 0; a < 2; a++)
                for (let b = 0; b < 3; b++) values.push(data[((n * 5 + i + a) * 6 + j + b) * 3 + c] ?? NaN)
              return f(values)
            }),
          )
        }
        image.push(row)
      }
      rows.push(image)
    }
    return np.array(rows)
  }

  it('takes the largest, smallest and mean of every window', () => {
    const mean = (values: number[]): number => values.reduce((a, b) => a + b) / values.length
    for (const strides of [
      [1, 1],
      [2, 3],
      [2, 1],
    ] as const) {
      assertClose(
        nn.maxPool(x, [2, 3], { strides }),
        window((v) => Math.max(...v), strides),
        'max',
      )
      assertClose(
        nn.minPool(x, [2, 3], { strides }),
        window((v) => Math.min(...v), strides),
        'min',
      )
      assertClose(nn.avgPool(x, [2, 3], { strides }), window(mean, strides), 'mean', loose)
    }
  })
  it('padding counts as zeros in the mean, or not at all', () => {
    const ones = np.ones([1, 4, 4, 1])
    const padded = nn.avgPool(ones, [3, 3], { padding: 'SAME' })
    expect(padded.get(0, 0, 0, 0).item()).toBeCloseTo(4 / 9, 6)
    const own = nn.avgPool(ones, [3, 3], { padding: 'SAME', countIncludePad: false })
    assertClose(own, ones, 'own count')
  })
  it('tells when a window does not fit the rank', () => {
    expect(() => nn.maxPool(np.ones([4, 4]), [2, 2])).toThrow(/nn.maxPool: a window \[2,2\] does not fit f32\[4,4\]/)
  })
})
