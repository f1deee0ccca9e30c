/** What programs look like as jaxprs and as fused kernels: a change of either is seen here first. */
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, lax, makeJaxpr, nn, numpy as np, vmap } from 'cotangent'
import { withoutSources } from './support.js'

const programs: Readonly<Record<string, readonly [(...args: NDArray[]) => unknown, ...NDArray[]]>> = {
  'elementwise chain': [(x) => np.multiply(np.tanh(np.add(x, 1)), np.exp(x)), np.zeros([1000])],
  softmax: [(x) => nn.softmax(x), np.zeros([8, 32])],
  'gradient of a dense layer': [
    grad((w: NDArray, x: NDArray) => np.mean(np.square(nn.relu(np.matmul(x, w))))),
    np.zeros([4, 3]),
    np.zeros([8, 4]),
  ],
  'convolution with bias and relu': [
    (x, w, b) =>
      nn.relu(np.add(lax.convGeneralDilated(x, w, [1, 1], 'SAME', { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] }), b)),
    np.zeros([2, 8, 8, 3]),
    np.zeros([3, 3, 3, 4]),
    np.zeros([4]),
  ],
  'gather and scatter': [(x, i) => x.at(i).add(np.take(x, i)), np.zeros([10]), np.zeros([3], { dtype: 'int32' })],
  scan: [
    (x) => lax.scan((c: NDArray, v: NDArray) => [np.add(np.multiply(c, 0.5), v), c], np.zeros([]), x),
    np.zeros([5]),
  ],
  'a row of a large carry, updated where it is': [
    (x) =>
      lax.foriLoop(
        1,
        20,
        (i: NDArray, c: NDArray) =>
          lax.dynamicUpdateSliceInDim(c, np.add(lax.dynamicSliceInDim(c, np.subtract(i, 1), 1), 1), i, 0),
        x,
      ),
    np.zeros([20, 100]),
  ],
  'vmapped while': [
    vmap((x: NDArray) =>
      lax.whileLoop(
        (v: NDArray) => np.less(v, 10),
        (v: NDArray) => np.multiply(v, 2),
        x,
      ),
    ),
    np.ones([3]),
  ],
}

describe.each(Object.entries(programs))('%s', (_, [f, ...args]) => {
  it('as a jaxpr', () => expect(String(makeJaxpr(f)(...args))).toMatchSnapshot())
  it('as kernels', () => expect(withoutSources(jit(f).lower(...args).kernels)).toMatchSnapshot())
})
