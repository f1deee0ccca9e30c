/** Collectives: operations over a named axis of an enclosing vmap. */
import {
  type BatchRule,
  type Primitive,
  ArgumentError,
  InternalError,
  NDArray,
  bindOne,
  definePrimitive,
  isFloating,
  known,
  shapedArray,
  tree,
} from '../core/index.js'
import { asArray, convertElementType, div, eq, iota, mul, reduceMax, reduceMin, reduceSum } from '../lax/index.js'
import { axisSize } from './axis-environment.js'

interface CollectiveParams {
  readonly axes: readonly string[]
}

const others = (axes: readonly string[], name: string | undefined): string[] => axes.filter((a) => a !== name)

/** Reduces the batch axis when it is one of the named ones, and leaves the other names for outer vmaps. */
const reducingBatch =
  (
    reduce: (x: NDArray, axes: readonly number[]) => NDArray,
    repeat: (x: NDArray, size: number) => NDArray,
    again: (x: NDArray, axes: readonly string[]) => NDArray,
  ): BatchRule<CollectiveParams> =>
  ([operand], [axis], { axes }, { name, size }) => {
    const x = known(operand, 'operand')
    const at = axis ?? null
    if (name === undefined || !axes.includes(name)) return [[again(x, axes)], [at]]
    const reduced = at === null ? repeat(x, size) : reduce(x, [at])
    const rest = others(axes, name)
    return [[rest.length === 0 ? reduced : again(reduced, rest)], [null]]
  }

const notLowered = (name: string) => (): never => {
  throw new InternalError(`${name} reached a backend: its axis name belongs to no enclosing vmap`)
}

/* @__NO_SIDE_EFFECTS__ */
const collective = (
  name: string,
  reduce: (x: NDArray, axes: readonly number[]) => NDArray,
  repeat: (x: NDArray, size: number) => NDArray,
  linear: boolean,
): Primitive<CollectiveParams> => {
  const again = (x: NDArray, axes: readonly string[]): NDArray => bindOne(primitive, [x], { axes })
  const primitive: Primitive<CollectiveParams> = definePrimitive<CollectiveParams>({
    name,
    abstract: ([x]) => [known(x, 'operand')],
    jvp: ([operand], [tangent], { axes }) => {
      const x = known(operand, 'operand')
      const t = known(tangent ?? undefined, 'tangent')
      const out = again(x, axes)
      if (linear) return [[out], [again(t, axes)]]
      // The members that attain the extremum share its tangent.
      const mask = convertElementType(eq(x, out), t.dtype)
      return [[out], [div(psumArray(mul(t, mask), axes), psumArray(mask, axes))]]
    },
    ...(linear && { transpose: ([ct], _, { axes }) => [again(known(ct ?? undefined, 'cotangent'), axes)] }),
    batch: reducingBatch(reduce, repeat, again),
    lower: notLowered(name),
    axisNames: ({ axes }) => axes,
    sample: (draw) => ({ inputs: [draw.array(draw.shape({ maxRank: 2 }), 'float32')], params: { axes: [] } }),
  })
  return primitive
}

const psumPrimitive: Primitive<CollectiveParams> = collective('psum', reduceSum, (x, size) => mul(x, size), true)
const pmaxPrimitive: Primitive<CollectiveParams> = collective('pmax', reduceMax, (x) => x, false)
const pminPrimitive: Primitive<CollectiveParams> = collective('pmin', reduceMin, (x) => x, false)

const psumArray = (x: NDArray, axes: readonly string[]): NDArray => bindOne(psumPrimitive, [x], { axes })

const namesOf = (axisName: string | readonly string[], operation: string): readonly string[] => {
  const names = typeof axisName === 'string' ? [axisName] : axisName
  for (const name of names) axisSize(name, operation)
  return names
}

const mapLeaves = <T>(x: T, operation: string, f: (leaf: NDArray) => NDArray): T => {
  const { leaves, def } = tree.flatten(x)
  return tree.unflatten(
    def,
    leaves.map((leaf) => {
      if (leaf instanceof NDArray || typeof leaf === 'number' || typeof leaf === 'boolean')
        return f(asArray(leaf, operation))
      throw new ArgumentError(`${operation}: every leaf must be an array or a number.`)
    }),
  ) as T
}

/** Results of collectives: a number stands for an array. */
type Widened<T> = T extends number | boolean ? NDArray : T

/** Sum over the members of the named axis (or axes), of every array of a pytree. `psum(1, name)` is the axis' size. */
export const psum = <T>(x: T, axisName: string | readonly string[]): Widened<T> => {
  const axes = namesOf(axisName, 'psum')
  if (typeof x === 'number') {
    const size = axes.reduce((n, name) => n * axisSize(name, 'psum'), 1)
    return asArray(x * size, 'psum') as Widened<T>
  }
  return mapLeaves(x, 'psum', (leaf) => psumArray(leaf, axes)) as Widened<T>
}

/** Mean over the members of the named axis. */
export const pmean = <T>(x: T, axisName: string | readonly string[]): Widened<T> => {
  const axes = namesOf(axisName, 'pmean')
  const size = axes.reduce((n, name) => n * axisSize(name, 'pmean'), 1)
  return mapLeaves(x, 'pmean', (leaf) =>
    div(psumArray(isFloating(leaf.dtype) ? leaf : convertElementType(leaf, 'float32'), axes), size),
  ) as Widened<T>
}

/** Largest over the members of the named axis. */
export const pmax = <T>(x: T, axisName: string | readonly string[]): Widened<T> => {
  const axes = namesOf(axisName, 'pmax')
  return mapLeaves(x, 'pmax', (leaf) => bindOne(pmaxPrimitive, [leaf], { axes })) as Widened<T>
}

/** Smallest over the members of the named axis. */
export const pmin = <T>(x: T, axisName: string | readonly string[]): Widened<T> => {
  const axes = namesOf(axisName, 'pmin')
  return mapLeaves(x, 'pmin', (leaf) => bindOne(pminPrimitive, [leaf], { axes })) as Widened<T>
}

interface AxisIndexParams {
  readonly axisName: string
}

const axisIndexPrimitive: Primitive<AxisIndexParams> = definePrimitive<AxisIndexParams>({
  name: 'axis_index',
  abstract: () => [shapedArray([], 'int32')],
  jvp: (_, __, params) => [[bindOne(axisIndexPrimitive, [], params)], [null]],
  batch: (_, __, params, { name, size }) =>
    name === params.axisName ? [[iota('int32', size)], [0]] : [[bindOne(axisIndexPrimitive, [], params)], [null]],
  lower: notLowered('axis_index'),
  axisNames: ({ axisName }) => [axisName],
  sample: () => ({ inputs: [], params: { axisName: 'i' } }),
})

/** Position of the member along the named axis, an int32 scalar. */
export const axisIndex = (axisName: string): NDArray => {
  namesOf(axisName, 'axisIndex')
  return bindOne(axisIndexPrimitive, [], { axisName })
}

export { axisSize }
