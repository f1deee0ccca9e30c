/** Looking into compiled programs: callbacks and prints that run when the program does. */
import {
  type Primitive,
  DeviceArray,
  NDArray,
  bind,
  definePrimitive,
  encodeHost,
  getDevice,
  known,
  tree,
  withEager,
  withOwnSource,
} from '../core/index.js'
import { indexInDim } from '../lax/index.js'
import { functionName } from './arguments.js'
import { checkFormat, formatMessage } from './format.js'
import { Rule, parseRule, printRule } from './rule.js'

type Call = (values: readonly NDArray[]) => void

interface DebugCallbackParams {
  readonly callback: Rule<Call>
}

const callbackPrimitive: Primitive<DebugCallbackParams> = definePrimitive<DebugCallbackParams>({
  name: 'debug_callback',
  effect: true,
  abstract: () => [],
  jvp: (primals, _, params) => [bind(callbackPrimitive, primals, params), []],
  batch: (inputs, axes, params, { size }) => {
    for (let member = 0; member < size; member++) {
      const own = inputs.map((x, i) => {
        const axis = axes[i] ?? null
        return axis === null ? x : indexInDim(x, member, { axis, keepdims: false })
      })
      bind(callbackPrimitive, own, params)
    }
    return [[], []]
  },
  lower: (compiler, operands, { callback }) => {
    compiler.callback({ operands, call: callback.run })
    return []
  },
  eager: (inputs, { callback }) => {
    callback.run(inputs)
    return []
  },
  print: ({ callback }) => ({ callback: printRule(callback), effect: 'Debug', partitioned: false }),
  parse: ({ callback }) => ({ callback: parseRule(callback, 'debug_callback') as Rule<Call> }),
  sample: (draw) => ({
    inputs: [draw.array(draw.shape({ maxRank: 2 }), 'float32')],
    params: { callback: new Rule<Call>('look', () => {}) },
  }),
})

/** Calls with the values of the arrays among the arguments, in the place of the arrays. */
const bindCallback = (name: string, call: (args: readonly unknown[]) => void, args: readonly unknown[]): void => {
  const { leaves, def } = tree.flatten([...args])
  const arrays = leaves.filter((leaf) => leaf instanceof NDArray)
  // The rule outlives the trace, so it must not hold traced values.
  const slots = leaves.map((leaf) => (leaf instanceof NDArray ? undefined : { leaf }))
  const rule = new Rule<Call>(name, (values) => {
    let next = 0
    const all = slots.map((slot) => (slot === undefined ? known(values[next++], 'value') : slot.leaf))
    const filled: unknown = tree.unflatten(def, all)
    withEager(() => withOwnSource(() => call(Array.isArray(filled) ? filled : [])))
  })
  bind(callbackPrimitive, arrays, { callback: rule })
}

/**
 * Calls `f` with the values of its arguments whenever the program runs: also inside jit, grad, vmap (once for each member)
 * and loops (in every iteration), where the arguments are traced and JavaScript could not look at them. What `f` returns
 * is not used. Calls happen in the order of the program, and are never left out.
 *
 * In derivatives it is called on the way forward, with the values; tangents can be looked at in forward mode (jvp) only.
 *
 * @param f gets arrays with values wherever the arguments have arrays; other leaves come as they are
 * @example
 * ```ts
 * const seen: number[] = []
 * jit((x: NDArray) => {
 *   debug.callback((v) => seen.push(v.item()), np.sum(x))
 *   return np.sin(x)
 * })(np.array([1, 2])) // seen is [3]
 * ```
 */
export const callback = <Args extends readonly unknown[]>(f: (...args: Args) => unknown, ...args: Args): void =>
  bindCallback(
    functionName(f),
    (values) => {
      Reflect.apply(f, undefined, values)
    },
    args,
  )

/** Where the lines of debug.print go. */
export type Sink = (text: string) => void

// The one place that writes to the console: the user asked for it.
// oxlint-disable-next-line no-console
const consoleSink: Sink = (text) => console.log(text)
let sink: Sink = consoleSink

/**
 * Sends what debug.print prints somewhere else than the console; null means the console again.
 *
 * @returns where it went before
 * @example
 * ```ts
 * const lines: string[] = []
 * const before = debug.setSink((text) => lines.push(text))
 * debug.print('x = {}', np.array([1, 2])) // lines is ['x = [1.0, 2.0]']
 * debug.setSink(before)
 * ```
 */
export const setSink = (next: Sink | null): Sink => {
  const before = sink
  sink = next ?? consoleSink
  return before
}

const isAsync = (x: unknown): x is DeviceArray => x instanceof DeviceArray && !x.deviceHandle.synchronous

/** A copy of an array on the device that is read at once. */
const readableCopy = async (x: DeviceArray): Promise<NDArray> => {
  const device = getDevice('js')
  return new DeviceArray(x.aval, device, device.fromHost(encodeHost(await x.data(), x.dtype), x.dtype))
}

/** Calls with arguments whose arrays can be read at once: now, or when their device has given the values. */
const whenReadable = (args: readonly unknown[], then: (args: readonly unknown[]) => void): void => {
  const { leaves, def } = tree.flatten([...args])
  if (!leaves.some(isAsync)) then(args)
  else {
    void Promise.all(leaves.map((x) => (isAsync(x) ? readableCopy(x) : x))).then((all) => {
      const filled: unknown = tree.unflatten(def, all)
      then(Array.isArray(filled) ? filled : [])
    })
  }
}

/**
 * Prints values when the program runs: `debug.print('x = {}', x)`, inside jit, grad, vmap and loops as well.
 * Fields are `{}` for the next value, `{0}` by position, `{name}` from a record that comes last; `{{` and `}}` are braces.
 * Throws ArgumentError at once for a field without a value.
 *
 * @param format text with fields
 * @param values arrays, numbers, or pytrees of them
 * @example
 * ```ts
 * jit((x: NDArray) => {
 *   debug.print('x = {}, sum = {sum}', x, { sum: np.sum(x) }) // x = [1.0, 2.0], sum = 3.0
 *   return x
 * })(np.array([1, 2]))
 * ```
 */
export const print = (format: string, ...values: readonly unknown[]): void => {
  checkFormat(format, values, 'debug.print')
  const show = (args: readonly unknown[]): void => sink(formatMessage(format, args, 'debug.print'))
  bindCallback('print', (args) => whenReadable(args, show), values)
}
