/** Vectorization: a trace that carries a batch axis along. */
import {
  type BatchAxis,
  type AxisData,
  type BatchedJaxpr,
  type Batching,
  type Jaxpr,
  type NDArray,
  type Params,
  type Primitive,
  type ShapedArray,
  ArgumentError,
  InternalError,
  ShapeError,
  Trace,
  Tracer,
  avalText,
  buildJaxpr,
  checkAlive,
  currentTrace,
  evalJaxpr,
  known,
  traceSite,
  tree,
  withAxis,
  withOneSource,
  withTrace,
  withoutAxis,
  checkOptions,
} from '../core/index.js'
import { broadcast, moveAxis } from '../lax/index.js'
import { argumentPaths, flattenResult, functionName, leafArray, rebuild } from './arguments.js'
import { withAxisName } from './axis-environment.js'
import type { Returned } from './signature.js'

/** A value of which there is one per member of the batch. */
export class BatchTracer extends Tracer {
  readonly value: NDArray
  readonly axis: number
  readonly aval: ShapedArray
  constructor(owner: Trace, value: NDArray, axis: number, origin: string) {
    super(owner, origin)
    this.value = value
    this.axis = axis
    this.aval = withoutAxis(value.aval, axis)
  }
}

/** Runs each primitive's batch rule in the parent trace. */
export class BatchTrace extends Trace {
  readonly #parent: Trace
  readonly #axis: Batching
  constructor(parent: Trace, axis: AxisData, name: string, where: string | undefined) {
    super(name, where)
    this.#parent = parent
    this.#axis = { ...axis, batchJaxpr: (jaxpr, axes) => batchJaxpr(jaxpr, axes, axis) }
  }

  split(x: NDArray): { readonly value: NDArray; readonly axis: BatchAxis } {
    return x instanceof BatchTracer && x.owner === this ? { value: x.value, axis: x.axis } : { value: x, axis: null }
  }

  join(value: NDArray, axis: BatchAxis, origin: string): NDArray {
    return axis === null ? value : new BatchTracer(this, value, axis, origin)
  }

