/** What the generators of matrix products share: element types, and loops over run-time sizes. */
import type { DType } from '../../core/index.js'
import type { Code } from './code.js'
import { type ValueType, ops } from './opcodes.js'

/** Element types that products are computed in; signed and unsigned 32-bit integers wrap alike. */
export type ContractionElement = 'f32' | 'f64' | 'i32'

export const contractionElement = (dtype: DType): ContractionElement =>
  dtype === 'float64' ? 'f64' : dtype === 'int32' || dtype === 'uint32' ? 'i32' : 'f32'

/** What differs between element types. A panel is 64 bytes wide: four vectors. */
export interface ElementShape {
  readonly size: 4 | 8
  /** Columns of a panel. */
  readonly width: number
  readonly splatLoad: number
  /** Loads an element into lane 0, and stores it from there. */
  readonly zeroLoad: number
  readonly laneStore: number
  readonly mul: number
  readonly add: number
  /** `x * y + z`, rounded once; where there is none, the product is rounded and then the sum. */
  readonly fused?: number
  readonly scalarLoad: number
  readonly scalarStore: number
  readonly scalarAdd: number
}

const strictShapes: Readonly<Record<ContractionElement, ElementShape>> = {
  f32: {
    size: 4,
    width: 16,
    splatLoad: ops['v128.load32_splat'],
    zeroLoad: ops['v128.load32_zero'],
    laneStore: ops['v128.store32_lane'],
    mul: ops['f32x4.mul'],
    add: ops['f32x4.add'],
    scalarLoad: ops['f32.load'],
    scalarStore: ops['f32.store'],
    scalarAdd: ops['f32.add'],
  },
  f64: {
    size: 8,
    width: 8,
    splatLoad: ops['v128.load64_splat'],
    zeroLoad: ops['v128.load64_zero'],
    laneStore: ops['v128.store64_lane'],
    mul: ops['f64x2.mul'],
    add: ops['f64x2.add'],
    scalarLoad: ops['f64.load'],
    scalarStore: ops['f64.store'],
    scalarAdd: ops['f64.add'],
  },
  i32: {
    size: 4,
    width: 16,
    splatLoad: ops['v128.load32_splat'],
    zeroLoad: ops['v128.load32_zero'],
    laneStore: ops['v128.store32_lane'],
    mul: ops['i32x4.mul'],
    add: ops['i32x4.add'],
    scalarLoad: ops['i32.load'],
    scalarStore: ops['i32.store'],
    scalarAdd: ops['i32.add'],
  },
}

/** How products of these elements are computed; `fuses` says whether multiplications and additions are one instruction. */
export const elementShape = (element: ContractionElement, fuses: boolean): ElementShape => {
  const shape = strictShapes[element]
  if (!fuses || element === 'i32') return shape
  return { ...shape, fused: element === 'f64' ? ops['f64x2.relaxed_madd'] : ops['f32x4.relaxed_madd'] }
}

/** Bytes of an element. */
export const elementSize = (element: ContractionElement): 4 | 8 => strictShapes[element].size

/** `sum += x * y` on vectors: all products of this library are such steps, so that they round alike. */
export const multiplyAdd = (
  code: Code,
  { mul, add, fused }: ElementShape,
  sum: number,
  pushLeft: () => void,
  pushRight: () => void,
): void => {
  if (fused === undefined) code.get(sum)
  pushLeft()
  pushRight()
  if (fused === undefined) {
    code.op(mul)
    code.op(add)
  } else {
    code.get(sum)
    code.op(fused)
  }
  code.set(sum)
}

/** Bytes of columns that one call of the inner kernel computes, four vectors. */
export const panelBytes = 64
export const vectorsPerPanel = 4

/** The types of so many parameters. */
export const i32 = (count: number): ValueType[] => new Array<ValueType>(count).fill('i32')

/** `variable = 0; while (variable < end) { body; variable += step }` for unsigned numbers. */
export const upTo = (code: Code, variable: number, end: number, step: number, body: () => void): void => {
  code.i32(0)
  code.set(variable)
  onwards(code, variable, end, step, body)
}

/** `while (variable < end) { body; variable += step }` for unsigned numbers. */
export const onwards = (code: Code, variable: number, end: number, step: number, body: () => void): void => {
  code.block()
  code.loop()
  code.get(variable)
  code.get(end)
  code.op(ops['i32.ge_u'])
  code.brIf(1)
  body()
  code.get(variable)
  code.i32(step)
  code.op(ops['i32.add'])
  code.set(variable)
  code.br(0)
  code.end()
  code.end()
}

/** `while (variable >= amount) body` for unsigned numbers. */
export const whileAtLeast = (code: Code, variable: number, amount: number, body: () => void): void => {
  code.block()
  code.loop()
  code.get(variable)
  code.i32(amount)
  code.op(ops['i32.lt_u'])
  code.brIf(1)
  body()
  code.br(0)
  code.end()
  code.end()
}

/** Adds `count * stride` to what is on the stack; both are locals. */
export const addProduct = (code: Code, count: number, stride: number): void => {
  code.get(count)
  code.get(stride)
  code.op(ops['i32.mul'])
  code.op(ops['i32.add'])
}

export const increase = (code: Code, local: number, amount: number): void => {
  code.get(local)
  code.i32(amount)
  code.op(ops['i32.add'])
  code.set(local)
}

export const increaseBy = (code: Code, local: number, amount: number): void => {
  code.get(local)
  code.get(amount)
  code.op(ops['i32.add'])
  code.set(local)
}

/** `target = min(limit, a - b)`. */
export const restUpTo = (code: Code, target: number, a: number, b: number, limit: number): void => {
  code.get(a)
  code.get(b)
  code.op(ops['i32.sub'])
  code.tee(target)
  code.i32(limit)
  code.get(target)
  code.i32(limit)
  code.op(ops['i32.lt_u'])
  code.op(ops.select)
  code.set(target)
}
