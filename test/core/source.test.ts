/** Where equations come from: the user's line, however deep it is, found without printing whole stacks. */
import { describe, expect, test } from 'vitest'
import { type ArrayLike, grad, jvp, makeJaxpr, numpy as np, optim, vmap } from 'cotangent'

const lineOf = (place: string | undefined): string => /source\.test\.ts:(\d+):\d+$/.exec(place ?? '')?.[1] ?? `${place}`

/** The line of this file that calls it. */
const here = (): number => Number(lineOf(new Error().stack?.split('\n')[2]?.replace(/\)$/, '')))

/** The line that traces. */
let caller = 0

const linesOf = (f: (x: ArrayLike) => unknown): Set<number> => {
  caller = here() + 1
  const { equations } = makeJaxpr(f)(np.ones([3])).jaxpr
  return new Set(equations.map((equation) => Number(lineOf(equation.source))))
}

const deep = <R>(depth: number, f: () => R): R => (depth === 0 ? f() : deep(depth - 1, f))

describe('the place of an equation', () => {
  test('is the line of the user that asked for it, also through derivatives and batches', () => {
    let line = 0
    const f = (x: ArrayLike): ReturnType<typeof np.sin> => {
      line = here() + 1
      return np.sum(np.tanh(np.sin(x)))
    }
    // The derivative of the result is asked for by whoever calls grad, which is linesOf.
    for (const g of [f, grad(f), vmap(vmap(f, { inAxes: null, axisSize: 3 }), { inAxes: null, axisSize: 2 })])
      expect([...linesOf(g)].filter((each) => each !== caller)).toEqual([line])
    const ones = np.ones([3])
    expect(linesOf((x) => jvp(f, [x], [ones]))).toEqual(new Set([line]))
  })

  test('is found below many frames', () => {
    for (const depth of [0, 10, 20, 30, 200]) {
      let line = 0
      const lines = linesOf((x) =>
        deep(depth, () => {
          line = here() + 1
          return np.sin(x)
        }),
      )
      expect(lines).toEqual(new Set([line]))
    }
  })

  test('of what an optimizer does is the line that called it', () => {
    const adam = optim.adam(0.1)
    const start = here()
    const lines = linesOf((x) => {
      const [updates] = adam.update({ a: x, b: x }, adam.init({ a: x, b: x }))
      return optim.applyUpdates({ a: x, b: x }, updates)
    })
    expect(lines).toEqual(new Set([start + 2, start + 3]))
  })

  test("differs between the user's rules and what is around them", () => {
    const f = vmap((x: ArrayLike) => {
      const y = np.sin(x)
      return np.cos(y)
    })
    const start = here()
    expect(linesOf(f)).toEqual(new Set([start - 3, start - 2]))
  })

  test('leaves printing to whoever prints stacks, and asks for one frame alone', () => {
    const before: unknown = Reflect.get(Error, 'prepareStackTrace')
    const frames: number[] = []
    const own = (_: Error, sites: readonly NodeJS.CallSite[]): string => {
      frames.push(sites.length)
      return 'Error\n    at f (/somewhere/else.ts:7:3)'
    }
    Error.prepareStackTrace = own
    try {
      const { equations } = makeJaxpr((x: ArrayLike) => np.sin(x))(np.ones([3])).jaxpr
      expect(equations.map(({ source }) => source)).toEqual(['/somewhere/else.ts:7:3'])
      expect(Reflect.get(Error, 'prepareStackTrace')).toBe(own)
      expect(Math.max(...frames)).toBe(1)
    } finally {
      Reflect.set(Error, 'prepareStackTrace', before)
    }
  })

  test('is not looked for when nothing is recorded', () => {
    const before: unknown = Reflect.get(Error, 'prepareStackTrace')
    let asked = 0
    Error.prepareStackTrace = () => {
      asked++
      return ''
    }
    try {
      np.add(np.sin(np.ones([3])), 1)
      expect(asked).toBe(0)
    } finally {
      Reflect.set(Error, 'prepareStackTrace', before)
    }
  })
})
