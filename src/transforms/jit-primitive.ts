/** The primitive that jit binds: it holds a program, and every transformation of it transforms that program. */
import {
  type Jaxpr,
  type NDArray,
  type Primitive,
  type ShapedArray,
  bind,
  buildJaxpr,
  constantsAsInputs,
  definePrimitive,
  InternalError,
  isJaxpr,
  known,
  nativeFloats,
  sameAval,
  shapedArray,
} from '../core/index.js'
import { add, mul } from '../lax/index.js'
import { type JitParams, nesting } from './parts.js'

export type { JitParams } from './parts.js'

export const jitPrimitive: Primitive<JitParams> = definePrimitive<JitParams>({
  name: 'jit',
  abstract: (inputs, { jaxpr, name }) => {
    const fits =
      inputs.length === jaxpr.inputs.length && inputs.every((x, i) => sameAval(x, known(jaxpr.inputs[i], 'input').aval))
    if (!fits) throw new InternalError(`jit of ${name} was bound to operands that its program does not take`)
    return jaxpr.outputs.map((a) => a.aval)
  },
  jvp: (primals, tangents, params) => nesting.get('jit').jvpOfJit(primals, tangents, params),
  transpose: (cotangents, inputs, params) => nesting.get('jit').transposeOfJit(cotangents, inputs, params),
  batch: (inputs, axes, { name, jaxpr }, axis) => {
    const batched = axis.batchJaxpr(jaxpr, axes)
    return [bind(jitPrimitive, inputs, { name, jaxpr: batched.jaxpr }), batched.outAxes]
  },
  lower: (compiler, inputs, { jaxpr }) => nesting.get('jit').lowerJaxpr(jaxpr, compiler, inputs),
  print: ({ name, jaxpr }) => ({ name, jaxpr }),
  parse: ({ name, jaxpr }) => {
    if (!isJaxpr(jaxpr)) throw new InternalError('a printed jit has no jaxpr')
    return { name: String(name), jaxpr }
  },
  axisNames: ({ jaxpr }) => namesIn(jaxpr),
  program: {
    split: (unknown, _, params) => nesting.get('jit').splitJit(unknown, params),
    inline: ({ jaxpr }) => jaxpr,
    donated: ({ donated }) => donated ?? [],
  },
  sample: (draw) => {
    const aval: ShapedArray = shapedArray(draw.shape({ maxRank: 2 }), draw.pick(nativeFloats))
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
