/** checked: the first thing that went wrong, as a value, with the user's line, under every transformation. */
import { describe, expect, it } from 'vitest'
import {
  type CheckKind,
  type CheckReport,
  type NDArray,
  CheckError,
  check,
  checked,
  checkpoint,
  customJvp,
  grad,
  jit,
  lax,
  numpy as np,
  vmap,
  withDevice,
} from 'cotangent'
import { devices } from './support.js'

const here = new URL('../..', import.meta.url).pathname

/** A report with the place shortened: it must be in this file. */
const text = (report: CheckReport): string | null =>
  report
    .get()
    ?.replaceAll(here, '')
    .replaceAll(/test\/transforms\/checked\.test\.ts:\d+:\d+/g, 'here') ?? null

const int = (data: number | number[]): NDArray => np.array(data, { dtype: 'int32' })

const root = (x: NDArray): NDArray => {
  check(np.all(np.greaterEqual(x, 0)), 'no real root of {} ({n} in all)', np.min(x), { n: np.sum(np.less(x, 0)) })
  return np.sqrt(x)
}

describe.each(devices)('checked on %s', (device) => {
  /** The report of a call, and whether values are those of the plain function. */
  const report = <Args extends readonly unknown[]>(f: (...args: Args) => unknown, ...args: Args): string | null => {
    const [first] = checked(f)(...args)
    const [jitted] = jit(checked(f))(...args)
    expect(text(jitted)).toBe(text(first))
    return text(first)
  }
  const on = (f: () => void) => (): void => withDevice(device, f)

  it(
    'gives null and the result when all is well',
    on(() => {
      const [ok, y] = checked(root)(np.array([4, 9]))
      expect(ok.get()).toBe(null)
      expect(() => ok.throw()).not.toThrow()
      expect(y.js()).toEqual([2, 3])
      expect(report((x: NDArray) => np.log(np.sum(x)), np.zeros([0, 2]))).toBe('infinity produced by log, at here')
      expect(report((x: NDArray) => np.log(x), np.zeros([0]))).toBe(null)
    }),
  )

  it(
    'finds NaN and infinity where they are produced',
    on(() => {
      const x = np.array([1, -1])
      expect(report((v: NDArray) => np.log(v), x)).toBe('NaN produced by log, at here')
      expect(report((v: NDArray) => np.sum(np.exp(np.multiply(v, 1000))), x)).toBe('infinity produced by exp, at here')
      expect(report((v: NDArray) => np.sin(np.divide(v, np.add(v, 1))), x)).toBe('division by zero in div, at here')
      // What came in is not produced here; what infinities make of each other is.
      expect(report((v: NDArray) => np.add(v, 1), np.array([NaN, 1]))).toBe(null)
      expect(report((v: NDArray) => np.where(np.greater(v, 0), v, -Infinity), x)).toBe(null)
      expect(report((v: NDArray) => np.subtract(v, v), np.array([Infinity]))).toBe('NaN produced by sub, at here')
      // Moving values about makes none.
      expect(report((v: NDArray) => np.max(np.concatenate([np.flip(v), v])), np.array([-Infinity, 2]))).toBe(null)
    }),
  )

  it(
    'finds indices out of range, in reading and writing',
    on(() => {
      const x = np.array([1, 2, 3])
      expect(report((v: NDArray, i: NDArray) => v.get(i), x, int([0, 7]))).toBe(
        'index 7 is out of range for axis 0 of size 3 in gather, at here',
      )
      expect(report((v: NDArray, i: NDArray) => v.get(i), x, int([0, -1]))).toBe(null)
      expect(report((v: NDArray, i: NDArray) => v.at(i).add(1), x, int([3]))).toBe(
        'index 3 is out of range for axis 0 of size 3 in scatter-add, at here',
      )
      expect(report((v: NDArray, i: NDArray) => np.take(v, i, { axis: 1 }), np.ones([2, 4]), int([2, 9]))).toBe(
        'index 9 is out of range for axis 1 of size 4 in gather, at here',
      )
      expect(report((v: NDArray, i: NDArray) => lax.dynamicSlice(v, [i], [2]), x, int(2))).toBe(
        'a window of 2 from index 2 on is out of range for axis 0 of size 3 in dynamic_slice, at here',
      )
      expect(report((v: NDArray, i: NDArray) => lax.dynamicUpdateSlice(v, np.ones([3]), [i]), x, int(0))).toBe(null)
    }),
  )

  it(
    'tells assertions with their values',
    on(() => {
      expect(report(root, np.array([4, -1]))).toBe('check failed: no real root of -1.0 (1 in all), at here')
      expect(report(jit(root), np.array([-2, -1]))).toBe('check failed: no real root of -2.0 (2 in all), at here')
      expect(() => checked(root)(np.array([-1]))[0].throw()).toThrow(CheckError)
      const kinds = (a: NDArray, b: NDArray, c: NDArray, d: NDArray): NDArray => {
        check(false, '{} {} {} {} {{}} {}', a, b, c, d, 'text')
        return a
      }
      const args = [
        np.array(1.5, { dtype: 'float64' }),
        np.array(4e9, { dtype: 'uint32' }),
        np.array(true),
        np.array(0.1),
      ] as const
      expect(report(kinds, ...args)).toBe('check failed: 1.5 4000000000 true 0.1 {} text, at here')
    }),
  )

  it(
    'tells the first of several, and looks only for what is asked',
    on(() => {
      const f = (x: NDArray): NDArray => {
        const y = np.log(x)
        check(np.all(np.greater(y, 0)), 'later')
        return np.divide(y, 0)
      }
      const x = np.array([-1])
      expect(report(f, x)).toBe('NaN produced by log, at here')
      const only = (...errors: CheckKind[]): string | null => text(checked(f, { errors })(x)[0])
      expect(only('user')).toBe('check failed: later, at here')
      expect(only('division', 'user')).toBe('check failed: later, at here')
      expect(only('division')).toBe('division by zero in div, at here')
      expect(only('index')).toBe(null)
      expect(only()).toBe(null)
    }),
  )

  it(
    'sees into derivatives',
    on(() => {
      const loss = (x: NDArray): NDArray => np.sum(np.sqrt(x))
      const x = np.array([4, 0])
      expect(report(loss, x)).toBe(null)
      expect(report(grad(loss), x)).toBe('division by zero in div, at here')
      expect(report(grad(jit(loss)), x)).toBe('division by zero in div, at here')
      expect(report(grad(checkpoint(loss)), x)).toBe('division by zero in div, at here')
      expect(
        report(
          grad((v: NDArray) => np.sum(vmap(loss)(v))),
          np.array([[4, 0]]),
        ),
      ).toBe('division by zero in div, at here')
    }),
  )

  it(
    'goes through derivatives itself',
    on(() => {
      const f = (x: NDArray): readonly [NDArray, CheckReport] => {
        const [r, y] = checked((v: NDArray) => np.sum(np.multiply(root(v), v)))(x)
        return [y, r]
      }
      const [gradient, r] = grad(f, { hasAux: true })(np.array([4, 9]))
      expect(gradient.js()).toEqual([3, 4.5])
      expect(r.get()).toBe(null)
      const [, bad] = jit(grad(f, { hasAux: true }))(np.array([4, -9]))
      expect(text(bad)).toBe('check failed: no real root of -9.0 (1 in all), at here')
    }),
  )

  it(
    'reports for each member when it is mapped, once when it maps',
    on(() => {
      const xs = np.array([[4, -1], [1, 1], [-2, -3]]) // prettier-ignore
      const [members, ys] = vmap(checked(root))(xs)
      expect(text(members)).toBe(
        'member 0: check failed: no real root of -1.0 (1 in all), at here\nmember 2: check failed: no real root of -3.0 (2 in all), at here',
      )
      expect(ys.shape).toEqual([3, 2])
      expect(text(jit(vmap(checked(root)))(xs)[0])).toBe(text(members))
      expect(vmap(checked(root))(np.abs(xs))[0].get()).toBe(null)
      expect(report(vmap(root), xs)).toBe('check failed: no real root of -1.0 (1 in all), at here')
    }),
  )

  it(
    'sees into loops and branches',
    on(() => {
      const sum = (xs: NDArray): NDArray =>
        lax.scan(
          (c: NDArray, x: NDArray) => {
            check(np.less(x, 5), 'x = {} is too large', x)
            return [np.add(c, np.log(x)), c] as const
          },
          np.array(0),
          xs,
        )[0]
      expect(report(sum, np.array([1, 2, 4]))).toBe(null)
      expect(report(sum, np.array([1, 7, 8]))).toBe('check failed: x = 7.0 is too large, at here')
      expect(report(sum, np.array([1, -7, 8]))).toBe('NaN produced by log, at here')
      expect(report(grad(sum), np.array([1, 6]))).toBe('check failed: x = 6.0 is too large, at here')

      const loop = (x: NDArray): NDArray =>
        lax.whileLoop(
          (v: NDArray) => {
            check(np.less(v, 50), 'condition saw {}', v)
            return np.less(v, 40)
          },
          (v: NDArray) => {
            check(np.notEqual(v, 9), 'body saw {}', v)
            return np.multiply(v, 3)
          },
          x,
        )
      expect(report(loop, np.array(5))).toBe(null)
      expect(report(loop, np.array(1))).toBe('check failed: body saw 9.0, at here')
      expect(report(loop, np.array(20))).toBe('check failed: condition saw 60.0, at here')
      expect(report(loop, np.array(100))).toBe('check failed: condition saw 100.0, at here')
      expect(checked(loop)(np.array(5))[1].item()).toBe(45)

      const branch = (x: NDArray): NDArray =>
        lax.cond(
          np.greater(x, 0),
          (v: NDArray) => np.log(v),
          (v: NDArray) => np.log(np.negative(v)),
          x,
        )
      expect(report(branch, np.array(-1))).toBe(null)
      expect(report(branch, np.array(0))).toBe('infinity produced by log, at here')
      // Each member takes its own branch here, but the batched program runs both.
      expect(text(vmap(checked(branch))(np.array([2, -3]))[0])).toBe(null)
      expect(report(vmap(branch), np.array([2, -3]))).toBe('NaN produced by log, at here')

      const nested = (xs: NDArray): NDArray =>
        lax.scan(
          (c: NDArray, x: NDArray) =>
            [lax.foriLoop(0, 2, (_: NDArray, v: NDArray) => branch(v), np.add(c, x)), null] as const,
          np.array(0),
          xs,
        )[0]
      expect(report(nested, np.array([3, 3]))).toBe(null)
      expect(report(nested, np.array([1, 1]))).toBe('infinity produced by log, at here')
    }),
  )

  it(
    'keeps custom derivatives',
    on(() => {
      const f = customJvp((x: NDArray) => {
        check(np.less(x, 3), 'x = {}', x)
        return np.log(x)
      })
      f.defjvp(([x], [t]) => [np.log(x), np.multiply(t, 7)])
      expect(report(f, np.array(2))).toBe(null)
      expect(report(f, np.array(5))).toBe('check failed: x = 5.0, at here')
      expect(report(f, np.array(-5))).toBe('NaN produced by log, at here')
      expect(grad((x: NDArray) => checked(f)(x)[1])(np.array(2)).item()).toBe(7)
    }),
  )
})

