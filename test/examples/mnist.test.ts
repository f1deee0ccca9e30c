/** The main job, on few images: it learns, repeats itself, saves what it found, and tells what is wrong in one line. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { io } from 'cotangent'
import { numberIn, outputOf, runExample } from './run.js'

/** Text that is this message, or matches it. */
const matching = (message: string | RegExp): unknown =>
  typeof message === 'string' ? message : expect.stringMatching(message)

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cotangent-mnist-'))
})
afterAll(() => rm(directory, { recursive: true }))

const finalLoss = /^final loss: (\S+)$/m

test('2,000 images are learned, the same seed gives the same loss to the last digit, another seed another', async () => {
  const out = join(directory, 'best.safetensors')
  const args = ['--limit', '2000', '--epochs', '1', '--batch', '100', '--out', out]
  const first = await outputOf('mnist', ...args)
  // Not a terminal: a line at the end of the 20 steps instead of a bar.
  expect(first).toMatch(/^epoch 1\/1 step 20\/20 \| loss \d\.\d{4} \| \d+ images\/s$/m)
  expect(first).toMatch(/^epoch 1\/1: test accuracy 0\.\d{4} /m)
  expect(first).toMatch(/test accuracy: 0\.\d{4}\n$/)
  expect(numberIn(first, /^test accuracy: (\S+)$/m)).toBeGreaterThan(0.75)
  expect(first).toContain(`best parameters (epoch 1) saved to ${out}\n`)

  const { entries, metadata } = io.safetensorsHeader(await readFile(out))
  expect(Object.fromEntries(entries.map(({ name, shape }) => [name, shape]))).toEqual({
    'classes.bias': [10],
    'classes.kernel': [1600, 10],
    'conv1.bias': [32],
    'conv1.kernel': [3, 3, 1, 32],
    'conv2.bias': [64],
    'conv2.kernel': [3, 3, 32, 64],
  })
  expect(metadata.epoch).toBe('1')
  expect(Number(metadata.accuracy).toFixed(4)).toBe(/^test accuracy: (\S+)$/m.exec(first)?.[1])
  expect(await readdir(directory)).toEqual(['best.safetensors'])

  const again = await outputOf('mnist', ...args)
  const other = await outputOf('mnist', ...args, '--seed', '1')
  expect(numberIn(again, finalLoss)).toBe(numberIn(first, finalLoss))
  expect(numberIn(other, finalLoss)).not.toBe(numberIn(first, finalLoss))
})

test('focal loss and another learning rate train too', async () => {
  const out = join(directory, 'focal.safetensors')
  const output = await outputOf(
    'mnist',
    '--limit=1000',
    '--epochs=2',
    '--batch=50',
    '--loss=focal',
    '--rate=0.003',
    `--out=${out}`,
  )
  expect(numberIn(output, /^test accuracy: (\S+)$/m)).toBeGreaterThan(0.75)
})

test('--help names every option', async () => {
  const help = await outputOf('mnist', '--help')
  for (const name of ['epochs', 'batch', 'loss', 'rate', 'device', 'seed', 'limit', 'data', 'out', 'help'])
    expect(help).toContain(`--${name}`)
})

describe('what is wrong is told in one line, with exit code 2', () => {
  const complaint = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runExample('mnist', '--out', join(directory, 'x'), ...args)
    expect({ code, stdout, lines: stderr.split('\n').length }).toEqual({ code: 2, stdout: '', lines: 2 })
    return stderr
  }

  test.each([
    [['--bogus'], "mnist: Unknown option '--bogus'\n"],
    [['more'], /^mnist: Unexpected argument 'more'/],
    [['--epochs'], /^mnist: Option '--epochs <value>' argument missing\n/],
    [['--epochs', 'many'], "mnist: --epochs must be an integer of at least 1, got 'many'\n"],
    [['--batch', '0'], "mnist: --batch must be an integer of at least 1, got '0'\n"],
    [['--seed=-1'], "mnist: --seed must be an integer of at least 0, got '-1'\n"],
    [['--rate', '-0.1'], /^mnist: /],
    [['--rate=fast'], "mnist: --rate must be a positive number, got 'fast'\n"],
    [['--loss', 'mse'], "mnist: --loss must be cross-entropy or focal, got 'mse'\n"],
    [['--device', 'abacus'], /^mnist: .*no device 'abacus'; available: /],
    [['--limit', '50'], 'mnist: --batch 100 is more than the 50 training images\n'],
  ])('%j', async (args, message) => {
    expect(await complaint(...args)).toEqual(matching(message))
  })

  test('data that are not there, and data that are broken', async () => {
    const missing = join(directory, 'nowhere')
    expect(await complaint('--data', missing)).toBe(
      `mnist: ${missing}/train-images-idx3-ubyte: cannot be read: there is no such file or directory\n`,
    )
    const broken = await mkdtemp(join(directory, 'broken-'))
    await writeFile(join(broken, 'train-images-idx3-ubyte'), Uint8Array.of(0, 0, 8, 3, 0, 0, 1, 0))
    expect(await complaint('--data', broken)).toBe(
      `mnist: ${broken}/train-images-idx3-ubyte: the file is cut off: 3 sizes need 16 bytes, and it has 8 (at byte 8)\n`,
    )
  })

  test('a place that cannot be written to, before any training', async () => {
    const file = join(directory, 'file')
    await writeFile(file, '')
    expect(await complaint('--out', join(file, 'x'))).toMatch(/^mnist: --out: /)
  })
})
