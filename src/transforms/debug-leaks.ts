/** Finding traced values that outlive their transformation. */
import { ArgumentError, LeakedTracerError, Tracer, avalText, observeTracers } from '../core/index.js'

/** What a check for leaks found. */
export interface LeakReport<R> {
  /** What the function returned; undefined when it failed by using a leaked value. */
  readonly result: R | undefined
  /** One line for each leak: the value, where it came from, and the transformation that it outlived. */
  readonly leaks: readonly string[]
  /**
   * Whether values that are merely kept were looked for, which needs a garbage collector that can be called
   * (`node --expose-gc`). Otherwise only values that were used after their transformation are found.
   */
  readonly complete: boolean
}

const collector = (): (() => void) | undefined => {
  const gc: unknown = Reflect.get(globalThis, 'gc')
  return typeof gc === 'function' ? () => void Reflect.apply(gc, undefined, []) : undefined
}

/** Lets the event loop turn: what a WeakRef was made of, or showed, lives until then. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

const describe = (tracer: Tracer): string =>
  `a traced ${avalText(tracer.aval)} array (${tracer.origin}) outlived ${tracer.owner.name}` +
  `${tracer.owner.where === undefined ? '' : `, called at ${tracer.owner.where}`}`

/**
 * Runs `f` and reports traced values that are still reachable after their transformation has returned: stored in a
 * variable, a field or a cache from inside the traced function. Using one is an error in any case (LeakedTracerError);
 * this finds those that nobody has used yet.
 *
 * @param f calls a transformed function, such as `() => jit(step)(x)`; what it returns may not be a traced value
 * @example
 * ```ts
 * let kept: NDArray | undefined
 * const { leaks } = await debug.checkTracerLeaks(() => jit((x: NDArray) => (kept = np.sin(x)))(np.ones([2])))
 * console.log(leaks.length) // 1
 * ```
 */
export const checkTracerLeaks = async <R>(f: () => R): Promise<LeakReport<R>> => {
  if (typeof f !== 'function')
    throw new ArgumentError(
      'debug.checkTracerLeaks: give a function of no arguments that calls the transformed function.',
    )
  const seen: WeakRef<Tracer>[] = []
  let result: R | undefined
  const leaks: string[] = []
  try {
    result = observeTracers((tracer) => void seen.push(new WeakRef(tracer)), f)
  } catch (error) {
    if (!(error instanceof LeakedTracerError)) throw error
    leaks.push(error.message)
  }
  const collect = collector()
  if (collect !== undefined) {
    // What weak references were made of lives until the turn ends; finalizers and later collections need another.
    for (let turn = 0; turn < 3; turn++) {
      await nextTurn()
      collect()
    }
    for (const reference of seen) {
      const tracer = reference.deref()
      if (tracer?.owner.ended === true) leaks.push(describe(tracer))
    }
  }
  return { result, leaks, complete: collect !== undefined }
}
