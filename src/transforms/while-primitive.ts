/** while as a primitive: a loop whose number of trips depends on data. */
import {
  type BatchAxis,
  type Jaxpr,
  type NDArray,
  type Primitive,
  type Tangent,
  DifferentiationError,
  InternalError,
  applyEquation,
  bind,
  buildJaxpr,
  constantsAsInputs,
  definePrimitive,
  erase,
  evalJaxpr,
  known,
  nativeFloats,
  newJaxpr,
  newVar,
  sameAval,
  shapedArray,
  avalText,
} from '../core/index.js'
import { add, broadcastInDim, lt, moveAxis, mul, reduceOr, select, zerosOf } from '../lax/index.js'
import { type JitParams, jitPrimitive } from './jit-primitive.js'
import { jvpJaxpr } from './jvp.js'
import { dropKnownEffects, splitJaxpr } from './split-jaxpr.js'
import { fixpoint, positions, reorderJaxpr, span, where } from './programs.js'
import { batchJaxpr, placeBatchAxis } from './vmap.js'

export interface WhileParams {
  readonly condJaxpr: Jaxpr
  readonly condNconsts: number
  readonly bodyJaxpr: Jaxpr
  readonly bodyNconsts: number
}

const parts = <T>(list: readonly T[], { condNconsts, bodyNconsts }: WhileParams) => ({
  condConsts: list.slice(0, condNconsts),
  bodyConsts: list.slice(condNconsts, condNconsts + bodyNconsts),
  carry: list.slice(condNconsts + bodyNconsts),
})

