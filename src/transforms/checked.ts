/** checked: the same function with a report beside its result, which says what went wrong first, and where. */
import {
  type Atom,
  type Equation,
  type Jaxpr,
  type NDArray,
  type Params,
  type Var,
  ArgumentError,
  bind,
  buildJaxpr,
  erase,
  isJaxpr,
  known,
  literalArray,
  newEquation,
  newJaxpr,
  range,
  shapedArray,
  withSource,
  checkOptions,
} from '../core/index.js'
import {
  argmax,
  bitcastConvertType,
  bitwiseAnd,
  bitwiseNot,
  concatenate,
  convertElementType,
  dynamicIndexInDim,
  eq,
  pad,
  reduceAnd,
  reshape,
  scalarOf,
  select,
  zerosOf,
} from '../lax/index.js'
import { flattenArguments, functionName, rebuild } from './arguments.js'
import { checkName } from './check.js'
import { type CheckKind, CheckReport, checkKinds, payloadSize, siteNumber } from './check-report.js'
import { type Failure, Levels, operandFailures, resultFailures } from './check-rules.js'
import { type CondParams, condPrimitive } from './cond.js'
import { jitPrimitive } from './jit-primitive.js'
import { reorderJaxpr, span, traceBody } from './programs.js'
import { type ScanParams, scanPrimitive } from './scan-primitive.js'
import { type WhileParams, whilePrimitive } from './while-primitive.js'

/** The first failure so far: the number of its site, or 0, and values for its message. */
interface State {
  readonly code: NDArray
  readonly payload: NDArray
}

const codeAval = shapedArray([], 'int32')
const payloadAval = shapedArray([payloadSize], 'int32')
const stateAvals = [codeAval, payloadAval] as const
const listOf = ({ code, payload }: State): NDArray[] => [code, payload]
const stateFrom = ([code, payload]: readonly NDArray[]): State => ({
  code: known(code, 'code of a check'),
  payload: known(payload, 'values of a check'),
})

type Kinds = ReadonlySet<CheckKind>

/** A scalar in 32 bits, as CheckReport decodes it. */
const encoded = (x: NDArray): NDArray => {
  const isSmall = x.dtype === 'bool' || x.dtype === 'int8' || x.dtype === 'uint8' || x.dtype === 'int32'
  if (isSmall) return convertElementType(x, 'int32')
  return bitcastConvertType(x.dtype === 'uint32' ? x : convertElementType(x, 'float32'), 'int32')
}

/** Notes a failure, unless another came first. */
const record = (state: State, failure: Failure, source: string | undefined): State => {
  const { kind, message, values } = failure
  const site = siteNumber({ kind, message, dtypes: values.map((x) => x.dtype), source })
  const isFirst = bitwiseAnd(failure.failed, eq(state.code, 0))
  const code = select(isFirst, scalarOf(site, codeAval), state.code)
  if (values.length === 0) return { code, payload: state.payload }
  const words = concatenate(
    values.map((x) => reshape(encoded(x), [1])),
    0,
  )
  const payload = pad(words, scalarOf(0, payloadAval), [[0, payloadSize - values.length, 0]])
  return { code, payload: select(isFirst, payload, state.payload) }
}

/** What an equation's results and the state after it are. */
interface Outcome {
  readonly outs: readonly NDArray[]
  readonly state: State
}

/** An assertion of the user's, with the values of the first element that fails. */
const assertion = ({ params }: Equation, [condition, ...values]: readonly NDArray[]): Failure => {
  const holds = known(condition, 'condition')
  const failed = bitwiseNot(holds.ndim === 0 ? holds : reduceAnd(holds, range(holds.ndim)))
  const firstOf = (x: NDArray): NDArray => {
    if (x.ndim === 0 || x.size === 0) return x.size === 0 ? zerosOf(shapedArray([], x.dtype)) : x
    const where = argmax(convertElementType(bitwiseNot(reshape(holds, [holds.size])), 'int32'), 0)
    return dynamicIndexInDim(reshape(x, [x.size]), where, { keepdims: false })
  }
  return { kind: 'user', failed, message: String(Reflect.get(params, 'message')), values: values.map(firstOf) }
}

