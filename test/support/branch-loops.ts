/** Loops whose bodies choose among programs that keep, exchange and change parts of two carries. */
import * as fc from 'fast-check'
import { type NDArray, jit, lax, numpy as np } from 'cotangent'

export type Two = readonly [NDArray, NDArray]

/** What a branch may do to two carries. */
const changes: readonly ((i: NDArray, [a, b]: Two) => Two)[] = [
  (_, [a, b]) => [a, b],
  (_, [a, b]) => [b, a],
  (i, [a, b]) => [a.at(i).set(b.get(np.add(i, 1))), b],
  (i, [a, b]) => [a.at(i).add(1), b.at(0).set(np.sum(a))],
  (i, [a, b]) => [np.flip(a), b.at(i).add(a.get(i))],
  (i, [a, b]) => [np.add(np.multiply(a, 0.5), b), a.at(i).set(2)],
  (i, [a]) => [a, a.at(i).set(7)],
  (i, [a, b]) => [lax.dynamicUpdateSlice(a, lax.dynamicSlice(b, [i], [5]), [np.add(i, 2)]), np.zerosLike(b)],
  (_, [a, b]) => [np.cumsum(np.multiply(a, 0.125)), b],
]

/** A body, as data: what its branches do, those of the last one, which chooses itself, and what happens around them. */
export interface Branches {
  readonly branches: readonly number[]
  readonly inner: readonly number[]
  readonly before: boolean
  readonly after: boolean
}

const branch = fc.nat({ max: changes.length - 1 })

export const branchPlans: fc.Arbitrary<Branches> = fc.record({
  branches: fc.array(branch, { minLength: 2, maxLength: 3 }),
  inner: fc.array(branch, { minLength: 2, maxLength: 2 }),
  before: fc.boolean(),
  after: fc.boolean(),
})

const trips = 7

const bodyOf =
  ({ branches, inner, before, after }: Branches) =>
  (i: NDArray, two: Two): Two => {
    const programs = (numbers: readonly number[]) =>
      numbers.map(
        (k) =>
          (x: Two): Two =>
            changes[k]?.(i, x) ?? x,
      )
    const given: Two = before ? [two[0].at(i).add(two[1].get(0)), two[1]] : two
    const nested = (x: Two): Two => lax.switch(np.remainder(np.floorDivide(i, 2), 2), programs(inner), x)
    const all = [...programs(branches), nested]
    const [a, b]: Two = lax.switch(np.remainder(i, all.length), all, given)
    // Reads what was there before the branch.
    return after ? [a, b.at(1).add(np.mean(given[0]))] : [a, b]
  }

/** Two carries large enough that copies of them are worth avoiding. */
export const branchOperands = (): Two => [np.divide(np.arange(300), 64), np.sin(np.arange(300))]

/** The loop. */
export const branchLoop = (plan: Branches): Two => {
  const step = bodyOf(plan)
  return jit((two: Two): Two => lax.foriLoop(0, trips, (i: NDArray, x: Two) => step(i, x), two))(branchOperands())
}

/** Its steps one by one. */
export const unrolledBranches = (plan: Branches): Two => {
  const step = bodyOf(plan)
  let now = branchOperands()
  for (let i = 0; i < trips; i++) now = step(np.array(i, { dtype: 'int32' }), now)
  return now
}
