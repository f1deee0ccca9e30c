/** customRoot and customLinearSolve: what they find, and derivatives that do not go through the search. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, hessian, jacfwd, jacrev, jit, jvp, lax, numpy as np, vmap } from 'cotangent'
import { close, devices, on } from './support.js'

const entries = fc.float({ min: -1, max: 1, noNaN: true, noDefaultInfinity: true })
const list = (n: number): fc.Arbitrary<number[]> => fc.array(entries, { minLength: n, maxLength: n })
/** A matrix that iterations converge for: diagonally dominant. */
const matrix = (v: number[]): NDArray => np.add(np.reshape(np.array(v), [3, 3]), np.multiply(6, np.eye(3)))

/** By Jacobi's iteration: a loop with an unknown end, which reverse mode could not go through. */
const iterate = (matvec: (x: NDArray) => NDArray, b: NDArray): NDArray => {
  const [, x] = lax.whileLoop(
    ([i]: readonly [NDArray, NDArray]) => np.less(i, 80),
    ([i, x]: readonly [NDArray, NDArray]): readonly [NDArray, NDArray] => [
      np.add(i, 1),
      np.add(x, np.divide(np.subtract(b, matvec(x)), 6)),
    ],
    [np.array(0, { dtype: 'int32' }), np.zerosLike(b)] as const,
  )
  return x
}
const solveBy = (a: NDArray, b: NDArray): NDArray =>
  lax.customLinearSolve((x: NDArray) => np.matmul(a, x), b, iterate, { transposeSolve: iterate })
const exact = (a: NDArray, b: NDArray): NDArray => np.linalg.solve(a, b)
const objective =
  (solve: typeof exact) =>
  (a: NDArray, b: NDArray): NDArray =>
    np.sum(np.multiply(np.sin(solve(a, b)), np.array([1, 2, 3])))

const tolerance = { relative: 2e-3, absolute: 2e-4 }

describe.each(devices)('customLinearSolve on %s', (device) => {
  it('has the values and derivatives of the solution, in every mode, also compiled and mapped', () =>
    fc.assert(
      fc.asyncProperty(list(9), list(3), list(3), (m, v, w) =>
        on(device, () => {
          const [a, b, t] = [matrix(m), np.array(v), np.array(w)]
          close(jit(solveBy)(a, b), exact(a, b), 'solution', tolerance)
          for (const argnums of [0, 1]) {
            const [mine, wanted] = [grad(objective(solveBy), { argnums }), grad(objective(exact), { argnums })]
            close(mine(a, b), wanted(a, b), 'gradient', tolerance)
            close(jit(mine)(a, b), wanted(a, b), 'compiled gradient', tolerance)
          }
          const pushed = jvp(solveBy, [a, b], [np.outer(t, b), t])
          close(pushed[1], jvp(exact, [a, b], [np.outer(t, b), t])[1], 'tangent', tolerance)
          const rows = np.stack([b, t])
          const each = (y: NDArray): NDArray => grad(objective(solveBy), { argnums: 1 })(a, y)
          close(vmap(each)(rows).get(1), each(t), 'mapped', tolerance)
          const both = np.stack([a, np.add(a, np.eye(3))])
          close(vmap((m: NDArray) => solveBy(m, b))(both).get(0), exact(a, b), 'mapped matrix', tolerance)
        }),
      ),
      // A loop of 80 trips is many dispatches for a GPU in software.
      { numRuns: device === 'webgpu' ? 2 : 6 },
    ))

  it('has second derivatives', () =>
    on(device, () => {
      const a = np.array([
        [6, 1, 0],
        [-1, 5, 0.5],
        [0, 1, 7],
      ])
      const b = np.array([1, -1, 0.5])
      const second = (solve: typeof exact): NDArray => hessian((y: NDArray) => objective(solve)(a, y))(b)
      close(second(solveBy), second(exact), 'hessian', tolerance)
    }))
})

