/** debug: callbacks and prints that run when the program does, and leaks of traced values. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type NDArray,
  ArgumentError,
  checkpoint,
  customVjp,
  debug,
  everythingSaveable,
  grad,
  jit,
  jvp,
  lax,
  linearize,
  makeJaxpr,
  numpy as np,
  parseJaxpr,
  printJaxpr,
  vmap,
  withDevice,
} from 'cotangent'
import { devices } from './support.js'

const lines: string[] = []
let before: debug.Sink | null = null

beforeEach(() => {
  lines.length = 0
  before = debug.setSink((text) => lines.push(text))
})
afterEach(() => void debug.setSink(before))

/** What a program prints. */
const printed = (f: () => unknown): readonly string[] => {
  lines.length = 0
  f()
  return [...lines]
}

const looked = (x: NDArray): NDArray => {
  debug.print('x = {}', x)
  return np.sum(np.sin(x))
}

describe.each(devices)('debug.print on %s', (device) => {
  const on = (f: () => unknown): readonly string[] => withDevice(device, () => printed(f))
  const vector = (): NDArray => np.array([1, 2])

  it('prints once per run: eager, jitted, differentiated', () => {
    const expected = ['x = [1.0, 2.0]']
    expect(on(() => looked(vector()))).toEqual(expected)
    expect(on(() => jit(looked)(vector()))).toEqual(expected)
    expect(on(() => grad(looked)(vector()))).toEqual(expected)
    expect(on(() => jit(grad(looked))(vector()))).toEqual(expected)
    expect(on(() => grad(jit(looked))(vector()))).toEqual(expected)
    expect(on(() => jvp(looked, [vector()], [vector()]))).toEqual(expected)
    expect(on(() => linearize(looked, vector())[1](vector()))).toEqual(expected)
  })

  it('prints again in every run of a compiled program', () =>
    withDevice(device, () => {
      const f = jit(looked)
      expect(printed(() => [f(np.array([1, 2])), f(np.array([3, 4]))])).toEqual(['x = [1.0, 2.0]', 'x = [3.0, 4.0]'])
    }))

  it('prints for each member of a vmap, in order', () => {
    const expected = ['x = 0.0', 'x = 1.0', 'x = 2.0']
    const members = (): NDArray => np.array([0, 1, 2])
    expect(on(() => vmap(looked)(members()))).toEqual(expected)
    expect(on(() => jit(vmap(looked))(members()))).toEqual(expected)
    expect(on(() => vmap(grad(looked))(members()))).toEqual(expected)
    expect(on(() => vmap((x: NDArray) => (debug.print('{} {}', x, np.array(5)), x))(members()))).toEqual([
      '0.0 5.0',
      '1.0 5.0',
      '2.0 5.0',
    ])
    expect(on(() => vmap((x: NDArray) => (debug.print('hello'), x))(members()))).toEqual(['hello'])
  })

  it('prints in every iteration of nested loops, and in the branch that is taken', () => {
    const f = (xs: NDArray): NDArray =>
      lax.scan(
        (c: NDArray, x: NDArray) => {
          const grown = lax.whileLoop(
            (v: NDArray) => np.less(v, 3),
            (v: NDArray) => {
              debug.print('  v = {}', v)
              return np.add(v, 1)
            },
            x,
          )
          lax.cond(
            np.greater(c, 2),
            (v: NDArray) => debug.print('large {}', v) ?? null,
            () => debug.print('small') ?? null,
            c,
          )
          return [np.add(c, grown), null] as const
        },
        np.array(0),
        xs,
      )[0]
    const expected = ['  v = 1.0', '  v = 2.0', 'small', '  v = 2.0', 'large 3.0']
    expect(on(() => f(vector()))).toEqual(expected)
    expect(on(() => jit(f)(vector()))).toEqual(expected)
    expect(on(() => jit((xs: NDArray) => jvp(f, [xs], [xs])[1])(vector()))).toEqual(expected)
  })

  it('prints what it can of a program whose results nobody uses', () => {
    const f = jit((x: NDArray) => {
      const unused = np.exp(x)
      debug.print('unused {}', unused)
      debug.print('twice')
      debug.print('twice')
      return x
    })
    expect(on(() => f(np.array(0)))).toEqual(['unused 1.0', 'twice', 'twice'])
  })

  it('prints in a scan that only prints, reversed, and differentiated', () => {
    const f = (xs: NDArray): NDArray => {
      lax.scan((_: null, x: NDArray) => [debug.print('{}', x) ?? null, null] as const, null, xs, { reverse: true })
      return np.sum(xs)
    }
    expect(on(() => jit(f)(vector()))).toEqual(['2.0', '1.0'])
    expect(on(() => jit(grad(f))(vector()))).toEqual(['2.0', '1.0'])
    const g = (x: NDArray): NDArray =>
      np.sum(
        lax.scan(
          (c: NDArray, v: NDArray) => (debug.print('c {}', c), [np.multiply(c, v), null] as const),
          np.array(1),
          x,
        )[0],
      )
    expect(on(() => grad(g)(np.array([2, 3])))).toEqual(['c 1.0', 'c 2.0'])
  })

  it('prints once where a while runs again for its derivative', () => {
    // The counter is known when the rest is not: its half runs first, and the loop once more for the rest.
    const f = (x: NDArray): NDArray =>
      lax.whileLoop(
        ([i]: readonly [NDArray, NDArray]) => np.less(i, 2),
        ([i, v]: readonly [NDArray, NDArray]): readonly [NDArray, NDArray] => {
          debug.print('i = {}', i)
          return [np.add(i, 1), np.multiply(v, 2)]
        },
        [np.array(0, { dtype: 'int32' }), x] as const,
      )[1]
    expect(on(() => linearize(f, np.array(1))[1](np.array(1)).item())).toEqual(['i = 0', 'i = 1'])
  })

  it('prints again where checkpoint computes again, as JAX does', () => {
    expect(on(() => jit(grad(checkpoint(looked)))(vector()))).toEqual(['x = [1.0, 2.0]', 'x = [1.0, 2.0]'])
    expect(on(() => grad(checkpoint(looked, { policy: everythingSaveable }))(vector()))).toEqual(['x = [1.0, 2.0]'])
  })

  it('prints from the rules of custom derivatives', () => {
    const f = customVjp((x: NDArray) => np.sin(x))
    f.defvjp(
      (x) => [np.sin(x), x],
      (x: NDArray, ct: NDArray) => {
        debug.print('ct = {}', ct)
        return [np.multiply(ct, np.cos(x))]
      },
    )
    expect(on(() => jit(grad((x: NDArray) => np.multiply(3, f(x))))(np.array(1)))).toEqual(['ct = 3.0'])
  })
})

