/** Random choices for samples, made by fast-check so that failures shrink. */
import * as fc from 'fast-check'
import {
  type DType,
  type Draw,
  type SampleArray,
  type SampleDomain,
  isFloating,
  isUnsigned,
  roundTo,
  sizeOf,
  checkOptions,
} from '../core/index.js'

/** Numbers in [0, 1) from a seed: element data follows from one drawn integer, which keeps generation fast. */
const uniform = (seed: number): (() => number) => {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
}

/** Steps of the grid that floats are taken from: coarse enough to be exact in every float dtype for the usual ranges. */
const gridSteps = 32

const kinks = (x: number): number => Math.abs(x * 2 - Math.round(x * 2)) / 2

/** Elements of a sample array. */
export const sampleData = (seed: number, size: number, dtype: DType, domain: SampleDomain = {}): number[] => {
  checkOptions('sampleData', domain, 'min max distinct away')
  const next = uniform(seed)
  if (dtype === 'bool') return Array.from({ length: size }, () => (next() < 0.5 ? 0 : 1))
  const floating = isFloating(dtype)
  let min = domain.min ?? (floating ? -2 : isUnsigned(dtype) ? 0 : -5)
  let max = domain.max ?? (floating ? 2 : 5)
  if (!floating) {
    min = isUnsigned(dtype) ? Math.max(0, Math.floor(min)) : Math.floor(min)
    max = Math.max(Math.ceil(max), min)
    // Zero divides, so a domain that starts above zero keeps above it.
    if ((domain.min ?? 0) > 0) min = Math.max(1, min)
  }
  const steps = domain.distinct === true ? Math.max(gridSteps, size * 2) : gridSteps
  const grid = (k: number): number =>
    floating ? roundTo(min + (k * (max - min)) / steps, dtype) : min + Math.floor((k * (max - min + 1)) / (steps + 1))
  const used = new Set<number>()
  return Array.from({ length: size }, () => {
    let k = Math.floor(next() * (steps + 1))
    for (let tries = 0; tries <= steps; tries++, k = (k + 1) % (steps + 1)) {
      const value = grid(k)
      if (domain.distinct === true && used.has(k)) continue
      if (domain.away !== undefined && floating && kinks(value) < domain.away) continue
      used.add(k)
      return value
    }
    return grid(k)
  })
}

/** A source of choices from a fast-check generator. */
export const drawFrom = (g: fc.GeneratorValue): Draw => ({
  integer: (min, max) => g(fc.integer, { min, max }),
  boolean: () => g(fc.boolean),
  pick: (options) => {
    const chosen = options[g(fc.integer, { min: 0, max: options.length - 1 })]
    if (chosen === undefined) throw new Error('draw.pick: nothing to pick from')
    return chosen
  },
  shape: ({ minRank = 0, maxRank = 3, nonEmpty = false } = {}) =>
    Array.from({ length: g(fc.integer, { min: minRank, max: maxRank }) }, () =>
      g(fc.integer, { min: nonEmpty ? 1 : 0, max: 4 }),
    ),
  array: (shape, dtype, domain): SampleArray => ({
    shape,
    dtype,
    data: sampleData(g(fc.integer, { min: 0, max: 1_000_000 }), sizeOf(shape), dtype, domain),
  }),
})

/** Arbitrary of choices: `fc.property(draws, (draw) => ...)`. */
export const draws: fc.Arbitrary<Draw> = fc.gen().map(drawFrom)
