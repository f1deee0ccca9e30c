/** Kernels whose invocations compute several results each: what they read, and that their results are those of single ones. */
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, lax, numpy as np } from 'cotangent'
import { withDevice } from '../../../src/core/index.js'
import { agree, floats, tunings, useWebgpu } from './support.js'

useWebgpu()

const depthwise = (x: NDArray, w: NDArray): NDArray =>
  lax.convGeneralDilated(x, w, [1, 1], 'SAME', {
    dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'],
    featureGroupCount: x.shape[3] ?? 1,
  })

/** Enough results that GPUs in hardware, too, have invocations left. */
const large = { image: [1, 64, 64, 128], filter: [3, 3, 1, 128] } as const

/** Accesses of arrays in the shaders of a function on a device. */
const accesses = (device: string, f: (...xs: NDArray[]) => unknown, ...shapes: (readonly number[])[]): number =>
  withDevice(device, () => {
    const text = jit(f)
      .lower(...shapes.map((shape) => np.zeros([...shape])))
      .text()
    return text.match(/\bm\d+\[/g)?.length ?? 0
  })

describe('several results for each invocation:', () => {
  it.each(tunings)('windows of 3 x 3 for eight results read 24 elements and 9 weights once (%s)', (device) => {
    expect(accesses(device, depthwise, large.image, large.filter)).toBe(24 + 9 + 8)
  })
  it('not where invocations would be too few', () => {
    expect(accesses(tunings[1], depthwise, [1, 32, 32, 64], [3, 3, 1, 64])).toBe(9 + 9 + 1)
    expect(accesses(tunings[0], depthwise, [1, 8, 8, 2], [3, 3, 1, 2])).toBe(9 + 9 + 1)
  })
  it('nor where nothing is read in common, or not much', () => {
    expect(accesses(tunings[0], (x, y) => x.mul(y), [512, 512], [512, 512])).toBe(3)
    expect(accesses(tunings[0], (x, y) => x.mul(y), [512, 512], [512])).toBe(3)
  })
  agree('a depthwise convolution', () => depthwise(floats(1, large.image), floats(2, large.filter)), 8, tunings)
  agree(
    'its gradients, whose sums and positions are local',
    () =>
      jit(grad((x: NDArray, w: NDArray, y: NDArray) => np.sum(depthwise(x, w).mul(y)), { argnums: [0, 1] }))(
        floats(1, [4, 16, 15, 32]),
        floats(2, [3, 3, 1, 32]),
        floats(3, [4, 16, 15, 32]),
      ),
    64,
  )
  agree('windows that overlap', () =>
    lax.reduceWindow(floats(1, [40, 42, 24]), -Infinity, lax.max, [3, 3, 1], [1, 1, 1], 'SAME'),
  )
  agree('strided windows of even sizes', () =>
    lax.reduceWindow(floats(1, [64, 96, 12]), 0, lax.add, [4, 4, 1], [2, 2, 1], 'VALID'),
  )
  agree(
    'sums that share a factor, and where the largest is',
    () => {
      const x = floats(1, [96, 200])
      const y = floats(2, [200])
      return jit((a: NDArray, b: NDArray) => [np.sum(a.mul(b).sin(), { axis: 1 }), np.argmax(a.mul(b), { axis: 1 })])(
        x,
        y,
      )
    },
    64,
  )
})
