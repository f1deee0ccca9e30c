/** checkpoint: recompute a function's inner values in the backward pass instead of keeping them. */
import {
  type Delayed,
  type Equation,
  type Jaxpr,
  type NDArray,
  type Primitive,
  type SplitInput,
  type Tangent,
  ArgumentError,
  bind,
  bindOne,
  buildJaxpr,
  definePrimitive,
  erase,
  InternalError,
  isJaxpr,
  isLinear,
  known,
  knownInput,
  nativeFloats,
  newJaxpr,
  pruneJaxpr,
  sameAval,
  shapedArray,
  tree,
  type Var,
  checkOptions,
} from '../core/index.js'
import { anyDType, cos, elementwise, sin } from '../lax/index.js'
import { flattenArguments, functionName, leafArray, rebuild } from './arguments.js'
import { jvpJaxpr } from './jvp.js'
import { positions, traceBody, where } from './programs.js'
import type { Returned } from './signature.js'
import { transposeJaxpr } from './transpose.js'
import { batchJaxpr } from './vmap.js'

/** Says which values may be kept for the backward pass. */
export interface CheckpointPolicy {
  readonly name: string
  /** Whether the results of an equation are kept. */
  readonly saves: (equation: Equation) => boolean
}

/** Keeps everything: no recomputation. */
export const everythingSaveable: CheckpointPolicy = { name: 'everything_saveable', saves: () => true }
/** Keeps nothing but the inputs: the default. */
export const nothingSaveable: CheckpointPolicy = { name: 'nothing_saveable', saves: () => false }
/** Keeps the results of matrix products and convolutions. */
export const dotsSaveable: CheckpointPolicy = {
  name: 'dots_saveable',
  saves: (equation) => equation.primitive.name === 'dot_general' || equation.primitive.name === 'conv_general_dilated',
}

interface NameParams {
  readonly name: string
}
const namePrimitive: Primitive<NameParams> = elementwise<NameParams>('name', {
  dtypes: anyDType,
  passes: true,
  partials: [(t, _, __, { name }) => bindOne(namePrimitive, [t], { name })],
  transpose: ([ct]) => [ct ?? null],
  lower: ([x]) => known(x, 'operand'),
  sampleParams: () => ({ name: 'hidden' }),
})

/** Names a value, so that `saveOnlyTheseNames` can keep it. */
export const checkpointName = (x: NDArray, name: string): NDArray => bindOne(namePrimitive, [x], { name })

/** Keeps the values that were given one of these names by checkpointName. */
export const saveOnlyTheseNames = (...names: readonly string[]): CheckpointPolicy => ({
  name: `save_only_these_names(${names.join(', ')})`,
  saves: (equation) =>
    equation.primitive.name === 'name' && names.includes(String(Reflect.get(equation.params, 'name'))),
})

/** Policies by name, since parameters of equations are plain data. */
const policies = new Map<string, CheckpointPolicy>()

interface BarrierParams {
  /** Keeps the compiler from merging what follows with an equal computation before. */
  readonly kind: 'recompute'
}

/** Identity that hides where values come from: without it, recomputed values would be merged with the first computation. */
const barrierPrimitive: Primitive<BarrierParams> = definePrimitive<BarrierParams>({
  name: 'optimization_barrier',
  passes: true,
  abstract: (inputs) => inputs,
  jvp: (primals, tangents, params) => [bind(barrierPrimitive, primals, params), tangents],
  batch: (inputs, axes, params) => [bind(barrierPrimitive, inputs, params), axes],
  lower: (compiler, inputs) => inputs.map((x): Delayed => compiler.materialize(x)),
  print: () => ({}),
  parse: () => ({ kind: 'recompute' }),
  sample: (draw) => ({ inputs: [draw.array(draw.shape({ maxRank: 2 }), 'float32')], params: { kind: 'recompute' } }),
})

/**
 * The same values, through which the compiler does not see: what follows is not merged with what came before, computed
 * earlier or later, or simplified together with it. For every array of a pytree.
 *
 * @example
 * ```ts
 * const f = jit((x) => np.sum(lax.optimizationBarrier(np.exp(x))))
 * ```
 */
