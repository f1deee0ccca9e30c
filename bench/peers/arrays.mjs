/** Rearrangement of plain arrays for adapters of channels-first libraries, and what they compute before the clock starts. */

/** The array with its axes permuted, as a typed array of the same kind. */
export const transpose = (values, shape, axes) => {
  const newShape = axes.map((axis) => shape[axis])
  const strides = shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1))
  const steps = axes.map((axis) => strides[axis])
  const out = new values.constructor(values.length)
  const index = new Array(axes.length).fill(0)
  let from = 0
  for (let to = 0; to < out.length; to++) {
    out[to] = values[from]
    for (let d = axes.length - 1; d >= 0; d--) {
      from += steps[d]
      if (++index[d] < newShape[d]) break
      from -= steps[d] * newShape[d]
      index[d] = 0
    }
  }
  return out
}

/** An input { shape, values } with its axes permuted. */
export const permuted = ({ shape, values }, axes) => ({
  shape: axes.map((axis) => shape[axis]),
  values: transpose(values, shape, axes),
})

/** [n, h, w, c] to [n, c, h, w]. */
export const channelsFirst = (input) => permuted(input, [0, 3, 1, 2])

/** A kernel [h, w, in, out] to [out, in, h, w]. */
export const outputsFirst = (input) => permuted(input, [3, 2, 0, 1])

/** Results [n, c, h, w], of the shape that they have in channels-last order, back to that order. */
export const channelsLast = (values, [n, h, w, c]) => transpose(values, [n, c, h, w], [0, 2, 3, 1])

/** Gradients of a kernel [out, in, h, w] back to its shape [h, w, in, out]. */
export const kernelLast = (values, [h, w, i, o]) => transpose(values, [o, i, h, w], [2, 3, 1, 0])

/** Rows of a dense layer after flattening [h, w, c], in the order that flattening [c, h, w] gives. */
export const flattenedFirst = ({ shape: [rows, columns], values }, [h, w, c]) => ({
  shape: [rows, columns],
  values: transpose(values, [h, w, c, columns], [2, 0, 1, 3]),
})

/** A symmetric positive definite matrix from a square one: x x^T / n + 1, in double precision. */
export const positiveDefinite = ({ shape: [n], values }) => {
  const out = new Float32Array(n * n)
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let k = 0; k < n; k++) sum += values[i * n + k] * values[j * n + k]
      out[i * n + j] = sum / n + (i === j ? 1 : 0)
    }
  return { shape: [n, n], values: out }
}
