/** customJvp: functions with forward derivatives of the user's own, from which reverse mode follows. */
import {
  type Jaxpr,
  type NDArray,
  type Primitive,
  type ShapedArray,
  ArgumentError,
  InternalError,
  avalText,
  bind,
  definePrimitive,
  known,
  sameAval,
  tree,
  withOwnSource,
} from '../core/index.js'
import { add, mul, zerosOf } from '../lax/index.js'
import { flattenArguments, flattenResult, functionName, rebuild } from './arguments.js'
import { traceBody } from './programs.js'
import { Rule } from './rule.js'
import { batchFlat, batchJaxpr, placeBatchAxis } from './vmap.js'
import { checkBound, closedOver, missingRule, sampleOfSquare, unreadable } from './custom-rules.js'

type JvpFunction = (
  primals: readonly NDArray[],
  tangents: readonly NDArray[],
) => readonly [outs: readonly NDArray[], tangents: readonly NDArray[]]

interface CustomJvpParams {
  readonly name: string
  readonly callJaxpr: Jaxpr
  /** Leading inputs that the function was closed over. */
  readonly numConsts: number
  readonly jvp: Rule<JvpFunction>
}

const customJvpPrimitive: Primitive<CustomJvpParams> = definePrimitive<CustomJvpParams>({
  name: 'custom_jvp_call',
  abstract: (inputs, { callJaxpr, name }) => checkBound(inputs, callJaxpr, name),
  jvp: (primals, tangents, { jvp, numConsts, name }) => {
    if (tangents.slice(0, numConsts).some((t) => t !== null)) throw closedOver(name)
    const args = primals.slice(numConsts)
    return jvp.run(
      args,
      args.map((x, i) => tangents[numConsts + i] ?? zerosOf(x.aval)),
    )
  },
  batch: (inputs, axes, params, axis) => {
    const { callJaxpr, numConsts, jvp } = params
    const all = callJaxpr.outputs.map(() => true)
    const batched = batchJaxpr(callJaxpr, axes, axis, all)
    const argAxes = axes.slice(numConsts)
    const rule = new Rule<JvpFunction>(jvp.name, (primals, tangents) => {
      const count = primals.length
      const moved = tangents.map((t, i) => {
        const at = argAxes[i] ?? null
        return { t, at }
      })
      let outCount = 0
      const result = batchFlat(
        (xs) => {
          const [outs, ts] = jvp.run(xs.slice(0, count), xs.slice(count))
          outCount = outs.length
          return [...outs, ...ts]
        },
        [...primals, ...moved.map((m) => m.t)],
        [...argAxes, ...moved.map((m) => m.at)],
        axis,
        'vmap of a custom derivative',
      )
      const placed = result.outs.map((x, i) => placeBatchAxis(x, result.axes[i] ?? null, 0, axis.size))
      return [placed.slice(0, outCount), placed.slice(outCount)]
    })
    return [bind(customJvpPrimitive, inputs, { ...params, callJaxpr: batched.jaxpr, jvp: rule }), all.map(() => 0)]
  },
  lower: () => {
    throw new InternalError('custom_jvp_call is written out before lowering')
  },
  parse: () => unreadable('custom_jvp_call'),
  print: ({ name, callJaxpr, jvp }) => ({ name, call_jaxpr: callJaxpr, jvp: jvp.toString(), symbolic_zeros: false }),
  program: { split: undefined, inline: ({ callJaxpr }) => callJaxpr, donated: undefined },
  sample: (draw) => {
    const { x, ...square } = sampleOfSquare(draw)
    return {
      inputs: [x],
      params: {
        ...square,
        jvp: new Rule<JvpFunction>('jvp', ([x], [t]) => {
          const at = known(x, 'operand')
          return [[mul(at, at)], [mul(known(t, 'tangent'), add(at, at))]]
        }),
      },
    }
  },
})

/** A function whose derivative is given by the user. */
export interface CustomJvp<Args extends readonly unknown[], R> {
  (...args: Args): R
  /**
   * Sets the rule: `(primals, tangents) => [out, tangentOut]`, where `primals` and `tangents` list the arguments. The rule
   * must be linear in the tangents, and may call the function itself.
   */
  readonly defjvp: (rule: (primals: Args, tangents: Args) => readonly [R, R]) => void
}

const checkLike = (expected: readonly ShapedArray[], got: readonly NDArray[], what: string, name: string): void => {
  got.forEach((x, i) => {
    const aval = known(expected[i], 'aval')
    if (!sameAval(aval, x.aval)) {
      throw new ArgumentError(
        `${name}: its derivative rule gave ${what} ${i} as ${avalText(x.aval)}, and it must be ${avalText(aval)}, like the value it belongs to.`,
      )
    }
  })
}

/**
 * A function with a forward derivative of the user's own; reverse mode follows from it.
 *
 * @example
 * ```ts
 * const log1pExp = customJvp((x) => np.log1p(np.exp(x)))
 * log1pExp.defjvp(([x], [t]) => [log1pExp(x), np.multiply(nn.sigmoid(x), t)])
 * ```
 */
/* @__NO_SIDE_EFFECTS__ */
export const customJvp = <Args extends readonly unknown[], R>(f: (...args: Args) => R): CustomJvp<Args, R> => {
  const name = functionName(f)
  let rule: ((primals: Args, tangents: Args) => readonly [R, R]) | undefined
  const call = (...args: Args): R => {
    const operation = `customJvp(${name})`
    const flat = flattenArguments(f, args, operation)
    const body = traceBody(
      f,
      flat.def,
      flat.leaves.map((x) => x.aval),
      operation,
      flat.paths,
    )
    const user = rule
    if (user === undefined) throw missingRule(name, 'defjvp')
    const run: JvpFunction = (primals, tangents) => {
      const result: unknown = withOwnSource(() =>
        user(rebuild(flat.def, primals) as unknown as Args, rebuild(flat.def, tangents) as unknown as Args),
      )
      if (!Array.isArray(result) || result.length !== 2)
        throw new ArgumentError(`${operation}: the rule must return [out, tangentOut].`)
      const [out, tangent]: unknown[] = result
      const outs = flattenResult(out, f, operation)
      const ts = flattenResult(tangent, f, operation)
      tree.checkSameStructure(
        body.outDef,
        outs.def,
        `${operation}: the rule's value must look like the function's`,
        'out',
      )
      tree.checkSameStructure(
        body.outDef,
        ts.def,
        `${operation}: the rule's tangent must look like its value`,
        'tangentOut',
      )
      checkLike(
        outs.leaves.map((x) => x.aval),
        ts.leaves,
        'tangent',
        name,
      )
      return [outs.leaves, ts.leaves]
    }
    const outs = bind(customJvpPrimitive, [...body.constants, ...flat.leaves], {
      name,
      callJaxpr: body.jaxpr,
      numConsts: body.constants.length,
      jvp: new Rule('jvp', run),
    })
    return rebuild(body.outDef, outs) as R
  }
  const defjvp = (given: (primals: Args, tangents: Args) => readonly [R, R]): void => {
    rule = given
  }
  return Object.assign(call, { defjvp })
}