describe('customLinearSolve', () => {
  it('hands aux through, and says what is missing', () => {
    const a = np.multiply(2, np.eye(2))
    const b = { v: np.array([2, 4]) }
    const matvec = (x: typeof b): typeof b => ({ v: np.matmul(a, x.v) })
    const [x, steps] = lax.customLinearSolve(
      matvec,
      b,
      (_, y): [typeof b, NDArray] => [{ v: np.divide(y.v, 2) }, np.array(7, { dtype: 'int32' })],
      { symmetric: true, hasAux: true },
    )
    expect(x.v.js()).toEqual([1, 2])
    expect(steps.item()).toBe(7)
    const once = (y: NDArray): NDArray =>
      np.sum(
        lax.customLinearSolve(
          (v: NDArray) => np.matmul(a, v),
          y,
          (_, z) => np.divide(z, 2),
        ),
      )
    expect(jacfwd(once)(b.v).js()).toEqual([0.5, 0.5])
    expect(() => jacrev(once)(b.v)).toThrow('Say how with { transposeSolve }')
    const wrong = (): unknown =>
      lax.customLinearSolve(
        (v: NDArray) => v,
        b.v,
        () => np.zeros([3]),
      )
    expect(wrong).toThrow('solve must give what looks like b, f32[2], and gave f32[3]')
  })
})

describe('customRoot', () => {
  const bisect = (f: (x: NDArray) => NDArray): NDArray => {
    const [low] = lax.foriLoop(
      0,
      40,
      (_i, [a, b]: readonly [NDArray, NDArray]): readonly [NDArray, NDArray] => {
        const middle = np.multiply(np.add(a, b), 0.5)
        const above = np.greater(f(middle), 0)
        return [np.where(above, a, middle), np.where(above, middle, b)]
      },
      [np.array(0), np.array(4)] as const,
    )
    return low
  }
  const scalar = (g: (x: NDArray) => NDArray, y: NDArray): NDArray => np.divide(y, g(np.array(1)))
  /** The cube root, as a root. */
  const cube = (a: NDArray): NDArray =>
    lax.customRoot((x: NDArray) => np.subtract(np.power(x, 3), a), np.array(1), bisect, scalar)

  it('has derivatives of the root by what the function is closed over', () => {
    fc.assert(
      fc.property(fc.float({ min: 0.5, max: 20, noNaN: true }), (value) => {
        const a = np.array(value)
        const root = Math.cbrt(a.item())
        expect(jit(cube)(a).item()).toBeCloseTo(root, 4)
        const slope = 1 / (3 * root * root)
        for (const d of [grad(cube), jit(grad(cube)), jacfwd(cube), jacrev(cube)])
          expect(d(a).item()).toBeCloseTo(slope, 4)
        expect(grad(grad(cube))(a).item()).toBeCloseTo((-2 / 9) * root ** -5, 3)
        expect(vmap(grad(cube))(np.array([value, 8])).js()).toEqual([
          expect.closeTo(slope, 4),
          expect.closeTo(1 / 12, 4),
        ])
      }),
      { numRuns: 10 },
    )
  })

  interface Pair {
    readonly x: NDArray
    readonly y: NDArray
  }

  it('works on trees, with aux, and with a linear solver inside', () => {
    const fixed = (scale: NDArray): NDArray => {
      const f = ({ x, y }: Pair): Pair => ({
        x: np.subtract(np.multiply(2, x), np.add(y, scale)),
        y: np.subtract(np.multiply(3, y), x),
      })
      const [root, count] = lax.customRoot(
        f,
        { x: np.array(0), y: np.array(0) },
        (g: (x: Pair) => Pair, start: Pair): [Pair, NDArray] => {
          const end = lax.foriLoop(
            0,
            60,
            (_, at: Pair): Pair => {
              const value = g(at)
              return {
                x: np.subtract(at.x, np.multiply(0.4, value.x)),
                y: np.subtract(at.y, np.multiply(0.3, value.y)),
              }
            },
            start,
          )
          return [end, np.array(60)]
        },
        (g: (x: Pair) => Pair, target: Pair): Pair =>
          lax.customLinearSolve(
            g,
            target,
            (_, { x, y }) => ({
              x: np.divide(np.add(np.multiply(3, x), y), 5),
              y: np.divide(np.add(x, np.multiply(2, y)), 5),
            }),
            {
              transposeSolve: (_, { x, y }) => ({
                x: np.divide(np.add(np.multiply(3, x), y), 5),
                y: np.divide(np.add(x, np.multiply(2, y)), 5),
              }),
            },
          ),
        { hasAux: true },
      )
      return np.add(np.multiply(10, root.x), np.multiply(count, root.y))
    }
    // x = 3/5 scale, y = 1/5 scale.
    expect(fixed(np.array(5)).item()).toBeCloseTo(90, 3)
    expect(jacfwd(fixed)(np.array(5)).item()).toBeCloseTo(18, 3)
    expect(grad(fixed)(np.array(5)).item()).toBeCloseTo(18, 3)
  })
})
