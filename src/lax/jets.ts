/** Truncated Taylor series in one or two variables, whose coefficients are arrays: derivatives of computations by parameters. */
import { type NDArray, known, range } from '../core/index.js'
import { add, div, mul, sub } from './arithmetic.js'
import { filled, zerosOf } from './broadcasting.js'

/** Coefficients of `s^i t^j`, i and j up to the order; an order of 0 in t makes it a series in s alone. */
export interface Jet {
  readonly coefficients: readonly (readonly NDArray[])[]
}

const at = ({ coefficients }: Jet, i: number, j: number): NDArray | undefined => coefficients[i]?.[j]

/** The coefficient of `s^i t^j`. */
export const coefficient = (jet: Jet, i: number, j = 0): NDArray => known(at(jet, i, j), 'coefficient')

/** A series of the same orders, coefficient by coefficient, each from those before it. */
const build = (orders: Orders, f: (i: number, j: number, done: Jet) => NDArray): Jet => {
  const coefficients: NDArray[][] = range(orders[0] + 1).map(() => [])
  const done: Jet = { coefficients }
  for (let i = 0; i <= orders[0]; i++)
    for (let j = 0; j <= orders[1]; j++) known(coefficients[i], 'row').push(f(i, j, done))
  return done
}

/** Highest powers of both variables. */
export type Orders = readonly [number, number]

export const ordersOf = ({ coefficients }: Jet): Orders => [coefficients.length - 1, (coefficients[0]?.length ?? 1) - 1]

/** A value that does not depend on the variables. */
export const constantJet = (x: NDArray, orders: Orders): Jet =>
  build(orders, (i, j) => (i === 0 && j === 0 ? x : zerosOf(x.aval)))

/** A series from its coefficients; those that are not given are zero. */
export const jetOf = (like: NDArray, orders: Orders, f: (i: number, j: number) => NDArray | undefined): Jet =>
  build(orders, (i, j) => f(i, j) ?? zerosOf(like.aval))

export const mapJet = (jet: Jet, f: (x: NDArray, i: number, j: number) => NDArray): Jet =>
  build(ordersOf(jet), (i, j) => f(coefficient(jet, i, j), i, j))

export const addJets = (x: Jet, y: Jet): Jet => mapJet(x, (c, i, j) => add(c, coefficient(y, i, j)))
export const subtractJets = (x: Jet, y: Jet): Jet => mapJet(x, (c, i, j) => sub(c, coefficient(y, i, j)))
export const scaleJet = (x: Jet, factor: NDArray): Jet => mapJet(x, (c) => mul(c, factor))

/** Times `c + p s + q t` for numbers p and q that are -1, 0 or 1. */
export const timesLinear = (x: Jet, c: NDArray, p: -1 | 0 | 1, q: -1 | 0 | 1): Jet =>
  mapJet(x, (value, i, j) => {
    let sum = mul(value, c)
    for (const [sign, before] of [
      [p, at(x, i - 1, j)],
      [q, at(x, i, j - 1)],
    ] as const) {
      if (sign !== 0 && before !== undefined) sum = sign > 0 ? add(sum, before) : sub(sum, before)
    }
    return sum
  })

/** Divided by `c + s`. */
export const overShifted = (x: Jet, c: NDArray): Jet =>
  build(ordersOf(x), (i, j, done) => {
    const before = at(done, i - 1, j)
    return div(before === undefined ? coefficient(x, i, j) : sub(coefficient(x, i, j), before), c)
  })

/** Sum over all splits of (i, j) but the ones that `skip` names. */
const convolution = (
  x: Jet,
  y: Jet,
  i: number,
  j: number,
  skip: (p: number, q: number) => boolean,
): NDArray | undefined => {
  let sum: NDArray | undefined
  for (let p = 0; p <= i; p++) {
    for (let q = 0; q <= j; q++) {
      const left = at(x, p, q)
      const right = at(y, i - p, j - q)
      if (skip(p, q) || left === undefined || right === undefined) continue
      sum = sum === undefined ? mul(left, right) : add(sum, mul(left, right))
    }
  }
  return sum
}

export const multiplyJets = (x: Jet, y: Jet): Jet =>
  build(ordersOf(x), (i, j) =>
    known(
      convolution(x, y, i, j, () => false),
      'product',
    ),
  )

export const divideJets = (x: Jet, y: Jet): Jet =>
  build(ordersOf(x), (i, j, done) => {
    const rest = convolution(done, y, i, j, (p, q) => p === i && q === j)
    return div(rest === undefined ? coefficient(x, i, j) : sub(coefficient(x, i, j), rest), coefficient(y, 0, 0))
  })

/** The exponential of a series whose constant coefficient is taken as zero: from `e' = x' e`, in one of the variables. */
export const exponentialJet = (x: Jet): Jet =>
  build(ordersOf(x), (i, j, done) => {
    if (i === 0 && j === 0) return filled(1, coefficient(x, 0, 0).aval)
    const first = i > 0
    const order = first ? i : j
    let sum: NDArray | undefined
    for (let p = 0; p <= i; p++) {
      for (let q = 0; q <= j; q++) {
        const k = first ? p : q
        const left = at(x, p, q)
        const right = at(done, i - p, j - q)
        if (k === 0 || left === undefined || right === undefined) continue
        const term = mul(mul(left, k / order), right)
        sum = sum === undefined ? term : add(sum, term)
      }
    }
    return known(sum, 'exponential')
  })

/** The coefficients as a list, row by row, for the carries of loops; and back. */
export const jetList = ({ coefficients }: Jet): readonly NDArray[] => coefficients.flat()
export const jetFromList = (list: readonly NDArray[], [m, n]: Orders, start = 0): Jet => ({
  coefficients: range(m + 1).map((i) => range(n + 1).map((j) => known(list[start + i * (n + 1) + j], 'coefficient'))),
})
export const jetLength = ([m, n]: Orders): number => (m + 1) * (n + 1)

export const factorial = (n: number): number => range(n).reduce((product, k) => product * (k + 1), 1)
