/** Batches: every element once, in an order that only the key decides, like the dataset in structure. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { type NDArray, data, numpy as np, random } from 'cotangent'

const numbers = (x: NDArray): number[] => Array.from(x.dataSync())
const counted = (count: number): NDArray => np.arange(count)

test('every element comes once, and the batches are as large as they should be', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 1, max: 7 }),
      fc.boolean(),
      fc.option(fc.nat(5), { nil: undefined }),
      (count, batchSize, dropLast, seed) => {
        const all = data.batches(counted(count), { batchSize, dropLast, ...(seed !== undefined && { seed }) })
        const parts = [...all].map(numbers)
        expect(parts).toHaveLength(all.length)
        const expected = dropLast ? count - (count % batchSize) : count
        const seen = parts.flat()
        expect(seen).toHaveLength(expected)
        expect(new Set(seen).size).toBe(expected)
        expect(seen.every((x) => x >= 0 && x < count)).toBe(true)
        parts.forEach((part, i) => expect(part).toHaveLength(Math.min(batchSize, expected - i * batchSize)))
      },
    ),
    { numRuns: 60 },
  )
})

test('without a key or a seed the order is that of the dataset', () => {
  const parts = [...data.batches(counted(5), { batchSize: 2 })].map(numbers)
  expect(parts).toEqual([[0, 1], [2, 3], [4]])
})

test('the order is a function of the key: again the same, another key another order', () => {
  const order = (options: Partial<data.BatchOptions>): number[] =>
    [...data.batches(counted(50), { batchSize: 8, ...options })].flatMap(numbers)
  const first = order({ seed: 1 })
  expect(order({ seed: 1 })).toEqual(first)
  expect(order({ key: random.key(1) })).toEqual(first)
  expect(order({ seed: 2 })).not.toEqual(first)
  expect(order({ seed: 1, shuffle: false })).toEqual(numbers(counted(50)))
  const twice = data.batches(counted(50), { batchSize: 8, seed: 3 })
  expect([...twice].map(numbers)).toEqual([...twice].map(numbers))
})

test('batches have the structure of the dataset, and its rows stay together', () => {
  const dataset = { images: np.arange(24).reshape([6, 2, 2]).astype('uint8'), labels: [np.arange(6).mul(4)] as const }
  for (const { images, labels } of data.batches(dataset, { batchSize: 2, seed: 0 })) {
    expect([images.shape, images.dtype]).toEqual([[2, 2, 2], 'uint8'])
    expect(numbers(images.get('...', 0, 0))).toEqual(numbers(labels[0]))
  }
})

test.each([
  [() => data.batches(counted(3), { batchSize: 0 }), 'data.batches: batchSize must be a positive integer, got 0.'],
  [() => data.batches({}, { batchSize: 1 }), 'data.batches: the dataset has no arrays.'],
  [
    () => data.batches({ x: np.array(1) }, { batchSize: 1 }),
    'data.batches: dataset.x is a scalar; a dataset is a pytree of arrays whose first axis counts its elements, made with np.array(...).',
  ],
  [
    () => data.batches({ x: new Float32Array(3) }, { batchSize: 1 }),
    'data.batches: dataset.x is a Float32Array; a dataset is a pytree of arrays whose first axis counts its elements, made with np.array(...).',
  ],
  [
    () => Reflect.apply(data.batches, undefined, [counted(3)]),
    'data.batches: batchSize must be a positive integer, got undefined.',
  ],
  [
    () => data.batches({ x: counted(3), y: counted(4) }, { batchSize: 1 }),
    'data.batches: dataset.y has 4 elements, and dataset.x has 3; they must be as many.',
  ],
  [
    () => data.batches(counted(3), { batchSize: 1, shuffle: true }),
    'data.batches: shuffle needs a key or a seed: { shuffle: true, seed: 0 }. Nothing here is random by itself.',
  ],
])('mistakes are told (%#)', (mistake, message) => {
  expect(mistake).toThrow(message)
})
