/** WebAssembly modules: functions with locals, what is imported and exported, and the bytes of all of it. */
import { Code } from './code.js'
import { type ValueType, types } from './opcodes.js'

/** A function under construction: its current code, and its locals. */
export class FunctionBuilder {
  readonly name: string
  readonly params: readonly ValueType[]
  readonly results: readonly ValueType[]
  /** Index in the module. */
  readonly index: number
  /** Where instructions go; code generators may put another buffer here for a while, and append it later. */
  code = new Code()
  /** Instructions that run before the code: constants and pointers that the whole function uses. */
  readonly prologue = new Code(64)
  private readonly locals: ValueType[] = []
  private readonly constants = new Map<string, number>()

  constructor(name: string, index: number, params: readonly ValueType[], results: readonly ValueType[]) {
    this.name = name
    this.index = index
    this.params = params
    this.results = results
  }

  /** A new local; it starts as zero. */
  local(type: ValueType): number {
    this.locals.push(type)
    return this.params.length + this.locals.length - 1
  }

  /** A local that holds a vector constant, given as four 32-bit words. */
  vectorConstant(a: number, b: number, c: number, d: number): number {
    const key = `${a | 0} ${b | 0} ${c | 0} ${d | 0}`
    let found = this.constants.get(key)
    if (found === undefined) {
      found = this.local('v128')
      this.constants.set(key, found)
      this.prologue.v128(a, b, c, d)
      this.prologue.set(found)
    }
    return found
  }

  /** A local that holds a float constant. */
  floatConstant(value: number, type: 'f32' | 'f64'): number {
    const key = `${type}${Object.is(value, -0) ? '-0' : value}`
    let found = this.constants.get(key)
    if (found === undefined) {
      found = this.local(type)
      this.constants.set(key, found)
      if (type === 'f32') this.prologue.f32(value)
      else this.prologue.f64(value)
      this.prologue.set(found)
    }
    return found
  }

  /** Writes size, locals and instructions. */
  write(out: Code): void {
    const head = new Code(64)
    const runs: { readonly type: ValueType; count: number }[] = []
    this.locals.forEach((type) => {
      const last = runs[runs.length - 1]
      if (last?.type === type) last.count++
      else runs.push({ type, count: 1 })
    })
    head.unsigned(runs.length)
    runs.forEach(({ type, count }) => {
      head.unsigned(count)
      head.byte(types[type])
    })
    out.unsigned(head.length + this.prologue.length + this.code.length + 1)
    out.append(head)
    out.append(this.prologue)
    out.append(this.code)
    out.end()
  }
}

/** A function that the module is given. */
export interface FunctionImport {
  readonly name: string
  readonly params: readonly ValueType[]
  readonly results: readonly ValueType[]
}

/** Properties of the memory that every module imports. */
export interface MemoryType {
  readonly maximumPages: number
  readonly shared: boolean
}

/** The same module for shared memory. The memory is its last import: kind, flags, minimum 0, and a maximum in three bytes. */
export const withSharedMemory = (bytes: Uint8Array): Uint8Array => {
  const out = bytes.slice()
  for (let at = 8; at < out.length;) {
    const id = out[at++]
    let size = 0
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = out[at++] ?? 0
      size |= (byte & 0x7f) << shift
      more = byte >= 0x80
    }
    at += size
    if (id === 2) {
      out[at - 5] = 3
      return out
    }
  }
  return out
}

/** Most pages that a 32-bit memory can have. */
export const largestPages = 65536

/** A module under construction. It imports its memory as `e.memory` and functions from `e`. */
export class ModuleBuilder {
  private readonly imports: FunctionImport[] = []
  private readonly functions: FunctionBuilder[] = []
  private readonly exported = new Set<FunctionBuilder>()
  private readonly memory: MemoryType
  private sealed = false
  private globals = 0

  constructor(memory: MemoryType = { maximumPages: largestPages, shared: false }) {
    this.memory = memory
  }

  /** Index of an imported function. All imports must be made before the first function. */
  import(name: string, params: readonly ValueType[], results: readonly ValueType[]): number {
    const found = this.imports.findIndex((entry) => entry.name === name)
    if (found >= 0) return found
    if (this.sealed) throw new RangeError('imports come before functions')
    this.imports.push({ name, params, results })
    return this.imports.length - 1
  }

  /** A new variable of every instance, an i32 that starts as zero: each thread has its own. */
  global(): number {
    return this.globals++
  }

  get importNames(): readonly string[] {
    return this.imports.map((entry) => entry.name)
  }

  function(name: string, params: readonly ValueType[], results: readonly ValueType[]): FunctionBuilder {
    this.sealed = true
    const made = new FunctionBuilder(name, this.imports.length + this.functions.length, params, results)
    this.functions.push(made)
    return made
  }

  export(made: FunctionBuilder): void {
    this.exported.add(made)
  }

  bytes(): Uint8Array {
    const typeCode = new Code()
    const typeIndices = new Map<string, number>()
    const typeOf = (params: readonly ValueType[], results: readonly ValueType[]): number => {
      const key = `${params.join()}:${results.join()}`
      let found = typeIndices.get(key)
      if (found === undefined) {
        found = typeIndices.size
        typeIndices.set(key, found)
        typeCode.byte(0x60)
        for (const list of [params, results]) {
          typeCode.unsigned(list.length)
          for (const type of list) typeCode.byte(types[type])
        }
      }
      return found
    }
    const imports = new Code()
    imports.unsigned(this.imports.length + 1)
    for (const entry of this.imports) {
      imports.text('e')
      imports.text(entry.name)
      imports.byte(0)
      imports.unsigned(typeOf(entry.params, entry.results))
    }
    imports.text('e')
    imports.text('memory')
    imports.byte(2)
    imports.byte(this.memory.shared ? 3 : 1)
    imports.unsigned(0)
    imports.unsigned(this.memory.maximumPages)

    const declarations = new Code()
    declarations.unsigned(this.functions.length)
    for (const made of this.functions) declarations.unsigned(typeOf(made.params, made.results))

    const globals = new Code()
    globals.unsigned(this.globals)
    for (let i = 0; i < this.globals; i++) {
      globals.byte(types.i32)
      globals.byte(1)
      globals.i32(0)
      globals.end()
    }

    const exports = new Code()
    exports.unsigned(this.exported.size)
    for (const made of this.exported) {
      exports.text(made.name)
      exports.byte(0)
      exports.unsigned(made.index)
    }

    const bodies = new Code(4096)
    bodies.unsigned(this.functions.length)
    for (const made of this.functions) made.write(bodies)

    const names = new Code()
    names.text('name')
    const functionNames = new Code()
    functionNames.unsigned(this.functions.length)
    for (const made of this.functions) {
      functionNames.unsigned(made.index)
      functionNames.text(made.name)
    }
    names.byte(1)
    names.unsigned(functionNames.length)
    names.append(functionNames)

    const typeSection = new Code()
    typeSection.unsigned(typeIndices.size)
    typeSection.append(typeCode)

    const out = new Code(bodies.length + 1024)
    for (const byte of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) out.byte(byte)
    const section = (id: number, content: Code): void => {
      out.byte(id)
      out.unsigned(content.length)
      out.append(content)
    }
    section(1, typeSection)
    section(2, imports)
    section(3, declarations)
    if (this.globals > 0) section(6, globals)
    section(7, exports)
    section(10, bodies)
    section(0, names)
    return out.bytes.slice(0, out.length)
  }
}
