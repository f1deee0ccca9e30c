/** Convolutions and both of their gradients against a plain loop in float64, for shapes that reach every way they are computed. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type NDArray, grad, jit, lax, numpy as np, vjp } from '../../src/index.js'
import { known } from '../../src/core/index.js'
import { close, devices, drawn, on, tells } from '../transforms/support.js'

interface Case {
  readonly batch: number
  readonly size: readonly [number, number]
  readonly inputs: number
  readonly outputs: number
  readonly kernel: readonly [number, number]
  readonly strides: readonly [number, number]
  readonly padding: readonly [readonly [number, number], readonly [number, number]]
  readonly lhsDilation: readonly [number, number]
  readonly rhsDilation: readonly [number, number]
  readonly featureGroups: number
  readonly batchGroups: number
  readonly channelsLast: boolean
  readonly seed: number
}

const pair = (min: number, max: number): fc.Arbitrary<[number, number]> =>
  fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }))
const ones: fc.Arbitrary<[number, number]> = fc.constant([1, 1])
const count = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max })
const seed = count(0, 1 << 20)

/** Everything that a convolution may be, small. */
const general: fc.Arbitrary<Case> = fc
  .record({
    batch: count(1, 3),
    size: pair(1, 9),
    inputs: count(1, 5),
    outputs: count(1, 5),
    kernel: pair(1, 4),
    strides: pair(1, 3),
    padding: fc.tuple(pair(-1, 3), pair(-1, 3)),
    lhsDilation: pair(1, 3),
    rhsDilation: pair(1, 2),
    groups: fc.constantFrom<readonly [number, number]>([1, 1], [1, 1], [3, 1], [1, 2]),
    channelsLast: fc.boolean(),
    seed,
  })
  .map(({ groups: [featureGroups, batchGroups], ...c }) => ({ ...c, featureGroups, batchGroups }))

/** The usual convolutions of networks: SAME-like padding, strides, and enough features for a vector. */
const wide: fc.Arbitrary<Case> = fc.record({
  batch: count(1, 3),
  size: pair(4, 13),
  inputs: fc.constantFrom(1, 3, 16, 17),
  outputs: fc.constantFrom(2, 16, 20),
  kernel: fc.constantFrom<[number, number]>([3, 3], [3, 3], [3, 3], [5, 5], [1, 1]),
  strides: fc.constantFrom<[number, number]>([1, 1], [1, 1], [2, 2]),
  padding: fc.tuple(pair(0, 2), pair(0, 2)),
  lhsDilation: ones,
  rhsDilation: ones,
  featureGroups: fc.constant(1),
  batchGroups: fc.constant(1),
  channelsLast: fc.constantFrom(true, true, true, false),
  seed,
})

/** One filter per feature. */
const depthwise: fc.Arbitrary<Case> = fc
  .record({
    batch: count(1, 3),
    features: count(2, 20),
    size: pair(3, 12),
    kernel: pair(1, 5),
    strides: pair(1, 2),
    seed,
  })
  .chain(({ features, ...c }) =>
    fc.record({ padding: fc.tuple(pair(0, 2), pair(0, 2)), channelsLast: fc.boolean() }).map((more) => ({
      ...c,
      ...more,
      inputs: 1,
      outputs: 1,
      lhsDilation: [1, 1] as const,
      rhsDilation: [1, 1] as const,
      featureGroups: features,
      batchGroups: 1,
    })),
  )

/** Row-major strides of [batch or outputs, features, height, width], in the memory of a layout that names them in order. */
const stridesOf = (sizes: readonly number[], order: readonly number[]): number[] => {
  const strides = sizes.map(() => 0)
  let stride = 1
  for (const axis of [...order].reverse()) {
    strides[axis] = stride
    stride *= known(sizes[axis], 'size')
  }
  return strides
}

const at = (strides: readonly number[], ...index: number[]): number =>
  index.reduce((sum, i, d) => sum + i * known(strides[d], 'stride'), 0)

interface Result {
  readonly values: Float64Array
  /** The largest sum of absolute terms: what errors are measured with. */
  readonly scale: number
}

