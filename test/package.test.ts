/** package.json, the tsconfig paths and src/ name the same public folders: a new folder is added to all three or to none. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const { exports: subpaths, sideEffects } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  exports: Record<string, unknown>
  sideEffects: string[]
}

/** Folders of src/ with an index.ts that are not for users. */
const internal = ['compiler', 'backends']

test('every public folder is a subpath', () => {
  const folders = readdirSync(`${root}src`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(`${root}src/${entry.name}/index.ts`))
    .map((entry) => entry.name)
    .filter((name) => !internal.includes(name))
  expect(Object.keys(subpaths)).toEqual(expect.arrayContaining(folders.map((name) => `./${name}`)))
})

test.each(Object.keys(subpaths).filter((subpath) => subpath !== './package.json'))(
  '%s comes from a module of src/, bundled for Node and by itself for bundlers',
  (subpath) => {
    const name = { '.': 'index', './core': 'core/index' }[subpath] ?? subpath.slice(2)
    expect(existsSync(`${root}src/${name}.ts`)).toBe(true)
    const targets = { types: `./dist/${name}.d.ts`, node: `./dist/${name}.js`, default: `./dist/esm/${name}.js` }
    // The first condition that applies counts, so their order is part of it.
    expect(JSON.stringify(subpaths[subpath])).toBe(JSON.stringify(targets))
  },
)

test('the front doors, which import the one side effect, are listed as having it', () => {
  expect(sideEffects).toEqual(['./dist/*.js', './dist/esm/*.js', './dist/node/*.js'])
  const behind = ['exports.ts', 'gpu.ts', 'init.ts', 'install.ts', 'install-lean.ts', 'parts.ts', 'vocabulary.ts']
  const doors = readdirSync(`${root}src`).filter((name) => name.endsWith('.ts') && !behind.includes(name))
  expect(doors.length).toBeGreaterThan(10)
  for (const door of doors)
    expect(readFileSync(`${root}src/${door}`, 'utf8'), door).toMatch(/^import '.\/install(-lean)?.js'$/m)
})
