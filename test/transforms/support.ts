/** What the tests of transformations share: devices, arrays from seeds, and comparisons. */
import { expect, inject } from 'vitest'
import { type DType, type NDArray, defaultDevice, numpy as np, random, withDevice } from 'cotangent'
import { createWebgpuDevice } from '../../src/backends/webgpu/index.js'
import { registerDevice } from '../../src/core/index.js'
import {
  type Claim,
  type Tolerance,
  assertClaims,
  assertClaimsAsync,
  claimClose,
  toleranceOf,
} from '../../src/testing/index.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** What the laws of every device are tested on, which vitest.config.ts tells for each project. */
    readonly devices: readonly string[]
  }
}

export const devices = inject('devices')
if (devices.includes('webgpu')) registerDevice(await createWebgpuDevice())

/** The most precise float of the current device: WGSL has no float64. */
export const precise = (): { readonly dtype: DType } => ({
  dtype: defaultDevice() === 'webgpu' ? 'float32' : 'float64',
})

/** Arrays of the most precise float whose elements follow from a seed. */
export const noise = (seed: number, shape: readonly number[]): NDArray => {
  const size = shape.reduce((n, d) => n * d, 1)
  const data = Float64Array.from({ length: size }, (_, i) => Math.sin(12.9898 * (seed + 1) + 78.233 * (i + 1)) * 0.9)
  return np.reshape(np.array(data, precise()), shape)
}

/** Normal numbers, drawn where arrays are read at once, for tests that compute with them in plain loops too. */
export const drawn = (shape: readonly number[], seed: number): number[] =>
  withDevice('wasm', () => Array.from(random.normal(random.key(seed), shape).dataSync()))

/** What has been said of arrays by the test that runs on a device. */
let said: Claim[] | undefined

/**
 * Runs a test on a device. What it says of arrays is looked at when it has said all, since a GPU's arrays cannot be read in
 * between, and reads faster what is asked for together.
 */
export const on = async (device: string, body: () => void): Promise<void> => {
  const claims: Claim[] = []
  said = claims
  try {
    withDevice(device, body)
  } finally {
    said = undefined
  }
  await assertClaimsAsync(claims)
}

const say = (claims: readonly Claim[]): void => {
  if (said === undefined) assertClaims(claims)
  else said.push(...claims)
}

/** Compares two arrays as `assertClose` does. */
export const close = (got: NDArray, expected: NDArray, what: string, tolerance?: Tolerance): void =>
  say([claimClose(got, expected, what, tolerance)])

/** Compares lists of arrays, which may differ by rounding. */
export const closeAll = (got: readonly NDArray[], expected: readonly NDArray[], what: string): void => {
  expect(got.length).toBe(expected.length)
  say(
    got.map((x, i) => {
      const tolerance = x.dtype === 'float64' ? { relative: 1e-9, absolute: 1e-10 } : toleranceOf(x.dtype)
      return claimClose(x, expected[i] ?? x, `${what}, ${i}`, tolerance)
    }),
  )
}

/** Says what is true of the elements of an array, once they are read. */
export const tells = (got: NDArray, check: (elements: readonly number[]) => void): void =>
  say([{ arrays: [got], check: ([values]) => check([...(values ?? [])]) }])

/** Says that these are the elements of an array, exactly. */
export const holds = (got: NDArray, elements: readonly number[], what?: string): void =>
  tells(got, (values) => expect(values, what).toEqual(elements))
