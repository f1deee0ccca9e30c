/** Kernels whose shaders depend on sizes: products, reductions, rows, sorts, scatters, many operands. */
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, lax, nn, numpy as np, slice, valueAndGrad, vmap } from 'cotangent'
import { type DType, getDevice, withDevice } from '../../../src/core/index.js'
import { agree as agreeOn, floats, integers, tunings, useWebgpu } from './support.js'

useWebgpu()

/** With shaders as chosen for the adapter of the tests, and as for hardware. */
const agree = (name: string, f: () => unknown, scale = 8): void => agreeOn(name, f, scale, tunings)
/** As for hardware only, where the other way is known from elsewhere. */
const agreeHardware = (name: string, f: () => unknown, scale = 8): void => agreeOn(name, f, scale, [tunings[1]])

describe('products', () => {
  for (const [m, k, n] of [
    [65, 33, 67],
    [3, 5, 2],
    [1, 300, 70],
    [10, 3001, 9],
    // Blocks of four rows, and fewer than four blocks beside each other.
    [4, 9, 20],
    [70, 12, 4],
    [9, 13, 7],
  ] as const) {
    agree(`${m}x${k} times ${k}x${n}`, () => np.matmul(floats(1, [m, k]), floats(2, [k, n])), 64)
  }
  for (const [m, k, n] of [
    [4, 4, 4],
    [128, 20, 72],
    [8, 5000, 8],
  ] as const) {
    agreeOn(`${m}x${k} times ${k}x${n}`, () => np.matmul(floats(1, [m, k]), floats(2, [k, n])), 64)
    agree(`${m}x${k} times ${k}x${n}, both transposed`, () => np.matmul(floats(1, [k, m]).T, floats(2, [n, k]).T), 64)
  }
  // Few rows or columns: along the sums where these are next to each other, and not where they are not.
  for (const [m, k, n] of [
    [70, 64, 1],
    [9, 301, 3],
    [2, 300, 2],
    [1, 9000, 1],
    [3, 5000, 21],
  ] as const) {
    agree(
      `${m}x${k} times ${k}x${n}, few`,
      () => [
        np.matmul(floats(1, [m, k]), floats(2, [k, n])),
        np.matmul(floats(1, [2, m, k]), floats(2, [n, k]).T.add(1)),
        np.matmul(floats(1, [k, m]).T, floats(2, [n, k]).T),
        np.matmul(integers(0, [m, k], -9, 9), integers(0, [k, n], -9, 9)),
      ],
      256,
    )
  }
  // Enough tiles for the largest blocks.
  agreeHardware('many of 100x3 times 3x100', () => np.matmul(floats(1, [128, 100, 3]), floats(2, [3, 100])), 16)
  agree('batches', () => np.matmul(floats(1, [3, 20, 16]), floats(2, [3, 16, 24])), 16)
  agree('batches over a broadcast operand', () => np.matmul(floats(1, [2, 70, 16]), floats(2, [16, 80])), 16)
  agree(
    'an array with itself',
    () => {
      const x = floats(1, [68, 72])
      return np.matmul(x, x.T)
    },
    64,
  )
  agree('integers', () => {
    const x = integers(0, [66, 70], -9, 9)
    return np.matmul(x, x.T)
  })
  const nhwc = ['NHWC', 'HWIO', 'NHWC'] as const
  const convolutions = {
    plain: { strides: [1, 1], options: {}, filter: [3, 3, 3, 8] },
    strided: { strides: [2, 3], options: { rhsDilation: [2, 1] }, filter: [3, 2, 3, 9] },
    grouped: { strides: [1, 1], options: { featureGroupCount: 3, lhsDilation: [2, 1] }, filter: [2, 3, 1, 12] },
  } as const
  for (const [name, { strides, options, filter }] of Object.entries(convolutions)) {
    const loss = (x: NDArray, w: NDArray): NDArray => {
      const y = lax.convGeneralDilated(x, w, [...strides], 'SAME', { dimensionNumbers: [...nhwc], ...options })
      return np.sum(np.square(nn.relu(y.add(0.5))))
    }
    const run = (): unknown => jit(valueAndGrad(loss, { argnums: [0, 1] }))(floats(1, [2, 9, 8, 3]), floats(2, filter))
    ;(name === 'plain' ? agree : agreeHardware)(`${name} convolution and its gradients`, run, 64)
  }
  agreeHardware(
    'what surrounds a product',
    () =>
      jit((x: NDArray, w: NDArray, b: NDArray, v: NDArray) => {
        const hidden = nn.relu(np.matmul(x, w).add(b))
        const out = np.matmul(hidden.mul(2), v)
        return [hidden, out.T.add(1), np.matmul(np.square(x), w).sub(hidden), np.matmul(x.add(1), x.T), out.greater(0)]
      })(floats(1, [40, 33]), floats(2, [33, 36]), floats(3, [36]), floats(4, [36, 20])),
    64,
  )
})

