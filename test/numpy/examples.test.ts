/** Every example in the documentation of np and ops runs, and gives what the comment beside it says where that is a list or a number. */
import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import * as cotangent from 'cotangent'

const folder = new URL('../../src/numpy/', import.meta.url)

/** The code of each `@example`, and the function that it documents. */
const examplesOf = (source: string): { readonly name: string; readonly code: string }[] =>
  [...source.matchAll(/\/\*\*\n((?: \*.*\n)+?) \*\/\nexport (?:const|function) (\w+)/g)].flatMap(
    ([, comment = '', name = '']) => {
      const code = /@example\n \* ```ts\n((?: \* .*\n)+?) \* ```/.exec(comment)?.[1]
      return code === undefined ? [] : [{ name, code: code.replaceAll(/^ \* ?/gm, '') }]
    },
  )

/** `expression // [1, 2]`: the expression, and what it should give. */
const claimOf = (line: string): { readonly expression: string; readonly value: unknown } | undefined => {
  const parts = /^(np\..*|ops\..*) \/\/ (?:\w+ )?(\[.*\]|-?[\d.]+(?:e-?\d+)?)$/.exec(line)
  if (parts === null) return undefined
  try {
    return { expression: parts[1] ?? '', value: JSON.parse(parts[2] ?? '') }
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

const run = (code: string): unknown => {
  const scope: Readonly<Record<string, unknown>> = {
    ...cotangent,
    np: cotangent.numpy,
    get: cotangent.numpy.get,
    at: cotangent.numpy.at,
  }
  // eslint-disable-next-line typescript/no-implied-eval -- running the examples is the point
  return new Function(...Object.keys(scope), code)(...Object.values(scope))
}

describe('examples of the documentation', () => {
  let claims = 0
  for (const file of readdirSync(folder).sort()) {
    const examples = examplesOf(readFileSync(new URL(file, folder), 'utf8'))
    if (examples.length === 0) continue
    it(`of ${file}`, () => {
      for (const { name, code } of examples) {
        run(code)
        const lines = code.trimEnd().split('\n')
        lines.forEach((line, i) => {
          const claim = claimOf(line)
          if (claim === undefined) return
          claims++
          const got = plainOf(run(`${lines.slice(0, i).join('\n')}\nreturn ${claim.expression}`))
          expect(agree(got, claim.value), `${name}: ${line}, got ${JSON.stringify(got)}`).toBe(true)
        })
      }
    })
  }

  it('are many, so that this test reads what it should', () => {
    expect(claims).toBeGreaterThan(100)
  })
})