describe('check without checked', () => {
  it('throws at once where values are at hand, also in vmap and grad', () => {
    const message = 'check failed: no real root of -1.0 (1 in all)'
    expect(() => root(np.array([4, -1]))).toThrow(new CheckError(message))
    expect(() => vmap(root)(np.array([4, -1]))).toThrow(new CheckError('check failed: no real root of -1.0 (1 in all)'))
    expect(() => grad((x: NDArray) => np.sum(root(x)))(np.array([4, -1]))).toThrow(new CheckError(message))
    expect(root(np.array([4])).item()).toBe(2)
  })
  it('says what to do where programs are compiled', () => {
    expect(() => jit(root)(np.array([4]))).toThrow(
      "check: the assertion 'no real root of ... (... in all)' is inside of a compiled program (jit, scan, cond, ...), which cannot throw. Let the whole function be checked, and look at the report afterwards: const [report, out] = checked(f)(...args); report.throw(). Or assert outside of the compiled function.",
    )
  })
  it('says what is wrong with its own arguments', () => {
    expect(() => check(true, '{}')).toThrow("check: '{}' in '{}' fits none of the 0 values that follow.")
    expect(() => check(true, 'x = {}', np.ones([3]))).toThrow(
      "check: values in a message must be scalars, and one for 'x = {}' is f32[3].",
    )
    expect(() => Reflect.apply(checked, undefined, [root, { errors: ['oob'] }])).toThrow(
      "checked(root): 'oob' is no kind of error; there are nan, infinity, index, division, user.",
    )
  })
  it('works in reports of any device', async () => {
    const [report] = checked(root)(np.array([-1]))
    expect(await report.getAsync()).toBe(report.get())
  })
})
