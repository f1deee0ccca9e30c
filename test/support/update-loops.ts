/** Loops whose bodies update parts of their carries, exchange, repeat and keep them: what sharing memory could get wrong. */
import * as fc from 'fast-check'
import { type DType, type NDArray, lax, numpy as np } from 'cotangent'

/** Elements of each of the three carries: enough that updates of a slice are worth storing alone. */
export const carrySize = 260
const windowSize = 3

/** Carries, small values that were read from them, and the number of the step. */
interface State {
  readonly carries: readonly NDArray[]
  readonly read: readonly NDArray[]
  readonly i: NDArray
  readonly x: NDArray
}

type Action = (state: State, to: number, from: number, at: number) => State

const carryOf = (state: State, k: number): NDArray => state.carries[k % state.carries.length] ?? state.x
const readOf = (state: State, k: number): NDArray => state.read[k % state.read.length] ?? state.x
const withCarry = (state: State, k: number, value: NDArray): State => ({
  ...state,
  carries: state.carries.map((c, j) => (j === k % state.carries.length ? value : c)),
})
const withRead = (state: State, value: NDArray): State => ({ ...state, read: [value, ...state.read].slice(0, 3) })

/** A place that depends on the step. */
const place = ({ i }: State, at: number, reach = 1): NDArray =>
  np.mod(np.add(np.multiply(i, 7), at), carrySize - reach + 1)
const slice = (c: NDArray, start: NDArray): NDArray => lax.dynamicSlice(c, [start], [windowSize])

/** What a step of a body can do to carry `to`, with carry `from` and a place. */
export const actions: Readonly<Record<string, Action>> = {
  'set an element': (s, to, from, at) =>
    withCarry(
      s,
      to,
      carryOf(s, to)
        .at(place(s, at))
        .set(np.sum(readOf(s, from))),
    ),
  'set an element from another': (s, to, from, at) =>
    withCarry(
      s,
      to,
      carryOf(s, to)
        .at(place(s, at))
        .set(carryOf(s, from).get(place(s, at + 2))),
    ),
  'add to an element': (s, to, _, at) => withCarry(s, to, carryOf(s, to).at(place(s, at)).add(s.x)),
  'multiply two elements': (s, to, _, at) =>
    withCarry(
      s,
      to,
      carryOf(s, to)
        .at([at, at + 5])
        .multiply(0.5),
    ),
  'set elements, some twice': (s, to, from, at) => {
    const index = np.stack([place(s, at), place(s, at + 1), place(s, at)])
    return withCarry(s, to, carryOf(s, to).at(index).add(readOf(s, from)))
  },
  'double elements, some twice': (s, to, _, at) => {
    const index = np.stack([place(s, at), place(s, at + 1), place(s, at)])
    return withCarry(s, to, carryOf(s, to).at(index).set(carryOf(s, to).get(index).mul(0.5).add(s.x)))
  },
  'set a window': (s, to, from, at) =>
    withCarry(s, to, lax.dynamicUpdateSlice(carryOf(s, to), readOf(s, from), [place(s, at, windowSize)])),
  'move a window': (s, to, from, at) =>
    withCarry(
      s,
      to,
      lax.dynamicUpdateSlice(carryOf(s, to), slice(carryOf(s, from), place(s, at + 1, windowSize)), [
        place(s, at, windowSize),
      ]),
    ),
  'swap two elements': (s, to, _, at) => {
    const c = carryOf(s, to)
    const [p, q] = [place(s, at), place(s, at + 3)]
    return withCarry(s, to, c.at(p).set(c.get(q)).at(q).set(c.get(p)))
  },
  'go where the carry says': (s, to, from, at) => {
    const p = np.mod(np.floor(np.abs(carryOf(s, from).get(place(s, at)).mul(10))).astype('int32'), carrySize)
    return withCarry(s, to, carryOf(s, to).at(p).add(s.x))
  },
  'read a window': (s, _, from, at) => withRead(s, slice(carryOf(s, from), place(s, at, windowSize))),
  'read a sum': (s, _, from) =>
    withRead(s, np.multiply(np.ones([windowSize], { dtype: s.x.dtype }), np.mean(carryOf(s, from)))),
  'change all': (s, to) => withCarry(s, to, np.add(np.multiply(carryOf(s, to), 0.9), s.x)),
  'change all, from both sides': (s, to, from) =>
    withCarry(s, to, np.multiply(np.add(carryOf(s, to), np.flip(carryOf(s, from))), 0.5)),
  copy: (s, to, from) => withCarry(s, to, carryOf(s, from)),
  exchange: (s, to, from) => withCarry(withCarry(s, to, carryOf(s, from)), from, carryOf(s, to)),
  replace: (s, to) => withCarry(s, to, np.multiply(np.ones([carrySize], { dtype: s.x.dtype }), s.x)),
  branch: (s, to, from, at) => {
    const value = np.sum(readOf(s, from))
    const next = lax.cond(
      np.equal(np.mod(s.i, 2), at % 2),
      (c: NDArray) => c.at(at).set(value),
      (c: NDArray) => c,
      carryOf(s, to),
    )
    return withCarry(s, to, next)
  },
  'loop inside': (s, to, from, at) => {
    const [a, b] = lax.foriLoop(
      0,
      2,
      (j: NDArray, [c, d]: readonly [NDArray, NDArray]): readonly [NDArray, NDArray] => [
        c.at(np.add(j, at)).add(s.x),
        d.at(np.add(j, at)).set(c.get(at)),
      ],
      [carryOf(s, to), carryOf(s, from + 1)] as const,
    )
    return withCarry(withRead(s, slice(b, np.array(0, { dtype: 'int32' }))), to, a)
  },
}