describe('formats', () => {
  const x = np.array([1, 2.5])
  it('take values in order, by position and by name', () => {
    debug.print('{} {} {1} {0}', 1, x)
    debug.print('{a} {{}} {} {b}', true, { a: np.array(7, { dtype: 'int32' }), b: [np.array(false), 'text'] })
    expect(lines).toEqual(['1 [1.0, 2.5] [1.0, 2.5] 1', '7 {} true [false, text]'])
  })
  it('show arrays as NumPy shows them, large ones by their edges', () => {
    debug.print('m = {}', np.array([[1, 2], [3, 4]])) // prettier-ignore
    debug.print('{}', np.arange(2000))
    debug.print('{} {}', np.zeros([0]), np.array([NaN, -Infinity, -0, 1e-20, 0.1]))
    expect(lines).toEqual([
      'm = [[1.0, 2.0],\n     [3.0, 4.0]]',
      '[0, 1, 2, ..., 1997, 1998, 1999]',
      '[] [nan, -inf, -0.0, 1e-20, 0.1]',
    ])
  })
  it('without a value for a field are an error at once', () => {
    expect(() => debug.print('{} {}', 1)).toThrow(ArgumentError)
    expect(() => debug.print('{name}', 1)).toThrow(
      "debug.print: '{name}' in '{name}' fits none of the 1 value that follow. Write {} for the next value, {0} for the first, {name} for one of a record that comes last, {{ and }} for braces.",
    )
    expect(() => debug.print('100 }')).toThrow(ArgumentError)
  })
})

