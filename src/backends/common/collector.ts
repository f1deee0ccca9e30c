/** Which arrays nobody holds any more: learned from the garbage collector within a synchronous loop, where Node lets us. */

/** The little of Node that is needed. */
interface NodeVm {
  readonly createContext: (object: object, options: { readonly microtaskMode: 'afterEvaluate' }) => object
  readonly runInNewContext: (code: string) => unknown
  readonly Script: new (code: string) => { readonly runInContext: (context: object) => unknown }
}

interface NodeV8 {
  readonly setFlagsFromString: (flag: string) => void
}

interface Engine {
  /** Collects all garbage. */
  readonly collect: () => void
  /** Collects the garbage among young objects, and gives back the memory of dead buffers at once. */
  readonly scavenge: () => void
  /** Milliseconds of processor time that the process has used: the turns of other processes are no cost of a scavenge. */
  readonly clock: () => number
  /** Lets go of what weak references of this job have pinned. */
  readonly unpin: () => void
}

/** New references after which their targets are unpinned: a long job would pile them up. */
const pinnedReferences = 512

/** Milliseconds of a collection before there was one, and the number of them that are remembered; the same of scavenges. */
const firstGuess = 4
const remembered = 4
const firstScavenge = 0.2
const rememberedScavenges = 8

/** Whether this is Node: its `vm` module is what makes weak references work within a job. Others' namesakes do not. */
const isNode = (): boolean => {
  const { process } = globalThis as {
    process?: { release?: { name?: string }; versions?: Readonly<Record<string, string>>; getBuiltinModule?: unknown }
  }
  return (
    process?.release?.name === 'node' &&
    typeof process.getBuiltinModule === 'function' &&
    process.versions?.['bun'] === undefined &&
    process.versions?.['deno'] === undefined
  )
}

/**
 * What Node's modules offer. A weak reference pins its target until the job ends, and a synchronous loop is one job: but a
 * context with a queue of microtasks of its own ends a job of its own after each script, and V8 then unpins everything.
 */
const startEngine = (): Engine => {
  const { process } = globalThis as {
    process?: {
      getBuiltinModule?: (name: string) => unknown
      cpuUsage?: () => { readonly user: number; readonly system: number }
    }
  }
  const clock = (): number => {
    const used = process?.cpuUsage?.()
    return used === undefined ? performance.now() : (used.user + used.system) / 1000
  }
  const vm = process?.getBuiltinModule?.('node:vm') as NodeVm
  const context = vm.createContext({}, { microtaskMode: 'afterEvaluate' })
  const nothing = new vm.Script('0')
  const { gc } = globalThis as { gc?: unknown }
  const v8 = process?.getBuiltinModule?.('node:v8') as NodeV8
  let found = gc
  if (typeof found !== 'function') {
    v8.setFlagsFromString('--expose-gc')
    found = vm.runInNewContext('gc')
    v8.setFlagsFromString('--no-expose-gc')
  }
  if (typeof found !== 'function') throw new TypeError('no function to collect garbage with')
  const collect = found as (options?: { readonly type: 'minor' }) => void
  const scavenge = (): void => {
    // Otherwise another thread frees the buffers when it gets round to it. Until then V8 counts them as alive, as it decides right after
    // a scavenge whether to mark the whole heap. And otherwise several threads share what one does in a tenth of a millisecond: waking
    // them takes as long, and where other programs have the processors, all wait for the last.
    v8.setFlagsFromString('--no-concurrent-array-buffer-sweeping --no-parallel-scavenge')
    try {
      collect({ type: 'minor' })
    } finally {
      v8.setFlagsFromString('--concurrent-array-buffer-sweeping --parallel-scavenge')
    }
  }
  return { collect, scavenge, clock, unpin: () => nothing.runInContext(context) }
}

/** The largest block that the C library takes from its own heap, with room for its header. */
const largestHeapBlock = (32 << 20) - 8192
/** From this size on a buffer is a mapping of its own; of smaller ones, more than this at the end of the heap goes back. */
const smallestMapping = 128 << 10
/** Bytes of smaller buffers from which on it pays to keep their pages. */
const manySmall = 8 * smallestMapping
let keepsPages = false
let copied = 0

/** Makes a buffer that nobody can reach any more, and returns its size. */
const lostBuffer = (): number => new ArrayBuffer(largestHeapBlock).byteLength

/** A reference to what nobody can reach: in a function of its own, since an interpreter's frame keeps what it has used in passing. */
const lostProbe = (): WeakRef<object> => new WeakRef({})

/** Bytes of the buffers that V8 knows of, those that wait to be freed included; 0 where nobody says. */
const bufferBytes = (): number => {
  const { process } = globalThis as { process?: { memoryUsage?: () => { readonly arrayBuffers: number } } }
  return process?.memoryUsage?.().arrayBuffers ?? 0
}