/** How many shaders and bytes of temporaries a program has on the device for hardware. */
const sizeOnHardware = (f: (...xs: NDArray[]) => unknown, ...xs: NDArray[]): { shaders: number; bytes: number } =>
  withDevice(tunings[1], () => {
    const lowered = jit(f).lower(...xs.map((x) => np.zeros(x.shape)))
    return { shaders: lowered.text().split('@compute').length - 1, bytes: lowered.temporaryBytes }
  })

describe('programs of few shaders', () => {
  const x = np.zeros([8, 28, 28, 4])
  const w = np.zeros([3, 3, 4, 16])
  const conv = (y: NDArray, v: NDArray): NDArray =>
    lax.convGeneralDilated(y, v, [1, 1], 'SAME', { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] })
  it('a dense layer is one', () => {
    const layer = (a: NDArray, v: NDArray, b: NDArray): NDArray => nn.gelu(np.matmul(a, v).add(b))
    expect(sizeOnHardware(layer, np.zeros([64, 32]), np.zeros([32, 48]), np.zeros([48]))).toEqual({
      shaders: 1,
      bytes: 0,
    })
  })
  it('a convolution with bias and activation is one, and its patches are never in memory', () => {
    const layer = (y: NDArray, v: NDArray, b: NDArray): NDArray => nn.relu(conv(y, v).add(b))
    expect(sizeOnHardware(layer, x, w, np.zeros([16]))).toEqual({ shaders: 1, bytes: 0 })
  })
  it('nor are those of the gradients', () => {
    const image = np.zeros([8, 14, 14, 16])
    const filter = np.zeros([3, 3, 16, 32])
    const gradients = grad((y: NDArray, v: NDArray) => np.sum(np.square(conv(y, v))), { argnums: [0, 1] })
    // The cotangent, partial sums of the filter's gradient, and the filter turned around. Patches would be nine images.
    const { bytes } = sizeOnHardware(gradients, image, filter)
    expect(bytes).toBeLessThan(4 * (8 * 14 * 14 * 32 + 8 * 3 * 3 * 16 * 32 + 3 * 3 * 16 * 32))
  })
})

