/** The front door: everything, with the array methods installed. */
import './install.js'

export * from './exports.js'
export {
  type ArrayLike,
  type DType,
  type Device,
  type Index,
  type IndexUpdate,
  type Jaxpr,
  type MemoryStats,
  type ShapedArray,
  type Slice,
  ArgumentError,
  CheckError,
  ConcretizationError,
  CotangentError,
  DTypeError,
  DeletedArrayError,
  DeviceError,
  DifferentiationError,
  ImpureFunctionError,
  InternalError,
  LeakedTracerError,
  NDArray,
  OutOfMemoryError,
  ParseError,
  ShapeError,
  TreeError,
  defaultDevice,
  deviceKind,
  devicePut,
  devices,
  memoryStats,
  parseJaxpr,
  printJaxpr,
  withDevice,
} from './core/index.js'
export * as tree from './core/tree-functions.js'
export { blockUntilReady, init, type InitOptions, setThreads } from './init.js'
export { stopGradient } from './lax/index.js'
export * as lax from './lax.js'
export { array, slice } from './numpy/index.js'
export * as ops from './numpy/segment.js'
export {
  type CheckKind,
  CheckReport,
  check,
  checked,
  checkpoint,
  checkpointName,
  closureConvert,
  customJvp,
  customVjp,
  customVmap,
  debug,
  dotsSaveable,
  evalShape,
  everythingSaveable,
  grad,
  hessian,
  jacfwd,
  jacrev,
  jit,
  jvp,
  linearTranspose,
  linearize,
  makeJaxpr,
  nothingSaveable,
  saveOnlyTheseNames,
  valueAndGrad,
  vjp,
  vmap,
} from './transforms/index.js'
export * as numpy from './numpy.js'
export * as random from './random.js'
export * as nn from './nn.js'
export * as scipy from './scipy.js'
export * as losses from './losses.js'
export * as stax from './stax.js'
export * as optim from './optim.js'
export * as io from './io.js'
export * as data from './data.js'
