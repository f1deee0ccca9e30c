/** cond and switch: a choice between programs as one primitive. */
import {
  type ArrayLike,
  type Jaxpr,
  type NDArray,
  type Primitive,
  type ShapedArray,
  type SplitInput,
  type Tangent,
  ArgumentError,
  InternalError,
  TreeError,
  avalText,
  bind,
  buildJaxpr,
  constantsAsInputs,
  definePrimitive,
  erase,
  evalJaxpr,
  isLinear,
  known,
  knownInput,
  nativeFloats,
  newJaxpr,
  newVar,
  sameAval,
  shapedArray,
  tree,
} from '../core/index.js'
import {
  asArray,
  broadcastInDim,
  clamp,
  convertElementType,
  cos,
  moveAxis,
  ne,
  selectN,
  sin,
  zerosOf,
} from '../lax/index.js'
import { flattenArguments, functionName, rebuild } from './arguments.js'
import { type JitParams, jitPrimitive } from './jit-primitive.js'
import { jvpJaxpr } from './jvp.js'
import { splitJaxpr } from './split-jaxpr.js'
import { type TracedBody, either, positions, span, traceBody, where } from './programs.js'
import { transposeJaxpr } from './transpose.js'
import { batchJaxpr } from './vmap.js'

export interface CondParams {
  /** Programs without constants that take the same inputs and give the same outputs; the index chooses one. */
  readonly branches: readonly Jaxpr[]
}

const first = (branches: readonly Jaxpr[]): Jaxpr => known(branches[0], 'branch')

