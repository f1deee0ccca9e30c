/** Shaders: WGSL text with the arrays that it binds, put together from bodies. */
import { known } from '../../core/index.js'
import type { Buffer } from '../../compiler/index.js'
import { helperText } from './helpers.js'
import { perWord, wordType } from './layout.js'
import { packedFunctions } from './packing.js'

/** A multiple of a loop's trip number: where the slice of an array begins. Levels number the loops around a program. */
export interface Trip {
  readonly level: number
  readonly stride: number
}

/** Part of another array: what its indices begin with, up to the sign that adds the rest. */
export interface View {
  readonly buffer: Buffer
  readonly origin: string
}

/** How arrays lie in memory. */
export interface Memory {
  /** Arrays that are parts of others. */
  readonly views?: ReadonlyMap<Buffer, View>
  /** Arrays that begin inside others: slices of what a loop runs over. Those that are not in it begin at zero. */
  readonly bases: ReadonlyMap<Buffer, readonly Trip[]>
  /** Whether shaders may store float16 as such; it is packed into words where not. */
  readonly halves: boolean
}

export interface Binding {
  readonly buffer: Buffer
  readonly writes: boolean
}

/** A compute shader for given arrays. */
export interface Shader {
  readonly name: string
  readonly text: string
  /** In the order of their numbers in group 0. */
  readonly bindings: readonly Binding[]
  /** Loops whose trip numbers it reads, in the order of their numbers in group 1. */
  readonly levels: readonly number[]
  /** Workgroups in x and y. */
  readonly groups: readonly [number, number]
}

/** Most workgroups in one dimension. */
const maximumGroups = 65535

/** Level of the table of trip numbers that is bound only for the constants in it. */
export const anyLevel = -1

/** Level that always reads one number: shaders that differ in it only are one. */
export const fixedLevel = (value: number): number => -2 - value

/** Collects what a shader uses while its body is printed. */
export class ShaderBuilder {
  readonly helpers = new Set<string>()
  /** Extensions of WGSL that the text needs. */
  readonly extensions = new Set<'subgroups' | 'f16'>()
  private readonly memory: Memory
  private readonly written: ReadonlySet<Buffer>
  private readonly bound = new Map<Buffer, { readonly name: string; readonly vector: boolean }>()
  private readonly tripNames = new Map<number, string>()
  private readonly wholeWords = new Map<Buffer, string>()
  private readonly atomics = new Map<Buffer, 'i32' | 'u32'>()

  constructor(memory: Memory, writes: Iterable<Buffer>) {
    this.memory = memory
    this.written = new Set(writes)
  }

  /** Name of a helper function, which is then part of the shader. */
  helper(name: string): string {
    this.helpers.add(name)
    return name
  }

  /** Value of an element of an array at an int32 index. */
  load(buffer: Buffer, index: string): string {
    const view = this.memory.views?.get(buffer)
    if (view !== undefined) return this.load(view.buffer, `${view.origin}${index}`)
    const name = this.bind(buffer, false)
    const at = `${this.origin(buffer)}${index}`
    if (this.isHalf(buffer)) return `f32(${name}[${at}])`
    return this.perWord(buffer) === 1 ? `${name}[${at}]` : `${name}_load(${at})`
  }

  /** Statement that sets an element of an array. */
  store(buffer: Buffer, index: string, value: string): string {
    const view = this.memory.views?.get(buffer)
    if (view !== undefined) return this.store(view.buffer, `${view.origin}${index}`, value)
    const name = this.bind(buffer, false)
    const at = `${this.origin(buffer)}${index}`
    if (this.isHalf(buffer)) return `${name}[${at}] = f16(${value});`
    if (this.perWord(buffer) === 1) return `${name}[${at}] = ${value};`
    const word = this.wholeWords.get(buffer)
    if (word === undefined) return `${name}_store(${at}, ${value});`
    return `${word} |= ${name}_bits(${value}) << (part * ${32 / perWord(buffer.dtype)}u);`
  }

  /** Whether the elements of an array are halves to the shader, which it computes with as float32. */
  private isHalf({ dtype }: Buffer): boolean {
    return this.memory.halves && dtype === 'float16'
  }

  /** How many elements of an array share a word that they must be taken out of. */
  perWord(buffer: Buffer): 1 | 2 | 4 {
    return this.isHalf(buffer) ? 1 : perWord(buffer.dtype)
  }

  /**
   * From now on stores to a packed array are collected in a variable, at the place in it that the variable `part` says. Gives
   * the name, and the statement that stores the word at last.
   */
  collect(buffer: Buffer): { readonly word: string; readonly store: (index: string) => string } {
    const name = this.bind(buffer, false)
    const word = `${name}_word`
    this.wholeWords.set(buffer, word)
    return { word, store: (index) => `${name}[${this.origin(buffer, perWord(buffer.dtype))}${index}] = ${word};` }
  }

  /** Place of an element, for atomic operations on words of the given type; all accesses of the array must be such. */
  atomic(buffer: Buffer, index: string, word: 'i32' | 'u32'): string {
    this.atomics.set(buffer, word)
    return `&${this.bind(buffer, false)}[${this.origin(buffer)}${index}]`
  }

  /** Whether slices of an array begin at multiples of so many elements. */
  beginsAtMultiples(buffer: Buffer, count: number): boolean {
    return (this.memory.bases.get(buffer) ?? []).every(({ stride }) => stride % count === 0)
  }

