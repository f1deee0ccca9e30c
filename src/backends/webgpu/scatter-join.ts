/** Updates that are joined with what is there: which of their operations can be done among updates first. */
import { type CombineOp, type Expression, e, isFloating } from '../../core/index.js'
import type { Buffer } from '../../compiler/index.js'
import { neutral } from './reduction.js'

/** How updates of one element are joined with each other, and then with the element. */
export interface Join {
  readonly op: CombineOp
  /** What one update brings. */
  readonly value: Expression
  /** What changes nothing. */
  readonly neutral: Expression
  /** The element at an index, after all that was joined. */
  readonly element: (joined: Expression, index: Expression) => Expression
}

const joins: ReadonlySet<string> = new Set<CombineOp>(['add', 'mul', 'min', 'max', 'and', 'or', 'xor'])
const isJoin = (op: string): op is CombineOp => joins.has(op)

/** The zero that leaves the sign of other zeros alone is the negative one. */
const neutralOf = (op: CombineOp, { dtype }: Expression): Expression =>
  e.constant(op === 'add' && isFloating(dtype) ? -0 : neutral(op, dtype), dtype)

/**
 * The join in `whole`, which is to be stored at an index of a buffer: an operation of the element there and something else. Small
 * dtypes are joined as what they are computed in, which wraps or rounds only when it is stored.
 */
export const joinOf = (whole: Expression, buffer: Buffer, index: Expression): Join | undefined => {
  const isElement = (x: Expression): boolean =>
    (x.op === 'load' && x.source === buffer && x.args[0] === index) ||
    (x.op === 'convert' && x.args[0] !== undefined && isElement(x.args[0]))
  const isSmall = buffer.dtype === 'int8' || buffer.dtype === 'uint8'
  for (let at: Expression | undefined = whole; at !== undefined; [at] = at.args) {
    const place = isJoin(at.op) ? at.args.findIndex(isElement) : -1
    const value = at.args[1 - place]
    if (isJoin(at.op) && place >= 0 && value !== undefined) {
      const [op, joinedAt] = [at.op, at]
      const element = (joined: Expression, to: Expression): Expression =>
        e.substitute(whole, (x) => {
          if (x === joinedAt) return e.binary(op, e.convert(e.load(buffer, to), joined.dtype), joined)
          return undefined
        })
      return { op, value, neutral: neutralOf(op, value), element }
    }
    const wraps = isSmall && (at.op === 'and' || at.op === 'shl' || at.op === 'shrArithmetic')
    if (at.op !== 'convert' && !(wraps && at.args[1]?.op === 'const')) return undefined
  }
  return undefined
}
