/** Reductions that the threads of a workgroup share: each combines some elements, then they combine with each other in a tree. */
import { type DType, type Expression, type CombineOp, dtypeRange, e, isFloating, known } from '../../core/index.js'
import { type Statement, expressionsOf, mapExpressions } from '../../compiler/index.js'
import { isLinearOp, linear, normalizer } from '../../compiler/affine.js'
import type { BodyPrinter } from './body.js'
import { valueType } from './layout.js'
import { type ScalarContext, constantText, operationText } from './scalar.js'
import type { Loop } from './schedule.js'
import type { ShaderBuilder } from './shader.js'
import { type Selection, selectionOf, takes } from './selection.js'

const isReduce = (s: Statement | undefined): s is Loop => s?.kind === 'for' && s.order === 'reduce'
const isSequential = (s: Statement | undefined): s is Loop => s?.kind === 'for' && s.order === 'sequential'

/** A nest of loops over combinations, or over a choice of the best element. */
export interface Reduction {
  readonly loops: readonly Loop[]
  readonly body: readonly Statement[]
  readonly size: number
  readonly selection: Selection | undefined
}

/** The value that changes nothing when it is combined. */
export const neutral = (op: CombineOp, dtype: DType): number => {
  const { min, max } = dtypeRange(dtype)
  switch (op) {
    case 'add':
    case 'or':
    case 'xor':
      return 0
    case 'mul':
      return 1
    case 'min':
      return isFloating(dtype) ? Infinity : max
    case 'max':
      return isFloating(dtype) ? -Infinity : min
    case 'and':
      return dtype === 'bool' ? 1 : dtype === 'uint32' ? max : -1
  }
}

/**
 * Sums in blocks (a loop over blocks, in each of which a part is summed, then added) as one nest: a tree of threads has
 * short sums by itself.
 */
const withoutBlocks = (loop: Loop): Loop => {
  const [nest, ...others] = loop.body.filter((s) => s.kind === 'for')
  if (!isReduce(nest) || others.length > 0) return loop
  const at = loop.body.indexOf(nest)
  const parts = new Map<Expression, Expression>()
  for (const s of loop.body.slice(at + 1)) {
    if (s.kind !== 'combine' || s.value.op !== 'variable') return loop
    parts.set(s.value, s.local)
  }
  for (const s of loop.body.slice(0, at)) if (s.kind !== 'define' || !parts.has(s.local)) return loop
  if (parts.size === 0) return loop
  let fits = true
  const redirect = (list: readonly Statement[]): readonly Statement[] =>
    list.map((s): Statement => {
      if (s.kind === 'for') return { ...s, body: redirect(s.body) }
      if (s.kind !== 'combine') {
        fits &&= s.kind === 'define'
        return s
      }
      return { ...s, local: parts.get(s.local) ?? s.local }
    })
  const body = redirect([withoutBlocks(nest)])
  return fits ? { ...loop, body } : loop
}

/** Whether an expression has the two variables only in sums where `inner` counts on from one step of `outer` to the next. */
const areOneIn = (list: readonly Statement[], outer: Loop, inner: Loop): boolean => {
  const seen = new Set<Expression>()
  const visit = (x: Expression): boolean => {
    if (seen.has(x)) return true
    seen.add(x)
    if (!isLinearOp(x)) return x.args.every(visit)
    const { terms } = linear(x)
    const [step, within] = [outer, inner].map(({ variable }) => terms.get(variable) ?? 0)
    return step === (within ?? 0) * inner.extent && [...terms.keys()].every((atom) => atom.args.every(visit))
  }
  const walk = (statements: readonly Statement[]): boolean =>
    statements.every((s) => expressionsOf(s).every(visit) && (!('body' in s) || walk(s.body)))
  return walk(list)
}

/** Nested loops that walk through neighbouring elements as one loop: threads find their places in it without divisions. */
const merged = (loops: readonly Loop[], body: readonly Statement[]): Pick<Reduction, 'loops' | 'body'> => {
  for (let d = loops.length - 1; d > 0; d--) {
    const [outer, inner] = [known(loops[d - 1], 'outer loop'), known(loops[d], 'inner loop')]
    if (!areOneIn(body, outer, inner)) continue
    const extent = outer.extent * inner.extent
    const variable = e.variable('int32', extent)
    const rename = normalizer().renaming(
      new Map([
        [outer.variable, e.index(0)],
        [inner.variable, variable],
      ]),
    )
    const one: Loop = { ...inner, variable, extent }
    return merged(
      [...loops.slice(0, d - 1), one, ...loops.slice(d + 1)],
      body.map((s) => mapExpressions(s, rename)),
    )
  }
  return { loops, body }
}

/** A loop as a reduction that can be shared: loops, then nothing but definitions, combinations and loops inside. */
export const reductionOf = (s: Statement): Reduction | undefined => {
  if (isSequential(s)) return selecting(s)
  if (!isReduce(s)) return undefined
  let loop = withoutBlocks(s)
  const loops = [loop]
  for (;;) {
    const [inner] = loop.body
    if (loop.body.length !== 1 || !isReduce(inner)) break
    loop = inner
    loops.push(loop)
  }
  return { ...merged(loops, loop.body), size: sizeOfLoops(loops), selection: undefined }
}

