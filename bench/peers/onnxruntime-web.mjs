/** onnxruntime-web on its WebAssembly (CPU) provider. Each call copies its inputs into linear memory: it has no other way. */
import { readFileSync } from 'node:fs'
import { operationsOf } from './onnxruntime.mjs'

export { absent } from './onnxruntime.mjs'

let ort

export const start = async ({ threads }) => {
  ort = await import('onnxruntime-web')
  ort.env.wasm.numThreads = threads
  ort.env.logLevel = 'error'
  const { version } = JSON.parse(
    readFileSync(new URL('../node_modules/onnxruntime-web/package.json', import.meta.url), 'utf8'),
  )
  return { 'onnxruntime-web': version }
}

export const operations = operationsOf(() => ({
  ort,
  options: { executionProviders: ['wasm'], graphOptimizationLevel: 'all' },
}))
