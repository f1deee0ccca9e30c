/** Compilation: jit traces a function once per signature and runs the program it found. */
import {
  type ClosedJaxpr,
  type Executable,
  type Jaxpr,
  type NDArray,
  type TreeDef,
  ArgumentError,
  DeviceArray,
  Tracer,
  bind,
  commonDevice,
  constantsAsInputs,
  currentDevice,
  devicePut,
  evalJaxpr,
  executableOf,
  getDevice,
  isEager,
  known,
  programTexts,
  shapedArray,
  tree,
  checkOptions,
} from '../core/index.js'
import { argumentPaths, argumentPositions, functionName, leafArray, rebuild } from './arguments.js'
import { axisEnvironmentKey } from './axis-environment.js'
import type { LastCall } from './explain.js'
import { type JitParams, jitPrimitive } from './jit-primitive.js'
import { type ShapeDtype, isShapeDtype, traceFunction } from './make-jaxpr.js'
import { explanations, nesting, purity } from './parts.js'
import { type Returned, type Signature, avalKey, staticKey } from './signature.js'

export interface JitOptions {
  /** Positions of arguments that are ordinary JS values and steer the tracing; a new value means a new program. */
  readonly staticArgnums?: number | readonly number[]
  /** Positions of arguments whose arrays the program may overwrite; they must not be used afterwards. */
  readonly donateArgnums?: number | readonly number[]
  /** Device to run on; arguments are moved there. */
  readonly device?: string
  /**
   * Checks that the function is pure, for debugging: every call traces it (the first one twice), and throws
   * ImpureFunctionError when the program is not the one it was, because a variable that the function reads has changed,
   * or it used Math.random, the time, or a counter.
   */
  readonly strict?: boolean
}

/** A compiled form, for reading. */
export interface Lowered {
  /** The program as traced. */
  readonly jaxpr: Jaxpr
  /** The fused kernels as text: loops, floating-point operations, bytes read and written, and the source lines they come from. */
  readonly kernels: string
  /** What the device was given. */
  readonly text: () => string
  /** Bytes of temporaries that the plan needs. */
  readonly temporaryBytes: number
  /** Floating-point operations of one run, every function counted as one; of a whileLoop, those of one trip. */
  readonly flops: number
  readonly toString: () => string
}

/** An argument in which arrays may be given by shape and dtype only. */
export type Described<T> = T extends NDArray
  ? T | ShapeDtype
  : T extends (...args: never[]) => unknown
    ? T
    : T extends object
      ? { readonly [K in keyof T]: Described<T[K]> }
      : T

/** A function that has been given to jit. */
export interface Jitted<Args extends readonly unknown[], R> {
  (...args: Args): R
  /** The program for these arguments, compiled but not run. */
  readonly lower: (...args: Args) => Lowered
  /**
   * Compiles the program for arguments of these shapes and dtypes, and resolves when a call would start at once. Calls do
   * that by themselves; warming up is for devices that take a while, before something is timed or shown. Several can warm up
   * side by side. Arrays may be given as `{ shape, dtype }`, which takes no memory; if all are, it is for the default device.
   */
  readonly warmup: (...args: { readonly [K in keyof Args]: Described<Args[K]> }) => Promise<void>
}

/** What one signature traced to. */
interface Traced {
  readonly params: JitParams
  readonly constants: readonly NDArray[]
  readonly outDef: TreeDef
}

/** What the cache keeps of it. Traced values are held weakly: they belong to a transformation that may have ended. */
interface Kept extends Omit<Traced, 'constants'> {
  readonly constants: readonly (NDArray | WeakRef<Tracer>)[]
}

/** A kept program with its constants at hand; undefined when one belonged to a transformation that has ended. */
const revived = (kept: Kept): Traced | undefined => {
  const constants: NDArray[] = []
  for (const held of kept.constants) {
    const x = held instanceof WeakRef ? held.deref() : held
    if (x === undefined || (x instanceof Tracer && x.owner.ended)) return undefined
    constants.push(x)
  }
  return { ...kept, constants }
}

