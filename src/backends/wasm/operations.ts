/** All WebAssembly instructions that the backend emits, by their names in the text format. */
export * from './opcodes-scalar.js'
export * from './opcodes-vector.js'
