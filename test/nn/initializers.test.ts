/** Initializers that promise more than a distribution. */
import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { type NDArray, nn, numpy as np, random } from 'cotangent'

const error = (x: NDArray, y: NDArray): number => Number(np.max(np.abs(np.subtract(x, y))).item())

describe('orthogonal', () => {
  it('makes the shorter side orthonormal, along any axis, times the scale', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 4 })
    fc.assert(
      fc.property(sizes, fc.nat(), fc.constantFrom(0.5, 1, 2), (shape, pick, scale) => {
        const columnAxis = pick % shape.length
        const w = nn.initializers.orthogonal(scale, { columnAxis })(random.key(7), shape)
        expect(w.shape).toEqual(shape)
        const matrix = np.reshape(np.moveaxis(w, columnAxis, -1), [-1, shape[columnAxis] ?? 0])
        const [rows = 0, columns = 0] = matrix.shape
        const gram = rows >= columns ? np.matmul(matrix.T, matrix) : np.matmul(matrix, matrix.T)
        expect(error(gram, np.multiply(scale ** 2, np.eye(Math.min(rows, columns))))).toBeLessThan(1e-5)
      }),
      { numRuns: 40 },
    )
  })

  it("gives JAX's values for a key", () => {
    const w = nn.initializers.orthogonal()(random.key(1), [2, 3, 4])
    expect(Number(w.get(1, 2, 3).item())).toBeCloseTo(0.61015403, 6)
  })

  it('deltaOrthogonal keeps norms through a convolution', () => {
    const kernel = nn.initializers.deltaOrthogonal()(random.key(1), [3, 2, 3])
    expect(
      kernel
        .get(0)
        .dataSync()
        .every((x) => x === 0),
    ).toBe(true)
    expect(error(np.matmul(kernel.get(1), kernel.get(1).T), np.eye(2))).toBeLessThan(1e-6)
    expect(() => nn.initializers.deltaOrthogonal()(random.key(1), [3, 3])).toThrow(/3 to 5 axes/)
    expect(() => nn.initializers.orthogonal()(random.key(1), [3])).toThrow(/at least two axes/)
  })
})

describe('scales among the options', () => {
  it('are those in front of them', () => {
    const { normal, orthogonal, truncatedNormal, uniform } = nn.initializers
    const pairs = [
      [uniform(0.5), uniform({ scale: 0.5 })],
      [normal(0.5), normal({ stddev: 0.5 })],
      [truncatedNormal(0.5, { lower: -1 }), truncatedNormal({ stddev: 0.5, lower: -1 })],
      [orthogonal(2, { columnAxis: 0 }), orthogonal({ scale: 2, columnAxis: 0 })],
    ] as const
    for (const [first, second] of pairs) {
      expect(second(random.key(1), [3, 4]).js()).toEqual(first(random.key(1), [3, 4]).js())
    }
    expect(uniform({ scale: 0.5, dtype: 'float16' })(random.key(1), [2]).dtype).toBe('float16')
    expect(nn.initializers.lecunNormal({ dtype: 'bfloat16' })(random.key(1), [3, 4]).dtype).toBe('bfloat16')
  })
})
