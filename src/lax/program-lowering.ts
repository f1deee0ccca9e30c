/** Lowering rules that are written as programs over lax operations, with loops that the compiler runs natively. */
import {
  type Delayed,
  type Jaxpr,
  type LowerRule,
  type NDArray,
  type Params,
  type Primitive,
  type PrimitiveDefinition,
  type ShapedArray,
  InternalError,
  bind,
  buildJaxpr,
  constantsAsInputs,
  e,
  known,
  range,
  scalarArray,
  currentDevice,
  sizeOf,
  withAxis,
  withSource,
  withoutRules,
} from '../core/index.js'
import { add } from './arithmetic.js'

const absent = (rule: string) => (): never => {
  throw new InternalError(`an operation of a lowered program was asked for its ${rule} rule`)
}

/** An operation that occurs only where programs have been lowered, so that it is never differentiated or batched. */
/* @__NO_SIDE_EFFECTS__ */
export const loweredOnly = <P extends Params>(
  definition: Pick<PrimitiveDefinition<P>, 'name' | 'abstract' | 'lower'>,
): Primitive<P> =>
  Object.freeze({
    ...withoutRules,
    jvp: absent('jvp'),
    batch: absent('batching'),
    sample: absent('sample'),
    ...definition,
  })

interface RepeatParams {
  readonly body: Jaxpr
  readonly length: number
  readonly reverse: boolean
  readonly constants: number
  readonly carries: number
}

const repeatPrimitive: Primitive<RepeatParams> = loweredOnly<RepeatParams>({
  name: 'repeat',
  abstract: (_, { body, length, carries }) =>
    body.outputs.map((out, i) => (i < carries ? out.aval : withAxis(out.aval, 0, length))),
  lower: (compiler, inputs, { body, length, reverse, constants, carries }, outputs) =>
    compiler.scan({
      body,
      length,
      reverse,
      constants: inputs.slice(0, constants),
      carries: inputs.slice(constants, constants + carries),
      xs: inputs.slice(constants + carries),
      outputs,
    }),
})

interface RepeatWhileParams {
  readonly condition: Jaxpr
  readonly body: Jaxpr
  readonly conditionConstants: number
  readonly bodyConstants: number
}

const repeatWhilePrimitive: Primitive<RepeatWhileParams> = loweredOnly<RepeatWhileParams>({
  name: 'repeat_while',
  abstract: (_, { body }) => body.outputs.map((out) => out.aval),
  lower: (compiler, inputs, { condition, body, conditionConstants, bodyConstants }) =>
    compiler.loop({
      condition,
      conditionConstants: inputs.slice(0, conditionConstants),
      body,
      bodyConstants: inputs.slice(conditionConstants, conditionConstants + bodyConstants),
      carries: inputs.slice(conditionConstants + bodyConstants),
    }),
})

/** A function of arrays as a program, and the values from around it that it needs. */
const traced = (f: (inputs: readonly NDArray[]) => readonly NDArray[], avals: readonly ShapedArray[], name: string) => {
  // Nobody asked for these operations one by one, so nobody is looked for.
  const closed = withSource('lowering', () =>
    buildJaxpr(
      f,
      avals.map((aval) => ({ ...aval, weakType: false })),
      name,
    ),
  )
  return { jaxpr: constantsAsInputs(closed.jaxpr), constants: closed.values }
}

/** What one trip of a loop gives: the next carries, and a slice of each result that is stacked. */
export interface Trip {
  readonly carries: readonly NDArray[]
  readonly slices?: readonly NDArray[]
}

export interface RepeatResult {
  readonly carries: readonly NDArray[]
  /** Stacked along a new axis 0, by the number of the trip, whatever the direction. */
  readonly stacked: readonly NDArray[]
}

export interface RepeatOptions {
  /** Goes from the last trip to the first. */
  readonly reverse?: boolean
  /** Arrays of which each trip gets the slice of its number along axis 0. */
  readonly over?: readonly NDArray[]
}

/**
 * A counted loop inside of a lowered program. `body` gets the number of the trip (int32), the carries and the slices of
 * `over`; carries keep their shapes and dtypes.
 */
export const repeat = (
  length: number,
  carries: readonly NDArray[],
  body: (trip: NDArray, carries: readonly NDArray[], slices: readonly NDArray[]) => Trip,
  { reverse = false, over = [] }: RepeatOptions = {},
): RepeatResult => {
  const first = scalarArray(reverse ? length - 1 : 0, 'int32', false, currentDevice())
  const initial = [first, ...carries]
  const sliceAvals = over.map((x) => ({ ...x.aval, shape: x.shape.slice(1) }))
  const { jaxpr, constants } = traced(
    ([trip, ...rest]) => {
      const number = known(trip, 'number of the trip')
      const out = body(number, rest.slice(0, carries.length), rest.slice(carries.length))
      return [add(number, reverse ? -1 : 1), ...out.carries, ...(out.slices ?? [])]
    },
    [...initial.map((x) => x.aval), ...sliceAvals],
    'repeat',
  )
  const outs = bind(repeatPrimitive, [...constants, ...initial, ...over], {
    body: jaxpr,
    length,
    reverse,
    constants: constants.length,
    carries: initial.length,
  })
  return { carries: outs.slice(1, initial.length), stacked: outs.slice(initial.length) }
}

/** A loop inside of a lowered program that goes on while `condition`, a bool scalar, holds. Gives the last carries. */
export const repeatWhile = (
  condition: (carries: readonly NDArray[]) => NDArray,
  body: (carries: readonly NDArray[]) => readonly NDArray[],
  carries: readonly NDArray[],
): readonly NDArray[] => {
  const avals = carries.map((x) => x.aval)
  const test = traced((xs) => [condition(xs)], avals, 'repeatWhile')
  const step = traced(body, avals, 'repeatWhile')
  return bind(repeatWhilePrimitive, [...test.constants, ...step.constants, ...carries], {
    condition: test.jaxpr,
    body: step.jaxpr,
    conditionConstants: test.constants.length,
    bodyConstants: step.constants.length,
  })
}

/** A lowering rule that is a program: `f` computes the results with lax operations, `repeat` and `repeatWhile`. */
export const lowerAs =
  <P extends Params>(f: (inputs: readonly NDArray[], params: P) => readonly NDArray[]): LowerRule<P> =>
  (compiler, inputs, params, outputs) => {
    if (outputs.every((aval) => sizeOf(aval.shape) === 0)) {
      return outputs.map((aval): Delayed => ({ aval, at: () => e.constant(0, aval.dtype) }))
    }
    const { jaxpr, constants } = traced(
      (xs) => f(xs, params),
      inputs.map((x) => x.aval),
      'lowering',
    )
    if (constants.length > 0) throw new InternalError('a lowered program is closed over arrays')
    // A loop of one trip is a program of its own, whose steps the compiler fuses and plans by themselves.
    const once = compiler.scan({
      body: jaxpr,
      length: 1,
      reverse: false,
      constants: inputs,
      carries: [],
      xs: [],
      outputs: outputs.map((aval) => withAxis(aval, 0, 1)),
    })
    return range(outputs.length).map((i): Delayed => {
      const value = known(once[i], 'result of a lowered program')
      return { aval: known(outputs[i], 'result'), at: (index) => value.at([e.index(0), ...index]) }
    })
  }
