/** A program that imports from subpaths, bundled: it runs, and what it does not use stays out. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const program = `
import { jit, valueAndGrad } from 'cotangent/transforms'
import { add, matmul, mean, square, subtract, tanh, zeros } from 'cotangent/numpy'
import { key, normal } from 'cotangent/random'
import { adam, applyUpdates } from 'cotangent/optim'
const model = (p, x) => matmul(tanh(add(matmul(x, p.w1), p.b1)), p.w2)
const loss = (p, x, y) => mean(square(subtract(model(p, x), y)))
const optimizer = adam(1e-2)
const step = jit((p, s, x, y) => {
  const [value, grads] = valueAndGrad(loss)(p, x, y)
  const [updates, next] = optimizer.update(grads, s, p)
  return [applyUpdates(p, updates), next, value]
})
let p = { w1: normal(key(0), [4, 8]), b1: zeros([8]), w2: normal(key(1), [8, 1]) }
let s = optimizer.init(p)
const losses = []
for (let i = 0; i < 20; i++) {
  const [p2, s2, value] = step(p, s, normal(key(2), [16, 4]), zeros([16, 1]))
  p = p2
  s = s2
  losses.push(value.item())
}
console.log(JSON.stringify(losses))
`

it('runs, and is smaller than 150 kB gzipped', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cotangent-bundle-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules', 'cotangent'))
  writeFileSync(join(folder, 'main.js'), program)
  await build({
    root: folder,
    configFile: false,
    logLevel: 'silent',
    build: {
      lib: { entry: 'main.js', formats: ['es'], fileName: 'main' },
      minify: true,
      rollupOptions: { external: [/^node:/, 'webgpu'] },
    },
  })
  const file = join(folder, 'dist', 'main.mjs')
  const bytes = gzipSync(readFileSync(file)).length
  expect(bytes).toBeLessThan(150_000)
  const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
  expect(stderr).toBe('')
  const losses = JSON.parse(stdout) as number[]
  expect(losses.length).toBe(20)
  expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0)
})
