/** The blocked product: packs blocks of both matrices, and runs the inner kernel over panels. */
import type { FunctionBuilder } from './assembler.js'
import {
  type ElementShape,
  addProduct,
  increase,
  increaseBy,
  onwards,
  panelBytes,
  restUpTo,
  upTo,
} from './contraction-code.js'
import {
  type ProductParts,
  blockColumns,
  blockInner,
  blockRows,
  leftBytes,
  tileBytes,
  wholeBytes,
  writeEdge,
  writePackLeft,
  writePackRight,
} from './contraction-blocks.js'
import { ops } from './opcodes.js'

/**
 * `c = a b` with c contiguous; `inPlace` says that b is read where it is (its elements along a row are neighbours).
 * Parameters: a, b, c, rows, columns, inner, then strides in bytes of a (rows, columns) and b, inPlace, scratch,
 * the bytes from a row of c to the next, and the first and last row (exclusive) that are to be finished: 0 and `rows` for
 * all at once. Up to `blockColumns` columns can be finished `blockRows` rows at a time, in order: the first call packs the right
 * matrix into the scratch memory. Where that holds all of the inner axis, every call finishes its rows, so that rows of a
 * large left matrix are read from end to end; where it does not, the first call does all but the last block of the inner axis.
 */
export const writeProduct = (f: FunctionBuilder, shape: ElementShape, parts: ProductParts): void => {
  const [a, b, c, rows, columns, inner, aRow, aColumn, bRow, bColumn, inPlace, scratch, cRow, from, to] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
  ]
  const code = f.code
  const names32 = [
    'depth',
    'jc',
    'nc',
    'pc',
    'kc',
    'ic',
    'mc',
    'jr',
    'w',
    'left',
    'leftStride',
    'right',
    'out',
    'i',
    'j',
    'p',
    'q',
    'rightStart',
    'end',
    'isWhole',
    'group',
    'packed',
    'packedRow',
  ] as const
  const v = Object.fromEntries(names32.map((name) => [name, f.local('i32')])) as Record<
    (typeof names32)[number],
    number
  >
  // Blocks of equal depth: inner / ceil(inner / blockInner), rounded up to an even number of steps.
  code.get(inner)
  code.get(inner)
  code.i32(blockInner - 1)
  code.op(ops['i32.add'])
  code.i32(blockInner)
  code.op(ops['i32.div_u'])
  code.op(ops['i32.div_u'])
  code.i32(2)
  code.op(ops['i32.add'])
  code.i32(-2)
  code.op(ops['i32.and'])
  code.set(v.depth)
  upTo(code, v.jc, columns, blockColumns, () => {
    restUpTo(code, v.nc, columns, v.jc, blockColumns)
    code.get(v.nc)
    code.i32(shape.width - 1)
    code.op(ops['i32.add'])
    code.i32(-shape.width)
    code.op(ops['i32.and'])
    code.i32(shape.size)
    code.op(ops['i32.mul'])
    code.set(v.packedRow)
    code.get(inner)
    code.i32(wholeBytes)
    code.get(v.packedRow)
    code.op(ops['i32.div_u'])
    code.op(ops['i32.le_u'])
    code.get(inPlace)
    code.op(ops['i32.or'])
    code.set(v.isWhole)
    code.get(from)
    code.i32(0)
    code.get(v.isWhole)
    code.op(ops.select)
    code.set(v.group)
    code.loop()
    // The first block of the inner axis, or the last one where the others were done by an earlier call.
    code.get(inner)
    code.i32(1)
    code.op(ops['i32.sub'])
    code.get(v.depth)
    code.op(ops['i32.div_u'])
    code.get(v.depth)
    code.op(ops['i32.mul'])
    code.i32(0)
    code.i32(0)
    code.get(from)
    code.get(v.isWhole)
    code.op(ops.select)
    code.op(ops.select)
    code.set(v.pc)
    code.loop()
    code.get(inner)
    code.get(v.pc)
    code.op(ops['i32.sub'])
    code.tee(v.kc)
    code.get(v.depth)
    code.get(v.kc)
    code.get(v.depth)
    code.op(ops['i32.lt_u'])
    code.op(ops.select)
    code.set(v.kc)
    code.get(b)
    addProduct(code, v.pc, bRow)
    addProduct(code, v.jc, bColumn)
    code.set(v.rightStart)
    code.get(scratch)
    code.i32(tileBytes + leftBytes)
    code.op(ops['i32.add'])
    code.set(v.packed)
    code.get(v.isWhole)
    code.if()
    code.get(v.packed)
    addProduct(code, v.pc, v.packedRow)
    code.set(v.packed)
    code.get(v.group)
    code.set(v.ic)
    restUpTo(code, v.end, to, v.group, blockRows)
    increaseBy(code, v.end, v.group)
    code.else()
    // All rows, or after the last block of the inner axis those that are to be finished.
    for (const [target, middle, last] of [
      [v.ic, undefined, from],
      [v.end, rows, to],
    ] as const) {
      if (middle === undefined) code.i32(0)
      else code.get(middle)
      code.get(last)
      code.get(v.pc)
      code.get(v.kc)
      code.op(ops['i32.add'])
      code.get(inner)
      code.op(ops['i32.lt_u'])
      code.op(ops.select)
      code.set(target)
    }
    code.end()
    onwards(code, v.ic, v.end, blockRows, () => {
      restUpTo(code, v.mc, v.end, v.ic, blockRows)
      code.get(a)
      addProduct(code, v.ic, aRow)
      addProduct(code, v.pc, aColumn)
      code.set(v.left)
      code.get(aRow)
      code.set(v.leftStride)
      code.get(aColumn)
      code.i32(shape.size)
      code.op(ops['i32.ne'])
      code.if()
      writePackLeft(f, shape, parts, { ...v, aRow, aColumn, scratch })
      code.end()
      code.get(v.rightStart)
      code.set(v.right)
      upTo(code, v.jr, v.nc, shape.width, () => {
        restUpTo(code, v.w, v.nc, v.jr, shape.width)
        writePackRight(f, parts, { ...v, bRow, bColumn, rows, inPlace }, shape.width)
        code.get(c)
        addProduct(code, v.ic, cRow)
        code.get(v.jc)
        code.get(v.jr)
        code.op(ops['i32.add'])
        code.i32(shape.size)
        code.op(ops['i32.mul'])
        code.op(ops['i32.add'])
        code.set(v.out)
        const panel = (edge: boolean, index: number): void => {
          code.get(v.left)
          code.get(v.right)
          code.get(edge ? scratch : v.out)
          code.get(v.mc)
          code.get(v.kc)
          code.get(v.leftStride)
          if (edge) code.i32(panelBytes)
          else code.get(cRow)
          code.get(bRow)
          if (edge) code.i32(0)
          else code.get(v.pc)
          code.call(index)
        }
        const either = (edge: boolean): void => {
          code.get(inPlace)
          code.if()
          panel(edge, parts.panelInPlace)
          code.else()
          panel(edge, parts.panel)
          code.end()
        }
        code.get(v.w)
        code.i32(shape.width)
        code.op(ops['i32.eq'])
        code.if()
        either(false)
        code.else()
        either(true)
        writeEdge(f, shape, { ...v, cRow, scratch })
        code.end()
        code.get(inPlace)
        code.if()
        increase(code, v.right, panelBytes)
        code.else()
        code.get(v.right)
        code.get(v.kc)
        code.i32(panelBytes)
        code.op(ops['i32.mul'])
        code.op(ops['i32.add'])
        code.set(v.right)
        code.end()
      })
    })
    increaseBy(code, v.pc, v.kc)
    code.get(v.pc)
    code.get(inner)
    code.op(ops['i32.lt_u'])
    code.brIf(0)
    code.end()
    increase(code, v.group, blockRows)
    code.get(v.group)
    code.get(to)
    code.op(ops['i32.lt_u'])
    code.get(v.isWhole)
    code.op(ops['i32.and'])
    code.brIf(0)
    code.end()
  })
}
