/** Matrix products: blocked drivers over the inner kernels, in modules that all programs share. */
import type { ContractionKernel } from '../../compiler/kernel.js'
import { type FunctionBuilder, type FunctionImport, type MemoryType, ModuleBuilder } from './assembler.js'
import {
  type ContractionElement,
  contractionElement,
  elementShape,
  elementSize,
  i32,
  panelBytes,
} from './contraction-code.js'
import { writeGather, writePack, writeTranspose } from './contraction-pack.js'
import { type ProductParts, contractionScratchBytes } from './contraction-blocks.js'
import { writeProduct } from './contraction-product.js'
import { streamRows, writeManyDots, writeManyStreams } from './contraction-vector.js'
import { writeDots, writePanel, writeStream } from './contraction-panel.js'

const productParameters = 15

/** Names of the functions for one element type. */
const names = (element: ContractionElement): { product: string; dots: string; stream: string; gather: string } => ({
  product: `product_${element}`,
  dots: `dots_${element}`,
  stream: `stream_${element}`,
  gather: `gather_${element}`,
})

/** A module of products: of one element type, of two matrices or of a matrix and a vector. Most programs need one of them. */
export interface ProductModule {
  readonly element: ContractionElement
  readonly kind: 'matrix' | 'vector'
}

/** All modules of products. */
export const productModules: readonly ProductModule[] = (['f32', 'f64', 'i32'] as const).flatMap((element) => [
  { element, kind: 'matrix' } as const,
  { element, kind: 'vector' } as const,
])

/** The module of a function, by its name. */
export const moduleOf = (name: string): ProductModule | undefined =>
  productModules.find(
    ({ element, kind }) => name.endsWith(`_${element}`) && (kind === 'matrix') === (name === names(element).product),
  )

/** Writes a module of products; `fuses` says whether multiplications and additions are one instruction. */
export const contractionModule = ({ element, kind }: ProductModule, memory: MemoryType, fuses: boolean): Uint8Array => {
  const module = new ModuleBuilder(memory)
  const shape = elementShape(element, fuses)
  const name = names(element)
  const make = (suffix: string, count: number, write: (f: FunctionBuilder) => void): FunctionBuilder => {
    const f = module.function(suffix, i32(count), [])
    write(f)
    return f
  }
  const gather = make(name.gather, 7, (f) => writeGather(f, shape))
  if (kind === 'vector') {
    const dots = make(`rows_${element}`, 6, (f) => writeDots(f, shape))
    const many = make(`stream${streamRows}_${element}`, 5, (f) => writeStream(f, shape, streamRows))
    const one = make(`stream1_${element}`, 5, (f) => writeStream(f, shape, 1))
    module.export(make(name.dots, 6, (f) => writeManyDots(f, shape, dots.index)))
    module.export(make(name.stream, 6, (f) => writeManyStreams(f, shape, many.index, one.index)))
    module.export(gather)
    return module.bytes()
  }
  const transpose =
    shape.size === 4 ? make(`transpose_${element}`, 6, (f) => writeTranspose(f, gather.index)) : undefined
  const parts: ProductParts = {
    panel: make(`panel_${element}`, 9, (f) => writePanel(f, shape, true)).index,
    panelInPlace: make(`panelInPlace_${element}`, 9, (f) => writePanel(f, shape, false)).index,
    pack: make(`pack_${element}`, 6, (f) => writePack(f, shape, gather.index, transpose?.index)).index,
    gather: gather.index,
    transpose: transpose?.index,
  }
  module.export(make(name.product, productParameters, (f) => writeProduct(f, shape, parts)))
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

/** Right matrices up to this many elements are read in place, when their rows are contiguous and a panel stays in the cache. */
const inPlaceElements = 96 * 96
/** Larger ones for so many rows of the left matrix, fewer where the rows of the right one begin on the same few cache sets. */
const inPlaceRows = 16
const crowdedRows = 8
const crowdedBytes = 2048
/** A first-level cache: bytes that a way spans, and the ways of it that a panel may take. */
const wayBytes = 4096
const panelWays = 6

/** Whether a line of each of so many rows, at this stride in bytes, stay together in the first-level cache. */
const stayCached = (rows: number, stride: number): boolean => {
  let [step, rest] = [wayBytes, Math.abs(stride) % wayBytes]
  while (rest !== 0) [step, rest] = [rest, step % rest]
  return rows * Math.max(step, panelBytes) <= panelWays * wayBytes
}

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
  const stride = right.rowStride * elementSize(element)
  const isSmall = columns * inner <= inPlaceElements && stayCached(inner, stride)
  const few = stride % crowdedBytes === 0 ? crowdedRows : inPlaceRows
  return { kind: 'product', element, inPlace: contiguous && (rows <= few || isSmall) }
}

/** Functions of the shared modules that a contraction calls. */
export const contractionImports = (plan: ContractionPlan): readonly FunctionImport[] => {
  const name = names(plan.element)
  if (plan.kind === 'product') return [{ name: name.product, params: i32(productParameters), results: [] }]
  const call = { name: plan.kind === 'dots' ? name.dots : name.stream, params: i32(6), results: [] }
  return plan.vectorStride === 1 ? [call] : [call, { name: name.gather, params: i32(7), results: [] }]
}
