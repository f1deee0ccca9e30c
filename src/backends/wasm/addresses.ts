/** Addresses of elements: pointers that loops move along, and static offsets for neighbours. */
import { type Expression, e, known } from '../../core/index.js'
import { fromLinear } from '../../compiler/affine.js'
import type { Buffer } from '../../compiler/kernel.js'
import { elementBytes } from './analysis.js'
import { ops } from './opcodes.js'
import { ScopeEmitter } from './scopes.js'

/** Bytes by which one pointer serves loads after its own. */
const largestSharedOffset = 32768

/** Emits addresses into one function. */
export abstract class AddressEmitter extends ScopeEmitter {
  private readonly bases = new Map<Buffer, number>()

  /** Pushes an expression, keeping it in a local if asked. */
  abstract scalar(x: Expression, keep?: boolean): void

  /** Local that holds the address of a buffer's first element. */
  protected base(buffer: Buffer): number {
    let local = this.bases.get(buffer)
    if (local === undefined) {
      local = this.f.local('i32')
      this.context.pushAddress(this.f.prologue, buffer)
      this.f.prologue.set(local)
      this.bases.set(buffer, local)
    }
    return local
  }

  /** Index of the innermost loop around the code that is being written, or 0. */
  private innermostLoop(): number {
    for (let i = this.current; i > 0; i--) if (this.scopes[i]?.isLoop === true) return i
    return 0
  }

  /** Pushes the address of an element (of the first lane), and returns the static offset that belongs to it. */
  protected address(buffer: Buffer, index: Expression, extra: number): number {
    const { f } = this
    const size = elementBytes(buffer.dtype)
    const { core, constant, terms } = this.analysis.form(index)
    const at = constant + extra
    const loop = this.innermostLoop()
    const scope = this.scopes[loop]
    const variable = scope?.variable
    if (loop > 0 && scope !== undefined && variable !== undefined) {
      for (let i = 0; i < scope.pointers.length; i++) {
        const pointer = scope.pointers[i]
        if (pointer === undefined || pointer.buffer !== buffer || pointer.core !== core) continue
        const ahead = (at - pointer.bias) * size
        if (ahead >= 0 && ahead <= largestSharedOffset) {
          f.code.get(pointer.local)
          return ahead
        }
      }
      let fixed = true
      terms.forEach((_, atom) => {
        if (atom !== variable && this.level(atom) >= loop) fixed = false
      })
      if (fixed) {
        const local = f.local('i32')
        const stride = terms.get(variable) ?? 0
        // Copies are `extra` apart: the first one asks first, and the pointer is made for it.
        const bias = at
        this.before(loop, () => {
          f.code.get(this.base(buffer))
          const others = new Map(terms)
          others.delete(variable)
          if (others.size > 0) {
            this.scalar(fromLinear(0, others), true)
            this.scaleAndAdd(size)
          }
          if (stride !== 0) {
            f.code.get(known(this.variables.get(variable), 'loop variable').local)
            this.scaleAndAdd(stride * size)
          }
          if (bias !== 0) {
            f.code.i32(bias * size)
            f.code.op(ops['i32.add'])
          }
          f.code.set(local)
        })
        scope.pointers.push({ buffer, core, bias, stride, local })
        f.code.get(local)
        return 0
      }
    }
    f.code.get(this.base(buffer))
    if (core.op === 'const') return at >= 0 ? at * size : this.plusConstant(at * size)
    this.scalar(core, this.analysis.uses(core) > 1 || this.analysis.uses(index) > 1)
    this.scaleAndAdd(size)
    if (at >= 0 && e.bounds(core).min >= 0) return at * size
    return this.plusConstant(at * size)
  }

  private plusConstant(bytes: number): number {
    if (bytes !== 0) {
      this.f.code.i32(bytes)
      this.f.code.op(ops['i32.add'])
    }
    return 0
  }

  /** Adds a multiple of the value on top to the address below it. */
  protected scaleAndAdd(factor: number): void {
    const { code } = this.f
    if (factor !== 1) {
      const shift = 31 - Math.clz32(factor)
      if (factor > 0 && 1 << shift === factor) {
        code.i32(shift)
        code.op(ops['i32.shl'])
      } else {
        code.i32(factor)
        code.op(ops['i32.mul'])
      }
    }
    code.op(ops['i32.add'])
  }
}
