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

/** Throws unless values that were read are those of an array of this aval, within the tolerance. */
const assertValues = (
  got: NDArray,
  values: ArrayLike<number>,
  expected: NDArray,
  expectedValues: ArrayLike<number>,
  what: string,
  tolerance: Tolerance,
): void => {
  if (avalText(got.aval) !== avalText(expected.aval))
    throw new Error(`${what}: ${avalText(got.aval)} instead of ${avalText(expected.aval)}`)
  const found = difference(values, expectedValues, tolerance)
  if (found !== undefined) {
    const first = (list: ArrayLike<number>): string => Array.from(list).slice(0, 24).join(' ')
    throw new Error(
      `${what}: ${found} in ${avalText(got.aval)}\n  got      ${first(values)}\n  expected ${first(expectedValues)}`,
    )
  }
}

/** Throws unless two arrays have one shape and dtype and close values. */
export const assertClose = (
  got: NDArray,
  expected: NDArray,
  what: string,
  tolerance: Tolerance = toleranceOf(expected.dtype),
): void => assertValues(got, got.dataSync(), expected, expected.dataSync(), what, tolerance)

/** The same for arrays of any device: rejects unless they agree. */
export const assertCloseAsync = async (
  got: NDArray,
  expected: NDArray,
  what: string,
  tolerance: Tolerance = toleranceOf(expected.dtype),
): Promise<void> => assertValues(got, await got.data(), expected, await expected.data(), what, tolerance)
