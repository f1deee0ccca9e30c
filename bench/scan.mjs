/**
 * A loop of 1,000 small steps as one `lax.scan`, against the same loop of eager calls and of calls of a jitted step.
 * All of them compute the same numbers, and take turns, so that what else the machine does falls on each alike. A turn is as
 * many calls as fit into some milliseconds, one at least; its time is their mean. The first call of a turn, which finds the
 * processor's caches full of the other programs, is shown too.
 * Then 10,000 steps that set one element of a carry each, of a small carry and of one a thousand times as large.
 *
 *     npm run build && node bench/scan.mjs [--rounds 25]
 *
 * Exit code 1 when the scan is not at least 20 times faster than the eager loop, jitted or not.
 */
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { jit, lax, numpy as np, random } from '../dist/index.js'

/** @typedef {import('../dist/index.js').NDArray} NDArray */

const steps = 1000
const size = 8
const leastRatio = 20
/** Milliseconds of a turn. */
const turn = 5

const rounds = Number(parseArgs({ options: { rounds: { type: 'string', default: '25' } } }).values.rounds)
if (!Number.isSafeInteger(rounds) || rounds < 1) {
  console.error('scan: --rounds must be a whole number of at least 1')
  process.exit(2)
}

const keys = random.split(random.key(0))
const weights = random.normal(keys.get(0), [size, size]).mul(0.3)
const inputs = random.normal(keys.get(1), [steps, size])
const start = np.zeros([size])
// The eager loops get their inputs as separate arrays beforehand: slicing is not what is measured.
const slices = [...inputs]

/** A recurrent cell of four operations. @type {(h: NDArray, x: NDArray) => [NDArray, NDArray]} */
const step = (h, x) => {
  const next = np.tanh(h.matmul(weights).add(x))
  return [next, next.sum()]
}

/** @type {(advance: typeof step) => () => number} */
const loop = (advance) => () => {
  let h = start
  let y = start
  for (const x of slices) [h, y] = advance(h, x)
  return y.item()
}

/** @type {(start: NDArray, inputs: NDArray) => [NDArray, NDArray]} */
const scan = (start, inputs) => lax.scan(step, start, inputs)

/** @type {(program: typeof scan) => () => number} */
const lastOf = (program) => () => {
  const [, ys] = program(start, inputs)
  return ys.dataSync()[steps - 1] ?? NaN
}

/** @typedef {{ name: string, run: () => number, milliseconds: number[], first: number[], results: number[] }} Contender */

/** @type {Contender[]} */
const contenders = [
  { name: 'eager loop', run: loop(step), milliseconds: [], first: [], results: [] },
  { name: 'loop of a jitted step', run: loop(jit(step)), milliseconds: [], first: [], results: [] },
  { name: 'lax.scan', run: lastOf(scan), milliseconds: [], first: [], results: [] },
  { name: 'jit(lax.scan)', run: lastOf(jit(scan)), milliseconds: [], first: [], results: [] },
]

/** @type {(values: readonly number[]) => number} */
const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b)
  return ((sorted[(sorted.length - 1) >> 1] ?? NaN) + (sorted[sorted.length >> 1] ?? NaN)) / 2
}

for (let round = -3; round < rounds; round++) {
  for (const { run, milliseconds, first, results } of contenders) {
    const since = performance.now()
    results.push(run())
    const one = performance.now() - since
    let calls = 1
    for (; performance.now() - since < turn; calls++) run()
    // The first three rounds compile and warm up.
    if (round < 0) continue
    milliseconds.push((performance.now() - since) / calls)
    first.push(one)
  }
}

const results = contenders.flatMap((contender) => contender.results)
const spread = Math.max(...results) - Math.min(...results)
if (!(spread < 1e-5)) {
  console.error(`scan: the programs differ by ${spread}`)
  process.exit(1)
}

const times = contenders.map(({ milliseconds }) => median(milliseconds))
const eager = times[0] ?? NaN
console.log(`${steps} steps of h = tanh(h W + x), y = sum(h); ${size} numbers in h; ${rounds} interleaved rounds`)
console.log(
  `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} threads, ` +
    `load ${loadavg()[0]?.toFixed(1)}, Node ${process.version}\n`,
)
console.log('| program               | median, ms | fastest, ms | first of a turn, ms | a step, us | times faster |')
console.log('| --------------------- | ---------: | ----------: | ------------------: | ---------: | -----------: |')
contenders.forEach(({ name, milliseconds, first }, i) => {
  const time = times[i] ?? NaN
  const cells = [
    name.padEnd(21),
    time.toFixed(3).padStart(10),
    Math.min(...milliseconds)
      .toFixed(3)
      .padStart(11),
    median(first).toFixed(3).padStart(19),
    ((1000 * time) / steps).toFixed(3).padStart(10),
    (eager / time).toFixed(1).padStart(12),
  ]
  console.log(`| ${cells.join(' | ')} |`)
})

const updates = 10_000
/** One element of the carry per step, which stays where it is. @type {(x: NDArray) => NDArray} */
const setElements = jit((x) => lax.foriLoop(0, updates, (i, c) => c.at(np.mod(i, 1000)).set(i.astype('float32')), x))
const sizes = [1_000, 1_000_000].map((elements) => ({
  elements,
  carry: np.zeros([elements]),
  milliseconds: /** @type {number[]} */ ([]),
}))
for (let round = -3; round < rounds; round++) {
  for (const { carry, milliseconds } of sizes) {
    const since = performance.now()
    setElements(carry).get(0).item()
    if (round >= 0) milliseconds.push(performance.now() - since)
  }
}
console.log(`\n${updates} steps of c = c.at(i).set(i); what the loop starts from is copied once\n`)
console.log('| elements of c | median, ms | fastest, ms |')
console.log('| ------------: | ---------: | ----------: |')
for (const { elements, milliseconds } of sizes) {
  const cells = [String(elements).padStart(13), median(milliseconds).toFixed(3).padStart(10)]
  console.log(
    `| ${cells.join(' | ')} | ${Math.min(...milliseconds)
      .toFixed(3)
      .padStart(11)} |`,
  )
}

const ratio = eager / Math.max(...times.slice(2))
if (!(ratio >= leastRatio)) {
  console.error(`\nscan: ${ratio.toFixed(1)} times faster than the eager loop, and it should be ${leastRatio} times`)
  process.exit(1)
}
