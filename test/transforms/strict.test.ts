/** jit in strict mode: a function that is traced twice must give one program. */
import { describe, expect, it } from 'vitest'
import {
  type NDArray,
  ImpureFunctionError,
  customJvp,
  debug,
  grad,
  jit,
  lax,
  numpy as np,
  random,
  vmap,
} from 'cotangent'

const here = new URL('../..', import.meta.url).pathname
const x = np.ones([3])

/** What the difference is, after the sentence that is always there. */
const difference = (f: () => unknown): string => {
  try {
    f()
  } catch (error) {
    if (!(error instanceof ImpureFunctionError)) throw error
    const found = /it gave two programs: ([^\n]*)\.\n/.exec(error.message)?.[1] ?? error.message
    return found.replaceAll(here, '').replaceAll(/test\/transforms\/strict\.test\.ts:\d+:\d+/g, 'here')
  }
  throw new Error('nothing was thrown')
}

describe('jit(f, { strict: true })', () => {
  it('says which number changed', () => {
    let scale = 2
    const f = jit((v: NDArray) => np.multiply(v, scale), { strict: true })
    expect(f(x).js()).toEqual([2, 2, 2])
    expect(f(x).js()).toEqual([2, 2, 2])
    scale = 3
    expect(difference(() => f(x))).toBe('operand 1 of mul at here was the number 2, and then 3')
    let calls = 0
    expect(difference(() => jit((v: NDArray) => np.add(v, calls++), { strict: true })(x))).toBe(
      'operand 1 of add at here was the number 0, and then 1',
    )
  })

  it('says which array changed', () => {
    let w = np.array([1, 2, 3])
    const f = jit((v: NDArray) => np.multiply(v, w), { strict: true })
    f(x)
    w = np.array([1, 2, 3])
    expect(difference(() => f(x))).toBe(
      'operand 1 of mul at here was a closed-over f32[3] array, and then another one, a closed-over f32[3] array',
    )
    w = np.asarray(np.sum(x))
    expect(difference(() => f(x))).toContain('and then another one, a closed-over f32[] array with value 3')
  })

  it('says which operation, parameter or result changed', () => {
    let flag = true
    const f = jit((v: NDArray) => (flag ? np.sin(v) : np.cos(v)), { strict: true })
    const g = jit((v: NDArray) => np.sum(v, { axis: flag ? 0 : 1 }), { strict: true })
    const h = jit((v: NDArray) => (flag ? v : { value: v }), { strict: true })
    const k = jit((v: NDArray, u: NDArray) => np.add(np.multiply(v, u), flag ? v : u), { strict: true })
    const m = jit((v: NDArray) => (flag ? np.sin(v) : np.cos(np.sin(v))), { strict: true })
    const all = [() => f(x), () => g(np.ones([2, 2])), () => h(x), () => k(x, x), () => m(x)]
    for (const run of all) run()
    flag = false
    expect(all.map(difference)).toEqual([
      'there was sin at here, and then cos at here in its place',
      'parameter axes of reduce_sum at here was 0, and then 1',
      'at result: expected an array, got a record with keys value',
      'operand 1 of add at here was another value of the program',
      'cos at here was only there the second time',
    ])
  })

  it('looks into loops and branches', () => {
    let scale = 2
    const f = jit(
      (v: NDArray) =>
        lax.scan((c: NDArray, u: NDArray) => [np.add(c, np.multiply(u, scale)), c] as const, np.array(0), v)[0],
      {
        strict: true,
      },
    )
    f(x)
    scale = 5
    expect(difference(() => f(x))).toBe('operand 1 of mul at here was the number 2, and then 5')
  })

  it('accepts pure functions, whatever they are made of', () => {
    const custom = customJvp((v: NDArray) => np.sin(v))
    custom.defjvp(([v], [t]) => [np.sin(v), t])
    const before = debug.setSink(() => {})
    const w = np.array([1, 2, 3])
    const f = jit(
      (v: NDArray, key: NDArray) => {
        debug.print('{}', v)
        const noise = random.normal(key, [3])
        const inner = jit((u: NDArray) => np.multiply(custom(u), w))
        const total = lax.cond(np.sum(v).greater(0), () => np.sum(inner(v)), () => np.sum(noise)) // prettier-ignore
        return np.multiply(vmap((u: NDArray) => np.square(u))(noise), total)
      },
      { strict: true },
    )
    f(x, random.key(1))
    f(x, random.key(2))
    grad((v: NDArray) => np.sum(f(v, random.key(1))))(x)
    debug.setSink(before)
  })

  it('accepts what is closed over a traced value of each outer call', () => {
    let captured = x
    const inner = jit((y: NDArray) => np.multiply(y, captured), { strict: true })
    const outer = (v: NDArray): NDArray => {
      captured = v
      return np.sum(inner(np.ones([3])))
    }
    expect(grad(outer)(np.array([3, 4, 5])).js()).toEqual([1, 1, 1])
    expect(grad(outer)(np.array([5, 6, 7])).js()).toEqual([1, 1, 1])
  })

  it('is off unless asked for', () => {
    let scale = 2
    const f = jit((v: NDArray) => np.multiply(v, scale))
    f(x)
    scale = 3
    expect(f(x).js()).toEqual([2, 2, 2])
  })
})
