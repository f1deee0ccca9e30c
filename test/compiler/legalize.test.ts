import { describe, expect, test } from 'vitest'
import * as lax from '../../src/lax/index.js'
import {
  DeviceArray,
  type DType,
  type NDArray,
  buildJaxpr,
  castValue,
  encodeHost,
  isFloating,
  isInteger,
  known,
  range,
  registerDevice,
  shapedArray,
  dtypes,
} from '../../src/core/index.js'
import { createJsDevice } from '../../src/backends/js/index.js'
import {
  compile,
  kernelText,
  legalizeKernel,
  nestedPrograms,
  type Program,
  smallDType,
} from '../../src/compiler/index.js'
import { randomProgram } from './random.js'

const plain = createJsDevice()
const legalized = createJsDevice({ name: 'legalized', legalized: true })
registerDevice(plain)
registerDevice(legalized)

/** Results of a function on both devices, as the bytes that they store. */
const both = (
  f: (xs: readonly NDArray[]) => readonly NDArray[],
  inputs: readonly { values: readonly number[]; dtype: DType }[],
): number[][][] => {
  const { jaxpr } = buildJaxpr(
    f,
    inputs.map((x) => shapedArray([x.values.length], x.dtype)),
    'f',
  )
  return [plain, legalized].map((device) => {
    const storages = inputs.map((x) => device.fromHost(encodeHost(x.values, x.dtype), x.dtype))
    const results = device.compile(jaxpr).run(storages)
    return jaxpr.outputs.map((out, i) => [...new DeviceArray(out.aval, device, known(results[i], 'result')).dataSync()])
  })
}

const interesting = (dtype: DType): number[] =>
  dtype === 'bool'
    ? [0, 1]
    : isFloating(dtype)
      ? [
          0,
          -0,
          0.5,
          1,
          -1,
          1.5,
          2.5,
          -3.25,
          100.7,
          -129,
          255.9,
          256,
          300,
          1e9,
          -1e9,
          6e4,
          7e4,
          1e-7,
          Infinity,
          -Infinity,
          NaN,
        ].map((x) => castValue(x, dtype, dtype))
      : [
          0, 1, 2, 3, 7, 8, 31, 32, 100, 127, 128, 200, 255, -1, -2, -128, -100, 256, 65535, -32768, 2147483647,
          -2147483648,
        ].map((x) => castValue(x, dtype, 'int32'))

describe('small integers computed as int32', () => {
  const binaries = {
    add: lax.add,
    sub: lax.sub,
    mul: lax.mul,
    div: lax.div,
    rem: lax.rem,
    max: lax.max,
    min: lax.min,
    and: lax.bitwiseAnd,
    or: lax.bitwiseOr,
    xor: lax.bitwiseXor,
    shiftLeft: lax.shiftLeft,
    shiftRightArithmetic: lax.shiftRightArithmetic,
    shiftRightLogical: lax.shiftRightLogical,
    lt: lax.lt,
    eq: lax.eq,
    ge: lax.ge,
  }
  const unaries = {
    neg: lax.neg,
    abs: lax.abs,
    sign: lax.sign,
    not: lax.bitwiseNot,
    clz: lax.clz,
    populationCount: lax.populationCount,
  }
  for (const dtype of ['int8', 'uint8'] as const) {
    const all = range(256).map((i) => (dtype === 'int8' ? i - 128 : i))
    const left = all.flatMap((x) => all.map(() => x))
    const right = all.flatMap(() => all)
    test.each(Object.entries(binaries))(`${dtype} %s`, (_, f) => {
      const [want, got] = both(
        ([x, y]) => [f(known(x, 'x'), known(y, 'y'))],
        [
          { values: left, dtype },
          { values: right, dtype },
        ],
      )
      expect(got).toEqual(want)
    })
    test.each(Object.entries(unaries))(`${dtype} %s`, (_, f) => {
      const [want, got] = both(([x]) => [f(known(x, 'x'))], [{ values: all, dtype }])
      expect(got).toEqual(want)
    })
  }
})

describe('conversions', () => {
  for (const from of dtypes) {
    test(`from ${from} to each dtype, and what follows`, () => {
      const [want, got] = both(
        ([x]) =>
          dtypes.flatMap((to) => {
            const y = lax.convertElementType(known(x, 'x'), to)
            return [y, lax.convertElementType(y, 'float32'), lax.eq(y, y)]
          }),
        [{ values: interesting(from), dtype: from }],
      )
      expect(got).toEqual(want)
    })
  }
})

describe('halves computed as float32', () => {
  for (const dtype of ['float16', 'bfloat16'] as const) {
    test(`${dtype}, one operation at a time`, () => {
      const values = interesting(dtype)
      const left = values.flatMap((x) => values.map(() => x))
      const right = values.flatMap(() => values)
      const [want, got] = both(
        ([a, b]) => {
          const [x, y] = [known(a, 'x'), known(b, 'y')]
          return [lax.add(x, y), lax.mul(x, y), lax.max(x, y), lax.lt(x, y), lax.neg(x), lax.select(lax.gt(x, y), x, y)]
        },
        [
          { values: left, dtype },
          { values: right, dtype },
        ],
      )
      // One operation, rounded once: both ways agree to the bit.
      expect(got).toEqual(want)
    })
  }
})

test('8-bit integers and halves are summed in wider accumulators', () => {
  const ones = range(5000).map(() => 1)
  for (const dtype of ['int8', 'uint8', 'float16', 'bfloat16'] as const) {
    const [want, got] = both(([x]) => [lax.reduceSum(known(x, 'x'), [0])], [{ values: ones, dtype }])
    expect(got).toEqual(want)
    expect(got).toEqual([[isInteger(dtype) ? castValue(5000, dtype, 'int32') : castValue(5000, dtype, dtype)]])
  }
})

describe('kernels without small dtypes need no rewriting', () => {
  /** The kernel alone, as text: equal for kernels that compute the same in the same way. */
  const check = (program: Program, seen: { legal: number; small: number }): void => {
    for (const kernel of program.kernels) {
      for (const inner of nestedPrograms(kernel)) check(inner, seen)
      if (kernel.kind !== 'loops') continue
      if (smallDType(kernel) !== undefined) seen.small++
      else {
        seen.legal++
        const text = (k: typeof kernel): string => kernelText({ ...program, kernels: [k] }, { sources: false })
        expect(text(legalizeKernel(kernel))).toBe(text(kernel))
      }
    }
  }

  test('in random programs', () => {
    const seen = { legal: 0, small: 0 }
    for (let seed = 0; seed < 60; seed++) {
      const { run, inputs } = randomProgram(seed)
      check(compile(buildJaxpr(run, inputs, 'random').jaxpr), seen)
    }
    expect(seen.legal).toBeGreaterThan(40)
  })

  test.each(['float16', 'bfloat16', 'int8', 'uint8'] as const)('%s is found wherever it is', (dtype) => {
    const programs: readonly ((x: NDArray) => NDArray)[] = [
      (x) => lax.convertElementType(x, dtype),
      (x) => lax.convertElementType(lax.convertElementType(x, dtype), 'float32'),
      (x) => lax.add(x, lax.convertElementType(lax.reduceSum(lax.convertElementType(x, dtype), [0]), 'float32')),
    ]
    for (const f of programs) {
      const { jaxpr } = buildJaxpr(([x]) => [f(known(x, 'input'))], [shapedArray([64], 'float32')], 'f')
      const found = compile(jaxpr).kernels.map((kernel) => (kernel.kind === 'loops' ? smallDType(kernel) : undefined))
      expect(found).toContain(dtype)
    }
  })
})
