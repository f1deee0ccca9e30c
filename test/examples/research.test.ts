/** The examples of control flow and custom derivatives: what each prints is held against what is known. */
import { expect, test } from 'vitest'
import { numberIn, outputOf } from './run.js'

/** The numbers, separated by commas or blanks, in the first match of a pattern's first group. */
const numbersIn = (text: string, pattern: RegExp): number[] => {
  const found = pattern.exec(text)?.[1]
  if (found === undefined) throw new Error(`${String(pattern)} is not in:\n${text}`)
  return found.split(/[,\s]+/).map(Number)
}

/** Rows of a table of numbers, in the order of the text; other lines are no rows. */
const rowsIn = (text: string): number[][] =>
  text.split('\n').flatMap((line) => {
    const row = line.replaceAll('%', '').trim().split(/\s+/).map(Number)
    return row.length > 1 && row.every(Number.isFinite) ? [row] : []
  })

const expectClose = (found: readonly number[], expected: readonly number[], bound: number): void => {
  expect(found).toHaveLength(expected.length)
  found.forEach((value, i) => expect(Math.abs(value - (expected[i] ?? NaN)), `number ${i}`).toBeLessThan(bound))
}

test('rnn-text: the network writes the poem that it was trained on', async () => {
  const output = await outputOf('rnn-text')
  // At first it knows nothing: about the logarithm of the 29 characters.
  expect(numberIn(output, /^step +0: loss (\S+)$/m)).toBeGreaterThan(3)
  expect(numberIn(output, /^step 200: loss (\S+)$/m)).toBeLessThan(0.02)
  expect(output).toContain('Tyger Tyger, burning bright,\nIn the forests of the night;\nWhat immortal hand or eye,\n')
  expect(output).toContain('On what wings dare he aspire?\nWhat the hand, dare seize the fire?\n')
  expect(output).toMatch(/^right: 247 of 247 characters$/m)
})

test('kalman-filter: the gain tends to its closed form, and the noise is found by its likelihood', async () => {
  const output = await outputOf('kalman-filter')
  const sensor = numberIn(output, /^error of the sensor: (\S+)$/m)
  expect(sensor).toBeGreaterThan(1.8)
  expect(sensor).toBeLessThan(2.2)
  // The variance of the filter in the steady state is alpha times that of the sensor.
  const expected = 2 * Math.sqrt(0.270867)
  expect(Math.abs(numberIn(output, /^error of the filter: (\S+)$/m) / expected - 1)).toBeLessThan(0.15)
  expect(numberIn(output, /^largest difference from a plain loop: (\S+)$/m)).toBeLessThan(2e-4)
  // Kalata's alpha and beta for a tracking index of 0.1 / 2.
  const r = (4.05 - Math.sqrt(0.4 + 0.0025)) / 4
  const alpha = 1 - r ** 2
  const closed = [alpha, 2 * (2 - alpha) - 4 * Math.sqrt(1 - alpha)]
  expectClose(numbersIn(output, /^its closed form: +(.*)$/m), closed, 1e-6)
  expectClose(numbersIn(output, /^gain in the steady state: (.*)$/m), closed, 1e-5)
  expectClose([numberIn(output, /^noise learned from the sightings: ([\d.]+),/m)], [2], 0.15)
  expect(Math.abs(numberIn(output, /^slope of the likelihood there: (\S+)$/m))).toBeLessThan(1e-2)
})

test('hmc: mean and covariance of the samples are those of the posterior', async () => {
  const output = await outputOf('hmc')
  const [mean, exactMean] = [...output.matchAll(/^(?:mean|it is): +(.*)$/gm)].map((line) =>
    (line[1] ?? '').split(', ').map(Number),
  )
  expect(mean).toHaveLength(2)
  expectClose(mean ?? [], exactMean ?? [], 0.02)
  const covariance = numbersIn(output, /^covariance: +(.*)$/m)
  const exact = numbersIn(output, /^covariance: .*\nit is: +(.*)$/m)
  expect(exact).toHaveLength(4)
  // Relative to the deviations of the two coefficients: correlations as well as variances.
  const deviations = [Math.sqrt(exact[0] ?? NaN), Math.sqrt(exact[3] ?? NaN)]
  const scale = [0, 1, 2, 3].map((i) => (deviations[i >> 1] ?? NaN) * (deviations[i & 1] ?? NaN))
  expectClose(
    covariance.map((value, i) => value / (scale[i] ?? NaN)),
    exact.map((value, i) => value / (scale[i] ?? NaN)),
    0.06,
  )
  for (const rHat of numbersIn(output, /^R-hat: +(.*)$/m)) expect(rHat).toBeLessThan(1.01)
  const accepted = numberIn(output, /, (\S+) % of the moves accepted$/m)
  expect(accepted).toBeGreaterThan(80)
  expect(accepted).toBeLessThan(100)
})

test('neural-ode: the adjoint agrees with backpropagation to the fourth order, and a spiral is learned', async () => {
  const output = await outputOf('neural-ode')
  const rows = rowsIn(output)
  expect(rows.map(([steps]) => steps)).toEqual([4, 8, 16, 32])
  const differences = rows.map((row) => row[1] ?? NaN)
  expect(differences[0]).toBeLessThan(1e-5)
  expect(differences[3]).toBeLessThan(1e-9)
  differences.slice(1).forEach((difference, i) => {
    const order = Math.log2((differences[i] ?? NaN) / difference)
    expect(order).toBeGreaterThan(3.7)
    expect(order).toBeLessThan(4.3)
  })
  const before = numberIn(output, /^step +0: error (\S+)$/m)
  expect(numberIn(output, /^step 1000: error (\S+)$/m)).toBeLessThan(before / 50)
  // The spiral starts at a radius of 2; a network that knew nothing would be off by about that.
  expect(numberIn(output, /^mean distance from the spiral .*: (\S+)$/m)).toBeLessThan(0.8)
})

