/**
 * Packs the built library and checks the package: publint, are-the-types-wrong, and that every subpath loads from the
 * unpacked files as it would for a user. Needs a build.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const { name, exports: subpaths, sideEffects } = JSON.parse(readFileSync('package.json', 'utf8'))
const folder = join('build', 'package')
const installed = join(folder, 'node_modules', name)
rmSync(folder, { recursive: true, force: true })
mkdirSync(installed, { recursive: true })

/**
 * Runs a program and gives what it wrote; ends everything if it failed.
 * @type {(command: string, ...parameters: string[]) => string}
 */
const run = (command, ...parameters) => {
  const { status, stdout, stderr, error } = spawnSync(command, parameters, {
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (status === 0) return stdout
  console.error(`${command} ${parameters.join(' ')} failed:\n${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`)
  process.exit(1)
}

// --ignore-scripts: what is packed is the dist/ that stands there, which the tests have seen.
const packed = run('npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder)
const { filename, files, size } = JSON.parse(packed)[0]
const tarball = join(folder, filename)
for (const place of ['dist/esm', 'dist/node']) {
  if (sideEffects.includes(`./${place}/*.js`) && existsSync(`${place}/install.js`)) continue
  console.error(`package.json: sideEffects must list './${place}/*.js': front doors import ${place}/install.js`)
  process.exit(1)
}

run('publint', 'run', tarball, '--strict')
run('attw', tarball, '--profile', 'esm-only')

run('tar', '-xzf', tarball, '--strip-components=1', '-C', installed)
writeFileSync(join(folder, 'package.json'), '{ "name": "user", "type": "module" }\n')
const imports = Object.keys(subpaths)
  .filter((subpath) => subpath !== './package.json')
  .map((subpath) => `await import('${name}${subpath.slice(1)}')\n`)
writeFileSync(join(folder, 'user.mjs'), imports.join(''))
run(process.execPath, join(folder, 'user.mjs'))
// The same files that are not bundled, as a page without a bundler has them.
const modules = Object.values(subpaths).flatMap((targets) =>
  targets.default === undefined ? [] : [`await import('./node_modules/${name}/${targets.default.slice(2)}')\n`],
)
writeFileSync(join(folder, 'page.mjs'), modules.join(''))
run(process.execPath, join(folder, 'page.mjs'))
console.log(
  `package: ${filename}, ${files.length} files, ${(size / 1024).toFixed(0)} KiB, ${imports.length} subpaths load`,
)
