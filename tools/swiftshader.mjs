/**
 * A GPU in software for tests: unpacks SwiftShader and the Vulkan loader from the npm package `@sparticuz/chromium`, and
 * names them in the environment, so that Dawn (npm's `webgpu`) finds an adapter on any Linux x64 machine.
 *
 * The loader is found through LD_LIBRARY_PATH, which a running process cannot change for itself: call this in the process that
 * starts the one that needs the GPU. From a shell:
 *
 *     node tools/swiftshader.mjs node build/examples/mnist.js --device webgpu
 */
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isPackaged, unpacked } from './packaged-chromium.mjs'

/**
 * Environment in which a new process finds the software GPU; on other systems than Linux x64, the environment as it is.
 * @param {NodeJS.ProcessEnv} environment
 */
export const withSwiftShader = (environment = process.env) => {
  if (environment.VK_DRIVER_FILES !== undefined || !isPackaged) return environment
  const folder = unpacked('swiftshader', ['swiftshader.tar'])
  const driver = join(folder, 'vk_swiftshader_icd.json')
  return {
    ...environment,
    VK_DRIVER_FILES: driver,
    VK_ICD_FILENAMES: driver,
    LD_LIBRARY_PATH: [folder, environment.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    XDG_RUNTIME_DIR: environment.XDG_RUNTIME_DIR ?? tmpdir(),
  }
}

/**
 * Whether WebGPU finds an adapter with this environment. Looked for in a process of its own, since a driver that fails may take its
 * process with it.
 * @param {NodeJS.ProcessEnv} environment
 */
export const hasAdapter = (environment = process.env) => {
  const program = `
    globalThis.gpu = (await import('webgpu')).create([])
    process.exit((await globalThis.gpu.requestAdapter()) === null ? 1 : 0)`
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    stdio: 'ignore',
    cwd,
    env: environment,
  })
  return status === 0
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [command, ...args] = process.argv.slice(2)
  if (command === undefined) {
    console.error('usage: node tools/swiftshader.mjs COMMAND [ARGUMENT ...]')
    process.exit(2)
  }
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env: withSwiftShader() })
  if (error) console.error(error.message)
  process.exitCode = status ?? 1
}
