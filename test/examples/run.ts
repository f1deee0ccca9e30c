/** Runs a built example in its own process, as a user does. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** `node build/examples/NAME.js ...args`, from the root of the repository. */
export const runExample = async (name: string, ...args: readonly string[]): Promise<Run> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [`build/examples/${name}.js`, ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })

/** What an example prints when all goes well. Throws what it wrote to stderr otherwise. */
export const outputOf = async (name: string, ...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await runExample(name, ...args)
  if (code !== 0 || stderr !== '') throw new Error(`${name} ended with exit code ${code}:\n${stderr}`)
  return stdout
}

/** The number in the first match of a pattern's first group. */
export const numberIn = (text: string, pattern: RegExp): number => {
  const found = pattern.exec(text)?.[1]
  if (found === undefined) throw new Error(`${String(pattern)} is not in:\n${text}`)
  return Number(found)
}
