/**
 * GPU memory over thousands of awaited training steps: what the library has taken, every few hundred steps. A new batch and a
 * reading of the loss each step, and no word about memory in the programs.
 *
 *     npm run build && node bench/webgpu-memory.mjs [--network tiny|mlp|wide] [--steps 5000] [--every 500]
 *
 * Without a GPU, on Linux x64, SwiftShader takes its place. Exit code 1 when a network takes more than 1.25 times as much at the
 * end as after half of the steps.
 */
import { spawnSync } from 'node:child_process'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { defaultDevice, init, jit, memoryStats, numpy as np, optim, random, stax, valueAndGrad } from '../dist/index.js'
import { hasAdapter, withSwiftShader } from '../tools/swiftshader.mjs'

/** @typedef {import('../dist/index.js').NDArray} NDArray */

/** Widths of the layers, and examples in a batch. @type {Readonly<Record<string, { widths: readonly number[], batch: number }>>} */
const networks = {
  tiny: { widths: [8, 32, 1], batch: 64 },
  mlp: { widths: [64, 128, 128, 10], batch: 32 },
  wide: { widths: [16, 512, 512, 1], batch: 4 },
}
const allowedGrowth = 1.25

const { values } = parseArgs({
  options: {
    network: { type: 'string' },
    // What the processes are told that this one starts: the driver is chosen by their environment.
    here: { type: 'boolean', default: false },
    steps: { type: 'string', default: '5000' },
    every: { type: 'string', default: '500' },
  },
})
const steps = Number(values.steps)
const every = Number(values.every)
const chosen = values.network === undefined ? undefined : networks[values.network]
const counts = [steps, every].every((count) => Number.isSafeInteger(count) && count > 0)
if (!counts || (values.network !== undefined && chosen === undefined)) {
  console.error(
    `webgpu-memory: --network is one of ${Object.keys(networks).join(', ')}, --steps and --every are whole numbers`,
  )
  process.exit(2)
}

/** @type {(bytes: number) => string} */
const megabytes = (bytes) => (bytes / 2 ** 20).toFixed(2)

/** @type {(network: { widths: readonly number[], batch: number }) => Promise<boolean>} */
const train = async ({ widths, batch }) => {
  await init({ device: 'webgpu' })
  defaultDevice('webgpu')
  const [inputs = 0, ...outputs] = widths
  const layers = outputs.flatMap((width, i) => (i === 0 ? [stax.Dense(width)] : [stax.Tanh, stax.Dense(width)]))
  const model = stax.serial(...layers)
  const initial = model.init(random.key(0), [batch, inputs])
  const optimizer = optim.adam(1e-3)
  /** @type {(params: typeof initial.params, x: NDArray, y: NDArray) => NDArray} */
  const loss = (params, x, y) => np.mean(np.square(model.apply(params, initial.state, x, { train: true }).y.sub(y)))
  const step = jit(
    /** @type {(params: typeof initial.params, state: readonly unknown[], x: NDArray, y: NDArray) => any} */
    (params, state, x, y) => {
      const [value, gradients] = valueAndGrad(loss)(params, x, y)
      const [updates, nextState] = optimizer.update(gradients, state, params)
      return { params: optim.applyUpdates(params, updates), state: nextState, value }
    },
  )
  let { params } = initial
  /** @type {readonly unknown[]} */
  let state = optimizer.init(params)
  const x = new Float32Array(batch * inputs)
  const y = new Float32Array(batch * (outputs.at(-1) ?? 0))
  let earlier = 0
  let growth = Infinity
  let cpu = process.cpuUsage()
  for (let i = 1; i <= steps; i++) {
    for (let k = 0; k < x.length; k++) x[k] = Math.sin(i * 12.9898 + k * 78.233)
    for (let k = 0; k < y.length; k++) y[k] = Math.cos(x[k] ?? 0)
    const next = step(params, state, np.array(x).reshape([batch, inputs]), np.array(y).reshape([batch, -1]))
    params = next.params
    state = next.state
    const [value = NaN] = await next.value.data()
    if (i !== 1 && i % every !== 0) continue
    const stats = memoryStats()['webgpu']
    if (stats === undefined) throw new Error('webgpu-memory: no device webgpu')
    const { live, peak } = stats
    const taken = stats.resident + stats.pooled
    if (i <= Math.max(every, steps / 2)) earlier = taken
    growth = taken / earlier
    const used = process.cpuUsage(cpu)
    cpu = process.cpuUsage()
    const cells = [i, megabytes(taken), megabytes(live), megabytes(peak), megabytes(process.memoryUsage.rss())]
    const perStep = (used.user + used.system) / 1000 / (i === 1 ? 1 : every === i ? i - 1 : every)
    console.log(
      `| ${[...cells, value.toFixed(5), perStep.toFixed(2)].map((cell) => String(cell).padStart(8)).join(' | ')} |`,
    )
  }
  return growth <= allowedGrowth
}

if (chosen !== undefined && values.here) {
  if (!(await train(chosen))) {
    console.error(`webgpu-memory: more than ${allowedGrowth} times as much memory as after half of the steps`)
    process.exitCode = 1
  }
} else {
  const env = hasAdapter() ? process.env : withSwiftShader()
  console.log(
    `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} threads, load ${loadavg()[0]?.toFixed(1)}, Node ${process.version}`,
  )
  for (const [name, { widths, batch }] of Object.entries(networks)) {
    if (values.network !== undefined && name !== values.network) continue
    console.log(`\n${name}: layers of ${widths.join('-')}, tanh, Adam, batches of ${batch}; memory in MB\n`)
    console.log('|     step |    taken |   living |     most |  process |     loss | CPU ms a step |')
    console.log('| -------: | -------: | -------: | -------: | -------: | -------: | ------------: |')
    const args = ['--here', '--network', name, '--steps', String(steps), '--every', String(every)]
    const { status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...args], { stdio: 'inherit', env })
    if (status !== 0) process.exitCode = 1
  }
}
