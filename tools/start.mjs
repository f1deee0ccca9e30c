/**
 * Runs a program that may want a GPU: `node tools/start.mjs PROGRAM [ARGUMENT ...]`. When the arguments name webgpu and this machine
 * has no GPU that WebGPU can use, the program gets one in software, which is slow, and the reader is told.
 */
import { spawnSync } from 'node:child_process'
import { isPackaged } from './packaged-chromium.mjs'
import { hasAdapter, withSwiftShader } from './swiftshader.mjs'

const args = process.argv.slice(2)

const wantsGpu = args.some((arg) => /^(--device=)?webgpu$/.test(arg))
const inSoftware = wantsGpu && isPackaged && !hasAdapter()
if (inSoftware)
  console.log('No GPU was found: SwiftShader takes its place, a GPU in software, hundreds of times slower than one.')

const { status, signal, error } = spawnSync(process.execPath, args, {
  stdio: 'inherit',
  env: inSoftware ? withSwiftShader() : process.env,
})
if (error) console.error(error.message)
process.exitCode = status ?? (signal === 'SIGINT' ? 130 : 1)
