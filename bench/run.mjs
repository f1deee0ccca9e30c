/**
 * Measures cotangent beside other libraries, each in its own process, and writes RESULTS.md.
 *
 *     npm run bench                                     everything, about half an hour
 *     npm run bench -- --only 'conv|matmul 512'         prints these workloads, and writes nothing unless --save
 *
 * README.md tells the options and how to read the results.
 */
import { loadavg } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { difference, median } from './compare.mjs'
import { hasAdapter, withSwiftShader } from '../tools/swiftshader.mjs'
import { PeerProcess, allPeers, gpuPeers } from './processes.mjs'
import { currentRevision, line, machine, save, summary } from './report.mjs'
import { workloads } from './workloads.mjs'

/**
 * @typedef {import('./processes.mjs').Peer} Peer
 * @typedef {import('./workloads.mjs').Workload} Workload
 * @typedef {import('./measure.mjs').Digest} Digest
 * @typedef {import('./compare.mjs').Outcome} Outcome
 * @typedef {import('./compare.mjs').Row} Row
 */

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    peers: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    budget: { type: 'string', default: '200' },
    warmup: { type: 'string', default: '400' },
    timeout: { type: 'string', default: '180' },
    threads: { type: 'string', default: '1' },
    node: { type: 'string', default: process.execPath },
    python: { type: 'string', default: process.env['BENCH_PYTHON'] ?? 'python3' },
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
    revision: { type: 'string' },
    device: { type: 'string', default: 'wasm' },
    save: { type: 'boolean', default: false },
    kernels: { type: 'boolean', default: false },
  },
})
const rounds = Number(options.rounds)
const budget = Number(options.budget)
const { device } = options
if (device !== 'wasm' && device !== 'webgpu') {
  console.error(`--device must be wasm or webgpu, got '${device}'`)
  process.exit(2)
}
const onGpu = device === 'webgpu'
// Where there is no GPU, one in software: that shows whether everything works, and says nothing about speed on a GPU.
const inSoftware = onGpu && !hasAdapter()
if (inSoftware) console.log('no GPU was found: SwiftShader takes its place, so this is a smoke test')
const settings = {
  device,
  env: inSoftware ? withSwiftShader() : process.env,
  node: options.node,
  python: options.python,
  dist: resolve(options.dist),
  threads: Number(options.threads),
  warmup: Number(options.warmup),
  timeout: Number(options.timeout) * 1000,
}

/**
 * Rounds for a peer that takes this long: one that needs seconds shows its order of magnitude in fewer.
 * @type {(milliseconds: number) => number}
 */
const roundsFor = (milliseconds) => Math.min(rounds, milliseconds > 2000 ? 2 : milliseconds > 500 ? 3 : rounds)

/**
 * @typedef {object} Running
 * @property {PeerProcess} process
 * @property {number} rounds
 * @property {number[]} times the median of each round
 * @property {number[]} cpu processor time of a call in each round
 * @property {Digest[]} digests
 * @property {string | null} note
 * @property {boolean} incomparable
 */

/**
 * Rounds of a workload in the steady state: every peer's process is alive and waits for its turn.
 * @type {(workload: Workload, running: Map<string, Running>, outcomes: Record<string, Outcome>) => Promise<void>}
 */
const interleave = async (workload, running, outcomes) => {
  for (let round = 0; round < rounds; round++) {
    const order = [...running.values()]
    // Each round begins with another peer, so that nobody always runs behind the same neighbour.
    for (let i = 0; i < order.length; i++) {
      const peer = order[(i + round) % order.length]
      if (!peer || round >= peer.rounds || peer.process.dead !== undefined) continue
      const { times, cpu, failed } = await peer.process.ask({ round: { budget } })
      if (failed !== undefined) outcomes[peer.process.peer.name] = { failed }
      else {
        peer.times.push(median(times))
        peer.cpu.push(cpu)
      }
    }
  }
}

/**
 * First calls: a new process for each; the first one of each peer has been made.
 * @type {(workload: Workload, running: Map<string, Running>, first: Map<string, number>) => Promise<void>}
 */
const restart = async (workload, running, first) => {
  const later = async (/** @type {Running} */ { process }) =>
    median((await process.ask({ round: { budget } })).times ?? [])
  for (const [name, peer] of running) peer.times.push((first.get(name) ?? NaN) - (await later(peer)))
  for (let round = 1; round < Math.min(rounds, 5); round++)
    for (const [name, peer] of running) {
      if ((first.get(name) ?? 0) > 2000) continue
      const { process } = await PeerProcess.start(peer.process.peer, settings)
      const { ready } = await process.ask({ prepare: workload })
      if (ready) peer.times.push(ready.first - (await later({ ...peer, process })))
      await process.close()
    }
}

/** Others' results are compared with those of the first of these that has any. */
const references = ['jax', 'torch', 'onnxruntime-node', 'onnxruntime-web', 'tfjs', 'jax-js', 'cotangent']

