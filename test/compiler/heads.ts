/** Programs of attention whose heads lie anywhere: what reads and writes matrices that are not neighbours. */
import fc from 'fast-check'
import { type NDArray, nn, numpy as np, vjp } from '../../src/index.js'
import { known } from '../../src/core/index.js'

/** A program and the shapes of its inputs. */
export interface HeadsProgram {
  readonly f: (...inputs: NDArray[]) => readonly NDArray[]
  readonly shapes: readonly (readonly number[])[]
}

/** Attention of queries, keys and values with axes in any order, its gradients if so said, and a product of its result. */
export const headsPrograms = fc
  .record({
    sizes: fc.record({
      b: fc.integer({ min: 1, max: 4 }),
      h: fc.integer({ min: 1, max: 6 }),
      t: fc.integer({ min: 1, max: 5 }),
      s: fc.integer({ min: 1, max: 5 }),
      d: fc.integer({ min: 1, max: 4 }),
      e: fc.integer({ min: 1, max: 4 }),
    }),
    query: fc.shuffledSubarray(['b', 't', 'h', 'd'], { minLength: 4 }),
    keys: fc.shuffledSubarray(['b', 's', 'h', 'd'], { minLength: 4 }),
    values: fc.shuffledSubarray(['b', 's', 'h', 'e'], { minLength: 4 }),
    result: fc.shuffledSubarray(['b', 't', 'h', 'e'], { minLength: 4 }),
    merged: fc.integer({ min: 1, max: 3 }),
    gradients: fc.boolean(),
  })
  .map(({ sizes, query, keys, values, result, merged, gradients }): HeadsProgram => {
    const shapeOf = (axes: readonly string[]): number[] =>
      axes.map((axis) => known(new Map(Object.entries(sizes)).get(axis), 'size'))
    const width = shapeOf(result.slice(merged)).reduce((n, size) => n * size, 1)
    const attention = (q: NDArray, k: NDArray, v: NDArray, w: NDArray): NDArray => {
      const scores = np.einsum(`${query.join('')},${keys.join('')}->bhts`, np.sin(q), k)
      const mixed = np.einsum(`bhts,${values.join('')}->${result.join('')}`, nn.softmax(scores), v)
      return np.matmul(np.reshape(mixed, [-1, width]), w)
    }
    return {
      shapes: [shapeOf(query), shapeOf(keys), shapeOf(values), [width, 3]],
      f: (...inputs) => {
        const [q, k, v, w] = inputs.map((x) => known(x, 'input'))
        const all = [known(q, 'q'), known(k, 'k'), known(v, 'v'), known(w, 'w')] as const
        if (!gradients) return [attention(...all)]
        const [y, pullback] = vjp(attention, ...all)
        return [y, ...pullback(np.cos(y))]
      },
    }
  })
