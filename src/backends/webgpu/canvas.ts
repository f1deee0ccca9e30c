/** Pictures: a buffer of floats drawn onto a canvas. */
import { ArgumentError } from '../../core/index.js'
import type { CanvasLike } from './provider.js'

export interface PictureShape {
  readonly width: number
  readonly height: number
  /** 1: gray; 3: red, green, blue; 4: with alpha. */
  readonly channels: number
}

/** A format that every canvas takes, so that no one has to be asked which it likes best. */
const format = 'rgba8unorm'

const shader = ({ width, channels }: PictureShape): string => {
  const value = (k: number): string => `pixels[base + ${k}u]`
  const color =
    channels === 1
      ? `vec4f(vec3f(${value(0)}), 1.0)`
      : `vec4f(${value(0)}, ${value(1)}, ${value(2)}, ${channels === 4 ? value(3) : '1.0'})`
  return `@group(0) @binding(0) var<storage, read> pixels: array<f32>;
@vertex fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}
@fragment fn color(@builtin(position) at: vec4f) -> @location(0) vec4f {
  let base = (u32(at.y) * ${width}u + u32(at.x)) * ${channels}u;
  let c = clamp(${color}, vec4f(0.0), vec4f(1.0));
  return vec4f(c.rgb * c.a, c.a);
}`
}

/** Pipelines for the widths and channels that were drawn last. */
const pipelines = new WeakMap<GPUDevice, Map<string, GPURenderPipeline>>()
const rememberedPipelines = 16

const pipelineFor = (device: GPUDevice, shape: PictureShape): GPURenderPipeline => {
  let known = pipelines.get(device)
  if (known === undefined) pipelines.set(device, (known = new Map()))
  const key = `${shape.width} ${shape.channels}`
  let pipeline = known.get(key)
  if (pipeline === undefined) {
    const module = device.createShaderModule({ code: shader(shape) })
    pipeline = device.createRenderPipeline({
      layout: 'auto',
      vertex: { module, entryPoint: 'corner' },
      fragment: { module, entryPoint: 'color', targets: [{ format }] },
    })
    const oldest = known.size >= rememberedPipelines ? known.keys().next().value : undefined
    if (oldest !== undefined) known.delete(oldest)
    known.set(key, pipeline)
  }
  return pipeline
}

const isContext = (found: object | null): found is GPUCanvasContext => found !== null && 'getCurrentTexture' in found

/** Draws; the page shows it with its next frame. */
export const draw = (device: GPUDevice, buffer: GPUBuffer, shape: PictureShape, canvas: CanvasLike): void => {
  const context = canvas.getContext('webgpu')
  if (!isContext(context)) {
    throw new ArgumentError(
      'toCanvas: the canvas gives no WebGPU context; one that has another kind of context cannot.',
    )
  }
  canvas.width = shape.width
  canvas.height = shape.height
  context.configure({ device, format, alphaMode: 'premultiplied' })
  const pipeline = pipelineFor(device, shape)
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginRenderPass({
    colorAttachments: [{ view: context.getCurrentTexture().createView(), loadOp: 'clear', storeOp: 'store' }],
  })
  pass.setPipeline(pipeline)
  pass.setBindGroup(
    0,
    device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer } }] }),
  )
  pass.draw(3)
  pass.end()
  device.queue.submit([encoder.finish()])
}
