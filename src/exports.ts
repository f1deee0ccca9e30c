/** What `cotangent` and `cotangent/lean` export alike: re-exports and nothing else, and no side effect. */
export {
  type ArrayLike,
  type DType,
  type Device,
  type DeviceLoss,
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
  DeviceLostError,
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
  onDeviceLost,
  parseJaxpr,
  printJaxpr,
  withDevice,
} from './core/index.js'
export * as tree from './core/tree-functions.js'
export { fromGpuBuffer, gpuBuffer, gpuDevice, toCanvas } from './gpu.js'
export { blockUntilReady, init, type InitOptions, restore, setThreads } from './init.js'
export { stopGradient } from './lax/index.js'
export * as lax from './vocabulary.js'
export { array, slice } from './numpy/index.js'
export {
  addBlocking,
  addChecks,
  addControlFlow,
  addGathering,
  addNesting,
  addScattering,
  addSmallDTypes,
  addSorting,
  addTexts,
} from './parts.js'
export * as ops from './numpy/segment.js'
export {
  type CheckKind,
  CheckReport,
  check,
  checked,
  checkpoint,
  checkpoint as remat,
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
  jacrev as jacobian,
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
export * as numpy from './numpy/index.js'
export * as random from './random/index.js'
export * as nn from './nn/index.js'
export * as scipy from './scipy/index.js'
export * as losses from './losses/index.js'
export * as stax from './stax/index.js'
export * as optim from './optim/index.js'
export * as io from './io/index.js'
export * as data from './data/index.js'
