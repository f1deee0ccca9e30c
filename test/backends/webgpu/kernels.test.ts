/** Kernels whose shaders depend on sizes: products, reductions, rows, sorts, scatters, many operands. Values are those of `js`. */
import { describe, expect, it } from 'vitest'
import { type NDArray, jit, lax, nn, numpy as np, random, valueAndGrad } from 'cotangent'
import { tree, withDevice } from '../../../src/core/index.js'
import { assertCloseAsync, toleranceOf } from '../../../src/testing/index.js'
import { tunings, useWebgpu } from './support.js'

useWebgpu()

const normal = (seed: number, shape: readonly number[]): NDArray => random.normal(random.key(seed), [...shape])

/** Runs a function on the GPU, as chosen for software and for hardware, and on the reference device. */
const agree = (name: string, f: () => unknown, scale = 8): void =>
  it.each(tunings)(`${name} (%s)`, async (device) => {
    const expected = tree.leaves(withDevice('js', f)) as NDArray[]
    const got = tree.leaves(withDevice(device, f)) as NDArray[]
    expect(got.length).toBe(expected.length)
    for (const [i, out] of got.entries()) {
      const other = expected[i]
      if (other !== undefined) await assertCloseAsync(out, other, name, toleranceOf(other.dtype, scale))
    }
  })

describe('products', () => {
  for (const [m, k, n] of [
    [4, 4, 4],
    [64, 64, 64],
    [65, 33, 67],
    [128, 20, 72],
    [3, 5, 2],
    [1, 300, 70],
    [8, 5000, 8],
    [10, 3001, 9],
  ] as const) {
    agree(`${m}x${k} times ${k}x${n}`, () => np.matmul(normal(1, [m, k]), normal(2, [k, n])), 64)
    agree(`${m}x${k} times ${k}x${n}, both transposed`, () => np.matmul(normal(1, [k, m]).T, normal(2, [n, k]).T), 64)
  }
  agree('batches', () => np.matmul(normal(1, [3, 20, 16]), normal(2, [3, 16, 24])), 16)
  agree('batches over a broadcast operand', () => np.matmul(normal(1, [2, 70, 16]), normal(2, [16, 80])), 16)
  agree(
    'an array with itself',
    () => {
      const x = normal(1, [68, 72])
      return np.matmul(x, x.T)
    },
    64,
  )
  agree('integers', () => {
    const x = random.randint(random.key(0), [66, 70], -9, 9)
    return np.matmul(x, x.T)
  })
  agree(
    'convolution and its gradients',
    () => {
      const loss = (x: NDArray, w: NDArray): NDArray =>
        np.sum(np.square(lax.convGeneralDilated(x, w, [1, 1], 'SAME', { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] })))
      return valueAndGrad(loss, { argnums: [0, 1] })(normal(1, [2, 9, 8, 3]), normal(2, [3, 3, 3, 8]))
    },
    64,
  )
})

describe('reductions', () => {
  for (const shape of [[7], [5000], [100_000], [3, 4100], [4100, 3], [300, 40], [2, 3, 700]] as const) {
    for (const [axisName, axis] of [
      ['all', undefined],
      ['last', -1],
      ['first', 0],
    ] as const) {
      agree(
        `sum of [${shape.join()}], ${axisName}`,
        () => np.sum(normal(1, shape), axis === undefined ? {} : { axis }),
        64,
      )
    }
  }
  agree(
    'several over one array',
    () => {
      const x = normal(3, [5, 6000])
      return jit((y: NDArray) => [np.sum(y, { axis: 1 }), np.max(y, { axis: 1 }), np.min(np.abs(y), { axis: 1 })])(x)
    },
    64,
  )
  agree('NaN and infinities', () => {
    const x = np.concatenate([normal(1, [3000]), np.array([NaN]), normal(2, [3000])])
    return [np.max(x), np.min(x), np.max(np.array([-Infinity, -Infinity])), np.any(np.isnan(x)), np.all(np.isnan(x))]
  })
  agree(
    'product, any and all of many',
    () => {
      const x = random.uniform(random.key(4), [6000], { minval: 0.999, maxval: 1.001 })
      return [np.prod(x), np.any(x.greater(1.0009)), np.all(x.greater(0))]
    },
    64,
  )
  agree('largest integers', () => {
    const x = random.randint(random.key(4), [6000], -1000, 1000)
    return [np.max(x), np.min(x), np.sum(x), np.argmax(x), np.argmin(x)]
  })
})

