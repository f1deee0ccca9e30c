/** What all ways of computing a matrix product share: operands read or computed, sums split into parts, results stored or passed on. */
import type { DType } from '../../core/index.js'
import type { Buffer, ContractionKernel, MatrixView } from '../../compiler/index.js'
import { wordType } from './layout.js'
import { type Axis, type Finish, type Source, finishFunction, sourceFunction } from './maps.js'
import { type Memory, ShaderBuilder } from './shader.js'

/** A matrix product together with the elementwise kernels around it that became part of it. */
export interface Product {
  readonly kernel: ContractionKernel
  /** Operands that are computed where they are read. */
  readonly left: Source | undefined
  readonly right: Source | undefined
  /** What is done with the results. */
  readonly finish: Finish | undefined
}

export type Side = 'left' | 'right'

/** How an operand's elements are numbered. */
export const operandAxes = (
  { batch, rows, columns, inner }: ContractionKernel,
  view: MatrixView,
  side: Side,
): readonly Axis[] => [
  { size: batch, stride: view.batchStride },
  { size: side === 'left' ? rows : inner, stride: view.rowStride },
  { size: side === 'left' ? inner : columns, stride: view.columnStride },
]

/** How results are numbered. */
export const resultAxes = ({ batch, rows, columns }: ContractionKernel): readonly Axis[] => [
  { size: batch, stride: rows * columns },
  { size: rows, stride: columns },
  { size: columns, stride: 1 },
]

const parameters = ['batch', 'row', 'column']

/** Text of the index of an element of an operand. */
export const at = (view: MatrixView, batch: string, row: string, column: string): string => {
  const terms = [
    [batch, view.batchStride],
    [row, view.rowStride],
    [column, view.columnStride],
  ] as const
  const parts = terms.flatMap(([name, stride]) =>
    stride === 0 ? [] : stride === 1 ? [name] : [`${/^\w+$/.test(name) ? name : `(${name})`} * ${stride}`],
  )
  if (view.offset !== 0) parts.push(String(view.offset))
  return parts.length === 0 ? '0' : parts.join(' + ')
}

/** Lines that are done if the condition holds; always, if there is none. */
export const guarded = (condition: string | undefined, lines: readonly string[]): readonly string[] =>
  condition === undefined ? lines : [`if (${condition}) {`, ...lines.map((line) => `  ${line}`), '}']

export const zero = (dtype: DType): string => `${wordType(dtype)}(0)`

/** Prints one shader of a product, whose sum may be split into parts. */
export class ProductPrinter {
  readonly shader: ShaderBuilder
  readonly product: Product
  /** Where results go: the product's own array, or one of partial sums. */
  readonly out: Buffer
  readonly parts: number
  readonly partLength: number
  readonly type: string
  /** Functions of operands and results. */
  readonly declarations: string[] = []
  private readonly names = new Map<string, string>()

  constructor(product: Product, memory: Memory, partial: Buffer | undefined, parts: number, partLength: number) {
    const finish = partial === undefined ? product.finish : undefined
    const written = finish?.map.stores.map(({ buffer }) => buffer) ?? [partial ?? product.kernel.out]
    this.product = product
    this.shader = new ShaderBuilder(memory, written)
    this.out = partial ?? product.kernel.out
    this.parts = parts
    this.partLength = partLength
    this.type = wordType(product.kernel.out.dtype)
  }

  /** Which batch and part a workgroup or invocation is in, from a u32 index of both. */
  batchLines(index: string): string[] {
    const { parts, partLength } = this
    const { batch, inner } = this.product.kernel
    return [
      `let slab = i32(${index});`,
      `let batch = slab${parts === 1 ? '' : ` % ${batch}`};`,
      ...(parts === 1
        ? ['let start = 0;', `let end = ${inner};`]
        : [`let start = (slab / ${batch}) * ${partLength};`, `let end = min(start + ${partLength}, ${inner});`]),
    ]
  }

  /** Value of an element of an operand. */
  operand(side: Side, row: string, column: string): string {
    const { kernel } = this.product
    const source = this.product[side]
    if (source === undefined) return this.shader.load(kernel[side].buffer, at(kernel[side], 'batch', row, column))
    let name = this.names.get(side)
    if (name === undefined) {
      this.names.set(side, (name = `${side}_element`))
      this.declarations.push(sourceFunction(this.shader, name, source, parameters))
    }
    return `${name}(batch, ${row}, ${column})`
  }

  /** Whether four neighbours along an axis can be read as one vector: every position is a multiple of four. */
  hasVectors(side: Side, axis: 'rowStride' | 'columnStride', length: number): boolean {
    const { kernel } = this.product
    const view = kernel[side]
    const across = axis === 'rowStride' ? view.columnStride : view.rowStride
    return (
      length % 4 === 0 &&
      view[axis] === 1 &&
      !this.othersRead(side) &&
      [across, view.batchStride, view.offset, view.buffer.size].every((x) => x % 4 === 0) &&
      this.shader.beginsAtMultiples(view.buffer, 4)
    )
  }

  /** Whether the operand's array is not read by itself alone: all accesses of one binding are vectors, or none is. */
  private othersRead(side: Side): boolean {
    const { kernel, left, right, finish } = this.product
    const { buffer } = kernel[side]
    const other = kernel[side === 'left' ? 'right' : 'left'].buffer
    const maps = [left, right, finish].flatMap((user) => (user === undefined ? [] : [user.map]))
    return this.product[side] !== undefined || buffer === other || maps.some((map) => map.reads.has(buffer))
  }

  /** Four neighbours, the first of which is at a multiple of four. */
  vector(side: Side, row: string, column: string): string {
    const view = this.product.kernel[side]
    return this.shader.vector(view.buffer, `((${at(view, 'batch', row, column)}) >> 2u)`)
  }

  /** Statement that takes a result at `row`, `column`. */
  store(row: string, column: string, value: string): string {
    const { rows, columns } = this.product.kernel
    const { finish } = this.product
    if (finish === undefined || this.parts > 1)
      return this.shader.store(this.out, `(slab * ${rows} + ${row}) * ${columns} + ${column}`, value)
    return `${this.finish(finish)}(batch, ${row}, ${column}, ${value});`
  }

  private finish(finish: Finish): string {
    let name = this.names.get('finish')
    if (name === undefined) {
      this.names.set('finish', (name = 'finish_element'))
      this.declarations.push(finishFunction(this.shader, name, finish, parameters))
    }
    return name
  }
}
