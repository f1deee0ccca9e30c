/** Layers as pairs of pure functions (init, apply), and the combinators that build models from them. */
export * from './attention.js'
export {
  type InputOf,
  type OutputOf,
  type ParamsOf,
  type ResidualTree,
  type StateOf,
  FanInConcat,
  FanInSum,
  FanOut,
  parallel,
  residual,
  serial,
  shapeDependent,
} from './combinators.js'
export {
  type AvgPoolLayerOptions,
  type ConvOptions,
  type ConvTransposeOptions,
  type Layout,
  type LayoutOptions,
  type Padding,
  type PoolLayerOptions,
  AvgPool,
  Conv,
  ConvTranspose,
  MaxPool,
  MinPool,
} from './convolution.js'
export {
  type EmbedOptions,
  type KernelOptions,
  type KernelParams,
  Abs,
  Dense,
  Elu,
  Embed,
  Exp,
  Flatten,
  Gelu,
  Identity,
  LeakyRelu,
  LogSoftmax,
  Relu,
  Relu6,
  Selu,
  Sigmoid,
  Silu,
  Softmax,
  Softplus,
  Tanh,
  elementwise,
} from './dense.js'
export { layerMonoid } from './fp.js'
export {
  type AnyLayer,
  type Applied,
  type ApplyOptions,
  type Initialized,
  type Layer,
  type Nothing,
  type PlainLayer,
  type Shape,
  type ShapeOf,
  type Shapes,
  type Values,
} from './layer.js'
export * from './normalization.js'
export * from './regularization.js'
export * from './summary.js'
