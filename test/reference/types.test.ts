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
