/** Comparing arrays with the tolerance that their dtype deserves; what is claimed stands apart from how arrays are read. */
import { type DType, type HostData, type NDArray, avalText, dtypeEpsilon, isFloating, known } from '../core/index.js'

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

/** Throws unless two lists of values agree; `of` says what they are the values of. */
export const assertValues = (
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  what: string,
  of: string,
  tolerance: Tolerance,
): void => {
  const found = difference(got, expected, tolerance)
  if (found === undefined) return
  const first = (list: ArrayLike<number>): string => Array.from(list).slice(0, 24).join(' ')
  throw new Error(`${what}: ${found} in ${of}\n  got      ${first(got)}\n  expected ${first(expected)}`)
}

/** What is said of the values of arrays. Devices differ in how arrays are read, so reading is left to who wants to know. */
export interface Claim {
  readonly arrays: readonly NDArray[]
  /** Throws unless it holds of these values, one list for each array. */
  readonly check: (values: readonly HostData[]) => void
}

/** The claim that two arrays have one shape and dtype and close values. */
export const claimClose = (
  got: NDArray,
  expected: NDArray,
  what: string,
  tolerance: Tolerance = toleranceOf(expected.dtype),
): Claim => ({
  arrays: [got, expected],
  check: ([values, expectedValues]) => {
    const aval = avalText(got.aval)
    if (aval !== avalText(expected.aval)) throw new Error(`${what}: ${aval} instead of ${avalText(expected.aval)}`)
    assertValues(known(values, 'values'), known(expectedValues, 'values'), what, aval, tolerance)
  },
})

/** Throws unless every claim holds, on devices that are read at once. */
export const assertClaims = (claims: readonly Claim[]): void => {
  for (const { arrays, check } of claims) check(arrays.map((x) => x.dataSync()))
}

/** The same for arrays of any device: rejects unless every claim holds. All arrays are asked for together, which a GPU answers in one piece. */
export const assertClaimsAsync = async (claims: readonly Claim[]): Promise<void> => {
  const values = await Promise.all(claims.map(({ arrays }) => Promise.all(arrays.map((x) => x.data()))))
  claims.forEach(({ check }, i) => check(known(values[i], 'values')))
}

/** Throws unless two arrays have one shape and dtype and close values. */
export const assertClose = (got: NDArray, expected: NDArray, what: string, tolerance?: Tolerance): void =>
  assertClaims([claimClose(got, expected, what, tolerance)])

/** The same for arrays of any device: rejects unless they agree. */
export const assertCloseAsync = (got: NDArray, expected: NDArray, what: string, tolerance?: Tolerance): Promise<void> =>
  assertClaimsAsync([claimClose(got, expected, what, tolerance)])
