/** Laws and arbitraries for property tests of programs written with this library. */
export * from './compare.js'
export * from './draw.js'
export * from './laws.js'