/** Calls `term(result, input, kernel)` with the places in memory that meet. */
const plainLoop = (
  c: Case,
  shapes: { readonly x: readonly number[]; readonly w: readonly number[]; readonly y: readonly number[] },
  term: (y: number, x: number, w: number) => void,
): void => {
  const order = c.channelsLast ? [0, 2, 3, 1] : [0, 1, 2, 3]
  const kernelOrder = c.channelsLast ? [2, 3, 1, 0] : [0, 1, 2, 3]
  const [xs, ws, ys] = [stridesOf(shapes.x, order), stridesOf(shapes.w, kernelOrder), stridesOf(shapes.y, order)]
  const [members = 0, features = 0, height = 0, width = 0] = shapes.y
  const [, inputs = 0, kernelHeight = 0, kernelWidth = 0] = shapes.w
  const perGroup = features / (c.featureGroups * c.batchGroups)
  const position = (d: 0 | 1, o: number, k: number): number | undefined => {
    const p = o * c.strides[d] + k * c.rhsDilation[d] - c.padding[d][0]
    const i = p / c.lhsDilation[d]
    return Number.isInteger(i) && i >= 0 && i < c.size[d] ? i : undefined
  }
  for (let n = 0; n < members; n++)
    for (let o = 0; o < features; o++) {
      const group = Math.floor(o / perGroup)
      const member = c.batchGroups > 1 ? group * members + n : n
      const first = c.featureGroups > 1 ? group * inputs : 0
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++)
          for (let p = 0; p < kernelHeight; p++)
            for (let q = 0; q < kernelWidth; q++) {
              const [i, j] = [position(0, y, p), position(1, x, q)]
              if (i === undefined || j === undefined) continue
              for (let f = 0; f < inputs; f++)
                term(at(ys, n, o, y, x), at(xs, member, first + f, i, j), at(ws, o, f, p, q))
            }
    }
}

const inLayout = (sizes: readonly number[], order: readonly number[]): number[] =>
  order.map((axis) => known(sizes[axis], 'size'))

const sumInto = (
  size: number,
): { readonly add: (to: number, value: number) => void; readonly result: () => Result } => {
  const values = new Float64Array(size)
  const absolute = new Float64Array(size)
  return {
    add: (to, value) => {
      values[to] = known(values[to], 'sum') + value
      absolute[to] = known(absolute[to], 'sum') + Math.abs(value)
    },
    result: () => ({ values, scale: absolute.reduce((a, b) => Math.max(a, b), 0) }),
  }
}

const isClose = (got: NDArray, { values, scale }: Result, what: string): void =>
  tells(got, (elements) => {
    expect(elements.length).toBe(values.length)
    let worst = 0
    elements.forEach((x, i) => {
      worst = Math.max(worst, Math.abs(x - known(values[i], 'element')))
    })
    expect(worst, `${what}: largest error beside terms that add up to ${scale}`).toBeLessThanOrEqual(2e-6 * scale)
  })

/** An array of normal numbers, beside the list of them. */
const normal = (shape: readonly number[], seed: number): readonly [NDArray, readonly number[]] => {
  const elements = drawn(shape, seed)
  return [np.reshape(np.array(elements), shape), elements]
}

