/** customVmap: functions with a rule of the user's own for vmap. */
import {
  type Jaxpr,
  type NDArray,
  type Primitive,
  type Tangent,
  ArgumentError,
  InternalError,
  bind,
  buildJaxpr,
  definePrimitive,
  erase,
  isJaxpr,
  isLinear,
  known,
  knownInput,
  nativeFloats,
  sameAval,
  shapedArray,
  tree,
  withOwnSource,
} from '../core/index.js'
import { add, moveAxis, mul, zerosOf } from '../lax/index.js'
import { flattenArguments, flattenResult, functionName, rebuild } from './arguments.js'
import { type JitParams, jitPrimitive } from './jit-primitive.js'
import { jvpFlat, jvpJaxpr } from './jvp.js'
import { splitJaxpr } from './split-jaxpr.js'
import { positions, traceBody } from './programs.js'
import { Rule, parseRule, printRule } from './rule.js'
import { transposeJaxpr } from './transpose.js'
import { placeBatchAxis } from './vmap.js'

/** Results for a batch, and which of them have the batch axis, which is axis 0 everywhere. */
type BatchFunction = (
  size: number,
  batched: readonly boolean[],
  inputs: readonly NDArray[],
) => { readonly outs: readonly NDArray[]; readonly batched: readonly boolean[] }

interface CustomVmapParams {
  readonly name: string
  readonly jaxpr: Jaxpr
  readonly rule: Rule<BatchFunction>
}

/** The derivative of a batching rule is a batching rule for the derivative. */
const differentiated =
  (rule: BatchFunction, nonzero: readonly boolean[], nonzeroOut: readonly boolean[]): BatchFunction =>
  (size, flags, inputs) => {
    const count = nonzero.length
    const tangentAt = positions(nonzero)
    const tangentFlags = nonzero.map((flag, i) => flag && flags[count + tangentAt.indexOf(i)] === true)
    // A value and its tangent are batched together.
    const batched = nonzero.map((_, i) => flags[i] === true || tangentFlags[i] === true)
    const primals = batched.map((flag, i) => {
      const x = known(inputs[i], 'input')
      return flag && flags[i] !== true ? placeBatchAxis(x, null, 0, size) : x
    })
    const tangents = nonzero.map((flag, i): Tangent => {
      if (!flag) return null
      const t = known(inputs[count + tangentAt.indexOf(i)], 'tangent')
      return batched[i] === true && tangentFlags[i] !== true ? placeBatchAxis(t, null, 0, size) : t
    })
    let outFlags: readonly boolean[] = []
    const result = jvpFlat(
      (xs) => {
        const out = rule(size, batched, xs)
        outFlags = out.batched
        return out.outs
      },
      primals,
      tangents,
      'vmap of a derivative',
    )
    const wanted = positions(nonzeroOut)
    return {
      outs: [...result.outs, ...wanted.map((i) => result.tangents[i] ?? zerosOf(known(result.outs[i], 'output').aval))],
      batched: [...outFlags, ...wanted.map((i) => outFlags[i] === true)],
    }
  }

export const customVmapPrimitive: Primitive<CustomVmapParams> = definePrimitive<CustomVmapParams>({
  name: 'custom_vmap_call',
  abstract: (inputs, { jaxpr, name }) => {
    if (
      inputs.length !== jaxpr.inputs.length ||
      !inputs.every((x, i) => sameAval(x, known(jaxpr.inputs[i], 'input').aval))
    ) {
      throw new InternalError(`custom_vmap_call of ${name} was bound to operands that its program does not take`)
    }
    return jaxpr.outputs.map((a) => a.aval)
  },
  jvp: (primals, tangents, { name, jaxpr, rule }) => {
    const nonzero = tangents.map((t) => t !== null)
    const derivative = jvpJaxpr(jaxpr, nonzero)
    const outs = bind(customVmapPrimitive, [...primals, ...tangents.filter((t) => t !== null)], {
      name,
      jaxpr: derivative.jaxpr,
      rule: new Rule(rule.name, differentiated(rule.run, nonzero, derivative.nonzeroOut)),
    })
    const count = jaxpr.outputs.length
    let next = count
    return [
      outs.slice(0, count),
      derivative.nonzeroOut.map((flag): Tangent => (flag ? known(outs[next++], 'tangent') : null)),
    ]
  },
  transpose: (cotangents, inputs, { name, jaxpr }) => {
    const linear = inputs.map(isLinear)
    const back = transposeJaxpr(
      jaxpr,
      linear,
      cotangents.map((ct) => ct !== null),
    )
    const operands = [...inputs.filter((x) => !isLinear(x)).map(knownInput), ...cotangents.filter((ct) => ct !== null)]
    const outs = bind(jitPrimitive, operands, { name, jaxpr: back.jaxpr })
    let next = 0
    return back.nonzeroOut.map((flag) => (flag ? known(outs[next++], 'cotangent') : null))
  },
  batch: (inputs, axes, { rule }, { size }) => {
    const front = inputs.map((x, i) => {
      const axis = axes[i] ?? null
      return axis === null ? x : moveAxis(x, axis, 0)
    })
    const { outs, batched } = rule.run(
      size,
      axes.map((axis) => axis !== null),
      front,
    )
    return [outs, batched.map((flag) => (flag ? 0 : null))]
  },
  lower: () => {
    throw new InternalError('custom_vmap_call is written out before lowering')
  },
  print: ({ name, jaxpr, rule }) => ({ name, call: jaxpr, rule: printRule(rule) }),
  parse: ({ name, call, rule }) => {
    if (!isJaxpr(call)) throw new InternalError('a printed custom_vmap_call has no jaxpr')
    return { name: String(name), jaxpr: call, rule: parseRule(rule, 'custom_vmap_call') as Rule<BatchFunction> }
  },
  program: {
    // The rule is about the whole function; halves of it are batched like any program.
    split: (unknown, _, { name, jaxpr }) => {
      const parts = splitJaxpr(jaxpr, unknown)
      return {
        known: { primitive: erase(jitPrimitive), params: { name, jaxpr: parts.known } satisfies JitParams },
        knownInputs: positions(unknown, false),
        residuals: parts.residuals,
        unknown: { primitive: erase(jitPrimitive), params: { name, jaxpr: parts.unknown } satisfies JitParams },
        unknownInputs: parts.unknownInputs,
        unknownOutputs: parts.unknownOutputs,
      }
    },
    inline: ({ jaxpr }) => jaxpr,
    donated: undefined,
  },
  sample: (draw) => {
    const aval = shapedArray(draw.shape({ maxRank: 2 }), draw.pick(nativeFloats))
    const body = (xs: readonly NDArray[]): NDArray[] => {
      const x = known(xs[0], 'operand')
      return [add(mul(x, x), x)]
    }
    // mul and add are elementwise, so the same program serves any batch.
    const rule = new Rule<BatchFunction>('rule', (_, batched, inputs) => ({ outs: body(inputs), batched }))
    return {
      inputs: [draw.array(aval.shape, aval.dtype)],
      params: { name: 'f', jaxpr: buildJaxpr(body, [aval], 'f').jaxpr, rule },
    }
  },
})

