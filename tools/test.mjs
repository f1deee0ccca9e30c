/**
 * Runs every check of the project in order, with names and times; stops at the first that fails, with its exit code.
 *
 *     npm test                    all of them
 *     npm test -- build lint      only these
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'

/** Each step is a script of package.json, so a failing one is repeated with `npm run NAME`. Cheap ones come first. */
const steps = [
  'check:format',
  'check:imports',
  'build',
  'check:types',
  'lint',
  'check:package',
  'build:examples',
  'test:all',
]

const chosen = process.argv.length > 2 ? process.argv.slice(2) : steps
const unknown = chosen.filter((step) => !steps.includes(step))
if (unknown.length > 0) {
  console.error(`no such step: ${unknown.join(', ')}; there are: ${steps.join(', ')}`)
  process.exit(2)
}

const results = 'build/test-results.json'
rmSync(results, { force: true })

/** @type {(since: number) => string} */
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`

const start = performance.now()
for (const step of chosen) {
  console.log(`\n--- ${step}`)
  const since = performance.now()
  const { status, signal } = spawnSync('npm', ['run', '--silent', step], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) {
    console.error(
      `--- ${step}: failed after ${seconds(since)} (${signal ?? `exit code ${status}`}); again: npm run ${step}`,
    )
    process.exit(status ?? 1)
  }
  console.log(`--- ${step}: ok, ${seconds(since)}`)
}

console.log(`\nall of ${chosen.join(', ')} passed in ${seconds(start)}`)
if (chosen.includes('test:all')) {
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(results, 'utf8'))
  console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`)
}
