/** Evaluates scalar expressions on the host, rounding after every operation as hardware with strict arithmetic does. */
import { castValue, roundTo } from '../../src/core/host.js'
import { type Expression, topological } from '../../src/core/expression.js'

const word = new DataView(new ArrayBuffer(4))

const write = (value: number, dtype: Expression['dtype']): void =>
  dtype === 'float32' ? word.setFloat32(0, value) : word.setInt32(0, value | 0)

const read = (dtype: Expression['dtype']): number =>
  dtype === 'float32' ? word.getFloat32(0) : dtype === 'uint32' ? word.getUint32(0) : word.getInt32(0)

const roundHalfToEven = (x: number): number => {
  const rounded = Math.round(x)
  const even = rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
  // Math.round loses the sign of what rounds to zero from below.
  return even === 0 && (x < 0 || Object.is(x, -0)) ? -0 : even
}

const lowest = (a: number, b: number): number => (Number.isNaN(a) || Number.isNaN(b) ? NaN : Math.min(a, b))
const highest = (a: number, b: number): number => (Number.isNaN(a) || Number.isNaN(b) ? NaN : Math.max(a, b))

/** The base operations, before rounding to the result's dtype. A shift count of 32 or more is not needed here. */
const operations: Readonly<Record<string, (a: number, b: number, c: number) => number>> = {
  neg: (a) => -a,
  abs: Math.abs,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: roundHalfToEven,
  sqrt: Math.sqrt,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  min: lowest,
  max: highest,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shrArithmetic: (a, b) => a >> b,
  shrLogical: (a, b) => a >>> b,
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  lt: (a, b) => Number(a < b),
  le: (a, b) => Number(a <= b),
  gt: (a, b) => Number(a > b),
  ge: (a, b) => Number(a >= b),
  select: (condition, a, b) => (condition !== 0 ? a : b),
}

/** The operation of one node on its arguments' values, before rounding. */
const operationOf = (x: Expression): ((a: number, b: number, c: number) => number) => {
  const from = x.args[0]?.dtype ?? x.dtype
  if (x.op === 'convert') return (a) => castValue(a, x.dtype, from)
  if (x.op === 'bitcast') {
    return (a) => {
      write(a, from)
      return read(x.dtype)
    }
  }
  if (x.op === 'not') return x.dtype === 'bool' ? (a) => 1 - a : (a) => ~a
  if (x.op === 'mul') return x.dtype === 'float32' ? (a, b) => a * b : Math.imul
  if (x.op === 'div' && x.dtype === 'float32') return (a, b) => a / b
  const operation = operations[x.op]
  if (operation === undefined) throw new Error(`${x.op} of ${x.dtype} is not a base operation`)
  return operation
}

/** Rounding of a result: float32 sums, products, quotients and roots of doubles round right, having twice the digits. */
const roundingOf = (x: Expression): ((value: number) => number) =>
  x.dtype === 'float32' ? Math.fround : (value) => roundTo(value, x.dtype)

/** Compiles an expression to a function of the given variables; throws for operations that are not base operations. */
export const evaluator = (root: Expression, variables: readonly Expression[]): ((...values: number[]) => number) => {
  const nodes = topological([root])
  const slots = new Map(nodes.map((x, k) => [x, k]))
  const slotOf = (x: Expression | undefined): number => (x === undefined ? -1 : (slots.get(x) ?? -1))
  const memory = new Float64Array(nodes.length)
  const at = (slot: number): number => memory[slot] ?? NaN
  const inputs = variables.map(slotOf)
  const steps: (() => void)[] = []
  nodes.forEach((x, k) => {
    if (x.op === 'const') memory[k] = x.value
    else if (x.op === 'variable') {
      if (!variables.includes(x)) throw new Error('a variable has no value')
    } else {
      const operation = operationOf(x)
      const rounded = roundingOf(x)
      const [a, b, c] = [slotOf(x.args[0]), slotOf(x.args[1]), slotOf(x.args[2])]
      steps.push(() => {
        memory[k] = rounded(operation(at(a), at(b), at(c)))
      })
    }
  })
  const result = slotOf(root)
  return (...values) => {
    inputs.forEach((slot, k) => {
      if (slot >= 0) memory[slot] = values[k] ?? NaN
    })
    for (const step of steps) step()
    return at(result)
  }
}
