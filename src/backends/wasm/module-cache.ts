/** Instances by the bytes of their modules, up to a number of bytes: equal programs compile once. */

interface Entry<T> {
  readonly hash: number
  readonly bytes: Uint8Array
  readonly value: T
}

/** Bytes that are looked at: all of a small module, and so many of a large one, since the first run of this code is slow. */
const maximumHashed = 4096

const hashOf = (bytes: Uint8Array): number => {
  const { length } = bytes
  const step = Math.max(1, Math.ceil(length / maximumHashed))
  let hash = 0x811c9dc5 ^ length
  for (let i = 0; i < length; i += step) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193)
  return hash >>> 0
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** A cache whose least recently used entries go first. */
export class ModuleCache<T> {
  private readonly limit: number
  private readonly entries = new Map<number, Entry<T>[]>()
  private total = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** The value made from equal bytes before, or a new one. */
  get(bytes: Uint8Array, make: () => T): T {
    const hash = hashOf(bytes)
    const bucket = this.entries.get(hash)
    const found = bucket?.find((entry) => equal(entry.bytes, bytes))
    if (found !== undefined && bucket !== undefined) {
      this.entries.delete(hash)
      this.entries.set(hash, bucket)
      return found.value
    }
    const value = make()
    const entry: Entry<T> = { hash, bytes, value }
    if (bucket === undefined) this.entries.set(hash, [entry])
    else bucket.push(entry)
    this.total += bytes.length
    for (const [key, old] of this.entries) {
      if (this.total <= this.limit || key === hash) break
      this.entries.delete(key)
      for (const { bytes: gone } of old) this.total -= gone.length
    }
    return value
  }
}