const check = (c: Case): void => {
  const sizes = {
    x: [c.batch * c.batchGroups, c.inputs * c.featureGroups, ...c.size],
    w: [c.outputs * c.featureGroups * c.batchGroups, c.inputs, ...c.kernel],
  }
  const order = c.channelsLast ? [0, 2, 3, 1] : [0, 1, 2, 3]
  const kernelOrder = c.channelsLast ? [2, 3, 1, 0] : [0, 1, 2, 3]
  const [x, xs] = normal(inLayout(sizes.x, order), c.seed)
  const [w, ws] = normal(inLayout(sizes.w, kernelOrder), c.seed + 1)
  const layouts = c.channelsLast ? (['NHWC', 'HWIO', 'NHWC'] as const) : (['NCHW', 'OIHW', 'NCHW'] as const)
  const convolve = (a: NDArray, b: NDArray): NDArray =>
    lax.convGeneralDilated(a, b, c.strides, c.padding, {
      lhsDilation: c.lhsDilation,
      rhsDilation: c.rhsDilation,
      dimensionNumbers: layouts,
      featureGroupCount: c.featureGroups,
      batchGroupCount: c.batchGroups,
    })
  const y = jit(convolve)(x, w)
  const [g, gs] = normal(y.shape, c.seed + 2)
  const [dx, dw] = jit((a: NDArray, b: NDArray, ct: NDArray) => vjp(convolve, a, b)[1](ct))(x, w, g)
  const canonical = order.map((_, axis) => known(y.shape[order.indexOf(axis)], 'size'))
  const [result, inputGradient, kernelGradient] = [sumInto(y.size), sumInto(x.size), sumInto(w.size)]
  plainLoop(c, { ...sizes, y: canonical }, (to, i, k) => {
    const [a, b, ct] = [known(xs[i], 'x'), known(ws[k], 'w'), known(gs[to], 'g')]
    result.add(to, a * b)
    inputGradient.add(i, ct * b)
    kernelGradient.add(k, ct * a)
  })
  isClose(y, result.result(), 'result')
  isClose(known(dx, 'gradient'), inputGradient.result(), 'gradient of the input')
  isClose(known(dw, 'gradient'), kernelGradient.result(), 'gradient of the kernel')
}

/** Its rows end in one that is not part of a vector of rows: a loop inside was once taken to be the same for all columns. */
const lastRow: Case = {
  batch: 1,
  size: [4, 3],
  inputs: 1,
  outputs: 1,
  kernel: [2, 1],
  strides: [1, 1],
  padding: [
    [-1, 0],
    [1, 0],
  ],
  lhsDilation: [2, 3],
  rhsDilation: [1, 1],
  featureGroups: 1,
  batchGroups: 1,
  channelsLast: false,
  seed: 0,
}

describe.each(devices)('on %s, a convolution and its gradients are those of a plain loop', (device) => {
  // Most of the time is compiling: on a busy machine it takes several times as long.
  const timeout = 180_000
  // Js interprets, and a shader of a GPU takes longer to compile than WebAssembly.
  const numRuns = device === 'wasm' ? 25 : 12
  const run = (cases: fc.Arbitrary<Case>, examples: [Case][] = []): Promise<void> =>
    fc.assert(
      fc.asyncProperty(cases, (c) => on(device, () => check(c))),
      { numRuns, examples },
    )

  test('with any strides, padding, dilations and groups', () => run(general, [[lastRow]]), timeout)
  test('with many features', () => run(wide), timeout)
  test('with one filter per feature', () => run(depthwise), timeout)

  test('no term of a convolution of whole numbers is rounded', () =>
    on(device, () => {
      const x = np
        .arange(2 * 9 * 9 * 16, { dtype: 'float32' })
        .reshape([2, 9, 9, 16])
        .mod(7)
      const w = np
        .arange(3 * 3 * 16 * 16, { dtype: 'float32' })
        .reshape([3, 3, 16, 16])
        .mod(5)
      const options = { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] } as const
      const exact = (a: NDArray): NDArray => a.astype('int32')
      const y = lax.convGeneralDilated(x, w, [1, 1], 'SAME', options)
      const z = lax.convGeneralDilated(exact(x), exact(w), [1, 1], 'SAME', options)
      close(exact(y), z, 'sums of whole numbers')
    }))
})

/** Of the kernels that wasm makes, which are the same in every project. */
test('what follows the gradient of a kernel is not written out for each of its nine places', () => {
  const loss = (x: NDArray, w: NDArray): NDArray =>
    np.sum(np.square(lax.convGeneralDilated(x, w, [1, 1], 'SAME', { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] })))
  const roots = (x: NDArray, w: NDArray): NDArray => np.sqrt(grad(loss, { argnums: 1 })(x, w))
  const listing = jit(roots).lower(np.zeros([4, 16, 16, 16]), np.zeros([3, 3, 16, 16])).kernels
  // Loops are cut along one axis of the kernel at most.
  expect(listing.match(/sqrt/g)?.length).toBe(3)
})
