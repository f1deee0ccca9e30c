/** Windows with holes: where they are padded. */
import { expect, it } from 'vitest'
import { lax, numpy as np } from 'cotangent'

it('SAME pads as for the operand without its holes, as in JAX', () => {
  const x = np.reshape(np.arange(24), [4, 6])
  const sums = lax.reduceWindow(x, 0, lax.add, [3, 1], [2, 2], 'SAME', { baseDilation: [2, 1] })
  expect(sums.js()).toEqual([
    [6, 10, 14],
    [18, 22, 26],
    [30, 34, 38],
  ])
})