export const whilePrimitive: Primitive<WhileParams> = definePrimitive<WhileParams>({
  name: 'while',
  abstract: (inputs, params) => {
    const { bodyJaxpr, condJaxpr, bodyNconsts, condNconsts } = params
    const expected = [
      ...condJaxpr.inputs.slice(0, condNconsts),
      ...bodyJaxpr.inputs.slice(0, bodyNconsts),
      ...bodyJaxpr.inputs.slice(bodyNconsts),
    ].map((v) => v.aval)
    if (inputs.length !== expected.length || !inputs.every((x, i) => sameAval(x, known(expected[i], 'input')))) {
      throw new InternalError(
        `while was bound to ${inputs.map(avalText).join(' ')} and takes ${expected.map(avalText).join(' ')}`,
      )
    }
    return bodyJaxpr.outputs.map((a) => a.aval)
  },
  jvp: (primals, tangents, params) => {
    const { bodyJaxpr, bodyNconsts, condJaxpr, condNconsts } = params
    const nonzero = parts(
      tangents.map((t) => t !== null),
      params,
    )
    const flagsFor = (carry: readonly boolean[]): boolean[] => [...nonzero.bodyConsts, ...carry]
    const carry = fixpoint(nonzero.carry, (flags) => jvpJaxpr(bodyJaxpr, flagsFor(flags)).nonzeroOut)
    const flags = flagsFor(carry)
    const derivative = jvpJaxpr(bodyJaxpr, flags, carry)
    const count = bodyJaxpr.inputs.length
    const numCarry = bodyJaxpr.outputs.length
    const constTangents = positions(nonzero.bodyConsts).length
    const carryTangents = positions(carry).length
    const body = reorderJaxpr(
      derivative.jaxpr,
      [
        ...span(0, bodyNconsts),
        ...span(count, constTangents),
        ...span(bodyNconsts, numCarry),
        ...span(count + constTangents, carryTangents),
      ],
      span(0, numCarry + carryTangents),
    )
    // The condition sees the carries and ignores their tangents.
    const tangentInputs = where(
      bodyJaxpr.outputs.map((a) => a.aval),
      carry,
    )
    const condition = constantsAsInputs(
      buildJaxpr(
        (xs) => evalJaxpr(condJaxpr, [], xs.slice(0, condJaxpr.inputs.length)),
        [...condJaxpr.inputs.map((v) => v.aval), ...tangentInputs],
        'while condition',
      ).jaxpr,
    )
    const role = parts(primals, params)
    const roleTangents = parts(tangents, params)
    const outs = bind(
      whilePrimitive,
      [
        ...role.condConsts,
        ...role.bodyConsts,
        ...roleTangents.bodyConsts.filter((t) => t !== null),
        ...role.carry,
        ...carry.flatMap((flag, i) =>
          flag ? [roleTangents.carry[i] ?? zerosOf(known(role.carry[i], 'carry').aval)] : [],
        ),
      ],
      { condJaxpr: condition, condNconsts, bodyJaxpr: body, bodyNconsts: bodyNconsts + constTangents },
    )
    let next = numCarry
    return [outs.slice(0, numCarry), carry.map((flag): Tangent => (flag ? known(outs[next++], 'tangent') : null))]
  },
  transpose: () => {
    throw new DifferentiationError(
      `whileLoop cannot be differentiated in reverse: the number of trips is only known when it has run, so the values to go back through were not kept.\n` +
        `Ways out: lax.scan or lax.foriLoop with JS-number bounds when the number of trips is known (both differentiate in reverse); ` +
        `forward mode (jvp, jacfwd); or customVjp with a derivative of your own, such as implicit differentiation of a fixed point.`,
    )
  },
  batch: (inputs, axes, params, axis) => {
    const { condJaxpr, bodyJaxpr, condNconsts, bodyNconsts } = params
    const batched = parts(
      axes.map((a) => a !== null),
      params,
    )
    const asAxes = (flags: readonly boolean[]): BatchAxis[] => flags.map((flag) => (flag ? 0 : null))
    const predicateAxes = (carry: readonly boolean[]): BatchAxis[] => asAxes([...batched.condConsts, ...carry])
    const isPredicateBatched = (carry: readonly boolean[]): boolean =>
      batchJaxpr(condJaxpr, predicateAxes(carry), axis).outAxes[0] !== null
    const carry = fixpoint(batched.carry, (flags) => {
      if (isPredicateBatched(flags)) return flags.map(() => true)
      return batchJaxpr(bodyJaxpr, asAxes([...batched.bodyConsts, ...flags]), axis).outAxes.map((a) => a !== null)
    })
    const condition = batchJaxpr(condJaxpr, predicateAxes(carry), axis, [isPredicateBatched(carry)])
    const body = batchJaxpr(bodyJaxpr, asAxes([...batched.bodyConsts, ...carry]), axis, carry)
    const operands = inputs.map((x, i) => {
      const from = axes[i] ?? null
      const isCarry = i >= condNconsts + bodyNconsts
      if (isCarry && carry[i - condNconsts - bodyNconsts] === true) return placeBatchAxis(x, from, 0, axis.size)
      return from === null ? x : moveAxis(x, from, 0)
    })
    const outAxes = asAxes(carry)
    if (!isPredicateBatched(carry)) {
      return [bind(whilePrimitive, operands, { ...params, condJaxpr: condition.jaxpr, bodyJaxpr: body.jaxpr }), outAxes]
    }
    // Members stop at different trips: the loop goes on while any of them wants to, and the others keep their carries.
    const numCarry = carry.length
    const anyWants = buildJaxpr(
      (xs) => [reduceOr(known(evalJaxpr(condition.jaxpr, [], xs)[0], 'predicate'), [0])],
      condition.jaxpr.inputs.map((v) => v.aval),
      'any member',
    ).jaxpr
    const stepWanted = buildJaxpr(
      (all) => {
        const condConsts = all.slice(0, condNconsts)
        const rest = all.slice(condNconsts)
        const old = rest.slice(rest.length - numCarry)
        const wants = known(evalJaxpr(condition.jaxpr, [], [...condConsts, ...old])[0], 'predicate')
        return evalJaxpr(body.jaxpr, [], rest).map((x, i) => {
          const before = known(old[i], 'carry')
          return select(broadcastInDim(wants, x.shape, [0]), x, before)
        })
      },
      [...condition.jaxpr.inputs.slice(0, condNconsts), ...body.jaxpr.inputs].map((v) => v.aval),
      'members that go on',
    ).jaxpr
    const role = parts(operands, params)
    const outs = bind(whilePrimitive, [...role.condConsts, ...role.condConsts, ...role.bodyConsts, ...role.carry], {
      condJaxpr: constantsAsInputs(anyWants),
      condNconsts,
      bodyJaxpr: constantsAsInputs(stepWanted),
      bodyNconsts: condNconsts + bodyNconsts,
    })
    return [outs, outAxes]
  },
  lower: (compiler, inputs, params) => {
    const role = parts(inputs, params)
    return compiler.loop({
      condition: params.condJaxpr,
      conditionConstants: role.condConsts,
      body: params.bodyJaxpr,
      bodyConstants: role.bodyConsts,
      carries: role.carry,
    })
  },
  program: {
    irreversible: true,
    split: (unknown, _, params) => {
      const { condJaxpr, condNconsts, bodyJaxpr, bodyNconsts } = params
      const flags = parts(unknown, params)
      const carry = fixpoint(flags.carry, (now) => splitJaxpr(bodyJaxpr, [...flags.bodyConsts, ...now]).unknownOutputs)
      const condReadsUnknown = splitJaxpr(condJaxpr, [...flags.condConsts, ...carry]).unknownOutputs[0] === true
      const outFlags = condReadsUnknown ? carry.map(() => true) : carry
      // What is known runs now; the later half runs the whole loop again and gives only what was unknown.
      const knownBody = splitJaxpr(bodyJaxpr, [...flags.bodyConsts, ...outFlags])
      const knownCarry = outFlags.map((flag) => !flag)
      const knownBodyConsts = flags.bodyConsts.map((flag) => !flag)
      const firstBody = newJaxpr(
        [],
        knownBody.known.inputs,
        knownBody.known.equations,
        knownBody.known.outputs.slice(0, positions(knownCarry).length),
      )
      const condition = newJaxpr(
        [],
        [...condJaxpr.inputs.slice(0, condNconsts), ...where(condJaxpr.inputs.slice(condNconsts), knownCarry)],
        condJaxpr.equations,
        condJaxpr.outputs,
      )
      const offset = condNconsts + bodyNconsts
      const nothing = positions(knownCarry).length === 0
      const count = condNconsts + bodyNconsts + carry.length
      // Effects of the known half have happened when the whole loop runs again.
      const again: WhileParams = nothing
        ? params
        : {
            ...params,
            condJaxpr: dropKnownEffects(condJaxpr, []),
            bodyJaxpr: dropKnownEffects(bodyJaxpr, [...flags.bodyConsts, ...outFlags]),
          }
      return {
        known: nothing
          ? {
              primitive: erase(jitPrimitive),
              params: { name: 'nothing', jaxpr: newJaxpr([], [], [], []) } satisfies JitParams,
            }
          : {
              primitive: erase(whilePrimitive),
              params: {
                condJaxpr: condition,
                condNconsts,
                bodyJaxpr: firstBody,
                bodyNconsts: positions(knownBodyConsts).length,
              } satisfies WhileParams,
            },
        knownInputs: nothing
          ? []
          : [
              ...span(0, condNconsts),
              ...positions(knownBodyConsts).map((i) => i + condNconsts),
              ...positions(knownCarry).map((i) => i + offset),
            ],
        residuals: [],
        unknown: {
          primitive: erase(jitPrimitive),
          params: { name: 'while', jaxpr: someResults(again, outFlags) } satisfies JitParams,
        },
        unknownInputs: span(0, count).map((input) => ({ input })),
        unknownOutputs: outFlags,
      }
    },
    inline: undefined,
    donated: undefined,
  },
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 1, nonEmpty: true })
    const counter = shapedArray([], 'int32')
    const dtype = draw.pick(nativeFloats)
    const aval = shapedArray(shape, dtype)
    const condition = (xs: readonly NDArray[]): NDArray[] => [lt(known(xs[1], 'counter'), known(xs[0], 'bound'))]
    const body = (xs: readonly NDArray[]): NDArray[] => [
      add(known(xs[1], 'counter'), 1),
      mul(known(xs[2], 'carry'), known(xs[0], 'factor')),
    ]
    return {
      inputs: [
        draw.array([], 'int32', { min: 0, max: 4 }),
        draw.array(shape, dtype, { min: -1, max: 1 }),
        draw.array([], 'int32', { min: 0, max: 2 }),
        draw.array(shape, dtype),
      ],
      params: {
        condJaxpr: buildJaxpr(condition, [counter, counter, aval], 'condition').jaxpr,
        condNconsts: 1,
        bodyJaxpr: buildJaxpr(body, [aval, counter, aval], 'body').jaxpr,
        bodyNconsts: 1,
      },
    }
  },
})

/** A program that runs the loop and gives only the wanted results. */
const someResults = (params: WhileParams, wanted: readonly boolean[]): Jaxpr => {
  const { condJaxpr, condNconsts, bodyJaxpr } = params
  const inputs = [...condJaxpr.inputs.slice(0, condNconsts), ...bodyJaxpr.inputs].map((v) => newVar(v.aval))
  const equation = applyEquation(erase(whilePrimitive), inputs, params)
  return newJaxpr([], inputs, [equation], where(equation.outputs, wanted))
}
