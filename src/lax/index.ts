/** The vocabulary: every first-order primitive, one declaration each; one file a family. */
export * from './arithmetic.js'
export * from './broadcasting.js'
export * from './comparison.js'
export * from './elementwise.js'
export * from './exponential.js'
export * from './operands.js'
export * from './trigonometric.js'
