/** The namespace `scipy.signal`. */
export * from './convolution.js'
export * from './spectra.js'