const sizeOfLoops = (loops: readonly Loop[]): number => loops.reduce((size, { extent }) => size * extent, 1)

const selecting = (s: Loop): Reduction | undefined => {
  const loops = [s]
  for (;;) {
    const [inner, ...others] = known(loops.at(-1), 'loop').body
    if (others.length > 0) return undefined
    if (isSequential(inner)) loops.push(inner)
    else if (inner?.kind !== 'assignAll') return undefined
    else {
      const selection = selectionOf(
        inner,
        loops.map(({ variable }) => variable),
      )
      return selection === undefined ? undefined : { loops, body: [inner], size: sizeOfLoops(loops), selection }
    }
  }
}

/** Locals that statements combine into. */
export const accumulators = (
  list: readonly Statement[],
  into = new Map<Expression, CombineOp>(),
): Map<Expression, CombineOp> => {
  const own = new Set(list.flatMap((s) => (s.kind === 'define' ? [s.local] : [])))
  for (const s of list) {
    if (s.kind === 'combine' && !own.has(s.local)) into.set(s.local, s.op)
    else if (s.kind === 'for' || s.kind === 'if')
      for (const [local, op] of accumulators(s.body)) if (!own.has(local)) into.set(local, op)
  }
  return into
}

/** Names of the shared arrays, and their declarations. */
export class SharedMemory {
  readonly declarations: string[] = []
  private readonly names = new Map<string, string>()
  private readonly size: number

  constructor(size: number) {
    this.size = size
  }

  /** An array of that type; of several, the one numbered so. */
  array(type: string, number = 0): string {
    const key = `${type}${number === 0 ? '' : number}`
    let name = this.names.get(key)
    if (name === undefined) {
      this.names.set(key, (name = `shared_${key}`))
      this.declarations.push(`var<workgroup> ${name}: array<${type}, ${this.size}>;`)
    }
    return name
  }
}

/** A value combined over the threads that run together; undefined where there is no operation for it. */
const subgroupText = (op: CombineOp, dtype: DType, x: string, context: ScalarContext): string | undefined => {
  const type = valueType(dtype)
  if (type === 'bool')
    return op === 'or' || op === 'max'
      ? `subgroupAny(${x})`
      : op === 'and' || op === 'min'
        ? `subgroupAll(${x})`
        : undefined
  const name = `${op[0]?.toUpperCase() ?? ''}${op.slice(1)}`
  if (type !== 'f32' || op === 'add' || op === 'mul') return `subgroup${name}(${x})`
  // What these make of NaN is not said.
  const isNan = `${context.helper('is_nan')}(${x})`
  const least = context.special(op === 'max' ? -Infinity : Infinity)
  return `select(subgroup${name}(select(${x}, ${least}, ${isNan})), ${context.special(NaN)}, subgroupAny(${isNan}))`
}

/** Steps that a thread takes in one turn of its loop where they are short: it waits for what they load at once. */
const lapsTogether = 4
const shortBody = 16
/** Floats that a thread adds one after the other: longer sums are made of such ones, so that rounding errors stay small. */
const longestSum = 1024

const isShort = (body: readonly Statement[]): boolean =>
  body.every((s) => s.kind === 'combine' || s.kind === 'define') &&
  e.topological(body.flatMap((s) => [...expressionsOf(s)])).length <= shortBody

