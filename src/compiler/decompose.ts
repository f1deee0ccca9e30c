/** Rewrites transcendental operations of float32 into base operations that every backend has, also as vectors. */
import { type Expression, type ExpressionOp, rebuildWith, substitute } from '../core/expression.js'
import { isRareSelect, selectRare } from './decompose-vocabulary.js'
import { cosh, exp, exp2, expm1, logistic, sinh, tanh } from './decompose-exponential.js'
import { acos, asin, atan, atan2 } from './decompose-inverse-trigonometric.js'
import { acosh, asinh, atanh, log, log1p } from './decompose-logarithm.js'
import { cbrt, nextafter, pow, rsqrt, sign } from './decompose-power.js'
import { digamma, erf, erfInv, erfc, lgamma } from './decompose-special.js'
import { cos, sin, tan } from './decompose-trigonometric.js'

export { isRareSelect } from './decompose-vocabulary.js'

export interface DecomposeOptions {
  /**
   * False leaves out the reduction of huge angles, which triples sin, cos and tan where a backend evaluates both sides of a
   * select. Beyond 6000 (tan: 3000) they are wrong then. Default: true.
   */
  readonly largeTrigonometric?: boolean
  /** True rewrites `sign` too, for backends without a sign that keeps zeros and NaN. Default: false. */
  readonly sign?: boolean
}

const unaryRules: Partial<Record<ExpressionOp, (x: Expression) => Expression>> = {
  exp,
  exp2,
  expm1,
  log,
  log1p,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  tanh,
  asinh,
  acosh,
  atanh,
  cbrt,
  rsqrt,
  logistic,
  erf,
  erfc,
  erfInv,
  lgamma,
  digamma,
}

const angleRules = { sin, cos, tan }

const binaryRules: Partial<Record<ExpressionOp, (a: Expression, b: Expression) => Expression>> = {
  pow,
  atan2,
  nextafter,
}

const isAngle = (op: ExpressionOp): op is keyof typeof angleRules => Object.hasOwn(angleRules, op)

/** One node whose arguments are in base operations already. */
const rewrite = (x: Expression, options: DecomposeOptions): Expression => {
  const [a, b] = x.args
  if (x.dtype !== 'float32' || a === undefined) return x
  if (isAngle(x.op)) return angleRules[x.op](a, { largeTrigonometric: options.largeTrigonometric ?? true })
  if (x.op === 'sign') return options.sign === true ? sign(a) : x
  if (b === undefined) return unaryRules[x.op]?.(a) ?? x
  return binaryRules[x.op]?.(a, b) ?? x
}

/**
 * `root` with every transcendental float32 operation replaced by base operations: arithmetic, sqrt, rounding, comparisons,
 * selects, conversions between float32 and int32, and bits. Straight-line, without integer division or 64-bit words, and
 * every shift is by a constant, so all of it has vector forms. Strict arithmetic is assumed: no reassociation, no fusing.
 *
 * Nodes of other dtypes are left alone. Errors are pinned in `test/compiler/decompose.test.ts`. `memo` may be shared by
 * calls with the same options.
 */
export const decompose = (
  root: Expression,
  memo = new Map<Expression, Expression>(),
  options: DecomposeOptions = {},
): Expression => {
  const visit = (x: Expression): Expression => {
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
