/** The inner kernels of products: panels of a matrix product, and matrix times vector. */
import type { FunctionBuilder } from './assembler.js'
import { type ElementShape, increase, increaseBy, panelBytes } from './contraction-code.js'
import { ops } from './opcodes.js'

/**
 * One panel of 64 bytes of columns, for all rows of a block: `c[r, :] (+)= sum over k of a[r, k] * b[k, :]`.
 * The left matrix is read in place (its elements along k are neighbours), the right one from a packed panel, or in place
 * with its own row stride. Two rows at a time: 8 accumulators, 4 columns of b, one splat and one product fit 15 registers.
 * Every step of k ends in its own exit: that keeps V8 from hoisting the loads of both steps and spilling.
 */
export const writePanel = (f: FunctionBuilder, shape: ElementShape, packed: boolean): void => {
  const [a, b, c, rows, inner, aStride, cStride, bStride, accumulate] = [0, 1, 2, 3, 4, 5, 6, 7, 8]
  const code = f.code
  const columns = [0, 1, 2, 3].map(() => f.local('v128'))
  const splat = f.local('v128')
  const k = f.local('i32')
  const pb = f.local('i32')
  const tile = (height: number): void => {
    const accumulators = Array.from({ length: height }, () => columns.map(() => f.local('v128')))
    const lefts = accumulators.map(() => f.local('i32'))
    const out = f.local('i32')
    accumulators.forEach((row) => {
      for (const vector of row) {
        code.v128(0, 0, 0, 0)
        code.set(vector)
      }
    })
    lefts.forEach((left, row) => {
      code.get(a)
      if (row > 0) {
        code.get(aStride)
        code.op(ops['i32.add'])
      }
      code.set(left)
    })
    code.get(b)
    code.set(pb)
    code.get(inner)
    code.set(k)
    const step = (ahead: number): void => {
      columns.forEach((column, v) => {
        code.get(pb)
        code.memory(ops['v128.load'], (packed ? ahead * panelBytes : 0) + 16 * v)
        code.set(column)
      })
      accumulators.forEach((row, i) => {
        code.get(lefts[i] ?? 0)
        code.memory(shape.splatLoad, ahead * shape.size)
        code.set(splat)
        row.forEach((vector, v) => {
          code.get(vector)
          code.get(splat)
          code.get(columns[v] ?? 0)
          code.op(shape.mul)
          code.op(shape.add)
          code.set(vector)
        })
      })
      if (!packed) increaseBy(code, pb, bStride)
    }
    const countDown = (): void => {
      code.get(k)
      code.i32(1)
      code.op(ops['i32.sub'])
      code.tee(k)
    }
    code.block()
    code.loop()
    step(0)
    countDown()
    code.op(ops['i32.eqz'])
    code.brIf(1)
    step(1)
    for (const left of lefts) increase(code, left, 2 * shape.size)
    if (packed) increase(code, pb, 2 * panelBytes)
    countDown()
    code.brIf(0)
    code.end()
    code.end()
    code.get(c)
    code.set(out)
    code.get(accumulate)
    code.if()
    accumulators.forEach((row, i) => {
      row.forEach((vector, v) => {
        code.get(out)
        code.get(out)
        code.memory(ops['v128.load'], 16 * v)
        code.get(vector)
        code.op(shape.add)
        code.memory(ops['v128.store'], 16 * v)
      })
      if (i + 1 < height) increaseBy(code, out, cStride)
    })
    code.else()
    accumulators.forEach((row, i) => {
      row.forEach((vector, v) => {
        code.get(out)
        code.get(vector)
        code.memory(ops['v128.store'], 16 * v)
      })
      if (i + 1 < height) increaseBy(code, out, cStride)
    })
    code.end()
    for (let i = 0; i < height; i++) {
      increaseBy(code, a, aStride)
      increaseBy(code, c, cStride)
    }
    code.get(rows)
    code.i32(height)
    code.op(ops['i32.sub'])
    code.set(rows)
  }
  for (const height of [2, 1]) {
    code.block()
    code.loop()
    code.get(rows)
    code.i32(height)
    code.op(ops['i32.lt_u'])
    code.brIf(1)
    tile(height)
    code.br(0)
    code.end()
    code.end()
  }
}

