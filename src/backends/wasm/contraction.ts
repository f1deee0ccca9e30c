/** Matrix products: blocked drivers over the inner kernels, in one module that all programs share. */
import type { ContractionKernel } from '../../compiler/kernel.js'
import { type FunctionBuilder, type FunctionImport, type MemoryType, ModuleBuilder } from './assembler.js'
import {
  type ContractionElement,
  type ElementShape,
  addProduct,
  contractionElement,
  elementShapes,
  i32,
  increase,
  increaseBy,
  panelBytes,
  restUpTo,
  upTo,
} from './contraction-code.js'
import { writeGather, writePack, writeTranspose } from './contraction-pack.js'
import { writeDots, writePanel, writeStream } from './contraction-panel.js'
import { ops } from './opcodes.js'

/** Rows, depth and columns of a block: 120 x 256 of the left and 256 x 512 of the right stay in a 1 MB cache. */
const blockRows = 120
const blockInner = 256
const blockColumns = 512

/** Columns of y that stay in the first-level cache while the rows of a matrix stream through it. */
const streamBytes = 16384
const streamRows = 8

const tileBytes = blockRows * panelBytes
const leftBytes = blockRows * (blockInner + 8) * 8
const rightBytes = blockInner * (blockColumns + 16) * 8

/** Bytes that a product needs for packed blocks and edge tiles. */
export const contractionScratchBytes = tileBytes + leftBytes + rightBytes

/** Names of the functions for one element type. */
const names = (element: ContractionElement): { product: string; dots: string; stream: string; gather: string } => ({
  product: `product_${element}`,
  dots: `dots_${element}`,
  stream: `stream_${element}`,
  gather: `gather_${element}`,
})

interface Parts {
  readonly panel: number
  readonly panelInPlace: number
  readonly pack: number
  readonly gather: number
  readonly transpose: number | undefined
}

/**
 * `c = a b` with c contiguous; `inPlace` says that b is read where it is (its elements along a row are neighbours).
 * Parameters: a, b, c, rows, columns, inner, then strides in bytes of a (rows, columns) and b, inPlace, scratch.
 */