  process(primitive: Primitive, inputs: readonly NDArray[], params: Params): readonly NDArray[] {
    const pairs = inputs.map((x) => this.split(x))
    const values = pairs.map((p) => p.value)
    const { name } = this.#axis
    const mine = name !== undefined && primitive.axisNames?.(params).includes(name) === true
    if (!mine && pairs.every((p) => p.axis === null))
      return withTrace(this.#parent, () => this.#parent.process(primitive, values, params))
    const [outs, axes] = withOneSource(() =>
      withTrace(this.#parent, () =>
        primitive.batch(
          values,
          pairs.map((p) => p.axis),
          params,
          this.#axis,
        ),
      ),
    )
    const origin = `the result of ${primitive.name}`
    return outs.map((out, i) => {
      const axis = axes[i] ?? null
      if (axis !== null && out.shape[axis] !== this.#axis.size) {
        throw new InternalError(
          `the batch rule of ${primitive.name} gave ${avalText(out.aval)} with batch axis ${axis}, for a batch of ${this.#axis.size}`,
        )
      }
      return this.join(out, axis, origin)
    })
  }
}

/** Maps a function of lists over batch axes; results come with theirs. */
export const batchFlat = (
  f: (inputs: readonly NDArray[]) => readonly NDArray[],
  inputs: readonly NDArray[],
  axes: readonly BatchAxis[],
  axis: AxisData,
  name: string,
  origins: readonly string[] = [],
): { readonly outs: NDArray[]; readonly axes: BatchAxis[] } => {
  const trace = new BatchTrace(currentTrace(), axis, name, traceSite())
  try {
    const results = withAxisName(axis.name, axis.size, () =>
      withTrace(trace, () =>
        f(inputs.map((x, i) => trace.join(x, axes[i] ?? null, origins[i] ?? `input ${i} of ${name}`))),
      ),
    )
    const pairs = results.map((x) => {
      checkAlive(x, name)
      return trace.split(x)
    })
    return { outs: pairs.map((p) => p.value), axes: pairs.map((p) => p.axis) }
  } finally {
    trace.ended = true
  }
}

/** Puts the batch axis of a value at `to`, making one by repetition where there is none. */
export const placeBatchAxis = (x: NDArray, from: BatchAxis, to: number, size: number): NDArray =>
  from === null ? moveAxis(broadcast(x, [size]), 0, to) : moveAxis(x, from, to)

const cache = new WeakMap<Jaxpr, Map<string, BatchedJaxpr>>()

/**
 * Maps a program without constants. Outputs flagged in `force` are batched along axis 0 even if all members are equal.
 */
export const batchJaxpr = (
  jaxpr: Jaxpr,
  axes: readonly BatchAxis[],
  axis: AxisData,
  force: readonly boolean[] = [],
): BatchedJaxpr => {
  const key = `${axes.join()}/${axis.size}/${axis.name ?? ''}/${force.map(Number).join('')}`
  let perJaxpr = cache.get(jaxpr)
  if (perJaxpr === undefined) cache.set(jaxpr, (perJaxpr = new Map()))
  let found = perJaxpr.get(key)
  if (found === undefined) {
    let outAxes: readonly BatchAxis[] = []
    const closed = buildJaxpr(
      (inputs) => {
        const result = batchFlat((xs) => evalJaxpr(jaxpr, [], xs), inputs, axes, axis, 'vmap')
        outAxes = result.axes.map((a, i) => (force[i] === true ? 0 : a))
        return result.outs.map((out, i) =>
          force[i] === true ? placeBatchAxis(out, result.axes[i] ?? null, 0, axis.size) : out,
        )
      },
      jaxpr.inputs.map((v, i) => {
        const at = axes[i]
        return at === null || at === undefined ? v.aval : withAxis(v.aval, at, axis.size)
      }),
      'vmap',
    )
    perJaxpr.set(key, (found = { jaxpr: closed.jaxpr, outAxes }))
  }
  return found
}

/** Axes of arguments or results: one for all, or a tree that is a prefix of theirs. `null` means not mapped. */
export type AxisSpec = number | null | readonly AxisSpec[] | { readonly [key: string]: AxisSpec }

export interface VmapOptions {
  /** Which axis of each argument to map over: one for all, or a list with one entry (a prefix tree) per argument. */
  readonly inAxes?: AxisSpec
  /** Where the mapped axis goes in each result. */
  readonly outAxes?: AxisSpec
  /** Name under which collectives (`lax.psum`, ...) find the axis. */
  readonly axisName?: string
  /** Size of the mapped axis; needed only when nothing is mapped. */
  readonly axisSize?: number
}

const isAxis = (value: unknown): boolean => typeof value === 'number' || value === null

const canonicalBatchAxis = (axis: number, rank: number, path: string, operation: string, aval: ShapedArray): number => {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new ArgumentError(
      `${operation}: ${path} is ${avalText(aval)} and cannot be mapped over axis ${axis}. ` +
        `Give an axis that it has, or null to pass it whole to every call (inAxes: [..., null, ...]).`,
    )
  }
  return axis < 0 ? axis + rank : axis
}

/**
 * Maps `f` over an axis of its arguments: the result is that of a loop over the axis, stacked, but computed at once.
 *
 * @param f function of pytrees of arrays, written for one member
 * @returns function of pytrees with one more axis. Throws ShapeError when mapped axes differ in size.
 * @example
 * ```ts
 * const dots = vmap((x, y) => np.dot(x, y), { inAxes: [0, null] })
 * console.log(dots(np.ones([3, 2]), np.array([1, 2])).js()) // [ 3, 3, 3 ]
 * ```
 */
