/** Sharing memory with other programs for the GPU: buffers handed out and taken in without a copy, and pictures. */
import type { WebgpuDevice } from './backends/webgpu/index.js'
import type { CanvasLike, GpuBufferLike, GpuDeviceLike } from './backends/webgpu/provider.js'
import {
  ArgumentError,
  type DType,
  type Device,
  DeviceArray,
  DeviceError,
  type NDArray,
  avalText,
  concrete,
  getDevice,
  isFloating,
  shapedArray,
  sizeOf,
  checkOptions,
} from './core/index.js'
import { astype, divide } from './numpy/index.js'

const isWebgpu = (device: Device): device is WebgpuDevice => 'gpuDevice' in device

const webgpu = (): WebgpuDevice => {
  const device = getDevice('webgpu')
  if (isWebgpu(device)) return device
  throw new DeviceError(`the device registered as 'webgpu' is not the one of this library.`)
}

/** The array and its device, which must be a GPU. */
const onGpu = (x: NDArray, use: string): { readonly array: DeviceArray; readonly device: WebgpuDevice } => {
  const array = concrete(x, use)
  const device = array.deviceHandle
  if (isWebgpu(device)) return { array, device }
  throw new DeviceError(
    `${use}: this ${avalText(array.aval)} array is on '${array.device}'; move it to the GPU first: devicePut(x, 'webgpu').`,
  )
}

/** Dtypes of one 32-bit word an element, which lie in GPU memory as they do everywhere. */
const plain: readonly DType[] = ['float32', 'int32', 'uint32']

const checkPlain = (dtype: DType, operation: string): void => {
  if (plain.includes(dtype)) return
  throw new ArgumentError(
    `${operation}: ${dtype} arrays lie in GPU memory in a way of this library's own; buffers are shared for ${plain.join(', ')}. ` +
      `Convert with astype.`,
  )
}

/**
 * The GPUDevice that arrays on `webgpu` belong to. Buffers, shaders and canvases that share memory with arrays must be made for it.
 * After a loss it is another one.
 *
 * @throws DeviceError before `await init({ device: 'webgpu' })`
 * @example
 * ```ts
 * await init({ device: 'webgpu' })
 * const shader = gpuDevice().createShaderModule({ code: '@compute @workgroup_size(1) fn main() {}' })
 * ```
 */
export const gpuDevice = (): GpuDeviceLike => webgpu().gpuDevice()

/**
 * The GPU buffer that holds an array: its elements one after the other in row-major order, without a copy. Commands submitted to
 * `gpuDevice().queue` after this resolves see the values.
 *
 * The buffer belongs to the array: keep the array for as long as the buffer is used, and only read it, since arrays never change.
 * It may be longer than the array.
 *
 * @param x array on `webgpu` of float32, int32 or uint32
 * @throws DeviceError for an array on another device, ArgumentError for another dtype
 * @example
 * ```ts
 * await init({ device: 'webgpu' })
 * const buffer = await gpuBuffer(np.arange(1000).mul(2))
 * console.log(buffer.size >= 4000) // true
 * ```
 */
export const gpuBuffer = async (x: NDArray): Promise<GpuBufferLike> => {
  const { array, device } = onGpu(x, 'gpuBuffer')
  checkPlain(array.dtype, 'gpuBuffer')
  return device.bufferOf(array.storage())
}

// GPUBufferUsage.STORAGE and COPY_SRC, which are no globals where a GPU object was passed in.
const storageUsage = 0x80
const copySource = 0x04

/**
 * An array over a GPU buffer that the caller made, without a copy: its first elements in row-major order. Programs that use the
 * array see what was submitted to `gpuDevice().queue` before.
 *
 * The buffer stays the caller's: it must not be written to or destroyed until the results of those programs have been read, or the
 * array is used no more.
 *
 * @param buffer of `gpuDevice()`, with the usages STORAGE and COPY_SRC
 * @param shape of the array; at most as many elements as the buffer has room for
 * @param options.dtype float32, int32 or uint32
 * @throws ArgumentError for a buffer that is too small, lacks a usage or is of another GPUDevice, or another dtype
 * @example
 * ```ts
 * await init({ device: 'webgpu' })
 * const buffer = gpuDevice().createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC })
 * const x = await fromGpuBuffer(buffer, [2, 2])
 * console.log(await x.add(1).jsAsync()) // [ [ 1, 1 ], [ 1, 1 ] ]
 * ```
 */
export const fromGpuBuffer = async (
  buffer: GpuBufferLike,
  shape: readonly number[],
  options: { readonly dtype?: 'float32' | 'int32' | 'uint32' } = {},
): Promise<NDArray> => {
  checkOptions('fromGpuBuffer', options, 'dtype')
  const { dtype = 'float32' } = options
  checkPlain(dtype, 'fromGpuBuffer')
  const device = webgpu()
  const wrong = shape.find((n) => !Number.isSafeInteger(n) || n < 0)
  if (wrong !== undefined) throw new ArgumentError(`fromGpuBuffer: ${wrong} in the shape is not a size.`)
  const bytes = 4 * sizeOf(shape)
  if (buffer.size < bytes) {
    throw new ArgumentError(
      `fromGpuBuffer: a ${avalText(shapedArray(shape, dtype))} array takes ${bytes} bytes, and the buffer has ${buffer.size}.`,
    )
  }
  if ((buffer.usage & storageUsage) === 0 || (buffer.usage & copySource) === 0) {
    throw new ArgumentError(
      `fromGpuBuffer: the buffer must be made with the usages STORAGE (for programs) and COPY_SRC (for reading): ` +
        `usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC.`,
    )
  }
  return new DeviceArray(shapedArray(shape, dtype), device, await device.fromBuffer(buffer, bytes))
}

/**
 * Shows an array as the picture of a canvas, without reading it back. The canvas gets the array's size.
 *
 * @param x array on `webgpu`, `[height, width]` gray or `[height, width, channels]` with 1 (gray), 3 (red, green, blue) or 4 (with alpha)
 *   channels; floats from 0 to 1, integers from 0 to 255
 * @param canvas of the page or off screen, without a context of another kind
 * @throws DeviceError for an array on another device, ArgumentError for other shapes or a canvas with another context
 * @example await toCanvas(np.linspace(0, 1, 256 * 64).reshape([64, 256]), new OffscreenCanvas(1, 1))
 */
export const toCanvas = async (x: NDArray, canvas: CanvasLike): Promise<void> => {
  const { array } = onGpu(x, 'toCanvas')
  const [height = 0, width = 0, channels = 1] = array.shape
  if (![2, 3].includes(array.ndim) || ![1, 3, 4].includes(channels) || array.size === 0) {
    throw new ArgumentError(
      `toCanvas: a picture is [height, width] or [height, width, 1, 3 or 4], none of them 0; got ${avalText(array.aval)}.`,
    )
  }
  const { draw } = await import('./backends/webgpu/canvas.js')
  const values = isFloating(array.dtype) ? array : divide(array, 255)
  const { array: pixels, device } = onGpu(astype(values, 'float32'), 'toCanvas')
  const buffer = await device.bufferOf(pixels.storage())
  draw(device.gpuDevice(), buffer, { width, height, channels }, canvas)
}
