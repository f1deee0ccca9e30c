/** Sums of millions of numbers lose no more than sums of sums of sums do. */
import { expect, test } from 'vitest'
import { numpy as np } from 'cotangent'
import { generator } from '../compiler/random.js'

test('a long sum is as precise as sums of sums of sums are', () => {
  const random = generator(5)
  const size = 1 << 22
  const errors = Array.from({ length: 4 }, () => {
    const values = Float32Array.from({ length: size }, () => random() - 0.5)
    const exact = values.reduce((a, b) => a + b, 0)
    return (np.sum(np.array(values)).item() - exact) / Math.sqrt(size)
  })
  const rms = Math.sqrt(errors.reduce((sum, x) => sum + x * x, 0) / errors.length)
  // Levels of at most 32 sums: sums of 512 sums had 1e-7.
  expect(rms).toBeLessThan(7e-8)
})
