/** scan as a primitive: a counted loop with carries; its transpose is a scan in the other direction. */
import {
  type Jaxpr,
  type NDArray,
  type Primitive,
  type ShapedArray,
  type SplitInput,
  type Tangent,
  InternalError,
  avalText,
  bind,
  buildJaxpr,
  constantsAsInputs,
  definePrimitive,
  erase,
  isLinear,
  known,
  knownInput,
  nativeFloats,
  newJaxpr,
  sameAval,
  shapedArray,
  withAxis,
} from '../core/index.js'
import { add, addAny, moveAxis, mul, zerosOf } from '../lax/index.js'
import { jvpJaxpr } from './jvp.js'
import { splitJaxpr } from './split-jaxpr.js'
import { fixpoint, positions, reorderJaxpr, span, where } from './programs.js'
import { backwardPass } from './transpose.js'
import { batchJaxpr, placeBatchAxis } from './vmap.js'

export interface ScanParams {
  /** Takes constants, carries and slices of xs; gives carries and slices of ys. */
  readonly jaxpr: Jaxpr
  readonly length: number
  readonly numCarry: number
  readonly numConsts: number
  readonly reverse: boolean
  readonly unroll: number
}

/** Operands by their role. */
const parts = <T>(list: readonly T[], { numConsts, numCarry }: Pick<ScanParams, 'numConsts' | 'numCarry'>) => ({
  consts: list.slice(0, numConsts),
  carry: list.slice(numConsts, numConsts + numCarry),
  xs: list.slice(numConsts + numCarry),
})

const stackedAval = (aval: ShapedArray, length: number): ShapedArray => withAxis(aval, 0, length)

