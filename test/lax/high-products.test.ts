/** The upper halves of products of integers, against integers of any size; extrema under JAX's approximate names. */
import { expect, it } from 'vitest'
import { lax, numpy as np } from 'cotangent'

const bits = { int8: 8n, uint8: 8n, int32: 32n, uint32: 32n } as const
const edges = {
  int8: [-128, -127, -1, 0, 1, 5, 127],
  uint8: [0, 1, 15, 16, 254, 255],
  int32: [-2147483648, -2147483647, -65536, -65535, -1, 0, 1, 65535, 65536, 123456789, 2147483647],
  uint32: [0, 1, 65535, 65536, 65537, 2147483648, 4294901761, 4294967294, 4294967295],
} as const

it.each(['int8', 'uint8', 'int32', 'uint32'] as const)('mulhi of %s', (dtype) => {
  const list = edges[dtype]
  const pairs = list.flatMap((x) => list.map((y): readonly [number, number] => [x, y]))
  const column = (i: 0 | 1) =>
    np.array(
      pairs.map((pair) => pair[i]),
      { dtype },
    )
  const out = lax.mulhi(column(0), column(1))
  expect(out.dtype).toBe(dtype)
  expect(out.js()).toEqual(pairs.map(([x, y]) => Number((BigInt(x) * BigInt(y)) >> bits[dtype])))
})

it('mulhi broadcasts, and takes integers only', () => {
  expect(
    lax.mulhi(np.array([[2147483647], [-1]], { dtype: 'int32' }), np.array([4, 8], { dtype: 'int32' })).js(),
  ).toEqual([
    [1, 3],
    [-1, -1],
  ])
  expect(lax.mulhi(-2147483648, np.array([2], { dtype: 'int32' })).js()).toEqual([-1])
  expect(() => lax.mulhi(np.ones([2]), np.ones([2]))).toThrow('mulhi: works on integers, got float32')
})

it('approxMaxK and approxMinK miss nothing', () => {
  const x = np.array([
    [1, 5, 9],
    [7, 2, 7],
  ])
  expect(lax.approxMaxK(x, 2).map((part) => part.js())).toEqual([
    [
      [9, 5],
      [7, 7],
    ],
    [
      [2, 1],
      [0, 2],
    ],
  ])
  expect(lax.approxMinK(x, 1, { reductionDimension: 0, recallTarget: 0.5 }).map((part) => part.js())).toEqual([
    [[1, 2, 7]],
    [[0, 1, 1]],
  ])
  expect(() => lax.approxMaxK(x, 1, { recallTarget: 2 })).toThrow('recallTarget is a share between 0 and 1, got 2')
})
