/** `check(condition, message)`: an assertion about traced values. */
import {
  type ArrayLike,
  type DType,
  type Primitive,
  ArgumentError,
  CheckError,
  InternalError,
  avalText,
  bind,
  definePrimitive,
  known,
  range,
  sameShape,
} from '../core/index.js'
import { asArray, broadcastInDim, ne } from '../lax/index.js'
import { payloadSize } from './check-report.js'
import { formatMessage, scalarText, templateOf } from './format.js'
import { placeBatchAxis } from './vmap.js'

interface CheckParams {
  /** `{0}`, `{1}`, ... are the operands after the first. */
  readonly message: string
}

/** The name of the primitive, for those who treat it by itself. */
export const checkName = 'check'

const checkPrimitive: Primitive<CheckParams> = definePrimitive<CheckParams>({
  name: checkName,
  effect: true,
  abstract: ([condition, ...values]) => {
    const shape = known(condition, 'condition').shape
    if (condition?.dtype !== 'bool' || !values.every((x) => x.shape.length === 0 || sameShape(x.shape, shape))) {
      throw new InternalError(
        `check was bound to ${[condition, ...values].map((x) => (x === undefined ? '' : avalText(x))).join(' ')}`,
      )
    }
    return []
  },
  jvp: (primals, _, params) => [bind(checkPrimitive, primals, params), []],
  batch: ([condition, ...values], [axis, ...axes], params, { size }) => {
    const all = placeBatchAxis(known(condition, 'condition'), axis ?? null, 0, size)
    // Values are scalars, or there is one for each element of the condition.
    const own = values.map((x, i) => {
      const from = axes[i] ?? null
      if (from === null && x.ndim === 0) return x
      const front = placeBatchAxis(x, from, 0, size)
      return front.ndim === all.ndim ? front : broadcastInDim(front, all.shape, [0])
    })
    return [bind(checkPrimitive, [all, ...own], params), []]
  },
  lower: (_, __, { message }) => {
    throw new CheckError(
      `check: the assertion '${plain(message)}' is inside of a compiled program (jit, scan, cond, ...), which cannot throw. ` +
        `Let the whole function be checked, and look at the report afterwards: ` +
        `const [report, out] = checked(f)(...args); report.throw(). Or assert outside of the compiled function.`,
    )
  },
  eager: ([condition, ...values], { message }) => {
    const at = known(condition, 'condition').dataSync().indexOf(0)
    if (at < 0) return []
    const texts = values.map((x) => scalarText(x.dataSync()[x.ndim === 0 ? 0 : at] ?? NaN, x.dtype))
    throw new CheckError(`check failed: ${formatMessage(message, texts, 'check')}`)
  },
  // As one word, since the text of a jaxpr is read back word by word.
  print: ({ message }) => ({ debug: false, message: `<${encodeURIComponent(message)}>` }),
  parse: ({ message }) => ({ message: decodeURIComponent(String(message).slice(1, -1)) }),
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 2 })
    const yes = { shape, dtype: 'bool' as DType, data: range(shape.reduce((n, d) => n * d, 1)).map(() => 1) }
    return { inputs: [yes, draw.array([], 'float32')], params: { message: 'must be positive: {0}' } }
  },
})

/** A template without its fields. */
const plain = (message: string): string =>
  message
    .replace(/\{\d+\}/g, '...')
    .replaceAll('{{', '{')
    .replaceAll('}}', '}')

/**
 * Asserts that a condition holds, also where it is traced: `check(np.all(np.greater(x, 0)), 'x must be positive, got {}', np.min(x))`.
 *
 * Where values are at hand it throws CheckError at once. Inside jit, scan, cond and the like programs cannot throw:
 * there the function, or one around it, must be given to `checked`, which reports the assertion that failed; otherwise
 * compiling the program throws CheckError.
 *
 * @param condition bool; an array holds when all its elements do
 * @param message what is said when it doesn't, with fields as in debug.print
 * @param values up to 8 scalars (or records of scalars) for the fields
 * @example
 * ```ts
 * const root = (x: NDArray) => {
 *   check(np.all(np.greaterEqual(x, 0)), 'no real root of {}', np.min(x))
 *   return np.sqrt(x)
 * }
 * const [report, y] = jit(checked(root))(np.array([4, -1]))
 * console.log(report.get()) // no real root of -1.0, at file:line
 * ```
 */
export const check = (condition: ArrayLike, message: string, ...values: readonly unknown[]): void => {
  const given = asArray(condition, 'check')
  const { template, arrays } = templateOf(message, values, 'check')
  for (const x of arrays) {
    if (x.ndim === 0) continue
    throw new ArgumentError(
      `check: values in a message must be scalars, and one for '${message}' is ${avalText(x.aval)}. ` +
        `Reduce it (np.max, np.min) or index it first.`,
    )
  }
  if (arrays.length > payloadSize) {
    throw new ArgumentError(`check: a message can show ${payloadSize} values, and '${message}' has ${arrays.length}.`)
  }
  bind(checkPrimitive, [given.dtype === 'bool' ? given : ne(given, 0), ...arrays], { message: template })
}