export const vmap = <Args extends readonly unknown[], R extends Returned>(
  f: (...args: Args) => R,
  options: VmapOptions = {},
): ((...args: Args) => R) => {
  checkOptions('vmap', options, 'inAxes outAxes axisName axisSize')
  const { inAxes = 0, outAxes = 0, axisName } = options
  const operation = `vmap(${functionName(f)})`
  return (...args: Args): R => {
    const { leaves: raw, def } = tree.flatten([...args])
    const paths = argumentPaths(f, def)
    if (Array.isArray(inAxes) && inAxes.length !== args.length) {
      throw new ArgumentError(
        `${operation}: inAxes lists ${inAxes.length} of ${args.length} arguments; give one entry per argument.`,
      )
    }
    const spec: AxisSpec = Array.isArray(inAxes) ? inAxes : args.map(() => inAxes)
    const axes = tree.broadcastPrefix(spec, def, isAxis, `${operation}: inAxes`, '').map((axis, i): BatchAxis => {
      if (typeof axis !== 'number') return null
      const x = leafArray(raw[i], paths[i] ?? 'an argument', operation)
      return canonicalBatchAxis(axis, x.ndim, paths[i] ?? 'an argument', operation, x.aval)
    })
    const size = batchSize(raw, axes, paths, options.axisSize, operation)
    let outDef = def
    const result = batchFlat(
      (inputs) => {
        const values = raw.map((leaf, i) => (axes[i] === null ? leaf : inputs[i]))
        const out = flattenResult(Reflect.apply(f, undefined, tree.unflatten(def, values) as unknown[]), f, operation)
        outDef = out.def
        return out.leaves
      },
      // Unmapped arguments reach the function as they were given; a scalar holds their place here.
      raw.map((leaf, i) => leafArray(axes[i] === null ? 0 : leaf, paths[i] ?? 'an argument', operation)),
      axes,
      { size, name: axisName },
      operation,
      paths,
    )
    const outPaths = tree.paths(outDef, 'result')
    const targets = tree.broadcastPrefix(outAxes, outDef, isAxis, `${operation}: outAxes`, '')
    const outs = result.outs.map((out, i) => {
      const axis = result.axes[i] ?? null
      const target = targets[i]
      if (typeof target !== 'number') {
        if (axis === null) return out
        throw new ArgumentError(
          `${operation}: outAxes says null for ${outPaths[i]}, but its value differs between members of the batch. ` +
            `Give it an axis, or reduce over the batch with lax.psum and an axisName.`,
        )
      }
      const rank = axis === null ? out.ndim + 1 : out.ndim
      const to = canonicalBatchAxis(target, rank, outPaths[i] ?? 'result', operation, out.aval)
      return placeBatchAxis(out, axis, to, size)
    })
    return rebuild(outDef, outs) as R
  }
}

const batchSize = (
  raw: readonly unknown[],
  axes: readonly BatchAxis[],
  paths: readonly string[],
  given: number | undefined,
  operation: string,
): number => {
  let size = given
  let from = given === undefined ? '' : 'axisSize'
  axes.forEach((axis, i) => {
    if (axis === null) return
    const path = paths[i] ?? 'an argument'
    const x = leafArray(raw[i], path, operation)
    const own = known(x.shape[axis], 'size')
    if (size === undefined) {
      size = own
      from = `${path} has ${own} along axis ${axis}`
    } else if (size !== own) {
      throw new ShapeError(
        `${operation}: mapped axes differ in size: ${from === 'axisSize' ? `axisSize is ${size}` : from}, ${path} (${avalText(x.aval)}) has ${own} along axis ${axis}. ` +
          `Map the same number of members everywhere, or pass one whole with null in inAxes.`,
      )
    }
  })
  if (size === undefined) {
    throw new ArgumentError(
      `${operation}: nothing is mapped (every entry of inAxes is null), so the number of members is unknown. Map an argument, or give axisSize.`,
    )
  }
  return size
}