/** Prints a reduction for the `size` threads of a workgroup; afterwards all of them know the results. */
export const printReduction = (
  printer: BodyPrinter,
  { loops, body, size: elements, selection }: Reduction,
  size: number,
  shared: SharedMemory,
  context: ScalarContext,
  /** Where the GPU has subgroups, the shader, which must be told that it uses them. */
  shader: ShaderBuilder | undefined,
): void => {
  const combine = (op: CombineOp, dtype: DType, a: string, b: string): string =>
    operationText(e.binary(op, e.variable(dtype), e.variable(dtype)), [a, b], context)
  const results = [...accumulators(body)]
  const subgroups = shader !== undefined && results.every(([local, op]) => subgroupText(op, local.dtype, '', context))
  if (results.length > 0) {
    printer.block('if (lane != 0u)', () => {
      for (const [local, op] of results)
        printer.line(`${printer.nameOf(local)} = ${constantText(neutral(op, local.dtype), local.dtype, context)};`)
    })
    printer.forget(new Set(results.map(([local]) => local)))
  }
  const at = printer.fresh('t')
  const step = (place: string): void => {
    let rest = place
    for (let d = loops.length - 1; d >= 0; d--) {
      const { variable, extent } = known(loops[d], 'loop')
      const name = printer.name(variable, 'i')
      printer.line(`let ${name} = i32(${d === 0 ? rest : `${rest} % ${extent}u`});`)
      if (d === 0) break
      printer.line(`let ${name}_rest = ${rest} / ${extent}u;`)
      rest = `${name}_rest`
    }
    printer.statements(body)
  }
  const laps = isShort(body) && elements % (size * lapsTogether) === 0 ? lapsTogether : 1
  const walk = (from: string, to: string): void =>
    printer.block(`for (var ${at} = ${from}; ${at} < ${to}; ${at} += ${size * laps}u)`, () => {
      if (laps === 1) step(at)
      else for (let k = 0; k < laps; k++) printer.block('', () => step(k === 0 ? at : `(${at} + ${k * size}u)`))
    })
  const block = size * longestSum
  const sums = results.filter(([local, op]) => op === 'add' && isFloating(local.dtype))
  if (elements > block && sums.length > 0) {
    const start = printer.fresh('t')
    printer.block(`for (var ${start} = 0u; ${start} < ${elements}u; ${start} += ${block}u)`, () => {
      const before = sums.map(([local]) => {
        const name = printer.fresh('sum')
        printer.line(`let ${name} = ${printer.nameOf(local)};`)
        printer.line(`${printer.nameOf(local)} = 0f;`)
        return name
      })
      walk(
        `${start} + lane`,
        elements % block === 0 ? `${start} + ${block}u` : `min(${start} + ${block}u, ${elements}u)`,
      )
      sums.forEach(([local], k) => printer.line(`${printer.nameOf(local)} += ${known(before[k], 'sum before')};`))
    })
    printer.forget(new Set(sums.map(([local]) => local)))
  } else walk('lane', `${elements}u`)
  if (selection !== undefined) return printSelection(printer, selection, size, shared)
  const [rank, together] = [printer.fresh('rank'), printer.fresh('lanes')]
  if (subgroups && results.length > 0) {
    shader?.extensions.add('subgroups')
    printer.line(`let ${rank} = subgroupExclusiveAdd(1u);`)
    printer.line(`let ${together} = subgroupAdd(1u);`)
  }
  for (const [local, op] of results) {
    const array = shared.array(valueType(local.dtype))
    const name = printer.nameOf(local)
    if (subgroups) {
      // Which threads run together is not known: each group leaves its result at the place of one of them, and then each
      // takes them all, by whatever numbers it gives its own.
      const zero = constantText(neutral(op, local.dtype), local.dtype, context)
      const whole = `${name} = ${subgroupText(op, local.dtype, name, context) ?? name};`
      printer.line(whole)
      printer.line(`${array}[lane] = select(${zero}, ${name}, ${rank} == 0u);`)
      printer.line('workgroupBarrier();')
      printer.line(`${name} = ${zero};`)
      const place = printer.fresh('t')
      printer.block(`for (var ${place} = ${rank}; ${place} < ${size}u; ${place} += ${together})`, () =>
        printer.line(`${name} = ${combine(op, local.dtype, name, `${array}[${place}]`)};`),
      )
      printer.line(whole)
      printer.line('workgroupBarrier();')
      continue
    }
    printer.line(`${array}[lane] = ${name};`)
    printer.line('workgroupBarrier();')
    const step = printer.fresh('t')
    printer.block(`for (var ${step} = ${size / 2}u; ${step} > 0u; ${step} >>= 1u)`, () => {
      const joined = combine(op, local.dtype, `${array}[lane]`, `${array}[lane + ${step}]`)
      printer.line(`if (lane < ${step}) { ${array}[lane] = ${joined}; }`)
      printer.line('workgroupBarrier();')
    })
    printer.line(`${name} = ${array}[0];`)
    printer.line('workgroupBarrier();')
  }
  printer.forget(new Set(results.map(([local]) => local)))
}

/** The best of what the threads have found, in all of them. */
const printSelection = (printer: BodyPrinter, selection: Selection, size: number, shared: SharedMemory): void => {
  const { locals } = selection
  const arrays = locals.map(({ dtype }, k) => shared.array(valueType(dtype), k))
  const array = (k: number): string => known(arrays[k], 'shared array')
  locals.forEach((local, k) => printer.line(`${array(k)}[lane] = ${printer.nameOf(local)};`))
  printer.line('workgroupBarrier();')
  const step = printer.fresh('t')
  printer.block(`for (var ${step} = ${size / 2}u; ${step} > 0u; ${step} >>= 1u)`, () => {
    printer.block(`if (lane < ${step})`, () => {
      const read = (at: string): Expression[] =>
        locals.map(({ dtype }, k) => {
          const variable = e.variable(dtype)
          printer.line(`let ${printer.name(variable, 's')} = ${array(k)}[${at}];`)
          return variable
        })
      const kept = read('lane')
      const offered = read(`lane + ${step}`)
      printer.block(`if (${printer.text(takes(selection, kept, offered))})`, () =>
        offered.forEach((value, k) => printer.line(`${array(k)}[lane] = ${printer.nameOf(value)};`)),
      )
    })
    printer.line('workgroupBarrier();')
  })
  locals.forEach((local, k) => printer.line(`${printer.nameOf(local)} = ${array(k)}[0];`))
  printer.line('workgroupBarrier();')
  printer.forget(new Set(locals))
}
