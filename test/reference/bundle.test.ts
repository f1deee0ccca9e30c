/** Programs bundled as an application would be: they run, what they do not use stays out, and their size has a ceiling. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { afterAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'cotangent-bundle-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** Bundles and minifies a program, runs it, and gives its size in bytes gzipped and what it printed as JSON. */
const bundled = async (
  name: string,
  program: string,
  format: 'es' | 'iife' = 'es',
): Promise<{ bytes: number; text: string; printed: unknown }> => {
  const folder = join(scratch, name)
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  symlinkSync(root, join(folder, 'node_modules', 'cotangent'))
  const entry = join(folder, 'main.js')
  const extension = format === 'es' ? 'mjs' : 'cjs'
  writeFileSync(entry, program)
  await build({
    root: folder,
    configFile: false,
    logLevel: 'silent',
    build: {
      minify: true,
      modulePreload: { polyfill: false },
      rollupOptions: {
        input: entry,
        external: ['webgpu'],
        output: { format, entryFileNames: `main.${extension}` },
      },
    },
  })
  const file = join(folder, 'dist', `main.${extension}`)
  const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
  expect(stderr).toBe('')
  const text = readFileSync(file, 'utf8')
  return { bytes: gzipSync(text).length, text, printed: JSON.parse(stdout) }
}

/** A two-layer perceptron by hand: what it imports is spelled by each test. */
const perceptron = `
const model = (p, x) => matmul(tanh(add(matmul(x, p.w1), p.b1)), p.w2)
const loss = (p, x, y) => mean(square(subtract(model(p, x), y)))
const optimizer = adam(1e-2)
const step = jit((p, s, x, y) => {
  const [value, grads] = valueAndGrad(loss)(p, x, y)
  const [updates, next] = optimizer.update(grads, s, p)
  return [applyUpdates(p, updates), next, value]
})
let p = { w1: normal(key(0), [4, 8]), b1: zeros([8]), w2: normal(key(1), [8, 1]) }
let s = optimizer.init(p)
const losses = []
for (let i = 0; i < 20; i++) {
  const [p2, s2, value] = step(p, s, normal(key(2), [16, 4]), zeros([16, 1]))
  p = p2
  s = s2
  losses.push(value.item())
}
console.log(JSON.stringify(losses))
`

const imports = {
  subpaths: `
import { jit, valueAndGrad } from 'cotangent/transforms'
import { add, matmul, mean, square, subtract, tanh, zeros } from 'cotangent/numpy'
import { key, normal } from 'cotangent/random'
import { adam, applyUpdates } from 'cotangent/optim'`,
  root: `
import { jit, numpy, optim, random, valueAndGrad } from 'cotangent'
const { add, matmul, mean, square, subtract, tanh, zeros } = numpy
const { key, normal } = random
const { adam, applyUpdates } = optim`,
  lean: `
import { jit, numpy as np, optim, random, valueAndGrad } from 'cotangent/lean'
const add = np.add, matmul = np.matmul, mean = np.mean, square = np.square, subtract = np.subtract
const tanh = np.tanh, zeros = np.zeros, key = random.key, normal = random.normal
const adam = optim.adam, applyUpdates = optim.applyUpdates`,
}

/** A classifier of layers, with every name of the library taken from one namespace. */
const layers = (from: string): string => `
import { jit, losses, numpy as np, optim, random, stax, valueAndGrad } from '${from}'
const model = stax.serial(stax.Dense(32), stax.Relu, stax.Dense(10))
const { params, state } = model.init(random.key(0), [-1, 64])
const optimizer = optim.adam(1e-2)
const loss = (p, x, y) =>
  np.mean(losses.softmaxCrossEntropyWithIntegerLabels(model.apply(p, state, x, {}).y, y))
const step = jit((p, s, x, y) => {
  const [value, grads] = valueAndGrad(loss)(p, x, y)
  const [updates, next] = optimizer.update(grads, s, p)
  return [optim.applyUpdates(p, updates), next, value]
})
let [p, s, first] = step(params, optimizer.init(params), random.normal(random.key(1), [8, 64]), np.arange(8))
let last = first
for (let i = 0; i < 20; i++) [p, s, last] = step(p, s, random.normal(random.key(1), [8, 64]), np.arange(8))
console.log(JSON.stringify([first.item(), last.item()]))
`

