/** Stable sorts of lines, in JavaScript over views of linear memory. NaN comes last; -0 and 0 are equal. */
import { type DType, type HostData, bfloat16Value, float16Value } from '../../core/index.js'
import type { SortKernel } from '../../compiler/index.js'

/** Typed view of an array in linear memory. */
export const viewAt = (buffer: ArrayBufferLike, dtype: DType, address: number, size: number): HostData => {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer as ArrayBuffer, address, size)
    case 'float64':
      return new Float64Array(buffer as ArrayBuffer, address, size)
    case 'float16':
    case 'bfloat16':
      return new Uint16Array(buffer as ArrayBuffer, address, size)
    case 'int32':
      return new Int32Array(buffer as ArrayBuffer, address, size)
    case 'uint32':
      return new Uint32Array(buffer as ArrayBuffer, address, size)
    case 'int8':
      return new Int8Array(buffer as ArrayBuffer, address, size)
    case 'uint8':
    case 'bool':
      return new Uint8Array(buffer as ArrayBuffer, address, size)
  }
}

const float64 = new Float64Array(1)
const words = new Uint32Array(float64.buffer)

/** Keys as unsigned 32-bit integers in the order of the values, one word a key, or two (high first) for float64. */
const orderedKeys = (line: HostData, dtype: DType): Uint32Array[] => {
  const n = line.length
  const high = new Uint32Array(n)
  if (dtype === 'float64') {
    const low = new Uint32Array(n)
    for (let i = 0; i < n; i++) {
      const x = line[i] ?? 0
      // Adding 0 makes -0 into 0; every NaN becomes the largest key.
      float64[0] = x + 0
      const h = words[1] ?? 0
      const l = words[0] ?? 0
      const negative = h >>> 31 === 1
      high[i] = Number.isNaN(x) ? 0xffffffff : negative ? ~h : h | 0x80000000
      low[i] = Number.isNaN(x) ? 0xffffffff : negative ? ~l : l
    }
    return [high, low]
  }
  if (dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16') {
    const floats =
      dtype === 'float32'
        ? Float32Array.from(line)
        : Float32Array.from(line, dtype === 'float16' ? float16Value : bfloat16Value)
    const bits = new Uint32Array(floats.buffer)
    for (let i = 0; i < n; i++) {
      const word = bits[i] ?? 0
      const magnitude = word & 0x7fffffff
      high[i] =
        magnitude > 0x7f800000
          ? 0xffffffff
          : magnitude === 0
            ? 0x80000000
            : word >>> 31 === 1
              ? ~word
              : word | 0x80000000
    }
    return [high]
  }
  const flip = dtype === 'int32' || dtype === 'int8' ? 0x80000000 : 0
  for (let i = 0; i < n; i++) high[i] = ((line[i] ?? 0) ^ flip) >>> 0
  return [high]
}

const digitBits = 11
const buckets = 1 << digitBits

/** Reorders `order` stably by a word of each element: three passes over 11 bits, those that are all equal left out. */
const radixPass = (keys: Uint32Array, order: Uint32Array, spare: Uint32Array, counts: Uint32Array): boolean => {
  let from = order
  let to = spare
  for (let shift = 0; shift < 32; shift += digitBits) {
    counts.fill(0)
    for (let i = 0; i < from.length; i++) {
      const digit = ((keys[i] ?? 0) >>> shift) & (buckets - 1)
      counts[digit] = (counts[digit] ?? 0) + 1
    }
    if (counts[((keys[0] ?? 0) >>> shift) & (buckets - 1)] === from.length) continue
    let sum = 0
    for (let d = 0; d < buckets; d++) {
      const count = counts[d] ?? 0
      counts[d] = sum
      sum += count
    }
    for (let i = 0; i < from.length; i++) {
      const element = from[i] ?? 0
      const digit = ((keys[element] ?? 0) >>> shift) & (buckets - 1)
      const place = counts[digit] ?? 0
      counts[digit] = place + 1
      to[place] = element
    }
    const swap = from
    from = to
    to = swap
  }
  return from !== order
}

const insertionLimit = 32

/** Order of a short line, by insertion. */
const insertionSort = (keys: readonly Uint32Array[], order: Uint32Array): void => {
  for (let i = 1; i < order.length; i++) {
    const element = order[i] ?? 0
    let j = i - 1
    for (; j >= 0; j--) {
      const other = order[j] ?? 0
      let after = false
      for (const key of keys) {
        const x = key[other] ?? 0
        const y = key[element] ?? 0
        if (x === y) continue
        after = x > y
        break
      }
      if (!after) break
      order[j + 1] = other
    }
    order[j + 1] = element
  }
}

const strided = (data: HostData, start: number, step: number, n: number): HostData => {
  if (step === 1) return data.subarray(start, start + n)
  const out = data.slice(0, n)
  for (let i = 0; i < n; i++) out[i] = data[start + i * step] ?? 0
  return out
}

/** Sorts all lines of a kernel; `addressOf` gives where its buffers are. */
export const runSort = (
  kernel: SortKernel,
  buffer: ArrayBufferLike,
  addressOf: (operand: number, isOutput: boolean) => number,
): void => {
  const { outer, size, inner, keys, inputs, outputs } = kernel
  const sources = inputs.map((x, i) => viewAt(buffer, x.dtype, addressOf(i, false), x.size))
  const targets = outputs.map((x, i) => viewAt(buffer, x.dtype, addressOf(i, true), x.size))
  const order = new Uint32Array(size)
  const spare = new Uint32Array(size)
  const counts = new Uint32Array(buckets)
  for (let o = 0; o < outer; o++) {
    for (let n = 0; n < inner; n++) {
      const start = o * size * inner + n
      const words = sources.slice(0, keys).flatMap((source, k) => {
        const input = inputs[k]
        return input === undefined ? [] : orderedKeys(strided(source, start, inner, size), input.dtype)
      })
      for (let i = 0; i < size; i++) order[i] = i
      let sorted = order
      if (size <= insertionLimit) insertionSort(words, order)
      else {
        // Least significant key first: every pass is stable.
        let other = spare
        for (const key of words.reverse()) {
          if (radixPass(key, sorted, other, counts)) {
            const swap = sorted
            sorted = other
            other = swap
          }
        }
      }
      sources.forEach((source, k) => {
        const target = targets[k]
        if (target === undefined) return
        const line = source === target ? strided(source, start, inner, size).slice() : undefined
        for (let i = 0; i < size; i++) {
          const from = sorted[i] ?? 0
          target[start + i * inner] = (line === undefined ? source[start + from * inner] : line[from]) ?? 0
        }
      })
    }
  }
}
