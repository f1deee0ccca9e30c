/** customVjp: functions with reverse derivatives of the user's own. */
import {
  type BatchAxis,
  type AxisData,
  type Jaxpr,
  type NDArray,
  type Primitive,
  type ShapedArray,
  type Tangent,
  type TreeDef,
  ArgumentError,
  DifferentiationError,
  InternalError,
  avalText,
  bind,
  definePrimitive,
  isFloating,
  known,
  knownInput,
  sameAval,
  tree,
  withOwnSource,
  checkOptions,
} from '../core/index.js'
import { add, mul, reduceSum, zerosOf } from '../lax/index.js'
import { flattenArguments, flattenResult, functionName, leafArray, rebuild } from './arguments.js'
import { traceBody } from './programs.js'
import { Rule } from './rule.js'
import { batchFlat, batchJaxpr, placeBatchAxis } from './vmap.js'
import { checkBound, closedOver, missingRule, sampleOfSquare, unreadable } from './custom-rules.js'

type Forward = (args: readonly NDArray[]) => {
  readonly outs: readonly NDArray[]
  readonly residuals: readonly NDArray[]
  readonly back: Backward
}
/** Cotangents of all arguments from those of the outputs, given the residuals. */
type Backward = (residuals: readonly NDArray[], cotangents: readonly NDArray[]) => readonly NDArray[]

interface CustomVjpParams {
  readonly name: string
  readonly callJaxpr: Jaxpr
  readonly numConsts: number
  readonly fwd: Rule<Forward>
}

interface CustomLinearParams {
  readonly name: string
  readonly numResiduals: number
  readonly outAvals: readonly ShapedArray[]
  readonly bwd: Rule<Backward>
}

/** The derivative of a customVjp function: linear in its tangents, and known only through its transpose. */
const customLinearPrimitive: Primitive<CustomLinearParams> = definePrimitive<CustomLinearParams>({
  name: 'custom_lin',
  abstract: (_, { outAvals }) => outAvals,
  jvp: (_, __, { name }) => {
    throw forwardOfVjp(name)
  },
  transpose: (cotangents, inputs, { bwd, numResiduals, outAvals }) => {
    const residuals = inputs.slice(0, numResiduals).map(knownInput)
    const cts = bwd.run(
      residuals,
      cotangents.map((ct, i) => ct ?? zerosOf(known(outAvals[i], 'output'))),
    )
    return [...residuals.map(() => null), ...cts]
  },
  batch: (_, __, { name }) => {
    throw forwardOfVjp(name)
  },
  lower: (_, __, { name }) => {
    throw forwardOfVjp(name)
  },
  print: ({ name, numResiduals, bwd }) => ({ name, bwd: bwd.toString(), num_res: numResiduals }),
  parse: () => unreadable('custom_lin'),
  sample: () => ({
    inputs: [],
    params: { name: 'f', numResiduals: 0, outAvals: [], bwd: new Rule<Backward>('bwd', () => []) },
  }),
})

const forwardOfVjp = (name: string): DifferentiationError =>
  new DifferentiationError(
    `${name} has a customVjp rule, which tells only how cotangents go back, so forward mode (jvp, jacfwd, hessian) cannot go through it. ` +
      `Use reverse mode (grad, vjp, jacrev), or give it a customJvp rule, which serves both.`,
  )

