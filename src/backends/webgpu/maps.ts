/** Elementwise kernels as functions of an element's place, so that a matrix product computes its operands and finishes its results itself. */
import { type Expression, known } from '../../core/index.js'
import { type Buffer, type LoopKernel, type Statement, expressionsOf } from '../../compiler/index.js'
import { linear } from '../../compiler/affine.js'
import { BodyPrinter } from './body.js'
import { valueType } from './layout.js'
import type { ShaderBuilder } from './shader.js'

type Store = Extract<Statement, { readonly kind: 'store' }>

/** A nest of parallel loops around stores, with nothing between them but definitions. */
export interface ElementMap {
  readonly variables: readonly Expression[]
  /** Statements of all loops, outermost first; stores come last. */
  readonly body: readonly Statement[]
  readonly stores: readonly Store[]
  readonly reads: ReadonlySet<Buffer>
}

/** The kernel as such a nest, if it is one. */
export const mapOf = (kernel: LoopKernel): ElementMap | undefined => {
  const variables: Expression[] = []
  const body: Statement[] = []
  let list = kernel.body
  for (;;) {
    const loop = list.at(-1)
    const before = loop?.kind === 'for' ? list.slice(0, -1) : list
    if (loop?.kind === 'for') {
      if (loop.order !== 'parallel' || before.some((s) => s.kind !== 'define')) return undefined
      variables.push(loop.variable)
      body.push(...before)
      list = loop.body
      continue
    }
    if (!before.every((s) => s.kind === 'define' || s.kind === 'store')) return undefined
    body.push(...before)
    const stores = body.filter((s): s is Store => s.kind === 'store')
    return { variables, body, stores, reads: new Set(kernel.reads) }
  }
}

/** A size and the step from one to the next in a flat index. */
export interface Axis {
  readonly size: number
  readonly stride: number
}

/** A loop variable as part of one axis, or of the flat index: `axis / divisor % size`, without a remainder where it is the whole rest. */
interface Digit {
  readonly axis: number | 'flat'
  readonly divisor: number
  readonly size: number
  readonly last: boolean
}

/** Where a map's variables are found in the axes of a matrix. */
export interface Place {
  readonly digits: ReadonlyMap<Expression, Digit>
  readonly axes: readonly Axis[]
}

/**
 * Reads a flat index over all elements of an array backwards: each variable from the axes by which the same flat index is
 * made. Undefined unless the variables, and the axes, count every element once.
 */
export const placeOf = (
  index: Expression,
  variables: readonly Expression[],
  size: number,
  axes: readonly Axis[],
): Place | undefined => {
  const { constant, terms } = linear(index)
  if (constant !== 0 || [...terms.keys()].some((atom) => !variables.includes(atom))) return undefined
  const parts = variables
    .map((variable) => ({ variable, stride: terms.get(variable) ?? 0, size: variable.extent ?? 1 }))
    .sort((a, b) => a.stride - b.stride)
  let reach = 1
  for (const part of parts) {
    if (part.stride !== reach) return undefined
    reach *= part.size
  }
  if (reach !== size) return undefined
  const sorted = axes.map((axis, i) => ({ ...axis, i })).filter((axis) => axis.size > 1)
  sorted.sort((a, b) => a.stride - b.stride)
  reach = 1
  for (const axis of sorted) {
    if (axis.stride !== reach) return undefined
    reach *= axis.size
  }
  if (reach !== size) return undefined
  const digits = new Map<Expression, Digit>()
  for (const { variable, stride, size: extent } of parts) {
    const axis = sorted.find((a) => stride >= a.stride && stride * extent <= a.stride * a.size)
    if (axis === undefined || stride % axis.stride !== 0) {
      digits.set(variable, { axis: 'flat', divisor: stride, size: extent, last: stride * extent === size })
      continue
    }
    const last = stride * extent === axis.stride * axis.size
    digits.set(variable, { axis: axis.i, divisor: stride / axis.stride, size: extent, last })
  }
  return { digits, axes }
}

