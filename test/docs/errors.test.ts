/** The catalogue of errors is true: every program in it fails as it says, and every class is in it. */
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { CotangentError, defaultDevice, io } from 'cotangent'
import * as errors from '../../src/core/errors.js'
import { errorText, expectedText, programsOf, runProgram, updateTexts } from './programs.js'

const page = 'errors.md'
const programs = programsOf(page)
const texts: string[] = []

/** Amounts of memory depend on what ran before. */
const withoutSizes = (text: string): string => text.replaceAll(/\d+(?:\.\d+)? (?:kB|MB)/g, 'some MB')

describe('the catalogue of errors', () => {
  afterEach(() => void defaultDevice('wasm'))
  it.each(programs.map((program, i) => [`${program.heading} (${i})`, program, i] as const))(
    '%s',
    async (_, program, i) => {
      const { thrown, printed } = await runProgram(program, `errors-${i}`)
      expect(thrown).toBeInstanceOf(CotangentError)
      expect(thrown).toMatchObject({ name: program.heading })
      expect(printed).toBe('')
      texts[i] = errorText(thrown)
      expect(withoutSizes(texts[i])).toBe(withoutSizes(expectedText(program, texts[i])))
    },
  )

  it('has every class', () => {
    const exported: readonly unknown[] = Object.values({ ...errors, IoError: io.IoError })
    const classes = exported.flatMap((value): string[] =>
      typeof value === 'function' && value.prototype instanceof CotangentError ? [value.name] : [],
    )
    expect(classes.length).toBeGreaterThan(14)
    expect([...new Set(programs.map((program) => program.heading))].sort()).toEqual(classes.sort())
  })

  afterAll(() => updateTexts(page, texts))
})
