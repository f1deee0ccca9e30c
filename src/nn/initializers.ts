/** Initial values of parameters: functions of a key and a shape, with JAX's names, scales and streams. */
import {
  type ArrayLike,
  type DType,
  ArgumentError,
  NDArray,
  canonicalAxis,
  known,
  shapeText,
  sizeOf,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import * as random from '../random/index.js'

/** Options of an initializer's call. */
export interface InitializerOptions {
  readonly dtype?: DType
}

/** Makes the initial value of a parameter. */
export type Initializer = (key: NDArray, shape: readonly number[], options?: InitializerOptions) => NDArray

const scalar = (value: ArrayLike, dtype: DType): NDArray =>
  lax.convertElementType(lax.asArray(value, 'nn.initializers'), dtype)

/** The dtype that an initializer is called for. */
const dtypeOf = (options: InitializerOptions | undefined, otherwise: DType = 'float32'): DType =>
  checkOptions('nn.initializers', options, 'dtype')?.dtype ?? otherwise

/** All zeros. */
export const zeros: Initializer = (_, shape, options) => lax.full(shape, 0, { dtype: dtypeOf(options) })

/** All ones. */
export const ones: Initializer = (_, shape, options) => lax.full(shape, 1, { dtype: dtypeOf(options) })

/**
 * One value everywhere.
 *
 * @example
 * ```ts
 * const init = nn.initializers.constant(0.5)
 * init(random.key(0), [2, 3])
 * ```
 */
export const constant = (value: ArrayLike, defaults: InitializerOptions = {}): Initializer => {
  checkOptions('nn.initializers.constant', defaults, 'dtype')
  return (_, shape, options) => lax.broadcastTo(scalar(value, dtypeOf(options, defaults.dtype)), shape)
}

/** Options of initializers with a scale. */
export interface ScaleOptions extends InitializerOptions {
  readonly scale?: ArrayLike
}

/** Options of initializers with a standard deviation. */
export interface StddevOptions extends InitializerOptions {
  readonly stddev?: ArrayLike
}

/** A number in front of the options, or among them, as JAX's keywords are. */
const isOptions = <O extends object>(given: ArrayLike | O): given is O =>
  typeof given !== 'number' && typeof given !== 'boolean' && !(given instanceof NDArray)

/** Uniform in [0, scale). @example nn.initializers.uniform({ scale: 0.1 }) */
export const uniform = (scale: ArrayLike | ScaleOptions = 1e-2, options: InitializerOptions = {}): Initializer => {
  const given = isOptions(scale) ? scale : { ...options, scale }
  checkOptions('nn.initializers.uniform', given, 'scale dtype')
  return (key, shape, called) => {
    const dtype = dtypeOf(called, given.dtype)
    return lax.mul(random.uniform(key, shape, { dtype }), scalar(given.scale ?? 1e-2, dtype))
  }
}

/** Normal with standard deviation `stddev`. @example nn.initializers.normal({ stddev: 0.02 }) */
export const normal = (stddev: ArrayLike | StddevOptions = 1e-2, options: InitializerOptions = {}): Initializer => {
  const given = isOptions(stddev) ? stddev : { ...options, stddev }
  checkOptions('nn.initializers.normal', given, 'stddev dtype')
  return (key, shape, called) => {
    const dtype = dtypeOf(called, given.dtype)
    return lax.mul(random.normal(key, shape, { dtype }), scalar(given.stddev ?? 1e-2, dtype))
  }
}

/** Options of `truncatedNormal`: the bounds in standard deviations. */
export interface TruncatedNormalOptions extends StddevOptions {
  readonly lower?: number
  readonly upper?: number
}

/** Normal with standard deviation `stddev` before it is cut at `lower` and `upper` (in units of `stddev`, ±2). */
export const truncatedNormal = (
  stddev: ArrayLike | TruncatedNormalOptions = 1e-2,
  options: TruncatedNormalOptions = {},
): Initializer => {
  const given = isOptions(stddev) ? stddev : { ...options, stddev }
  checkOptions('nn.initializers.truncatedNormal', given, 'stddev dtype lower upper')
  return (key, shape, called) => {
    const dtype = dtypeOf(called, given.dtype)
    const values = random.truncatedNormal(key, given.lower ?? -2, given.upper ?? 2, shape, { dtype })
    return lax.mul(values, scalar(given.stddev ?? 1e-2, dtype))
  }
}

/** Which axes of a kernel are inputs, outputs, and independent copies. */
export interface FanOptions extends InitializerOptions {
  readonly inAxis?: number | readonly number[]
  readonly outAxis?: number | readonly number[]
  readonly batchAxis?: number | readonly number[]
}

/** Number of inputs and outputs of one unit; axes that are none of the three are the receptive field. */
const fans = (
  shape: readonly number[],
  { inAxis = -2, outAxis = -1, batchAxis = [] }: FanOptions,
): readonly [number, number] => {
  const operation = 'nn.initializers.varianceScaling'
  if (inAxis === -2 && shape.length < 2) {
    throw new ArgumentError(
      `${operation}: a parameter of shape ${shapeText(shape)} has no axes for inputs and outputs; ` +
        `give it at least two axes, name inAxis and outAxis, or use another initializer such as nn.initializers.normal().`,
    )
  }
  const product = (axes: number | readonly number[]): number =>
    (typeof axes === 'number' ? [axes] : axes).reduce(
      (n, axis) => n * known(shape[canonicalAxis(axis, shape.length, operation)], 'size'),
      1,
    )
  const field = sizeOf(shape) / product(inAxis) / product(outAxis) / product(batchAxis)
  return [product(inAxis) * field, product(outAxis) * field]
}

/** What the variance is divided by; JAX's spelling is welcome too. */
export type VarianceMode =
  'fanIn' | 'fanOut' | 'fanAvg' | 'fanGeoAvg' | 'fan_in' | 'fan_out' | 'fan_avg' | 'fan_geo_avg'

/** Shape of the distribution. */
export type VarianceDistribution = 'truncatedNormal' | 'normal' | 'uniform' | 'truncated_normal'

const denominatorOf = (mode: VarianceMode, fanIn: number, fanOut: number): number => {
  switch (mode) {
    case 'fanIn':
    case 'fan_in':
      return fanIn
    case 'fanOut':
    case 'fan_out':
      return fanOut
    case 'fanAvg':
    case 'fan_avg':
      return (fanIn + fanOut) / 2
    case 'fanGeoAvg':
    case 'fan_geo_avg':
      return Math.sqrt(fanIn * fanOut)
    default:
      throw new ArgumentError(
        `nn.initializers.varianceScaling: mode is 'fanIn', 'fanOut', 'fanAvg' or 'fanGeoAvg', got '${String(mode)}'.`,
      )
  }
}

/** Standard deviation of a standard normal number cut at ±2. */
const truncatedDeviation = 0.87962566103423978

/**
 * Values of variance `scale / n`, where n is the number of inputs or outputs of a unit, or a mean of both.
 *
 * @example
 * ```ts
 * const init = nn.initializers.varianceScaling(2, 'fanIn', 'truncatedNormal')
 * init(random.key(0), [3, 3, 16, 32])
 * ```
 */
export const varianceScaling = (
  scale: number,
  mode: VarianceMode,
  distribution: VarianceDistribution,
  options: FanOptions = {},
): Initializer => {
  checkOptions('nn.initializers.varianceScaling', options, 'dtype inAxis outAxis batchAxis')
  return (key, shape, called) => {
    const dtype = dtypeOf(called, options.dtype)
    if (sizeOf(shape) === 0) return lax.full(shape, 0, { dtype })
    const [fanIn, fanOut] = fans(shape, options)
    const variance = scale / denominatorOf(mode, fanIn, fanOut)
    switch (distribution) {
      case 'truncatedNormal':
      case 'truncated_normal':
        return lax.mul(
          random.truncatedNormal(key, -2, 2, shape, { dtype }),
          scalar(Math.sqrt(variance) / truncatedDeviation, dtype),
        )
      case 'normal':
        return lax.mul(random.normal(key, shape, { dtype }), scalar(Math.sqrt(variance), dtype))
      case 'uniform':
        return lax.mul(random.uniform(key, shape, { dtype, minval: -1 }), scalar(Math.sqrt(3 * variance), dtype))
      default:
        throw new ArgumentError(
          `nn.initializers.varianceScaling: distribution is 'truncatedNormal', 'normal' or 'uniform', got '${String(distribution)}'.`,
        )
    }
  }
}

/* @__NO_SIDE_EFFECTS__ */
const family =
  (scale: number, mode: VarianceMode, distribution: VarianceDistribution) =>
  (options: FanOptions = {}): Initializer =>
    varianceScaling(scale, mode, distribution, options)

/** A maker of initializers that know which axes are inputs and outputs. */
export type FanInitializer = (options?: FanOptions) => Initializer

/** Uniform of variance 2 / (fanIn + fanOut) (https://proceedings.mlr.press/v9/glorot10a.html). */
export const glorotUniform: FanInitializer = family(1, 'fanAvg', 'uniform')
/** Truncated normal of variance 2 / (fanIn + fanOut). */
export const glorotNormal: FanInitializer = family(1, 'fanAvg', 'truncatedNormal')
/** Another name of `glorotUniform`. */
export const xavierUniform: FanInitializer = glorotUniform
/** Another name of `glorotNormal`. */
export const xavierNormal: FanInitializer = glorotNormal
/** Uniform of variance 1 / fanIn. */
export const lecunUniform: FanInitializer = family(1, 'fanIn', 'uniform')
/** Truncated normal of variance 1 / fanIn. */
export const lecunNormal: FanInitializer = family(1, 'fanIn', 'truncatedNormal')
/** Uniform of variance 2 / fanIn (https://arxiv.org/abs/1502.01852), for relu. */
export const heUniform: FanInitializer = family(2, 'fanIn', 'uniform')
/** Truncated normal of variance 2 / fanIn, for relu. */
export const heNormal: FanInitializer = family(2, 'fanIn', 'truncatedNormal')
/** Another name of `heUniform`. */
export const kaimingUniform: FanInitializer = heUniform
/** Another name of `heNormal`. */
export const kaimingNormal: FanInitializer = heNormal

/** Options of `orthogonal` and `deltaOrthogonal`. */
export interface OrthogonalOptions extends InitializerOptions {
  readonly scale?: ArrayLike
  /** Axis of the columns that are made orthonormal, the last one unless said. */
  readonly columnAxis?: number
}

/**
 * Uniformly distributed orthogonal matrices (https://arxiv.org/abs/1312.6120): with the other axes taken as one, columns (or
 * rows, where there are fewer) are orthonormal, times `scale`.
 *
 * @throws ArgumentError from the initializer for a shape of fewer than two axes
 * @example
 * ```ts
 * const w = nn.initializers.orthogonal()(random.key(0), [3, 3])
 * np.matmul(w.T, w) // the identity, but for rounding
 * ```
 */
export const orthogonal = (scale: number | OrthogonalOptions = 1, options: OrthogonalOptions = {}): Initializer => {
  const given = isOptions(scale) ? scale : { ...options, scale }
  checkOptions('nn.initializers.orthogonal', given, 'dtype scale columnAxis')
  return (key, shape, called) => orthogonalValues(key, shape, dtypeOf(called, given.dtype), given)
}

const orthogonalValues = (
  key: NDArray,
  shape: readonly number[],
  dtype: DType,
  { scale = 1, columnAxis = -1 }: OrthogonalOptions,
): NDArray => {
  const operation = 'nn.initializers.orthogonal'
  if (shape.length < 2) {
    throw new ArgumentError(`${operation}: a parameter needs at least two axes, got shape ${shapeText(shape)}.`)
  }
  if (sizeOf(shape) === 0) return lax.full(shape, 0, { dtype })
  const axis = canonicalAxis(columnAxis, shape.length, operation)
  const columns = known(shape[axis], 'columns')
  const rows = shape.filter((_, d) => d !== axis)
  const q = random.orthogonal(key, sizeOf(rows), [], { dtype, m: columns })
  return lax.mul(lax.moveAxis(lax.reshape(q, [...rows, columns]), shape.length - 1, axis), scalar(scale, dtype))
}

/**
 * Convolution kernels `[...window, in, out]` that are an orthogonal matrix in the middle of the window and zero elsewhere
 * (https://arxiv.org/abs/1806.05393): the layer keeps the norm of its input.
 *
 * @throws ArgumentError from the initializer unless the shape has 3 to 5 axes and no fewer outputs than inputs
 * @example
 * ```ts
 * nn.initializers.deltaOrthogonal()(random.key(0), [3, 3, 8, 16])
 * ```
 */
export const deltaOrthogonal = (
  scale: number | OrthogonalOptions = 1,
  options: OrthogonalOptions = {},
): Initializer => {
  const given = isOptions(scale) ? scale : { ...options, scale }
  checkOptions('nn.initializers.deltaOrthogonal', given, 'dtype scale columnAxis')
  return (key, shape, called) => deltaOrthogonalValues(key, shape, dtypeOf(called, given.dtype), given)
}

const deltaOrthogonalValues = (
  key: NDArray,
  shape: readonly number[],
  dtype: DType,
  { scale = 1, columnAxis = -1 }: OrthogonalOptions,
): NDArray => {
  const operation = 'nn.initializers.deltaOrthogonal'
  const matrix = shape.slice(-2)
  if (shape.length < 3 || shape.length > 5 || known(matrix[1], 'outputs') < known(matrix[0], 'inputs')) {
    throw new ArgumentError(
      `${operation}: expected a kernel [...window, in, out] of 3 to 5 axes with in <= out, got ${shapeText(shape)}.`,
    )
  }
  const values = orthogonalValues(key, matrix, dtype, { scale, columnAxis })
  const around = shape.slice(0, -2).map((size): readonly [number, number, number] => {
    const middle = Math.floor((size - 1) / 2)
    return [middle, size - 1 - middle, 0]
  })
  const inside = lax.reshape(values, [...around.map(() => 1), ...matrix])
  return lax.pad(inside, scalar(0, dtype), [...around, [0, 0, 0], [0, 0, 0]])
}
