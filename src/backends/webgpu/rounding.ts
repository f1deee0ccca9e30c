/**
 * Which values drivers must not see through. Their compilers take (x + c) - c and (x + y) - y for x, a * b + a * c for
 * a * (b + c), x - x and x * 0 for 0, as if rounding, NaN, infinities and the negative zero did not exist: Mesa's does, and
 * then cos, which rounds by adding and taking away 1.5 * 2^23, gives 0 for every angle. A value is hidden by combining its bits with a
 * zero that the driver does not know.
 */
import { type Expression, type ExpressionOp, known } from '../../core/index.js'

/** Kinds of arithmetic within which compilers put operations together. */
const families: Partial<Record<ExpressionOp, 'sum' | 'product'>> = {
  add: 'sum',
  sub: 'sum',
  mul: 'product',
  div: 'product',
}

/** How many operations deep compilers are taken to look. */
const depth = 3

const isConstant = (x: Expression): boolean => x.op === 'const' && x.dtype === 'float32'

const isZero = (x: Expression): boolean => isConstant(x) && x.value === 0

/** Without signs, which compilers move about. */
const unsigned = (x: Expression): Expression =>
  x.op === 'neg' || x.op === 'abs' ? unsigned(known(x.args[0], 'operand')) : x

/** Whether two operands could take each other away: the same value, or two constants. */
const cancel = (x: Expression, y: Expression): boolean =>
  unsigned(x) === unsigned(y) || (isConstant(x) && isConstant(y))

/** Whether a chain of operations of one kind has an operand that could take `other` away. */
const mayCancel = (x: Expression, other: Expression, family: 'sum' | 'product', levels: number): boolean => {
  const inner = unsigned(x)
  if (levels === 0 || families[inner.op] !== family) return false
  return inner.args.some((arg) => cancel(arg, other) || mayCancel(arg, other, family, levels - 1))
}

/** Whether compilers could bring a constant from one of two sums to the other: (x + y) + c becomes (x + c) + y, and c is lost if x is large. */
const meetsConstant = (x: Expression, other: Expression): boolean => {
  const inner = unsigned(x)
  return families[inner.op] === 'sum' && (isConstant(other) || inner.args.some((arg) => isConstant(unsigned(arg))))
}

/** Whether both are products of the same value and something else. */
const haveCommonFactor = (x: Expression, y: Expression): boolean => {
  const [first, second] = [unsigned(x), unsigned(y)]
  return (
    first !== second &&
    first.op === 'mul' &&
    second.op === 'mul' &&
    first.args.some((arg) => second.args.some((other) => unsigned(arg) === unsigned(other)))
  )
}

/** Which argument of an operation of float32 has to be hidden, if any. */
export const hiddenArgument = (x: Expression): 0 | 1 | undefined => {
  const family = families[x.op]
  const [a, b] = x.args
  if (family === undefined || x.dtype !== 'float32' || a === undefined || b === undefined) return undefined
  if (isZero(a)) return 0
  if (isZero(b)) return 1
  if (mayCancel(a, b, family, depth)) return 0
  if (mayCancel(b, a, family, depth)) return 1
  if (family === 'sum') {
    if (meetsConstant(a, b)) return 0
    if (meetsConstant(b, a)) return 1
    return (x.op === 'sub' && a === b) || haveCommonFactor(a, b) ? 1 : undefined
  }
  // x / x, and the product of a root with itself, would be a number even where x is not.
  return a === b && (x.op === 'div' || a.op === 'sqrt') ? 1 : undefined
}
