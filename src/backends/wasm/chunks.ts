/** How many iterations of a loop one call of its function makes: a chunk on one thread, a part on all of them. */
import type { Jobs } from './jobs.js'
import { jobCost } from './jobs.js'
import type { LoopPlan } from './plan.js'
import { lanes } from './vector-memory.js'

/**
 * Cost of one call of a chunk, about 40 us when optimized and 0.2 ms when not: V8 takes up optimized code only between
 * calls, so a long first call would run unoptimized to its end.
 */
const chunkCost = 120_000

/** Loop iterations are multiples of this in every chunk but the last, so that only that one has a remainder. */
export const chunkMultiple = 64

/** Parts that a job should have, so that threads end at about the same time; parts that cost less are not worth it. */
const wantedParts = 16
const smallestPart = 20_000

/** About as many iterations as cost so much, so that vectors fit into all ranges but the last. */
const iterationsOf = (cost: number, perIteration: number, plan: LoopPlan): number => {
  const wanted = Math.max(plan.copies > 0 ? lanes : 1, Math.floor(cost / perIteration))
  const multiple = wanted >= chunkMultiple ? chunkMultiple : wanted >= lanes ? lanes : 1
  return wanted - (wanted % multiple)
}

/** Iterations of a call; all of them unless the loop is long. */
export const chunkOf = (plan: LoopPlan, extent: number): number => {
  const perIteration = plan.cost / extent
  const isLong = plan.cost > 2 * chunkCost && perIteration < chunkCost && extent > 1
  return isLong ? iterationsOf(chunkCost, perIteration, plan) : extent
}

/** Whether the loop is worth several threads. */
export const isJob = (plan: LoopPlan, jobs: Jobs): boolean => plan.cost >= jobCost * jobs.scale

/** Iterations that a thread takes at a time. */
export const partOf = (plan: LoopPlan, extent: number, { scale }: Jobs): number => {
  const cost = Math.min(chunkCost, Math.max(smallestPart * scale, plan.cost / wantedParts))
  return iterationsOf(cost, plan.cost / extent, plan)
}