/** Whether a checked program can report anything: otherwise it hands its state through. */
const canFail = (program: Jaxpr): boolean => program.outputs[0] !== program.inputs[0]

/** Removes assertions from a program whose checks are made elsewhere. */
const withoutAssertions = (value: unknown): unknown => {
  if (Array.isArray(value) && value.some(isJaxpr)) return value.map(withoutAssertions)
  if (!isJaxpr(value)) return value
  const equations = value.equations
    .filter((equation) => equation.primitive.name !== checkName)
    .map((equation) =>
      newEquation(
        equation.primitive,
        equation.inputs,
        strippedParams(equation.params),
        equation.outputs,
        equation.source,
      ),
    )
  return newJaxpr(value.constants, value.inputs, equations, value.outputs)
}

const strippedParams = (params: Params): Params =>
  Object.values(params).some((value) => isJaxpr(value) || (Array.isArray(value) && value.some(isJaxpr)))
    ? Object.fromEntries(Object.entries(params).map(([key, value]) => [key, withoutAssertions(value)]))
    : params

/** Rules for equations that hold programs. */
const runProgram = (
  equation: Equation,
  inputs: readonly NDArray[],
  state: State,
  kinds: Kinds,
): Outcome | undefined => {
  const { primitive, params } = equation
  switch (primitive) {
    case erase(condPrimitive):
      return runCond(params as CondParams, inputs, state, kinds)
    case erase(scanPrimitive):
      return runScan(params as ScanParams, inputs, state, kinds)
    case erase(whilePrimitive):
      return runWhile(params as WhileParams, inputs, state, kinds)
  }
  const body = primitive.program?.inline?.(params)
  if (body === undefined) return undefined
  const checkedBody = checkedJaxpr(body, kinds)
  const isCall = Reflect.get(params, 'jaxpr') === body
  if (!canFail(checkedBody)) return { outs: bind(primitive, inputs, params), state }
  if (isCall) {
    // jit and checkpoint take any program.
    const donated: unknown = Reflect.get(params, 'donated')
    const outs = bind(primitive, [...listOf(state), ...inputs], {
      ...params,
      jaxpr: checkedBody,
      ...(Array.isArray(donated) && { donated: [false, false, ...donated] }),
    })
    return { outs: outs.slice(2), state: stateFrom(outs) }
  }
  // Custom derivatives belong to the function as it is, so the checks are made beside it; what both compute is merged.
  const after = bind(jitPrimitive, [...listOf(state), ...inputs], {
    name: primitive.name,
    jaxpr: newJaxpr([], checkedBody.inputs, checkedBody.equations, checkedBody.outputs.slice(0, 2)),
  })
  return { outs: bind(primitive, inputs, strippedParams(params)), state: stateFrom(after) }
}

const runCond = (
  { branches }: CondParams,
  [index, ...operands]: readonly NDArray[],
  state: State,
  kinds: Kinds,
): Outcome => {
  const programs = branches.map((branch) => checkedJaxpr(branch, kinds))
  const choice = known(index, 'index')
  if (!programs.some(canFail)) return { outs: bind(condPrimitive, [choice, ...operands], { branches }), state }
  const outs = bind(condPrimitive, [choice, ...listOf(state), ...operands], { branches: programs })
  return { outs: outs.slice(2), state: stateFrom(outs) }
}

const runScan = (params: ScanParams, inputs: readonly NDArray[], state: State, kinds: Kinds): Outcome => {
  const { jaxpr, numCarry, numConsts } = params
  const program = checkedJaxpr(jaxpr, kinds)
  if (!canFail(program)) return { outs: bind(scanPrimitive, inputs, params), state }
  const count = jaxpr.inputs.length
  const body = reorderJaxpr(
    program,
    [...span(2, numConsts), 0, 1, ...span(2 + numConsts, count - numConsts)],
    span(0, program.outputs.length),
  )
  const operands = [...inputs.slice(0, numConsts), ...listOf(state), ...inputs.slice(numConsts)]
  const outs = bind(scanPrimitive, operands, { ...params, jaxpr: body, numCarry: numCarry + 2 })
  return { outs: outs.slice(2), state: stateFrom(outs) }
}

