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
import { panelsAtOnce } from './contraction-pack.js'
import { ops } from './opcodes.js'

/** Rows, depth and columns of a block: 120 x 256 of the left and 256 x 512 of the right stay in a 1 MB cache. */
export const blockRows = 120
const blockInner = 256
export const blockColumns = 512

const tileBytes = blockRows * panelBytes
const leftBytes = blockRows * (blockInner + 8) * 8
const rightBytes = blockInner * (blockColumns + 16) * 8

/** Bytes that a product needs for packed blocks and edge tiles. */
export const contractionScratchBytes = tileBytes + leftBytes + rightBytes

/** Functions that a product calls, by index. */
export interface ProductParts {
  readonly panel: number
  readonly panelInPlace: number
  readonly pack: number
  readonly gather: number
  readonly transpose: number | undefined
}

/**
 * `c = a b` with c contiguous; `inPlace` says that b is read where it is (its elements along a row are neighbours).
 * Parameters: a, b, c, rows, columns, inner, then strides in bytes of a (rows, columns) and b, inPlace, scratch,
 * the bytes from a row of c to the next, and the first and last row (exclusive) that are to be finished: 0 and `rows` for
 * all at once. Up to `blockColumns` columns can be finished `blockRows` rows at a time, in order: the first call does all but
 * the last block of the inner axis, and the others find the right matrix packed in the scratch memory.
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
    code.get(inner)
    code.i32(1)
    code.op(ops['i32.sub'])
    code.get(v.depth)
    code.op(ops['i32.div_u'])
    code.get(v.depth)
    code.op(ops['i32.mul'])
    code.i32(0)
    code.get(from)
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
        writePackRight(f, parts, { ...v, bRow, bColumn, rows, inPlace, scratch }, shape.width)
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
  })
}

/**
 * Packs columns of the right matrix when the first of them are needed: all of the block where several blocks of rows read
 * them, few of them where there is one block of rows, so that a packed panel is read from the first-level cache.
 */
const writePackRight = (
  f: FunctionBuilder,
  parts: ProductParts,
  v: Record<
    'bRow' | 'bColumn' | 'rows' | 'inPlace' | 'scratch' | 'rightStart' | 'right' | 'jr' | 'nc' | 'ic' | 'kc',
    number
  >,
  width: number,
): void => {
  const code = f.code
  const each = f.local('i32')
  const count = f.local('i32')
  code.i32(panelsAtOnce * width)
  code.i32(blockColumns)
  code.get(v.rows)
  code.i32(blockRows)
  code.op(ops['i32.le_u'])
  code.op(ops.select)
  code.tee(each)
  code.i32(1)
  code.op(ops['i32.sub'])
  code.get(v.jr)
  code.op(ops['i32.and'])
  code.get(v.inPlace)
  code.op(ops['i32.or'])
  code.op(ops['i32.eqz'])
  code.if()
  code.get(v.scratch)
  code.i32(tileBytes + leftBytes)
  code.op(ops['i32.add'])
  code.set(v.right)
  code.get(v.ic)
  code.op(ops['i32.eqz'])
  code.if()
  code.get(v.right)
  code.get(v.rightStart)
  addProduct(code, v.jr, v.bColumn)
  code.get(v.bRow)
  code.get(v.bColumn)
  code.get(v.kc)
  code.get(v.nc)
  code.get(v.jr)
  code.op(ops['i32.sub'])
  code.tee(count)
  code.get(each)
  code.get(count)
  code.get(each)
  code.op(ops['i32.lt_u'])
  code.op(ops.select)
  code.call(parts.pack)
  code.end()
  code.end()
}

/** Copies a block of the left matrix so that its elements along the inner axis are neighbours. */
const writePackLeft = (
  f: FunctionBuilder,
  shape: ElementShape,
  parts: ProductParts,
  v: Record<'left' | 'leftStride' | 'scratch' | 'aRow' | 'aColumn' | 'mc' | 'kc', number>,
): void => {
  const code = f.code
  const from = f.local('i32')
  code.get(v.left)
  code.set(from)
  code.get(v.scratch)
  code.i32(tileBytes)
  code.op(ops['i32.add'])
  code.set(v.left)
  // A little more than the depth, so that rows do not fall on the same cache sets.
  code.get(v.kc)
  code.i32(4)
  code.op(ops['i32.add'])
  code.i32(shape.size)
  code.op(ops['i32.mul'])
  code.set(v.leftStride)
  const general = (): void => {
    code.get(v.left)
    code.get(v.leftStride)
    code.get(from)
    code.get(v.aRow)
    code.get(v.aColumn)
    code.get(v.mc)
    code.get(v.kc)
    code.call(parts.gather)
  }
  if (parts.transpose === undefined) {
    general()
    return
  }
  code.get(v.aRow)
  code.i32(shape.size)
  code.op(ops['i32.eq'])
  code.if()
  code.get(v.left)
  code.get(v.leftStride)
  code.get(from)
  code.get(v.aColumn)
  code.get(v.mc)
  code.get(v.kc)
  code.call(parts.transpose)
  code.else()
  general()
  code.end()
}

/** Moves the columns of an edge tile that exist into the result. */
const writeEdge = (
  f: FunctionBuilder,
  shape: ElementShape,
  v: Record<'out' | 'cRow' | 'scratch' | 'mc' | 'w' | 'pc' | 'i' | 'j' | 'p' | 'q', number>,
): void => {
  const code = f.code
  upTo(code, v.i, v.mc, 1, () => {
    code.get(v.out)
    addProduct(code, v.i, v.cRow)
    code.set(v.p)
    code.get(v.scratch)
    code.get(v.i)
    code.i32(panelBytes)
    code.op(ops['i32.mul'])
    code.op(ops['i32.add'])
    code.set(v.q)
    const copy = (add: boolean): void =>
      upTo(code, v.j, v.w, 1, () => {
        code.get(v.p)
        code.get(v.q)
        code.memory(shape.scalarLoad, 0)
        if (add) {
          code.get(v.p)
          code.memory(shape.scalarLoad, 0)
          code.op(shape.scalarAdd)
        }
        code.memory(shape.scalarStore, 0)
        increase(code, v.p, shape.size)
        increase(code, v.q, shape.size)
      })
    code.get(v.pc)
    code.if()
    copy(true)
    code.else()
    copy(false)
    code.end()
  })
}
