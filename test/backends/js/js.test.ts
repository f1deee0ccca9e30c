import { describe, expect, test } from 'vitest'
import * as lax from '../../../src/lax/index.js'
import {
  DeviceArray,
  type Device,
  type DType,
  type NDArray,
  bfloat16Value,
  buildJaxpr,
  encodeHost,
  float16Value,
  known,
  range,
  registerDevice,
  shapedArray,
  startEager,
} from '../../../src/core/index.js'
import { createJsDevice } from '../../../src/backends/js/index.js'
import { addSorting } from '../../../src/parts.js'
import { binaryFunction, bitcastFunction, roundEven, unaryFunction } from '../../../src/backends/js/special.js'

const js = createJsDevice()
const exact = createJsDevice({ exact: true })
addSorting()
registerDevice(js)
registerDevice(exact)
startEager()

interface Values {
  readonly shape: readonly number[]
  readonly values: readonly number[]
  readonly dtype?: DType
}

const run = (device: Device, f: (...xs: NDArray[]) => readonly NDArray[], ...inputs: readonly Values[]): number[][] => {
  const avals = inputs.map((x) => shapedArray(x.shape, x.dtype ?? 'float32'))
  const { jaxpr } = buildJaxpr((xs) => f(...xs), avals, 'f')
  const storages = inputs.map((x, i) => {
    const { dtype } = known(avals[i], 'aval')
    return device.fromHost(encodeHost(x.values, dtype), dtype)
  })
  const results = device.compile(jaxpr).run(storages)
  return jaxpr.outputs.map((out, i) => [...new DeviceArray(out.aval, device, known(results[i], 'result')).dataSync()])
}

describe('scalar operations', () => {
  test('rounding goes to even and keeps the sign of zero', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 0.4999999999999999, 2 ** 52 + 1].map(roundEven)).toEqual([
      0,
      2,
      2,
      -0,
      -2,
      0,
      2 ** 52 + 1,
    ])
    expect(Object.is(roundEven(-0.2), -0)).toBe(true)
    expect(roundEven(Infinity)).toBe(Infinity)
    expect(roundEven(NaN)).toBeNaN()
  })
  test('powers follow C and NumPy where JavaScript does not', () => {
    const pow = binaryFunction('pow', 'float32')
    expect(pow(1, NaN)).toBe(1)
    expect(pow(-1, Infinity)).toBe(1)
    expect(pow(NaN, 0)).toBe(1)
    const whole = binaryFunction('pow', 'int32')
    expect([whole(3, 4), whole(2, 31) | 0, whole(5, -1), whole(-1, -3), whole(1, -9), whole(0, 0)]).toEqual([
      81, -2147483648, 0, -1, 1, 1,
    ])
  })
  test('shifts by the width or more', () => {
    expect(binaryFunction('shl', 'int32')(1, 32)).toBe(0)
    expect(binaryFunction('shrArithmetic', 'int32')(-8, 40)).toBe(-1)
    expect(binaryFunction('shrLogical', 'int32')(-8, 1)).toBe(2147483644)
    expect(binaryFunction('shrLogical', 'int8')(-8, 1)).toBe(124)
    expect(binaryFunction('shl', 'uint32')(1, -1)).toBe(0)
  })
  test('division of integers by zero', () => {
    expect(binaryFunction('div', 'int32')(7, 0)).toBe(-1)
    expect(binaryFunction('rem', 'int32')(7, 0)).toBe(7)
  })
  test('counting bits', () => {
    expect(unaryFunction('clz', 'uint8')(1)).toBe(7)
    expect(unaryFunction('clz', 'int8')(-1)).toBe(0)
    expect(unaryFunction('popcount', 'int32')(-1)).toBe(32)
    expect(unaryFunction('popcount', 'int8')(-1)).toBe(8)
  })
  test('neighbours of halves', () => {
    const next = binaryFunction('nextafter', 'float16')
    expect(next(1, 2)).toBe(1 + 2 ** -10)
    expect(next(1, 0)).toBe(1 - 2 ** -11)
    expect(next(0, -1)).toBe(-(2 ** -24))
    expect(next(65504, Infinity)).toBe(Infinity)
    expect(binaryFunction('nextafter', 'bfloat16')(-1, -2)).toBe(-1 - 2 ** -7)
  })
  test('the same bits as another dtype', () => {
    expect(bitcastFunction('float32', 'int32')(1)).toBe(0x3f800000)
    expect(bitcastFunction('float32', 'uint32')(-0)).toBe(0x80000000)
    expect(bitcastFunction('int32', 'float32')(0x3f800000)).toBe(1)
    expect(bitcastFunction('int8', 'uint8')(-1)).toBe(255)
    expect(bitcastFunction('float16', 'bfloat16')(1)).toBe(bfloat16Value(0x3c00))
    expect(bitcastFunction('bfloat16', 'float16')(1)).toBe(float16Value(0x3f80))
  })
})

