/** The golden values and JAX's programs on the GPU, against the built package. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { withSwiftShader } from '../../tools/swiftshader.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Result {
  readonly id: string
  readonly status: 'pass' | 'fail' | 'missing'
  readonly message?: string
}

const run = (args: readonly string[]): { readonly results: readonly Result[]; readonly out: string } => {
  const folder = mkdtempSync(join(tmpdir(), 'cotangent-'))
  const json = join(folder, 'results.json')
  try {
    const { stdout, stderr } = spawnSync(process.execPath, [...args, '--device', 'webgpu', '--json', json], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      env: withSwiftShader(),
    })
    const out = stdout + stderr
    return { results: (JSON.parse(readFileSync(json, 'utf8')) as { results: Result[] }).results, out }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Results whose shape depends on values (unique, nonzero, an index of bools) need reading at once, which a GPU has not. */
const needsReading = ({ message }: Result): boolean => /are read asynchronously/.test(message ?? '')

const golden = ['test/golden/runner.mjs', '--module', 'dist/index.js', '--timeout', '60000']

it('golden values agree, but where shapes depend on values', () => {
  const { results, out } = run([...golden, '--modes', 'call'])
  const failed = results.filter((result) => result.status === 'fail')
  expect(
    failed.filter((result) => !needsReading(result)),
    out,
  ).toEqual([])
  expect(failed.length).toBeLessThan(50)
  expect(results.filter(({ status }) => status === 'pass').length).toBeGreaterThan(2200)
})

it('golden values of derivatives and batches agree', () => {
  const { results, out } = run([
    ...golden,
    '--modes',
    'grad,vmap',
    '--group',
    'conv|matmul|reductions|pooling|indexing|cumul',
  ])
  expect(
    results.filter(({ status }) => status === 'fail'),
    out,
  ).toEqual([])
  expect(results.length).toBeGreaterThan(200)
})