/** `y[r] = sum over k of m[r, k] * x[k]` for rows whose elements are neighbours: four vector accumulators, then scalars. */
export const writeDots = (f: FunctionBuilder, shape: ElementShape): void => {
  const [m, x, y, rows, inner, mStride] = [0, 1, 2, 3, 4, 5]
  const code = f.code
  const sums = [0, 1, 2, 3].map(() => f.local('v128'))
  const sum = f.local(shape.type)
  const pm = f.local('i32')
  const px = f.local('i32')
  const k = f.local('i32')
  const perStep = (4 * 16) / shape.size
  const first = sums[0] ?? 0
  code.loop()
  code.get(m)
  code.set(pm)
  code.get(x)
  code.set(px)
  code.get(inner)
  code.set(k)
  for (const vector of sums) {
    code.v128(0, 0, 0, 0)
    code.set(vector)
  }
  code.block()
  code.loop()
  code.get(k)
  code.i32(perStep)
  code.op(ops['i32.lt_u'])
  code.brIf(1)
  sums.forEach((vector, v) => {
    code.get(vector)
    code.get(pm)
    code.memory(ops['v128.load'], 16 * v)
    code.get(px)
    code.memory(ops['v128.load'], 16 * v)
    code.op(shape.mul)
    code.op(shape.add)
    code.set(vector)
  })
  increase(code, pm, 64)
  increase(code, px, 64)
  increase(code, k, -perStep)
  code.br(0)
  code.end()
  code.end()
  for (const [to, from] of [
    [0, 2],
    [1, 3],
    [0, 1],
  ] as const) {
    code.get(sums[to] ?? 0)
    code.get(sums[from] ?? 0)
    code.op(shape.add)
    code.set(sums[to] ?? 0)
  }
  const extract =
    shape.type === 'f32'
      ? ops['f32x4.extract_lane']
      : shape.type === 'f64'
        ? ops['f64x2.extract_lane']
        : ops['i32x4.extract_lane']
  code.get(first)
  code.lane(extract, 0)
  for (let lane = 1; lane < 16 / shape.size; lane++) {
    code.get(first)
    code.lane(extract, lane)
    code.op(shape.scalarAdd)
  }
  code.set(sum)
  code.block()
  code.loop()
  code.get(k)
  code.op(ops['i32.eqz'])
  code.brIf(1)
  code.get(sum)
  code.get(pm)
  code.memory(shape.scalarLoad, 0)
  code.get(px)
  code.memory(shape.scalarLoad, 0)
  code.op(shape.scalarMul)
  code.op(shape.scalarAdd)
  code.set(sum)
  increase(code, pm, shape.size)
  increase(code, px, shape.size)
  increase(code, k, -1)
  code.br(0)
  code.end()
  code.end()
  code.get(y)
  code.get(sum)
  code.memory(shape.scalarStore, 0)
  increase(code, y, shape.size)
  increaseBy(code, m, mStride)
  increase(code, rows, -1)
  code.get(rows)
  code.brIf(0)
  code.end()
}

/** `y[j] += sum over r of x[r] * m[r, j]` for `height` rows whose elements are neighbours: rows stream through y. */
export const writeStream = (f: FunctionBuilder, shape: ElementShape, height: number): void => {
  const [m, x, y, columns, mStride] = [0, 1, 2, 3, 4]
  const code = f.code
  const factors = Array.from({ length: height }, () => f.local('v128'))
  const rows = Array.from({ length: height }, () => f.local('i32'))
  const value = f.local('v128')
  const sum = f.local(shape.type)
  const perVector = 16 / shape.size
  rows.forEach((row, r) => {
    code.get(r === 0 ? m : (rows[r - 1] ?? 0))
    if (r > 0) {
      code.get(mStride)
      code.op(ops['i32.add'])
    }
    code.set(row)
    code.get(x)
    code.memory(shape.splatLoad, r * shape.size)
    code.set(factors[r] ?? 0)
  })
  code.block()
  code.loop()
  code.get(columns)
  code.i32(perVector)
  code.op(ops['i32.lt_u'])
  code.brIf(1)
  code.get(y)
  code.memory(ops['v128.load'], 0)
  code.set(value)
  rows.forEach((row, r) => {
    code.get(value)
    code.get(row)
    code.memory(ops['v128.load'], 0)
    code.get(factors[r] ?? 0)
    code.op(shape.mul)
    code.op(shape.add)
    code.set(value)
  })
  code.get(y)
  code.get(value)
  code.memory(ops['v128.store'], 0)
  for (const pointer of [...rows, y]) increase(code, pointer, 16)
  increase(code, columns, -perVector)
  code.br(0)
  code.end()
  code.end()
  code.block()
  code.loop()
  code.get(columns)
  code.op(ops['i32.eqz'])
  code.brIf(1)
  code.get(y)
  code.memory(shape.scalarLoad, 0)
  code.set(sum)
  rows.forEach((row, r) => {
    code.get(sum)
    code.get(row)
    code.memory(shape.scalarLoad, 0)
    code.get(x)
    code.memory(shape.scalarLoad, r * shape.size)
    code.op(shape.scalarMul)
    code.op(shape.scalarAdd)
    code.set(sum)
  })
  code.get(y)
  code.get(sum)
  code.memory(shape.scalarStore, 0)
  for (const pointer of [...rows, y]) increase(code, pointer, shape.size)
  increase(code, columns, -1)
  code.br(0)
  code.end()
  code.end()
}
