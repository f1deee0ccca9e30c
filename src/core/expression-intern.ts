/** Nodes of scalar expressions: equal ones are the same object, found again where they were made. */
import type { DType } from './dtype.js'
import type { Expression, ExpressionOp, LoadSource, Ranged } from './expression-node.js'
import { roundTo } from './host.js'

interface Node extends Expression, Ranged {
  /** Expressions made from this node by hash, so that equal ones are found again; lives and dies with the node. */
  users: Map<number, Node> | undefined
  /** The next one with the same hash. */
  sibling: Node | undefined
}

let nextId = 1
const node = (
  op: ExpressionOp,
  dtype: DType,
  args: readonly Expression[],
  value = 0,
  source?: LoadSource,
  extent?: number,
  loads = op === 'load',
): Node => ({
  op,
  dtype,
  args,
  value,
  source,
  extent,
  id: nextId++,
  loads,
  range: undefined,
  users: undefined,
  sibling: undefined,
})

const constants = new Map<string, Expression>()

/** A constant; its value is rounded to the dtype. */
export const constant = (value: number, dtype: DType): Expression => {
  if (dtype === 'int32') return index(value)
  const rounded = roundTo(value, dtype)
  const key = `${dtype}${Object.is(rounded, -0) ? '-0' : rounded}`
  let found = constants.get(key)
  if (found === undefined) {
    // Constants cannot hang on an argument; a bounded table loses only sharing, never correctness.
    if (constants.size > 4096) constants.clear()
    found = node('const', dtype, [], rounded)
    constants.set(key, found)
  }
  return found
}

const integers = new Map<number, Expression>()

/** An int32 constant, for indices. */
export const index = (value: number): Expression => {
  const integer = value | 0
  let found = integers.get(integer)
  if (found === undefined) {
    if (integers.size > 4096) integers.clear()
    integers.set(integer, (found = node('const', 'int32', [], integer)))
  }
  return found
}

/** A fresh variable. A loop index has the extent that it counts up to; an accumulator or local has none. */
export const variable = (dtype: DType, extent?: number): Expression => node('variable', dtype, [], 0, undefined, extent)

/** Constants are the same by value: the table of them may have forgotten one in the meantime. */
const isSame = (x: Expression, y: Expression): boolean =>
  x === y || (x.op === 'const' && y.op === 'const' && x.dtype === y.dtype && Object.is(x.value, y.value))

const isMadeOf = (
  x: Expression,
  op: ExpressionOp,
  dtype: DType,
  args: readonly Expression[],
  source: LoadSource | undefined,
): boolean => {
  if (x.op !== op || x.dtype !== dtype || x.source?.id !== source?.id || x.args.length !== args.length) return false
  for (let i = 0; i < args.length; i++) {
    const own = x.args[i]
    const other = args[i]
    if (own === undefined || other === undefined || !isSame(own, other)) return false
  }
  return true
}

/** The operation over these arguments: the node that was made before, if there is one. */
export const interned = (
  op: ExpressionOp,
  dtype: DType,
  args: readonly Expression[],
  source?: LoadSource,
): Expression => {
  let owner = args[0] as Node
  // Two letters tell operations apart well enough for a hash.
  let hash = (op.charCodeAt(0) << 7) ^ op.charCodeAt(1)
  if (source !== undefined) hash += source.id
  let loads = op === 'load'
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as Node
    // Constants outlive programs, and would keep what was made of them; or are forgotten, and it with them.
    if (arg.op !== 'const' && (owner.op === 'const' || arg.id > owner.id)) owner = arg
    if (arg.loads) loads = true
    hash = (Math.imul(hash, 0x9e3779b1) + (arg.op === 'const' ? arg.value | 0 : arg.id)) | 0
  }
  hash = (hash ^ (hash >>> 15)) & 0x3fffffff
  owner.users ??= new Map()
  const first = owner.users.get(hash)
  for (let found = first; found !== undefined; found = found.sibling)
    if (isMadeOf(found, op, dtype, args, source)) return found
  const fresh = node(op, dtype, args, 0, source, undefined, loads)
  fresh.sibling = first
  owner.users.set(hash, fresh)
  return fresh
}

/** Loads at constant indices, by what they read: constants live on, and would keep the loads of every program. */
const constantLoads = new WeakMap<LoadSource, Map<number, Expression>>()

/** Reads element `at` (a flat int32 index) of a source. */
export const load = (source: LoadSource, at: Expression): Expression => {
  if (at.op !== 'const') return interned('load', source.dtype, [at], source)
  let perSource = constantLoads.get(source)
  if (perSource === undefined) constantLoads.set(source, (perSource = new Map()))
  let found = perSource.get(at.value)
  if (found === undefined) perSource.set(at.value, (found = node('load', source.dtype, [at], 0, source)))
  return found
}
