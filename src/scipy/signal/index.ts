/** The namespace `scipy.signal`. */
export * from './convolution.js'
export * from './densities.js'
export {
  type Boundary,
  type DetrendOptions,
  type IstftOptions,
  type SegmentWindow,
  type SpectrumOptions,
  type StftOptions,
  detrend,
  istft,
  stft,
} from './spectra.js'