const customVjpPrimitive: Primitive<CustomVjpParams> = definePrimitive<CustomVjpParams>({
  name: 'custom_vjp_call',
  abstract: (inputs, { callJaxpr, name }) => checkBound(inputs, callJaxpr, name),
  jvp: (primals, tangents, { fwd, numConsts, name }) => {
    if (tangents.slice(0, numConsts).some((t) => t !== null)) throw closedOver(name)
    const args = primals.slice(numConsts)
    const { outs, residuals, back } = fwd.run(args)
    const floats = args.map((x) => isFloating(x.dtype))
    const ts = args.flatMap((x, i) => (floats[i] === true ? [tangents[numConsts + i] ?? zerosOf(x.aval)] : []))
    const bwd = new Rule<Backward>('bwd', (res, cts) => back(res, cts).filter((_, i) => floats[i] === true))
    const outTangents = bind(customLinearPrimitive, [...residuals, ...ts], {
      name,
      numResiduals: residuals.length,
      outAvals: outs.map((x) => x.aval),
      bwd,
    })
    return [outs, outTangents.map((t, i): Tangent => (isFloating(known(outs[i], 'output').dtype) ? t : null))]
  },
  batch: (inputs, axes, params, axis) => {
    const { callJaxpr, fwd, numConsts } = params
    const all = callJaxpr.outputs.map(() => true)
    const batched = batchJaxpr(callJaxpr, axes, axis, all)
    const rule = new Rule<Forward>(fwd.name, batchedForward(fwd.run, axes.slice(numConsts), axis))
    return [bind(customVjpPrimitive, inputs, { ...params, callJaxpr: batched.jaxpr, fwd: rule }), all.map(() => 0)]
  },
  lower: () => {
    throw new InternalError('custom_vjp_call is written out before lowering')
  },
  parse: () => unreadable('custom_vjp_call'),
  print: ({ name, callJaxpr, fwd }) => ({ name, call_jaxpr: callJaxpr, fwd: fwd.toString() }),
  program: { split: undefined, inline: ({ callJaxpr }) => callJaxpr, donated: undefined },
  sample: (draw) => {
    const { x, ...square } = sampleOfSquare(draw)
    return {
      inputs: [x],
      params: {
        ...square,
        fwd: new Rule<Forward>('fwd', ([x]) => {
          const at = known(x, 'operand')
          return {
            outs: [mul(at, at)],
            residuals: [add(at, at)],
            back: ([c], [ct]) => [mul(known(c, 'residual'), known(ct, 'cotangent'))],
          }
        }),
      },
    }
  },
})

/** Forward and backward rules over a batch: cotangents of arguments that all members share are summed. */
const batchedForward =
  (forward: Forward, axes: readonly BatchAxis[], axis: AxisData): Forward =>
  (args) => {
    let outCount = 0
    let back: Backward | undefined
    const result = batchFlat(
      (xs) => {
        const inner = forward(xs)
        outCount = inner.outs.length
        back = inner.back
        return [...inner.outs, ...inner.residuals]
      },
      args,
      axes,
      axis,
      'vmap of a custom derivative',
    )
    const outs = result.outs.slice(0, outCount).map((x, i) => placeBatchAxis(x, result.axes[i] ?? null, 0, axis.size))
    const residualAxes = result.axes.slice(outCount)
    const inner = known(back, 'backward rule')
    return {
      outs,
      residuals: result.outs.slice(outCount),
      back: (residuals, cts) => {
        const pulled = batchFlat(
          (xs) => inner(xs.slice(0, residuals.length), xs.slice(residuals.length)),
          [...residuals, ...cts],
          [...residualAxes, ...cts.map(() => 0)],
          axis,
          'vmap of a custom derivative',
        )
        return pulled.outs.map((ct, i) => {
          const own = axes[i] ?? null
          const at = pulled.axes[i] ?? null
          if (own !== null) return placeBatchAxis(ct, at, own, axis.size)
          return at === null ? mul(ct, axis.size) : reduceSum(ct, [at])
        })
      },
    }
  }

/** A function whose reverse derivative is given by the user. */
export interface CustomVjp<Args extends readonly unknown[], R> {
  (...args: Args): R
  /**
   * Sets the rules: `fwd(...args) => [out, residuals]` and `bwd(residuals, ct) => [one cotangent per argument]`. A null
   * cotangent means zero. Arguments at `nondiffArgnums` lead `bwd`'s arguments and get no cotangent.
   */
  readonly defvjp: {
    <Residuals>(
      fwd: (...args: Args) => readonly [R, Residuals],
      bwd: (residuals: Residuals, cotangent: R) => readonly unknown[],
    ): void
    /** With `nondiffArgnums`: those arguments come first in `bwd`. */
    (fwd: (...args: Args) => readonly [R, unknown], bwd: (...args: never[]) => readonly unknown[]): void
  }
}

export interface CustomVjpOptions {
  /** Arguments that are ordinary JS values, known when tracing; they get no cotangent. */
  readonly nondiffArgnums?: readonly number[]
}

/**
 * A function with a reverse derivative of the user's own.
 *
 * @example
 * ```ts
 * const clipGradient = customVjp((x) => x)
 * clipGradient.defvjp((x) => [x, null], (_, ct) => [np.clip(ct, -1, 1)])
 * ```
 */
