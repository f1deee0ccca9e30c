/** Collectives that move values between the members of a named axis: gather, permute, exchange, scatter. */
import {
  type Primitive,
  ArgumentError,
  NDArray,
  ShapeError,
  bindOne,
  canonicalAxis,
  definePrimitive,
  dtypeKind,
  known,
  range,
  shapedArray,
  tree,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import { axisIndex, axisSize, psum } from './collectives.js'

interface GatherParams {
  readonly axisName: string
  readonly axisSize: number
}

/** The values of all members, stacked along a new first axis; every member gets the same. */
const allGatherPrimitive: Primitive<GatherParams> = definePrimitive<GatherParams>({
  name: 'all_gather',
  passes: true,
  abstract: ([operand], { axisSize: size }) => {
    const x = known(operand, 'operand')
    return [shapedArray([size, ...x.shape], x.dtype, x.weakType)]
  },
  jvp: ([operand], [tangent], params) => [
    [bindOne(allGatherPrimitive, [known(operand, 'operand')], params)],
    [bindOne(allGatherPrimitive, [known(tangent ?? undefined, 'tangent')], params)],
  ],
  // What a member gave is in all results, so its cotangent is the sum of what all have at its place.
  transpose: ([ct], _, { axisName }) => [own(psum(known(ct ?? undefined, 'cotangent'), axisName), axisName, 0)],
  batch: ([operand], [axis], params, { name, size }) => {
    const x = known(operand, 'operand')
    const at = axis ?? null
    if (name !== params.axisName) {
      return [[bindOne(allGatherPrimitive, [x], params)], [at === null ? null : at + 1]]
    }
    const stacked =
      at === null ? lax.broadcast(x, [size]) : lax.transpose(x, [at, ...range(x.ndim).filter((d) => d !== at)])
    return [[stacked], [null]]
  },
  lower: () => {
    throw new ArgumentError("allGather: the axis name belongs to no enclosing vmap; give vmap(f, { axisName: 'i' }).")
  },
  axisNames: ({ axisName }) => [axisName],
  sample: (draw) => ({
    inputs: [draw.array(draw.shape({ maxRank: 2 }), 'float32')],
    params: { axisName: 'i', axisSize: draw.integer(1, 3) },
  }),
})

/** The slice of an array at the member's position along an axis, which goes away. */
const own = (x: NDArray, axisName: string, axis: number): NDArray =>
  lax.dynamicIndexInDim(x, axisIndex(axisName), { axis, keepdims: false })

const gathered = (x: NDArray, axisName: string, operation: string): NDArray =>
  bindOne(allGatherPrimitive, [x], { axisName, axisSize: axisSize(axisName, operation) })

const mapLeaves = <T>(x: T, operation: string, f: (leaf: NDArray) => NDArray): T => {
  const { leaves, def } = tree.flatten(x)
  return tree.unflatten(
    def,
    leaves.map((leaf) => {
      if (leaf instanceof NDArray || typeof leaf === 'number' || typeof leaf === 'boolean')
        return f(lax.asArray(leaf, operation))
      throw new ArgumentError(`${operation}: every leaf must be an array or a number.`)
    }),
  ) as T
}

/** An array whose first axis goes to `axis`. */
const firstTo = (x: NDArray, axis: number): NDArray => {
  const rest = range(x.ndim).slice(1)
  return lax.transpose(x, [...rest.slice(0, axis), 0, ...rest.slice(axis)])
}

/** An array whose first axis, of blocks, is merged into the axis that follows at `axis`. */
const mergeFirst = (x: NDArray, axis: number): NDArray => {
  const moved = firstTo(x, axis)
  const shape = moved.shape
  const merged = known(shape[axis], 'size') * known(shape[axis + 1], 'size')
  return lax.reshape(moved, [...shape.slice(0, axis), merged, ...shape.slice(axis + 2)])
}

/** Options of `allGather`. */
export interface AllGatherOptions {
  /** Where the axis of members goes (0). */
  readonly axis?: number
  /** Whether values are joined along `axis` instead of stacked. */
  readonly tiled?: boolean
}

/**
 * The values of all members of a named axis, stacked along a new axis (or joined, when `tiled`).
 *
 * @example
 * ```ts
 * const f = vmap((x) => lax.allGather(x, 'i').sum(), { axisName: 'i' })
 * console.log(f(np.array([1, 2, 3])).js()) // [6, 6, 6]
 * ```
 */
export const allGather = <T>(x: T, axisName: string, options: AllGatherOptions = {}): T => {
  const { axis = 0, tiled = false } = checkOptions('allGather', options, 'axis tiled')
  return mapLeaves(x, 'allGather', (leaf) => {
    const all = gathered(leaf, axisName, 'allGather')
    if (!tiled) return firstTo(all, canonicalAxis(axis, all.ndim, 'allGather'))
    return mergeFirst(all, canonicalAxis(axis, leaf.ndim, 'allGather'))
  })
}

/**
 * Sends values along pairs [from, to] of positions; members to which nobody sends get zeros.
 *
 * @throws ArgumentError for positions that are not there, or that receive twice
 * @example
 * ```ts
 * const shift = vmap((x) => lax.ppermute(x, 'i', [[0, 1], [1, 2]]), { axisName: 'i' })
 * console.log(shift(np.array([1, 2, 3])).js()) // [0, 1, 2]
 * ```
 */
export const ppermute = <T>(x: T, axisName: string, perm: readonly (readonly [from: number, to: number])[]): T => {
  const size = axisSize(axisName, 'ppermute')
  const sources: (number | undefined)[] = Array.from({ length: size }, () => undefined)
  for (const [from, to] of perm) {
    const valid = [from, to].every((i) => Number.isInteger(i) && i >= 0 && i < size)
    if (!valid || sources[to] !== undefined) {
      throw new ArgumentError(
        `ppermute: [${from}, ${to}] ${valid ? `sends to ${to} a second time` : `is not a pair of positions below ${size}`}.`,
      )
    }
    sources[to] = from
  }
  const table = (values: readonly number[]): NDArray =>
    lax.concatenate(
      values.map((v) => lax.full([1], v, { dtype: 'int32' })),
      0,
    )
  return mapLeaves(x, 'ppermute', (leaf) => {
    const all = gathered(leaf, axisName, 'ppermute')
    const source = own(table(sources.map((s) => s ?? 0)), axisName, 0)
    const value = lax.dynamicIndexInDim(all, source, { axis: 0, keepdims: false })
    if (!sources.includes(undefined)) return value
    const sent = lax.eq(own(table(sources.map((s) => (s === undefined ? 0 : 1))), axisName, 0), 1)
    const zero = lax.full(value.shape, dtypeKind(value.dtype) === 'bool' ? false : 0, { dtype: value.dtype })
    return lax.select(lax.broadcast(sent, value.shape), value, zero)
  })
}

/** Member i gets the value of member `perm[i]`. */
export const pshuffle = <T>(x: T, axisName: string, perm: readonly number[]): T => {
  const size = axisSize(axisName, 'pshuffle')
  if (perm.length !== size || new Set(perm).size !== size) {
    throw new ArgumentError(`pshuffle: [${perm.join(', ')}] is not a permutation of the ${size} positions.`)
  }
  return ppermute(
    x,
    axisName,
    perm.map((from, to) => [from, to] as const),
  )
}

/** Options of `allToAll`. */
export interface AllToAllOptions {
  /** Whether axes are cut into blocks and joined, instead of taken away and added. */
  readonly tiled?: boolean
}

/**
 * Cuts `splitAxis` into one part for each member, sends part i to member i, and joins what came along `concatAxis`.
 *
 * @throws ShapeError when the axis has not one part (or block, when `tiled`) for each member
 */
export const allToAll = <T>(
  x: T,
  axisName: string,
  splitAxis: number,
  concatAxis: number,
  options: AllToAllOptions = {},
): T => {
  const { tiled = false } = checkOptions('allToAll', options, 'tiled')
  const size = axisSize(axisName, 'allToAll')
  return mapLeaves(x, 'allToAll', (leaf) => {
    const split = canonicalAxis(splitAxis, leaf.ndim, 'allToAll')
    const concat = canonicalAxis(concatAxis, leaf.ndim, 'allToAll')
    const length = known(leaf.shape[split], 'size')
    if (tiled ? length % size !== 0 : length !== size) {
      throw new ShapeError(
        `allToAll: axis ${split} of [${leaf.shape.join(',')}] has size ${length}, and '${axisName}' has ${size} members; ` +
          `${tiled ? 'it must be a multiple' : 'they must be equal, or give { tiled: true } for a multiple'}.`,
      )
    }
    const blocks = [...leaf.shape.slice(0, split), size, length / size, ...leaf.shape.slice(split + 1)]
    const parts = gathered(tiled ? lax.reshape(leaf, blocks) : leaf, axisName, 'allToAll')
    const mine = own(parts, axisName, split + 1)
    return tiled ? mergeFirst(mine, concat) : firstTo(mine, concat)
  })
}

/** Exchanges a named axis with an axis of the array, of the same size. */
export const pswapaxes = <T>(x: T, axisName: string, axis: number): T => allToAll(x, axisName, axis, axis)

/** Options of `psumScatter`. */
export interface PsumScatterOptions {
  /** Axis that is shared out (0). */
  readonly scatterDimension?: number
  /** Whether each member gets a block of the axis, instead of one element without it. */
  readonly tiled?: boolean
}

/** The sum over the members, of which each gets its own part of an axis. */
export const psumScatter = <T>(x: T, axisName: string, options: PsumScatterOptions = {}): T => {
  const { scatterDimension = 0, tiled = false } = checkOptions('psumScatter', options, 'scatterDimension tiled')
  const size = axisSize(axisName, 'psumScatter')
  return mapLeaves(x, 'psumScatter', (leaf) => {
    const axis = canonicalAxis(scatterDimension, leaf.ndim, 'psumScatter')
    const length = known(leaf.shape[axis], 'size')
    if (tiled ? length % size !== 0 : length !== size) {
      throw new ShapeError(
        `psumScatter: axis ${axis} of [${leaf.shape.join(',')}] has size ${length}, and '${axisName}' has ${size} members; ` +
          `${tiled ? 'it must be a multiple' : 'they must be equal, or give { tiled: true } for a multiple'}.`,
      )
    }
    const sum = psum(leaf, axisName)
    if (!tiled) return own(sum, axisName, axis)
    const start = lax.mul(axisIndex(axisName), length / size)
    return lax.dynamicSliceInDim(sum, start, length / size, { axis })
  })
}
