import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type DecomposeOptions, decompose, isRareSelect } from '../../src/scalar/decompose.js'
import '../../src/scalar/functions.js'
import { sign } from '../../src/scalar/power.js'
import {
  digamma,
  erf,
  erfInv,
  erfc,
  exp2,
  lgamma,
  logistic,
  nextafter32,
  nextafter64,
  rsqrt,
} from '../../src/scalar/float64.js'
import {
  type BinaryOp,
  type Expression,
  type UnaryOp,
  binary,
  constant,
  topological,
  unary,
  variable,
} from '../../src/core/expression.js'
import { evaluator } from '../support/evaluate-expression.js'

/** Values by mpmath with 60 digits, at float32 arguments. */
const exact = JSON.parse(readFileSync(new URL('./functions-reference.json', import.meta.url), 'utf8')) as Record<
  string,
  readonly (readonly [number, number])[]
>

const x = variable('float32')
const y = variable('float32')
const unaryFunction = (op: UnaryOp, options?: DecomposeOptions): ((value: number) => number) =>
  evaluator(decompose(unary(op, x), new Map(), options), [x])
const binaryFunction = (op: BinaryOp): ((a: number, b: number) => number) =>
  evaluator(decompose(binary(op, x, y)), [x, y])

/** What float64.ts has beyond Math, of one argument. */
const doubles = { erf, erfc, erfInv, lgamma, digamma }

const words = new Uint32Array(1)
const floats = new Float32Array(words.buffer)
const floatOfBits = (bits: number): number => {
  words[0] = bits
  return floats[0] ?? 0
}

/** A fixed sequence, so that the pinned errors are those of every run. */
const sequence = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const overflow = 2 ** 128

/**
 * Error in units of the last place of the exact value; infinite for a wrong NaN, infinity or sign of zero. An overflow counts
 * as 2^128, so that a result that rounds the other way at the edge is judged by its distance.
 */
const ulps = (actual: number, wanted: number): number => {
  if (Number.isNaN(wanted)) return Number.isNaN(actual) ? 0 : Infinity
  if (Object.is(actual, Math.fround(wanted))) return Math.abs(wanted) >= overflow ? 0 : error(actual, wanted)
  if (!Number.isFinite(wanted) || wanted === 0 || Object.is(actual, wanted < 0 ? 0 : -0)) return Infinity
  const clamp = (value: number): number => Math.max(-overflow, Math.min(overflow, value))
  return error(clamp(actual), clamp(wanted))
}
const error = (actual: number, wanted: number): number => {
  if (!Number.isFinite(wanted) || wanted === 0) return 0
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(wanted))))
  return Math.abs(actual - wanted) / 2 ** (Math.min(exponent, 127) - 23)
}

interface Case {
  readonly op: UnaryOp
  readonly exact: (value: number) => number
  /** Where the function is interesting: half of the samples are uniform there, the others are bit patterns. */
  readonly range: readonly [number, number]
  /** Bound of the error in ulp, rounded up from the maximum over 10^8 or more arguments. */
  readonly bound: number
  /** Operations, as wasm counts them: bitcasts and constants are free. Pinned so that a growth is noticed. */
  readonly operations: number
  /** Operations without what only rare selects want. */
  readonly usual?: number
}

