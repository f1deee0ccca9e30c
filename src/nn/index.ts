/** Functions of neural networks without parameters of their own: activations, softmax, attention, normalization, pooling. */
export {
  type GeluOptions,
  type LeakyReluOptions,
  type OneHotOptions,
  celu,
  elu,
  gelu,
  glu,
  hardSigmoid,
  hardSilu,
  hardSwish,
  hardTanh,
  identity,
  leakyRelu,
  log1mexp,
  logSigmoid,
  mish,
  oneHot,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softSign,
  softplus,
  sparsePlus,
  sparseSigmoid,
  squareplus,
  swish,
} from './activations.js'
export * from './attention.js'
export * as initializers from './initializers.js'
export type { FanInitializer, FanOptions, Initializer, InitializerOptions } from './initializers.js'
export * from './normalization.js'
export * from './pooling.js'
export * from './softmax.js'
export { tanh } from '../numpy/index.js'
