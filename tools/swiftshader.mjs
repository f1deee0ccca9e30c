/**
 * A GPU in software for tests: unpacks SwiftShader and the Vulkan loader from the npm package `@sparticuz/chromium`, and
 * names them in the environment, so that Dawn (npm's `webgpu`) finds an adapter on any Linux x64 machine.
 *
 * The loader is found through LD_LIBRARY_PATH, which a running process cannot change for itself: call this in the process that
 * starts the one that needs the GPU. From a shell:
 *
 *     node tools/swiftshader.mjs node build/examples/mnist.js --device webgpu
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { brotliDecompressSync } from 'node:zlib'

const archive = fileURLToPath(new URL('../node_modules/@sparticuz/chromium/bin/swiftshader.tar.br', import.meta.url))
const cache = fileURLToPath(new URL('../node_modules/.cache/swiftshader/', import.meta.url))

/** Folder with the driver, unpacked on first use. */
const unpacked = () => {
  if (existsSync(join(cache, 'vk_swiftshader_icd.json'))) return cache
  // Into a folder of our own first: several processes may come here at once.
  const fresh = mkdtempSync(join(tmpdir(), 'swiftshader-'))
  const tar = join(fresh, 'swiftshader.tar')
  writeFileSync(tar, brotliDecompressSync(readFileSync(archive)))
  execFileSync('tar', ['-xf', tar, '-C', fresh, '--no-same-owner'])
  rmSync(tar)
  mkdirSync(join(cache, '..'), { recursive: true })
  try {
    renameSync(fresh, cache)
  } catch {
    // Another process was faster, or the temporary folder is on another disk: what was unpacked serves as well.
    if (!existsSync(join(cache, 'vk_swiftshader_icd.json'))) return fresh
    rmSync(fresh, { recursive: true, force: true })
  }
  return cache
}

/**
 * Environment in which a new process finds the software GPU; on other systems than Linux x64, the environment as it is.
 * @param {NodeJS.ProcessEnv} environment
 */
export const withSwiftShader = (environment = process.env) => {
  if (environment.VK_DRIVER_FILES !== undefined || process.platform !== 'linux' || process.arch !== 'x64')
    return environment
  const folder = unpacked()
  const driver = join(folder, 'vk_swiftshader_icd.json')
  return {
    ...environment,
    VK_DRIVER_FILES: driver,
    VK_ICD_FILENAMES: driver,
    LD_LIBRARY_PATH: [folder, environment.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    XDG_RUNTIME_DIR: environment.XDG_RUNTIME_DIR ?? tmpdir(),
  }
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
