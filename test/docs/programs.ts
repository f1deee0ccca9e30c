/** Programs in Markdown: each block of TypeScript is run as a module, and the block of text behind it is what it must say. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { format } from 'node:util'
import { CotangentError } from 'cotangent'
import { vi } from 'vitest'

export interface Program {
  /** The heading that it stands under. */
  readonly heading: string
  readonly code: string
  /** What it prints, or the error that it throws; undefined when nothing is said. */
  readonly text: string | undefined
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Where a page is. */
export const pageOf = (name: string): string => join(root, 'docs', name)

const block = /^## (.*)$|```ts\n([\s\S]*?)```(?:\n+```text\n([\s\S]*?)```)?/gm

/** The programs of a page, in order. */
export const programsOf = (name: string): Program[] => {
  let heading = ''
  return [...readFileSync(pageOf(name), 'utf8').matchAll(block)].flatMap(([, title, code, text]): Program[] => {
    if (title !== undefined) heading = title
    return code === undefined ? [] : [{ heading, code, text: text?.trimEnd() }]
  })
}

/** What a program does. */
export interface Outcome {
  readonly printed: string
  readonly thrown: unknown
}

const folder = join(root, 'build', 'docs')

/** Runs a program as a module of its own, and takes what it prints. */
export const runProgram = async (program: Program, name: string): Promise<Outcome> => {
  mkdirSync(join(folder, name), { recursive: true })
  const file = join(folder, name, 'program.ts')
  writeFileSync(file, program.code)
  const lines: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((...args: unknown[]) => void lines.push(format(...args)))
  const outcome = (thrown: unknown): Outcome => ({ printed: lines.join('\n').replaceAll(file, 'program.ts'), thrown })
  try {
    await import(pathToFileURL(file).href)
    return outcome(undefined)
  } catch (error) {
    return outcome(error)
  } finally {
    log.mockRestore()
  }
}

/** An error as the pages show it, with places in the program instead of in the file it was written to. */
export const errorText = (error: unknown): string =>
  error instanceof CotangentError
    ? `${error.name}: ${error.message.replaceAll(new RegExp(`${folder}/[\\w.-]+/program\\.ts(?::(\\d+):\\d+)?`, 'g'), (_, line: string) => `program.ts:${line}`)}`
    : String(error)

const isUpdating = process.env['UPDATE_DOCS'] === '1'

/** What a program must say, given what it says: anything while pages are updated, or where they are silent. */
export const expectedText = ({ text }: Program, said: string): string => (isUpdating ? said : (text ?? said))

/** Writes what programs say into their page, when asked to by UPDATE_DOCS=1; the difference is for a person to read. */
export const updateTexts = (name: string, texts: readonly (string | undefined)[]): void => {
  if (!isUpdating) return
  let next = 0
  const page = readFileSync(pageOf(name), 'utf8').replace(
    block,
    (found: string, title: string | undefined, code: string | undefined, old: string | undefined) => {
      if (title !== undefined) return found
      const text = texts[next++]
      return old === undefined || text === undefined ? found : `\`\`\`ts\n${code}\`\`\`\n\n\`\`\`text\n${text}\n\`\`\``
    },
  )
  writeFileSync(pageOf(name), page)
}
