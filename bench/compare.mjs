/** Medians and ratios of times, and the comparison of results. */

/**
 * @typedef {import('./measure.mjs').Digest} Digest
 * @typedef {import('./workloads.mjs').Workload} Workload
 * @typedef {object} Measured a peer's part of a row
 * @property {number[]} times of each round, in the workload's unit
 * @property {number[]} cpu processor time of a call in each round
 * @property {number} peak resident memory of the process in MB
 * @property {number} difference to the reference's results
 * @property {string | null} note
 * @property {boolean} incomparable
 * @typedef {Measured | { absent: string } | { failed: string }} Outcome
 * @typedef {object} Row
 * @property {string} name
 * @property {string} unit
 * @property {number | null} flops
 * @property {number | null} [bytes]
 * @property {number} perCall
 * @property {[number, number] | null} goal
 * @property {number} tolerance
 * @property {string} reference the peer whose results the others' are compared with
 * @property {string} date
 * @property {number} load of the machine when the row was measured
 * @property {Record<string, Outcome>} peers
 */

/** @type {(numbers: readonly number[]) => number} */
export const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}

/** @type {(numbers: readonly number[]) => number} */
export const geometricMean = (numbers) =>
  numbers.length === 0 ? NaN : Math.exp(numbers.reduce((sum, x) => sum + Math.log(x), 0) / numbers.length)

/**
 * How many times as long `theirs` takes as `ours`: the median over rounds, in which both ran one after the other, so that
 * a machine that slows down for a while slows both; of the medians where they had different numbers of rounds.
 * @type {(theirs: readonly number[], ours: readonly number[]) => number}
 */
export const ratio = (theirs, ours) =>
  theirs.length === ours.length
    ? median(theirs.map((time, i) => time / (ours[i] ?? NaN)))
    : median(theirs) / median(ours)

/**
 * The largest difference of results to the reference's, relative to the reference's root mean square. Of random numbers, the
 * differences of mean and deviation count.
 * @type {(workload: Workload, results: readonly Digest[], reference: readonly Digest[]) => number}
 */
export const difference = ({ compare }, results, reference) => {
  if (results.length !== reference.length) return Infinity
  return Math.max(
    ...results.map((result, i) => {
      const wanted = reference[i]
      if (!wanted || wanted.size !== result.size) return Infinity
      if (compare === 'moments')
        return Math.max(Math.abs(result.mean - wanted.mean), Math.abs(result.deviation - wanted.deviation))
      const scale = Math.hypot(wanted.mean, wanted.deviation) || 1
      const worst = wanted.sample.map((value, k) => {
        const other = result.sample[k] ?? null
        // Non-finite numbers have become null, and must be so in both.
        return value === null || other === null ? (value === other ? 0 : Infinity) : Math.abs(value - other)
      })
      return Math.max(0, ...worst, Math.abs(result.mean - wanted.mean)) / scale
    }),
  )
}
