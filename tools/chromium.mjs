/**
 * How to start a headless browser with WebGPU, for tests. On Linux x64 it comes with everything that it needs from npm: Chromium,
 * its libraries, a font, and a GPU in software. Elsewhere it is the Chrome of the system.
 */
import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isPackaged, unpacked } from './packaged-chromium.mjs'

/** @typedef {{ executablePath?: string, channel?: string, args: string[], env?: Record<string, string> }} LaunchOptions */

const quiet = [
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
]

/** Everything in software. Without the last three, showing what WebGPU drew on a canvas takes the GPU away. */
const inSoftware = [
  '--no-sandbox',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  '--use-angle=swiftshader',
]

/**
 * Names the folder of the font, since the configuration in the package knows only those of one cloud.
 * @type {(folder: string) => string}
 */
const fontConfiguration = (folder) => {
  const file = join(folder, 'fonts', 'fonts.conf')
  if (!existsSync(file)) {
    const text = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${join(folder, 'fonts')}</dir>
  <cachedir>${join(tmpdir(), 'cotangent-fonts')}</cachedir>
</fontconfig>
`
    const fresh = `${file}.${process.pid}`
    writeFileSync(fresh, text)
    renameSync(fresh, file)
  }
  return file
}

/**
 * Options for playwright's `chromium.launch`. The environment variable CHROMIUM names another browser to use.
 * @returns {LaunchOptions}
 */
export const browserOptions = () => {
  const args = [...quiet, '--enable-unsafe-webgpu']
  const { CHROMIUM: chosen } = process.env
  if (chosen !== undefined) return { executablePath: chosen, args }
  if (!isPackaged) return { channel: 'chrome', args }
  const folder = unpacked('chromium', ['chromium', 'al2023.tar', 'fonts.tar', 'swiftshader.tar'])
  /** @type {Record<string, string>} */
  const env = {}
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value
  return {
    executablePath: join(folder, 'chromium'),
    // Machines for tests seldom let users make the namespaces that the sandbox is built of; the pages here are ours.
    args: [...args, ...inSoftware],
    env: {
      ...env,
      LD_LIBRARY_PATH: [join(folder, 'lib'), folder, env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
      VK_DRIVER_FILES: join(folder, 'vk_swiftshader_icd.json'),
      FONTCONFIG_FILE: fontConfiguration(folder),
      XDG_RUNTIME_DIR: env.XDG_RUNTIME_DIR ?? tmpdir(),
    },
  }
}
