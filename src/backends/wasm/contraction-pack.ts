/** Copies of matrix blocks into the layouts that the inner kernels read: panels, transposes, anything with strides. */
import type { FunctionBuilder } from './assembler.js'
import {
  type ElementShape,
  addProduct,
  increase,
  increaseBy,
  panelBytes,
  upTo,
  vectorsPerPanel,
  whileAtLeast,
} from './contraction-code.js'
import { ops } from './opcodes.js'

/** `to[r * toStride + c] = from[r * rowStride + c * columnStride]` for elements of one size, strides in bytes. */
export const writeGather = (f: FunctionBuilder, shape: ElementShape): void => {
  const [to, toStride, from, rowStride, columnStride, rows, columns] = [0, 1, 2, 3, 4, 5, 6]
  const code = f.code
  const r = f.local('i32')
  const c = f.local('i32')
  const source = f.local('i32')
  const target = f.local('i32')
  const wide = shape.size === 8
  upTo(code, r, rows, 1, () => {
    code.get(to)
    addProduct(code, r, toStride)
    code.set(target)
    code.get(from)
    addProduct(code, r, rowStride)
    code.set(source)
    upTo(code, c, columns, 1, () => {
      code.get(target)
      code.get(source)
      code.memory(wide ? ops['i64.load'] : ops['i32.load'], 0)
      code.memory(wide ? ops['i64.store'] : ops['i32.store'], 0)
      increase(code, target, shape.size)
      increaseBy(code, source, columnStride)
    })
  })
}

/** `to[r * toStride + c] = from[c * fromStride + r]`: words of 4 bytes, four by four; the edges go to `gather`. */
export const writeTranspose = (f: FunctionBuilder, gather: number): void => {
  const [to, toStride, from, fromStride, rows, columns] = [0, 1, 2, 3, 4, 5]
  const code = f.code
  const r = f.local('i32')
  const c = f.local('i32')
  const fullRows = f.local('i32')
  const fullColumns = f.local('i32')
  const source = f.local('i32')
  const target = f.local('i32')
  const x = [0, 1, 2, 3].map(() => f.local('v128'))
  const y = [0, 1, 2, 3].map(() => f.local('v128'))
  const at = (list: readonly number[], i: number): number => list[i] ?? 0
  const one = f.local('i32')
  for (const [full, all] of [
    [fullRows, rows],
    [fullColumns, columns],
  ] as const) {
    code.get(all)
    code.i32(-4)
    code.op(ops['i32.and'])
    code.set(full)
  }
  code.i32(4)
  code.set(one)
  upTo(code, r, fullRows, 4, () => {
    code.get(from)
    code.get(r)
    code.i32(2)
    code.op(ops['i32.shl'])
    code.op(ops['i32.add'])
    code.set(source)
    code.get(to)
    addProduct(code, r, toStride)
    code.set(target)
    upTo(code, c, fullColumns, 4, () => {
      const corner = f.local('i32')
      for (let i = 0; i < 4; i++) {
        code.get(source)
        code.memory(ops['v128.load'], 0)
        code.set(at(x, i))
        increaseBy(code, source, fromStride)
      }
      const mix = (out: number, p: number, q: number, l: readonly [number, number, number, number]): void => {
        code.get(p)
        code.get(q)
        code.shuffle32(...l)
        code.set(out)
      }
      mix(at(y, 0), at(x, 0), at(x, 1), [0, 4, 1, 5])
      mix(at(y, 1), at(x, 0), at(x, 1), [2, 6, 3, 7])
      mix(at(y, 2), at(x, 2), at(x, 3), [0, 4, 1, 5])
      mix(at(y, 3), at(x, 2), at(x, 3), [2, 6, 3, 7])
      code.get(target)
      code.set(corner)
      for (let i = 0; i < 4; i++) {
        code.get(corner)
        code.get(at(y, i >> 1))
        code.get(at(y, 2 + (i >> 1)))
        if (i % 2 === 0) code.shuffle32(0, 1, 4, 5)
        else code.shuffle32(2, 3, 6, 7)
        code.memory(ops['v128.store'], 0)
        if (i < 3) increaseBy(code, corner, toStride)
      }
      increase(code, target, 16)
    })
  })
  // Columns that are left over, for the full rows; then the rows that are left over.
  code.get(to)
  code.get(fullColumns)
  code.i32(2)
  code.op(ops['i32.shl'])
  code.op(ops['i32.add'])
  code.get(toStride)
  code.get(from)
  addProduct(code, fullColumns, fromStride)
  code.get(one)
  code.get(fromStride)
  code.get(fullRows)
  code.get(columns)
  code.get(fullColumns)
  code.op(ops['i32.sub'])
  code.call(gather)
  code.get(to)
  addProduct(code, fullRows, toStride)
  code.get(toStride)
  code.get(from)
  code.get(fullRows)
  code.i32(2)
  code.op(ops['i32.shl'])
  code.op(ops['i32.add'])
  code.get(one)
  code.get(fromStride)
  code.get(rows)
  code.get(fullRows)
  code.op(ops['i32.sub'])
  code.get(columns)
  code.call(gather)
}

