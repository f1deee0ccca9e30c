/** lax.scan: a loop over slices, traced once. */
import {
  type NDArray,
  type ShapedArray,
  type TreeDef,
  ArgumentError,
  ShapeError,
  TreeError,
  avalText,
  bind,
  known,
  sameAval,
  tree,
  withoutAxis,
  checkOptions,
} from '../core/index.js'
import { convertElementType } from '../lax/index.js'
import { flattenArguments, functionName, leafArrays, rebuild } from './arguments.js'
import { type TracedBody, traceBody } from './programs.js'
import { type ScanParams, scanPrimitive } from './scan-primitive.js'

export interface ScanOptions {
  /** Number of iterations; needed when there are no xs. */
  readonly length?: number
  /** Goes from the last slice to the first. */
  readonly reverse?: boolean
  /** Accepted for compatibility; the compiler decides. */
  readonly unroll?: number | boolean
}

/**
 * Carries through a loop, as one equation: `for x of xs: [carry, y] = f(carry, x)`.
 *
 * @param f takes the carry and one slice of every array of `xs` along axis 0; returns `[carry, y]`, the carry with the
 *   structure, shapes and dtypes that it came with
 * @param init first carry, a pytree
 * @param xs pytree of arrays with one length along axis 0, or null with `length`
 * @returns `[carry, ys]`, the ys stacked along axis 0
 * @example
 * ```ts
 * const [total, partial] = lax.scan((c, x) => { const n = np.add(c, x); return [n, n] }, 0, np.array([1, 2, 3]))
 * console.log(partial.js()) // [ 1, 3, 6 ]
 * ```
 */
export const scan = <Carry, X, Y>(
  f: (carry: Carry, x: X) => readonly [Carry, Y],
  init: Carry,
  xs: X,
  options: ScanOptions = {},
): [Carry, Y] => {
  checkOptions('scan', options, 'length reverse unroll')
  const operation = `scan(${functionName(f)})`
  const { reverse = false } = options
  const initFlat = flattenArguments(f, [init], operation)
  const xsFlat = tree.flatten(xs ?? null)
  const xsPaths = (): string[] => tree.paths(xsFlat.def, 'xs')
  const xLeaves = leafArrays(xsFlat.leaves, xsPaths, operation)
  const length = scanLength(xLeaves, xsPaths, options.length, operation)
  const unroll = typeof options.unroll === 'boolean' ? (options.unroll ? length : 1) : (options.unroll ?? 1)
  const xAvals = xLeaves.map((x) => withoutAxis(x.aval, 0))
  const carryDef = known(initFlat.def.children[0], 'structure')
  const inDef: TreeDef = tree.structure([0, 0])
  const bodyDef: TreeDef = {
    ...inDef,
    children: [carryDef, xsFlat.def],
    leafCount: carryDef.leafCount + xsFlat.def.leafCount,
    key: `[${carryDef.key}, ${xsFlat.def.key}]`,
  }
  let carry = [...initFlat.leaves]
  for (let attempt = 0; ; attempt++) {
    const body = traceBody(f, bodyDef, [...carry.map((x) => x.aval), ...xAvals], operation)
    if (body.outDef.kind !== 'list' || body.outDef.children.length !== 2) {
      throw new TreeError(
        `${operation}: the body must return [carry, y], a list of two, and it returned ${body.outDef.key}.`,
      )
    }
    const [outCarry, outY] = body.outDef.children
    tree.checkSameStructure(
      carryDef,
      known(outCarry, 'carry'),
      `${operation}: the body must return a carry like the one it was given`,
      'carry',
    )
    const outAvals = body.outAvals.slice(0, carry.length)
    // A carry that came from a JS number takes the dtype that the body gives it.
    const promoted = carry.map((x, i) => {
      const out = known(outAvals[i], 'carry')
      return x.weakType && x.dtype !== out.dtype ? convertElementType(x, out.dtype) : x
    })
    if (attempt === 0 && promoted.some((x, i) => x !== carry[i])) {
      carry = promoted
      continue
    }
    outAvals.forEach((out, i) => checkCarry(known(carry[i], 'carry').aval, out, carryDef, i, operation))
    const outs = bind(
      scanPrimitive,
      [...body.constants, ...carry, ...xLeaves],
      paramsOf(body, carry.length, length, reverse, unroll),
    )
    return [
      rebuild(carryDef, outs.slice(0, carry.length)) as Carry,
      rebuild(known(outY, 'structure'), outs.slice(carry.length)) as Y,
    ]
  }
}

const lastParams = new WeakMap<TracedBody, ScanParams>()

/** Parameters of a scan; the last ones again where they are the same, so that its program is found by identity. */
const paramsOf = (body: TracedBody, numCarry: number, length: number, reverse: boolean, unroll: number): ScanParams => {
  let params = lastParams.get(body)
  if (params === undefined || params.length !== length || params.reverse !== reverse || params.unroll !== unroll) {
    params = { jaxpr: body.jaxpr, length, numCarry, numConsts: body.constants.length, reverse, unroll }
    lastParams.set(body, params)
  }
  return params
}

/** Throws when a body changes the shape or dtype of leaf `i` of a carry. */
export const checkCarry = (
  before: ShapedArray,
  after: ShapedArray,
  def: TreeDef,
  i: number,
  operation: string,
): void => {
  if (sameAval(before, after)) return
  const path = tree.paths(def, 'carry')[i] ?? 'carry'
  throw new ShapeError(
    `${operation}: the body changes ${path} from ${avalText(before)} to ${avalText(after)}, and a loop's carry must keep its shape and dtype. ` +
      `Start with an array of the final shape and dtype, or convert inside the body (astype('${before.dtype}')).`,
  )
}

const scanLength = (
  xs: readonly NDArray[],
  paths: () => readonly string[],
  given: number | undefined,
  operation: string,
): number => {
  let length = given
  let from: number | undefined
  xs.forEach((x, i) => {
    const own = x.shape[0]
    if (own === undefined)
      throw new ShapeError(`${operation}: ${paths()[i]} is a scalar; every array of xs needs an axis to loop over.`)
    if (length === undefined) {
      length = own
      from = i
    } else if (length !== own) {
      const first = from === undefined ? 'length' : (paths()[from] ?? 'xs')
      throw new ShapeError(
        `${operation}: ${paths()[i]} is ${avalText(x.aval)}, with ${own} slices along axis 0, but ${first} says ${length}. All must agree.`,
      )
    }
  })
  if (length === undefined)
    throw new ArgumentError(`${operation}: without xs the number of iterations is unknown; give { length }.`)
  return length
}
