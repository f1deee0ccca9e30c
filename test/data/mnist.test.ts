/** MNIST: the real files, and directories that don't hold them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { data } from 'cotangent'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cotangent-mnist-'))
})
afterEach(() => rm(directory, { recursive: true }))

/** Writes an image file and a label file of so many elements. */
const write = async (part: string, images: number, labels: number): Promise<void> => {
  const header = (...sizes: number[]): number[] => sizes.flatMap((n) => [0, 0, n >> 8, n & 255])
  await writeFile(
    join(directory, `${part}-images-idx3-ubyte`),
    Uint8Array.from([0, 0, 8, 3, ...header(images, 28, 28), ...new Array<number>(images * 784).fill(7)]),
  )
  await writeFile(
    join(directory, `${part}-labels-idx1-ubyte`),
    Uint8Array.from([0, 0, 8, 1, ...header(labels), ...Array.from({ length: labels }, (_, i) => i % 10)]),
  )
}

test('the npm package holds the 60,000 and 10,000 images that everybody trains on', async () => {
  const { train, test } = await data.loadMnist()
  expect([train.images.shape, train.images.dtype]).toEqual([[60000, 28, 28], 'uint8'])
  expect([train.labels.shape, train.labels.dtype]).toEqual([[60000], 'int32'])
  expect([test.images.shape, test.labels.shape]).toEqual([[10000, 28, 28], [10000]])
  const counts = new Array<number>(10).fill(0)
  for (const label of train.labels.dataSync()) counts[label] = (counts[label] ?? 0) + 1
  expect(counts).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])
  // The mean that every tutorial normalizes with is 0.1307.
  let sum = 0
  for (const pixel of train.images.dataSync()) sum += pixel
  expect(sum / (60000 * 784 * 255)).toBeCloseTo(0.1307, 4)
})

test('files of a directory are read', async () => {
  await write('train', 3, 3)
  await write('t10k', 2, 2)
  const { train, test } = await data.loadMnist({ directory })
  expect([train.images.shape, test.images.shape]).toEqual([[3, 28, 28], [2, 28, 28]]) // prettier-ignore
  expect(Array.from(train.labels.dataSync())).toEqual([0, 1, 2])
})

test('a missing, broken or mismatched file is one error that names it', async () => {
  await expect(data.loadMnist({ directory })).rejects.toThrow(
    `${directory}/train-images-idx3-ubyte: cannot be read: there is no such file or directory`,
  )
  await write('train', 3, 3)
  await write('t10k', 3, 2)
  await expect(data.loadMnist({ directory })).rejects.toThrow(
    `${directory}/t10k-labels-idx1-ubyte: labels must be uint8[3] as there are so many images, and these are uint8[2]`,
  )
  await writeFile(join(directory, 'train-labels-idx1-ubyte'), 'broken')
  await expect(data.loadMnist({ directory })).rejects.toMatchObject({
    name: 'IoError',
    file: `${directory}/train-labels-idx1-ubyte`,
    offset: 0,
  })
})

test('loadMnistTE gives errors on the left', async () => {
  await expect(data.loadMnistTE({ directory })()).resolves.toMatchObject({ _tag: 'Left', left: { code: 'IO' } })
})
