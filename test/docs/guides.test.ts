/** The guides are true: every program in them runs, and prints what stands behind it. */
import { readdirSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { expectedText, pageOf, programsOf, runProgram, updateTexts } from './programs.js'

const pages = readdirSync(pageOf('.')).filter((name) => name.endsWith('.md') && name !== 'errors.md')

describe.each(pages)('docs/%s', (page) => {
  const texts: (string | undefined)[] = []
  it.each(programsOf(page).map((program, i) => [`${program.heading} (${i})`, program, i] as const))(
    '%s',
    async (_, program, i) => {
      const { printed, thrown } = await runProgram(program, `${page.replace('.md', '')}-${i}`)
      expect(thrown).toBe(undefined)
      texts[i] = program.text === undefined ? undefined : printed
      expect(printed).toBe(expectedText(program, printed))
    },
  )
  afterAll(() => updateTexts(page, texts))
})