test("newton-implicit: the derivatives of Kepler's equation are those by hand", async () => {
  const output = await outputOf('newton-implicit')
  expect(numberIn(output, /^1000 orbits: \d+ to (\d+) Newton steps$/m)).toBeLessThan(12)
  expect(numberIn(output, /^largest residual of Kepler's equation: (\S+)$/m)).toBeLessThan(1e-14)
  const errors = [...output.matchAll(/: from (\S+) to (\S+), error (\S+)$/gm)].map((line) => line.slice(1).map(Number))
  expect(errors).toHaveLength(5)
  for (const [least, greatest, error] of errors) {
    expect((greatest ?? NaN) - (least ?? NaN)).toBeGreaterThan(1)
    expect(error).toBeLessThan(1e-13)
  }
})

test('viterbi: no path is more probable, and the loaded die is found out', async () => {
  const output = await outputOf('viterbi')
  expect(
    numberIn(output, /^100 sequences of 8 symbols against all 6561 paths: (\d+) times the same path$/m),
  ).toBeGreaterThan(95)
  // float64; where the path is another one, it is as probable.
  expect(numberIn(output, /^its log probability differs by at most (\S+) from the best$/m)).toBeLessThan(1e-12)
  expect(numberIn(output, /^and that of its path, computed anew, by (\S+)$/m)).toBeLessThan(1e-12)
  const rolls = /^[1-6]{100}$/m.exec(output)?.[0] ?? ''
  const [dice, path] = output.match(/^[FL]{100}$/gm) ?? []
  // Half of the rolls of a loaded die are sixes.
  const shareOfSixes = (die: string): number => {
    const own = Array.from(rolls).filter((_, i) => path?.[i] === die)
    return own.filter((roll) => roll === '6').length / own.length
  }
  expect(shareOfSixes('L')).toBeGreaterThan(0.3)
  expect(shareOfSixes('F')).toBeLessThan(0.3)
  expect(dice).toContain('FL')
  const fair = numberIn(output, /always saying fair: (\S+) %$/m)
  expect(numberIn(output, /^die told right: (\S+) %/m)).toBeGreaterThan(fair + 10)
})

test('gaussian-process: the posterior is the direct solution, and the noise is learned', async () => {
  const output = await outputOf('gaussian-process')
  expect(numberIn(output, /^mean against the direct solution: largest difference (\S+)$/m)).toBeLessThan(1e-10)
  const likelihoods = [...output.matchAll(/^step +\d+: -log likelihood (\S+),/gm)].map((line) => Number(line[1]))
  expect(likelihoods).toHaveLength(4)
  expect(likelihoods[3]).toBeLessThan((likelihoods[0] ?? NaN) - 20)
  expect(numberIn(output, /^step 300: .* slope (\S+)$/m)).toBeLessThan(1e-3)
  expectClose([numberIn(output, /^noise (\S+), and it was 0\.2$/m)], [0.2], 0.05)
  expect(numberIn(output, /^error of the mean: (\S+)$/m)).toBeLessThan(0.2)
  expect(numberIn(output, /^within two deviations: (\S+) %$/m)).toBeGreaterThan(80)
})

test('dp-sgd: no gradient is longer than the clipping norm, and the private model learns', async () => {
  const output = await outputOf('dp-sgd')
  expect(numberIn(output, /^largest norm of an example's gradient: +(\S+)$/m)).toBeGreaterThan(1)
  expectClose([numberIn(output, /^and after clipping to 0\.5: +(\S+)$/m)], [0.5], 1e-4)
  expect(numberIn(output, /^their sum .* relative difference (\S+)$/m)).toBeLessThan(1e-5)
  const accuracy = numberIn(output, /^accuracy on new points: (\S+) % in private/m)
  expect(accuracy).toBeGreaterThan(85)
  expect(numberIn(output, /in private, (\S+) % without/m)).toBeGreaterThan(accuracy)
  const rho = 60 / (2 * 20 ** 2)
  expectClose([numberIn(output, /^privacy: epsilon (\S+) at/m)], [rho + 2 * Math.sqrt(rho * Math.log(1e5))], 0.01)
})

test('beam-search: wider beams find more, and the widest finds what exhaustive search does', async () => {
  const output = await outputOf('beam-search')
  expectClose([numberIn(output, /^100 prompts, 625 sequences; .* sum to (\S+)$/m)], [1], 1e-4)
  const rows = rowsIn(output)
  expect(rows.map(([width]) => width)).toEqual([1, 2, 3, 4, 8, 125])
  const found = rows.map((row) => row[1] ?? NaN)
  const lost = rows.map((row) => row[2] ?? NaN)
  const rescored = rows.map((row) => row[3] ?? NaN)
  // A greedy search misses many, else the task would show nothing.
  expect(found[0]).toBeLessThan(70)
  expect(found).toEqual(found.toSorted((a, b) => a - b))
  expect(lost).toEqual(lost.toSorted((a, b) => b - a))
  expect([found.at(-1), lost.at(-1)]).toEqual([100, 0])
  for (const difference of rescored) expect(difference).toBeLessThan(1e-5)
})