const fallingLosses = (printed: unknown): void => {
  expect(printed).toSatisfy(Array.isArray)
  const losses = (printed as unknown[]).map(Number)
  expect(losses.every(Number.isFinite)).toBe(true)
  expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0)
}

describe('size of a bundle, gzipped', () => {
  it.each([
    ['subpaths', imports.subpaths + perceptron, 139_300],
    ['layers from the front door', layers('cotangent'), 145_800],
    ['lean', imports.lean + perceptron, 76_500],
    ['layers, lean', layers('cotangent/lean'), 90_000],
  ])('%s', async (name, program, ceiling) => {
    const { bytes, printed } = await bundled(name.replaceAll(/\W+/g, '-'), program)
    fallingLosses(printed)
    expect(bytes).toBeLessThan(ceiling)
  })

  it('a function that is not used leaves nothing behind', async () => {
    const { text } = await bundled('unused', imports.subpaths + perceptron)
    const unused = ['conv_general_dilated', 'cholesky', 'BatchNorm', 'add_any', 'matmul']
    expect(unused.filter((name) => text.includes(name))).toEqual(['add_any', 'matmul'])
    // A look-up of an instruction by a name that is put together brings the table of all names back: ops['i32.add'] does not.
    const { text: lean } = await bundled('unused-lean', imports.lean + perceptron)
    expect(['f32x4.add', 'i32.add', 'cholesky'].filter((name) => lean.includes(name))).toEqual([])
  })
})

it('a bundle may be a plain script', async () => {
  const { printed } = await bundled('script', imports.subpaths + perceptron, 'iife')
  fallingLosses(printed)
})

it('lean arrays are read as others are, and say which function to call for the rest', async () => {
  const { printed } = await bundled(
    'lean-arrays',
    `
import { numpy as np } from 'cotangent/lean'
const x = np.array([[1, 2], [3, 4]])
const message = (f) => { try { f(); return 'no error' } catch (error) { return error.name + ': ' + error.message } }
const [first] = x
console.log(JSON.stringify([x.js(), first.js(), x.length, String(x), message(() => x.sub(1)), message(() => x.T)]))`,
  )
  const hint = (name: string, instead: string) =>
    `ArgumentError: x.${name}: with 'cotangent/lean' arrays have no methods that compute. Call ${instead}, or import 'cotangent'.`
  expect(printed).toEqual([
    [
      [1, 2],
      [3, 4],
    ],
    [1, 2],
    2,
    'f32[2,2]',
    hint('sub', 'numpy.subtract'),
    hint('T', 'numpy.transpose'),
  ])
})

