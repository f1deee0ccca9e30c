/** Loops that are one dispatch: whatever they carry, read and stack, they give what the same loops give on wasm. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, jit, lax, nn, numpy as np, vmap } from 'cotangent'
import { withDevice } from '../../../src/core/index.js'
import { agree as agreeOn, floats, integers, tunings, useWebgpu } from './support.js'

useWebgpu()

const agree = (name: string, f: () => unknown, scale = 64): void => agreeOn(name, f, scale, tunings)

/** How many shaders a program has as for hardware. */
const shadersOf = (f: (...xs: NDArray[]) => unknown, ...shapes: number[][]): number =>
  withDevice(tunings[1], () => {
    const text = jit(f)
      .lower(...shapes.map((shape) => np.zeros(shape)))
      .text()
    return text.split('@compute').length - 1
  })

/** Symmetric and positive definite. */
const definite = (shape: readonly number[]): NDArray => {
  const n = shape.at(-1) ?? 1
  const a = floats(1, shape)
  return np.matmul(a, np.swapaxes(a, -1, -2)).add(np.eye(n).mul(n))
}

describe('factorizations', () => {
  for (const shape of [
    [20, 20],
    [40, 40],
    [3, 17, 17],
    [70, 70],
  ] as const) {
    agree(`cholesky of [${shape.join()}]`, () => lax.linalg.cholesky(definite(shape)), 256)
    agree(`lu of [${shape.join()}]`, () => lax.linalg.lu(definite(shape)), 256)
  }
  agree('of a matrix that is not positive definite', () => lax.linalg.cholesky(definite([12, 12]).neg()))
  for (const leftSide of [true, false]) {
    for (const lower of [true, false]) {
      agree(
        `triangular systems, leftSide ${leftSide}, lower ${lower}`,
        () =>
          lax.linalg.triangularSolve(definite([2, 33, 33]), floats(2, [2, 33, 33]), {
            leftSide,
            lower,
            transposeA: !lower,
          }),
        256,
      )
    }
  }
  agree('qr and eigenvalues', () => [np.linalg.qr(floats(1, [24, 16])), np.linalg.eigvalsh(definite([14, 14]))], 1024)
  it('are few dispatches', () => {
    expect(shadersOf((a) => lax.linalg.cholesky(a), [32, 32])).toBeLessThanOrEqual(2)
    const solve = (a: NDArray, b: NDArray): NDArray => lax.linalg.triangularSolve(a, b, { leftSide: true, lower: true })
    expect(shadersOf(solve, [32, 32], [32, 8])).toBe(1)
  })
})