export const optimizationBarrier = <T>(operand: T): T => {
  const { leaves, def } = tree.flatten(operand)
  const arrays = leaves.map((leaf) => leafArray(leaf, 'a leaf', 'optimizationBarrier'))
  if (arrays.length === 0) return operand
  return tree.unflatten(def, bind<BarrierParams>(barrierPrimitive, arrays, { kind: 'recompute' })) as T
}

interface CheckpointParams {
  readonly name: string
  readonly jaxpr: Jaxpr
  readonly policy: string
  /** Set once the program holds tangents: from then on it recomputes. */
  readonly differentiated: boolean
}

/** Variables whose values are kept: results of saveable equations that depend on known inputs only. */
const savedVariables = (jaxpr: Jaxpr, unknown: readonly boolean[], saves: CheckpointPolicy['saves']): Var[] => {
  const late = new Set<Var>(where(jaxpr.inputs, unknown))
  const saved: Var[] = []
  for (const equation of jaxpr.equations) {
    if (equation.inputs.some((a) => a.kind === 'var' && late.has(a))) for (const v of equation.outputs) late.add(v)
    else if (saves(equation)) saved.push(...equation.outputs)
  }
  return saved
}

/** Outputs that depend on unknown inputs. */
const unknownOutputsOf = (jaxpr: Jaxpr, unknown: readonly boolean[]): boolean[] => {
  const late = new Set<Var>(where(jaxpr.inputs, unknown))
  for (const equation of jaxpr.equations) {
    if (equation.inputs.some((a) => a.kind === 'var' && late.has(a))) for (const v of equation.outputs) late.add(v)
  }
  return jaxpr.outputs.map((a) => a.kind === 'var' && late.has(a))
}

export const checkpointPrimitive: Primitive<CheckpointParams> = definePrimitive<CheckpointParams>({
  name: 'checkpoint',
  abstract: (inputs, { jaxpr, name }) => {
    if (
      inputs.length !== jaxpr.inputs.length ||
      !inputs.every((x, i) => sameAval(x, known(jaxpr.inputs[i], 'input').aval))
    ) {
      throw new InternalError(`checkpoint of ${name} was bound to operands that its program does not take`)
    }
    return jaxpr.outputs.map((a) => a.aval)
  },
  jvp: (primals, tangents, params) => {
    const { jaxpr } = params
    const derivative = jvpJaxpr(
      jaxpr,
      tangents.map((t) => t !== null),
    )
    const outs = bind(checkpointPrimitive, [...primals, ...tangents.filter((t) => t !== null)], {
      ...params,
      jaxpr: derivative.jaxpr,
    })
    const count = jaxpr.outputs.length
    let next = count
    return [
      outs.slice(0, count),
      derivative.nonzeroOut.map((flag): Tangent => (flag ? known(outs[next++], 'tangent') : null)),
    ]
  },
  transpose: (cotangents, inputs, params) => {
    const linear = inputs.map(isLinear)
    const nonzero = cotangents.map((ct) => ct !== null)
    const back = transposeJaxpr(params.jaxpr, linear, nonzero)
    const values = where(inputs, linear, false).map(knownInput)
    const cts = cotangents.filter((ct) => ct !== null)
    // The cotangents go through the barrier too: recomputation starts when the backward pass gets here, not before.
    const hidden = bind<BarrierParams>(barrierPrimitive, [...values, ...cts], { kind: 'recompute' })
    const outs = bind(checkpointPrimitive, hidden, { ...params, jaxpr: back.jaxpr, differentiated: true })
    let next = 0
    return back.nonzeroOut.map((flag) => (flag ? known(outs[next++], 'cotangent') : null))
  },
  batch: (inputs, axes, params, axis) => {
    const batched = batchJaxpr(params.jaxpr, axes, axis)
    return [bind(checkpointPrimitive, inputs, { ...params, jaxpr: batched.jaxpr }), batched.outAxes]
  },
  lower: () => {
    throw new InternalError('checkpoint is written out before lowering')
  },
  print: ({ name, jaxpr, policy, differentiated }) => ({
    name,
    differentiated,
    jaxpr,
    policy: policy === nothingSaveable.name ? null : policy,
    prevent_cse: true,
  }),
  parse: ({ name, jaxpr, policy, differentiated }) => {
    if (!isJaxpr(jaxpr)) throw new InternalError('a printed checkpoint has no jaxpr')
    return {
      name: String(name),
      jaxpr,
      policy: typeof policy === 'string' ? policy : nothingSaveable.name,
      differentiated: differentiated === true,
    }
  },
  program: {
    split: (unknown, _, params) => {
      const { jaxpr, policy } = params
      const unknownOutputs = unknownOutputsOf(jaxpr, unknown)
      const { saves } = policies.get(policy) ?? nothingSaveable
      const saved = savedVariables(jaxpr, unknown, saves)
      const knownInputs = positions(unknown, false)
      const known_ = pruneJaxpr({
        jaxpr: newJaxpr([], where(jaxpr.inputs, unknown, false), knownEquations(jaxpr, unknown), [
          ...where(jaxpr.outputs, unknownOutputs, false),
          ...saved,
        ]),
        values: [],
      }).jaxpr
      // Later: the whole program again from its inputs, less what was kept.
      const savedSet = new Set(saved)
      const later = pruneJaxpr({
        jaxpr: newJaxpr(
          [],
          [...saved, ...jaxpr.inputs],
          // What has no results has effects: they are repeated like the rest, unless everything is kept.
          jaxpr.equations.filter((equation) =>
            equation.outputs.length === 0 ? !saves(equation) : !equation.outputs.every((v) => savedSet.has(v)),
          ),
          where(jaxpr.outputs, unknownOutputs),
        ),
        values: [],
      }).jaxpr
      return {
        known: { primitive: erase(checkpointPrimitive), params: { ...params, jaxpr: known_ } },
        knownInputs,
        residuals: saved.map((v) => v.aval),
        unknown: { primitive: erase(checkpointPrimitive), params: { ...params, jaxpr: later } },
        unknownInputs: [
          ...saved.map((_v, i): SplitInput => ({ residual: i })),
          ...jaxpr.inputs.map((_v, i): SplitInput => ({ input: i })),
        ],
        unknownOutputs,
      }
    },
    inline: ({ jaxpr }) => jaxpr,
    donated: undefined,
  },
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 2 })
    const dtype = draw.pick(nativeFloats)
    const body = (xs: readonly NDArray[]): NDArray[] => [sin(cos(known(xs[0], 'operand')))]
    return {
      inputs: [draw.array(shape, dtype)],
      params: {
        name: 'f',
        jaxpr: buildJaxpr(body, [shapedArray(shape, dtype)], 'f').jaxpr,
        policy: 'nothing_saveable',
        differentiated: false,
      },
    }
  },
})

