/** WebAssembly instructions as bytes: a buffer that grows. */
import { type ValueType, ops, types } from './opcodes.js'

const scratch = new DataView(new ArrayBuffer(8))
const encoder = new TextEncoder()

/** A growing buffer of instructions. Methods return nothing: emitting must cost less than compiling what is emitted. */
export class Code {
  bytes: Uint8Array
  length = 0

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity)
  }

  private grow(needed: number): void {
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + needed))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) this.grow(1)
    this.bytes[this.length++] = value
  }

  /** A byte, and a number that most often fits into another one. */
  private withNumber(value: number, rest: number): void {
    if (rest >= 0x80 || this.length + 2 > this.bytes.length) {
      this.byte(value)
      this.unsigned(rest)
      return
    }
    this.bytes[this.length++] = value
    this.bytes[this.length++] = rest
  }

  /** LEB128 of an unsigned number below 2^32. */
  unsigned(value: number): void {
    let rest = value >>> 0
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.byte(rest)
  }

  /** LEB128 of a signed 32-bit number. */
  signed(value: number): void {
    let rest = value | 0
    while (rest < -0x40 || rest > 0x3f) {
      this.byte((rest & 0x7f) | 0x80)
      rest >>= 7
    }
    this.byte(rest & 0x7f)
  }

  append(other: Code): void {
    if (this.length + other.length > this.bytes.length) this.grow(other.length)
    this.bytes.set(other.bytes.subarray(0, other.length), this.length)
    this.length += other.length
  }

  text(value: string): void {
    const encoded = encoder.encode(value)
    this.unsigned(encoded.length)
    encoded.forEach((byte) => this.byte(byte))
  }

  /** An instruction without immediates. */
  op(code: number): void {
    if (code > 0xff) this.withNumber(0xfe - (code >>> 9), code & 0x1ff)
    else this.byte(code)
  }

  get(local: number): void {
    this.withNumber(0x20, local)
  }
  set(local: number): void {
    this.withNumber(0x21, local)
  }
  tee(local: number): void {
    this.withNumber(0x22, local)
  }

  globalGet(global: number): void {
    this.byte(0x23)
    this.unsigned(global)
  }
  globalSet(global: number): void {
    this.byte(0x24)
    this.unsigned(global)
  }

  i32(value: number): void {
    this.byte(0x41)
    this.signed(value)
  }
  f32(value: number): void {
    this.byte(0x43)
    scratch.setFloat32(0, value, true)
    for (let i = 0; i < 4; i++) this.byte(scratch.getUint8(i))
  }
  f64(value: number): void {
    this.byte(0x44)
    scratch.setFloat64(0, value, true)
    for (let i = 0; i < 8; i++) this.byte(scratch.getUint8(i))
  }
  /** A vector constant from four 32-bit words. */
  v128(a: number, b: number, c: number, d: number): void {
    this.op(ops['v128.const'])
    this.word(a)
    this.word(b)
    this.word(c)
    this.word(d)
  }
  private word(value: number): void {
    this.byte(value & 0xff)
    this.byte((value >>> 8) & 0xff)
    this.byte((value >>> 16) & 0xff)
    this.byte(value >>> 24)
  }

  /** A load or store at a static byte offset. The alignment hint is always 1: engines ignore it. */
  memory(code: number, offset: number): void {
    this.op(code)
    this.withNumber(0, offset)
  }
  /** A load or store of one lane. */
  memoryLane(code: number, offset: number, lane: number): void {
    this.memory(code, offset)
    this.byte(lane)
  }
  /** extract_lane or replace_lane. */
  lane(code: number, lane: number): void {
    this.op(code)
    this.byte(lane)
  }
  /** Picks four 32-bit lanes out of the eight of two vectors. */
  shuffle32(a: number, b: number, c: number, d: number): void {
    this.op(ops['i8x16.shuffle'])
    for (const lane of [a, b, c, d]) for (let i = 0; i < 4; i++) this.byte(lane * 4 + i)
  }

  block(): void {
    this.byte(0x02)
    this.byte(0x40)
  }
  loop(): void {
    this.byte(0x03)
    this.byte(0x40)
  }
  /** `if` on the condition on the stack, with one result or none. */
  if(result?: ValueType): void {
    this.byte(0x04)
    this.byte(result === undefined ? 0x40 : types[result])
  }
  else(): void {
    this.byte(0x05)
  }
  end(): void {
    this.byte(0x0b)
  }
  br(depth: number): void {
    this.byte(0x0c)
    this.unsigned(depth)
  }
  brIf(depth: number): void {
    this.byte(0x0d)
    this.unsigned(depth)
  }
  call(index: number): void {
    this.byte(0x10)
    this.unsigned(index)
  }
}