describe('reductions', () => {
  it('of millions of elements lose no more than those of thousands', async () => {
    for (const tuning of tunings) {
      const sum = withDevice(tuning, () => np.sum(np.full([3_000_001], 0.1)))
      const exact = 3_000_001 * Math.fround(0.1)
      const [value = NaN] = await sum.data()
      expect(Math.abs(value - exact) / exact).toBeLessThan(1e-5)
    }
  })
  agree(
    'along neighbouring axes, and along others',
    () => {
      const x = floats(1, [5, 70, 4, 33])
      return [
        np.sum(x, { axis: [1, 2, 3] }),
        np.sum(x, { axis: [0, 2, 3] }),
        np.max(x.transpose([3, 1, 2, 0]), { axis: [1, 3] }),
        np.sum(np.cumsum(x, { axis: 1 }).mul(np.arange(33)), { axis: [0, 1, 3] }),
      ]
    },
    64,
  )
  agree(
    'of shifted and cut arrays',
    () => {
      const x = floats(1, [300, 200])
      const y = np.pad(x.at(slice(10, 290)).get(), [
        [3, 0],
        [0, 5],
      ])
      return [np.sum(y), np.sum(np.roll(x, 7)), np.prod(np.abs(x).mul(0.001).add(1))]
    },
    64,
  )
  for (const shape of [[7], [100_000], [3, 4100], [4100, 3], [2100, 40], [2, 3, 700]] as const) {
    for (const [axisName, axis] of [
      ['all', undefined],
      ['last', -1],
      ['first', 0],
    ] as const) {
      const options = axis === undefined ? {} : { axis }
      agree(`sum of [${shape.join()}], ${axisName}`, () => np.sum(floats(1, shape), options), 64)
      if (shape.length < 3 && shape[0] !== 7)
        agreeHardware(`argmax of [${shape.join()}], ${axisName}`, () => np.argmax(np.round(floats(1, shape)), options))
    }
  }
  agreeHardware(
    'one after the other',
    () =>
      jit((x: NDArray) => [np.var(x), np.var(x, { axis: 0 }), np.max(x.sub(np.mean(x)), { axis: 0 })])(
        floats(1, [1100, 37]),
      ),
    64,
  )
  agreeHardware('argmax and argmin with NaN, infinities and ties', () => {
    const x = np.concatenate([np.full([30_000], -Infinity), np.round(floats(1, [30_000])), np.full([9], 2)])
    const y = np.concatenate([x, np.array([1, NaN, 3, NaN])])
    return [x, y, x.neg(), np.full([20_000], -Infinity), y.astype('int32')].flatMap((a) => [np.argmax(a), np.argmin(a)])
  })
  agree(
    'several over one array',
    () => {
      const x = floats(3, [5, 6000])
      return jit((y: NDArray) => [np.sum(y, { axis: 1 }), np.max(y, { axis: 1 }), np.min(np.abs(y), { axis: 1 })])(x)
    },
    64,
  )
  agree('NaN and infinities', () => {
    const x = np.concatenate([floats(1, [3000]), np.array([NaN]), floats(2, [3000])])
    return [np.max(x), np.min(x), np.max(np.array([-Infinity, -Infinity])), np.any(np.isnan(x)), np.all(np.isnan(x))]
  })
  agree(
    'product, any and all of many',
    () => {
      const x = floats(4, [6000]).mul(0.0005).add(1)
      return [np.prod(x), np.any(x.greater(1.00099)), np.all(x.greater(0))]
    },
    64,
  )
  agree('largest integers', () => {
    const x = integers(4, [6000], -1000, 1000)
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
    agree(`softmax of [${shape.join()}]`, () => jit((x: NDArray) => nn.softmax(x))(floats(1, shape)))
    agree(
      `normalization of [${shape.join()}]`,
      () =>
        jit((x: NDArray) => {
          const centred = x.sub(np.mean(x, { axis: -1, keepdims: true }))
          return centred.div(np.sqrt(np.mean(np.square(centred), { axis: -1, keepdims: true }).add(1e-5)))
        })(floats(1, shape)),
      64,
    )
    agree(
      `gradient of softmax of [${shape.join()}]`,
      () => valueAndGrad((x: NDArray) => np.sum(np.square(nn.logSoftmax(x))))(floats(1, shape)),
      64,
    )
  }
  agree(
    'prefix sums',
    () => [
      np.cumsum(floats(1, [7, 90]), { axis: 0 }),
      np.cumsum(floats(1, [3, 9, 11]), { axis: 1 }),
      np.cumsum(floats(1, [500])),
    ],
    64,
  )
})

describe('small dtypes', () => {
  const dtypes = ['bool', 'int8', 'uint8', 'float16', 'bfloat16'] as const
  for (const dtype of dtypes) {
    const of = (seed: number, shape: readonly number[]): NDArray => integers(seed, shape, 0, 100).astype(dtype)
    agreeHardware(`${dtype} elements that share words, wherever they are read and written`, () =>
      jit((x: NDArray, y: NDArray) => [
        np.where(x.greater(y), x, y),
        x.T,
        [x.get(slice(1, 4)), x.get('...', slice(null, null, 2)), np.flip(x)],
        np.concatenate([x, y, x], { axis: 1 }),
        np.sort(x, { axis: 0 }),
        x.at(integers(4, [30], 0, 5)).set(of(5, [30, 7])),
        lax.scan((a: NDArray, b: NDArray) => [np.maximum(a, b), b], y.get(0), x),
        np.max(x, { axis: 1 }),
      ])(of(1, [5, 7]), of(2, [5, 7])),
    )
  }
  it('take the bytes that they have', () => {
    const bytes = (dtype: DType): number => {
      const before = getDevice(tunings[1]).memoryStats().live
      const x = withDevice(tunings[1], () => jit(() => np.zeros([1000], { dtype }).add(1).astype(dtype))())
      return x.size === 1000 ? getDevice(tunings[1]).memoryStats().live - before : NaN
    }
    expect([...dtypes, 'float32' as const].map(bytes)).toEqual([1000, 1000, 1000, 2000, 2000, 4000])
  })
  it('are written by the word where neighbours are computed together', () => {
    const text = withDevice(tunings[1], () =>
      jit((x: NDArray) => [x.greater(0), x.less(1)])
        .lower(np.zeros([100]))
        .text(),
    )
    expect(text).not.toContain('atomic')
  })
  agreeHardware('every float16', () => {
    // As int32 words of float32 that are spread over all of them: sign, exponents around those of float16, mantissa.
    const words = np.arange(40_000).mul(53_687).add(0x33000000)
    const floats32 = lax.bitcastConvertType(np.concatenate([words, words.neg()]), 'float32')
    const halves = jit((x: NDArray) => x.astype('float16'))(floats32)
    return jit((h: NDArray) => [h.astype('float32'), h.T])(halves)
  })
})

describe('prefixes of long lines', () => {
  agreeHardware(
    'forward and backward, along any axis',
    () => [
      np.cumsum(floats(1, [5000])),
      np.cumsum(floats(1, [300, 5]), { axis: 0 }),
      lax.cumsum(floats(1, [3, 2500]), { axis: 1, reverse: true }),
      lax.cumlogsumexp(floats(1, [2, 700]), { axis: 1 }),
      np.cumsum(floats(1, [600]).astype('float16')),
    ],
    256,
  )
  agreeHardware('exactly', () => [
    np.cumsum(integers(1, [70_000], -9, 9)),
    lax.cummax(np.round(floats(1, [3000])), { axis: 0 }),
    lax.cummin(integers(2, [2, 4100], -9999, 9999), { axis: 1, reverse: true }),
  ])
})

describe('sorts', () => {
  for (const n of [1, 2, 33, 1024, 1025, 3000]) {
    agree(`${n} numbers`, () => np.sort(floats(1, [n])))
    agree(`${n} numbers with many ties, by position`, () => np.argsort(np.round(floats(1, [n]).mul(3))))
  }
  agree('along other axes', () => [
    np.sort(floats(1, [5, 7, 3]), { axis: 1 }),
    np.sort(floats(2, [1500, 2]), { axis: 0 }),
  ])
  agree('special values', () => np.sort(np.array([NaN, 1, -Infinity, -0, 0, Infinity, -NaN, -1])))
  for (const shape of [
    [3, 5000, 2],
    [700, 9, 1],
    [2, 40, 33],
    [1, 2049, 1],
  ] as const) {
    agree(`lines of [${shape.join()}], with ties, NaN, both zeros and infinities`, () => {
      const kinds = np.array([NaN, -0, 0, 1, -1, Infinity, -Infinity, 1e-42])
      const x = kinds.get(integers(1, shape, 0, 8))
      const y = integers(2, shape, 0, 3).astype('uint8')
      const z = lax.bitcastConvertType(floats(3, shape), 'uint32')
      const counted = lax.broadcastedIota('int32', [...shape], 1)
      const sorted = lax.sort([y, x, z, counted], { numKeys: 2, dimension: 1 })
      return [...sorted, np.argsort(x, { axis: 1 }), np.sort(z, { axis: 1 }), np.sort(x.less(1), { axis: 1 })]
    })
  }
  it('are few shaders', () => {
    const passes = (n: number): number => sizeOnHardware((x) => np.sort(x), np.zeros([n])).shaders
    expect([1000, 1025, 2 ** 20].map(passes)).toEqual([1, 2, 3])
  })
  agree('several keys', () => {
    const a = integers(1, [2000], 0, 5)
    const b = integers(2, [2000], 0, 50)
    return lax.sort([a, b, np.arange(2000)], { numKeys: 2 })
  })
})

describe('scatters', () => {
  const at = (n: number, limit: number): NDArray => integers(9, [n], 0, limit)
  agree(
    'adds to single elements',
    () =>
      np
        .zeros([10])
        .at(at(200, 10))
        .add(floats(1, [200])),
    64,
  )
  agree(
    'adds rows',
    () =>
      np
        .zeros([10, 40])
        .at(at(50, 10))
        .add(floats(1, [50, 40])),
    64,
  )
  agree('sets rows, the last one wins', () =>
    np
      .zeros([4, 5])
      .at(at(30, 4))
      .set(floats(1, [30, 5])),
  )
  agreeHardware('drops what is outside, along other axes and in pairs', () => {
    const rows = integers(3, [150], -12, 12)
    const columns = integers(4, [150], -9, 9)
    const x = floats(5, [9, 7])
    return [
      x.at(rows, columns).set(floats(1, [150])),
      x.at(rows, columns).mul(floats(1, [150])),
      x.at(rows).max(floats(1, [150, 7])),
      x.T.at('...', rows).add(floats(1, [7, 150])),
      vmap((y: NDArray, k: NDArray) => y.at(k).add(k.astype('float32')))(x, integers(6, [9, 40], 0, 7)),
    ]
  })
  agreeHardware(
    'gradient of taking rows',
    () => grad((w: NDArray) => np.sum(np.square(w.get(integers(1, [6, 9], 0, 20)))))(floats(2, [20, 5])),
    64,
  )
  // Orders of updates that differ from run to run would show in the bits. Those of NaN are free.
  const bitsOf = (x: NDArray): NDArray =>
    x.dtype === 'float32' ? np.where(np.isnan(x), 7, lax.bitcastConvertType(x, 'int32')) : x
  const special = [NaN, 0, -0, Infinity, -Infinity, 1e-42, -1e-42, 3]
  for (const [count, targets] of [
    [150, 7],
    [5000, 40],
    [5000, 9000],
  ] as const) {
    agree(`in any order: ${count} updates of ${targets} targets`, () => {
      const rows = integers(3, [count], -targets - 2, targets + 3)
      const numbers = ['int32', 'uint32'] as const
      const updates = integers(4, [count], -9, 9)
      const floats32 = np.where(
        integers(5, [count], 0, 30).equal(0),
        np.array(special).get(integers(6, [count], 0, special.length)),
        floats(7, [count]),
      )
      const x = floats(8, [targets])
      return [
        ...numbers.flatMap((dtype) => {
          const to = integers(9, [targets], -5, 5).astype(dtype).at(rows)
          const by = updates.astype(dtype)
          return [to.add(by), to.mul(by), to.min(by), to.max(by)]
        }),
        x.at(rows).max(floats32),
        x.at(rows).min(floats32),
        np.zeros([targets]).at(rows).max(np.array(-0)),
        np.zeros([targets]).at(rows).min(np.array(-0)),
      ].map(bitsOf)
    })
  }
  agree('in any order: rows, of slices in a loop', () => {
    const rows = integers(3, [5, 300], 0, 6)
    return lax.scan(
      (sums: NDArray, k: NDArray) => {
        const next = sums.at(k).add(np.expandDims(k, [1]))
        return [next, next.at(k).max(7)]
      },
      np.zeros([6, 4], { dtype: 'int32' }),
      rows,
    )
  })
  it('in any order need no sort', () => {
    const at = np.zeros([4000], { dtype: 'int32' })
    const sum = (k: NDArray): NDArray => np.zeros([50], { dtype: 'int32' }).at(k).add(1)
    const max = (k: NDArray): NDArray => np.zeros([50]).at(k).max(k.astype('float32'))
    expect([sum, max].map((f) => sizeOnHardware((k) => f(k.astype('int32')), at).shaders)).toEqual([2, 2])
  })
  agree('overlapping windows', () =>
    lax.scatterAdd(np.zeros([12]), np.array([[0], [3], [5]], { dtype: 'int32' }), floats(1, [3, 4]), {
      updateWindowDims: [1],
      insertedWindowDims: [],
      scatterDimsToOperandDims: [0],
    }),
  )
})

describe('more arrays than a shader binds', () => {
  agree('40 operands', () =>
    jit((...xs: NDArray[]) => xs.reduce((sum, x, i) => sum.add(x.mul(i))))(
      ...Array.from({ length: 40 }, (_, i) => floats(i, [33])),
    ),
  )
  agree('40 parts of different sizes', () => np.concatenate(Array.from({ length: 40 }, (_, i) => floats(i, [i + 1]))))
  agree('30 results', () =>
    jit((x: NDArray) => Array.from({ length: 30 }, (_, i) => np.sin(x.add(i))))(floats(1, [100])),
  )
  agree('results of several dtypes', () =>
    jit((x: NDArray) =>
      Array.from({ length: 24 }, (_, i) =>
        i % 3 === 0 ? x.greater(i / 10) : i % 3 === 1 ? x.add(i) : x.mul(i).astype('int32'),
      ),
    )(floats(1, [50])),
  )
})
