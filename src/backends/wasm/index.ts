/** The WebAssembly backend: kernels as generated SIMD code. */
export {
  type WasmConfiguration,
  type WasmDevice,
  type WasmDeviceOptions,
  createWasmDevice,
  isWasmDevice,
} from './device.js'
