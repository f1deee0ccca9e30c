/** Prints expressions as scalar code. */
import {
  type BinaryOp,
  type CompareOp,
  type Expression,
  type UnaryOp,
  InternalError,
  e,
  known,
} from '../../core/index.js'
import { isRareSelect } from '../../scalar/decompose.js'
import type { Buffer } from '../../compiler/kernel.js'
import { AddressEmitter } from './addresses.js'
import { ops } from './opcodes.js'
import { scalarBinary, scalarCompare, scalarUnary } from './scalar.js'
import { scalarBitcast, scalarConvert } from './scalar-convert.js'
import { scalarConstant, scalarLoad, valueType } from './scalar-memory.js'
import type { Table } from './scopes.js'

const scalars: Table = (scope) => scope.scalars

/** Emits scalar expressions into one function. */
export class ScalarEmitter extends AddressEmitter {
  /** Pushes an expression. In a vector loop, what depends on the loop variable is the value of the first lane. */
  scalar(x: Expression, keep = this.analysis.uses(x) > 1): void {
    if (x.op === 'const') {
      const type = valueType(x.dtype)
      if (type === 'i32' || this.scopes.length === 1) scalarConstant(this.f, x.value, x.dtype)
      else this.f.code.get(this.f.floatConstant(x.value, type === 'f32' ? 'f32' : 'f64'))
      return
    }
    if (x.op === 'variable') {
      this.f.code.get(known(this.variables.get(x), `variable ${x.id}`).local)
      return
    }
    this.value(x, scalars, valueType(x.dtype), keep, () => this.scalarOperation(x))
  }

  private scalarOperation(x: Expression): void {
    const { f } = this
    const a = x.args[0]
    const b = x.args[1]
    const c = x.args[2]
    if (a === undefined) throw new InternalError(`${x.op} without arguments`)
    switch (x.op) {
      case 'load': {
        const buffer = x.source as Buffer
        scalarLoad(f, buffer.dtype, this.address(buffer, a, 0))
        return
      }
      case 'select': {
        const ifTrue = known(b, 'argument')
        const ifFalse = known(c, 'argument')
        const isUnsafe = this.analysis.isUnsafe(ifTrue) || this.analysis.isUnsafe(ifFalse)
        if (isRareSelect(x) && !isUnsafe) {
          // What both sides share is computed with the usual one, before the branch: else code would double at every level.
          const usual = f.local(valueType(x.dtype))
          this.scalar(ifTrue)
          f.code.set(usual)
          this.scalar(a)
          f.code.if(valueType(x.dtype))
          f.code.get(usual)
          f.code.else()
          this.openBranch()
          this.scalar(ifFalse)
          this.closeBranch()
          f.code.end()
          return
        }
        if (isUnsafe) {
          this.scalar(a)
          f.code.if(valueType(x.dtype))
          this.openBranch()
          this.scalar(ifTrue)
          this.closeBranch()
          f.code.else()
          this.openBranch()
          this.scalar(ifFalse)
          this.closeBranch()
          f.code.end()
          return
        }
        this.scalar(ifTrue)
        this.scalar(ifFalse)
        this.scalar(a)
        f.code.op(ops.select)
        return
      }
      case 'convert':
        this.scalar(a)
        scalarConvert(f, this.context.helpers, a.dtype, x.dtype)
        return
      case 'bitcast':
        this.scalar(a)
        scalarBitcast(f, a.dtype, x.dtype)
        return
      default:
    }
    this.scalar(a)
    if (b === undefined) {
      scalarUnary(f, this.context.helpers, x.op as UnaryOp, x.dtype)
      return
    }
    this.scalar(b)
    if (e.isCompare(x.op)) scalarCompare(f, x.op as CompareOp, a.dtype)
    else {
      const nonNegative = (x.op === 'div' || x.op === 'rem') && x.dtype === 'int32' && e.bounds(a).min >= 0
      scalarBinary(f, this.context.helpers, x.op as BinaryOp, x.dtype, b, nonNegative)
    }
  }
}
