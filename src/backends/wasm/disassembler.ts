/** Text of a module that the assembler wrote, close to the WebAssembly text format. */
import { ops } from './opcodes.js'

const names = new Map<number, string>(Object.entries(ops).map(([name, code]) => [code, name]))
const typeNames = new Map([
  [0x7f, 'i32'],
  [0x7e, 'i64'],
  [0x7d, 'f32'],
  [0x7c, 'f64'],
  [0x7b, 'v128'],
])

/** Reads a module's bytes in order. */
class Reader {
  at = 0
  private readonly bytes: Uint8Array
  private readonly view: DataView
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  get done(): boolean {
    return this.at >= this.bytes.length
  }
  byte(): number {
    return this.bytes[this.at++] ?? 0
  }
  unsigned(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  signed(): number {
    let value = 0
    let shift = 0
    for (;;) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      shift += 7
      if (byte < 0x80) return shift < 32 && (byte & 0x40) !== 0 ? value | (-1 << shift) : value
    }
  }
  f32(): number {
    this.at += 4
    return this.view.getFloat32(this.at - 4, true)
  }
  f64(): number {
    this.at += 8
    return this.view.getFloat64(this.at - 8, true)
  }
  word(): string {
    this.at += 4
    return `0x${this.view
      .getUint32(this.at - 4, true)
      .toString(16)
      .padStart(8, '0')}`
  }
  text(): string {
    const length = this.unsigned()
    this.at += length
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at))
  }
  list<T>(read: (i: number) => T): T[] {
    return Array.from({ length: this.unsigned() }, (_, i) => read(i))
  }
}

const typeName = (byte: number): string => typeNames.get(byte) ?? `type ${byte}`

const isMemoryAccess = (name: string): boolean => name.includes('.load') || name.includes('.store')

/** One instruction with its immediates. */
const instruction = (r: Reader, functionName: (index: number) => string): string => {
  const first = r.byte()
  switch (first) {
    case 0x02:
    case 0x03:
    case 0x04: {
      const type = r.byte()
      return `${first === 0x02 ? 'block' : first === 0x03 ? 'loop' : 'if'}${type === 0x40 ? '' : ` (result ${typeName(type)})`}`
    }
    case 0x05:
      return 'else'
    case 0x0b:
      return 'end'
    case 0x0c:
      return `br ${r.unsigned()}`
    case 0x0d:
      return `br_if ${r.unsigned()}`
    case 0x10:
      return `call $${functionName(r.unsigned())}`
    case 0x23:
      return `global.get ${r.unsigned()}`
    case 0x24:
      return `global.set ${r.unsigned()}`
    case 0x20:
      return `local.get ${r.unsigned()}`
    case 0x21:
      return `local.set ${r.unsigned()}`
    case 0x22:
      return `local.tee ${r.unsigned()}`
    case 0x41:
      return `i32.const ${r.signed()}`
    case 0x43:
      return `f32.const ${numberText(r.f32())}`
    case 0x44:
      return `f64.const ${numberText(r.f64())}`
    default:
  }
  const code = first === 0xfc || first === 0xfd ? ((0xfe - first) << 9) | r.unsigned() : first
  const name = names.get(code) ?? `unknown 0x${code.toString(16)}`
  if (name === 'v128.const') return `v128.const i32x4 ${[0, 1, 2, 3].map(() => r.word()).join(' ')}`
  if (name === 'i8x16.shuffle') return `i8x16.shuffle ${Array.from({ length: 16 }, () => r.byte()).join(' ')}`
  if (name === 'memory.fill') {
    r.byte()
    return name
  }
  if (name === 'memory.copy') {
    r.at += 2
    return name
  }
  if (isMemoryAccess(name)) {
    r.byte()
    const offset = r.unsigned()
    const lane = name.endsWith('_lane') ? ` ${r.byte()}` : ''
    return `${name}${offset === 0 ? '' : ` offset=${offset}`}${lane}`
  }
  if (name.endsWith('_lane')) return `${name} ${r.byte()}`
  return name
}

const numberText = (value: number): string =>
  Number.isNaN(value)
    ? 'nan'
    : value === Infinity
      ? 'inf'
      : value === -Infinity
        ? '-inf'
        : Object.is(value, -0)
          ? '-0'
          : `${value}`

const functionBody = (r: Reader, end: number, functionName: (index: number) => string): string[] => {
  const lines: string[] = []
  const locals = r.list(() => `${r.unsigned()} ${typeName(r.byte())}`)
  if (locals.length > 0) lines.push(`    (local ${locals.join(', ')})`)
  let depth = 2
  while (r.at < end) {
    const text = instruction(r, functionName)
    if (text === 'end' || text === 'else') depth--
    if (r.at < end) lines.push(`${'  '.repeat(Math.max(depth, 1))}${text}`)
    if (/^(block|loop|if|else)\b/.test(text)) depth++
  }
  return lines
}

/** The module as text. */
export const disassemble = (bytes: Uint8Array): string => {
  const signatures: string[] = []
  const imports: string[] = []
  const functionNames = new Map<number, string>()
  const exported = new Set<number>()
  let declared: number[] = []
  let bodies: { readonly start: number; readonly end: number }[] = []
  const r = new Reader(bytes)
  r.at = 8
  while (!r.done) {
    const id = r.byte()
    const end = r.unsigned() + r.at
    if (id === 1) {
      signatures.push(
        ...r.list(() => {
          r.byte()
          const params = r.list(() => typeName(r.byte()))
          const results = r.list(() => typeName(r.byte()))
          return `${params.length > 0 ? ` (param ${params.join(' ')})` : ''}${results.length > 0 ? ` (result ${results.join(' ')})` : ''}`
        }),
      )
    } else if (id === 2) {
      let index = 0
      r.list(() => {
        r.text()
        const name = r.text()
        if (r.byte() === 0) {
          functionNames.set(index++, name)
          imports.push(`  (import $${name}${signatures[r.unsigned()] ?? ''})`)
        } else {
          r.byte()
          r.unsigned()
          r.unsigned()
        }
      })
    } else if (id === 3) declared = r.list(() => r.unsigned())
    else if (id === 7) {
      r.list(() => {
        r.text()
        r.byte()
        exported.add(r.unsigned())
      })
    } else if (id === 10) {
      bodies = r.list(() => {
        const size = r.unsigned()
        const start = r.at
        r.at += size
        return { start, end: r.at }
      })
    } else if (id === 0 && r.text() === 'name' && r.byte() === 1) {
      r.unsigned()
      r.list(() => functionNames.set(r.unsigned(), r.text()))
    }
    r.at = end
  }
  const functionName = (index: number): string => functionNames.get(index) ?? `${index}`
  const lines = ['(module', ...imports]
  bodies.forEach(({ start, end }, i) => {
    const index = imports.length + i
    const signature = signatures[declared[i] ?? 0] ?? ''
    lines.push(
      `  (func $${functionName(index)}${exported.has(index) ? ` (export "${functionName(index)}")` : ''}${signature}`,
    )
    const body = new Reader(bytes)
    body.at = start
    lines.push(...functionBody(body, end, functionName), '  )')
  })
  lines.push(')')
  return lines.join('\n')
}
