/** Abstract values: what is known of an array before it has values. */
import { type DType, dtypeShort } from './dtype.js'

/** Shape, dtype and strength of dtype of an array. */
export interface ShapedArray {
  readonly shape: readonly number[]
  readonly dtype: DType
  /** True for values that come only from JS numbers: they take the dtype of what they meet. */
  readonly weakType: boolean
}

export const shapedArray = (shape: readonly number[], dtype: DType, weakType = false): ShapedArray => ({
  shape,
  dtype,
  weakType,
})

/** `f32[2,3]`, as JAX prints it. */
export const avalText = (aval: ShapedArray): string => `${dtypeShort(aval.dtype)}[${aval.shape.join(',')}]`

export const sameShape = (a: readonly number[], b: readonly number[]): boolean => {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Same shape and dtype; strength is not compared, since it never changes values. */
export const sameAval = (a: ShapedArray, b: ShapedArray): boolean => a.dtype === b.dtype && sameShape(a.shape, b.shape)

/** Number of elements. */
export const sizeOf = (shape: readonly number[]): number => {
  let n = 1
  for (let i = 0; i < shape.length; i++) n *= shape[i] ?? 1
  return n
}

/** The aval with a leading, or an inserted, axis of the given size. */
export const withAxis = (aval: ShapedArray, axis: number, size: number): ShapedArray =>
  shapedArray([...aval.shape.slice(0, axis), size, ...aval.shape.slice(axis)], aval.dtype, aval.weakType)

/** The aval without one axis. */
export const withoutAxis = (aval: ShapedArray, axis: number): ShapedArray =>
  shapedArray([...aval.shape.slice(0, axis), ...aval.shape.slice(axis + 1)], aval.dtype, aval.weakType)
