/** The example programs of control flow and derivatives: each prints what it found, and here that is held against what is known. */
import { describe, expect, test } from 'vitest'
import { numberIn, outputOf } from './run.js'

const count = String.raw`(\S+)`

/** All numbers in the first match of a pattern's first group. */
const numbersIn = (text: string, pattern: RegExp): number[] => {
  const found = pattern.exec(text)?.[1]
  if (found === undefined) throw new Error(`${String(pattern)} is not in:\n${text}`)
  return found.split(/[,\s]+/).filter(Boolean).map(Number)
}

/** The rows of numbers of a table: lines of nothing but numbers and percent signs. */
const rowsOf = (text: string): number[][] =>
  text
    .split('\n')
    .filter((line) => /^[\d.e+\-% ]+$/.test(line) && /\d/.test(line))
    .map((line) => line.replaceAll('%', ' ').trim().split(/\s+/).map(Number))

const expectClose = (found: readonly number[], known: readonly number[], bound: number): void => {
  expect(found).toHaveLength(known.length)
  found.forEach((value, i) => expect(Math.abs(value - (known[i] ?? NaN))).toBeLessThan(bound))
}