/** A function with a batching rule of its own. */
export interface CustomVmap<Args extends readonly unknown[], R> {
  (...args: Args): R
  /**
   * Sets the rule: `(axisSize, inBatched, ...args) => [out, outBatched]`. `inBatched` lists, per argument, a pytree of
   * booleans that tells which arrays have a batch axis, always axis 0; `outBatched` tells the same of the result, or is one
   * boolean for all of it.
   */
  readonly defvmap: (
    rule: (axisSize: number, inBatched: readonly unknown[], ...args: Args) => readonly [R, unknown],
  ) => void
}

const isFlag = (value: unknown): boolean => typeof value === 'boolean'

/**
 * A function whose behaviour under vmap is given by the user: for one that knows a better way for a whole batch than what
 * comes from mapping its operations. Derivatives are those of the function and of the rule.
 *
 * `vmap(grad(f))` differentiates before it maps, and then maps the halves of the derivative in the ordinary way;
 * `grad` of a function that uses `vmap(f)` goes through the rule.
 *
 * @example
 * ```ts
 * const dot = customVmap((a: NDArray, b: NDArray) => np.sum(np.multiply(a, b)))
 * dot.defvmap((size, [aBatched, bBatched], a, b) =>
 *   aBatched === true && bBatched !== true ? [np.matmul(a, b), true] : [np.sum(np.multiply(a, b), { axis: -1 }), true])
 * ```
 */
export const customVmap = <Args extends readonly unknown[], R>(f: (...args: Args) => R): CustomVmap<Args, R> => {
  const name = functionName(f)
  const operation = `customVmap(${name})`
  let rule: ((axisSize: number, inBatched: readonly unknown[], ...args: Args) => readonly [R, unknown]) | undefined
  const call = (...args: Args): R => {
    const user = rule
    if (user === undefined) {
      throw new ArgumentError(`${name} has no rule yet. Set one before the first call: ${name}.defvmap(...).`)
    }
    const flat = flattenArguments(f, args, operation)
    const body = traceBody(
      f,
      flat.def,
      flat.leaves.map((x) => x.aval),
      operation,
      flat.paths,
    )
    const numConsts = body.constants.length
    const run: BatchFunction = (size, batched, inputs) => {
      if (batched.slice(0, numConsts).includes(true)) {
        throw new ArgumentError(
          `${operation}: the function is closed over a value that is being mapped, and its rule knows only its arguments. ` +
            `Pass the value as an argument.`,
        )
      }
      const given = rebuild(flat.def, inputs.slice(numConsts)) as unknown as Args
      const flags = tree.unflatten(flat.def, batched.slice(numConsts))
      const result: unknown = withOwnSource(() => user(size, Array.isArray(flags) ? flags : [], ...given))
      if (!Array.isArray(result) || result.length !== 2) {
        throw new ArgumentError(`${operation}: the rule must return [out, outBatched].`)
      }
      const [out, outBatched]: unknown[] = result
      const outs = flattenResult(out, f, operation)
      tree.checkSameStructure(
        body.outDef,
        outs.def,
        `${operation}: the rule's value must look like the function's`,
        'out',
      )
      const outFlags = tree.broadcastPrefix(outBatched, outs.def, isFlag, `${operation}: outBatched`, '')
      return { outs: outs.leaves, batched: outFlags.map((flag) => flag === true) }
    }
    const outs = bind(customVmapPrimitive, [...body.constants, ...flat.leaves], {
      name,
      jaxpr: body.jaxpr,
      rule: new Rule('rule', run),
    })
    return rebuild(body.outDef, outs) as R
  }
  const defvmap = (
    given: (axisSize: number, inBatched: readonly unknown[], ...args: Args) => readonly [R, unknown],
  ): void => {
    rule = given
  }
  return Object.assign(call, { defvmap })
}