export const condPrimitive: Primitive<CondParams> = definePrimitive<CondParams>({
  name: 'cond',
  abstract: ([index, ...operands], { branches }) => {
    if (index === undefined || index.dtype !== 'int32' || index.shape.length !== 0)
      throw new InternalError('cond was bound without an int32 scalar index')
    for (const branch of branches) {
      if (
        operands.length !== branch.inputs.length ||
        !operands.every((x, i) => sameAval(x, known(branch.inputs[i], 'input').aval))
      ) {
        throw new InternalError(`cond was bound to ${operands.map(avalText).join(' ')}, which a branch does not take`)
      }
    }
    return first(branches).outputs.map((a) => a.aval)
  },
  jvp: ([index, ...primals], [, ...tangents], { branches }) => {
    const nonzero = tangents.map((t) => t !== null)
    const out = branches.map((branch) => jvpJaxpr(branch, nonzero).nonzeroOut).reduce(either)
    const derivatives = branches.map((branch) => jvpJaxpr(branch, nonzero, out).jaxpr)
    const outs = bind(condPrimitive, [known(index, 'index'), ...primals, ...tangents.filter((t) => t !== null)], {
      branches: derivatives,
    })
    const count = out.length
    let next = count
    return [outs.slice(0, count), out.map((flag): Tangent => (flag ? known(outs[next++], 'tangent') : null))]
  },
  transpose: (cotangents, [index, ...inputs], { branches }) => {
    const linear = inputs.map(isLinear)
    const nonzero = cotangents.map((ct) => ct !== null)
    const backs = branches.map((branch) => transposeJaxpr(branch, linear, nonzero, true).jaxpr)
    const operands = [
      knownInput(index),
      ...where(inputs, linear, false).map(knownInput),
      ...cotangents.filter((ct) => ct !== null),
    ]
    const outs = bind(condPrimitive, operands, { branches: backs })
    let next = 0
    return [null, ...linear.map((flag) => (flag ? known(outs[next++], 'cotangent') : null))]
  },
  batch: ([index, ...inputs], [indexAxis, ...axes], { branches }, axis) => {
    const choice = known(index, 'index')
    const free = branches.map((branch) => batchJaxpr(branch, axes, axis))
    const flags = free.map(({ outAxes }) => outAxes.map((a) => a !== null)).reduce(either)
    if (indexAxis === null || indexAxis === undefined) {
      const batched = branches.map((branch) => batchJaxpr(branch, axes, axis, flags).jaxpr)
      return [bind(condPrimitive, [choice, ...inputs], { branches: batched }), flags.map((flag) => (flag ? 0 : null))]
    }
    // Members choose differently: every branch runs, and each member takes its own.
    const all = flags.map(() => true)
    const outs = branches.map((branch) => evalJaxpr(batchJaxpr(branch, axes, axis, all).jaxpr, [], inputs))
    const which = moveAxis(choice, indexAxis, 0)
    const chosen = all.map((_, i) => {
      const cases = outs.map((list) => known(list[i], 'output'))
      return selectN(broadcastInDim(which, known(cases[0], 'case').shape, [0]), ...cases)
    })
    return [chosen, all.map(() => 0)]
  },
  lower: (compiler, [index, ...operands], { branches }, outputs) =>
    compiler.branch({ index: known(index, 'index'), programs: branches, operands, outputs }),
  program: {
    split: ([indexUnknown, ...unknown], [indexAval, ...avals], { branches }) => {
      if (indexUnknown === true) return postponed([known(indexAval, 'index'), ...avals], { branches })
      const out = branches.map((branch) => splitJaxpr(branch, unknown).unknownOutputs).reduce(either)
      const splits = branches.map((branch) => splitJaxpr(branch, unknown, out))
      const residuals = splits.flatMap((split) => split.residuals)
      const offsets = splits.map((_, b) => splits.slice(0, b).reduce((n, s) => n + s.residuals.length, 0))
      const knownOutCount = positions(out, false).length
      // Every branch gives the residuals of all; those of others are zeros that nobody reads.
      const knownBranches = splits.map((split, b) =>
        constantsAsInputs(
          buildJaxpr(
            (xs) => {
              const outs = evalJaxpr(split.known, [], xs)
              const own = outs.slice(knownOutCount)
              const offset = known(offsets[b], 'offset')
              return [
                ...outs.slice(0, knownOutCount),
                ...residuals.map((aval, i) =>
                  i >= offset && i < offset + own.length ? known(own[i - offset], 'residual') : zerosOf(aval),
                ),
              ]
            },
            split.known.inputs.map((v) => v.aval),
            'known branch',
          ).jaxpr,
        ),
      )
      const passed = [
        ...new Set(
          splits.flatMap((split) => split.unknownInputs.flatMap((from) => ('input' in from ? [from.input] : []))),
        ),
      ].sort((a, b) => a - b)
      const laterAvals = [...residuals, ...passed.map((i) => known(avals[i], 'aval'))]
      const laterBranches = splits.map((split, b) =>
        constantsAsInputs(
          buildJaxpr(
            (xs) =>
              evalJaxpr(
                split.unknown,
                [],
                split.unknownInputs.map((from) =>
                  known(
                    'residual' in from
                      ? xs[known(offsets[b], 'offset') + from.residual]
                      : xs[residuals.length + passed.indexOf(from.input)],
                    'input',
                  ),
                ),
              ),
            laterAvals,
            'unknown branch',
          ).jaxpr,
        ),
      )
      return {
        known: { primitive: erase(condPrimitive), params: { branches: knownBranches } satisfies CondParams },
        knownInputs: [0, ...positions(unknown, false).map((i) => i + 1)],
        residuals,
        unknown: { primitive: erase(condPrimitive), params: { branches: laterBranches } satisfies CondParams },
        unknownInputs: [
          { input: 0 },
          ...residuals.map((_, i): SplitInput => ({ residual: i })),
          ...passed.map((i): SplitInput => ({ input: i + 1 })),
        ],
        unknownOutputs: out,
      }
    },
    inline: undefined,
    donated: undefined,
  },
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 2 })
    const dtype = draw.pick(nativeFloats)
    const aval = shapedArray(shape, dtype)
    const program = (f: (x: ArrayLike) => NDArray): Jaxpr =>
      buildJaxpr((xs) => [f(known(xs[0], 'operand'))], [aval], 'branch').jaxpr
    return {
      inputs: [draw.array([], 'int32', { min: 0, max: 1 }), draw.array(shape, dtype)],
      params: { branches: [program(sin), program(cos)] },
    }
  },
})

/** An equation of which nothing can be done now. */
const postponed = (avals: readonly ShapedArray[], params: CondParams) => {
  const count = first(params.branches).outputs.length
  return {
    known: {
      primitive: erase(jitPrimitive),
      params: { name: 'nothing', jaxpr: newJaxpr([], [], [], []) } satisfies JitParams,
    },
    knownInputs: [],
    residuals: [],
    unknown: { primitive: erase(condPrimitive), params },
    unknownInputs: avals.map((_, input) => ({ input })),
    unknownOutputs: span(0, count).map(() => true),
  }
}

/** Programs of all branches with common inputs: the constants of all, then the operands. */
const joinBranches = (bodies: readonly TracedBody[]): { readonly branches: Jaxpr[]; readonly constants: NDArray[] } => {
  const constants = bodies.flatMap((body) => body.constants)
  let offset = 0
  const branches = bodies.map(({ jaxpr, constants: own }) => {
    const leading = constants.map((c) => newVar(c.aval))
    own.forEach((_, i) => {
      leading[offset + i] = known(jaxpr.inputs[i], 'constant')
    })
    offset += own.length
    return newJaxpr([], [...leading, ...jaxpr.inputs.slice(own.length)], jaxpr.equations, jaxpr.outputs)
  })
  return { branches, constants }
}

