/** What lax functions do to their arguments first: JS numbers become arrays, weak types take the dtype of strong ones. */
import {
  type ArrayLike,
  type DType,
  type Primitive,
  type ShapedArray,
  ArgumentError,
  DeviceArray,
  NDArray,
  avalText,
  bindOne,
  currentDevice,
  describe,
  dtypes,
  e,
  isFloating,
  known,
  promote,
  scalarArray,
} from '../core/index.js'
import { type Row, anyDType, elementwise } from './elementwise.js'

export interface ConvertParams {
  readonly newDtype: DType
  readonly weakType: boolean
}

const convertRow: Row<ConvertParams> = {
  dtypes: anyDType,
  result: (_, { newDtype }) => newDtype,
  weak: ({ weakType }) => weakType,
  partials: [(t, _, __, { newDtype }) => convertElementType(t, newDtype)],
  transpose: ([ct], [x]) => [
    ct === null || ct === undefined ? null : convertElementType(ct, known(x, 'operand').aval.dtype),
  ],
  lower: ([x], { newDtype }) => e.convert(known(x, 'operand'), newDtype),
  sampleParams: () => ({ newDtype: 'float32', weakType: false }),
}

const convertPrimitive: Primitive<ConvertParams> = elementwise('convert_element_type', convertRow)

/**
 * Converts to another dtype: floats to integers truncate toward zero and saturate (NaN gives 0), integers wrap,
 * anything to bool is `!= 0`, floats round to nearest even.
 */
export const convertElementType = (operand: ArrayLike, newDtype: DType): NDArray => {
  const x = asArray(operand, 'convertElementType')
  if (x.dtype === newDtype && !x.weakType) return x
  if (x instanceof DeviceArray && x.scalar !== undefined && (isFloating(newDtype) || !isFloating(x.dtype))) {
    return scalarArray(castScalar(x.scalar, newDtype), newDtype, false, x.deviceHandle)
  }
  return bindOne(convertPrimitive, [x], { newDtype, weakType: false })
}

const castScalar = (value: number, dtype: DType): number => e.constant(value, dtype).value

/** A JS number as a weakly typed scalar: integral ones are int32, others float32. -0 is a float, as its sign tells. */
const weakScalar = (value: number): NDArray => {
  const integral = Number.isInteger(value) && !Object.is(value, -0) && Math.abs(value) <= 0xffffffff
  return scalarArray(value, integral ? (value > 0x7fffffff ? 'uint32' : 'int32') : 'float32', true, currentDevice())
}

/** An array, or the scalar that a JS number or boolean stands for. Throws ArgumentError for anything else. */
export const asArray = (x: ArrayLike, operation: string): NDArray => {
  if (x instanceof NDArray) return x
  if (typeof x === 'number') return weakScalar(x)
  if (typeof x === 'boolean') return scalarArray(x ? 1 : 0, 'bool', false, currentDevice())
  throw new ArgumentError(
    `${operation}: expected an array or a number, got ${describe(x)}. Make arrays with np.array(...)${Array.isArray(x) ? ', also from nested lists' : ''}.`,
  )
}

/**
 * Operands of one operation as arrays in which JS numbers (and other weak values) have taken the dtype of the rest.
 * Strong dtypes that differ are left for the primitive to refuse.
 */
export const operands = (operation: string, xs: readonly ArrayLike[]): NDArray[] => {
  const arrays = xs.map((x) => asArray(x, operation))
  const allSame = arrays.every((x) => x.dtype === arrays[0]?.dtype)
  if (allSame) return arrays
  const target = promote(arrays.map((x) => x.aval))
  return arrays.map((x) => (x.weakType && x.dtype !== target.dtype ? convertWeak(x, target.dtype) : x))
}

/** A value in another dtype that counts as weakly typed: it yields to any strong type that it meets. */
export const convertWeak = (x: NDArray, dtype: DType): NDArray =>
  x instanceof DeviceArray && x.scalar !== undefined
    ? scalarArray(castScalar(x.scalar, dtype), dtype, true, x.deviceHandle)
    : bindOne(convertPrimitive, [x], { newDtype: dtype, weakType: true })

/** For messages: the avals of operands. */
export const avalsText = (xs: readonly { readonly aval: ShapedArray }[]): string =>
  xs.map((x) => avalText(x.aval)).join(', ')

/** Throws unless the dtype is one of ours. */
export const checkDType = (dtype: DType, operation: string): DType => {
  if (!dtypes.includes(dtype))
    throw new ArgumentError(`${operation}: '${String(dtype)}' is not a dtype; there are ${dtypes.join(', ')}.`)
  return dtype
}
