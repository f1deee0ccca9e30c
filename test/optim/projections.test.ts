/** Projections: results are in the set, nearer than any other member, and stay where they are. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, numpy as np, optim, vmap } from 'cotangent'

const { projections } = optim

interface Tree {
  readonly a: NDArray
  readonly b: NDArray
}
const treeOf = (v: readonly number[]): Tree => ({ a: np.array(v.slice(0, 3)), b: np.array([v.slice(3)]) })
const flat = ({ a, b }: Tree): number[] => [...a.dataSync(), ...b.dataSync()]
const vectors = fc.array(fc.float({ min: -4, max: 4, noNaN: true, noDefaultInfinity: true }), {
  minLength: 5,
  maxLength: 5,
})
const dot = (x: readonly number[], y: readonly number[]): number => x.reduce((sum, v, i) => sum + v * (y[i] ?? 0), 0)
const normal = [1, 2, 3, 0.5, 2]
const sum = (x: readonly number[]): number => x.reduce((s, v) => s + v, 0)
const total = (x: readonly number[]): number => sum(x.map(Math.abs))
const near = (x: number, y: number): boolean => Math.abs(x - y) < 1e-4

interface Case {
  readonly project: (x: Tree) => Tree
  readonly inside: (x: readonly number[]) => boolean
  readonly convex: boolean
}
const scale = 1.5
const cases: Readonly<Record<string, Case>> = {
  projectionNonNegative: {
    project: projections.projectionNonNegative,
    inside: (x) => x.every((v) => v >= 0),
    convex: true,
  },
  projectionBox: {
    project: (x) => projections.projectionBox(x, -1, 2),
    inside: (x) => x.every((v) => v >= -1 && v <= 2),
    convex: true,
  },
  projectionHypercube: {
    project: (x) => projections.projectionHypercube(x, { scale }),
    inside: (x) => x.every((v) => v >= 0 && v <= scale),
    convex: true,
  },
  projectionSimplex: {
    project: (x) => projections.projectionSimplex(x, { scale }),
    inside: (x) => x.every((v) => v >= 0) && near(sum(x), scale),
    convex: true,
  },
  projectionL1Ball: {
    project: (x) => projections.projectionL1Ball(x, { scale }),
    inside: (x) => total(x) <= scale + 1e-4,
    convex: true,
  },
  projectionL1Sphere: {
    project: (x) => projections.projectionL1Sphere(x, { scale }),
    inside: (x) => near(total(x), scale),
    convex: false,
  },
  projectionL2Ball: {
    project: (x) => projections.projectionL2Ball(x, { scale }),
    inside: (x) => Math.hypot(...x) <= scale + 1e-4,
    convex: true,
  },
  projectionL2Sphere: {
    project: (x) => projections.projectionL2Sphere(x, { scale }),
    inside: (x) => near(Math.hypot(...x), scale),
    convex: false,
  },
  projectionLinfBall: {
    project: (x) => projections.projectionLinfBall(x, { scale }),
    inside: (x) => x.every((v) => Math.abs(v) <= scale),
    convex: true,
  },
  projectionVector: {
    project: (x) => projections.projectionVector(x, treeOf(normal)),
    inside: (x) => x.every((v, i) => near(v, (x[0] ?? 0) * (normal[i] ?? 0))),
    convex: true,
  },
  projectionHyperplane: {
    project: (x) => projections.projectionHyperplane(x, treeOf(normal), 2),
    inside: (x) => near(dot(x, normal), 2),
    convex: true,
  },
  projectionHalfspace: {
    project: (x) => projections.projectionHalfspace(x, treeOf(normal), 2),
    inside: (x) => dot(x, normal) <= 2 + 1e-4,
    convex: true,
  },
}

describe('projections', () => {
  it.each(Object.entries(cases))('%s', (_, { project, inside, convex }) => {
    fc.assert(
      fc.property(vectors, vectors, (x, other) => {
        fc.pre(Math.hypot(...x) > 0.1)
        const nearest = flat(jit(project)(treeOf(x)))
        expect(inside(nearest)).toBe(true)
        flat(project(treeOf(nearest))).forEach((v, i) => expect(near(v, nearest[i] ?? NaN)).toBe(true))
        const distance = (y: readonly number[]): number => Math.hypot(...x.map((v, i) => v - (y[i] ?? NaN)))
        // No member of the set is nearer; of a convex set, none lies towards x either.
        const member = flat(project(treeOf(Math.hypot(...other) > 0.1 ? other : x)))
        expect(distance(nearest)).toBeLessThanOrEqual(distance(member) + 1e-4)
        const towards = dot(
          x.map((v, i) => v - (nearest[i] ?? 0)),
          member.map((v, i) => v - (nearest[i] ?? 0)),
        )
        expect(!convex || towards <= 1e-3).toBe(true)
      }),
      { numRuns: 25 },
    )
  })

  it('have derivatives, and are mapped', () => {
    const weighted = (x: NDArray): NDArray => np.sum(np.multiply(projections.projectionSimplex(x), np.array([1, 2, 3])))
    // By JAX: optax's rule for the derivative at [0.5, 0.3, -2].
    expect(grad(weighted)(np.array([0.5, 0.3, -2])).js()).toEqual([-0.5, 0.5, 0])
    expect(grad((x: NDArray) => np.sum(projections.projectionL2Ball(x)))(np.zeros([2])).js()).toEqual([1, 1])
    const rows = np.array([
      [1, 0.5],
      [3, -1],
    ])
    expect(vmap((x: NDArray) => projections.projectionSimplex(x))(rows).js()).toEqual([
      [0.75, 0.25],
      [1, 0],
    ])
    const low = { a: np.zeros([3]), b: np.ones([1, 2]) }
    expect(flat(projections.projectionBox(treeOf([-1, 2, 9, 0, 5]), low, 3))).toEqual([0, 2, 3, 1, 3])
  })
})
