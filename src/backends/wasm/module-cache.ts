/** Instances by the bytes of their modules, up to a number of bytes: equal programs compile once. */

interface Entry<T> {
  readonly hash: number
  readonly bytes: Uint8Array
  readonly value: T
}

const hashOf = (bytes: Uint8Array): number => {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
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
