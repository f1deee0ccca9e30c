/** What functions with derivatives of the user's own have in common. */
import {
  type Draw,
  type Jaxpr,
  type NDArray,
  type ShapedArray,
  ArgumentError,
  DifferentiationError,
  InternalError,
  ParseError,
  avalText,
  buildJaxpr,
  known,
  nativeFloats,
  sameAval,
  shapedArray,
} from '../core/index.js'
import { mul } from '../lax/index.js'

/** Rules are JS functions, which printed programs do not hold. */
export const unreadable = (name: string): never => {
  throw new ParseError(
    `parseJaxpr: ${name} holds a derivative rule, which is a JS function and is not in the text. Trace the function again instead.`,
  )
}

/** A rule knows the arguments of its function, and nothing of what it was closed over. */
export const closedOver = (name: string): DifferentiationError =>
  new DifferentiationError(
    `${name}: a function with a custom derivative was closed over a value that is being differentiated. ` +
      `Its rule knows only its arguments: pass the value as an argument.`,
  )

/** Avals of a call's results; throws when it was bound to what its program does not take. */
export const checkBound = (inputs: readonly ShapedArray[], jaxpr: Jaxpr, name: string): readonly ShapedArray[] => {
  if (
    inputs.length !== jaxpr.inputs.length ||
    !inputs.every((x, i) => sameAval(x, known(jaxpr.inputs[i], 'input').aval))
  ) {
    throw new InternalError(`${name} was bound to ${inputs.map(avalText).join(' ')}, which its program does not take`)
  }
  return jaxpr.outputs.map((a) => a.aval)
}

/** The rule must be set before the first call. */
export const missingRule = (name: string, method: string): ArgumentError =>
  new ArgumentError(`${name} has no rule yet. Set one before the first call: ${name}.${method}(...).`)

/** An operand, and the parameters of a call that squares it, without its rule: what the primitives' samples begin with. */
export const sampleOfSquare = (draw: Draw) => {
  const shape = draw.shape({ maxRank: 2 })
  const dtype = draw.pick(nativeFloats)
  const square = ([x]: readonly NDArray[]): NDArray[] => [mul(known(x, 'operand'), known(x, 'operand'))]
  return {
    x: draw.array(shape, dtype),
    name: 'f',
    callJaxpr: buildJaxpr(square, [shapedArray(shape, dtype)], 'f').jaxpr,
    numConsts: 0,
  }
}