const digitText = ({ divisor, size, last }: Digit, axis: string): string => {
  const rest = divisor === 1 ? axis : `${axis} / ${divisor}`
  return last ? rest : divisor === 1 ? `${axis} % ${size}` : `(${rest}) % ${size}`
}

/** Prints what a function needs before its own lines: the map's variables from the function's parameters. */
const variableLines = (printer: BodyPrinter, { digits, axes }: Place, parameters: readonly string[]): void => {
  if ([...digits.values()].some(({ axis }) => axis === 'flat')) {
    const terms = axes.flatMap(({ size, stride }, i) =>
      size === 1
        ? []
        : [stride === 1 ? known(parameters[i], 'parameter') : `${known(parameters[i], 'parameter')} * ${stride}`],
    )
    printer.line(`let flat = ${terms.length === 0 ? '0' : terms.join(' + ')};`)
  }
  for (const [variable, digit] of digits) {
    const from = digit.axis === 'flat' ? 'flat' : known(parameters[digit.axis], 'parameter')
    const name = printer.name(variable, 'i')
    printer.line(`let ${name} = ${digitText(digit, from)};`)
  }
}

/** An operand that is computed where it is read. */
export interface Source {
  readonly map: ElementMap
  readonly store: Store
  readonly place: Place
}

/** What is done with each result instead of storing it. */
export interface Finish {
  readonly map: ElementMap
  /** Loads of the result in the map. */
  readonly result: Buffer
  readonly place: Place
}

const parameterList = (names: readonly string[]): string => names.map((name) => `${name}: i32`).join(', ')

/** A function from the place of an element to its value. */
export const sourceFunction = (
  shader: ShaderBuilder,
  name: string,
  { map, store, place }: Source,
  parameters: readonly string[],
): string => {
  // Definitions that only other stores use are left to the compilers of WGSL.
  const body = [...map.body.filter((s) => s.kind !== 'store'), store]
  const printer = new BodyPrinter(shader, body)
  variableLines(printer, place, parameters)
  printer.statements(map.body.filter((s) => s.kind !== 'store'))
  const value = printer.text(store.value)
  const lines = [...printer.lines, `return ${value};`].map((line) => `  ${line}`)
  return [`fn ${name}(${parameterList(parameters)}) -> ${valueType(store.buffer.dtype)} {`, ...lines, '}'].join('\n')
}

/** A function that takes a result and its place, and stores what becomes of it. */
export const finishFunction = (
  shader: ShaderBuilder,
  name: string,
  { map, result, place }: Finish,
  parameters: readonly string[],
): string => {
  const printer = new BodyPrinter(shader, map.body)
  printer.replaceLoads(result, 'value')
  variableLines(printer, place, parameters)
  printer.statements(map.body)
  const head = `fn ${name}(${parameterList(parameters)}, value: ${valueType(result.dtype)}) {`
  return [head, ...printer.lines.map((line) => `  ${line}`), '}'].join('\n')
}

/** Indices at which a map reads an array, each once. */
export const indicesOf = (map: ElementMap, buffer: Buffer): Expression[] => {
  const found = new Set<Expression>()
  const seen = new Set<Expression>()
  const visit = (x: Expression): void => {
    if (seen.has(x)) return
    seen.add(x)
    if (x.op === 'load' && x.source === buffer && x.args[0] !== undefined) found.add(x.args[0])
    x.args.forEach(visit)
  }
  for (const s of map.body) expressionsOf(s).forEach(visit)
  return [...found]
}

/** Arrays that expressions load from. */
export const loadedBy = (roots: readonly Expression[], into = new Set<Buffer>()): Set<Buffer> => {
  const seen = new Set<Expression>()
  const visit = (x: Expression): void => {
    if (seen.has(x)) return
    seen.add(x)
    if (x.op === 'load') into.add(x.source as Buffer)
    x.args.forEach(visit)
  }
  roots.forEach(visit)
  return into
}