const runWhile = (params: WhileParams, inputs: readonly NDArray[], state: State, kinds: Kinds): Outcome => {
  const { condJaxpr, condNconsts, bodyJaxpr, bodyNconsts } = params
  const condition = checkedJaxpr(condJaxpr, kinds)
  const body = checkedJaxpr(bodyJaxpr, kinds)
  if (!canFail(condition) && !canFail(body)) return { outs: bind(whilePrimitive, inputs, params), state }
  const condConsts = inputs.slice(0, condNconsts)
  const condConstAvals = condConsts.map((x) => x.aval)
  const carryAvals = bodyJaxpr.outputs.map((a) => a.aval)
  const plainCondition = withoutAssertions(condJaxpr)
  const newCondition = buildJaxpr(
    (xs) =>
      bind(jitPrimitive, [...xs.slice(0, condNconsts), ...xs.slice(condNconsts + 2)], {
        name: 'condition',
        jaxpr: isJaxpr(plainCondition) ? plainCondition : condJaxpr,
      }),
    [...condConstAvals, ...stateAvals, ...carryAvals],
    'condition',
  ).jaxpr
  // A condition that held is checked at the start of the trip that it allowed, the one that ended the loop behind it.
  const check = (now: State, consts: readonly NDArray[], carry: readonly NDArray[]): State =>
    canFail(condition)
      ? stateFrom(bind(jitPrimitive, [...listOf(now), ...consts, ...carry], { name: 'condition', jaxpr: condition }))
      : now
  const newBody = buildJaxpr(
    (xs) => {
      const consts = xs.slice(condNconsts, condNconsts + bodyNconsts)
      const rest = xs.slice(condNconsts + bodyNconsts)
      const carry = rest.slice(2)
      const start = check(stateFrom(rest), xs.slice(0, condNconsts), carry)
      return bind(jitPrimitive, [...listOf(start), ...consts, ...carry], { name: 'body', jaxpr: body })
    },
    [...condConstAvals, ...bodyJaxpr.inputs.slice(0, bodyNconsts).map((v) => v.aval), ...stateAvals, ...carryAvals],
    'body',
  ).jaxpr
  const bodyConsts = inputs.slice(condNconsts, condNconsts + bodyNconsts)
  const carry = inputs.slice(condNconsts + bodyNconsts)
  const outs = bind(whilePrimitive, [...condConsts, ...condConsts, ...bodyConsts, ...listOf(state), ...carry], {
    condJaxpr: newCondition,
    condNconsts,
    bodyJaxpr: newBody,
    bodyNconsts: condNconsts + bodyNconsts,
  })
  const last = outs.slice(2)
  return { outs: last, state: check(stateFrom(outs), condConsts, last) }
}

const runEquation = (
  equation: Equation,
  inputs: readonly NDArray[],
  state: State,
  kinds: Kinds,
  levels: Levels,
): Outcome => {
  const { primitive, params, source } = equation
  if (primitive.name === checkName) {
    return { outs: [], state: kinds.has('user') ? record(state, assertion(equation, inputs), source) : state }
  }
  const program = runProgram(equation, inputs, state, kinds)
  if (program !== undefined) return program
  let after = state
  for (const failure of operandFailures(equation, inputs, kinds)) after = record(after, failure, source)
  const outs = bind(primitive, inputs, params)
  for (const failure of resultFailures(equation, inputs, outs, kinds, levels)) after = record(after, failure, source)
  return { outs, state: after }
}