describe('rows', () => {
  for (const shape of [
    [5, 300],
    [40, 20],
    [1, 5000],
    [3, 4, 65],
  ] as const) {
    agree(`softmax of [${shape.join()}]`, () => jit((x: NDArray) => nn.softmax(x))(normal(1, shape)))
    agree(
      `normalization of [${shape.join()}]`,
      () =>
        jit((x: NDArray) => {
          const centred = x.sub(np.mean(x, { axis: -1, keepdims: true }))
          return centred.div(np.sqrt(np.mean(np.square(centred), { axis: -1, keepdims: true }).add(1e-5)))
        })(normal(1, shape)),
      64,
    )
    agree(
      `gradient of softmax of [${shape.join()}]`,
      () => valueAndGrad((x: NDArray) => np.sum(np.square(nn.logSoftmax(x))))(normal(1, shape)),
      64,
    )
  }
  agree(
    'prefix sums',
    () => [
      np.cumsum(normal(1, [7, 90]), { axis: 0 }),
      np.cumsum(normal(1, [3, 9, 11]), { axis: 1 }),
      np.cumsum(normal(1, [500])),
    ],
    64,
  )
})

describe('sorts', () => {
  for (const n of [1, 2, 33, 1024, 1025, 3000]) {
    agree(`${n} numbers`, () => np.sort(normal(1, [n])))
    agree(`${n} numbers with many ties, by position`, () => np.argsort(np.round(normal(1, [n]).mul(3))))
  }
  agree('along other axes', () => [
    np.sort(normal(1, [5, 7, 3]), { axis: 1 }),
    np.sort(normal(2, [1500, 2]), { axis: 0 }),
  ])
  agree('special values', () => np.sort(np.array([NaN, 1, -Infinity, -0, 0, Infinity, -NaN, -1])))
  agree('several keys', () => {
    const a = random.randint(random.key(1), [2000], 0, 5)
    const b = random.randint(random.key(2), [2000], 0, 50)
    return lax.sort([a, b, np.arange(2000)], { numKeys: 2 })
  })
})

describe('scatters', () => {
  const at = (n: number, limit: number): NDArray => random.randint(random.key(9), [n], 0, limit)
  agree(
    'adds to single elements',
    () =>
      np
        .zeros([10])
        .at(at(200, 10))
        .add(normal(1, [200])),
    64,
  )
  agree(
    'adds rows',
    () =>
      np
        .zeros([10, 40])
        .at(at(50, 10))
        .add(normal(1, [50, 40])),
    64,
  )
  agree('sets rows, the last one wins', () =>
    np
      .zeros([4, 5])
      .at(at(30, 4))
      .set(normal(1, [30, 5])),
  )
  agree('overlapping windows', () =>
    lax.scatterAdd(np.zeros([12]), np.array([[0], [3], [5]], { dtype: 'int32' }), normal(1, [3, 4]), {
      updateWindowDims: [1],
      insertedWindowDims: [],
      scatterDimsToOperandDims: [0],
    }),
  )
})

describe('more arrays than a shader binds', () => {
  agree('40 operands', () =>
    jit((...xs: NDArray[]) => xs.reduce((sum, x, i) => sum.add(x.mul(i))))(
      ...Array.from({ length: 40 }, (_, i) => normal(i, [33])),
    ),
  )
  agree('40 parts of different sizes', () => np.concatenate(Array.from({ length: 40 }, (_, i) => normal(i, [i + 1]))))
  agree('30 results', () =>
    jit((x: NDArray) => Array.from({ length: 30 }, (_, i) => np.sin(x.add(i))))(normal(1, [100])),
  )
  agree('results of several dtypes', () =>
    jit((x: NDArray) =>
      Array.from({ length: 24 }, (_, i) =>
        i % 3 === 0 ? x.greater(i / 10) : i % 3 === 1 ? x.add(i) : x.mul(i).astype('int32'),
      ),
    )(normal(1, [50])),
  )
})
