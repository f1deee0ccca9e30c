/** The import checker must catch each kind of violation, and must not be content when it has read nothing. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const checker = fileURLToPath(new URL('../../tools/check-imports.mjs', import.meta.url))
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'check-imports-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Writes a tree of modules to src/ of the temporary folder and checks it. */
const check = (tree: Record<string, string>) => {
  for (const [path, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(folder, 'src', path)), { recursive: true })
    writeFileSync(join(folder, 'src', path), text)
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [checker], { cwd: folder, encoding: 'utf8' })
  return { status, violations: stderr.trimEnd().split('\n'), summary: stdout.trimEnd() }
}

test('a tree that keeps the rules passes', () => {
  const { status, violations, summary } = check({
    'index.ts': `export * as lax from './lax.js'\nexport * as io from './io/index.js'\n`,
    'lax.ts': `export * from './lax/index.js'\nexport * from './transforms/jit.js'\n`,
    'core/shape.ts': `import * as O from 'fp-ts/lib/Option.js'\nexport const none = O.none\n`,
    'lax/index.ts': `import type { none } from '../core/shape.js'\nexport type None = typeof none\n`,
    'transforms/jit.ts': `// import '../numpy/index.js'\nexport const text = "import '../numpy/index.js'"\n`,
    'io/index.ts': `import type { Stats } from 'node:fs'\nexport type Size = Stats['size']\n`,
    'testing/index.ts': `import fc from 'fast-check'\nexport { fc }\nexport * from '../lax/index.js'\n`,
  })
  expect({ status, violations }).toEqual({ status: 0, violations: [''] })
  expect(summary).toBe('imports: 7 modules, 6 imports, 0 violations')
})

const planted: Record<string, [tree: Record<string, string>, violations: string[]]> = {
  'an import upwards': [
    { 'core/a.ts': `export const a = 1\nexport { b } from '../lax/b.js'\n`, 'lax/b.ts': 'export const b = 1' },
    [`src/core/a.ts:2: core may not import lax ('../lax/b.js'); it may import: nothing`],
  ],
  'an import upwards of a type alone': [
    { 'lax/a.ts': `import type { B } from '../numpy/b.js'\nexport type A = B\n`, 'numpy/b.ts': 'export type B = 1' },
    [`src/lax/a.ts:1: lax may not import numpy ('../numpy/b.js'); it may import: core, scalar`],
  ],
  'an import upwards by import() of a value and of a type': [
    {
      'core/a.ts': `export const a = import('../lax/b.js')\nexport type A = import('../lax/b.js').B\n`,
      'lax/b.ts': 'export type B = 1',
    },
    [
      `src/core/a.ts:1: core may not import lax ('../lax/b.js'); it may import: nothing`,
      `src/core/a.ts:2: core may not import lax ('../lax/b.js'); it may import: nothing`,
    ],
  ],
  'an import between backends': [
    { 'backends/js/a.ts': `import '../wasm/b.js'\n`, 'backends/wasm/b.ts': '' },
    [
      `src/backends/js/a.ts:1: backends/js may not import backends/wasm ('../wasm/b.js'); it may import: core, scalar, compiler`,
    ],
  ],
  'an import of the front door': [
    { 'testing/a.ts': `import '../index.js'\n`, 'index.ts': '' },
    [`src/testing/a.ts:1: testing may not import the front door ('../index.js'); it may import: *`],
  ],
  'a circle of files, through a type': [
    {
      'core/a.ts': `import './b.js'\n`,
      'core/b.ts': `\nexport * from './c.js'\n`,
      'core/c.ts': `import type { A } from './a.js'\n`,
      'core/d.ts': `import './a.js'\n`,
    },
    [`src/core/a.ts:1: imports in a circle: core/b.ts -> core/c.ts -> core/a.ts`],
  ],
  'a module that imports itself': [
    { 'core/a.ts': `import './a.js'\n` },
    ['src/core/a.ts:1: imports in a circle: core/a.ts'],
  ],
  'a circle of rooms': [
    {
      'core/a.ts': `import '../lax/b.js'\n`,
      'core/c.ts': '',
      'lax/b.ts': `import '../core/c.js'\n`,
    },
    [
      `src/core/a.ts:1: core may not import lax ('../lax/b.js'); it may import: nothing`,
      'src: rooms import in a circle: lax -> core',
    ],
  ],
  'packages from outside': [
    {
      'core/a.ts': `import { pipe } from 'fp-ts/function'\nimport 'lodash'\nimport fc from 'fast-check'\n`,
      'index.ts': `import 'cotangent'\nimport 'node:fs'\n`,
    },
    [
      `src/core/a.ts:1: core may not import 'fp-ts/function' from outside`,
      `src/core/a.ts:2: core may not import 'lodash' from outside`,
      `src/core/a.ts:3: core may not import 'fast-check' from outside`,
      `src/index.ts:1: the front door may not import 'cotangent' from outside`,
      `src/index.ts:2: the front door may not import 'node:fs' from outside`,
    ],
  ],
  'modules of Node, but for types in io and data': [
    {
      'core/a.ts': `await import('node:fs')\n`,
      'data/b.ts': `import type { Stats } from 'node:fs'\nawait import('node:fs')\n`,
    },
    [
      `src/core/a.ts:1: core may not import 'node:fs' from outside`,
      `src/data/b.ts:2: 'node:fs' may only be imported as a type`,
    ],
  ],
  'names that say nothing or go nowhere': [
    { 'core/a.ts': 'await import(`./${b}.js`)\n', 'core/b.ts': `import './a'\nimport './missing.js'\n` },
    [
      'src/core/a.ts:1: the name of an imported module must be a plain string',
      `src/core/b.ts:1: './a' is not a module of src/ (write ./name.js for name.ts)`,
      `src/core/b.ts:2: './missing.js' is not a module of src/ (write ./name.js for name.ts)`,
    ],
  ],
  'a folder without rules, and other kinds of modules': [
    { 'utilities/a.ts': '', 'core/b.mts': '', 'core/c.ts': `/// <reference types="node" />\n` },
    [
      'src/core/b.mts:1: modules of the library are .ts files',
      'src/core/c.ts:1: reference directives reach around the rules: import instead',
      'src/utilities/a.ts:1: this folder is not in the table of rooms in tools/check-imports.mjs',
    ],
  ],
}

for (const [name, [tree, expected]] of Object.entries(planted))
  test(`catches ${name}`, () => {
    const { status, violations } = check(tree)
    expect(violations).toEqual(expected)
    expect(status).toBe(1)
  })

test('fails when it has read no module', () => {
  expect(check({ 'core/readme.md': '' }).status).toBe(2)
  rmSync(join(folder, 'src'), { recursive: true })
  const { status, violations } = check({})
  expect(status).toBe(2)
  expect(violations[0]).toMatch(/no module/)
})
