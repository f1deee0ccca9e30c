/** What transformations make of a program inside another: the rules of jit, for where a jitted function is called in another. */
import {
  type Delayed,
  type Jaxpr,
  type JvpRule,
  type Primitive,
  type SplitEquation,
  type Tangent,
  type TransposeRule,
  bind,
  e,
  erase,
  isLinear,
  known,
  knownInput,
} from '../core/index.js'
import { type JitParams, jitPrimitive } from './jit-primitive.js'
import { jvpJaxpr } from './jvp.js'
import { splitJaxpr } from './split-jaxpr.js'
import { transposeJaxpr } from './transpose.js'

/** Lowers every equation of a program in turn. */
export const lowerJaxpr = (
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

export const jvpOfJit: JvpRule<JitParams> = (primals, tangents, { name, jaxpr }) => {
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
}

export const transposeOfJit: TransposeRule<JitParams> = (cotangents, inputs, { name, jaxpr }) => {
  const linear = inputs.map(isLinear)
  const nonzero = cotangents.map((ct) => ct !== null)
  const back = transposeJaxpr(jaxpr, linear, nonzero)
  const operands = [...inputs.filter((x) => !isLinear(x)).map(knownInput), ...cotangents.filter((ct) => ct !== null)]
  const outs = bind(jitPrimitive, operands, { name, jaxpr: back.jaxpr })
  let next = 0
  return back.nonzeroOut.map((flag) => (flag ? known(outs[next++], 'cotangent') : null))
}

export const splitJit = (unknown: readonly boolean[], { name, jaxpr }: JitParams): SplitEquation => {
  const parts = splitJaxpr(jaxpr, unknown)
  return {
    known: { primitive: erase(jitPrimitive), params: { name, jaxpr: parts.known } },
    knownInputs: unknown.flatMap((flag, i) => (flag ? [] : [i])),
    residuals: parts.residuals,
    unknown: { primitive: erase(jitPrimitive), params: { name, jaxpr: parts.unknown } },
    unknownInputs: parts.unknownInputs,
    unknownOutputs: parts.unknownOutputs,
  }
}
