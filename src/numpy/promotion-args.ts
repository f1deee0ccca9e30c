/** What NumPy's functions do to their arguments first: JAX's promotion of dtypes and of ranks. */
import {
  type ArrayLike,
  type DType,
  ArgumentError,
  DTypeError,
  DeviceArray,
  NDArray,
  Tracer,
  broadcastShapes,
  inexact,
  isDType,
  known,
  promote,
  promoteTypes as promoteStrongTypes,
  range,
  roundTo,
  scalarArray,
} from '../core/index.js'
import * as lax from '../lax/index.js'

/** The array in another dtype and strength; a scalar that came from a JS number stays one. */
export const convertTo = (x: NDArray, dtype: DType, weakType: boolean): NDArray => {
  if (x.dtype === dtype && x.weakType === weakType) return x
  if (x instanceof DeviceArray && x.scalar !== undefined)
    return scalarArray(roundTo(x.scalar, dtype), dtype, weakType, x.deviceHandle)
  // Strength alone changes no value, and a result is weak only where all operands are; but a jaxpr says it, as JAX's does.
  if (x.dtype === dtype) return x instanceof Tracer && !weakType ? lax.convertElementType(x, dtype) : x
  return weakType ? lax.convertWeak(x, dtype) : lax.convertElementType(x, dtype)
}

/** The operands as arrays of one dtype: JAX's promotion, in which JS numbers yield. */
export const promoteDTypes = (operation: string, xs: readonly ArrayLike[]): NDArray[] => {
  const arrays = xs.map((x) => lax.asArray(x, operation))
  const target = promote(arrays.map((x) => x.aval))
  return arrays.map((x) => convertTo(x, target.dtype, target.weakType))
}

/** The operands as arrays of one floating dtype; integers and bool count as float32. */
export const promoteInexact = (operation: string, xs: readonly ArrayLike[]): NDArray[] => {
  const arrays = xs.map((x) => lax.asArray(x, operation))
  const target = promote(arrays.map((x) => x.aval))
  return arrays.map((x) => convertTo(x, inexact(target.dtype), target.weakType))
}

/**
 * Operands of one rank: scalars and equal ranks go to lax as they are, since lax takes scalars and axes of size 1; where ranks
 * differ, leading axes of size 1 are inserted. JAX does (and prints) the same.
 */
export const promoteRanks = (operation: string, arrays: readonly NDArray[]): NDArray[] => {
  let rank = 0
  let differ = false
  for (const x of arrays) {
    if (x.ndim === 0) continue
    if (rank !== 0 && x.ndim !== rank) differ = true
    rank = Math.max(rank, x.ndim)
  }
  checkBroadcast(operation, arrays)
  if (!differ) return [...arrays]
  return arrays.map((x) => withRank(x, rank))
}

/** The array with leading axes of size 1 up to a rank. */
export const withRank = (x: NDArray, rank: number): NDArray =>
  x.ndim >= rank
    ? x
    : lax.broadcastInDim(
        x,
        [...new Array<number>(rank - x.ndim).fill(1), ...x.shape],
        range(x.ndim).map((d) => d + rank - x.ndim),
      )

const checkBroadcast = (operation: string, arrays: readonly NDArray[]): void => {
  const [first] = arrays
  for (const x of arrays) {
    if (x.ndim === 0 || x === first) continue
    broadcastShapes(operation, ...arrays.map((array) => array.shape))
    return
  }
}

/** Operands of an elementwise function: one dtype, ranks that lax accepts. */
export const promoteArgs = (operation: string, xs: readonly ArrayLike[]): NDArray[] =>
  promoteRanks(operation, promoteDTypes(operation, xs))

/** Two operands of an elementwise function. */
export const promotePair = (operation: string, x: ArrayLike, y: ArrayLike): readonly [NDArray, NDArray] =>
  pair(promoteArgs(operation, [x, y]))

/** Two operands of an elementwise function of floats. */
export const promoteInexactPair = (operation: string, x: ArrayLike, y: ArrayLike): readonly [NDArray, NDArray] =>
  pair(promoteRanks(operation, promoteInexact(operation, [x, y])))

/** One operand of a function of floats. */
export const inexactOperand = (operation: string, x: ArrayLike): NDArray => {
  const array = lax.asArray(x, operation)
  return convertTo(array, inexact(array.dtype), array.weakType)
}

/** One operand of a function of numbers: bool counts as int32. */
export const numericOperand = (operation: string, x: ArrayLike): NDArray => {
  const array = lax.asArray(x, operation)
  return array.dtype === 'bool' ? convertTo(array, 'int32', array.weakType) : array
}

const pair = (xs: readonly NDArray[]): readonly [NDArray, NDArray] => [
  known(xs[0], 'first operand'),
  known(xs[1], 'second operand'),
]

/** A dtype that a user gave, or the default. Throws ArgumentError for anything that is not a dtype. */
export const dtypeOr = (dtype: DType | null | undefined, fallback: DType, operation: string): DType =>
  dtype === undefined || dtype === null ? fallback : lax.checkDType(dtype, operation)

/**
 * Dtype of a result of two dtypes, by JAX's lattice with 64-bit types off.
 *
 * @example
 * ```ts
 * np.promoteTypes('int32', 'float16') // 'float16'
 * ```
 */
export const promoteTypes = (a: DType, b: DType): DType =>
  promoteStrongTypes(lax.checkDType(a, 'promoteTypes'), lax.checkDType(b, 'promoteTypes'))

/**
 * Dtype of a result of several arrays, JS numbers (weak) and dtypes.
 *
 * @example
 * ```ts
 * np.resultType(np.zeros([2], { dtype: 'float16' }), 2.5) // 'float16'
 * ```
 */
export const resultType = (...arraysOrDtypes: readonly (ArrayLike | DType)[]): DType => {
  if (arraysOrDtypes.length === 0) throw new ArgumentError('resultType: give at least one array or dtype.')
  return promote(
    arraysOrDtypes.map((x) => {
      if (typeof x !== 'string') return lax.asArray(x, 'resultType').aval
      if (!isDType(x)) throw new DTypeError(`resultType: '${String(x)}' is not a dtype.`)
      return { dtype: x, weakType: false }
    }),
  ).dtype
}