/**
 * To be called before a buffer of so many bytes is made. Under glibc a large buffer is pages fresh from the system, which cost
 * five times as much as what is then copied into them, and go back with the buffer; many small ones that are freed together
 * give their pages back too. But once a buffer of 32 MB was freed, glibc
 * takes smaller ones from its own heap, and gives back only what exceeds 64 MB (mallopt(3), M_MMAP_THRESHOLD). So one such
 * buffer is made here and collected at once; nobody writes to it, so it has no pages.
 */
export const keepFreedPages = (bytes: number, collector: Collector): void => {
  if (keepsPages) return
  copied += bytes
  if (bytes < smallestMapping && copied < manySmall) return
  keepsPages = true
  if (!isNode()) return
  const before = bufferBytes()
  const size = lostBuffer()
  collector.scavenge()
  // Where V8 has just ended marking the heap, the buffer counts as old: it would stay until the next time.
  if (bufferBytes() - before > size / 2) collector.isOwed = true
}

/** Watches objects weakly. Where that does not work within a job, it watches none, and has nothing to say. */
export class Collector {
  /**
   * Whether a full collection is wanted as soon as little is in use. It makes everything old that it leaves, so that only the next
   * one takes it: what a loop is just making should not be there.
   */
  isOwed = false
  private works = isNode()
  private engine: Engine | undefined
  private pinned = 0
  /** Gone once garbage was collected. */
  private canary: WeakRef<object> | undefined
  /** Milliseconds that the last collections took, the oldest first. */
  private readonly durations: number[] = []
  private ended = 0
  private readonly scavenges = [firstScavenge]
  private scavenged = 0

  /** Whether it can tell what is dead, as far as is known. */
  get isAble(): boolean {
    return this.works
  }

  /** Whether the engine's modules are there, which takes milliseconds once. */
  get isStarted(): boolean {
    return this.engine !== undefined
  }

  /** A reference that tells when its target is gone; undefined where none would. */
  watch<T extends WeakKey>(target: T): WeakRef<T> | undefined {
    if (!this.works) return undefined
    if (++this.pinned > pinnedReferences) this.unpin()
    return new WeakRef(target)
  }

  /** Whether the engine has collected garbage since it was asked for the first time or last. */
  hasCollected(): boolean {
    if (!this.works) return false
    const before = this.canary
    if (before !== undefined && before.deref() !== undefined) {
      // Looking has pinned it.
      this.unpin()
      return false
    }
    this.canary = lostProbe()
    this.unpin()
    return this.works && before !== undefined
  }

  /** Milliseconds that a collection would take, as a share of those since the last one. */
  share(): number {
    return this.works ? this.cost() / Math.max(1e-3, performance.now() - this.ended) : Infinity
  }

  /** Milliseconds that a collection would take: the shortest of the last ones, as the turns of other processes are not its cost. */
  cost(): number {
    if (!this.works) return Infinity
    return this.durations.length === 0 ? firstGuess : Math.min(...this.durations)
  }

  /** Collects garbage now; whether references tell what is gone. */
  collect(): boolean {
    this.isOwed = false
    this.unpin()
    const { engine } = this
    if (engine === undefined) return false
    const probe = lostProbe()
    engine.unpin()
    const since = performance.now()
    engine.collect()
    this.ended = performance.now()
    this.durations.push(this.ended - since)
    if (this.durations.length > remembered) this.durations.shift()
    this.works = probe.deref() === undefined
    this.canary = undefined
    return this.works
  }

  /** Milliseconds of processor time that a scavenge would take: the shortest of the last ones. */
  scavengeCost(): number {
    return this.works ? Math.min(...this.scavenges) : Infinity
  }

  /** The same as a share of the time since the last one. */
  scavengeShare(): number {
    if (!this.works) return Infinity
    return this.scavengeCost() / Math.max(1e-3, (this.engine?.clock() ?? Infinity) - this.scavenged)
  }

  /** Collects what is dead among young objects; whether it did. */
  scavenge(): boolean {
    if (this.works && this.engine === undefined) this.unpin()
    const { engine } = this
    if (!this.works || engine === undefined) return false
    const since = engine.clock()
    engine.scavenge()
    this.scavenged = engine.clock()
    this.scavenges.push(this.scavenged - since)
    if (this.scavenges.length > rememberedScavenges) this.scavenges.shift()
    return true
  }

  /** Lets go of what references were made of or found alive in this job. */
  unpin(): void {
    this.pinned = 0
    if (!this.works) return
    try {
      this.engine ??= startEngine()
      this.engine.unpin()
    } catch {
      this.works = false
      this.engine = undefined
    }
  }
}
