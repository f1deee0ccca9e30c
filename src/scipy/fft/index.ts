/** The namespace `scipy.fft`: cosine transforms. Fourier transforms are in `numpy.fft`. */
export { type DctOptions, type DctnOptions, dct, dctn, idct, idctn } from './cosine.js'
