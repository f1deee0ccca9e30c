/** Values computed by NumPy, SciPy, PyTorch and JAX, against the built package; both runners are those of the project's data. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = (args: readonly string[]): { status: number | null; out: string } => {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  return { status, out: stdout + stderr }
}

/** Programs that may differ, with the reason; every other must agree. */
const oracleExceptions = [
  // JAX's own float32 value is 2e-6 off the true second derivative of gelu at -3.2, ours 1e-8.
  'nn/activations',
]

describe.each(['wasm', 'js'])('golden values on %s', (device) => {
  it('all agree', () => {
    const { status, out } = run([
      'test/golden/runner.mjs',
      '--module',
      'dist/index.js',
      '--device',
      device,
      '--modes',
      'call,grad,jvp,vmap,jit',
    ])
    expect(out).toMatch(/golden: \d+\/\d+ passed, 0 failed, 0 missing/)
    expect(status).toBe(0)
  })
})

describe.each(['wasm', 'js'])('oracle programs on %s', (device) => {
  it('agree with JAX', () => {
    const { out } = run(['test/oracle/run.mjs', '--module', 'dist/index.js', '--device', device, '--brief'])
    const failed = [...out.matchAll(/^FAIL (\S+)/gm)].map((m) => m[1])
    expect(oracleExceptions, out).toEqual(expect.arrayContaining(failed))
    expect(Number(/oracle: (\d+)\//.exec(out)?.[1])).toBeGreaterThan(40)
  })
})