const choose = (
  index: NDArray,
  fns: readonly ((...args: never[]) => unknown)[],
  operands: readonly unknown[],
  operation: string,
): unknown => {
  const flat = flattenArguments(known(fns[0], 'branch'), operands, operation)
  const trace = (avals: readonly ShapedArray[]): TracedBody[] =>
    fns.map((f) => traceBody(f, flat.def, avals, operation, flat.paths))
  const bodies = trace(flat.leaves.map((x) => x.aval))
  const head = known(bodies[0], 'branch')
  bodies.forEach((body, b) => {
    if (b === 0) return
    tree.checkSameStructure(
      head.outDef,
      body.outDef,
      `${operation}: branches 0 and ${b} must return the same structure`,
      'result',
    )
  })
  // Branches may differ in strength of dtypes: a weak result takes the dtype of the strong one.
  const outAvals = head.outAvals.map((aval, i) => {
    const all = bodies.map((body) => known(body.outAvals[i], 'output'))
    return all.find((a) => !a.weakType) ?? aval
  })
  const paths = tree.paths(head.outDef, 'result')
  const unified = bodies.map((body, b): TracedBody => {
    if (body.outAvals.every((aval, i) => sameAval(aval, known(outAvals[i], 'output')))) return body
    body.outAvals.forEach((aval, i) => {
      const target = known(outAvals[i], 'output')
      if (sameAval(aval, target) || (aval.weakType && aval.shape.length === target.shape.length)) return
      throw new TreeError(
        `${operation}: branches must return the same shapes and dtypes, but ${paths[i]} is ${avalText(target)} in one branch and ${avalText(aval)} in branch ${b}. ` +
          `Convert or reshape in the branch (astype('${target.dtype}')).`,
      )
    })
    const converted = buildJaxpr(
      (xs) => evalJaxpr(body.jaxpr, [], xs).map((x, i) => convertElementType(x, known(outAvals[i], 'output').dtype)),
      body.jaxpr.inputs.map((v) => v.aval),
      operation,
    )
    return { ...body, jaxpr: constantsAsInputs(converted.jaxpr), outAvals }
  })
  const { branches, constants } = joinBranches(unified)
  return rebuild(head.outDef, bind(condPrimitive, [index, ...constants, ...flat.leaves], { branches }))
}

/** The scalar that chooses, as an array. */
const scalarChoice = (value: ArrayLike, operation: string, what: string): NDArray => {
  const x = asArray(value, operation)
  if (x.ndim !== 0)
    throw new ArgumentError(
      `${operation}: the ${what} must be a scalar, got ${avalText(x.aval)}. For a choice per element use np.where or vmap.`,
    )
  return x
}

/**
 * `pred ? trueFn(...operands) : falseFn(...operands)` for a traced predicate: only the chosen one runs.
 * Under vmap with a batched predicate both run, and each member takes its own.
 *
 * @param pred bool (or number) scalar
 * @returns the chosen function's result; both must return the same structure, shapes and dtypes
 * @example
 * ```ts
 * const safeRoot = (x) => lax.cond(np.greater(x, 0), (x) => np.sqrt(x), (x) => np.zerosLike(x), x)
 * safeRoot(np.array(-4)).item() // 0
 * ```
 */
export const cond = <Args extends readonly unknown[], R>(
  pred: ArrayLike,
  trueFn: (...operands: Args) => R,
  falseFn: (...operands: Args) => R,
  ...operands: Args
): R => {
  const operation = `cond(${functionName(trueFn)}, ${functionName(falseFn)})`
  const choice = scalarChoice(pred, operation, 'predicate')
  const flag = choice.dtype === 'bool' ? choice : ne(choice, 0)
  return choose(convertElementType(flag, 'int32'), [falseFn, trueFn], operands, operation) as R
}

/**
 * Runs `branches[index]` on the operands, for a traced index that is clamped to the number of branches.
 *
 * @param index int32 scalar
 */
export const switchCase = <Args extends readonly unknown[], R>(
  index: ArrayLike,
  branches: readonly ((...operands: Args) => R)[],
  ...operands: Args
): R => {
  const operation = 'switch'
  if (branches.length === 0) throw new ArgumentError(`${operation}: there are no branches to choose from.`)
  const choice = convertElementType(scalarChoice(index, operation, 'index'), 'int32')
  return choose(clamp(0, choice, branches.length - 1), branches, operands, operation) as R
}