/** Panels that are packed side by side: two lines of a page at once cost memory little more than one. */
export const panelsAtOnce = 2

/** Packs `inner` rows of the right matrix into panels; the last one is filled up with zeros. */
export const writePack = (
  f: FunctionBuilder,
  shape: ElementShape,
  gather: number,
  transpose: number | undefined,
): void => {
  const [to, from, rowStride, columnStride, inner, columns] = [0, 1, 2, 3, 4, 5]
  const code = f.code
  const k = f.local('i32')
  const source = f.local('i32')
  const target = f.local('i32')
  const width = f.local('i32')
  const panelSize = f.local('i32')
  code.get(inner)
  code.i32(panelBytes)
  code.op(ops['i32.mul'])
  code.set(panelSize)
  /** Runs `body`, which moves `to`, for this many columns at a time, while as many are left. */
  const forColumns = (count: number, body: () => void): void => {
    whileAtLeast(code, columns, count, () => {
      body()
      code.get(from)
      code.i32(count)
      code.get(columnStride)
      code.op(ops['i32.mul'])
      code.op(ops['i32.add'])
      code.set(from)
      increase(code, columns, -count)
    })
  }
  code.get(columnStride)
  code.i32(shape.size)
  code.op(ops['i32.eq'])
  code.if()
  for (const panels of [panelsAtOnce, 1]) {
    forColumns(panels * shape.width, () => {
      code.get(from)
      code.set(source)
      upTo(code, k, inner, 1, () => {
        code.get(to)
        code.set(target)
        for (let panel = 0; panel < panels; panel++) {
          for (let v = 0; v < vectorsPerPanel; v++) {
            code.get(target)
            code.get(source)
            code.memory(ops['v128.load'], panel * panelBytes + 16 * v)
            code.memory(ops['v128.store'], 16 * v)
          }
          if (panel + 1 < panels) increaseBy(code, target, panelSize)
        }
        increase(code, to, panelBytes)
        increaseBy(code, source, rowStride)
      })
      for (let panel = 1; panel < panels; panel++) increaseBy(code, to, panelSize)
    })
  }
  code.end()
  const strided = (): void => {
    const general = (): void => {
      code.get(to)
      code.i32(panelBytes)
      code.get(from)
      code.get(rowStride)
      code.get(columnStride)
      code.get(inner)
      code.get(width)
      code.call(gather)
    }
    if (transpose === undefined) general()
    else {
      code.get(rowStride)
      code.i32(shape.size)
      code.op(ops['i32.eq'])
      code.if()
      code.get(to)
      code.i32(panelBytes)
      code.get(from)
      code.get(columnStride)
      code.get(inner)
      code.get(width)
      code.call(transpose)
      code.else()
      general()
      code.end()
    }
    increaseBy(code, to, panelSize)
  }
  code.i32(shape.width)
  code.set(width)
  forColumns(shape.width, strided)
  code.get(columns)
  code.if()
  code.get(columns)
  code.set(width)
  code.get(to)
  code.i32(0)
  code.get(panelSize)
  code.op(ops['memory.fill'])
  code.byte(0)
  strided()
  code.end()
}