/** Runs a program in the active trace with its checks. */
const run = (jaxpr: Jaxpr, inputs: readonly NDArray[], start: State, kinds: Kinds): Outcome => {
  const values = new Map<Var, NDArray>(jaxpr.inputs.map((v, i) => [v, known(inputs[i], 'input')]))
  const levels = new Levels()
  const read = (atom: Atom): NDArray =>
    atom.kind === 'literal' ? literalArray(atom) : known(values.get(atom), 'variable of a jaxpr')
  let state = start
  for (const equation of jaxpr.equations) {
    const outcome = withSource(equation.source, () =>
      runEquation(equation, equation.inputs.map(read), state, kinds, levels),
    )
    equation.outputs.forEach((v, i) => values.set(v, known(outcome.outs[i], 'result')))
    state = outcome.state
  }
  return { outs: jaxpr.outputs.map(read), state }
}

const cache = new WeakMap<Jaxpr, Map<string, Jaxpr>>()

/** The program with the state as its first two inputs and outputs. */
const checkedJaxpr = (jaxpr: Jaxpr, kinds: Kinds): Jaxpr => {
  const key = [...kinds].sort().join()
  let perJaxpr = cache.get(jaxpr)
  if (perJaxpr === undefined) cache.set(jaxpr, (perJaxpr = new Map()))
  let found = perJaxpr.get(key)
  if (found === undefined) {
    found = buildJaxpr(
      (xs) => {
        const { outs, state } = run(jaxpr, xs.slice(2), stateFrom(xs), kinds)
        return [...listOf(state), ...outs]
      },
      [...stateAvals, ...jaxpr.inputs.map((v) => v.aval)],
      'checked',
    ).jaxpr
    perJaxpr.set(key, found)
  }
  return found
}

export interface CheckedOptions {
  /** Which kinds of errors to look for; all unless said: `nan`, `infinity`, `index`, `division`, `user` (assertions of `check`). */
  readonly errors?: readonly CheckKind[]
}

/**
 * The same function, which also reports the first thing that went wrong: a NaN or an infinity that an operation produced
 * from values without, an index out of range (which otherwise is clamped, dropped or filled), a division by zero, or an
 * assertion (`check`) that did not hold; with the operation and the user's file and line. Programs never stop for it:
 * the report is a value beside the result, which goes through jit, grad, vmap and loops; `report.throw()` throws it.
 *
 * Compose from the inside for precise reports: `vmap(checked(f))` reports for each member, while `checked(vmap(f))` sees
 * the batched program, in which branches that a member did not take run as well. Likewise `checked(grad(f))` checks the
 * derivative, and `grad(checked(f))` the function only.
 *
 * @returns function of the same arguments that gives `[report, result]`; `report.get()` is null or the message
 * @example
 * ```ts
 * const [report, y] = checked((x: NDArray) => np.log(x))(np.array([1, -1]))
 * console.log(report.get()) // NaN produced by log, at file:line
 * ```
 */
export const checked = <Args extends readonly unknown[], R>(
  f: (...args: Args) => R,
  options: CheckedOptions = {},
): ((...args: Args) => [report: CheckReport, result: R]) => {
  checkOptions('checked', options, 'errors')
  const name = functionName(f)
  const operation = `checked(${name})`
  const errors = options.errors ?? checkKinds
  const unknown = errors.find((kind) => !checkKinds.includes(kind))
  if (unknown !== undefined)
    throw new ArgumentError(
      `${operation}: '${String(unknown)}' is no kind of error; there are ${checkKinds.join(', ')}.`,
    )
  const kinds: Kinds = new Set(errors)
  return (...args: Args) => {
    const flat = flattenArguments(f, args, operation)
    const body = traceBody(
      f,
      flat.def,
      flat.leaves.map((x) => x.aval),
      operation,
      flat.paths,
    )
    const start = stateAvals.map(zerosOf)
    const outs = bind(jitPrimitive, [...start, ...body.constants, ...flat.leaves], {
      name,
      jaxpr: checkedJaxpr(body.jaxpr, kinds),
    })
    const { code, payload } = stateFrom(outs)
    return [new CheckReport(code, payload), rebuild(body.outDef, outs.slice(2)) as R]
  }
}
