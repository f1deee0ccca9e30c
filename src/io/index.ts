/** Pytrees of arrays in files: safetensors and npy. */
export { readBytes, writeBytes } from './files.js'
export { IoError, type IoErrorDetails } from './io-error.js'
export { type ArrayDescription, type ArrayTree, nest } from './names.js'
export { decodeNpy, encodeNpy } from './npy.js'
export { decodeSafetensors, encodeSafetensors, type LikeOptions, type SafetensorsOptions } from './safetensors.js'
export { type SafetensorsEntry, type SafetensorsHeader, safetensorsHeader } from './safetensors-header.js'
export * from './save-load.js'
