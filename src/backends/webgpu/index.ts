/** The WebGPU backend. */
export { type WebgpuDevice, type WebgpuDeviceOptions, createWebgpuDevice } from './device.js'
