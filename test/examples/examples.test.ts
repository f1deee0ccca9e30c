/** Every example but the MNIST one: it runs, and prints what it promises. */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { numberIn, outputOf } from './run.js'

/** Parts of examples that are no programs. */
const parts = ['mnist-model.ts', 'mnist-options.ts', 'progress.ts', 'text-plot.ts']

/** Programs that have a test, here, in mnist.test.ts or in research.test.ts. */
const tested = [
  'attention.ts',
  'beam-search.ts',
  'cnn.ts',
  'dp-sgd.ts',
  'focal-loss.ts',
  'gaussian-process.ts',
  'hmc.ts',
  'kalman-filter.ts',
  'mlp.ts',
  'mnist.ts',
  'neural-ode.ts',
  'newton-implicit.ts',
  'polynomial-grad.ts',
  'rnn-text.ts',
  'tour.ts',
  'viterbi.ts',
]

test('every program has a test', () => {
  const folder = fileURLToPath(new URL('../../examples', import.meta.url))
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts'))
  expect(files.sort()).toEqual([...parts, ...tested].sort())
})

test('polynomial-grad: the derivative of x² + 3x + 1 at 2 is 7', async () => {
  const output = await outputOf('polynomial-grad')
  expect(output).toContain("f(2)   = 11\nf'(2)  = 7\nf''(2) = 2\n")
})

test('tour: arrays, derivatives, a training loop that converges, the jaxpr and the kernels', async () => {
  const output = await outputOf('tour')
  expect(output).toContain('array([[1., 2., 3.],\n       [4., 5., 6.]]')
  expect(output).toContain('array([[3., 2.],\n       [6., 5.]]')
  expect(numberIn(output, /gradient descent\n\S+ -> (\S+)/)).toBeLessThan(1e-8)
  expect(output).toContain('descend was not traced by its last call')
  expect(output).toMatch(/\{ lambda ; a:f32\[\]\. let\n {4}b:f32\[\] = exp a\n/)
  expect(output).toMatch(/kernels of jit\(vmap\(grad\(softplus\)\)\) on 8 numbers\n[^]*exp\(/)
})

test('cnn: 60,362 parameters, and probabilities', async () => {
  const output = await outputOf('cnn')
  expect(output).toMatch(/conv1 +Conv +\[8, 32, 32, 32\] +896\n/)
  expect(output).toMatch(/conv2 +Conv +\[8, 16, 16, 64\] +18,496\n/)
  expect(output).toMatch(/classes +Dense +\[8, 10\] +40,970\n/)
  expect(output).toMatch(/Total +60,362\n/)
  const probabilities = [...output.matchAll(/\[(0\.[\d., \n]+)\]/g)].map((row) =>
    (row[1] ?? '').split(',').reduce((sum, text) => sum + Number(text), 0),
  )
  expect(probabilities).toHaveLength(8)
  for (const sum of probabilities) expect(sum).toBeCloseTo(1, 1)
  expect(output).toMatch(/predicted classes: (\d, ){7}\d\n$/)
})

test('attention: learns to copy', async () => {
  const output = await outputOf('attention')
  expect(numberIn(output, /step +0: loss (\S+)/)).toBeGreaterThan(1.5)
  expect(numberIn(output, /step 300: loss (\S+)/)).toBeLessThan(0.01)
  expect(numberIn(output, /copied right: (\S+) %/)).toBeGreaterThan(99)
})

test('focal-loss: focal loss finds more of the rare class; both curves are drawn', async () => {
  const output = await outputOf('focal-loss')
  const plain = numberIn(output, /^cross-entropy: finds (\S+) %/m)
  const focal = numberIn(output, /^focal +: finds (\S+) %/m)
  expect(plain).toBeGreaterThan(20)
  expect(focal).toBeGreaterThan(plain + 10)
  expect(numberIn(output, /^focal.*keeps (\S+) % of the common one/m)).toBeGreaterThan(85)
  expect(output.match(/c cross-entropy {3}f focal/g)).toHaveLength(2)
  // Lines of the plots with a mark of each curve in them.
  expect(output).toMatch(/\|[ f]*c/)
  expect(output).toMatch(/\|[ c]*f/)
})

test('mlp: 2,000 synchronous steps learn, and resident memory stays flat', async () => {
  const output = await outputOf('mlp')
  expect(numberIn(output, /^ *0 +(\S+)/m)).toBeGreaterThan(10 * numberIn(output, /^2000 +(\S+)/m))
  // On a busy machine, where collecting garbage takes long, the arena grows once from 48 to at most 128 MB (backends/wasm/memory.ts).
  // Losing the 3 MB of parameters and moments of each step would make it 4.7 GB.
  expect(numberIn(output, /growth from step 500 to step 2000: (\S+) MB/)).toBeLessThan(128 - 48)
})