/** @type {(workload: Workload, peers: readonly Peer[]) => Promise<Row>} */
const measure = async (workload, peers) => {
  /** @type {Record<string, Outcome>} */
  const outcomes = {}
  /** @type {Map<string, Running>} */
  const running = new Map()
  /** @type {Map<string, number>} */
  const first = new Map()
  /** @type {PeerProcess[]} */
  const processes = []
  try {
    for (const peer of peers) {
      const { process, failed } = await PeerProcess.start(peer, settings)
      processes.push(process)
      const reply = failed === undefined ? await process.ask({ prepare: workload }) : { failed }
      if (!reply.ready) {
        outcomes[peer.name] = reply.absent === undefined ? { failed: reply.failed } : { absent: reply.absent }
        await process.close()
        continue
      }
      const { digests, note, incomparable, each } = reply.ready
      first.set(peer.name, reply.ready.first)
      running.set(peer.name, {
        process,
        rounds: roundsFor(each),
        times: [],
        cpu: [],
        digests,
        note,
        incomparable,
      })
      if (options.kernels && peer.kind === 'ours')
        console.log((await process.ask({ kernels: true })).kernels ?? 'no kernels to print')
    }
    if (workload.mode === 'first') await restart(workload, running, first)
    else await interleave(workload, running, outcomes)
    const reference = references.find((name) => running.has(name)) ?? ''
    const wanted = running.get(reference)?.digests ?? []
    for (const [name, { process, times, cpu, digests, note, incomparable }] of running) {
      if (process.dead !== undefined && times.length === 0) outcomes[name] = { failed: process.dead }
      if (outcomes[name]) continue
      const { peak = NaN } = await process.ask({ finish: true })
      const scale = (workload.unit === 'us' ? 1000 : 1) / workload.perCall
      outcomes[name] = {
        times: times.map((time) => time * scale),
        cpu: cpu.map((time) => time * scale),
        peak,
        difference: difference(workload, digests, wanted),
        note,
        incomparable,
      }
    }
    const { name, unit, flops = null, bytes = null, perCall, tolerance } = workload
    // Issue 4 set its goals for WebAssembly.
    const goal = onGpu ? null : (workload.goal ?? null)
    const load = loadavg()[0] ?? NaN
    return { name, unit, flops, bytes, perCall, goal, tolerance, reference, date: today(), load, peers: outcomes }
  } finally {
    await Promise.all(processes.map((process) => process.close()))
  }
}

/** @type {() => string} */
const today = () => new Date().toISOString().slice(0, 16).replace('T', ' ')

const asked = options.peers?.split(',')
for (const name of asked ?? [])
  if (!allPeers.some((peer) => peer.name === name)) {
    console.error(`no such peer: ${name}; there are: ${allPeers.map((peer) => peer.name).join(', ')}`)
    process.exit(2)
  }
const pattern = new RegExp(options.only ?? '')
/** @type {(workload: Workload) => boolean} */
const isSmall = ({ flops = 0, inputs }) =>
  flops <= 3e8 && Object.values(inputs).every(({ shape }) => shape.reduce((a, b) => a * b, 1) <= 1 << 21)
/** @type {(workload: Workload) => boolean} */
const isFor = (workload) =>
  inSoftware ? !workload.hardware && (options.only !== undefined || isSmall(workload)) : onGpu || !workload.hardware
const chosen = workloads.filter((workload) => pattern.test(workload.name) && isFor(workload))
if (chosen.length === 0) {
  console.error(`no workload matches ${pattern}; there are:\n${workloads.map(({ name }) => `  ${name}`).join('\n')}`)
  process.exit(2)
}

/**
 * Peers that can be started here; the others are named with the reason.
 * @type {Peer[]}
 */
const peers = []
/** @type {Record<string, string>} */
const versions = {}
/** @type {Record<string, string>} */
const missing = {}
for (const peer of allPeers) {
  if (asked && peer.kind !== 'ours' && !asked.includes(peer.name)) continue
  if (onGpu && !gpuPeers.includes(peer.name)) continue
  const started = await PeerProcess.start(peer, settings)
  await started.process.close()
  if (started.failed === undefined) {
    peers.push(peer)
    Object.assign(versions, started.versions)
  } else {
    missing[peer.name] = started.failed
    const hint = /ERR_MODULE_NOT_FOUND|Cannot find (package|module)/.test(started.failed)
      ? ' (npm ci --prefix bench)'
      : ''
    console.log(`${peer.name} is absent: ${started.failed}${hint}`)
  }
}
if (!peers.some(({ kind }) => kind === 'ours')) {
  console.error('cotangent itself does not start: build it first (npm run build)')
  process.exit(1)
}

const revision = options.revision ?? currentRevision()
const about = machine(settings, {
  ...(onGpu && { inSoftware }),
  revision,
  rounds,
  budget,
  versions,
  missing,
  started: today(),
})
console.log(
  `${about.cpu}, ${about.cores} cores, Node ${about.node}, revision ${revision}, load ${about.loadAtStart.map((x) => x.toFixed(1)).join(' ')}`,
)
console.log(
  Object.entries(versions)
    .map((entry) => entry.join(' '))
    .join(', '),
)

const saving = options.save || (options.only === undefined && asked === undefined && settings.threads === 1)
/** @type {Row[]} */
const rows = []
for (const workload of chosen) {
  const row = await measure(workload, peers)
  rows.push(row)
  console.log(line(row, peers))
  about.loadAtEnd = loadavg()
  about.finished = today()
  // After each row, so that a run that is cut short has not been for nothing.
  if (saving) await save(about, rows, options.save)
}
console.log(summary(rows, peers))
if (saving) console.log('wrote bench/results and bench/RESULTS.md')
