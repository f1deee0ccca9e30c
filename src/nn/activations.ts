/** Activation functions: elementwise, with exact derivatives at their kinks. */
import {
  type ArrayLike,
  type DType,
  type NDArray,
  ShapeError,
  avalText,
  canonicalAxis,
  inexact,
  known,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import * as np from '../numpy/index.js'
import { customJvp } from '../transforms/index.js'

/** An array of a floating dtype; integers become float32. */
export const floatArray = (x: ArrayLike, operation: string): NDArray => {
  const array = lax.asArray(x, operation)
  return array.dtype === inexact(array.dtype) ? array : lax.convertElementType(array, inexact(array.dtype))
}

/** A scalar of the dtype of `x`. */
const like = (x: NDArray, value: number): NDArray => lax.full([], value, { dtype: x.dtype })

/** `value` everywhere, in the shape and dtype of `x`: cases of lax.select have one shape. */
const filledLike = (x: NDArray, value: number): NDArray => lax.broadcastTo(like(x, value), x.shape)

/** `x` itself, as an array. */
export const identity = (x: ArrayLike): NDArray => lax.asArray(x, 'nn.identity')

/**
 * max(x, 0), with derivative 0 at 0. NaN stays NaN.
 *
 * @example
 * ```ts
 * nn.relu(np.array([-1, 0, 2])) // [0, 0, 2]
 * ```
 */
export const relu = (x: ArrayLike): NDArray => {
  const a = lax.asArray(x, 'nn.relu')
  // Not max(x, 0), which shares the derivative at a tie; and not x > 0, which would turn NaN into 0.
  return lax.select(lax.le(a, like(a, 0)), filledLike(a, 0), a)
}

/** min(max(x, 0), 6), with derivative 0 at 0 and at 6. Integers become float32, as in JAX. */
export const relu6 = (x: ArrayLike): NDArray => {
  const a = floatArray(x, 'nn.relu6')
  return lax.select(lax.ge(a, like(a, 6)), filledLike(a, 6), relu(a))
}

/** 1 / (1 + exp(-x)). */
export const sigmoid = (x: ArrayLike): NDArray => lax.logistic(floatArray(x, 'nn.sigmoid'))

/**
 * log(1 + exp(x)), without overflow, and exact in all its derivatives.
 *
 * @example
 * ```ts
 * nn.softplus(np.array([-1, 0, 2]))
 * ```
 */
export const softplus = (x: ArrayLike): NDArray => {
  const a = floatArray(x, 'nn.softplus')
  // x + log1p(exp(-x)) where x > 0, else log1p(exp(x)); each is smooth on its side and right at 0.
  const positive = lax.gt(a, like(a, 0))
  const tail = lax.log1p(lax.exp(lax.select(positive, lax.neg(a), a)))
  return lax.add(lax.select(positive, a, filledLike(a, 0)), tail)
}

/** (x + sqrt(x^2 + b)) / 2. */
export const squareplus = (x: ArrayLike, options: { readonly b?: ArrayLike } = {}): NDArray => {
  const { b = 4 } = checkOptions('nn.squareplus', options, 'b')
  const a = floatArray(x, 'nn.squareplus')
  return np.divide(np.add(a, np.sqrt(np.add(np.square(a), b))), 2)
}

/** x where x >= 1, 0 where x <= -1, and (x + 1)^2 / 4 between. */
export const sparsePlus = (x: ArrayLike): NDArray => {
  const a = floatArray(x, 'nn.sparsePlus')
  const middle = lax.div(lax.integerPow(lax.add(a, 1), 2), 4)
  const upper = lax.select(lax.ge(a, like(a, 1)), a, middle)
  return lax.select(lax.le(a, like(a, -1)), filledLike(a, 0), upper)
}

/** (clip(x, -1, 1) + 1) / 2. */
export const sparseSigmoid = (x: ArrayLike): NDArray => {
  const a = floatArray(x, 'nn.sparseSigmoid')
  return lax.mul(np.clip(lax.add(a, 1), 0, 2), 0.5)
}

/** x / (1 + |x|). */
export const softSign = (x: ArrayLike): NDArray => {
  const a = floatArray(x, 'nn.softSign')
  return lax.div(a, lax.add(lax.abs(a), 1))
}

/** x sigmoid(x), also called swish (https://arxiv.org/abs/1702.03118). */
export const silu = (x: ArrayLike): NDArray => {
  const a = floatArray(x, 'nn.silu')
  return lax.mul(a, lax.logistic(a))
}
/** x sigmoid(x), also called silu. */
export const swish: (x: ArrayLike) => NDArray = silu

/** x tanh(softplus(x)) (https://arxiv.org/abs/1908.08681). */
export const mish = (x: ArrayLike): NDArray => {
  const a = floatArray(x, 'nn.mish')
  return lax.mul(a, lax.tanh(softplus(a)))
}

/** log(sigmoid(x)) = -softplus(-x). */
export const logSigmoid = (x: ArrayLike): NDArray => lax.neg(softplus(lax.neg(floatArray(x, 'nn.logSigmoid'))))

/**
 * log(1 - exp(-x)) for x >= 0, accurate for small and for large x (Maechler, "Accurately computing log(1 - exp(-|a|))").
 *
 * @example
 * ```ts
 * nn.log1mexp(np.array([1e-10, 1])) // [-23.025851, -0.4586752]
 * ```
 */
export const log1mexp: (x: ArrayLike) => NDArray = /* @__PURE__ */ (() => {
  const stable = customJvp((x: NDArray): NDArray => {
    const small = lax.log(lax.neg(lax.expm1(lax.neg(x))))
    const large = lax.log1p(lax.neg(lax.exp(lax.neg(x))))
    return lax.select(lax.lt(x, like(x, Math.LN2)), small, large)
  })
  stable.defjvp(([x], [t]) => [stable(x), lax.div(t, lax.expm1(x))])
  return (x) => stable(floatArray(x, 'nn.log1mexp'))
})()

/** x where x > 0, else alpha (exp(x) - 1) (https://arxiv.org/abs/1511.07289). */
export const elu = (x: ArrayLike, options: { readonly alpha?: ArrayLike } = {}): NDArray => {
  const { alpha = 1 } = checkOptions('nn.elu', options, 'alpha')
  const a = floatArray(x, 'nn.elu')
  const positive = lax.gt(a, like(a, 0))
  // The inner selection keeps exp of a large number out of the derivative.
  const below = lax.expm1(lax.select(positive, filledLike(a, 0), a))
  return np.where(positive, a, np.multiply(alpha, below))
}

/** max(x, 0) + min(0, alpha (exp(x / alpha) - 1)) (https://arxiv.org/abs/1704.07483). */
export const celu = (x: ArrayLike, options: { readonly alpha?: ArrayLike } = {}): NDArray => {
  const { alpha = 1 } = checkOptions('nn.celu', options, 'alpha')
  const a = floatArray(x, 'nn.celu')
  const below = np.multiply(alpha, np.expm1(np.divide(np.minimum(a, 0), alpha)))
  return np.add(np.maximum(a, 0), below)
}

/** The scaled elu that keeps mean 0 and variance 1 (https://arxiv.org/abs/1706.02515). */
export const selu = (x: ArrayLike): NDArray =>
  lax.mul(elu(floatArray(x, 'nn.selu'), { alpha: 1.6732632423543772 }), 1.0507009873554805)

/** Options of `leakyRelu`. */
export interface LeakyReluOptions {
  readonly negativeSlope?: ArrayLike
}

/** x where x >= 0, else negativeSlope x. */
export const leakyRelu = (x: ArrayLike, options: LeakyReluOptions = {}): NDArray => {
  const { negativeSlope = 0.01 } = checkOptions('nn.leakyRelu', options, 'negativeSlope')
  const a = floatArray(x, 'nn.leakyRelu')
  return np.where(lax.ge(a, like(a, 0)), a, np.multiply(negativeSlope, a))
}

/** x clipped to [-1, 1]. */
export const hardTanh = (x: ArrayLike): NDArray => {
  const a = lax.asArray(x, 'nn.hardTanh')
  const lower = lax.select(lax.lt(a, like(a, -1)), filledLike(a, -1), a)
  return lax.select(lax.gt(a, like(a, 1)), filledLike(a, 1), lower)
}

/** relu6(x + 3) / 6. */
export const hardSigmoid = (x: ArrayLike): NDArray => lax.div(relu6(lax.add(floatArray(x, 'nn.hardSigmoid'), 3)), 6)

/** x hardSigmoid(x), also called hardSwish (https://arxiv.org/abs/1905.02244). */
export const hardSilu = (x: ArrayLike): NDArray => {
  const a = floatArray(x, 'nn.hardSilu')
  return lax.mul(a, hardSigmoid(a))
}
/** x hardSigmoid(x), also called hardSilu. */
export const hardSwish: (x: ArrayLike) => NDArray = hardSilu

/** Options of `gelu`. */
export interface GeluOptions {
  /** True (default) for the tanh form, false for the exact one with erfc. */
  readonly approximate?: boolean
}

/**
 * x times the normal distribution function of x (https://arxiv.org/abs/1606.08415).
 *
 * @example
 * ```ts
 * nn.gelu(np.array([-1, 0, 2]), { approximate: false })
 * ```
 */
export const gelu = (x: ArrayLike, options: GeluOptions = {}): NDArray => {
  const { approximate = true } = checkOptions('nn.gelu', options, 'approximate')
  const a = floatArray(x, 'nn.gelu')
  if (!approximate) return lax.mul(lax.mul(a, 0.5), lax.erfc(lax.mul(lax.neg(a), Math.SQRT1_2)))
  // (1 + tanh(u)) / 2 = logistic(2 u), which keeps its accuracy where the tanh is close to -1.
  const inner = lax.mul(2 * Math.sqrt(2 / Math.PI), lax.add(a, lax.mul(0.044715, lax.integerPow(a, 3))))
  return lax.mul(a, lax.logistic(inner))
}

/**
 * First half of an axis times the sigmoid of the second half.
 *
 * @throws ShapeError when the axis has an odd size
 * @example
 * ```ts
 * nn.glu(np.ones([2, 6])).shape // [2, 3]
 * ```
 */
export const glu = (x: ArrayLike, options: { readonly axis?: number } = {}): NDArray => {
  const { axis = -1 } = checkOptions('nn.glu', options, 'axis')
  const a = floatArray(x, 'nn.glu')
  const along = canonicalAxis(axis, a.ndim, 'nn.glu')
  const size = known(a.shape[along], 'size')
  if (size % 2 !== 0) {
    throw new ShapeError(
      `nn.glu: axis ${axis} of ${avalText(a.aval)} has the odd size ${size}; it is split in two halves.`,
    )
  }
  const half = (from: number): NDArray => lax.sliceInDim(a, from, from + size / 2, { axis: along })
  return lax.mul(half(0), lax.logistic(half(size / 2)))
}

/** Options of `oneHot`. */
export interface OneHotOptions {
  /** Where the new axis goes, last unless said. */
  readonly axis?: number
  readonly dtype?: DType
}

/**
 * 1 at the index, 0 elsewhere, along a new axis of `numClasses`. An index outside gives zeros only.
 *
 * @example
 * ```ts
 * nn.oneHot(np.array([0, 2], { dtype: 'int32' }), 3) // [[1, 0, 0], [0, 0, 1]]
 * ```
 */
export const oneHot = (x: ArrayLike, numClasses: number, options: OneHotOptions = {}): NDArray => {
  const { axis = -1, dtype = 'float32' } = checkOptions('nn.oneHot', options, 'axis dtype')
  const a = lax.asArray(x, 'nn.oneHot')
  const along = canonicalAxis(axis, a.ndim + 1, 'nn.oneHot')
  const shape = [...a.shape.slice(0, along), numClasses, ...a.shape.slice(along)]
  const indices = lax.broadcastInDim(
    a,
    shape,
    a.shape.map((_, d) => (d < along ? d : d + 1)),
  )
  return lax.convertElementType(lax.eq(indices, lax.broadcastedIota(a.dtype, shape, along)), dtype)
}