const cases: readonly Case[] = [
  { op: 'exp', exact: Math.exp, range: [-105, 90], bound: 1, operations: 29 },
  { op: 'exp2', exact: exp2, range: [-151, 129], bound: 1.1, operations: 25 },
  { op: 'expm1', exact: Math.expm1, range: [-20, 20], bound: 1.6, operations: 31 },
  { op: 'logistic', exact: logistic, range: [-105, 20], bound: 2.5, operations: 31 },
  { op: 'sinh', exact: Math.sinh, range: [-90, 90], bound: 1.7, operations: 42 },
  { op: 'cosh', exact: Math.cosh, range: [-90, 90], bound: 1.5, operations: 30 },
  { op: 'tanh', exact: Math.tanh, range: [-10, 10], bound: 2.4, operations: 36 },
  { op: 'log', exact: Math.log, range: [0, 4], bound: 0.9, operations: 40 },
  { op: 'log1p', exact: Math.log1p, range: [-1, 4], bound: 1.5, operations: 49 },
  { op: 'asinh', exact: Math.asinh, range: [-4, 4], bound: 1.8, operations: 56 },
  { op: 'acosh', exact: Math.acosh, range: [1, 4], bound: 2.1, operations: 55 },
  { op: 'atanh', exact: Math.atanh, range: [-1, 1], bound: 2.2, operations: 54 },
  { op: 'sin', exact: Math.sin, range: [-100, 100], bound: 2.6, operations: 123, usual: 28 },
  { op: 'cos', exact: Math.cos, range: [-100, 100], bound: 2.6, operations: 124, usual: 28 },
  { op: 'tan', exact: Math.tan, range: [-100, 100], bound: 3.6, operations: 139, usual: 34 },
  { op: 'asin', exact: Math.asin, range: [-1, 1], bound: 2.5, operations: 25 },
  { op: 'acos', exact: Math.acos, range: [-1, 1], bound: 1.2, operations: 29 },
  { op: 'atan', exact: Math.atan, range: [-4, 4], bound: 1.5, operations: 29 },
  { op: 'cbrt', exact: Math.cbrt, range: [-100, 100], bound: 1, operations: 40 },
  { op: 'rsqrt', exact: rsqrt, range: [0, 100], bound: 1.5, operations: 2 },
  { op: 'erf', exact: erf, range: [-4, 4], bound: 2.7, operations: 41 },
  { op: 'erfc', exact: erfc, range: [-4, 10], bound: 4.2, operations: 80 },
  { op: 'erfInv', exact: erfInv, range: [-1, 1], bound: 3, operations: 81, usual: 57 },
  { op: 'lgamma', exact: lgamma, range: [0, 20], bound: 4.8, operations: 140, usual: 82 },
  { op: 'digamma', exact: digamma, range: [0, 20], bound: 4.4, operations: 101, usual: 70 },
]

/**
 * Negative arguments of lgamma and digamma have zeros between poles. They are computed by reflection, and what counts there is
 * the error relative to its terms: their size, or undefined where the relative error counts.
 */
const sizeOfTerms = (op: string, at: number): number | undefined => {
  if (at >= 0 || (op !== 'lgamma' && op !== 'digamma')) return undefined
  const fraction = Math.abs(at - Math.round(at))
  return 1 + Math.abs(doubles[op](1 - at)) + Math.abs(Math.log(fraction)) + (op === 'digamma' ? 1 / fraction : 0)
}

/** Error in ulp of the value, or of the terms where it cancels. */
const errorOf = (op: string, at: number, actual: number, wanted: number): number => {
  const size = sizeOfTerms(op, at)
  return size === undefined || !Number.isFinite(Math.fround(wanted))
    ? ulps(actual, wanted)
    : Math.abs(actual - wanted) / size / 2 ** -23
}

const worst = (
  op: UnaryOp,
  f: (value: number) => number,
  exactly: (value: number) => number,
  values: readonly number[],
): readonly [number, number] => {
  let found: readonly [number, number] = [0, 0]
  for (const value of values) {
    const e = errorOf(op, value, f(value), exactly(value))
    if (e > found[0]) found = [e, value]
  }
  return found
}

const bitPatterns = Array.from({ length: 8000 }, (_, k) => floatOfBits(k * 536870 + (k % 97)))
const special = [
  NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  1,
  -1,
  2 ** -149,
  -(2 ** -149),
  2 ** -126,
  3.4028234663852886e38,
  -3.4028234663852886e38,
]

