/** Collectives that move values between members of a named axis: against indexing of the whole array, and their transposes. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, lax, numpy as np, vjp, vmap } from 'cotangent'
import { close, devices, holds, on } from './support.js'

const tolerance = { relative: 1e-5, absolute: 1e-6 }

const over = (f: (x: NDArray) => NDArray): ((x: NDArray) => NDArray) => vmap(f, { axisName: 'i' })
const numbers = (shape: readonly number[], seed = 1): NDArray =>
  np
    .sin(
      np
        .arange(shape.reduce((a, b) => a * b, 1))
        .mul(1.7 * seed)
        .add(seed),
    )
    .reshape([...shape])

/** Each function of a member, and the same on the whole array [members, ...]. */
const cases: Readonly<
  Record<string, readonly [shape: readonly number[], member: (x: NDArray) => NDArray, whole: (x: NDArray) => NDArray]>
> = {
  allGather: [[3, 2], (x) => lax.allGather(x, 'i'), (x) => np.stack([x, x, x])],
  'allGather at axis 1': [[3, 2], (x) => lax.allGather(x, 'i', { axis: 1 }), (x) => np.stack([x.T, x.T, x.T])],
  'allGather tiled': [
    [3, 2, 2],
    (x) => lax.allGather(x, 'i', { axis: -1, tiled: true }),
    (x) => {
      const joined = np.concatenate([...x], { axis: 1 })
      return np.stack([joined, joined, joined])
    },
  ],
  ppermute: [
    [3, 2],
    (x) =>
      lax.ppermute(x, 'i', [
        [0, 2],
        [2, 1],
      ]),
    (x) => np.stack([np.zeros([2]), x.get(2), x.get(0)]),
  ],
  pshuffle: [[3, 2], (x) => lax.pshuffle(x, 'i', [1, 2, 0]), (x) => np.roll(x, -1, { axis: 0 })],
  allToAll: [[3, 3], (x) => lax.allToAll(x, 'i', 0, 0), (x) => x.T],
  'allToAll of two axes': [[3, 2, 3], (x) => lax.allToAll(x, 'i', 1, 0), (x) => np.transpose(x, { axes: [2, 0, 1] })],
  'allToAll tiled': [
    [2, 4, 3],
    (x) => lax.allToAll(x, 'i', 0, 1, { tiled: true }),
    (x) => np.transpose(x.reshape([2, 2, 2, 3]), { axes: [1, 2, 0, 3] }).reshape([2, 2, 6]),
  ],
  pswapaxes: [[3, 2, 3], (x) => lax.pswapaxes(x, 'i', 1), (x) => np.swapaxes(x, 0, 2)],
  psumScatter: [[3, 3, 2], (x) => lax.psumScatter(x, 'i'), (x) => np.sum(x, { axis: 0 })],
  'psumScatter tiled': [
    [2, 3, 4],
    (x) => lax.psumScatter(x, 'i', { scatterDimension: 1, tiled: true }),
    (x) => np.moveaxis(np.sum(x, { axis: 0 }).reshape([3, 2, 2]), 1, 0),
  ],
}

describe.each(devices)('collectives that move values, on %s', (device) => {
  it.each(Object.entries(cases))(
    '%s is indexing of the whole array, in vmap, jit and reverse mode',
    (_, [shape, member, whole]) =>
      on(device, () => {
        const x = numbers(shape)
        const want = whole(x)
        close(over(member)(x), want, 'vmap', tolerance)
        close(jit(over(member))(x), want, 'jit', tolerance)
        close(over(jit(member))(x), want, 'vmap of jit', tolerance)
        const ct = numbers(want.shape, 2)
        close(vjp(over(member), x)[1](ct)[0], vjp(whole, x)[1](ct)[0], 'vjp', tolerance)
      }),
  )

  it('stay apart from other mapped axes, and gradients flow between members', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), (n, m) =>
        on(device, () => {
          const x = numbers([n, m])
          const nested = vmap(
            over((v) => lax.allGather(v, 'i').sum()),
            { inAxes: 1, outAxes: 1 },
          )
          close(nested(x), np.broadcastTo(np.sum(x, { axis: 0 }), [n, m]), 'nested', tolerance)
          const unmapped = vmap((v: NDArray) => lax.allGather(v, 'i').sum(), {
            inAxes: null,
            axisName: 'i',
            axisSize: n,
          })
          close(unmapped(np.array(2)), np.full([n], 2 * n), 'unmapped', tolerance)
        }),
      ),
      { numRuns: 10 },
    )
    await on(device, () => {
      const loss = (x: NDArray): NDArray => over((v) => lax.allGather(v, 'i').prod())(x).sum()
      close(grad(loss)(np.array([1, 2, 3])), np.array([18, 9, 6]), 'grad', tolerance)
      holds(over((v) => v.mul(lax.axisSize('i')))(np.ones([4])), [4, 4, 4, 4])
    })
  })
})

describe('collectives that move values', () => {
  it('errors name the axis, the sizes and the way out', () => {
    expect(() => lax.allGather(np.ones([2]), 'i')).toThrow(/no enclosing vmap has the axis name 'i'/)
    expect(() => over((x) => lax.allToAll(x, 'i', 0, 0))(np.ones([2, 4]))).toThrow(
      /axis 0 of \[4\] has size 4, and 'i' has 2 members; they must be equal, or give \{ tiled: true \}/,
    )
    expect(() => over((x) => lax.ppermute(x, 'i', [[0, 5]]))(np.ones([2]))).toThrow(/not a pair of positions below 2/)
    expect(() => over((x) => lax.pshuffle(x, 'i', [0, 0]))(np.ones([2]))).toThrow(
      /not a permutation of the 2 positions/,
    )
  })
})