export const scanPrimitive: Primitive<ScanParams> = definePrimitive<ScanParams>({
  name: 'scan',
  abstract: (inputs, { jaxpr, length, numConsts, numCarry }) => {
    const own = jaxpr.inputs.map((v, i) => (i < numConsts + numCarry ? v.aval : stackedAval(v.aval, length)))
    if (inputs.length !== own.length || !inputs.every((x, i) => sameAval(x, known(own[i], 'input')))) {
      throw new InternalError(
        `scan was bound to ${inputs.map(avalText).join(' ')} and takes ${own.map(avalText).join(' ')}`,
      )
    }
    return jaxpr.outputs.map((a, i) => (i < numCarry ? a.aval : stackedAval(a.aval, length)))
  },
  jvp: (primals, tangents, params) => {
    const { jaxpr, numConsts, numCarry } = params
    const nonzero = parts(
      tangents.map((t) => t !== null),
      params,
    )
    const numYs = jaxpr.outputs.length - numCarry
    const flagsFor = (carry: readonly boolean[]): boolean[] => [...nonzero.consts, ...carry, ...nonzero.xs]
    const carry = fixpoint(nonzero.carry, (flags) => jvpJaxpr(jaxpr, flagsFor(flags)).nonzeroOut.slice(0, numCarry))
    const flags = flagsFor(carry)
    const derivative = jvpJaxpr(jaxpr, flags, [...carry, ...span(0, numYs).map(() => false)])
    // From (primals, tangents) to (constants, carries, xs), each with its tangents behind.
    const count = jaxpr.inputs.length
    const tangentAt = new Map(positions(flags).map((position, k) => [position, count + k]))
    const withTangents = (from: number, n: number): number[] => [
      ...span(from, n),
      ...span(from, n).flatMap((i) => tangentAt.get(i) ?? []),
    ]
    const inputs = [
      ...withTangents(0, numConsts),
      ...withTangents(numConsts, numCarry),
      ...withTangents(numConsts + numCarry, count - numConsts - numCarry),
    ]
    const carryOutCount = positions(carry).length
    const outCount = jaxpr.outputs.length
    const ysTangents = positions(derivative.nonzeroOut.slice(numCarry)).length
    const outputs = [
      ...span(0, numCarry),
      ...span(outCount, carryOutCount),
      ...span(numCarry, numYs),
      ...span(outCount + carryOutCount, ysTangents),
    ]
    const operands = inputs.map((i) => {
      if (i < count) return known(primals[i], 'primal')
      const at = known(positions(flags)[i - count], 'tangent')
      return tangents[at] ?? zerosOf(known(primals[at], 'primal').aval)
    })
    const outs = bind(scanPrimitive, operands, {
      ...params,
      jaxpr: reorderJaxpr(derivative.jaxpr, inputs, outputs),
      numConsts: withTangents(0, numConsts).length,
      numCarry: numCarry + carryOutCount,
    })
    const at = { carryTangent: numCarry, y: numCarry + carryOutCount, yTangent: numCarry + carryOutCount + numYs }
    const primalOuts = [...outs.slice(0, numCarry), ...outs.slice(at.y, at.y + numYs)]
    const outTangents = derivative.nonzeroOut.map((flag, i): Tangent =>
      flag ? known(outs[i < numCarry ? at.carryTangent++ : at.yTangent++], 'tangent') : null,
    )
    return [primalOuts, outTangents]
  },
  transpose: (cotangents, inputs, params) => {
    const { jaxpr, numCarry, numConsts, reverse } = params
    // Carries are linear in the body even where they start from a known value, which then is zero.
    const linear = inputs.map((x, i) => isLinear(x) || (i >= numConsts && i < numConsts + numCarry))
    const flags = parts(linear, params)
    const role = parts(inputs, params)
    const bodyAvals = parts(
      jaxpr.inputs.map((v) => v.aval),
      params,
    )
    const ctYs = cotangents.slice(numCarry)
    const ysFlags = ctYs.map((ct) => ct !== null)
    const linearConsts = where(bodyAvals.consts, flags.consts)
    const knownConsts = where(bodyAvals.consts, flags.consts, false)
    const knownXs = where(bodyAvals.xs, flags.xs, false)
    const yAvals = jaxpr.outputs.slice(numCarry).map((a) => a.aval)
    // Body: known constants; sums for linear constants and carries' cotangents; slices of ys' cotangents and known xs.
    const closed = buildJaxpr(
      (all) => {
        let next = 0
        const take = (n: number): NDArray[] => span(0, n).map(() => known(all[next++], 'input'))
        const constValues = take(knownConsts.length)
        const sums = take(linearConsts.length)
        const carryCts = take(numCarry)
        const yCts = take(positions(ysFlags).length)
        const xValues = take(knownXs.length)
        let nextConst = 0
        let nextX = 0
        const values = linear.map((isLinearInput, i) => {
          if (isLinearInput) return null
          return i < numConsts ? known(constValues[nextConst++], 'constant') : known(xValues[nextX++], 'slice')
        })
        let nextY = 0
        const cts = [...carryCts, ...ysFlags.map((flag) => (flag ? known(yCts[nextY++], 'cotangent') : null))]
        const back = parts(backwardPass(jaxpr, [], values, cts), params)
        const constCts = where(back.consts, flags.consts)
        const newSums = sums.map((sum, k) => {
          const ct = constCts[k]
          return ct === null || ct === undefined ? sum : addAny(sum, ct)
        })
        const newCarry = back.carry.map((ct, k) => ct ?? zerosOf(known(bodyAvals.carry[k], 'carry')))
        const linearXs = where(bodyAvals.xs, flags.xs)
        const xCts = where(back.xs, flags.xs).map((ct, k) => ct ?? zerosOf(known(linearXs[k], 'slice')))
        return [...newSums, ...newCarry, ...xCts]
      },
      [...knownConsts, ...linearConsts, ...bodyAvals.carry, ...where(yAvals, ysFlags), ...knownXs],
      'transpose of scan',
    )
    const carryCts = cotangents.slice(0, numCarry).map((ct, k) => ct ?? zerosOf(known(bodyAvals.carry[k], 'carry')))
    const operands = [
      ...where(role.consts, flags.consts, false).map(knownInput),
      ...linearConsts.map(zerosOf),
      ...carryCts,
      ...ctYs.filter((ct) => ct !== null),
      ...where(role.xs, flags.xs, false).map(knownInput),
    ]
    const outs = bind(scanPrimitive, [...closed.values, ...operands], {
      ...params,
      jaxpr: constantsAsInputs(closed.jaxpr),
      numConsts: closed.values.length + knownConsts.length,
      numCarry: linearConsts.length + numCarry,
      reverse: !reverse,
    })
    let nextConst = 0
    let nextCarry = linearConsts.length
    let nextX = linearConsts.length + numCarry
    return linear.map((isLinearInput, i) => {
      if (!isLinearInput) return null
      if (!isLinear(inputs[i])) {
        nextCarry++
        return null
      }
      return known(outs[i < numConsts ? nextConst++ : i < numConsts + numCarry ? nextCarry++ : nextX++], 'cotangent')
    })
  },
  batch: (inputs, axes, params, axis) => {
    const { jaxpr, numCarry, numConsts } = params
    const batched = parts(
      axes.map((a) => a !== null),
      params,
    )
    const numYs = jaxpr.outputs.length - numCarry
    const bodyAxes = (carry: readonly boolean[]) =>
      [...batched.consts, ...carry, ...batched.xs].map((flag) => (flag ? 0 : null))
    const carry = fixpoint(batched.carry, (flags) =>
      batchJaxpr(jaxpr, bodyAxes(flags), axis)
        .outAxes.slice(0, numCarry)
        .map((a) => a !== null),
    )
    const free = batchJaxpr(jaxpr, bodyAxes(carry), axis)
    const force = [...carry, ...free.outAxes.slice(numCarry).map((a) => a !== null)]
    const body = batchJaxpr(jaxpr, bodyAxes(carry), axis, force)
    const operands = inputs.map((x, i) => {
      const from = axes[i] ?? null
      if (i < numConsts) return from === null ? x : moveAxis(x, from, 0)
      if (i < numConsts + numCarry) return carry[i - numConsts] === true ? placeBatchAxis(x, from, 0, axis.size) : x
      return from === null ? x : moveAxis(x, from, 1)
    })
    const outs = bind(scanPrimitive, operands, { ...params, jaxpr: body.jaxpr })
    return [
      outs,
      [...carry.map((flag) => (flag ? 0 : null)), ...span(numCarry, numYs).map((i) => (force[i] === true ? 1 : null))],
    ]
  },
  lower: (compiler, inputs, params, outputs) => {
    const { consts, carry, xs } = parts(inputs, params)
    return compiler.scan({
      body: params.jaxpr,
      length: params.length,
      reverse: params.reverse,
      constants: consts,
      carries: carry,
      xs,
      outputs,
    })
  },
  program: {
    split: (unknown, _, params) => {
      const { jaxpr, numConsts, numCarry } = params
      const flags = parts(unknown, params)
      const numYs = jaxpr.outputs.length - numCarry
      const flagsFor = (carry: readonly boolean[]): boolean[] => [...flags.consts, ...carry, ...flags.xs]
      const carry = fixpoint(flags.carry, (now) => splitJaxpr(jaxpr, flagsFor(now)).unknownOutputs.slice(0, numCarry))
      const inFlags = flagsFor(carry)
      const split = splitJaxpr(jaxpr, inFlags, [...carry, ...span(0, numYs).map(() => false)])
      // A known carry that the later half reads has one value per iteration, so it is saved like a residual.
      const isKnownCarry = (from: SplitInput): boolean =>
        'input' in from && from.input >= numConsts && from.input < numConsts + numCarry && inFlags[from.input] !== true
      const savedCarries = split.unknownInputs.flatMap((from) =>
        'input' in from && isKnownCarry(from) ? [from.input] : [],
      )
      const knownPositions = positions(inFlags, false)
      const known_ = newJaxpr([], split.known.inputs, split.known.equations, [
        ...split.known.outputs,
        ...savedCarries.map((i) => known(split.known.inputs[knownPositions.indexOf(i)], 'carry')),
      ])
      // Later half: constants, carries, xs; residuals and saved carries arrive as xs.
      const laterRole = (from: SplitInput): number => {
        if ('residual' in from || isKnownCarry(from)) return 2
        return from.input < numConsts ? 0 : from.input < numConsts + numCarry ? 1 : 2
      }
      // Carries keep the order of the original, which is that of the outputs.
      const carryPositions = positions(carry).map((k) => k + numConsts)
      const indexOfInput = (i: number): number =>
        split.unknownInputs.findIndex((from) => 'input' in from && from.input === i)
      const order = [
        ...split.unknownInputs.flatMap((from, k) => (laterRole(from) === 0 ? [k] : [])),
        ...carryPositions.map(indexOfInput),
        ...split.unknownInputs.flatMap((from, k) => (laterRole(from) === 2 ? [k] : [])),
      ]
      const later = reorderJaxpr(split.unknown, order, span(0, split.unknown.outputs.length))
      const unknownInputs = order.map((k): SplitInput => {
        const from = known(split.unknownInputs[k], 'input')
        if ('input' in from && isKnownCarry(from))
          return { residual: split.residuals.length + savedCarries.indexOf(from.input) }
        return from
      })
      const knownFlags = parts(
        inFlags.map((flag) => !flag),
        params,
      )
      return {
        known: {
          primitive: erase(scanPrimitive),
          params: {
            ...params,
            jaxpr: known_,
            numConsts: positions(knownFlags.consts).length,
            numCarry: positions(knownFlags.carry).length,
          } satisfies ScanParams,
        },
        knownInputs: knownPositions,
        residuals: [...split.residuals, ...savedCarries.map((i) => known(jaxpr.inputs[i], 'carry').aval)].map((aval) =>
          stackedAval(aval, params.length),
        ),
        unknown: {
          primitive: erase(scanPrimitive),
          params: {
            ...params,
            jaxpr: later,
            numConsts: split.unknownInputs.filter((from) => laterRole(from) === 0).length,
            numCarry: carryPositions.length,
          } satisfies ScanParams,
        },
        unknownInputs,
        unknownOutputs: split.unknownOutputs,
      }
    },
    inline: undefined,
    donated: undefined,
  },
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 1, nonEmpty: true })
    const dtype = draw.pick(nativeFloats)
    const aval = shapedArray(shape, dtype)
    const body = (all: readonly NDArray[]): NDArray[] => {
      const [w, c, x] = all.map((v) => v)
      const next = mul(known(w, 'constant'), add(known(c, 'carry'), known(x, 'slice')))
      return [next, mul(next, known(x, 'slice'))]
    }
    const length = draw.integer(0, 4)
    return {
      inputs: [
        draw.array(shape, dtype, { min: -1, max: 1 }),
        draw.array(shape, dtype),
        draw.array([length, ...shape], dtype),
      ],
      params: {
        jaxpr: buildJaxpr(body, [aval, aval, aval], 'body').jaxpr,
        length,
        numCarry: 1,
        numConsts: 1,
        reverse: draw.boolean(),
        unroll: 1,
      },
    }
  },
})
