/** Convolution and correlation of matrices in every mode and with every boundary: values of SciPy 1.17, exact in integers. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { type NDArray, grad, numpy as np, scipy } from 'cotangent'
import type { Convolve2dOptions } from '../../src/scipy/signal/convolution.js'

interface Case extends Required<Convolve2dOptions> {
  readonly fn: 'convolve2d' | 'correlate2d'
  readonly x: number[][]
  readonly y: number[][]
  readonly result: number[][]
}

const cases: readonly Case[] = JSON.parse(readFileSync(new URL('convolve2d.json', import.meta.url), 'utf8'))
const values = (x: NDArray): readonly unknown[] => [x.shape, [...x.dataSync()].map((v) => v + 0)]

it('are those of SciPy', () => {
  expect(cases.length).toBe(120)
  for (const { fn, x, y, result, ...options } of cases) {
    const out = scipy.signal[fn](np.array(x), np.array(y), options)
    expect(values(out), `${fn} ${JSON.stringify({ x, y, ...options })}`).toEqual(values(np.array(result)))
  }
})

it('have gradients that count the elements beyond the edges', () => {
  // Every element is met once for each element of the kernel when the matrix goes on as itself.
  const [x, y] = [np.ones([3, 4]), np.array([[1, 2, 4]])]
  const total = (z: NDArray): NDArray => np.sum(scipy.signal.convolve2d(z, y, { mode: 'same', boundary: 'wrap' }))
  expect(grad(total)(x).js()).toEqual(np.full([3, 4], 7).js())
})

it('refuses boundaries that there are not', () => {
  // @ts-expect-error: not a boundary
  expect(() => scipy.signal.convolve2d(np.ones([2, 2]), np.ones([2, 2]), { boundary: 'reflect' })).toThrow(
    "signal.convolve2d: 'reflect' is not a boundary; there are 'fill', 'wrap' and 'symm'.",
  )
})