const maximumEntries = 256
const foundAgain: LastCall = { kind: 'found' }

/** Everything that jit remembers of one function. */
class JitCache {
  readonly name: string
  readonly entries = new Map<string, Kept>()
  last: Signature | undefined
  call: LastCall = { kind: 'none' }

  constructor(name: string) {
    this.name = name
  }

  find(key: string): Traced | undefined {
    const kept = this.entries.get(key)
    if (kept === undefined) return undefined
    this.entries.delete(key)
    // A program that was closed over a traced value of an earlier call of an outer transformation must be traced anew.
    const entry = revived(kept)
    if (entry !== undefined) this.entries.set(key, kept)
    return entry
  }

  add(key: string, entry: Traced): void {
    if (this.entries.size >= maximumEntries) {
      const oldest = this.entries.keys().next().value
      if (oldest !== undefined) this.entries.delete(oldest)
    }
    this.entries.set(key, {
      ...entry,
      constants: entry.constants.map((x) => (x instanceof Tracer ? new WeakRef(x) : x)),
    })
  }
}

const caches = new WeakMap<object, JitCache>()

/**
 * Compiles a function: traces it once for each combination of shapes, dtypes, structures and static values, and runs the
 * fused program from then on.
 *
 * @param f pure function of pytrees of arrays
 * @returns function of the same arguments, with `.lower(...args)` to look at the program and its kernels
 * @example
 * ```ts
 * const norm = jit((x) => np.sqrt(np.sum(np.square(x))))
 * console.log(norm(np.array([3, 4])).item()) // 5
 * ```
 */
