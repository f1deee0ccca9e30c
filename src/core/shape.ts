/** Shape arithmetic: canonical axes, broadcasting, strides. */
import { sameShape } from './aval.js'
import { ArgumentError, ShapeError } from './errors.js'

export const shapeText = (shape: readonly number[]): string => `[${shape.join(',')}]`

/** Numbers 0 .. n-1. */
export const range = (n: number): number[] => {
  const out: number[] = []
  for (let i = 0; i < n; i++) out.push(i)
  return out
}

/** `axis` counted from the front; negative axes count from the end. Throws ArgumentError outside [-rank, rank). */
export const canonicalAxis = (axis: number, rank: number, operation: string): number => {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    const bounds = rank === 0 ? 'a scalar has no axes' : `axes of a rank-${rank} array are ${-rank} to ${rank - 1}`
    throw new ArgumentError(`${operation}: axis ${axis} is out of range; ${bounds}.`)
  }
  return axis < 0 ? axis + rank : axis
}

/** One axis, several, or (null or undefined) all of them, canonical, in the order given. Throws on repeated axes. */
export const canonicalAxes = (
  axes: number | readonly number[] | null | undefined,
  rank: number,
  operation: string,
): number[] => {
  if (axes === null || axes === undefined) return range(rank)
  const list = typeof axes === 'number' ? [axes] : axes
  const out = list.map((axis) => canonicalAxis(axis, rank, operation))
  if (out.length > 1 && new Set(out).size !== out.length) {
    throw new ArgumentError(`${operation}: axes [${list.join(',')}] name an axis twice; name each axis once.`)
  }
  return out
}

/** Throws ArgumentError unless every size is a non-negative integer, and their product one that a number counts exactly. */
export const checkShape = (shape: readonly number[], operation: string): void => {
  let elements = 1
  for (const size of shape) {
    elements *= size
    if (!Number.isInteger(size) || size < 0) {
      throw new ArgumentError(
        `${operation}: ${shapeText(shape)} is not a shape; every size must be a non-negative integer, and ${size} is not.`,
      )
    }
  }
  // Beyond, offsets and sizes in bytes would be rounded, and the search for memory would not end.
  if (elements > Number.MAX_SAFE_INTEGER) {
    throw new ArgumentError(
      `${operation}: an array of shape ${shapeText(shape)} would have more than 2^53 elements; no memory holds it.`,
    )
  }
}

/** NumPy's broadcast of several shapes. Throws ShapeError naming them all when they don't fit. */
export const broadcastShapes = (operation: string, ...shapes: (readonly number[])[]): readonly number[] => {
  const first = shapes[0]
  if (first === undefined) return []
  if (shapes.every((s) => sameShape(s, first))) return first
  const rank = Math.max(...shapes.map((s) => s.length))
  const out = new Array<number>(rank).fill(1)
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i
      const size = shape[i] ?? 1
      if (size === 1 || size === out[at]) continue
      if (out[at] !== 1) {
        throw new ShapeError(
          `${operation}: shapes ${shapes.map(shapeText).join(' and ')} cannot be broadcast together: ` +
            `axis ${at - rank} has sizes ${out[at]} and ${size}. ` +
            `Sizes must be equal or 1, counted from the last axis; reshape or insert an axis of size 1.`,
        )
      }
      out[at] = size
    }
  }
  return out
}

/** Row-major strides in elements. */
export const rowMajorStrides = (shape: readonly number[]): number[] => {
  const strides = new Array<number>(shape.length).fill(1)
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = (strides[i + 1] ?? 1) * (shape[i + 1] ?? 1)
  return strides
}
