/**
 * The process of one peer: `node measure.mjs PEER` loads peers/PEER.mjs, takes requests as lines of JSON on standard input,
 * and answers each by a line on file descriptor 3. peers/measure.py does the same for Python.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { inputsOf } from './inputs.mjs'

/**
 * @typedef {Float32Array | Float64Array | Int32Array | Uint32Array} Output
 * @typedef {object} Prepared one workload, ready to be called
 * @property {() => Output[] | Promise<Output[]>} call computes once and gives the results as they were read to the host
 * @property {(count: number) => Promise<void>} [launch] computes so many times on a GPU and waits, without reading; absent where reading belongs to the work
 * @property {(outputs: Output[]) => Output[]} [canonical] the results in the layout that peers are compared in
 * @property {boolean} [stateful] each call goes on from the last (a training step): more than one is compared
 * @property {string} [note] what is not quite the workload
 * @property {boolean} [incomparable] the note weighs so much that the peer doesn't take part in ratios
 * @property {() => string} [kernels] the generated kernels, as text
 *
 * @typedef {Record<string, { shape: number[], values: Float32Array | Int32Array }>} Inputs
 * @typedef {object} Adapter
 * @property {(options: Settings) => Promise<Record<string, string>>} start loads the library and gives versions by package
 * @property {Record<string, (inputs: Inputs, parameters: Record<string, number>) => Prepared | Promise<Prepared>>} operations
 * @property {Record<string, string>} absent operations that the library does not have, and why
 *
 * @typedef {{ dist: string, threads: number, warmup: number, device: string }} Settings
 * @typedef {{ sample: (number | null)[], mean: number, deviation: number, size: number }} Digest
 */

/** @type {Adapter} */
const adapter = await import(`./peers/${process.argv[2] ?? ''}.mjs`)

/** @type {Settings} */
let settings = { dist: '../dist', threads: 1, warmup: 400, device: 'wasm' }
/** @type {Prepared | undefined} */
let prepared
let callsPerSample = 1

/** @type {() => Promise<Output[]>} */
const call = async () => {
  if (!prepared) throw new Error('no workload was prepared')
  return prepared.call()
}

/**
 * Milliseconds of one call, from a few in a row where one is too short for the clock. Synchronous calls are not awaited:
 * a turn of the microtask queue is not part of them.
 * @type {() => Promise<number>}
 */
const sample = async () => {
  if (!prepared) throw new Error('no workload was prepared')
  const since = performance.now()
  if (settings.device === 'webgpu' && prepared.launch) {
    await prepared.launch(callsPerSample)
    return (performance.now() - since) / callsPerSample
  }
  for (let i = 0; i < callsPerSample; i++) {
    const result = prepared.call()
    if (result instanceof Promise) await result
  }
  return (performance.now() - since) / callsPerSample
}

/** @type {(outputs: readonly Output[]) => Digest[]} */
const digest = (outputs) =>
  outputs.map((output) => {
    const size = output.length
    const count = Math.min(size, 4096)
    const picked = Array.from({ length: count }, (_, i) => output[Math.floor((i * size) / count)] ?? NaN)
    let sum = 0
    let squares = 0
    for (const value of output) {
      sum += value
      squares += value * value
    }
    const mean = sum / size
    return {
      sample: picked.map((value) => (Number.isFinite(value) ? value : null)),
      mean,
      deviation: Math.sqrt(Math.max(0, squares / size - mean * mean)),
      size,
    }
  })

/**
 * Builds inputs, calls for the first time, keeps the results to compare, and warms up.
 * @type {(workload: import('./workloads.mjs').Workload) => Promise<object>}
 */
const prepare = async (workload) => {
  const { operation, parameters } = workload
  const build = adapter.operations[operation]
  if (!build) return { absent: adapter.absent[operation] ?? 'not there' }
  prepared = await build(inputsOf(workload.inputs), parameters)
  const since = performance.now()
  const outputs = await call()
  const first = performance.now() - since
  const results = [...outputs]
  if (prepared.stateful) for (let i = 0; i < 2; i++) results.push(...(await call()))
  const digests = digest(prepared.canonical ? prepared.canonical(results) : results)
  const warm = performance.now()
  let calls = 0
  while (performance.now() - warm < settings.warmup || calls === 0) {
    await sample()
    calls++
  }
  // After the warm-up, so that its slow first calls don't decide.
  const each = await sample()
  // A GPU is told a few calls at once, so that waiting for it is not what is measured; not many, since all results are there together.
  callsPerSample =
    settings.device === 'webgpu'
      ? Math.max(1, Math.min(16, Math.ceil(20 / Math.max(each, 1e-3))))
      : Math.max(1, Math.ceil(0.2 / Math.max(each, 1e-4)))
  return {
    ready: { first, each, digests, note: prepared.note ?? null, incomparable: prepared.incomparable ?? false },
  }
}

/**
 * The times of calls, and processor time of one on the average: the latter counts all threads, and no waiting for a busy machine.
 * @type {(budget: number) => Promise<{ times: number[], cpu: number }>}
 */
const round = async (budget) => {
  const times = []
  const since = performance.now()
  const used = process.cpuUsage()
  do times.push(await sample())
  while (performance.now() - since < budget)
  const { user, system } = process.cpuUsage(used)
  return { times, cpu: (user + system) / 1000 / (times.length * callsPerSample) }
}

/** @type {(request: any) => Promise<object>} */
const answer = async (request) => {
  if (request.start) {
    settings = request.start
    return { versions: await adapter.start(settings) }
  }
  if (request.prepare) return prepare(request.prepare)
  if (request.round) return round(request.round.budget)
  if (request.kernels) return { kernels: prepared?.kernels?.() ?? null }
  return { peak: process.resourceUsage().maxRSS / 1024 }
}

for await (const line of createInterface({ input: process.stdin })) {
  /** @type {object} */
  let reply
  try {
    reply = await answer(JSON.parse(line))
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    reply = { failed: text.split('\n')[0], stack: error instanceof Error ? error.stack : undefined }
  }
  writeSync(3, `${JSON.stringify(reply)}\n`)
}
process.exit(0)