it('lean programs add the parts that they need, and then compute what others do', async () => {
  const program = (from: string, parts: string): string => `
import { addBlocking, addChecks, addControlFlow, addGathering, addNesting, addScattering, addSmallDTypes, addSorting, addTexts, checkpoint, grad, jit, lax, nn, numpy as np, random, vmap } from '${from}'
const result = (f) => { try { return f() } catch (error) { return error.name + ': ' + error.message } }
${parts}
const sorted = result(() => np.sort(np.array([3, 1, 2])).js())
const looped = result(() => lax.foriLoop(0, 10, (i, x) => np.add(x, i), np.zeros([])).item())
const waited = result(() => lax.whileLoop((x) => np.less(x, 100), (x) => np.multiply(x, 3), np.array(1)).item())
const chosen = result(() => lax.cond(np.array(true), (x) => np.add(x, 1), (x) => x, np.array(1)).item())
const strict = result(() => jit((x) => np.add(x, 1), { strict: true })(np.array(1)).item())
const f = jit((x) => x)
const explained = result(() => jit.explain(f))
const halved = result(() => np.add(np.array([1, 2], { dtype: 'float16' }), 0.5).js())
const bytes = result(() => np.multiply(np.array([100, 3], { dtype: 'int8' }), np.array([3, 3], { dtype: 'int8' })).js())
const lowered = jit((x) => np.add(x, 1)).lower(np.zeros([4]))
const flops = result(() => lowered.flops)
const text = result(() => lowered.text().includes('f32x4.add'))
const printed = result(() => String(lowered).includes('add a 1.0'))
const x = random.normal(random.key(0), [512, 256])
const softmax = nn.softmax(np.matmul(x, np.transpose(x)))
const sums = result(() => np.sum(softmax, { axis: 1 }).js().every((sum) => Math.abs(sum - 1) < 1e-5))
const totals = result(() => np.cumsum(np.array([3, 1, 2])).js())
const taken = result(() => grad((x) => np.sum(np.take(x, np.array([1, 1], { dtype: 'int32' }))))(np.zeros([3])).js())
const square = jit((x) => np.multiply(x, x))
const nested = result(() => vmap(grad(jit((x) => square(square(x)))))(np.array([1, 2])).js())
const remembered = result(() => grad(checkpoint((x) => np.sin(np.sin(x))))(0).item())
console.log(JSON.stringify([sorted, looped, waited, chosen, strict, explained, halved, bytes, flops, text, printed, totals, taken, remembered, nested, sums]))`
  const add =
    'addBlocking(); addChecks(); addControlFlow(); addGathering(); addNesting(); addScattering(); addSmallDTypes(); addSorting(); addTexts()'
  const [without, lean, whole] = await Promise.all([
    bundled('lean-without-parts', program('cotangent/lean', '')),
    bundled('lean-with-parts', program('cotangent/lean', add)),
    bundled('all-parts', program('cotangent', '')),
  ])
  const hint = (operation: string, adder: string): string =>
    `ArgumentError: ${operation}: 'cotangent/lean' leaves out what this needs, to keep bundles small. ` +
    `Call ${adder}() of 'cotangent/lean' before, once, or import 'cotangent'.`
  const loops = ['scan', 'while_loop', 'cond'].map((operation) => hint(operation, 'addControlFlow'))
  const strict = hint('jit(<lambda>)', 'addChecks')
  const small = ['float16', 'int8'].map((dtype) => hint(dtype, 'addSmallDTypes'))
  const [explained, ...texts] = ['jit.explain', 'lower', 'lower', 'lower'].map((operation) =>
    hint(operation, 'addTexts'),
  )
  const halves = hint('checkpoint', 'addNesting')
  const scattered = ['cumsum and the like', 'scatter'].map((operation) => hint(operation, 'addScattering'))
  const errors = [hint('sort', 'addSorting'), ...loops, strict, explained, ...small, ...texts, ...scattered, halves]
  expect(without.printed).toEqual([...errors, [4, 32], true])
  const rest = [[3, 4, 6], [0, 2, 0], 1, [4, 32], true]
  const untold = 'The function has not been called yet.'
  expect(lean.printed).toEqual([[1, 2, 3], 45, 243, 2, 2, untold, [1.5, 2.5], [44, 9], 4, true, true, ...rest])
  expect(whole.printed).toEqual(lean.printed)
})

it('lean programs bring threads by asking for them', async () => {
  const { printed } = await bundled(
    'lean-threads',
    `
import { deviceKind, init, numpy as np, random } from 'cotangent/lean'
const product = () => np.sum(np.matmul(random.normal(random.key(0), [256, 256]), np.full([256, 256], 0.5))).item()
await init({ threads: 2 })
const two = [deviceKind('wasm'), product()]
await init({ threads: 1 })
console.log(JSON.stringify([two, [deviceKind('wasm'), product()]]))`,
  )
  const [two, one] = printed as readonly (readonly [string, number])[]
  expect(two?.[0]).toBe('WebAssembly, 2 threads')
  expect(one).toEqual(['WebAssembly, 1 thread', two?.[1]])
})
