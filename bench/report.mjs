/** Lines and tables of results, and RESULTS.md. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { geometricMean, median, ratio } from './compare.mjs'
import { allPeers } from './processes.mjs'
import { workloads } from './workloads.mjs'

/**
 * @typedef {import('./compare.mjs').Row} Row
 * @typedef {import('./compare.mjs').Measured} Measured
 * @typedef {import('./processes.mjs').Peer} Peer
 * @typedef {object} About
 * @property {string} node
 * @property {string} cpu
 * @property {number} cores
 * @property {number} memory in GB
 * @property {number} threads
 * @property {string} [device] wasm unless said
 * @property {boolean} [inSoftware] whether the GPU is one in software
 * @property {string} revision of cotangent
 * @property {number} rounds
 * @property {number} budget
 * @property {Record<string, string>} versions
 * @property {Record<string, string>} missing
 * @property {string} started
 * @property {string} [finished]
 * @property {number[]} loadAtStart
 * @property {number[]} [loadAtEnd]
 */

/**
 * The machine, the programs and the load at the start.
 * @type {(settings: import('./processes.mjs').Settings, rest: Pick<About, 'revision' | 'rounds' | 'budget' | 'versions' | 'missing' | 'started' | 'inSoftware'>) => About}
 */
export const machine = ({ node, threads, device }, rest) => ({
  node: execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim(),
  cpu: cpus()[0]?.model ?? 'unknown processor',
  cores: cpus().length,
  memory: Math.round(totalmem() / 2 ** 30),
  threads,
  device,
  loadAtStart: loadavg(),
  ...rest,
})

/**
 * The commit of the working tree, and whether there is more in it.
 * @type {() => string}
 */
export const currentRevision = () => {
  const git = (/** @type {string[]} */ ...args) => execFileSync('git', args, { encoding: 'utf8' }).trim()
  try {
    return (
      git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', 'src') === '' ? '' : ' with changes')
    )
  } catch {
    return 'unknown'
  }
}

/** @type {(x: number) => string} */
const short = (x) =>
  !Number.isFinite(x)
    ? '-'
    : x >= 100
      ? x.toFixed(0)
      : x >= 10
        ? x.toFixed(1)
        : x >= 1
          ? x.toFixed(2)
          : x.toPrecision(2)

/** @type {(row: Row, name: string) => Measured | undefined} */
const measured = (row, name) => {
  const outcome = row.peers[name]
  return outcome && 'times' in outcome && outcome.times.length > 0 ? outcome : undefined
}

/**
 * Ours, the fastest peer of a kind, and how many times as long as ours it takes.
 * @type {(row: Row, kind: Peer['kind']) => { name: string, time: number, ratio: number } | undefined}
 */
const best = (row, kind) => {
  const ours = measured(row, 'cotangent')
  const candidates = allPeers
    .filter((peer) => peer.kind === kind)
    .flatMap(({ name }) => {
      const outcome = measured(row, name)
      return outcome && !outcome.incomparable ? [{ name, outcome, time: median(outcome.times) }] : []
    })
    .sort((a, b) => a.time - b.time)
  const [first] = candidates
  return first && { name: first.name, time: first.time, ratio: ours ? ratio(first.outcome.times, ours.times) : NaN }
}

/**
 * The same ratio by processor time, which a busy machine disturbs least.
 * @type {(row: Row) => number}
 */
const ratioByProcessor = (row) => {
  const ours = measured(row, 'cotangent')
  const theirs = allPeers
    .filter(({ kind }) => kind === 'js')
    .flatMap(({ name }) => measured(row, name) ?? [])
    .filter(({ incomparable, cpu }) => !incomparable && cpu.length > 0)
    .sort((a, b) => median(a.cpu) - median(b.cpu))
  return ours && theirs[0] ? ratio(theirs[0].cpu, ours.cpu) : NaN
}

/**
 * How a peer fared, in a cell: its median, or why there is none.
 * @type {(row: Row, name: string) => string}
 */
const cell = (row, name) => {
  const outcome = row.peers[name]
  if (!outcome) return ''
  if ('absent' in outcome) return 'cannot'
  if ('failed' in outcome) return 'fails'
  const wrong = outcome.difference > row.tolerance ? ' (!)' : ''
  return short(median(outcome.times)) + (outcome.incomparable ? ' (other)' : '') + wrong
}

/**
 * What is wanted of the ratio to the best peer, if issue 4 says so, and whether it is reached.
 * @type {(row: Row) => { wanted: number, met: boolean } | undefined}
 */
const goalOf = (row) => {
  const peer = best(row, 'js')
  if (!row.goal || !peer || !Number.isFinite(peer.ratio)) return undefined
  const wanted = row.goal[1] / row.goal[0]
  return { wanted, met: peer.ratio >= wanted }
}

/**
 * Work by time: floating-point operations where there are many, and bytes where moving them is all the work.
 * @type {(row: Row) => string}
 */