describe('errors in ulp', () => {
  test.each(cases)('$op stays below $bound', ({ op, exact: exactly, range: [low, high], bound }) => {
    const random = sequence(cases.length + bound)
    const uniform = Array.from({ length: 8000 }, () => Math.fround(low + random() * (high - low)))
    const [error, at] = worst(op, unaryFunction(op), exactly, [...special, ...bitPatterns, ...uniform])
    expect(error, `${op}(${at})`).toBeLessThanOrEqual(bound)
  })

  test.each(['lgamma', 'digamma'] as const)(
    '%s of negative arguments is as accurate as the terms of its reflection',
    (op) => {
      const f = unaryFunction(op)
      const random = sequence(5)
      for (let k = 0; k < 8000; k++) {
        const value = Math.fround(-(2 ** (random() * 14 - 4)))
        expect(errorOf(op, value, f(value), doubles[op](value)), `${op}(${value})`).toBeLessThan(4)
      }
    },
  )

  test('pow stays below 1.3', () => {
    const f = binaryFunction('pow')
    const random = sequence(9)
    for (let k = 0; k < 20000; k++) {
      const base =
        k % 2 ? floatOfBits(Math.floor(random() * 0x7f800000)) : Math.fround(1 + (random() - 0.5) * 2 ** -(k % 20))
      const exponent = Math.fround(((random() * 2 - 1) * 152) / (Math.log2(base) || 1))
      expect(ulps(f(base, exponent), base ** exponent), `pow(${base}, ${exponent})`).toBeLessThan(1.3)
    }
  })

  test('atan2 stays below 1.7', () => {
    const f = binaryFunction('atan2')
    const random = sequence(11)
    for (let k = 0; k < 20000; k++) {
      const a = floatOfBits(Math.floor(random() * 2 ** 32))
      const b = k % 2 ? floatOfBits(Math.floor(random() * 2 ** 32)) : Math.fround(a * 2 ** ((random() - 0.5) * 12))
      expect(ulps(f(a, b), Math.atan2(a, b)), `atan2(${a}, ${b})`).toBeLessThan(1.7)
    }
  })

  test.each(Object.keys(exact))('%s agrees with mpmath', (op) => {
    const bound = cases.find((c) => c.op === op)?.bound ?? 0
    const f = unaryFunction(op as UnaryOp)
    for (const [at, value] of exact[op] ?? []) {
      expect(errorOf(op, at, f(at), value), `${op}(${at})`).toBeLessThanOrEqual(bound)
    }
  })

  test.each(['erf', 'erfc', 'erfInv', 'lgamma', 'digamma'] as const)(
    'the double precision %s agrees with mpmath',
    (op) => {
      for (const [at, value] of exact[op] ?? []) {
        // Negative lgamma and digamma cancel near their zeros.
        const scale = at < 0 ? Math.max(1, Math.abs(value)) : Math.abs(value)
        expect(Math.abs(doubles[op](at) - value) / scale, `${op}(${at})`).toBeLessThan(1e-14)
      }
    },
  )
})

