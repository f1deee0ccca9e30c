/** lax.whileLoop and lax.foriLoop. */
import {
  type ArrayLike,
  type NDArray,
  ArgumentError,
  bind,
  known,
  tree,
  avalText,
  checkOptions,
} from '../core/index.js'
import { add, asArray, convertElementType, lt } from '../lax/index.js'
import { flattenArguments, functionName, rebuild } from './arguments.js'
import { traceBody } from './programs.js'
import { checkCarry, scan } from './scan.js'
import { whilePrimitive } from './while-primitive.js'

/**
 * Runs `body` for as long as `cond` holds.
 *
 * Differentiates forward (jvp); not in reverse, since the number of trips is unknown: use scan or foriLoop for that.
 *
 * @param cond from the carry to a bool scalar
 * @param body from the carry to the next one, with the same structure, shapes and dtypes
 * @param init first carry, a pytree
 * @returns the last carry
 * @example
 * ```ts
 * lax.whileLoop((x) => np.less(x, 100), (x) => np.multiply(x, 2), np.array(3)).item() // 192
 * ```
 */
export const whileLoop = <Carry>(
  cond: (carry: Carry) => ArrayLike,
  body: (carry: Carry) => Carry,
  init: Carry,
): Carry => {
  const operation = `whileLoop(${functionName(body)})`
  const flat = flattenArguments(body, [init], operation)
  const carryDef = known(flat.def.children[0], 'structure')
  let carry = [...flat.leaves]
  for (let attempt = 0; ; attempt++) {
    const avals = carry.map((x) => x.aval)
    const step = traceBody(body, flat.def, avals, operation)
    tree.checkSameStructure(
      carryDef,
      step.outDef,
      `${operation}: the body must return a carry like the one it was given`,
      'carry',
    )
    const promoted = carry.map((x, i) => {
      const out = known(step.outAvals[i], 'carry')
      return x.weakType && x.dtype !== out.dtype ? convertElementType(x, out.dtype) : x
    })
    if (attempt === 0 && promoted.some((x, i) => x !== carry[i])) {
      carry = promoted
      continue
    }
    step.outAvals.forEach((out, i) => checkCarry(known(avals[i], 'carry'), out, carryDef, i, operation))
    const test = traceBody(cond, flat.def, avals, operation)
    const predicate = test.outAvals[0]
    if (
      test.outDef.kind !== 'leaf' ||
      predicate === undefined ||
      predicate.dtype !== 'bool' ||
      predicate.shape.length !== 0
    ) {
      throw new ArgumentError(
        `${operation}: the condition must return one bool scalar, and it returned ${test.outAvals.map(avalText).join(', ') || test.outDef.key}. Compare (np.less, ...) or reduce (np.any, np.all).`,
      )
    }
    const outs = bind(whilePrimitive, [...test.constants, ...step.constants, ...carry], {
      condJaxpr: test.jaxpr,
      condNconsts: test.constants.length,
      bodyJaxpr: step.jaxpr,
      bodyNconsts: step.constants.length,
    })
    return rebuild(carryDef, outs) as Carry
  }
}

/** Options of `foriLoop`. */
export interface ForiLoopOptions {
  /** Steps in one trip of the compiled loop, where the number of trips is known. */
  readonly unroll?: number | boolean
}

/**
 * `for (let i = lower; i < upper; i++) carry = body(i, carry)`, as one equation.
 *
 * With JS numbers as bounds the number of trips is known, and the loop differentiates in reverse (it is a scan); with
 * traced bounds it is a whileLoop.
 *
 * @param lower first index, an integer or an int32 scalar
 * @param upper index to stop before
 * @param body from (index, carry) to the next carry
 */
export const foriLoop = <Carry>(
  lower: ArrayLike,
  upper: ArrayLike,
  body: (i: NDArray, carry: Carry) => Carry,
  init: Carry,
  options: ForiLoopOptions = {},
): Carry => {
  const { unroll = 1 } = checkOptions('foriLoop', options, 'unroll')
  if (typeof lower === 'number' && typeof upper === 'number') {
    const length = Math.max(0, upper - lower)
    const start = convertElementType(asArray(lower, 'foriLoop'), 'int32')
    const [last] = scan(
      ([i, carry]: readonly [NDArray, Carry]): readonly [readonly [NDArray, Carry], null] => [
        [add(i, 1), body(i, carry)],
        null,
      ],
      [start, init] as readonly [NDArray, Carry],
      null,
      { length, unroll },
    )
    return last[1]
  }
  const from = convertElementType(asArray(lower, 'foriLoop'), 'int32')
  const to = convertElementType(asArray(upper, 'foriLoop'), 'int32')
  if (from.ndim !== 0 || to.ndim !== 0) {
    throw new ArgumentError(`foriLoop: bounds must be scalars, got ${avalText(from.aval)} and ${avalText(to.aval)}.`)
  }
  const [, , result] = whileLoop(
    ([i, end]: readonly [NDArray, NDArray, Carry]) => lt(i, end),
    ([i, end, carry]): readonly [NDArray, NDArray, Carry] => [add(i, 1), end, body(i, carry)],
    [from, to, init] as readonly [NDArray, NDArray, Carry],
  )
  return result
}