export const customVjp = <Args extends readonly unknown[], R>(
  f: (...args: Args) => R,
  options: CustomVjpOptions = {},
): CustomVjp<Args, R> => {
  checkOptions('customVjp', options, 'nondiffArgnums')
  const name = functionName(f)
  const operation = `customVjp(${name})`
  const fixed = options.nondiffArgnums ?? []
  let fwdRule: ((...args: never[]) => unknown) | undefined
  let bwdRule: ((...args: never[]) => unknown) | undefined

  const call = (...args: Args): R => {
    const fwd = fwdRule
    const bwd = bwdRule
    if (fwd === undefined || bwd === undefined) throw missingRule(name, 'defvjp')
    const statics = fixed.map((i) => args[i])
    const dynamic = args.filter((_, i) => !fixed.includes(i))
    const weave = (values: readonly unknown[]): unknown[] => {
      let next = 0
      return args.map((arg, i) => (fixed.includes(i) ? arg : values[next++]))
    }
    const flat = flattenArguments(f, dynamic, operation)
    const body = traceBody(
      fixed.length === 0 ? f : (...values: never[]): unknown => Reflect.apply(f, undefined, weave(values)),
      flat.def,
      flat.leaves.map((x) => x.aval),
      operation,
      flat.paths,
    )
    const asList = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
    const forward: Forward = (leaves) => {
      const result: unknown = withOwnSource(() =>
        Reflect.apply(fwd, undefined, weave(asList(rebuild(flat.def, leaves)))),
      )
      if (!Array.isArray(result) || result.length !== 2)
        throw new ArgumentError(`${operation}: fwd must return [out, residuals].`)
      const [out, saved]: unknown[] = result
      const outs = flattenResult(out, f, operation)
      tree.checkSameStructure(body.outDef, outs.def, `${operation}: fwd must return the function's value first`, 'out')
      const residuals = tree.flatten(saved)
      const arrays = residuals.leaves.map((leaf, i) =>
        leafArray(leaf, tree.paths(residuals.def, 'residuals')[i] ?? 'residuals', operation),
      )
      const back: Backward = (values, cts) =>
        argumentCotangents(
          withOwnSource(() =>
            Reflect.apply(bwd, undefined, [...statics, rebuild(residuals.def, values), rebuild(outs.def, cts)]),
          ),
          flat.def,
          flat.leaves.map((x) => x.aval),
          operation,
        )
      return { outs: outs.leaves, residuals: arrays, back }
    }
    const outs = bind(customVjpPrimitive, [...body.constants, ...flat.leaves], {
      name,
      callJaxpr: body.jaxpr,
      numConsts: body.constants.length,
      fwd: new Rule('fwd', forward),
    })
    return rebuild(body.outDef, outs) as R
  }
  const defvjp = (fwd: (...args: never[]) => unknown, bwd: (...args: never[]) => unknown): void => {
    fwdRule = fwd
    bwdRule = bwd
  }
  return Object.assign(call, { defvjp })
}

/** What `bwd` returned, one cotangent per leaf: null (or undefined) for a whole argument means zeros. */
const argumentCotangents = (
  result: unknown,
  def: TreeDef,
  avals: readonly ShapedArray[],
  operation: string,
): NDArray[] => {
  if (!Array.isArray(result) || result.length !== def.children.length) {
    throw new ArgumentError(
      `${operation}: bwd must return a list with one cotangent per argument (${def.children.length}), ` +
        `and it returned ${Array.isArray(result) ? `${result.length}` : 'something else'}.`,
    )
  }
  const list: readonly unknown[] = result
  let next = 0
  return def.children.flatMap((child, k) => {
    const own = avals.slice(next, (next += child.leafCount))
    const value = list[k]
    if (value === null || value === undefined) return own.map(zerosOf)
    const flat = tree.flatten(value)
    tree.checkSameStructure(
      child,
      flat.def,
      `${operation}: cotangent ${k} of bwd must look like argument ${k}`,
      `cotangents[${k}]`,
    )
    return flat.leaves.map((leaf, i) => {
      const x = leafArray(leaf, `cotangents[${k}]`, operation)
      const aval = known(own[i], 'aval')
      if (isFloating(aval.dtype) && !sameAval(aval, x.aval)) {
        throw new ArgumentError(
          `${operation}: cotangent ${k} of bwd is ${avalText(x.aval)}, and argument ${k} is ${avalText(aval)}; they must have one shape and dtype.`,
        )
      }
      return isFloating(aval.dtype) ? x : zerosOf(aval)
    })
  })
}
