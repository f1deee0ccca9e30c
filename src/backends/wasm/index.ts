/** The WebAssembly backend: kernels as generated SIMD code. */
export { type WasmDeviceOptions, createWasmDevice } from './device.js'
