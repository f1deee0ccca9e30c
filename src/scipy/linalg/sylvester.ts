/** Sylvester's equation. */
import { type ArrayLike, type NDArray, ShapeError, avalText, known } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { identity, transposed } from '../../lax/linalg-matrix.js'
import { solve } from '../../numpy/linalg-solve.js'
import { kron } from '../../numpy/products.js'
import { promoteInexact } from '../../numpy/promotion-args.js'

/**
 * The matrix `X` `[m, n]` with `A X + X B = C`, of `A` `[m, m]` and `B` `[n, n]`: solved as one system of `m n` equations, whose
 * cost grows with the cube of `m n`. There is one solution unless an eigenvalue of `A` is the negative of one of `B`.
 *
 * @throws ShapeError when the shapes don't fit
 * @example
 * ```ts
 * scipy.linalg.solveSylvester(np.array([[1, 0], [0, 2]]), np.array([[3]]), np.array([[8], [5]])) // [[2], [1]]
 * ```
 */
export const solveSylvester = (A: ArrayLike, B: ArrayLike, C: ArrayLike): NDArray => {
  const [first, second, third] = promoteInexact('linalg.solveSylvester', [A, B, C])
  const [a, b, c] = [known(first, 'A'), known(second, 'B'), known(third, 'C')]
  const [m, n] = [c.shape[0], c.shape[1]]
  const fits =
    [a, b, c].every((x) => x.ndim === 2) && a.shape.every((size) => size === m) && b.shape.every((size) => size === n)
  if (!fits) {
    throw new ShapeError(
      `linalg.solveSylvester: A ${avalText(a.aval)}, B ${avalText(b.aval)} and C ${avalText(c.aval)} don't fit: ` +
        `C is [m, n], A [m, m] and B [n, n]. For stacks use vmap.`,
    )
  }
  if (c.size === 0) return c
  // Rows of X one after the other: A acts between rows, B within each.
  const system = lax.add(kron(a, identity(b.shape, b.dtype)), kron(identity(a.shape, a.dtype), transposed(b)))
  return lax.reshape(solve(system, lax.reshape(c, [c.size])), c.shape)
}