const speed = (row) => {
  const ours = measured(row, 'cotangent')
  if (!ours || row.unit !== 'ms') return ''
  const rate = (/** @type {number} */ amount) => short(amount / median(ours.times) / 1e6)
  if (row.flops !== null) return rate(row.flops)
  return row.bytes ? `${rate(row.bytes)} GB/s` : ''
}

/**
 * One row for the terminal.
 * @type {(row: Row, peers: readonly Peer[]) => string}
 */
export const line = (row, peers) => {
  const cells = peers.map(({ name }) => `${name} ${cell(row, name)}`)
  const peer = best(row, 'js')
  const goal = goalOf(row)
  const rate = speed(row)
  const end = peer
    ? ` | best/ours ${short(peer.ratio)}, by CPU time ${short(ratioByProcessor(row))}${goal ? ` (wanted ${short(goal.wanted)})` : ''}`
    : ''
  const pace = rate === '' ? '' : ` | ${rate}${rate.endsWith('GB/s') ? '' : ' GFLOP/s'}`
  return [
    `${row.name} [${row.unit}]: ${cells.join(', ')}${end}${pace}`,
    ...complaints(row).map((text) => `    ${text}`),
  ].join('\n')
}

/**
 * What a reader must know about a row: wrong results, errors, notes.
 * @type {(row: Row) => string[]}
 */
const complaints = (row) =>
  Object.entries(row.peers).flatMap(([name, outcome]) => {
    if ('absent' in outcome) return [`${name}: ${outcome.absent}`]
    if ('failed' in outcome) return [`${name} fails: ${outcome.failed}`]
    const note = outcome.note ? [`${name}: ${outcome.note}`] : []
    return outcome.difference > row.tolerance
      ? [
          ...note,
          `${name} differs from ${row.reference} by ${outcome.difference.toPrecision(2)} (tolerance ${row.tolerance})`,
        ]
      : note
  })

/**
 * Over all rows: the mean ratio to the best peer, and where that is faster.
 * @type {(rows: readonly Row[], peers: readonly Peer[]) => string}
 */
export const summary = (rows, peers) => {
  const paired = rows.flatMap((row) => {
    const peer = best(row, 'js')
    return peer && Number.isFinite(peer.ratio) ? [{ row, peer }] : []
  })
  const slower = paired.filter(({ peer }) => peer.ratio < 1)
  const byProcessor = rows.flatMap((row) => {
    const r = ratioByProcessor(row)
    return Number.isFinite(r) ? [{ row, ratio: r }] : []
  })
  const slowerByProcessor = byProcessor.filter(({ ratio: r }) => r < 1)
  const goals = rows.flatMap((row) => goalOf(row) ?? [])
  const native = rows.flatMap((row) => {
    const peer = best(row, 'native')
    return peer && Number.isFinite(peer.ratio) ? [1 / peer.ratio] : []
  })
  const wrong = rows.filter((row) => Object.values(row.peers).some((o) => 'times' in o && o.difference > row.tolerance))
  const names = (/** @type {readonly { row: Row }[]} */ list) => list.map(({ row }) => row.name).join('; ') || 'none'
  return [
    `- The best JavaScript peer takes ${short(geometricMean(paired.map(({ peer }) => peer.ratio)))} times as long as cotangent (geometric mean over ${paired.length} workloads).`,
    `- Slower than the best JavaScript peer: ${names(slower)}.`,
    `- By processor time: ${short(geometricMean(byProcessor.map(({ ratio: r }) => r)))} times over ${byProcessor.length}; slower: ${names(slowerByProcessor)}.`,
    ...(goals.length > 0
      ? [
          `- Goals of issue 4 (ratio to the best peer of the same run): ${goals.filter(({ met }) => met).length} of ${goals.length} met.`,
        ]
      : []),
    ...(peers.some(({ kind }) => kind === 'native') && native.length > 0
      ? [
          `- Cotangent takes ${short(geometricMean(native))} times as long as the best native library (geometric mean over ${native.length}).`,
        ]
      : []),
    `- Results that differ beyond their tolerance: ${wrong.map(({ name }) => name).join('; ') || 'none'}.`,
  ].join('\n')
}

/** @type {(head: readonly string[], rows: readonly (readonly string[])[]) => string} */
const table = (head, rows) =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/** @type {(load: readonly number[] | undefined) => string} */
const loads = (load) => (load ?? []).map((x) => x.toFixed(1)).join(' ')

