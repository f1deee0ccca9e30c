/** Carries that are updated where they are, on the GPU: values are those of `wasm`, which are those of the loops written out. */
import * as fc from 'fast-check'
import { lax, numpy as np, type NDArray } from 'cotangent'
import { actions, scannedUpdates, updateLoops, updateOperands, whiledUpdates } from '../../support/update-loops.js'
import { branchLoop, branchPlans } from '../../support/branch-loops.js'
import { agree, floats, useWebgpu } from './support.js'

useWebgpu()

fc.sample(updateLoops, { numRuns: 8, seed: 20261123 }).forEach((updates, i) => {
  agree(`scan ${i} of random updates`, () => scannedUpdates(updates)(...updateOperands(updates, 'float32')), 64)
})

fc.sample(branchPlans, { numRuns: 8, seed: 20261123 }).forEach((plan, i) => {
  agree(`loop ${i} of random branches`, () => branchLoop(plan), 64)
})

for (const name of Object.keys(actions)) {
  agree(
    `while: ${name}`,
    () => {
      const steps = [{ name, to: 0, from: 1, at: 4 }] as const
      const updates = { steps, next: [0, 1, 2], output: 'read', length: 3, reverse: false, seed: 5 } as const
      return whiledUpdates(updates)(...updateOperands(updates, 'float32'))
    },
    64,
  )
}

// Behind a closed gate a loop must not touch what the other branch gives.
for (const first of [true, false]) {
  agree(`loops in both branches, ${first ? 'the first' : 'the second'} taken`, () =>
    lax.cond(
      np.array(first),
      (x: NDArray) => lax.foriLoop(0, 3, (i: NDArray, c: NDArray) => c.at(i).add(1), x),
      (x: NDArray) =>
        lax.whileLoop(
          (c: NDArray) => np.less(c.get(0), 4),
          (c: NDArray) => c.at(0).add(1).at(1).multiply(2),
          x,
        ),
      floats(3, [300]),
    ),
  )
}
agree('a loop inside whose first carries are slices of the one around it', () =>
  lax.scan(
    (c: NDArray, x: NDArray): [NDArray, NDArray] => {
      const last = lax.foriLoop(0, 3, (i: NDArray, d: NDArray) => d.at(i).set(np.add(c.get(i), d.get(0))), x)
      return [c.at(1).set(last.get(2)), last]
    },
    floats(1, [300]),
    floats(2, [4, 300]),
  ),
)
// Every element takes part of two others, which are written over meanwhile: they are read before, once.
agree('a loop whose carry exchanges two of its elements', () =>
  lax.foriLoop(
    0,
    4,
    (i: NDArray, c: NDArray) => {
      const [places, j] = [np.arange(300, { dtype: 'int32' }), np.subtract(299, i)]
      return np.where(np.equal(places, i), c.get(j), np.where(np.equal(places, j), c.get(i), c))
    },
    floats(4, [300]),
  ),
)
