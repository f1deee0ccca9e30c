/** The namespace `scipy.special`: special functions, elementwise. */
export * from './bessel.js'
export * from './errors.js'
export { fresnel } from './fresnel.js'
export * from './gamma.js'
export { hyp1f1 } from './hypergeometric.js'
export * from './integrals.js'
export * from './logarithms.js'
export * from './sums.js'
