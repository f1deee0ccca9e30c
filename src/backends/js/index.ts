/** The reference backend: kernels interpreted in plain JavaScript. */
export { type JsDeviceOptions, createJsDevice } from './device.js'
