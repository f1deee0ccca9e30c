/** Parts of the library that only some programs need: who uses one asks for it here, and the front doors put it in its place. */
import { ArgumentError } from './errors.js'

/** The place of a part, empty until the part is added. */
export interface Part<T> {
  /** Puts the part in its place; again changes nothing. */
  readonly add: (value: T) => void
  /** The part, if it was added. */
  readonly find: () => T | undefined
  /** The part; where it is missing, ArgumentError says what `operation` needs and how to add it. */
  readonly get: (operation: string) => T
}

/** A place for the part that `adder`, a function of `cotangent/lean`, adds. */
/* @__NO_SIDE_EFFECTS__ */
export const part = <T>(adder: string): Part<T> => {
  let found: T | undefined
  return {
    add: (value) => {
      found = value
    },
    find: () => found,
    get: (operation) => {
      if (found !== undefined) return found
      throw new ArgumentError(
        `${operation}: 'cotangent/lean' leaves out what this needs, to keep bundles small. ` +
          `Call ${adder}() of 'cotangent/lean' before, once, or import 'cotangent'.`,
      )
    },
  }
}
