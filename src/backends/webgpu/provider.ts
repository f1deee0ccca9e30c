/** The types of WebGPU that users of this library meet, said so that a program needs no package of types to be checked. */

/**
 * Where GPU adapters come from: `navigator.gpu`, what `create([])` of the package `webgpu` returns, or anything else with this
 * function of the standard (https://www.w3.org/TR/webgpu/#gpu-interface).
 */
export interface GpuProvider {
  readonly requestAdapter: (options?: { powerPreference?: 'low-power' | 'high-performance' }) => Promise<object | null>
}

/** `GPUDevice` where the program has types of WebGPU, from the DOM's or from `@webgpu/types`; any object elsewhere. */
export type GpuDeviceLike = typeof globalThis extends { GPUDevice: { prototype: infer T } } ? T : object

/** `GPUBuffer` where the program has types of WebGPU, any object elsewhere. */
export type GpuBufferLike = typeof globalThis extends { GPUBuffer: { prototype: infer T } } ? T : object

/** A canvas, of the page or off screen. */
export interface CanvasLike {
  width: number
  height: number
  getContext(name: 'webgpu'): object | null
}
