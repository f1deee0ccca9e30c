/** Memory of the GPU in a page, where nobody can ask for a collection of garbage: it stays bounded while results are waited for. */
import { expect, it } from 'vitest'
import { type NDArray, jit, memoryStats, numpy as np, withDevice } from 'cotangent'
import { usePage } from './support.js'

usePage()

const mebibyte = 1 << 20

it('a loop that drops an array of 1 MB in every step takes no more than some slack', async () => {
  const step = jit((x: NDArray, y: NDArray) => [x.add(y), np.sum(x.mul(y))] as const)
  let x = withDevice('webgpu', () => np.zeros([mebibyte / 4]))
  let most = 0
  const steps = 500
  for (let i = 1; i <= steps; i++) {
    const [next, sum] = withDevice('webgpu', () => step(x, np.array(i, { dtype: 'float32' })))
    x = next
    await sum.data()
    const stats = memoryStats().webgpu
    most = Math.max(most, stats === undefined ? NaN : stats.resident + stats.pooled)
  }
  const [first] = await x.data()
  expect(first).toBe((steps * (steps + 1)) / 2)
  // Without waiting for collections this took 304 MB.
  expect(most).toBeLessThan(80 * mebibyte)
})
