/** What the assembler writes: instructions by their names in the text format, and types of values. */
import type * as operations from './operations.js'

// A module and not a record, so that bundlers write numbers in place of names, and leave out the table of names.
export * as ops from './operations.js'

export type Op = keyof typeof operations

/** Value types. */
export const types = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const
export type ValueType = keyof typeof types
