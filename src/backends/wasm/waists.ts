/**
 * Long elementwise loops cut in two: what one value stands between is computed for a block of elements first, and read back
 * from the first-level cache for the rest. Each of the two loops is short enough for registers and for a processor to
 * look ahead, and a branch in one does not keep iterations of the other from overlapping.
 */
import { type Expression, e, known } from '../../core/index.js'
import { substituteDecomposed } from '../../scalar/decompose.js'
import type { Statement } from '../../compiler/index.js'
import type { Loop } from './analysis.js'

/** Operations that an iteration and each half of it must have, and iterations of a loop, for cutting to be worth it. */
const leastOperations = 140
const leastHalf = 40
const leastExtent = 1024
/** Elements of a block: 1 kB of them. */
const blockSize = 256

interface Waist {
  readonly value: Expression
  /** How uneven the halves are. */
  readonly imbalance: number
}

/** The value of this dtype through which all depends on the variable, if there is one, and nothing behind it reads memory. */
const waistOf = (root: Expression, variable: Expression, dtype: Expression['dtype']): Expression | undefined => {
  const order: Expression[] = []
  const position = new Map<Expression, number>()
  const visit = (x: Expression): boolean => {
    if (position.has(x)) return (position.get(x) ?? -1) >= 0
    let varies = x === variable
    for (const arg of x.args) varies = visit(arg) || varies
    position.set(x, varies ? order.length : -1)
    if (varies) order.push(x)
    return varies
  }
  visit(root)
  if (order.length < leastOperations || dtype !== 'float32') return undefined
  // A value is a waist if nothing after it uses anything before it.
  let found: Waist | undefined
  let before = Infinity
  for (let i = order.length - 1; i >= leastHalf; i--) {
    const x = known(order[i], 'value')
    const imbalance = Math.abs(2 * i - order.length)
    if (before >= i && x.dtype === dtype && order.length - i >= leastHalf && imbalance < (found?.imbalance ?? Infinity))
      found = { value: x, imbalance }
    if (x.op === 'load') break
    for (const arg of x.args) {
      const at = position.get(arg) ?? -1
      if (at >= 0) before = Math.min(before, at)
    }
  }
  return found?.value
}

type Store = Extract<Statement, { readonly kind: 'store' }>

const loop = (variable: Expression, body: readonly Statement[]): Loop => ({
  kind: 'for',
  variable,
  extent: variable.extent ?? 1,
  order: 'parallel',
  body,
})

/** The loop in blocks of two loops each. */
const cut = (s: Loop, store: Store, waist: Expression): readonly Statement[] => {
  /** The store of `value` at an iteration; `known` are values that are there already. */
  const at = (
    index: Expression,
    value: Expression,
    known?: (place: Expression) => readonly [Expression, Expression],
  ): Store => {
    const memo = new Map([[s.variable, index]])
    const place = substituteDecomposed(store.index, memo)
    if (known !== undefined) memo.set(...known(place))
    return { ...store, index: place, value: substituteDecomposed(value, memo) }
  }
  const blocks = Math.floor(s.extent / blockSize)
  const block = e.variable('int32', blocks)
  const inside = (): readonly [Expression, Expression] => {
    const element = e.variable('int32', blockSize)
    return [element, e.binary('add', e.binary('mul', block, e.index(blockSize)), element)]
  }
  const [first, atFirst] = inside()
  const [second, atSecond] = inside()
  const out: Statement[] = [
    loop(block, [
      loop(first, [at(atFirst, waist)]),
      loop(second, [at(atSecond, store.value, (place) => [waist, e.load(store.buffer, place)])]),
    ]),
  ]
  const rest = s.extent - blocks * blockSize
  if (rest > 0) {
    const left = rest === 1 ? e.index(0) : e.variable('int32', rest)
    const last = at(e.binary('add', left, e.index(blocks * blockSize)), store.value)
    out.push(...(rest === 1 ? [last] : [loop(left, [last])]))
  }
  return out
}

/** The statements with every long elementwise loop that has a waist cut at it. */
export const cutAtWaists = (statements: readonly Statement[]): readonly Statement[] =>
  statements.flatMap((s): readonly Statement[] => {
    if (s.kind === 'if') return [{ ...s, body: cutAtWaists(s.body) }]
    if (s.kind !== 'for') return [s]
    const [only] = s.body
    if (s.order === 'parallel' && s.extent >= leastExtent && s.body.length === 1 && only?.kind === 'store') {
      const waist = waistOf(only.value, s.variable, only.buffer.dtype)
      if (waist !== undefined) return cut(s, only, waist)
    }
    return [{ ...s, body: cutAtWaists(s.body) }]
  })