const knownEquations = (jaxpr: Jaxpr, unknown: readonly boolean[]): Equation[] => {
  const late = new Set<Var>(where(jaxpr.inputs, unknown))
  return jaxpr.equations.filter((equation) => {
    const isLate = equation.inputs.some((a) => a.kind === 'var' && late.has(a))
    if (isLate) for (const v of equation.outputs) late.add(v)
    return !isLate
  })
}

export interface CheckpointOptions {
  /** Which inner values to keep for the backward pass; none unless said. */
  readonly policy?: CheckpointPolicy
}

/**
 * The same function, whose inner values are computed again in the backward pass instead of being kept: less memory for
 * more arithmetic. Values and derivatives do not change.
 *
 * @example
 * ```ts
 * const block = checkpoint((w, x) => np.tanh(np.matmul(x, w)))
 * ```
 */
export const checkpoint = <Args extends readonly unknown[], R extends Returned>(
  f: (...args: Args) => R,
  options: CheckpointOptions = {},
): ((...args: Args) => R) => {
  checkOptions('checkpoint', options, 'policy')
  const name = functionName(f)
  const operation = `checkpoint(${name})`
  const policy = options.policy ?? nothingSaveable
  if (typeof policy.saves !== 'function')
    throw new ArgumentError(
      `${operation}: policy is one of everythingSaveable, nothingSaveable, dotsSaveable, saveOnlyTheseNames(...).`,
    )
  policies.set(policy.name, policy)
  return (...args: Args): R => {
    const flat = flattenArguments(f, args, operation)
    const body = traceBody(
      f,
      flat.def,
      flat.leaves.map((x) => x.aval),
      operation,
      flat.paths,
    )
    const outs = bind(checkpointPrimitive, [...body.constants, ...flat.leaves], {
      name,
      jaxpr: body.jaxpr,
      policy: policy.name,
      differentiated: false,
    })
    return rebuild(body.outDef, outs) as R
  }
}
