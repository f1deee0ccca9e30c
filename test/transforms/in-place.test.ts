/** Loops that update their carries where they are give what the same steps give one by one, whatever the body does. */
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { type NDArray, grad, jit, lax, numpy as np, vmap } from 'cotangent'
import {
  type UpdateLoop,
  type Updates,
  scannedUpdates,
  unrolledUpdates,
  updateLoops,
  updateOperands,
  whiledUpdates,
} from '../support/update-loops.js'
import { closeAll, devices, on, precise } from './support.js'

const runs = (device: string, law: (updates: Updates) => void, numRuns: number): Promise<void> =>
  fc.assert(
    fc.asyncProperty(updateLoops, (updates) => on(device, () => law(updates))),
    { numRuns, seed: 20261123 },
  )

const carriesOnly = (results: readonly NDArray[]): readonly NDArray[] => results.slice(0, 3)
const operandsOf = (updates: Updates) => updateOperands(updates, precise().dtype)

describe.each(devices)('loops that update carries, on %s', (device) => {
  const law = (name: string, numRuns: number, f: (updates: Updates) => void): void =>
    it(`${name} (${device})`, () => runs(device, f, numRuns))

  law('are the loops that they stand for, and leave what they start from as it was', 60, (updates) => {
    const [carries, xs] = operandsOf(updates)
    const [before] = operandsOf(updates)
    const expected = unrolledUpdates(updates)(carries, xs)
    const scanned = jit(scannedUpdates(updates))(carries, xs)
    closeAll(updates.length === 0 ? carriesOnly(scanned) : scanned, expected, 'scan')
    if (!updates.reverse) closeAll(jit(whiledUpdates(updates))(carries, xs), carriesOnly(expected), 'while')
    closeAll(carries, before, 'what they start from')
  })

  law('also where they start from what the program has computed', 20, (updates) => {
    const [carries, xs] = operandsOf(updates)
    const after =
      (loop: UpdateLoop): UpdateLoop =>
      (cs, x) => {
        const first = cs.map((c) => np.flip(np.cumsum(c)))
        return [...carriesOnly(loop(first, x)), ...first]
      }
    closeAll(jit(after(scannedUpdates(updates)))(carries, xs), after(unrolledUpdates(updates))(carries, xs), 'scan')
  })

  law('mapped over carries and xs', 20, (updates) => {
    const [carries, xs] = operandsOf(updates)
    const stacked = carries.map((c) => np.stack([c, np.negative(c)]))
    const all = np.stack([xs, np.multiply(xs, 0.5)])
    const got = jit(vmap((c: readonly NDArray[], x: NDArray) => carriesOnly(scannedUpdates(updates)(c, x))))(
      stacked,
      all,
    )
    for (const m of [0, 1]) {
      const expected = unrolledUpdates(updates)(
        stacked.map((c) => c.get(m)),
        all.get(m),
      )
      closeAll(
        got.map((x) => x.get(m)),
        carriesOnly(expected),
        `member ${m}`,
      )
    }
  })

  law('have the gradients of the loops that they stand for', 12, (updates) => {
    const [carries, xs] = operandsOf(updates)
    const scalar = (loop: UpdateLoop) => (c: readonly NDArray[], x: NDArray) =>
      carriesOnly(loop(c, x)).reduce((sum, r, k) => np.add(sum, np.sum(np.sin(np.multiply(r, k + 1)))), np.sum(x))
    const gradient = (loop: UpdateLoop) => grad(scalar(loop), { argnums: [0, 1] as const })
    const [a, b] = jit(gradient(scannedUpdates(updates)))(carries, xs)
    const [c, d] = gradient(unrolledUpdates(updates))(carries, xs)
    closeAll([...a, b], [...c, d], 'gradient')
  })

  it(`rows are mixed by their old values, which are as many elements of another shape (${device})`, () =>
    on(device, () => {
      // A row of a 16 by 16 matrix is little enough to be computed before the matrix changes.
      const mixed = (x: NDArray, k: NDArray): NDArray => {
        const row = (i: NDArray): NDArray => lax.dynamicIndexInDim(x, i, { keepdims: false })
        const [p, q] = [row(k), row(np.add(k, 1))]
        const first = lax.dynamicUpdateIndexInDim(x, np.add(p, q), k, 0)
        return lax.dynamicUpdateIndexInDim(first, np.subtract(p, q), np.add(k, 1), 0)
      }
      const start = np.reshape(np.arange(256, precise()), [16, 16])
      const looped = jit((x: NDArray) => lax.foriLoop(0, 3, (k, y) => mixed(y, k), x))(start)
      const stepwise = [0, 1, 2].reduce((x, k) => mixed(x, np.array(k, { dtype: 'int32' })), start)
      closeAll([looped], [stepwise], 'rows')
    }))

  it(`elements that all others need are read before any is written over (${device})`, () =>
    on(device, () => {
      const size = 1000
      const x = np.arange(1, size + 1, precise())
      const ratios = np.divide(x, size)
      closeAll([jit((y: NDArray) => np.divide(y, y.get(-1)), { donateArgnums: 0 })(np.copy(x))], [ratios], 'donated')
      // Each trip exchanges two elements: the first one moves to the end.
      const exchanged = (y: NDArray, k: NDArray): NDArray => {
        const at = (i: NDArray): NDArray => np.broadcastTo(lax.dynamicIndexInDim(y, i, { keepdims: false }), y.shape)
        const place = lax.iota('int32', y.size)
        const next = np.add(k, 1)
        return np.where(np.equal(place, k), at(next), np.where(np.equal(place, next), at(k), y))
      }
      const turned = jit((y: NDArray) => lax.foriLoop(0, y.size - 1, (k, z) => exchanged(z, k), y))
      for (const n of [5, 9, 33])
        closeAll([turned(np.arange(n, precise()))], [np.roll(np.arange(n, precise()), -1)], `${n} exchanged`)
    }))
})
