import { describe, expect, test } from 'vitest'
import * as lax from '../../src/lax/index.js'
import {
  DeviceArray,
  type NDArray,
  buildJaxpr,
  encodeHost,
  known,
  range,
  registerDevice,
  shapedArray,
  sizeOf,
  startEager,
} from '../../src/core/index.js'
import { createJsDevice } from '../../src/backends/js/index.js'
import { withoutSources } from './support.js'

const js = createJsDevice()
const exact = createJsDevice({ exact: true })
registerDevice(js)
registerDevice(exact)
startEager()

const run = (
  device: typeof js,
  f: (x: NDArray) => NDArray,
  shape: readonly number[],
  values: readonly number[],
): number[] => {
  const { jaxpr } = buildJaxpr(([x]) => [f(known(x, 'x'))], [shapedArray(shape, 'float32')], 'f')
  const [out] = device.compile(jaxpr).run([device.fromHost(encodeHost(values, 'float32'), 'float32')])
  return [...new DeviceArray(known(jaxpr.outputs[0], 'output').aval, device, known(out, 'result')).dataSync()]
}

/** Sums over axes, by the definition. */
const summed = (shape: readonly number[], values: readonly number[], axes: readonly number[]): number[] => {
  const kept = shape.filter((_, d) => !axes.includes(d))
  const out = new Array<number>(sizeOf(kept)).fill(0)
  values.forEach((value, flat) => {
    let rest = flat
    const index = [...shape].map(() => 0)
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d] = rest % known(shape[d], 'size')
      rest = Math.floor(rest / known(shape[d], 'size'))
    }
    let at = 0
    index.forEach((i, d) => {
      if (!axes.includes(d)) at = at * known(shape[d], 'size') + i
    })
    out[at] = known(out[at], 'sum') + value
  })
  return out
}

describe('sums of every layout and size', () => {
  const cases: [shape: number[], axes: number[]][] = [
    [[5], [0]],
    [[4096], [0]],
    [[4097], [0]],
    [[9000], [0]],
    [[100001], [0]],
    [[3, 5000], [1]],
    [[5000, 3], [0]],
    [[5000, 3], [1]],
    [[5000, 8], [0]],
    [[4099, 8], [0]],
    [[7, 9, 11], [1]],
    [
      [7, 9, 11],
      [0, 2],
    ],
    [[7, 9, 11], [0]],
    [
      [7, 9, 11],
      [0, 1],
    ],
    [
      [7, 9, 11],
      [1, 2],
    ],
    [
      [20, 30, 40],
      [0, 1],
    ],
    [
      [20, 300, 4],
      [0, 1],
    ],
    [
      [6, 20, 30, 5],
      [0, 2],
    ],
    [
      [6, 20, 30, 5],
      [1, 3],
    ],
    [
      [90, 3, 70],
      [0, 2],
    ],
    [
      [2, 3, 4],
      [0, 1, 2],
    ],
    [[1, 5, 1], [1]],
    [[0, 3], [0]],
    [[3, 0], [0]],
    [[3, 0], [1]],
    [[], []],
    [[2, 2], [1]],
    [[8200, 1, 5], [0]],
    [
      [17, 65, 64],
      [0, 1],
    ],
    [
      [130, 64, 4],
      [0, 1],
    ],
  ]
  test.each(cases)('%j over %j', (shape, axes) => {
    const values = range(sizeOf(shape)).map((i) => Math.sin(i * 1.7) + 0.3)
    const want = summed(shape, values.map(Math.fround), axes)
    const got = run(exact, (x) => lax.reduceSum(x, axes), shape, values)
    expect(got.length).toBe(want.length)
    got.forEach((x, i) => expect(x).toBeCloseTo(known(want[i], 'sum'), 8))
    const max = run(js, (x) => lax.reduceMax(x, axes), shape, values)
    expect(max.length).toBe(want.length)
  })
})

test('a sum of many float32 numbers keeps its precision', () => {
  const count = 3_000_000
  const [got] = run(js, (x) => lax.reduceSum(lax.broadcastInDim(x, [count], []), [0]), [], [0.1])
  expect(Math.abs(known(got, 'sum') / (count * Math.fround(0.1)) - 1)).toBeLessThan(1e-5)
  const columns = run(js, (x) => lax.reduceSum(lax.broadcastInDim(x, [count / 4, 4], []), [0]), [], [0.1])
  for (const x of columns) expect(Math.abs(x / ((count / 4) * Math.fround(0.1)) - 1)).toBeLessThan(1e-5)
})

test('what follows a reduction over the same index shares its kernel', () => {
  const { jaxpr } = buildJaxpr(
    ([x]) => {
      const mean = lax.div(lax.reduceSum(known(x, 'x'), [1]), 50)
      return [lax.sqrt(mean)]
    },
    [shapedArray([20, 50], 'float32')],
    'f',
  )
  expect(withoutSources(js.compile(jaxpr).kernels())).toMatchInlineSnapshot(`
    "inputs in0 f32[20,50]
    outputs out0 f32[20]
    0: reduce, 1040 flops, 4080 bytes
      parallel i0 < 20 {
        f32 a0 = 0.0
        reduce i1 < 50 {
          a0 += in0[i0 * 50 + i1]
        }
        out0[i0] = sqrt(a0 / 50.0)
      }
    "
  `)
})
