/** Slices that lie apart, as heads of attention do, and what becomes of them where loops over them are nested. */
import { type Spread, startOf } from './kernel.js'

/** Slices that lie apart, and the elements that each spans. */
export interface Apart extends Spread {
  readonly reach: number
}

/** Element after the last one that slices 0 to `length - 1` touch. */
const endOf = (apart: Apart, length: number): number => {
  let end = 0
  for (const k of [apart.period - 1, length - 1]) if (k < length) end = Math.max(end, startOf(apart, k) + apart.reach)
  return end
}

/** Whether slices begin at the same elements. */
export const isAlike = (a: Spread, b: Spread): boolean =>
  a.stride === b.stride && a.period === b.period && a.periodStride === b.periodStride

/** Slices of slices: those that `parts` loops take, and those that each of their iterations takes of them. */
export interface Nested {
  readonly outer: Apart
  readonly inner: Apart
}

/** The slices of `length` iterations in `parts` loops one after the other; undefined if those don't lie regularly. */
export const nestedApart = (apart: Apart, length: number, parts: number): Nested | undefined => {
  const { stride, period, periodStride } = apart
  const each = length / parts
  if (each % period === 0)
    return {
      outer: { stride: (each / period) * periodStride, period: parts, periodStride: 0, reach: endOf(apart, each) },
      inner: apart,
    }
  if (period % each !== 0) return undefined
  const inner = { ...apart, period: each, periodStride: 0 }
  return {
    outer: { stride: each * stride, period: period / each, periodStride, reach: endOf(inner, each) },
    inner,
  }
}