describe('precision', () => {
  const third: Values = { shape: [1], values: [1 / 3] }
  test('every operation is rounded to its dtype', () => {
    const [[sum]] = run(js, (x) => [lax.sub(lax.add(x, 1), 1)], third) as [[number]]
    expect(sum).toBe(Math.fround(Math.fround(Math.fround(1 / 3) + 1) - 1))
  })
  test('an exact device keeps doubles throughout, in memory too', () => {
    const x = exact.fromHost(Float32Array.of(1 / 3), 'float32')
    expect(exact.read(x, 'float32', 1)[0]).toBe(Math.fround(1 / 3))
    expect(run(exact, (y) => [lax.div(y, 3)], third)).toEqual([[Math.fround(1 / 3) / 3]])
    const [[product]] = run(exact, (y) => [lax.dot(lax.reshape(y, [1, 1]), lax.reshape(y, [1, 1]))], third) as [
      [number],
    ]
    expect(product).toBe(Math.fround(1 / 3) ** 2)
  })
  test('an exact device reads halves as their bits', () => {
    const x = exact.fromHost(encodeHost([1.5], 'float16'), 'float16')
    expect([...exact.read(x, 'float16', 1)]).toEqual([0x3e00])
    expect(run(exact, (y) => [lax.mul(y, y)], { shape: [1], values: [1.5], dtype: 'float16' })).toEqual([[2.25]])
  })
})

describe('sorting', () => {
  test('is stable, puts NaN last, and carries other operands along', () => {
    const keys = [3, NaN, 1, 3, -0, 0, 1, NaN]
    const [sorted, order] = run(js, (x) => [...lax.sort([x, lax.iota('int32', 8)], { numKeys: 1 })], {
      shape: [8],
      values: keys,
    })
    expect(sorted).toEqual([-0, 0, 1, 1, 3, 3, NaN, NaN])
    expect(order).toEqual([4, 5, 2, 6, 0, 3, 1, 7])
  })
  test('along an axis in the middle', () => {
    const values = range(24).map((i) => (i * 7) % 24)
    const [got] = run(js, (x) => [lax.sort(x, { dimension: 1 })], { shape: [2, 3, 4], values })
    for (let o = 0; o < 2; o++) {
      for (let n = 0; n < 4; n++) {
        const line = range(3).map((k) => known(got?.[o * 12 + k * 4 + n], 'element'))
        expect(line).toEqual(
          range(3)
            .map((k) => known(values[o * 12 + k * 4 + n], 'element'))
            .sort((a, b) => a - b),
        )
      }
    }
  })
})

describe('results', () => {
  test('have values of their own, also when they are inputs or each other', () => {
    const { jaxpr } = buildJaxpr(
      ([x]) => [known(x, 'x'), known(x, 'x'), lax.neg(known(x, 'x'))],
      [shapedArray([2], 'float32')],
      'f',
    )
    const input = js.fromHost(Float32Array.of(1, 2), 'float32')
    const results = js.compile(jaxpr).run([input])
    js.release(input)
    js.release(known(results[0], 'result'))
    expect([...js.read(known(results[1], 'result'), 'float32', 2)]).toEqual([1, 2])
  })
  test('memory is counted and given back', () => {
    const device = createJsDevice({ name: 'counted' })
    const x = device.fromHost(new Float32Array(100), 'float32')
    expect(device.memoryStats()).toMatchObject({ device: 'counted', live: 400, resident: 400, spilled: 0 })
    device.release(x)
    device.release(x)
    expect(device.memoryStats().live).toBe(0)
    expect(device.memoryStats().peak).toBe(400)
    expect(() => device.read(x, 'float32', 100)).toThrow(/released/)
  })
  test('a run that throws leaves nothing behind for the next', () => {
    const { jaxpr } = buildJaxpr(([x]) => [lax.neg(known(x, 'x'))], [shapedArray([2], 'float32')], 'f')
    const executable = js.compile(jaxpr)
    expect(() => executable.run([])).toThrow(/input/)
    const [result] = executable.run([js.fromHost(Float32Array.of(1, 2), 'float32')])
    expect([...js.read(known(result, 'result'), 'float32', 2)]).toEqual([-1, -2])
  })
})