  /** Four neighbours at `4 * index`; all accesses of the array must be such. */
  vector(buffer: Buffer, index: string): string {
    const four = `${this.bind(buffer, true)}[${this.origin(buffer, 4)}${index}]`
    return this.isHalf(buffer) ? `vec4<f32>(${four})` : four
  }

  private bind(buffer: Buffer, vector: boolean): string {
    let found = this.bound.get(buffer)
    if (found === undefined) this.bound.set(buffer, (found = { name: `m${this.bound.size}`, vector }))
    return found.name
  }

  private origin(buffer: Buffer, unit = 1): string {
    return (this.memory.bases.get(buffer) ?? [])
      .map(({ level, stride }) => `i32(${this.trip(level)}.x) * ${stride / unit} + `)
      .join('')
  }

  private trip(level: number): string {
    let name = this.tripNames.get(level)
    if (name === undefined) this.tripNames.set(level, (name = `trip${this.tripNames.size}`))
    return name
  }

  /** A small number, as u32, that is not part of the text: different numbers need different names. */
  parameter(value: number): string {
    return `${this.trip(fixedLevel(value))}.x`
  }

  private anyTrip(): string {
    const [level = anyLevel] = this.tripNames.keys()
    return this.trip(level)
  }

  /** Infinity or NaN, which constant expressions cannot be: read from the table of trip numbers, so that compilers cannot know them. */
  special(value: number): string {
    const name = this.anyTrip()
    if (Number.isNaN(value)) return `bitcast<f32>(${name}.z)`
    return value > 0 ? `bitcast<f32>(${name}.y)` : `(-bitcast<f32>(${name}.y))`
  }

  /** A float that compilers cannot know, from its bits: a zero of the same table is added to them. */
  opaque(bits: string): string {
    return `bitcast<f32>(${bits} ^ ${this.anyTrip()}.w)`
  }

  /** The whole shader. `lines` may use `group` (which workgroup it is), `lane` (the invocation in it), and `before` what they need. */
  finish(
    name: string,
    lines: readonly string[],
    size: number,
    groupCount: number,
    declarations: readonly string[] = [],
  ): Shader {
    const y = Math.ceil(groupCount / maximumGroups)
    const x = Math.ceil(groupCount / y)
    const bindings = [...this.bound].map(([buffer]): Binding => ({ buffer, writes: this.written.has(buffer) }))
    const arrays = bindings.map(({ buffer, writes }, i) => {
      const { name: array, vector } = known(this.bound.get(buffer), 'binding')
      const half = this.isHalf(buffer)
      if (half) this.extensions.add('f16')
      const packed = this.perWord(buffer) > 1
      const access = !writes ? 'read' : this.wholeWords.has(buffer) ? 'words' : 'elements'
      const atomic = this.atomics.get(buffer) ?? (packed && access === 'elements' ? 'u32' : undefined)
      const plain = packed ? 'u32' : half ? 'f16' : wordType(buffer.dtype)
      const word = atomic === undefined ? plain : `atomic<${atomic}>`
      const declaration = storageDeclaration(i, word, vector, writes)
      return packed ? `${declaration}\n${packedFunctions(array, buffer.dtype, access, this.helpers)}` : declaration
    })
    const trips = [...this.tripNames.values()].map(
      (trip, i) => `@group(1) @binding(${i}) var<uniform> ${trip}: vec4<u32>;`,
    )
    const lane = lines.some((line) => /\blane\b/.test(line))
    const text = [
      ...[...this.extensions].map((extension) => `enable ${extension};`),
      ...arrays,
      ...trips,
      ...declarations,
      helperText(this.helpers).trimEnd(),
      `@compute @workgroup_size(${size})`,
      `fn main(@builtin(workgroup_id) workgroup: vec3<u32>${lane ? ', @builtin(local_invocation_index) lane: u32' : ''}) {`,
      `  let group = ${y === 1 ? 'workgroup.x' : `workgroup.y * ${x}u + workgroup.x`};`,
      // Rows of workgroups are of one length, so the last one may have some too many.
      x * y > groupCount ? `  if (group >= ${groupCount}u) { return; }` : '',
      ...lines.map((line) => `  ${line}`),
      '}',
      '',
    ]
      .filter((line) => line !== '' || lines.length === 0)
      .join('\n')
    return { name, text: `${text}\n`, bindings, levels: [...this.tripNames.keys()], groups: [x, y] }
  }
}

const storageDeclaration = (index: number, type: string, vector: boolean, writes: boolean): string =>
  `@group(0) @binding(${index}) var<storage, ${writes ? 'read_write' : 'read'}> m${index}: array<${vector ? `vec4<${type}>` : type}>;`

/** Lines that turn a flat u32 index into int32 positions along extents, innermost last. */
export const unflatten = (flat: string, names: readonly string[], extents: readonly number[]): string[] => {
  const lines: string[] = []
  let rest = flat
  for (let d = names.length - 1; d >= 0; d--) {
    const extent = known(extents[d], 'extent')
    const name = known(names[d], 'name')
    if (d === 0) lines.push(`let ${name} = i32(${rest});`)
    else {
      lines.push(`let ${name} = i32(${rest} % ${extent}u);`)
      lines.push(`let ${name}_rest = ${rest} / ${extent}u;`)
      rest = `${name}_rest`
    }
  }
  return lines
}
