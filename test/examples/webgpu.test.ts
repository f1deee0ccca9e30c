/** The main job on WebGPU: in Node, and in a page that a browser opens, where it runs on WebAssembly with threads too. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, type Page, chromium } from 'playwright'
import { type ViteDevServer, createServer } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { browserOptions } from '../../tools/chromium.mjs'
import { numberIn } from './run.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

it('in Node, on the GPU that is found, which it names', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cotangent-mnist-'))
  // Without the driver that vitest.config.ts has put there for the other tests.
  const environment = { ...process.env }
  for (const name of ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'LD_LIBRARY_PATH']) delete environment[name]
  try {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      // As `npm start` does it.
      ['tools/start.mjs', 'build/examples/mnist.js', '--device', 'webgpu', '--limit', '200', '--batch', '20'].concat([
        '--epochs',
        '1',
        '--steps',
        '8',
        '--out',
        join(folder, 'best.safetensors'),
      ]),
      { cwd: root, encoding: 'utf8', env: environment },
    )
    expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^device: webgpu, \S.*$/m)
    expect(stdout).toMatch(/^epoch 1\/1 step 8\/8 \| loss \d\.\d{4} /m)
    expect(numberIn(stdout, /^final loss: (\S+)$/m)).toBeLessThan(3)
    expect(numberIn(stdout, /^test accuracy: (\S+)$/m)).toBeGreaterThan(0.2)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

describe('in a page', () => {
  let server: ViteDevServer
  let browser: Browser
  beforeAll(async () => {
    server = await createServer({
      configFile: join(root, 'examples/browser/vite.config.ts'),
      logLevel: 'error',
      server: { host: '127.0.0.1', port: 0 },
    })
    await server.listen()
    browser = await chromium.launch({ headless: true, ...browserOptions() })
  }, 60_000)
  afterAll(async () => {
    await browser.close()
    await server.close()
  })

  /** The page after a training with these options; what it says on its console is an error. */
  const trained = async (options: string): Promise<Page> => {
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
    })
    await page.goto(`${server.resolvedUrls?.local[0]}?${options}&train`)
    await page.waitForFunction(
      () => document.querySelector('#start:enabled') !== null && document.querySelector('circle') !== null,
      undefined,
      {
        timeout: 240_000,
      },
    )
    expect(await page.textContent('#status'), complaints.join('\n')).toBe('Done.')
    expect(complaints).toEqual([])
    return page
  }
  const numberOf = async (page: Page, id: string): Promise<number> =>
    Number.parseFloat((await page.textContent(`#${id}`)) ?? '')

  it('wasm with threads learns 2,000 digits while the page draws', async () => {
    const page = await trained('device=wasm&limit=2000&epochs=1&batch=50')
    expect(await page.textContent('#device')).toMatch(/^wasm: WebAssembly, \d+ threads?$/)
    expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(true)
    expect(await page.textContent('#step')).toBe('40 of 40')
    expect(await numberOf(page, 'accuracy')).toBeGreaterThan(75)
    expect((await page.getAttribute('#chart .steps', 'points'))?.split(' ').length).toBe(40)
    expect(await page.locator('#digits .right').count()).toBeGreaterThan(30)
    await page.close()
  })

  it('webgpu learns', async () => {
    const page = await trained('device=webgpu&limit=200&epochs=2&batch=20')
    expect(await page.textContent('#device')).toMatch(/^webgpu: \S/)
    expect(await page.textContent('#step')).toBe('20 of 20')
    expect(await page.locator('#chart circle').count()).toBe(2)
    expect(await numberOf(page, 'accuracy')).toBeGreaterThan(40)
    await page.close()
  })
})