describe('special values', () => {
  test.each<readonly [UnaryOp, number, number]>([
    ['exp', 0, 1],
    ['exp', -103, Math.fround(Math.exp(-103))],
    ['exp2', -149, 2 ** -149],
    ['exp2', 10, 1024],
    ['log', 1, 0],
    ['log', -0, -Infinity],
    ['log', 2 ** -149, Math.fround(Math.log(2 ** -149))],
    ['log1p', -1, -Infinity],
    ['log1p', -2, NaN],
    ['log1p', -0, -0],
    ['expm1', -0, -0],
    ['expm1', -200, -1],
    ['logistic', 0, 0.5],
    ['logistic', -100, Math.fround(Math.exp(-100))],
    ['logistic', Infinity, 1],
    ['tanh', -0, -0],
    ['tanh', NaN, NaN],
    ['tanh', -Infinity, -1],
    ['sinh', 89.4, Math.fround(Math.sinh(Math.fround(89.4)))],
    ['cosh', -Infinity, Infinity],
    ['cosh', 0, 1],
    ['sin', -0, -0],
    ['sin', Infinity, NaN],
    ['cos', 0, 1],
    ['cos', -Infinity, NaN],
    ['tan', -0, -0],
    ['asin', 1, Math.fround(Math.PI / 2)],
    ['asin', 1.5, NaN],
    ['acos', 1, 0],
    ['acos', -1, Math.fround(Math.PI)],
    ['atan', -Infinity, Math.fround(-Math.PI / 2)],
    ['asinh', -0, -0],
    ['acosh', 1, 0],
    ['acosh', 0.5, NaN],
    ['acosh', -Infinity, NaN],
    ['atanh', -1, -Infinity],
    ['atanh', 2, NaN],
    ['cbrt', -27, -3],
    ['cbrt', -0, -0],
    ['rsqrt', -0, -Infinity],
    ['rsqrt', 0, Infinity],
    ['erf', -Infinity, -1],
    ['erfc', 0, 1],
    ['erfc', -Infinity, 2],
    ['erfInv', 1, Infinity],
    ['erfInv', -1, -Infinity],
    ['erfInv', 1.5, NaN],
    ['lgamma', -3, Infinity],
    ['lgamma', -Infinity, Infinity],
    ['lgamma', 1, 0],
    ['lgamma', 2, 0],
    ['digamma', -3, NaN],
    ['digamma', 0, -Infinity],
    ['digamma', -0, Infinity],
    ['digamma', -Infinity, NaN],
  ])('%s(%d) = %d', (op, at, wanted) => {
    // Object.is through toBe: signs of zeros count.
    expect(unaryFunction(op)(Math.fround(at))).toBe(wanted)
  })

  test('pow, atan2 and nextafter at all pairs of special values', () => {
    const values = [
      ...special,
      0.5,
      -0.5,
      1.5,
      2,
      -2,
      3,
      -3,
      16777217,
      16777216,
      -16777215,
      33554432,
      1 - 2 ** -24,
      1 + 2 ** -23,
    ].map(Math.fround)
    // C99 and NumPy, unlike ECMAScript, have 1^y = 1 and (-1)^inf = 1.
    const power = (a: number, b: number): number => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b)
    for (const [op, exactly] of [
      ['pow', power],
      ['atan2', Math.atan2],
      ['nextafter', nextafter32],
    ] as const) {
      const f = binaryFunction(op)
      for (const a of values)
        for (const b of values) expect(ulps(f(a, b), exactly(a, b)), `${op}(${a}, ${b})`).toBeLessThan(1.6)
    }
  })

  test.each(['sin', 'cos', 'tanh', 'erf', 'logistic'] as const)('%s is never beyond 1', (op) => {
    const f = unaryFunction(op)
    let largest = 0
    for (let k = 0; k < 20000; k++) largest = Math.max(largest, Math.abs(f(Math.fround(k * 0.0011))))
    expect(largest).toBe(1)
  })

  test('nextafter visits neighbours', () => {
    const f = binaryFunction('nextafter')
    for (const from of bitPatterns.slice(0, 4000)) {
      for (const to of [Infinity, -Infinity, 0]) expect(f(from, to)).toBe(nextafter32(from, to))
    }
    expect(nextafter64(1, 2)).toBe(1 + Number.EPSILON)
    expect(nextafter64(-1, 0)).toBe(-1 + Number.EPSILON / 2)
    expect(nextafter64(0, -1)).toBe(-Number.MIN_VALUE)
    expect(nextafter64(Infinity, 0)).toBe(Number.MAX_VALUE)
  })
})

