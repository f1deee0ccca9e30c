/** What the tests of transformations share: arrays from seeds, and comparisons. */
import { expect } from 'vitest'
import { type NDArray, numpy as np } from 'cotangent'
import { assertClose } from '../../src/testing/index.js'

export const devices = ['js', 'wasm'] as const
export const float64 = { dtype: 'float64' } as const

/** Arrays whose elements follow from a seed. */
export const noise = (seed: number, shape: readonly number[]): NDArray => {
  const size = shape.reduce((n, d) => n * d, 1)
  const data = Float64Array.from({ length: size }, (_, i) => Math.sin(12.9898 * (seed + 1) + 78.233 * (i + 1)) * 0.9)
  return np.reshape(np.array(data), shape)
}

/** Compares lists of float64 arrays, which may differ by rounding. */
export const closeAll = (got: readonly NDArray[], expected: readonly NDArray[], what: string): void => {
  expect(got.length).toBe(expected.length)
  got.forEach((x, i) => assertClose(x, expected[i] ?? x, `${what}, ${i}`, { relative: 1e-9, absolute: 1e-10 }))
}
