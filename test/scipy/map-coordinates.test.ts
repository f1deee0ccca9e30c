/** Values between elements, and their derivatives by elements and coordinates, are those that JAX 0.10 gives in float64. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, numpy as np, scipy, vmap } from 'cotangent'
import { close, devices, holds, on, precise } from '../transforms/support.js'

const { mapCoordinates } = scipy.ndimage

interface Case {
  readonly input: number[] | number[][]
  readonly coordinates: readonly number[][]
  readonly weights: number[]
  readonly mode: 'constant' | 'nearest' | 'wrap' | 'mirror' | 'reflect'
  readonly order: 0 | 1
  readonly values: number[]
  readonly byInput: number[] | number[][]
  readonly byCoordinates: readonly number[][]
}

// Elements, coordinates and weights have few binary digits, so that float32 has them too.
const cases: readonly Case[] = JSON.parse(readFileSync(new URL('map-coordinates.json', import.meta.url), 'utf8'))

describe.each(devices)('on %s', (device) => {
  it('values and derivatives are those of JAX, in every mode and order', () =>
    on(device, () => {
      expect(cases.length).toBe(28)
      cases.forEach(({ input, coordinates, weights, mode, order, values, byInput, byCoordinates }, i) => {
        const array = (data: number[] | number[][]): NDArray => np.array(data, precise())
        const options = { mode, cval: 0.5 }
        const of = jit((x: NDArray, c: readonly NDArray[]) => mapCoordinates(x, c, order, options))
        const [x, c, w] = [array(input), coordinates.map(array), array(weights)]
        close(of(x, c), array(values), `case ${i}, ${mode} ${order}`)
        const loss = (y: NDArray, d: readonly NDArray[]): NDArray => np.sum(np.multiply(w, of(y, d)))
        const [byX, byC] = grad(loss, { argnums: [0, 1] })(x, c)
        close(byX, array(byInput), `by elements, case ${i}`)
        byC.forEach((slope, d) => close(slope, array([...(byCoordinates[d] ?? [])]), `by coordinates, case ${i}`))
      })
    }))

  it('coordinates broadcast and are mapped, integers are rounded', () =>
    on(device, () => {
      const image = np.reshape(np.arange(6), [2, 3])
      holds(mapCoordinates(np.array([1, 2, 4], { dtype: 'int32' }), [np.array([0.5, 1.75, 1.5])], 1), [2, 4, 3])
      const grid = mapCoordinates(image, [np.array([[0], [1]]), np.array([0.25, 1.5])], 1, { mode: 'nearest' })
      expect(grid.shape).toEqual([2, 2])
      expect(grid.dtype).toBe(image.dtype)
      const soft = image.astype('float32')
      const rows = np.array([0.5, 0.75])
      const mapped = vmap((r: NDArray) => mapCoordinates(soft, [r, np.array([0, 1])], 1))(rows)
      close(mapped, mapCoordinates(soft, [rows.reshape([2, 1]), np.array([0, 1])], 1), 'vmap')
    }))
})

it('what makes no sense is an error', () => {
  const x = np.ones([2, 3])
  expect(() => mapCoordinates(x, [np.ones([2])], 1)).toThrow(
    'f32[2,3] has 2 axes, and there are 1 arrays of coordinates',
  )
  expect(() => Reflect.apply(mapCoordinates, undefined, [x, [0, 0], 3])).toThrow('order 3 is not there')
  expect(() => Reflect.apply(mapCoordinates, undefined, [x, [0, 0], 1, { mode: 'edge' }])).toThrow("'edge' is unknown")
  expect(() => mapCoordinates(np.ones([0]), [0], 1)).toThrow('has no elements')
})