describe('form', () => {
  const baseOperations = new Set([
    'const',
    'variable',
    'neg',
    'abs',
    'round',
    'trunc',
    'sqrt',
    'not',
    'add',
    'sub',
    'mul',
    'div',
    'min',
    'max',
    'and',
    'or',
    'xor',
    'shl',
    'shrArithmetic',
    'shrLogical',
    'eq',
    'ne',
    'lt',
    'le',
    'gt',
    'ge',
    'select',
    'convert',
    'bitcast',
  ])
  const isCounted = (node: Expression): boolean => !['const', 'variable', 'bitcast'].includes(node.op)
  const count = (root: Expression, argumentsOf: (node: Expression) => readonly Expression[]): number => {
    const seen = new Set<Expression>()
    const visit = (node: Expression): void => {
      if (seen.has(node)) return
      seen.add(node)
      argumentsOf(node).forEach(visit)
    }
    visit(root)
    return [...seen].filter(isCounted).length
  }
  const usualArguments = (node: Expression): readonly Expression[] =>
    isRareSelect(node) ? node.args.slice(0, 2) : node.args

  test.each(cases)('$op takes $operations operations with vector forms', ({ op, operations, usual }) => {
    const root = decompose(unary(op, x))
    for (const node of topological([root])) {
      expect(baseOperations).toContain(node.op)
      expect(['float32', 'int32', 'bool']).toContain(node.dtype)
    }
    const quotients = topological([root]).filter((node) => node.op === 'div')
    expect(quotients.every((node) => node.dtype === 'float32')).toBe(true)
    const shifts = topological([root]).filter((node) => node.op.startsWith('sh'))
    expect(shifts.every((node) => node.args[1]?.op === 'const')).toBe(true)
    expect(count(root, (node) => node.args)).toBeLessThanOrEqual(operations)
    expect(count(root, usualArguments)).toBeLessThanOrEqual(usual ?? operations)
  })

  test('operations of two arguments', () => {
    const counts = (['pow', 'atan2', 'nextafter'] as const).map((op) =>
      count(decompose(binary(op, x, y)), (node) => node.args),
    )
    expect(counts).toEqual([132, 39, 17])
  })

  test('float64 and integers are left alone, and so is what has nothing to decompose', () => {
    const double = variable('float64')
    const whole = variable('int32')
    for (const node of [
      unary('sin', double),
      binary('pow', double, double),
      unary('sign', whole),
      unary('sqrt', x),
      unary('sign', x),
    ]) {
      expect(decompose(node)).toBe(node)
    }
  })

  test('nested operations are rewritten, twice is once, and a memo is shared', () => {
    const memo = new Map<Expression, Expression>()
    const root = decompose(unary('exp', unary('sin', x)), memo)
    expect(decompose(root)).toBe(root)
    expect(decompose(unary('exp', unary('sin', x)), memo)).toBe(root)
    expect(evaluator(root, [x])(2)).toBeCloseTo(Math.exp(Math.sin(2)), 6)
    expect(memo.has(unary('sin', x))).toBe(true)
  })

  test('sign keeps zeros and NaN', () => {
    const f = unaryFunction('sign', { sign })
    expect([3, -2, 0, -0, NaN, Infinity, -(2 ** -149)].map(f)).toEqual([1, -1, 0, -0, NaN, 1, -1])
  })

  test('without huge angles sin, cos and tan lose their rare part and nothing else', () => {
    for (const op of ['sin', 'cos', 'tan'] as const) {
      const options = { largeTrigonometric: false }
      expect(count(decompose(unary(op, x), new Map(), options), (node) => node.args)).toBeLessThan(33)
      const [small, whole] = [unaryFunction(op, options), unaryFunction(op)]
      for (let k = -2900; k < 2900; k += 7.3) expect(small(Math.fround(k))).toBe(whole(Math.fround(k)))
    }
  })

  test('a constant argument is decomposed too', () => {
    expect(evaluator(decompose(unary('exp', constant(1, 'float32'))), [])()).toBe(Math.fround(Math.E))
  })
})
