/** The primitive that jit binds: it holds a program, and every transformation of it transforms that program. */
import {
  type Delayed,
  type Jaxpr,
  type NDArray,
  type Primitive,
  type ShapedArray,
  type Tangent,
  bind,
  buildJaxpr,
  constantsAsInputs,
  definePrimitive,
  e,
  erase,
  InternalError,
  isJaxpr,
  isLinear,
  known,
  knownInput,
  sameAval,
  shapedArray,
} from '../core/index.js'
import { add, mul } from '../lax/index.js'
import { jvpJaxpr } from './jvp.js'
import { splitJaxpr } from './partial-eval.js'
import { transposeJaxpr } from './transpose.js'
import { batchJaxpr } from './vmap.js'

export interface JitParams {
  readonly name: string
  /** Program without constants. */
  readonly jaxpr: Jaxpr
  /** Inputs whose memory the program may take over. */
  readonly donated?: readonly boolean[]
}

/** Lowers every equation of a program in turn. */
const lowerJaxpr = (
  jaxpr: Jaxpr,
  compiler: Parameters<Primitive['lower']>[0],
  inputs: readonly Delayed[],
): Delayed[] => {
  const values = new Map<unknown, Delayed>()
  jaxpr.inputs.forEach((v, i) => values.set(v, known(inputs[i], 'input')))
  const read = (a: Jaxpr['outputs'][number]): Delayed =>
    a.kind === 'literal'
      ? { aval: a.aval, at: () => e.constant(a.value, a.aval.dtype) }
      : known(values.get(a), 'variable')
  for (const equation of jaxpr.equations) {
    const outs = equation.primitive.lower(
      compiler,
      equation.inputs.map(read),
      equation.params,
      equation.outputs.map((v) => v.aval),
    )
    equation.outputs.forEach((v, i) => values.set(v, known(outs[i], 'result')))
  }
  return jaxpr.outputs.map(read)
}

export const jitPrimitive: Primitive<JitParams> = definePrimitive<JitParams>({
  name: 'jit',
  abstract: (inputs, { jaxpr, name }) => {
    const fits =
      inputs.length === jaxpr.inputs.length && inputs.every((x, i) => sameAval(x, known(jaxpr.inputs[i], 'input').aval))
    if (!fits) throw new InternalError(`jit of ${name} was bound to operands that its program does not take`)
    return jaxpr.outputs.map((a) => a.aval)
  },
  jvp: (primals, tangents, { name, jaxpr }) => {
    const nonzero = tangents.map((t) => t !== null)
    const derivative = jvpJaxpr(jaxpr, nonzero)
    const outs = bind(jitPrimitive, [...primals, ...tangents.filter((t) => t !== null)], {
      name,
      jaxpr: derivative.jaxpr,
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
    const nonzero = cotangents.map((ct) => ct !== null)
    const back = transposeJaxpr(jaxpr, linear, nonzero)
    const operands = [...inputs.filter((x) => !isLinear(x)).map(knownInput), ...cotangents.filter((ct) => ct !== null)]
    const outs = bind(jitPrimitive, operands, { name, jaxpr: back.jaxpr })
    let next = 0
    return back.nonzeroOut.map((flag) => (flag ? known(outs[next++], 'cotangent') : null))
  },
  batch: (inputs, axes, { name, jaxpr }, axis) => {
    const batched = batchJaxpr(jaxpr, axes, axis)
    return [bind(jitPrimitive, inputs, { name, jaxpr: batched.jaxpr }), batched.outAxes]
  },
  lower: (compiler, inputs, { jaxpr }) => lowerJaxpr(jaxpr, compiler, inputs),
  print: ({ name, jaxpr }) => ({ name, jaxpr }),
  parse: ({ name, jaxpr }) => {
    if (!isJaxpr(jaxpr)) throw new InternalError('a printed jit has no jaxpr')
    return { name: String(name), jaxpr }
  },
  axisNames: ({ jaxpr }) => namesIn(jaxpr),
  program: {
    split: (unknown, _, { name, jaxpr }) => {
      const parts = splitJaxpr(jaxpr, unknown)
      return {
        known: { primitive: erase(jitPrimitive), params: { name, jaxpr: parts.known } },
        knownInputs: unknown.flatMap((flag, i) => (flag ? [] : [i])),
        residuals: parts.residuals,
        unknown: { primitive: erase(jitPrimitive), params: { name, jaxpr: parts.unknown } },
        unknownInputs: parts.unknownInputs,
        unknownOutputs: parts.unknownOutputs,
      }
    },
    inline: ({ jaxpr }) => jaxpr,
    donated: ({ donated }) => donated ?? [],
  },
  sample: (draw) => {
    const aval: ShapedArray = shapedArray(draw.shape({ maxRank: 2 }), 'float32')
    const body = (xs: readonly NDArray[]): NDArray[] => {
      const x = known(xs[0], 'operand')
      return [mul(add(x, x), x), x]
    }
    return {
      inputs: [draw.array(aval.shape, aval.dtype)],
      params: { name: 'f', jaxpr: constantsAsInputs(buildJaxpr(body, [aval], 'f').jaxpr) },
    }
  },
})

const names = new WeakMap<Jaxpr, readonly string[]>()

/** Axis names that a program's equations refer to. */
const namesIn = (jaxpr: Jaxpr): readonly string[] => {
  let found = names.get(jaxpr)
  if (found === undefined) {
    found = [...new Set(jaxpr.equations.flatMap((equation) => equation.primitive.axisNames?.(equation.params) ?? []))]
    names.set(jaxpr, found)
  }
  return found
}
