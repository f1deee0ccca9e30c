/** What a worker thread does: waits for jobs, takes parts of them, and runs those in its own instances of the modules. */

/** Where things are in the words that all threads share; those that are written often have cache lines of their own. */
export const controlWords = {
  /** Parts that nobody has taken: the first in the low half, the end in the high half. */
  range: 0,
  /** Parts that workers have done. */
  finished: 16,
  /** Workers that wait, and what they wait on. */
  sleepers: 32,
  wake: 33,
  /** The job: its module and function, iterations, iterations of a part, the module's bytes in the mailbox, and memory. */
  module: 48,
  job: 49,
  extent: 50,
  chunk: 51,
  length: 52,
  epoch: 53,
  scratch: 54,
  scratchBytes: 55,
  memoryBytes: 56,
  /** Not zero while the main thread waits for `finished`. */
  waiting: 64,
  /** One bit per worker: those that are up, those that have the job's module. */
  ready: 80,
  loaded: 81,
  /** Not zero when the workers have to end. */
  stop: 82,
  /** Not zero when a part threw. */
  failed: 83,
  /** For each worker one more than the part that it could not do since it has not the module. */
  declined: 96,
  words: 128,
} as const

/** What a worker is given. */
export interface WorkerSetup {
  readonly index: number
  readonly control: Int32Array
  readonly mailbox: Uint8Array
  readonly memory: WebAssembly.Memory
  /** Bytes of the modules of products. */
  readonly products: readonly Uint8Array[]
  readonly words: typeof controlWords
  /** Milliseconds that an idle worker spins before it sleeps. */
  readonly spin: number
}

/**
 * The body of a worker. Its source text is what the worker is started from, so it uses nothing but its argument and
 * globals: that works without a file of its own in Node, in bundles and in pages.
 */
export const workerMain = (setup: WorkerSetup): void => {
  const { index, control, mailbox, memory, words, spin } = setup
  const bit = 1 << index
  const math: Record<string, unknown> = {
    rem: (x: number, y: number) => x % y,
    pow: (x: number, y: number) => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y)),
  }
  for (const name of Object.getOwnPropertyNames(Math)) {
    if (!(name in math)) math[name] = Reflect.get(Math, name)
  }
  const products: Record<string, WebAssembly.ExportValue> = {}
  for (const bytes of setup.products) {
    const module = new WebAssembly.Module(bytes as BufferSource)
    Object.assign(products, new WebAssembly.Instance(module, { e: { memory } }).exports)
  }
  let modules = new Map<number, WebAssembly.Exports>()
  let epoch = 0

  const load = (id: number): WebAssembly.Exports | undefined => {
    const wanted = Atomics.load(control, words.epoch)
    if (wanted !== epoch) {
      epoch = wanted
      modules = new Map()
    }
    const known = modules.get(id)
    const length = Atomics.load(control, words.length)
    if (known !== undefined || length === 0) return known
    const module = new WebAssembly.Module(mailbox.slice(0, length))
    const imports: Record<string, WebAssembly.ImportValue> = {}
    for (const { name } of WebAssembly.Module.imports(module)) {
      const given: unknown = name === 'memory' ? memory : (products[name] ?? math[name])
      imports[name] = (given ??
        (() => {
          throw new Error(`${name} is not for workers`)
        })) as WebAssembly.ImportValue
    }
    const { exports } = new WebAssembly.Instance(module, { e: imports })
    modules.set(id, exports)
    Atomics.or(control, words.loaded, bit)
    return exports
  }

  /** Takes a part from the end. What belongs to the job may be read only after that: then it stays until the part is done. */
  const claim = (): number => {
    for (;;) {
      const range = Atomics.load(control, words.range)
      const first = range & 0xffff
      const end = range >>> 16
      if (first >= end) return -1
      if (Atomics.compareExchange(control, words.range, range, first | ((end - 1) << 16)) === range) return end - 1
    }
  }

  let memoryBytes = memory.buffer.byteLength
  const work = (): boolean => {
    if (Atomics.load(control, words.declined + index) !== 0) return false
    let part = claim()
    if (part < 0) return false
    const bytes = Atomics.load(control, words.memoryBytes) >>> 0
    if (bytes !== memoryBytes) {
      // Makes this thread see the new size at once, which it would otherwise do at some later time.
      memory.grow(0)
      memoryBytes = bytes
    }
    const extent = Atomics.load(control, words.extent)
    const chunk = Atomics.load(control, words.chunk)
    const scratch = Atomics.load(control, words.scratch) + (index - 1) * Atomics.load(control, words.scratchBytes)
    let run: unknown
    try {
      run = load(Atomics.load(control, words.module))?.[`job_${Atomics.load(control, words.job)}`]
    } catch {
      run = undefined
    }
    if (typeof run !== 'function') {
      Atomics.store(control, words.declined + index, part + 1)
      done(1)
      return false
    }
    let count = 0
    try {
      while (part >= 0) {
        count++
        ;(run as (begin: number, end: number, scratch: number) => void)(
          part * chunk,
          Math.min(extent, (part + 1) * chunk),
          scratch,
        )
        part = claim()
      }
    } catch {
      Atomics.store(control, words.failed, 1)
    }
    done(count)
    return true
  }

  const done = (count: number): void => {
    Atomics.add(control, words.finished, count)
    if (Atomics.load(control, words.waiting) !== 0) Atomics.notify(control, words.finished)
  }

  Atomics.or(control, words.ready, bit)
  Atomics.notify(control, words.ready)
  let idleSince = performance.now()
  while (Atomics.load(control, words.stop) === 0) {
    if (work()) {
      idleSince = performance.now()
      continue
    }
    let found = false
    for (let i = 0; i < 256 && !found; i++) {
      const range = Atomics.load(control, words.range)
      found = (range & 0xffff) < range >>> 16
    }
    if (found || performance.now() - idleSince < spin) continue
    Atomics.add(control, words.sleepers, 1)
    const wake = Atomics.load(control, words.wake)
    const range = Atomics.load(control, words.range)
    if ((range & 0xffff) >= range >>> 16 && Atomics.load(control, words.stop) === 0) {
      Atomics.wait(control, words.wake, wake)
    }
    Atomics.sub(control, words.sleepers, 1)
    idleSince = performance.now()
  }
  Atomics.and(control, words.ready, ~bit)
}
