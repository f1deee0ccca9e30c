/** Matrix times vector: drivers that call the inner kernels for a few rows, or a piece of the result, at a time. */
import type { FunctionBuilder } from './assembler.js'
import { type ElementShape, addProduct, increase, restUpTo, upTo, whileAtLeast } from './contraction-code.js'
import { ops } from './opcodes.js'

/** Columns of y that stay in the first-level cache while the rows of a matrix stream through it. */
const streamBytes = 16384
/** Rows that stream at once. */
export const streamRows = 8

/** Calls the row kernel for a few rows at a time. Parameters: matrix, vector, y, rows, inner, row stride in bytes. */
export const writeManyDots = (f: FunctionBuilder, shape: ElementShape, dots: number): void => {
  const [m, x, y, rows, inner, mStride] = [0, 1, 2, 3, 4, 5]
  const code = f.code
  const r = f.local('i32')
  const count = f.local('i32')
  upTo(code, r, rows, 16, () => {
    restUpTo(code, count, rows, r, 16)
    code.get(m)
    addProduct(code, r, mStride)
    code.get(x)
    code.get(y)
    code.get(r)
    code.i32(shape.size)
    code.op(ops['i32.mul'])
    code.op(ops['i32.add'])
    code.get(count)
    code.get(inner)
    code.get(mStride)
    code.call(dots)
  })
}

/** Streams all rows through y, a piece of y at a time. Parameters: matrix, vector, y, columns, inner, row stride in bytes. */
export const writeManyStreams = (f: FunctionBuilder, shape: ElementShape, eight: number, one: number): void => {
  const [m, x, y, columns, inner, mStride] = [0, 1, 2, 3, 4, 5]
  const code = f.code
  const width = streamBytes / shape.size
  const j = f.local('i32')
  const count = f.local('i32')
  const target = f.local('i32')
  const pm = f.local('i32')
  const px = f.local('i32')
  const k = f.local('i32')
  upTo(code, j, columns, width, () => {
    restUpTo(code, count, columns, j, width)
    for (const [to, from] of [
      [target, y],
      [pm, m],
    ] as const) {
      code.get(from)
      code.get(j)
      code.i32(shape.size)
      code.op(ops['i32.mul'])
      code.op(ops['i32.add'])
      code.set(to)
    }
    code.get(x)
    code.set(px)
    code.get(target)
    code.i32(0)
    code.get(count)
    code.i32(shape.size)
    code.op(ops['i32.mul'])
    code.op(ops['memory.fill'])
    code.byte(0)
    code.get(inner)
    code.set(k)
    for (const [height, index] of [
      [streamRows, eight],
      [1, one],
    ] as const) {
      whileAtLeast(code, k, height, () => {
        code.get(pm)
        code.get(px)
        code.get(target)
        code.get(count)
        code.get(mStride)
        code.call(index)
        code.get(pm)
        code.get(mStride)
        code.i32(height)
        code.op(ops['i32.mul'])
        code.op(ops['i32.add'])
        code.set(pm)
        increase(code, px, height * shape.size)
        increase(code, k, -height)
      })
    }
  })
}
