/** Every example in the documentation of src/ runs, and gives what the comment beside it says where that is a list or a number. */
import { mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as functions from 'fp-ts/lib/function.js'
import * as monoids from 'fp-ts/lib/Monoid.js'
import * as taskEithers from 'fp-ts/lib/TaskEither.js'
import { describe, expect, it } from 'vitest'
import { transformWithOxc } from 'vite'
import * as cotangent from 'cotangent'
import * as core from 'cotangent/core'
import * as fp from 'cotangent/fp'
import * as transforms from 'cotangent/transforms'

const folder = fileURLToPath(new URL('../../src/', import.meta.url))

/** The code of each `@example`, with the name of what it documents. */
const examplesOf = (source: string): { readonly name: string; readonly code: string }[] =>
  [
    ...source.matchAll(
      /\/\*\*\n((?: *\*.*\n)+?) *\*\/\n *(?:export )?(?:const|function|readonly|interface|class)? ?(\w+)/g,
    ),
  ].flatMap(([, comment = '', name = '']) => {
    const code = /@example\n *\* ```ts\n((?: *\*.*\n)+?) *\* ```/.exec(comment)?.[1]
    return code === undefined ? [] : [{ name, code: code.replaceAll(/^ *\* ?/gm, '') }]
  })

/** `expression // [1, 2]`, also inside `console.log(...)`: the expression, and what it should give. */
const claimOf = (line: string): { readonly expression: string; readonly value: unknown } | undefined => {
  const parts = /^(.*\S) \/\/ (?:\w+ )?(\[.*\]|-?[\d.]+(?:e-?\d+)?)$/.exec(line)
  const expression = parts?.[1] ?? ''
  if (parts === null || /^(?:const|let) /.test(expression)) return undefined
  try {
    return {
      expression: /^console\.log\((.*)\)$/.exec(expression)?.[1] ?? expression,
      value: JSON.parse(parts[2] ?? ''),
    }
  } catch {
    return undefined
  }
}

const plainOf = (x: unknown): unknown =>
  x instanceof cotangent.NDArray ? x.js() : Array.isArray(x) ? x.map(plainOf) : x

/** Equal up to the digits that are written down; true counts as 1. */
const agree = (got: unknown, claimed: unknown): boolean => {
  if (Array.isArray(claimed))
    return Array.isArray(got) && got.length === claimed.length && claimed.every((value, i) => agree(got[i], value))
  return Math.abs(Number(got) - Number(claimed)) <= 1e-5 * Math.max(1, Math.abs(Number(claimed)))
}

const workplace = mkdtempSync(join(tmpdir(), 'cotangent-examples-'))

const run = async (code: string, file: string): Promise<unknown> => {
  const room = file.split('/')[0] ?? ''
  const own: unknown = room === 'numpy' ? {} : Reflect.get(cotangent, room)
  const scope: Record<string, unknown> = {
    ...core,
    ...fp,
    ...transforms,
    ...cotangent.lax,
    ...(typeof own === 'object' ? own : {}),
    ...cotangent,
    np: cotangent.numpy,
    get: cotangent.numpy.get,
    at: cotangent.numpy.at,
    modules: {
      'fp-ts/lib/function.js': functions,
      'fp-ts/lib/Monoid.js': monoids,
      'fp-ts/lib/TaskEither.js': taskEithers,
      cotangent,
    },
    // A global of browsers.
    GPUBufferUsage: { COPY_SRC: 0x04, STORAGE: 0x80 },
    console: { log: () => {}, error: () => {} },
    path: (name: string) => join(workplace, name),
  }
  // np.var and lax.switch can only be written with their namespace.
  for (const reserved of ['switch', 'var', 'default']) delete scope[reserved]
  const inlined = code.replaceAll(
    /^import (\{.*\}) from '(.*)'$/gm,
    (_, names: string, from: string) => `const ${names} = modules['${from}']`,
  )
  // A function of its own, so that examples may declare names that the scope has too.
  const { code: js } = await transformWithOxc(`export const example = async () => {\n${inlined}\n}`, 'example.ts')
  const body = js.replace(/export const example = /, 'return (').replace(/;?\s*$/, ')()')
  const AsyncFunction = Object.getPrototypeOf(run).constructor as new (
    ...args: string[]
  ) => (...values: unknown[]) => Promise<unknown>
  return new AsyncFunction(...Object.keys(scope), body)(...Object.values(scope))
}

describe('examples of the documentation', () => {
  let claims = 0
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .sort()
  for (const file of files) {
    const examples = examplesOf(readFileSync(join(folder, file), 'utf8'))
    if (examples.length === 0) continue
    it.each(examples)(`${file}: $name`, async ({ name, code }) => {
      // An example may have chosen another one.
      cotangent.defaultDevice('wasm')
      await run(code, file)
      const lines = code.trimEnd().split('\n')
      for (const [i, line] of lines.entries()) {
        const claim = claimOf(line)
        if (claim === undefined) continue
        claims++
        const got = plainOf(await run(`${lines.slice(0, i).join('\n')}\nreturn ${claim.expression}`, file))
        expect(agree(got, claim.value), `${name}: ${line}, got ${JSON.stringify(got)}`).toBe(true)
      }
    })
  }

  it('are many, so that this test reads what it should', () => {
    expect(claims).toBeGreaterThan(200)
  })
})