const writeProduct = (f: FunctionBuilder, shape: ElementShape, parts: Parts): void => {
  const [a, b, c, rows, columns, inner, aRow, aColumn, bRow, bColumn, inPlace, scratch] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
  ]
  const code = f.code
  const names32 = [
    'cRow',
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
  ] as const
  const v = Object.fromEntries(names32.map((name) => [name, f.local('i32')])) as Record<
    (typeof names32)[number],
    number
  >
  code.get(columns)
  code.i32(shape.size)
  code.op(ops['i32.mul'])
  code.set(v.cRow)
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
    code.i32(0)
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
    code.get(inPlace)
    code.op(ops['i32.eqz'])
    code.if()
    code.get(scratch)
    code.i32(tileBytes + leftBytes)
    code.op(ops['i32.add'])
    code.tee(v.right)
    code.get(v.rightStart)
    code.get(bRow)
    code.get(bColumn)
    code.get(v.kc)
    code.get(v.nc)
    code.call(parts.pack)
    code.get(v.right)
    code.set(v.rightStart)
    code.end()
    upTo(code, v.ic, rows, blockRows, () => {
      restUpTo(code, v.mc, rows, v.ic, blockRows)
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
        code.get(c)
        addProduct(code, v.ic, v.cRow)
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
          else code.get(v.cRow)
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
        writeEdge(f, shape, { ...v, scratch })
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

/** Copies a block of the left matrix so that its elements along the inner axis are neighbours. */
const writePackLeft = (
  f: FunctionBuilder,
  shape: ElementShape,
  parts: Parts,
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

/** Calls the row kernel for a few rows at a time. Parameters: matrix, vector, y, rows, inner, row stride in bytes. */
const writeManyDots = (f: FunctionBuilder, shape: ElementShape, dots: number): void => {
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
const writeManyStreams = (f: FunctionBuilder, shape: ElementShape, eight: number, one: number): void => {
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
      code.block()
      code.loop()
      code.get(k)
      code.i32(height)
      code.op(ops['i32.lt_u'])
      code.brIf(1)
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
      code.br(0)
      code.end()
      code.end()
    }
  })
}

/** The module of products, for all element types. */
export const contractionModule = (memory: MemoryType): Uint8Array => {
  const module = new ModuleBuilder(memory)
  for (const shape of Object.values(elementShapes)) {
    const name = names(shape.type)
    const make = (suffix: string, count: number, write: (f: FunctionBuilder) => void): FunctionBuilder => {
      const f = module.function(suffix, i32(count), [])
      write(f)
      return f
    }
    const gather = make(name.gather, 7, (f) => writeGather(f, shape))
    const transpose =
      shape.size === 4 ? make(`transpose_${shape.type}`, 6, (f) => writeTranspose(f, gather.index)) : undefined
    const pack = make(`pack_${shape.type}`, 6, (f) => writePack(f, shape, gather.index, transpose?.index))
    const panel = make(`panel_${shape.type}`, 9, (f) => writePanel(f, shape, true))
    const panelInPlace = make(`panelInPlace_${shape.type}`, 9, (f) => writePanel(f, shape, false))
    const parts: Parts = {
      panel: panel.index,
      panelInPlace: panelInPlace.index,
      pack: pack.index,
      gather: gather.index,
      transpose: transpose?.index,
    }
    const dots = make(`rows_${shape.type}`, 6, (f) => writeDots(f, shape))
    const streams = [streamRows, 1].map((height) =>
      make(`stream${height}_${shape.type}`, 5, (f) => writeStream(f, shape, height)),
    )
    module.export(make(name.product, 12, (f) => writeProduct(f, shape, parts)))
    module.export(make(name.dots, 6, (f) => writeManyDots(f, shape, dots.index)))
    module.export(
      make(name.stream, 6, (f) => writeManyStreams(f, shape, streams[0]?.index ?? 0, streams[1]?.index ?? 0)),
    )
    module.export(gather)
  }
  return module.bytes()
}

/** One way to compute a contraction, chosen for its sizes and strides; sizes are elements. */
export type ContractionPlan =
  | { readonly kind: 'product'; readonly element: ContractionElement; readonly inPlace: boolean }
  /** Matrix (left or right) times vector (the other one), rows of the matrix contiguous along the inner axis or across it. */
  | {
      readonly kind: 'dots' | 'stream'
      readonly element: ContractionElement
      readonly matrix: 'left' | 'right'
      readonly size: number
      readonly stride: number
      readonly vectorStride: number
    }

/** Right matrices up to this many elements are read in place, when their rows are contiguous. */
const inPlaceElements = 96 * 96
const inPlaceRows = 8

export const planContraction = (kernel: ContractionKernel): ContractionPlan => {
  const { rows, columns, inner, left, right } = kernel
  const element = contractionElement(kernel.out.dtype)
  const fits = (stride: number): boolean => stride === 1 || inner * 8 <= contractionScratchBytes
  if (columns === 1 && rows > 1 && fits(right.rowStride)) {
    const vectorStride = right.rowStride
    if (left.columnStride === 1 || inner === 1)
      return { kind: 'dots', element, matrix: 'left', size: rows, stride: left.rowStride, vectorStride }
    if (left.rowStride === 1)
      return { kind: 'stream', element, matrix: 'left', size: rows, stride: left.columnStride, vectorStride }
  }
  if (rows === 1 && fits(left.columnStride)) {
    const vectorStride = left.columnStride
    if (right.rowStride === 1 || inner === 1)
      return { kind: 'dots', element, matrix: 'right', size: columns, stride: right.columnStride, vectorStride }
    if (right.columnStride === 1 || columns === 1)
      return { kind: 'stream', element, matrix: 'right', size: columns, stride: right.rowStride, vectorStride }
  }
  const contiguous = right.columnStride === 1 || columns === 1
  return {
    kind: 'product',
    element,
    inPlace: contiguous && (rows <= inPlaceRows || columns * inner <= inPlaceElements),
  }
}

/** Functions of the shared module that a contraction calls. */
export const contractionImports = (plan: ContractionPlan): readonly FunctionImport[] => {
  const name = names(plan.element)
  if (plan.kind === 'product') return [{ name: name.product, params: i32(12), results: [] }]
  const call = { name: plan.kind === 'dots' ? name.dots : name.stream, params: i32(6), results: [] }
  return plan.vectorStride === 1 ? [call] : [call, { name: name.gather, params: i32(7), results: [] }]
}
