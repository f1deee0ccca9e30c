/** Kernels say which lines of the user's program they compute. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, lax, numpy as np } from 'cotangent'
import { shortNames } from '../../src/compiler/origins.js'
import { known } from '../../src/core/index.js'

const file = fileURLToPath(import.meta.url)
const text = readFileSync(file, 'utf8').split('\n')

/** One function of the expression language on each line, so that a line is known by its function. */
const steps = {
  sin: (x: NDArray) => np.sin(x),
  tanh: (x: NDArray) => np.tanh(x),
  atan: (x: NDArray) => np.arctan(x),
  cbrt: (x: NDArray) => np.cbrt(x),
  asinh: (x: NDArray) => np.arcsinh(x),
} as const
type Name = keyof typeof steps
const names = Object.keys(steps) as Name[]

interface Listed {
  readonly code: string
  readonly lines: readonly number[]
}

/** The kernels of a text, with the lines of this file that each names. */
const kernelsOf = (listing: string): Listed[] =>
  listing
    .split(/^ *(?=\d+: )/m)
    .slice(1)
    .map((code) => {
      const [, lines = ''] = /^\d+: .* bytes, from origins\.test\.ts:([\d,]+)$/m.exec(code) ?? []
      return { code, lines: lines.split(',').filter(Boolean).map(Number) }
    })

const opsOfLines = (lines: readonly number[]): Name[] =>
  names.filter((name) => lines.some((line) => text[line - 1]?.trim().startsWith(`${name}: (x: NDArray)`)))
const opsOfCode = (code: string): Name[] => names.filter((name) => new RegExp(`\\b${name}\\(`).test(code))

const between = {
  nothing: (x: NDArray) => x,
  rows: (x: NDArray) => np.subtract(x, np.sum(x, { axis: 1, keepdims: true })),
  product: (x: NDArray) => np.matmul(x, x),
  views: (x: NDArray) => np.flip(np.transpose(x)),
  order: (x: NDArray) => np.sort(x, { axis: 0 }),
  window: (x: NDArray) => np.cumsum(x, { axis: 0 }),
} as const

describe('kernels and the lines that they come from', () => {
  it('a kernel names the line of a function exactly if it computes it', () => {
    const chain = fc.array(
      fc.tuple(fc.constantFrom(...names), fc.constantFrom(...(Object.keys(between) as (keyof typeof between)[]))),
      { minLength: 1, maxLength: 8 },
    )
    fc.assert(
      fc.property(chain, fc.boolean(), fc.constantFrom(3, 40), (parts, differentiated, size) => {
        const f = (x: NDArray): NDArray => parts.reduce((y, [name, kind]) => between[kind](steps[name](y)), x)
        const g = differentiated ? grad((x: NDArray) => np.sum(f(x))) : f
        const kernels = kernelsOf(jit(g).lower(np.ones([size, size])).kernels)
        expect(kernels.length).toBeGreaterThan(0)
        for (const { code, lines } of kernels) {
          const listed = opsOfLines(lines)
          const computed = opsOfCode(code)
          // Derivatives of a function are computed for its line without the function itself.
          expect(computed).toEqual(differentiated ? listed.filter((name) => computed.includes(name)) : listed)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('those of programs inside a loop and of branches too', () => {
    const f = (x: NDArray): NDArray => {
      const [y] = lax.scan((c: NDArray, v: NDArray) => [steps.sin(np.add(c, v)), null], x, np.ones([4, 3]))
      const z = lax.whileLoop((c: NDArray) => np.less(np.sum(c), 1), steps.tanh, y)
      return lax.cond(np.less(np.sum(z), 0), steps.cbrt, steps.atan, z)
    }
    const kernels = kernelsOf(jit(f).lower(np.ones([3])).kernels)
    for (const name of ['sin', 'tanh', 'cbrt', 'atan'] as const)
      expect(
        kernels.some(({ code, lines }) => opsOfCode(code).includes(name) && opsOfLines(lines).includes(name)),
      ).toBe(true)
  })

  it('the list ends with the whole cost and the files', () => {
    const { kernels, flops } = jit((x: NDArray) => steps.sin(np.matmul(x, x))).lower(np.ones([64, 64]))
    const bytes = kernelsOf(kernels).reduce((sum, { code }) => sum + Number(/(\d+) bytes/.exec(code)?.[1]), 0)
    expect(kernels).toMatch(new RegExp(`^total 2 kernels, ${flops} flops, ${bytes} bytes$`, 'm'))
    expect(kernels.trimEnd().split('\n').at(-1)).toBe(`source origins.test.ts is ${file}`)
  })
})

it('files are named by the shortest ends of their paths that differ', () => {
  expect([...shortNames(['/a/model.ts', '/b/model.ts', '/b/loss.ts', 'model.ts']).values()]).toEqual([
    'a/model.ts',
    'loss.ts',
    'b/model.ts',
    'model.ts',
  ])
  fc.assert(
    fc.property(fc.uniqueArray(fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 })), (paths) => {
      const files = [...new Set(paths.map((parts) => `/${parts.join('/')}`))]
      const found = shortNames(files)
      expect(new Set(found.values()).size).toBe(files.length)
      for (const path of files) expect(path.endsWith(known(found.get(path), 'name'))).toBe(true)
    }),
  )
})
