/**
 * Speed of the generated matrix products: `npm run build && node bench/kernels/sgemm.mjs [MxNxK ...]` prints GFLOP/s.
 *
 * Times are processor times where a call takes longer than 3 ms, so that other processes disturb them less.
 */
import { jit, numpy as np, random } from 'cotangent'

const squares = [64, 100, 128, 256, 512, 1000, 1024].map((n) => [n, n, n])
const skinny = [
  [128, 512, 784],
  [128, 10, 512],
  [25088, 64, 288],
  [50176, 32, 9],
  [2048, 1, 2048],
  [1, 2048, 2048],
]
const asked = process.argv.slice(2).map((size) => size.split('x').map(Number))

/** @type {(f: () => unknown) => { best: number, median: number }} Milliseconds of a call, warmed up. */
const measure = (f) => {
  const warm = performance.now()
  do f()
  while (performance.now() - warm < 250)
  const times = []
  const start = performance.now()
  do {
    const processor = process.cpuUsage()
    const before = performance.now()
    f()
    const wall = performance.now() - before
    const { user, system } = process.cpuUsage(processor)
    times.push(wall > 3 ? (user + system) / 1e3 : wall)
  } while (performance.now() - start < 400 || times.length < 4)
  times.sort((a, b) => a - b)
  return { best: times[0] ?? 0, median: times[times.length >> 1] ?? 0 }
}

for (const [rows = 1, columns = 1, inner = 1] of asked.length > 0 ? asked : [...squares, ...skinny]) {
  const a = random.normal(random.key(0), [rows, inner])
  const b = random.normal(random.key(1), [inner, columns])
  const product = jit(np.matmul)
  const { best, median } = measure(() => product(a, b))
  const speed = (/** @type {number} */ ms) => ((2 * rows * columns * inner) / ms / 1e6).toFixed(1)
  console.log(
    `${process.version} ${rows}x${columns}x${inner}: best ${speed(best)}, median ${speed(median)} GFLOP/s (${(best * 1e3).toFixed(1)} us)`,
  )
}
