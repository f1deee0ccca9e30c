/** Blocks of a product: their sizes, when they are packed, and the edges of results. */
import type { FunctionBuilder } from './assembler.js'
import { type ElementShape, addProduct, increase, panelBytes, upTo } from './contraction-code.js'
import { panelsAtOnce } from './contraction-pack.js'
import { ops } from './opcodes.js'

/** Rows, depth and columns of a block: 120 x 256 of the left and 256 x 512 of the right stay in a 1 MB cache. */
export const blockRows = 120
export const blockInner = 256
export const blockColumns = 512

export const tileBytes = blockRows * panelBytes
export const leftBytes = blockRows * (blockInner + 8) * 8
const rightBytes = blockInner * (blockColumns + 16) * 8
/** Bytes of packed columns, for all of the inner axis, that leave room for rows in a 1 MB cache. */
export const wholeBytes = 1 << 19

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
 * Packs columns of the right matrix when the first of them are needed: all of the block where several blocks of rows read
 * them, few of them where there is one block of rows, so that a packed panel is read from the first-level cache.
 */
export const writePackRight = (
  f: FunctionBuilder,
  parts: ProductParts,
  v: Record<
    'bRow' | 'bColumn' | 'rows' | 'inPlace' | 'packed' | 'rightStart' | 'right' | 'jr' | 'nc' | 'ic' | 'kc',
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
  code.get(v.packed)
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
export const writePackLeft = (
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
export const writeEdge = (
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
