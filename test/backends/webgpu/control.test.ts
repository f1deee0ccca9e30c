/** Loops and branches on the GPU, within each other: values are those of `wasm`. */
import { type NDArray, grad, jit, lax, numpy as np, vmap } from 'cotangent'
import { agree, floats, useWebgpu } from './support.js'

useWebgpu()

const uniform = (seed: number, shape: readonly number[]): NDArray => floats(seed, shape).mul(0.25).add(0.5)
type Pair = [NDArray, NDArray]

for (const reverse of [false, true]) {
  for (const length of [1, 2, 3, 300]) {
    agree(`scan of ${length}${reverse ? ' backwards' : ''}`, () =>
      lax.scan(
        (c: NDArray, x: NDArray): Pair => [c.mul(0.9).add(x), c.sub(x)],
        uniform(0, [3]),
        uniform(1, [length, 3]),
        {
          reverse,
        },
      ),
    )
  }
}
agree('scan without carries', () =>
  lax.scan((c: null, x: NDArray): [null, NDArray] => [c, np.sin(x)], null, uniform(1, [5, 2])),
)
agree('scan in scan, with slices of both', () =>
  lax.scan(
    (c: NDArray, row: NDArray): Pair => {
      const [last, ys] = lax.scan((d: NDArray, x: NDArray): Pair => [d.add(x), d.mul(x).add(c)], np.sum(row), row)
      return [c.add(last), ys]
    },
    np.array(0),
    uniform(1, [4, 5]),
  ),
)
agree('slices as carries of a loop inside', () =>
  lax.scan(
    (c: NDArray, x: NDArray): Pair => {
      const grown = lax.whileLoop(
        (v: NDArray) => np.sum(v).less(20),
        (v: NDArray) => v.mul(1.5).add(0.1),
        x,
      )
      return [c.add(grown), grown]
    },
    np.zeros([3]),
    uniform(1, [6, 3]),
  ),
)
agree('sorts and products in scan', () =>
  lax.scan(
    (c: NDArray, x: NDArray): Pair => [np.matmul(c, x), np.sort(c, { axis: 0 })],
    np.eye(4),
    uniform(1, [7, 4, 4]),
  ),
)
for (const trips of [0, 1, 2, 7, 100]) {
  agree(`while of ${trips} trips`, () =>
    lax.whileLoop(
      ([i]: Pair) => i.less(trips),
      ([i, x]: Pair): Pair => [i.add(1), np.sin(x)],
      [np.array(0), uniform(0, [4])],
    ),
  )
}
agree('while in while', () =>
  lax.whileLoop(
    ([i]: Pair) => i.less(5),
    ([i, x]: Pair): Pair => [
      i.add(1),
      lax.whileLoop(
        (v: NDArray) => v.less(i.mul(10)),
        (v: NDArray) => v.add(3),
        x,
      ),
    ],
    [np.array(0), np.array(1)],
  ),
)
agree('while in branches that run and that do not', () => {
  const f = jit((p: NDArray, x: NDArray) =>
    lax
      .cond(
        p,
        (v: NDArray) =>
          lax.whileLoop(
            (u: NDArray) => u.less(50),
            (u: NDArray) => u.mul(2),
            v,
          ),
        (v: NDArray) => lax.foriLoop(0, 3, (i: NDArray, u: NDArray) => u.sub(i), v),
        x,
      )
      .add(1),
  )
  return [f(np.array(true), np.array(3)), f(np.array(false), np.array(3))]
})
agree('branches in scan, chosen by a slice', () =>
  lax.scan(
    (c: NDArray, k: NDArray): Pair => {
      const next = lax.switch(k, [(x: NDArray) => x.add(1), (x: NDArray) => x.mul(2), (x: NDArray) => np.sqrt(x)], c)
      return [next, next]
    },
    np.array([1, 2]),
    np.array([0, 1, 2, 1, 1, 0, 2], { dtype: 'int32' }),
  ),
)
agree('branches in branches', () => {
  const f = (p: NDArray, q: NDArray, x: NDArray): NDArray =>
    lax.cond(
      p,
      (y: NDArray) =>
        lax.cond(
          q,
          (z: NDArray) => z.add(1),
          (z: NDArray) => z.mul(10),
          y,
        ),
      (y: NDArray) =>
        lax.cond(
          q,
          (z: NDArray) => z.sub(1),
          (z: NDArray) => z.div(10),
          y,
        ),
      x,
    )
  return [true, false].flatMap((p) => [true, false].map((q) => jit(f)(np.array(p), np.array(q), np.array([5, 6]))))
})
agree('branches in while', () =>
  lax.whileLoop(
    ([i]: Pair) => i.less(6),
    ([i, x]: Pair): Pair => [
      i.add(1),
      lax.cond(
        x.greater(10),
        (v: NDArray) => v.sub(9),
        (v: NDArray) => v.mul(2),
        x,
      ),
    ],
    [np.array(0), np.array(3)],
  ),
)
agree('vmap of while', () =>
  vmap((x: NDArray) =>
    lax.whileLoop(
      (v: NDArray) => v.less(10),
      (v: NDArray) => v.mul(2),
      x,
    ),
  )(np.array([1, 5, 20])),
)
agree('gradient through scan', () =>
  grad((w: NDArray) => {
    const [last] = lax.scan(
      (c: NDArray, x: NDArray): Pair => [np.tanh(c.mul(w).add(x)), c],
      np.zeros([3]),
      uniform(1, [20, 3]),
    )
    return np.sum(last)
  })(np.array([0.1, 0.5, 0.9])),
)
agree('bool and small integers as carries', () =>
  lax.scan(
    ([p, n]: Pair, x: NDArray): [Pair, Pair] => [
      [np.logicalXor(p, x.greater(0.5)), n.add(100)],
      [p, n],
    ],
    [np.array(false), np.array(7, { dtype: 'uint8' })],
    uniform(3, [9]),
  ),
)