describe.each(devices)('debug.callback on %s', (device) => {
  it('gives pytrees with values in the place of traced arrays', () =>
    withDevice(device, () => {
      const seen: unknown[] = []
      jit((x: NDArray) => {
        const note = (p: { a: NDArray; b: readonly [number, NDArray] }, name: string): unknown =>
          seen.push([p.a.js(), p.b[0], p.b[1].item(), name, p.a.device])
        debug.callback(note, { a: np.multiply(x, 2), b: [3, np.sum(x)] as const }, 'name')
        return x
      })(np.array([1, 2]))
      expect(seen).toEqual([[[2, 4], 3, 3, 'name', device]])
    }))

  it('may run other programs, and the same one, in the middle of a program', () =>
    withDevice(device, () => {
      const square = jit((x: NDArray) => np.sum(np.multiply(x, np.cumsum(x))))
      const seen: number[] = []
      const f = jit((x: NDArray, depth: NDArray): NDArray => {
        const sums = np.cumsum(np.multiply(x, 2))
        debug.callback(
          (v: NDArray, d: NDArray) => {
            seen.push(square(v).item())
            if (d.item() > 0) seen.push(f(np.multiply(v, 0.5), np.subtract(d, 1)).item())
          },
          sums,
          depth,
        )
        const sorted = np.sort(np.negative(sums))
        return np.add(np.sum(np.sin(sums)), sorted.get(0))
      })
      const n = 2000
      const x = np.multiply(np.ones([n]), 1e-3)
      const expected = (scale: number): number => {
        let sum = 0
        for (let i = 1; i <= n; i++) sum += Math.sin(scale * 2e-3 * i)
        return sum - scale * 2e-3 * n
      }
      expect(f(x, np.array(0)).item()).toBeCloseTo(expected(1), 1)
      expect(f(x, np.array(1)).item()).toBeCloseTo(expected(1), 1)
      expect(seen).toHaveLength(4)
    }))

  it('that throws ends the run, and leaves the device working', () =>
    withDevice(device, () => {
      const f = jit((x: NDArray) => {
        debug.callback((v: NDArray) => {
          if (v.item() > 1) throw new Error('too large')
        }, np.max(x))
        return np.multiply(x, 2)
      })
      expect(f(np.array([1])).js()).toEqual([2])
      expect(() => f(np.array([3]))).toThrow('too large')
      expect(f(np.array([0.5])).js()).toEqual([1])
    }))
})

describe('the equation', () => {
  it('is JAX`s debug_callback, and can be read back while its function lives', () => {
    const { jaxpr } = makeJaxpr(looked)(np.array([1, 2]))
    expect(printJaxpr(jaxpr).replace(/#\d+/, '#').replace(/\s+/g, ' ')).toBe(
      '{ lambda ; a:f32[2]. let debug_callback[ callback=<function print #> effect=Debug partitioned=False ] a b:f32[2] = sin a c:f32[] = reduce_sum[axes=(0,)] b in (c,) }',
    )
    expect(printJaxpr(parseJaxpr(printJaxpr(jaxpr)))).toBe(printJaxpr(jaxpr))
    expect(() => parseJaxpr('{ lambda ; a:f32[]. let debug_callback[callback=<function f #999999>] a in () }')).toThrow(
      "debug_callback holds a JS function, which is not in the text, and '<function f #999999>' is not alive any more",
    )
  })
})

describe('debug.checkTracerLeaks', () => {
  const here = new URL('../..', import.meta.url).pathname
  const stripped = (text: string): string =>
    text.replaceAll(here, '').replace(/debug\.test\.ts:\d+:\d+/g, 'debug.test.ts')

  it('finds what a traced function left behind', async () => {
    let kept: NDArray | undefined
    const report = await debug.checkTracerLeaks(() =>
      jit(function step(x: NDArray) {
        kept = np.sin(x)
        return x
      })(np.ones([3])),
    )
    expect(kept).toBeDefined()
    expect(report.complete).toBe(true)
    expect(report.leaks.map(stripped)).toEqual([
      'a traced f32[3] array (the result of sin at test/transforms/debug.test.ts) outlived jit(step), called at test/transforms/debug.test.ts',
    ])
    expect(report.result?.js()).toEqual([1, 1, 1])
  })

  it('finds what is used too late, without a collector too', async () => {
    const report = await debug.checkTracerLeaks(() => {
      let late = np.zeros([])
      grad((x: NDArray) => (late = np.sum(x)))(np.ones([3]))
      return np.add(late, 1)
    })
    expect(report.result).toBeUndefined()
    expect(report.leaks.some((text) => text.includes('that outlived grad'))).toBe(true)
  })

  it('finds nothing where nothing is left, whatever the library remembers', async () => {
    const initial = np.ones([3])
    let captured = initial
    const inner = jit((y: NDArray) => np.multiply(y, captured))
    const f = (x: NDArray): NDArray => {
      captured = x
      const out = np.sum(
        lax.scan(
          (c: NDArray, v: NDArray) => [np.add(c, checkpoint(np.sin)(v)), np.multiply(c, np.sum(x))] as const,
          np.sum(inner(x)),
          x,
        )[1],
      )
      captured = initial
      debug.print('{}', out)
      return out
    }
    const x = np.ones([3])
    for (const run of [
      () => jit(f)(x),
      () => grad(f)(x),
      () => jit(grad(f))(x),
      () => vmap(f)(np.ones([2, 3])),
      () => linearize(f, x)[0],
    ]) {
      expect((await debug.checkTracerLeaks(run)).leaks).toEqual([])
    }
  })

  it('throws what the function throws', async () => {
    await expect(debug.checkTracerLeaks(() => np.add(np.ones([2]), np.ones([3])))).rejects.toThrow(
      'cannot be broadcast',
    )
  })
})
