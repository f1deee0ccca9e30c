/** Where in the user's program something was asked for, where a front door has added finding it; else everything just runs. */
import type * as callSites from './call-site.js'
import { type Part, part } from './parts.js'

/** Reading stacks. In a bundle that is one file they tell nothing, since the library's frames are the user's. */
export type Sources = Pick<typeof callSites, 'callSite' | 'withSource' | 'withOwnSource' | 'withOneSource'>

export const sources: Part<Sources> = part<Sources>('addTexts')

/** `file:line:column` of the user's code that is running, or undefined when nobody looks for it or the host shows no stack. */
export const callSite = (): string | undefined => sources.find()?.callSite()

/** Runs `f`, which rewrites or repeats something that was asked for at `source`, as if it were asked for there. */
export const withSource = <R>(source: string | undefined, f: () => R): R => {
  const found = sources.find()
  return found === undefined ? f() : found.withSource(source, f)
}

/** Runs code of the user's: what it asks for is asked for by itself, whatever is being rewritten around it. */
export const withOwnSource = <R>(f: () => R): R => {
  const found = sources.find()
  return found === undefined ? f() : found.withOwnSource(f)
}

/** Runs a rule of the library, all of whose equations were asked for by one call of the user's. */
export const withOneSource = <R>(f: () => R): R => {
  const found = sources.find()
  return found === undefined ? f() : found.withOneSource(f)
}
