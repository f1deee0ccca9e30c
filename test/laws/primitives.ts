/** Which primitives the laws are about, and those that a law says nothing of, with the reason. */
import { type Primitive, primitives } from '../../src/core/index.js'

/** Collectives mean nothing outside of a vmap that has their axis name; test/transforms/composition.test.ts has their laws. */
const needAxisName = new Set(['psum', 'pmax', 'pmin', 'all_gather', 'axis_index'])
/** Assertions: a compiled program cannot throw, so compiling one is an error. */
export const uncompilable = new Set(['check'])
/** How often it runs is known only when it has run, so there is nothing to go back through. */
export const irreversible = new Set(['while'])
/** Its rule tells only how cotangents go back. */
export const withoutForward = new Set(['custom_vjp_call'])

export const every: readonly Primitive[] = [...primitives.values()].filter((p) => !needAxisName.has(p.name))

export const named = (list: readonly Primitive[]) => list.map((p) => [p.name, p] as const)
