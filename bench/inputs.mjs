/** The numbers that every peer computes with: one linear congruential generator, written again in peers/measure.py. */

/** @typedef {Float32Array | Int32Array} Values */

/**
 * Fills an input. The generator is Numerical Recipes' (x = 1664525 x + 1013904223 mod 2^32); its upper 24 bits make a number.
 *
 * @param {import('./workloads.mjs').Input} input
 * @param {number} seed the input's position in its workload
 * @returns {Values}
 */
export const valuesOf = ({ shape, scale = 1, below }, seed) => {
  const size = shape.reduce((a, b) => a * b, 1)
  const values = below === undefined ? new Float32Array(size) : new Int32Array(size)
  let x = Math.imul(seed + 1, 0x9e3779b1)
  for (let i = 0; i < size; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) | 0
    const unit = (x >>> 8) / 16777216
    values[i] = below === undefined ? (2 * unit - 1) * scale : Math.floor(unit * below)
  }
  return values
}

/**
 * All inputs of a workload by name.
 *
 * @param {Record<string, import('./workloads.mjs').Input>} inputs
 * @returns {Record<string, { shape: number[], values: Values }>}
 */
export const inputsOf = (inputs) =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, input], i) => [name, { shape: input.shape, values: valuesOf(input, i) }]),
  )
