/** What a layer is: a pair of pure functions; and what all layers share: paths for messages, checks of parameters. */
import {
  type NDArray,
  ArgumentError,
  ShapeError,
  TreeError,
  NDArray as ArrayClass,
  sameShape,
  checkOptions,
  shapeText,
} from '../core/index.js'

/** Sizes of an array's axes; -1 stands for a size that is not known yet, such as that of the batch. */
export type Shape = readonly number[]

/** The shape of an input: of one array, or of each of a list of arrays. */
export type Shapes = Shape | readonly Shapes[]

/** An input or output: one array, or a list of them. */
export type Values = NDArray | readonly Values[]

/** Shape of values: one shape for one array. */
export type ShapeOf<V extends Values> = V extends NDArray ? Shape : Shapes

/** What `init` returns. */
export interface Initialized<Params = unknown, State = unknown, Output extends Values = NDArray> {
  readonly outputShape: ShapeOf<Output>
  readonly params: Params
  readonly state: State
}

/** What `apply` returns. */
export interface Applied<State = unknown, Output extends Values = NDArray> {
  readonly y: Output
  /** The state for the next call; changed only in training, and only by layers such as BatchNorm. */
  readonly state: State
}

/** How a layer is applied. */
export interface ApplyOptions {
  /** Training: dropout drops, batch normalization uses the batch. False unless said. */
  readonly train?: boolean
  /** A key for layers that draw random numbers in training. */
  readonly key?: NDArray | undefined
}

/**
 * A layer: `init` makes parameters and state for an input shape (the batch is its first axis, and may be -1), `apply`
 * computes. Both are pure, so a layer can be jitted, differentiated and vmapped, and any object with these two functions
 * is one. Params and state are pytrees of arrays.
 *
 * @example
 * ```ts
 * const model = stax.serial({ hidden: stax.Dense(64), relu: stax.Relu, out: stax.Dense(10) })
 * const { params, state } = model.init(random.key(0), [-1, 784])
 * const { y } = model.apply(params, state, np.zeros([32, 784]))
 * console.log(y.shape) // [32, 10]
 * ```
 */
export interface Layer<
  Params = unknown,
  State = unknown,
  Input extends Values = NDArray,
  Output extends Values = NDArray,
> {
  init(key: NDArray, inputShape: ShapeOf<Input>): Initialized<Params, State, Output>
  apply(params: Params, state: State, x: Input, options?: ApplyOptions): Applied<State, Output>
  /** What kind of layer it is, for summaries and messages. */
  readonly kind?: string
  /** False when `apply` never needs a key. */
  readonly usesKey?: boolean
}

/** A layer of any input and output. */
export type AnyLayer = Layer<unknown, unknown, Values, Values>

/** How a layer is to be applied, checked: `{ training: true }` would be an evaluation. Throws ArgumentError. */
export const checkApply = (kind: string, options: ApplyOptions = {}): ApplyOptions =>
  checkOptions(kind, options, 'train key')

/** No parameters, or no state. */
export type Nothing = Readonly<Record<string, never>>

/** The params or state of a layer without any. */
export const nothing: Nothing = Object.freeze({})

/** A layer that has no parameters and no state and treats one array. */
export type PlainLayer = Layer<Nothing, Nothing>

export const isLayer = (x: unknown): x is AnyLayer =>
  typeof x === 'object' &&
  x !== null &&
  'init' in x &&
  typeof x.init === 'function' &&
  'apply' in x &&
  typeof x.apply === 'function'

/** A layer without parameters and state, from its effects on shapes and on arrays. */
/* @__NO_SIDE_EFFECTS__ */
export const plainLayer = <Input extends Values = NDArray, Output extends Values = NDArray>(
  kind: string,
  shape: (inputShape: ShapeOf<Input>) => ShapeOf<Output>,
  compute: (x: Input, options: ApplyOptions) => Output,
  usesKey = false,
): Layer<Nothing, Nothing, Input, Output> => ({
  kind,
  usesKey,
  init: (_, inputShape) => ({ outputShape: shape(inputShape), params: nothing, state: nothing }),
  apply: (_, state, x, options) => ({ y: compute(x, checkApply(kind, options)), state }),
})

/**
 * Where in a model a layer is being initialised or applied. Layers are plain functions that don't know their place, and
 * messages must name it; calls are synchronous and nest, so a stack tells.
 */
const place: string[] = []

/** One layer initialised inside of a model. */
export interface Visit {
  readonly path: string
  readonly kind: string
  readonly outputShape: Shapes
  readonly params: unknown
  /** False for combinators whose children were visited before. */
  readonly isLeaf: boolean
}

let visits: Visit[] | undefined

/** Runs `f` and tells which layers were initialised in it. */
export const recordVisits = (f: () => void): readonly Visit[] => {
  const before = visits
  const own: Visit[] = []
  visits = own
  try {
    f()
  } finally {
    visits = before
  }
  return own
}

