/** What reads and updates do with indices outside, in every mode: values and derivatives that JAX 0.10 gives. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, numpy as np } from 'cotangent'
import type { IndexUpdate } from '../../src/core/index.js'
import { devices, on, tells } from '../transforms/support.js'

type Mode = 'clip' | 'drop' | 'fill' | 'promiseInBounds'
type Operation = Exclude<keyof IndexUpdate, 'get' | 'apply' | 'mul'>

interface Case {
  readonly index: number | readonly number[]
  readonly mode: Mode
  readonly wrapNegativeIndices: boolean
  readonly results: Readonly<Record<string, readonly (number | null)[]>>
  /** Of the sum of products with 1, 2, ... of `multiply`, with respect to the array. */
  readonly vjp?: readonly number[]
  /** Of the sum of products of `get` with the values. */
  readonly vjpGet?: readonly number[]
}

const cases: readonly Case[] = JSON.parse(readFileSync(new URL('at-modes.json', import.meta.url), 'utf8'))
const operations: readonly Operation[] = ['set', 'add', 'subtract', 'multiply', 'divide', 'power', 'min', 'max']

const x = (): NDArray => np.arange(1, 6).astype('float32')
const values = (index: Case['index']): NDArray | number =>
  typeof index === 'number' ? 3 : np.arange(2, 2 + index.length).astype('float32')
/** To three places: powers are within a unit of the last one. */
const rounded = (v: number): number => Math.round(v * 1000) / 1000 + 0
const holdsRounded = (out: NDArray, expected: readonly number[], what: string): void =>
  tells(out, (elements) => expect(elements.map(rounded), what).toEqual(expected))

describe.each(devices)('on %s', (device) => {
  it('there are cases', () => expect(cases.length).toBe(40))

  it('values are those of JAX, with indices that are lists, arrays, and traced', () =>
    on(device, () => {
      for (const { index, mode, wrapNegativeIndices, results } of cases) {
        const v = values(index)
        const of = (at: IndexUpdate, name: string): NDArray => {
          const options = { mode, wrapNegativeIndices }
          const operation = operations.find((o) => o === name)
          return operation === undefined ? at.get(options) : at[operation](v, options)
        }
        const places = np.array(index, { dtype: 'int32' })
        for (const [name, expected] of Object.entries(results)) {
          const what = `${name} ${JSON.stringify({ index, mode, wrapNegativeIndices })}`
          const close = expected.map((e) => rounded(e ?? NaN))
          holdsRounded(of(x().at(index), name), close, what)
          holdsRounded(of(x().at(places), name), close, what)
          const traced = jit((y: NDArray, i: NDArray) => of(y.at(i), name))
          holdsRounded(traced(x(), places), close, `traced ${what}`)
        }
      }
    }))

  it('derivatives are those of JAX', () =>
    on(device, () => {
      const ofProducts = cases.flatMap(({ vjp, ...given }) => (vjp === undefined ? [] : [{ ...given, vjp }]))
      expect(ofProducts.length).toBe(30)
      for (const { index, mode, wrapNegativeIndices, vjp } of ofProducts) {
        const v = values(index)
        const options = { mode, wrapNegativeIndices }
        const f = (y: NDArray): NDArray => np.sum(np.multiply(y.at(index).multiply(v, options), x()))
        holdsRounded(grad(f)(x()), vjp, JSON.stringify({ index, ...options }))
      }
      const ofReads = cases.flatMap(({ vjpGet, ...given }) => (vjpGet === undefined ? [] : [{ ...given, vjpGet }]))
      expect(ofReads.length).toBe(15)
      for (const { index, mode, vjpGet } of ofReads) {
        const v = values(index)
        const f = (y: NDArray): NDArray => np.sum(np.multiply(y.at(index).get({ mode }), v))
        const close = vjpGet.map(rounded)
        holdsRounded(grad(f)(x()), close, JSON.stringify({ index, mode }))
      }
    }))
})

it('modes and options that there are not are told', () => {
  // @ts-expect-error: not a mode of updates
  expect(() => x().at(0).set(1, { mode: 'wrap' })).toThrow("at(...).set: mode 'wrap' is unknown")
  // @ts-expect-error: not an option
  expect(() => x().at(0).add(1, { fillValue: 1 })).toThrow("at(...).add: there is no option 'fillValue'")
  // @ts-expect-error: not a mode
  expect(() => x().at(0).get({ mode: 'raise' })).toThrow("at(...).get: mode 'raise' is unknown")
})