const jitFunction = <Args extends readonly unknown[], R extends Returned>(
  f: (...args: Args) => R,
  options: JitOptions = {},
): Jitted<Args, R> => {
  checkOptions('jit', options, 'staticArgnums donateArgnums device strict')
  const name = functionName(f)
  const operation = `jit(${name})`
  const cache = new JitCache(name)

  const prepare = (args: readonly unknown[]) => {
    const fixed =
      options.staticArgnums === undefined ? [] : argumentPositions(options.staticArgnums, args.length, operation)
    const dynamic = fixed.length === 0 ? [...args] : args.filter((_, i) => !fixed.includes(i))
    const { leaves: raw, def } = tree.flatten(dynamic)
    let paths: string[] | undefined
    const pathOf = (i: number): string => (paths ??= argumentPaths(f, def))[i] ?? 'an argument'
    const leaves = raw.map((leaf, i) => leafArray(leaf, typeof leaf === 'object' ? '' : pathOf(i), operation))
    const statics = fixed.map((i) => args[i])
    const axes = axisEnvironmentKey()
    let key = `${def.key}|${axes}|${statics.map(staticKey).join()}|`
    for (const x of leaves) key += avalKey(x.aval)
    let entry = cache.find(key)
    if (entry === undefined) {
      const signature: Signature = {
        def,
        avals: leaves.map((x) => x.aval),
        paths: raw.map((_, i) => pathOf(i)),
        statics,
        axes,
      }
      cache.call = { kind: 'traced', before: cache.last, now: signature }
      cache.last = signature
      entry = trace(args, fixed, leaves, dynamic)
      cache.add(key, entry)
    } else cache.call = foundAgain
    if (options.strict === true) purity.get(operation)(entry, trace(args, fixed, leaves, dynamic), operation)
    return { entry, leaves }
  }

  const trace = (
    args: readonly unknown[],
    fixed: readonly number[],
    leaves: readonly NDArray[],
    dynamic: readonly unknown[],
  ): Traced => {
    const { closed, outDef } = traceFunction(f, args, operation, fixed)
    const donated = donatedLeaves(args, fixed, dynamic, leaves.length, closed)
    return {
      params: { name, jaxpr: constantsAsInputs(closed.jaxpr), ...(donated !== undefined && { donated }) },
      constants: closed.values,
      outDef,
    }
  }

  /** For every input of the program whether it is donated; undefined when none is. */
  const donatedLeaves = (
    args: readonly unknown[],
    fixed: readonly number[],
    dynamic: readonly unknown[],
    count: number,
    closed: ClosedJaxpr,
  ): boolean[] | undefined => {
    if (options.donateArgnums === undefined) return undefined
    const given = argumentPositions(options.donateArgnums, args.length, operation)
    const position = args.map((_, i) => i).filter((i) => !fixed.includes(i))
    const flags = dynamic.flatMap((arg, k) =>
      tree.leaves(arg).map(() => given.includes(known(position[k], 'position'))),
    )
    if (flags.length !== count) throw new ArgumentError(`${operation}: donateArgnums cannot name static arguments.`)
    return [...closed.values.map(() => false), ...flags]
  }

  const place = (xs: readonly NDArray[]): readonly NDArray[] => {
    const { device } = options
    return device === undefined ? xs : xs.map((x) => devicePut(x, device))
  }

  const call = (...args: Args): R => {
    const { entry, leaves } = prepare(args)
    const operands = place([...entry.constants, ...leaves])
    const isCalled = isEager() || nesting.find() !== undefined
    const outs = isCalled ? bind(jitPrimitive, operands, entry.params) : evalJaxpr(entry.params.jaxpr, [], operands)
    return rebuild(entry.outDef, outs) as R
  }

  /** The program on the device that a call with these leaves of arguments would run on. */
  const compiled = ({ params, constants }: Traced, leaves: readonly unknown[]): Executable => {
    const arrays = [...constants, ...leaves].filter((x) => x instanceof DeviceArray)
    const device = options.device === undefined ? commonDevice(arrays, operation) : getDevice(options.device)
    return executableOf(params.jaxpr, device, params.donated)
  }

  /** Arguments with arrays that have no values in place of shapes and dtypes. */
  const undescribed = (args: readonly unknown[]): readonly unknown[] => {
    const fixed =
      options.staticArgnums === undefined ? [] : argumentPositions(options.staticArgnums, args.length, operation)
    return args.map((arg, i) => {
      if (fixed.includes(i)) return arg
      const { leaves, def } = tree.flatten(arg, isShapeDtype)
      return tree.unflatten(
        def,
        leaves.map((leaf) =>
          isShapeDtype(leaf) ? new DeviceArray(shapedArray(leaf.shape, leaf.dtype), currentDevice(), undefined) : leaf,
        ),
      )
    })
  }

  const warmup = async (...args: readonly unknown[]): Promise<void> => {
    await compiled(prepare(undescribed(args)).entry, tree.leaves(args, isShapeDtype)).ready?.()
  }

  const lower = (...args: Args): Lowered => {
    const { entry, leaves } = prepare(args)
    const { jaxpr } = entry.params
    const executable = compiled(entry, leaves)
    return {
      jaxpr,
      get kernels() {
        return executable.kernels()
      },
      text: executable.text,
      temporaryBytes: executable.temporaryBytes,
      get flops() {
        return executable.flops()
      },
      toString: () => `${programTexts.get('lower').printJaxpr(jaxpr)}\n${executable.kernels()}`,
    }
  }

  const jitted = Object.assign(call, { lower, warmup })
  Object.defineProperty(jitted, 'name', { value: name })
  caches.set(jitted, cache)
  return jitted
}

/** Why the last call of a jitted function traced it, or that it didn't. */
const explain = (f: object): string => {
  const cache = caches.get(f)
  if (cache === undefined)
    throw new ArgumentError(
      'jit.explain: not a function that jit returned. Keep the result of jit(f), call it, and pass it here.',
    )
  return explanations.get('jit.explain')(cache.call, cache.name)
}

export const jit: typeof jitFunction & { readonly explain: (f: object) => string } = Object.assign(jitFunction, {
  explain,
})
