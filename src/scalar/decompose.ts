/** Rewrites transcendental operations of float32 into base operations that every backend has, also as vectors. */
import { type Expression, rebuildWith, substitute } from '../core/expression.js'
import { type DecomposeOptions, binaryFunctionOf, unaryFunctionOf } from './definition.js'
import { isRareSelect, selectRare } from './vocabulary.js'

export type { DecomposeOptions } from './definition.js'
export { isRareSelect } from './vocabulary.js'

/** One node whose arguments are in base operations already. */
const rewrite = (x: Expression, options: DecomposeOptions): Expression => {
  const a = x.args[0]
  const b = x.args[1]
  if (x.dtype !== 'float32' || a === undefined) return x
  if (x.op === 'sign') return options.sign?.(a) ?? x
  return (b === undefined ? unaryFunctionOf(x.op)?.float32(a, options) : binaryFunctionOf(x.op)?.float32(a, b)) ?? x
}

/**
 * `root` with every transcendental float32 operation replaced by base operations: arithmetic, sqrt, rounding, comparisons,
 * selects, conversions between float32 and int32, and bits. Straight-line, without integer division or 64-bit words, and
 * every shift is by a constant, so all of it has vector forms. Strict arithmetic is assumed: no reassociation, no fusing.
 *
 * Nodes of other dtypes are left alone. Errors are pinned in `test/scalar/decompose.test.ts`. `memo` may be shared by
 * calls with the same options.
 */
export const decompose = (
  root: Expression,
  memo = new Map<Expression, Expression>(),
  options: DecomposeOptions = {},
): Expression => {
  const visit = (x: Expression): Expression => {
    if (x.args.length === 0) return x
    let done = memo.get(x)
    if (done === undefined) {
      done = rewrite(rebuildWith(x, visit), options)
      memo.set(x, done)
    }
    return done
  }
  return visit(root)
}

/** `root` with what `memo` says in place of some expressions; selects whose second value is rare stay such. */
export const substituteDecomposed = (root: Expression, memo: Map<Expression, Expression>): Expression => {
  const replace = (x: Expression): Expression | undefined => {
    if (!isRareSelect(x)) return undefined
    const [usually, usual, rare] = x.args.map((arg) => substitute(arg, replace, memo))
    return usually && usual && rare && selectRare(usually, usual, rare)
  }
  return substitute(root, replace, memo)
}
