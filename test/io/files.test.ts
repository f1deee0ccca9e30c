/** Files: both twins of each function, errors that name the file, and writing that never leaves half a file. */
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isLeft, isRight } from 'fp-ts/lib/Either.js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type NDArray, grad, io, numpy as np } from 'cotangent'
import { contents, treeContents } from './arbitraries.js'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cotangent-io-'))
})
afterEach(() => rm(directory, { recursive: true }))

test('what is saved is loaded', async () => {
  const path = join(directory, 'model.safetensors')
  const params = { dense: { kernel: np.ones([2, 3]), bias: np.zeros([3], { dtype: 'bfloat16' }) } }
  await io.saveSafetensors(path, params, { metadata: { step: '3' } })
  expect(treeContents(await io.loadSafetensors(path, { like: params }))).toEqual(treeContents(params))
  expect(Object.keys(await io.loadSafetensors(path)).sort()).toEqual(['dense.bias', 'dense.kernel'])
  expect(io.safetensorsHeader(await readFile(path)).metadata).toEqual({ step: '3' })

  const npy = join(directory, 'x.npy')
  await io.saveNpy(npy, np.arange(4))
  expect(contents(await io.loadNpy(npy))).toEqual(['int32', [4], [0, 1, 2, 3]])
  expect((await readdir(directory)).sort()).toEqual(['model.safetensors', 'x.npy'])
})

test('the TaskEither twins do the same', async () => {
  const path = join(directory, 'model.safetensors')
  expect(isRight(await io.saveSafetensorsTE(path, { a: np.ones([2]) })())).toBe(true)
  const loaded = await io.loadSafetensorsTE(path)()
  expect(isRight(loaded) && contents(loaded.right.a)).toEqual(['float32', [2], [1, 1]])
  const missing = await io.loadNpyTE(join(directory, 'missing.npy'))()
  expect(isLeft(missing) && missing.left.message).toBe(
    `${directory}/missing.npy: cannot be read: there is no such file or directory`,
  )
})

test('errors name the file', async () => {
  const path = join(directory, 'bad.safetensors')
  await writeFile(path, 'not at all')
  await expect(io.loadSafetensors(path)).rejects.toMatchObject({ name: 'IoError', code: 'IO', file: path, offset: 0 })
  await expect(io.loadSafetensors(directory)).rejects.toThrow(`${directory}: cannot be read: it is a directory`)
  await expect(io.saveNpy(join(directory, 'no', 'x.npy'), np.ones([1]))).rejects.toThrow(
    'x.npy: cannot be written: there is no such',
  )
})

test('writing over a directory fails and leaves nothing behind', async () => {
  const path = join(directory, 'taken')
  await mkdir(path)
  await expect(io.writeBytes(path, new Uint8Array(3))()).resolves.toMatchObject({ _tag: 'Left' })
  expect(await readdir(directory)).toEqual(['taken'])
})

test('a file that is there stays whole when saving fails', async () => {
  const path = join(directory, 'model.safetensors')
  await io.saveSafetensors(path, { a: np.ones([2]) })
  const before = await readFile(path)
  await expect(io.saveSafetensors(path, { a: 'text' })).rejects.toThrow('saveSafetensors: a is not an array')
  await expect(
    (async () =>
      grad((x: NDArray) => {
        void io.encodeSafetensors({ x })
        return x
      })(np.array(1)))(),
  ).rejects.toThrow('dataSync')
  expect(await readFile(path)).toEqual(before)
  expect(await readdir(directory)).toEqual(['model.safetensors'])
})