/** A body, as data: what it does, which carries go on in which places, and what it gives per step. */
export interface Updates {
  readonly steps: readonly { readonly name: string; readonly to: number; readonly from: number; readonly at: number }[]
  /** Which carry goes on in each place. */
  readonly next: readonly number[]
  readonly output: 'old carry' | 'new carry' | 'read'
  readonly length: number
  readonly reverse: boolean
  readonly seed: number
}

const small = fc.integer({ min: 0, max: 2 })
const usual = fc.constant([0, 1, 2])

export const updateLoops: fc.Arbitrary<Updates> = fc.record({
  steps: fc.array(
    fc.record({
      name: fc.constantFrom(...Object.keys(actions)),
      to: small,
      from: small,
      at: fc.integer({ min: 0, max: 20 }),
    }),
    { minLength: 1, maxLength: 5 },
  ),
  next: fc.oneof({ weight: 2, arbitrary: usual }, fc.tuple(small, small, small)),
  output: fc.constantFrom('old carry', 'new carry', 'read'),
  length: fc.integer({ min: 0, max: 4 }),
  reverse: fc.boolean(),
  seed: fc.integer({ min: 0, max: 1000 }),
})

type Carries = readonly NDArray[]

const body =
  ({ steps, next, output }: Updates) =>
  (carries: Carries, x: NDArray, i: NDArray): readonly [Carries, NDArray] => {
    let state: State = { carries, read: [np.multiply(np.ones([windowSize], { dtype: x.dtype }), x)], i, x }
    for (const { name, to, from, at } of steps) state = actions[name]?.(state, to, from, at) ?? state
    const y =
      output === 'old carry'
        ? carryOf({ ...state, carries }, 0)
        : output === 'new carry'
          ? carryOf(state, 0)
          : readOf(state, 0)
    return [next.map((k) => carryOf(state, k)), y]
  }

/** A loop over numbers `xs`, from three carries; gives the carries and the outputs of all steps. */
export type UpdateLoop = (carries: Carries, xs: NDArray) => readonly NDArray[]

/** The loop as one scan. */
export const scannedUpdates =
  (updates: Updates): UpdateLoop =>
  (carries, xs) => {
    const step = body(updates)
    const { length, reverse } = updates
    const [last, ys] = lax.scan(
      (c: Carries, [x, i]: readonly [NDArray, NDArray]) => step(c, x, i),
      carries,
      [xs, np.arange(length)] as const,
      { length, reverse },
    )
    return [...last, ys]
  }

/** The loop with a test in front of each trip; without the outputs of its steps. */
export const whiledUpdates =
  (updates: Updates): UpdateLoop =>
  (carries, xs) => {
    const step = body(updates)
    const [, last] = lax.whileLoop(
      ([i]: readonly [NDArray, Carries]) => np.less(i, updates.length),
      ([i, c]: readonly [NDArray, Carries]): readonly [NDArray, Carries] => [
        np.add(i, 1),
        step(c, updates.length === 0 ? np.sum(xs) : xs.get(i), i)[0],
      ],
      [np.array(0, { dtype: 'int32' }), carries] as const,
    )
    return last
  }

/** The loop that both stand for, step by step. */
export const unrolledUpdates =
  (updates: Updates): UpdateLoop =>
  (carries, xs) => {
    const { length, reverse } = updates
    const step = body(updates)
    let now = carries
    const ys = new Array<NDArray>(length)
    for (let trip = 0; trip < length; trip++) {
      const k = reverse ? length - 1 - trip : trip
      const [next, y] = step(now, xs.get(k), np.array(k, { dtype: 'int32' }))
      now = next
      ys[k] = y
    }
    return length === 0 ? now : [...now, np.stack(ys)]
  }

/** Numbers from a seed. */
const numbers = (seed: number, size: number, dtype: DType): NDArray =>
  np.array(
    Array.from({ length: size }, (_, i) => Math.sin(12.9898 * (seed + 1) + 78.233 * (i + 1)) * 0.9),
    { dtype },
  )

/** Carries and xs of a loop. */
export const updateOperands = ({ seed, length }: Updates, dtype: DType): readonly [Carries, NDArray] => [
  [0, 1, 2].map((k) => numbers(seed + k, carrySize, dtype)),
  numbers(seed + 9, length, dtype),
]
