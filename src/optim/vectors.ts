/** Pytrees as vectors: all their elements in one array, products, steps along a direction. */
import { type ArrayLike, NDArray, TreeError, known, tree } from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { mapTrees, scalarLike } from './transformation.js'

/** All elements of a tree as one vector, and a function that puts such a vector into a tree again. */
export const raveled = <T>(operation: string, values: T): readonly [vector: NDArray, put: (vector: NDArray) => T] => {
  const arrays: NDArray[] = []
  mapTrees(
    operation,
    (x) => {
      arrays.push(x)
      return x
    },
    values,
  )
  if (arrays.length === 0) throw new TreeError(`${operation}: the tree has no arrays.`)
  const starts = arrays.map((_, i) => arrays.slice(0, i).reduce((sum, x) => sum + x.size, 0))
  const put = (vector: NDArray): T => {
    let next = 0
    return mapTrees(
      operation,
      (x) => {
        const start = known(starts[next++], 'start')
        const part = lax.sliceInDim(vector, start, start + x.size, { axis: 0 })
        return lax.convertElementType(lax.reshape(part, x.shape), x.dtype)
      },
      values,
    )
  }
  return [np.concatenate(arrays.map((x) => np.ravel(x))), put]
}

/** Sum of products of corresponding elements of two trees. */
export const innerProduct = (operation: string, x: unknown, y: unknown): NDArray => {
  const products = tree.leaves(mapTrees(operation, (a, b) => np.sum(np.multiply(a, known(b, 'factor'))), x, y))
  return products.reduce<NDArray>(
    (sum, product) => (product instanceof NDArray ? np.add(sum, product) : sum),
    np.array(0),
  )
}

/** `x + step * direction`. */
export const along = <T>(operation: string, x: T, step: ArrayLike, direction: unknown): T =>
  mapTrees(operation, (a, d) => np.add(a, np.multiply(scalarLike(step, a), known(d, 'direction'))), x, direction)

/** One of two trees of the same structure. */
export const either = <T>(operation: string, condition: NDArray, yes: T, no: T): T =>
  mapTrees(operation, (a, b) => np.where(condition, a, known(b, 'other')), yes, no)