/** @type {(about: About, rows: readonly Row[]) => string} */
const section = (about, rows) => {
  const onGpu = about.device === 'webgpu'
  const peers = allPeers.filter(({ name }) => rows.some((row) => name in row.peers))
  const name = (/** @type {Peer} */ peer) => peer.name
  const timeTable = table(
    ['workload', ...peers.map(name), 'GFLOP/s', 'best JS / ours', 'by CPU time', 'wanted', 'ours / native'],
    rows.map((row) => {
      const peer = best(row, 'js')
      const native = best(row, 'native')
      const goal = goalOf(row)
      return [
        row.unit === 'ms' ? row.name : `${row.name} (${row.unit})`,
        ...peers.map((p) => cell(row, p.name)),
        speed(row),
        peer ? short(peer.ratio) : '',
        peer ? short(ratioByProcessor(row)) : '',
        goal ? `${short(goal.wanted)} ${goal.met ? 'met' : 'missed'}` : '',
        native ? short(1 / native.ratio) : '',
      ]
    }),
  )
  const memoryTable = table(
    ['peak resident MB', ...peers.map(name)],
    rows.map((row) => [row.name, ...peers.map((p) => short(measured(row, p.name)?.peak ?? NaN))]),
  )
  const remarks = rows.flatMap((row) => complaints(row).map((text) => `- ${row.name}: ${text}`))
  const versions = Object.entries(about.versions).map(
    ([name, version]) => `${name} ${version}${name === 'cotangent' ? ` (revision ${about.revision})` : ''}`,
  )
  return [
    onGpu ? `### WebGPU on ${about.versions['adapter']}, Node ${about.node}` : `### Node ${about.node}`,
    ...(about.inSoftware
      ? [
          'A smoke test: this GPU is one in software, where barriers are slow and vectors are 4 numbers. The times show that all of it runs, and order nobody.',
        ]
      : []),
    ...(onGpu
      ? [
          'Times are those until the GPU is done, results not copied to the host, up to 16 calls waited for together; a training step reads its loss.',
        ]
      : []),
    `${about.started} to ${about.finished ?? '?'} (UTC), ${about.cpu}, ${about.cores} cores, ${about.memory} GB${onGpu ? '' : `, ${about.threads} thread${about.threads === 1 ? '' : 's'} each`}. Load average at the start ${loads(about.loadAtStart)}, at the end ${loads(about.loadAtEnd)}: above 0.1 before the start, something else was running. Medians of ${about.rounds} interleaved rounds of ${about.budget} ms.`,
    `Versions: ${versions.join(', ')}.${Object.entries(about.missing)
      .map(([peer, why]) => ` ${peer} is absent: ${why}.`)
      .join('')}`,
    summary(rows, peers),
    '#### Times in ms',
    timeTable,
    '#### Memory',
    memoryTable,
    '#### Remarks',
    remarks.join('\n') || 'None.',
  ].join('\n\n')
}

const folder = fileURLToPath(new URL('results/', import.meta.url))
/** @type {readonly [string, string]} */
const marks = ['<!-- npm run bench: begin -->', '<!-- npm run bench: end -->']
const page = fileURLToPath(new URL('RESULTS.md', import.meta.url))

/**
 * Rounds to five digits: more is noise, and makes the files of results long.
 * @type {(key: string, value: unknown) => unknown}
 */
const rounded = (_, value) => (typeof value === 'number' ? Number(value.toPrecision(5)) : value)

/**
 * Keeps rows for this version of Node, instead of all that were kept or merged with them, and writes RESULTS.md anew from all that
 * is kept.
 * @type {(about: About, rows: readonly Row[], merging: boolean) => Promise<void>}
 */
export const save = async (about, rows, merging) => {
  mkdirSync(folder, { recursive: true })
  const kind = about.inSoftware ? 'webgpu-software' : about.device === 'webgpu' ? 'webgpu' : ''
  const file = `${folder}${kind || `node${about.node.split('.')[0]}`}.json`
  /** @type {{ about: About, rows: Row[] } | undefined} */
  const kept = merging && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
  const merged = workloads.flatMap(({ name }) => {
    const row = rows.find((one) => one.name === name)
    const old = kept?.rows.find((one) => one.name === name)
    if (!row) return old ?? []
    // That a library cannot do it stays true; times of another hour are not set beside new ones.
    const reasons = Object.entries(old?.peers ?? {}).filter(([, outcome]) => !('times' in outcome))
    return { ...row, peers: { ...Object.fromEntries(reasons), ...row.peers } }
  })
  const { versions = {}, missing = {}, started = about.started, loadAtStart = about.loadAtStart } = kept?.about ?? {}
  const both = {
    ...about,
    versions: { ...versions, ...about.versions },
    missing: { ...missing, ...about.missing },
    started,
    loadAtStart,
  }
  writeFileSync(file, `${JSON.stringify({ about: both, rows: merged }, rounded, 1)}\n`)
  const sections = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(folder + name, 'utf8')))
    .map(({ about, rows }) => section(about, rows))
  const text = [
    '## Beside other libraries',
    'Written by `npm run bench`; [README.md](README.md) says how to read it. `cannot`: the library has no such function; `fails`: it ends with an error; `(other)`: it computes something else and does not count; `(!)`: its results differ. The remarks say what and why.',
    ...sections,
  ].join('\n\n')
  const old = existsSync(page) ? readFileSync(page, 'utf8') : '# Results\n'
  // Other programs keep their results on the same page: only what stands between the marks is replaced.
  const [before, rest = ''] = old.split(marks[0], 2)
  const after = rest.split(marks[1], 2)[1] ?? ''
  const whole = `${before}\n\n${marks[0]}\n\n${text}\n\n${marks[1]}\n${after}`
  writeFileSync(page, await format(whole, { ...(await resolveConfig(page)), parser: 'markdown' }))
}
