/** Tests: one project for each kind of machine or need; a new one is one more entry in `projects`. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { browserOptions } from './tools/chromium.mjs'
import { withSwiftShader } from './tools/swiftshader.mjs'

// A driver in software, for the tests that need a GPU. Processes that are started from here on find it; this one would not.
Object.assign(process.env, withSwiftShader())

const here = fileURLToPath(new URL('.', import.meta.url))
const { exports: subpaths } = JSON.parse(readFileSync(`${here}package.json`, 'utf8')) as {
  exports: Record<string, string | { node: string }>
}

// Tests import `cotangent/numpy` as users do, but mean src/: they need no build, and see the same modules as '../src/...'.
const alias = Object.entries(subpaths).flatMap(([subpath, target]) =>
  typeof target === 'string'
    ? []
    : [
        {
          find: new RegExp(`^cotangent${subpath.slice(1)}$`),
          replacement: here + target.node.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts'),
        },
      ],
)

/** Laws of results that hold on every device: on js and wasm these tests are of the project unit, on the GPU of webgpu. */
const onEveryDevice = [
  'test/transforms/{checkpoint,collectives,composition,control-flow,custom-solve,in-place,scan}.test.ts',
  'test/lax/{convolution,fft,linalg}.test.ts',
  'test/numpy/{at-modes,creation,indexing}.test.ts',
  'test/scipy/{fft,kummer-fresnel,map-coordinates,sparse}.test.ts',
]

export default defineConfig({
  resolve: { alias },
  test: {
    testTimeout: 30_000,
    // Two processes fill the smallest machine; processes and not threads, so that a crash or a leak stays in its file.
    pool: 'forks',
    maxWorkers: 2,
    execArgv: ['--expose-gc'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          environment: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/browser/**', 'test/examples/**', 'test/reference/**', 'test/backends/webgpu/**'],
          provide: { devices: ['js', 'wasm'] },
        },
      },
      {
        // Dawn, the WebGPU of Chromium, in Node. Without an adapter these tests fail.
        extends: true,
        test: {
          name: 'webgpu',
          environment: 'node',
          include: ['test/backends/webgpu/**/*.test.ts', ...onEveryDevice],
          provide: { devices: ['webgpu'] },
          // Most of the time is compiling shaders: on a busy machine it takes many times as long.
          testTimeout: 180_000,
        },
      },
      {
        // A page in a headless browser, which these headers allow threads that share memory. Without a browser, or an adapter in it,
        // these tests fail.
        extends: true,
        optimizeDeps: { exclude: ['webgpu'], include: ['fast-check'] },
        server: {
          headers: {
            'Cross-Origin-Opener-Policy': 'same-origin',
            'Cross-Origin-Embedder-Policy': 'require-corp',
          },
        },
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 60_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            instances: [{ browser: 'chromium' }],
            provider: playwright({ launchOptions: browserOptions() }),
          },
        },
      },
      {
        // Runs the built package and examples in their own processes: `npm run test:examples` builds them first.
        extends: true,
        test: {
          name: 'examples',
          environment: 'node',
          include: ['test/examples/**/*.test.ts', 'test/reference/**/*.test.ts'],
          testTimeout: 300_000,
        },
      },
    ],
  },
})
