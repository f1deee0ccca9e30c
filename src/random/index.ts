/** Random numbers: counter-based keys (threefry2x32), and samplers that are pure functions of a key, as in JAX. */
export * from './continuous.js'
export * from './counting.js'
export * from './discrete.js'
export { beta, chisquare, dirichlet, f, gamma, loggamma, t } from './gamma.js'
export { PRNGKey, bits, clone, foldIn, key, keyData, split, wrapKeyData } from './key.js'
export * from './shuffle.js'
export { type FloatOptions, type UniformOptions, uniform } from './uniform.js'
export * from './vectors.js'