describe('scans', () => {
  const xs = (): NDArray => floats(3, [9, 5])
  agree('carries that change places, forward and backward', () =>
    [false, true].map((reverse) =>
      lax.scan(
        ([a, b]: readonly [NDArray, NDArray], x: NDArray) => [
          [b.add(x), np.flip(a).mul(0.5)] as const,
          [a.sub(b), x.greater(a)],
        ],
        [floats(1, [5]), floats(2, [5])] as const,
        xs(),
        { reverse },
      ),
    ),
  )
  for (const dtype of ['bool', 'uint8', 'float16', 'bfloat16', 'int32'] as const) {
    agree(`carries and slices of ${dtype}`, () => {
      const of = (seed: number, shape: readonly number[]): NDArray => integers(seed, shape, 0, 2).astype(dtype)
      return lax.scan(
        (a: NDArray, x: NDArray) => {
          const next = np.where(x.greater(np.flip(a)), x, np.maximum(np.roll(a, 1), x))
          return [next, np.stack([a, next])]
        },
        of(1, [7]),
        of(2, [6, 7]),
      )
    })
  }
  agree('products, sums of everything and softmax in each trip', () =>
    jit((w: NDArray, h: NDArray) =>
      lax.scan(
        (a: NDArray, x: NDArray) => {
          const next = np.tanh(np.matmul(w, a).add(x))
          return [next, [np.sum(next), np.argmax(next), nn.softmax(next)]]
        },
        h,
        floats(3, [6, 90]),
      ),
    )(floats(1, [90, 90]).mul(0.1), floats(2, [90])),
  )
  agree('loops in loops, over slices of what is outside', () =>
    lax.scan(
      (a: NDArray, x: NDArray) => {
        const [last, all] = lax.scan((b: NDArray, y: NDArray) => [b.mul(0.5).add(y), b.sub(y)], a, x)
        return [np.flip(last), [all, last]]
      },
      floats(1, [4]),
      floats(2, [5, 3, 4]),
    ),
  )
  agree('inside of loops of unknown length, branches and batches', () => {
    const sums = (x: NDArray): NDArray =>
      lax.scan(
        (a: NDArray, y: NDArray) => [np.flip(a).mul(0.7).add(y), a.add(1)],
        x,
        np.stack([x, x.neg(), x.mul(2)]),
      )[1]
    const f = (x: NDArray): NDArray => {
      const grown = lax.whileLoop(
        (a: NDArray) => np.sum(np.abs(a)).less(50),
        (a: NDArray) => np.sum(sums(a), { axis: 0 }).add(a),
        x,
      )
      return lax.cond(
        np.sum(x).greater(0),
        (a: NDArray) => sums(a),
        (a: NDArray) => sums(a.neg()),
        grown,
      )
    }
    return [f(floats(1, [6])), f(floats(1, [6]).neg()), vmap(sums)(floats(2, [3, 6]))]
  })
  it('of few steps are one dispatch, of many they are not', () => {
    const walk = (a: NDArray, x: NDArray): unknown =>
      lax.scan((b: NDArray, y: NDArray) => [np.flip(b).add(y), np.sum(b)], a, x)
    expect(shadersOf(walk, [8], [20, 8])).toBe(1)
    expect(shadersOf(walk, [100_000], [20, 100_000])).toBeGreaterThan(1)
  })
  it('agree with wasm, whatever their bodies do', async () => {
    const operations: readonly ((a: NDArray, b: NDArray, x: NDArray) => NDArray)[] = [
      (a, b) => a.add(np.flip(b)),
      (a, _, x) => np.roll(a, 1).mul(0.5).sub(x),
      (a, b) => np.cumsum(a).mul(0.25).add(b),
      (a, b, x) => a.at(np.argmax(x)).set(np.max(b)),
      (_, b, x) => np.where(x.greater(b), x, b),
      (a) => np.sort(a),
      (a, b) => np.matmul(np.outer(a, b), a).mul(0.01),
      (a) => a,
    ]
    const one = fc.constantFrom(...operations)
    const bodies = fc.tuple(one, one, one, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 9 }), fc.boolean())
    await fc.assert(
      fc.asyncProperty(bodies, fc.constantFrom(...tunings), async ([f, g, h, length, size, reverse], device) => {
        const run = (): NDArray[] => {
          const [[a, b], ys] = lax.scan(
            ([p, q]: readonly [NDArray, NDArray], x: NDArray) => [[f(p, q, x), g(q, p, x)] as const, h(p, q, x)],
            [floats(1, [size]), floats(2, [size])] as const,
            floats(3, [length, size]),
            { reverse },
          )
          return [a, b, ys]
        }
        const expected = withDevice('wasm', () => jit(run)()).map((x) => [...x.dataSync()])
        const got = await Promise.all(withDevice(device, () => jit(run)()).map((x) => x.data()))
        got.forEach((values, i) =>
          [...values].forEach((value, k) => {
            const right = Number(expected[i]?.[k])
            expect(Math.abs(Number(value) - right)).toBeLessThanOrEqual(1e-4 * (1 + Math.abs(right)))
          }),
        )
      }),
      { numRuns: 25, seed: 20261123 },
    )
  })
})
