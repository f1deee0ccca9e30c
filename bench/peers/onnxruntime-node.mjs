/** onnxruntime-node on the CPU: native code, so a ceiling and not a peer. */
import { readFileSync } from 'node:fs'
import { operationsOf } from './onnxruntime.mjs'

export { absent } from './onnxruntime.mjs'

let ort
let count = 1

export const start = async ({ threads }) => {
  ort = await import('onnxruntime-node')
  count = threads
  const { version } = JSON.parse(
    readFileSync(new URL('../node_modules/onnxruntime-node/package.json', import.meta.url), 'utf8'),
  )
  return { 'onnxruntime-node': version }
}

export const operations = operationsOf(() => ({
  ort,
  options: {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: count,
    interOpNumThreads: 1,
    executionMode: 'sequential',
  },
}))
