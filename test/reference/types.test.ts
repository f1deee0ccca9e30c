/** The package's types, as a strict stranger checks them: with every library checked, and without types of Node, pages or WebGPU. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, 'build', 'types')

const { exports: subpaths } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, unknown>
}

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  symlinkSync(root, join(folder, 'node_modules', 'cotangent'), 'junction')
  writeFileSync(join(folder, 'package.json'), '{ "name": "stranger", "type": "module" }')
})

/** What the compiler says about a program. */
const complaints = (program: string, lib: readonly string[] = []): string => {
  writeFileSync(join(folder, 'main.ts'), program)
  const compilerOptions = {
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2023', ...lib],
    types: [],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['main.ts'] }))
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
  return stdout + stderr
}

it('every subpath needs nothing but what the package depends on', () => {
  // testing/ needs fast-check, a peer.
  const names = Object.keys(subpaths).filter((name) => name !== './package.json' && name !== './testing')
  expect(names.length).toBeGreaterThan(10)
  const program = names.map((name, i) => `export * as m${i} from 'cotangent${name.slice(1)}'`).join('\n')
  expect(complaints(program)).toBe('')
})

it('what a function returns is a tuple, and what is mapped over a tree is that tree, without as const or a cast', () => {
  const program = `import { type NDArray, checkpoint, grad, jit, numpy as np, tree, valueAndGrad, vmap } from 'cotangent'
const params = { w: np.ones([3]), b: [np.zeros([1])] }
type Params = typeof params
const step = jit((p: Params, x: NDArray) => {
  const [[loss, rows], grads] = valueAndGrad(
    (q: Params) => {
      const y = q.w.mul(x)
      return [y.sum(), y]
    },
    { hasAux: true },
  )(p)
  const [, first] = grad((q: Params) => [q.w.sum(), { count: 1 }], { hasAux: true })(p)
  const head: Params = tree.mapWithPath((path, g) => (path === 'w' ? g : np.zerosLike(g)), grads)
  const count: number = first.count
  return [head, loss, { rows, count }]
})
const [next, loss, { rows, count }] = step(params, np.ones([3]))
const again: Params = step(next, rows)[0]
const numbers: [number, NDArray] = [count, loss]
const [sines, shapes] = vmap((x: NDArray) => [np.sin(x), { x }])(rows)
const [a, b]: [NDArray, NDArray] = [sines, shapes.x]
const pair: readonly [NDArray, Params] = checkpoint((x: NDArray) => [x, params])(a)
const list: NDArray[] = jit((xs: NDArray[]) => xs.map((x) => np.sin(x)))([b])
const single: NDArray = jit((x: NDArray) => np.sin(x))(b)
const generic = <T>(f: (x: NDArray) => T, x: NDArray): T => jit(f)(x)
console.log(again, numbers, pair, list, single, generic(np.sin, b))`
  expect(complaints(program, ['dom'])).toBe('')
})

it('without types of WebGPU any GPU object is taken, and nothing else', () => {
  const program = (gpu: string): string => `import { fromGpuBuffer, gpuBuffer, init, numpy as np } from 'cotangent'
await init({ device: 'webgpu', gpu: ${gpu} })
const buffer: object = await gpuBuffer(np.ones([3]))
await fromGpuBuffer(buffer, [3])`
  expect(complaints(program('{ requestAdapter: async () => null }'))).toBe('')
  expect(complaints(program('{}'))).toContain("'requestAdapter' is missing")
})

it('with types of WebGPU buffers are buffers', () => {
  const program = `import { fromGpuBuffer, gpuBuffer, gpuDevice, init, numpy as np } from 'cotangent'
declare const gpu: GPU
await init({ device: 'webgpu', gpu })
const buffer: GPUBuffer = await gpuBuffer(np.ones([3]))
const device: GPUDevice = gpuDevice()
device.queue.writeBuffer(buffer, 0, new Float32Array(3))
await fromGpuBuffer(buffer, [3])`
  expect(complaints(program, ['dom'])).toBe('')
  expect(complaints(`${program}\nawait fromGpuBuffer({}, [3])`, ['dom'])).toContain("type 'GPUBuffer'")
})
