/** Comparing arrays with the tolerance that their dtype deserves. */
import { type DType, NDArray, avalText, dtypeEpsilon, isFloating } from '../core/index.js'

/** Relative and absolute tolerance. */
export interface Tolerance {
  readonly relative: number
  readonly absolute: number
}

/** What one rounding, some reassociation and a few ulps of a transcendental may differ by. */
export const toleranceOf = (dtype: DType, scale = 1): Tolerance =>
  isFloating(dtype)
    ? { relative: 32 * dtypeEpsilon(dtype) * scale, absolute: 16 * dtypeEpsilon(dtype) * scale }
    : { relative: 0, absolute: 0 }

/** Where two lists of numbers differ by more than the tolerance, in words. */
export const difference = (
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  { relative, absolute }: Tolerance,
): string | undefined => {
  if (got.length !== expected.length) return `${got.length} elements instead of ${expected.length}`
  for (let i = 0; i < expected.length; i++) {
    const a = got[i] ?? NaN
    const b = expected[i] ?? NaN
    const same = Number.isNaN(b)
      ? Number.isNaN(a)
      : Number.isFinite(b)
        ? Math.abs(a - b) <= absolute + relative * Math.abs(b)
        : a === b
    if (!same) return `element ${i} is ${a} instead of ${b}`
  }
  return undefined
}

/** Throws unless two arrays have one shape and dtype and close values. */
export const assertClose = (
  got: NDArray,
  expected: NDArray,
  what: string,
  tolerance: Tolerance = toleranceOf(expected.dtype),
): void => {
  if (avalText(got.aval) !== avalText(expected.aval))
    throw new Error(`${what}: ${avalText(got.aval)} instead of ${avalText(expected.aval)}`)
  const found = difference(got.dataSync(), expected.dataSync(), tolerance)
  if (found !== undefined) {
    throw new Error(
      `${what}: ${found} in ${avalText(got.aval)}\n  got      ${[...got.dataSync()].slice(0, 24).join(' ')}\n  expected ${[...expected.dataSync()].slice(0, 24).join(' ')}`,
    )
  }
}
