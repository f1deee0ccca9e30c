/** The built package as Node loads it: bundled into a few files that hold one library, whose names and lines errors still show. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import * as source from 'cotangent'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'cotangent-node-'))
afterAll(() => rmSync(folder, { recursive: true }))
mkdirSync(join(folder, 'node_modules'))
for (const name of ['cotangent', 'fast-check'])
  symlinkSync(
    name === 'cotangent' ? root : join(root, 'node_modules', name),
    join(folder, 'node_modules', name),
    'junction',
  )

const { exports: subpaths } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, unknown>
}
const doors = Object.keys(subpaths)
  .filter((subpath) => subpath !== './package.json')
  .map((subpath) => `cotangent${subpath.slice(1)}`)

/** Runs a program as a user of the package does. */
const run = (program: string, ...flags: readonly string[]): { stdout: string; stderr: string; file: string } => {
  const file = join(folder, 'main.mjs')
  writeFileSync(file, program)
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, file], { encoding: 'utf8', cwd: folder })
  return { stdout, stderr, file }
}

/** What a program that must not fail prints as JSON. */
const printed = (program: string): unknown => {
  const { stdout, stderr } = run(program)
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

/** Every function behind an object: where it is, its name, and how many arguments it takes. Its own source runs in the program too. */
const functionsOf = (library: object): string[] => {
  const seen = new Set<unknown>()
  const found: string[] = []
  const visit = (value: unknown, path: string): void => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return
    seen.add(value)
    if (typeof value === 'function') found.push(`${path} ${value.name} ${value.length}`)
    const isModule = Reflect.get(value, Symbol.toStringTag) === 'Module'
    for (const [name, own] of Object.entries(Object.getOwnPropertyDescriptors(value)).sort(([a], [b]) =>
      a < b ? -1 : 1,
    ))
      if (name !== 'prototype' && (isModule || own.get === undefined))
        visit(Reflect.get(value, name), `${path}.${name}`)
  }
  visit(library, 'cotangent')
  return found
}

describe('the package in Node', () => {
  it('every function has the name and the parameters that it has in src/', () => {
    const expected = functionsOf(source)
    expect(expected.length).toBeGreaterThan(1000)
    const program = `import * as library from 'cotangent'
console.log(JSON.stringify((${functionsOf.toString()})(library)))`
    expect(printed(program)).toEqual(expected)
  })

  it('namespaces show what they hold', () => {
    const { stdout } = run("import { numpy, tree } from 'cotangent'; console.log(numpy, tree)")
    expect(stdout).toContain('zeros: [Function: zeros]')
    expect(stdout).toContain('linalg: {')
    expect(stdout).not.toContain('[Getter]')
  })

  it('all subpaths are of one library', () => {
    const program = `
const doors = await Promise.all(${JSON.stringify(doors)}.map((door) => import(door)))
const byName = Object.fromEntries(${JSON.stringify(doors)}.map((door, i) => [door, doors[i]]))
const { numpy, lax, grad, NDArray } = byName['cotangent']
const lean = byName['cotangent/lean'], core = byName['cotangent/core']
const x = byName['cotangent/numpy'].array([1, 2])
console.log(JSON.stringify([
  byName['cotangent/numpy'].add === numpy.add, lean.numpy.add === numpy.add, byName['cotangent/lax'].add === lax.add,
  byName['cotangent/transforms'].grad === grad, core.NDArray === NDArray, x instanceof NDArray, x.sum().item(),
  lean.devices(),
]))`
    expect(printed(program)).toEqual([true, true, true, true, true, true, 3, ['wasm', 'js']])
  })

  it('lean arrays have no methods that compute', () => {
    const program = `
import { numpy as np } from 'cotangent/lean'
try { np.array([1]).sub(1) } catch (error) { console.log(JSON.stringify(error.message)) }`
    expect(printed(program)).toMatch(/^x.sub: with 'cotangent\/lean' arrays have no methods/)
  })

  it('few files are read, and no package', () => {
    const hook = join(folder, 'count.mjs')
    writeFileSync(
      hook,
      // Written at once: what a thread logs may be lost when the process ends.
      `import { writeSync } from 'node:fs'
export const load = (url, context, next) => { if (url.startsWith('file:')) writeSync(1, url + '\\n'); return next(url, context) }`,
    )
    const { stdout, stderr, file } = run(
      `import { register } from 'node:module'\nregister('./count.mjs', import.meta.url)\nawait import('cotangent')`,
    )
    expect(stderr).toBe('')
    const read = stdout.trim().split('\n')
    expect(read).not.toContain(file)
    expect(read.filter((url) => !url.includes('/dist/'))).toEqual([])
    expect(read.map((url) => url.replace(/.*\/dist\//, '')).sort()).toEqual([
      'index.js',
      'node/cotangent.js',
      'node/install.js',
      'node/rolldown-runtime.js',
    ])
  })

  it('equations know the line of the user', () => {
    const program = `import { makeJaxpr, numpy as np } from 'cotangent'
const { jaxpr } = makeJaxpr((x) => {
  const y = np.sin(x)
  return np.add(y, 1)
})(np.ones([3]))
console.log(JSON.stringify(jaxpr.equations.map(({ source }) => source)))
`
    expect(printed(program)).toEqual([`${join(folder, 'main.mjs')}:3:16`, `${join(folder, 'main.mjs')}:4:13`])
  })

  it('an error that nobody catches shows the line that threw it and the functions that called it', () => {
    const { stderr, file } = run(`import { jit, numpy as np } from 'cotangent'
const loss = jit((x) => np.matmul(x, np.ones([4])))
loss(np.ones([3]))
`)
    const lines = stderr.split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(400)
    expect(stderr).toMatch(/^.*return new ShapeError\(`/m)
    expect(stderr).toContain('ShapeError: ')
    expect(stderr).toMatch(/at (?:Module\.)?matmul /)
    expect(stderr).toContain(`${file}:2:`)
  })

  it('threads start', () => {
    const program = `
import { init, jit, numpy as np } from 'cotangent'
await init({ threads: 2 })
const f = jit((x) => np.sum(np.matmul(x, x)))
console.log(JSON.stringify(f(np.ones([512, 512])).item()))`
    expect(printed(program)).toBe(512 ** 3)
  })

  it('all its code is ASCII, in the files that are listed as having side effects', () => {
    expect(readdirSync(join(root, 'dist')).filter((name) => name.endsWith('.js')).length).toBe(doors.length - 1)
    const files = readdirSync(join(root, 'dist', 'node'))
    expect(files.filter((name) => !name.endsWith('.js'))).toEqual([])
    // One letter beyond ASCII doubles the memory of a file.
    for (const name of files)
      expect(
        readFileSync(join(root, 'dist', 'node', name)).every((byte) => byte < 128),
        name,
      ).toBe(true)
    expect(readdirSync(join(root, 'dist', 'core')).filter((name) => name.endsWith('.js'))).toEqual(['index.js'])
  })
})