/** Runs `f` for the child called `segment` (`.conv1`, `[0]`). */
const within = <R>(segment: string, f: () => R): R => {
  place.push(segment)
  try {
    return f()
  } finally {
    place.pop()
  }
}

/** `init` of a child. */
export const initChild = (
  segment: string,
  child: AnyLayer,
  key: NDArray,
  inputShape: Shapes,
): Initialized<unknown, unknown, Values> =>
  within(segment, () => {
    const count = visits?.length ?? 0
    const result = child.init(key, inputShape)
    visits?.push({
      path: pathOf('').replace(/^\./, ''),
      kind: child.kind ?? 'Layer',
      outputShape: result.outputShape,
      params: result.params,
      isLeaf: visits.length === count,
    })
    return result
  })

/** `apply` of a child. */
export const applyChild = (
  segment: string,
  child: AnyLayer,
  params: unknown,
  state: unknown,
  x: Values,
  options: ApplyOptions,
): Applied<unknown, Values> => within(segment, () => child.apply(params, state, x, options))

/** Path of the layer at work below `root`: `params.conv1`. */
export const pathOf = (root: string): string => root + place.join('')

/**
 * Checks a layer's own parameters (or state): each must be there, an array, and of the shape that the layer needs.
 *
 * @throws TreeError for a missing one, ShapeError for another shape, naming the path (`params.conv1.kernel`)
 */
export const checkParameters = (
  kind: string,
  root: 'params' | 'state',
  values: unknown,
  shapes: Readonly<Record<string, Shape>>,
  why: string,
  /** Where below the layer's parameters these are: `.query`. */
  below = '',
): void => {
  for (const [name, shape] of Object.entries(shapes)) {
    const path = `${pathOf(root)}${below}.${name}`
    const value =
      typeof values === 'object' && values !== null ? (values as Readonly<Record<string, unknown>>)[name] : undefined
    if (!(value instanceof ArrayClass)) {
      throw new TreeError(
        `${kind}: ${path} is missing. The layer needs ${Object.keys(shapes).join(' and ')}; ` +
          `take params and state from init of this very model.`,
      )
    }
    if (!sameShape(value.shape, shape)) {
      throw new ShapeError(
        `${kind}: ${path} has shape ${shapeText(value.shape)}, but ${why} needs ${shapeText(shape)}. ` +
          `Initialise the model for this input shape, or give it inputs like those it was initialised for.`,
      )
    }
  }
}

/** The shape of one array, with at least `rank` axes, checked. */
export const singleShape = (kind: string, shape: Shapes, rank = 0): Shape => {
  const sizes: number[] = []
  for (const size of Array.isArray(shape) ? shape : [shape]) {
    if (typeof size === 'number' && Number.isInteger(size) && size >= -1) sizes.push(size)
    else {
      throw new ShapeError(
        `${kind}${at()}: expected the shape of one array such as [-1, 28, 28, 1] (batch first, -1 for any size), got ${JSON.stringify(shape)}. ` +
          `A list of arrays comes from FanOut, and goes to parallel, FanInSum or FanInConcat.`,
      )
    }
  }
  if (sizes.length < rank) {
    throw new ShapeError(
      `${kind}${at()}: the input shape ${shapeText(sizes)} has ${sizes.length} axes, and at least ${rank} are needed, the batch included.`,
    )
  }
  return sizes
}

/** ` at conv1`, for messages. */
export const at = (): string => (place.length === 0 ? '' : ` at ${pathOf('').replace(/^\./, '')}`)

/** One array, checked. */
export const singleArray = (kind: string, x: Values, rank = 0): NDArray => {
  if (!(x instanceof ArrayClass)) {
    throw new ArgumentError(
      `${kind}${at()}: expected one array, got ${Array.isArray(x) ? `a list of ${x.length}` : typeof x}. ` +
        `A list of arrays goes to parallel, FanInSum or FanInConcat.`,
    )
  }
  if (x.ndim < rank) {
    throw new ShapeError(
      `${kind}${at()}: the input has shape ${shapeText(x.shape)}, and at least ${rank} axes are needed, the batch included.`,
    )
  }
  return x
}

/** A size that must be known to make parameters. */
export const knownSize = (kind: string, shape: Shape, axis: number): number => {
  const size = shape.at(axis)
  if (size === undefined || size < 0) {
    throw new ShapeError(
      `${kind}${at()}: axis ${axis} of the input shape ${shapeText(shape)} must be known to make the parameters.`,
    )
  }
  return size
}

/** A positive integer option, checked. */
export const positiveInteger = (kind: string, name: string, value: number): number => {
  if (!Number.isInteger(value) || value < 1) {
    throw new ArgumentError(`${kind}: ${name} must be a positive integer, got ${String(value)}.`)
  }
  return value
}
