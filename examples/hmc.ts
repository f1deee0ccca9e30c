/**
 * Hamiltonian Monte Carlo (https://arxiv.org/abs/1206.1901): a nest of scans (leapfrog steps in samples) over a batch
 * of chains, in one compiled call. The posterior is that of a line through noisy points, which is known in closed form;
 * its two coefficients are strongly correlated, since the points lie far from the origin.
 */
import { type NDArray, jit, lax, numpy as np, random, slice, valueAndGrad, vmap } from 'cotangent'

const points = 40
const noise = 0.5 // standard deviation of the points around the line
const prior = 10 // standard deviation of each coefficient before any point is seen
const chains = 32
const samples = 1000
const warmup = 200
const leapfrogs = 20
const stepSize = 0.02

const dataKeys = random.split(random.key(0))
const x = random.uniform(dataKeys.get(0), [points], { minval: 1, maxval: 4 })
const design = np.stack([np.ones([points]), x], { axis: 1 })
const y = design.matmul(np.array([1, -2])).add(random.normal(dataKeys.get(1), [points]).mul(noise))

/** Logarithm of the posterior density of the coefficients, up to a constant. */
const logDensity = (coefficients: NDArray): NDArray => {
  const misfit = y.sub(design.matmul(coefficients)).div(noise)
  return misfit.square().sum().add(coefficients.div(prior).square().sum()).mul(-0.5)
}
const densityAndSlope = valueAndGrad(logDensity)

interface State {
  readonly position: NDArray
  readonly momentum: NDArray
  readonly slope: NDArray
  readonly density: NDArray
}

/** The motion conserves it, and leapfrog steps almost do; what they lose decides whether the end is accepted. */
const energy = ({ momentum, density }: State): NDArray => momentum.square().sum().mul(0.5).sub(density)

const leapfrog = (_: NDArray, { position, momentum, slope }: State): State => {
  const half = momentum.add(slope.mul(stepSize / 2))
  const next = position.add(half.mul(stepSize))
  const [density, nextSlope] = densityAndSlope(next)
  return { position: next, momentum: half.add(nextSlope.mul(stepSize / 2)), slope: nextSlope, density }
}

const sample = (position: NDArray, key: NDArray) => {
  const keys = random.split(key)
  const [density, slope] = densityAndSlope(position)
  const start: State = { position, momentum: random.normal(keys.get(0), [2]), slope, density }
  const end = lax.foriLoop(0, leapfrogs, leapfrog, start)
  const accepted = np.log(random.uniform(keys.get(1))).less(energy(start).sub(energy(end)))
  const next = np.where(accepted, end.position, position)
  return [next, { coefficients: next, accepted }] as const
}

const chain = (key: NDArray) => {
  const start = random.normal(random.foldIn(key, 0), [2])
  return lax.scan(sample, start, random.split(random.foldIn(key, 1), warmup + samples))[1]
}

const { coefficients, accepted } = jit(vmap(chain))(random.split(random.key(1), chains))
const kept = coefficients.get('...', slice(warmup, null), slice(null))
const all = kept.reshape([-1, 2])
const mean = all.mean({ axis: 0 })
const centered = all.sub(mean)
const covariance = centered.T.matmul(centered).div(all.shape[0] ?? NaN)

// In closed form: the precision is X'X / noise^2 + I / prior^2, and the mean its inverse times X'y / noise^2.
const precision = design.T.matmul(design)
  .div(noise ** 2)
  .add(np.eye(2).div(prior ** 2))
const exactCovariance = np.linalg.inv(precision)
const exactMean = exactCovariance.matmul(design.T.matmul(y)).div(noise ** 2)

const digits = (x: NDArray): string => Array.from(x.dataSync(), (value) => value.toFixed(4)).join(', ')
const percent = 100 * accepted.astype('float32').mean().item()
console.log(`${chains} chains of ${samples} samples, ${percent.toFixed(1)} % of the moves accepted`)
console.log(`mean:        ${digits(mean)}`)
console.log(`it is:       ${digits(exactMean)}`)
console.log(`covariance:  ${digits(covariance)}`)
console.log(`it is:       ${digits(exactCovariance)}`)

// Gelman and Rubin: the variance of all samples over that within the chains is 1 where the chains agree.
const within = kept.var({ axis: 1 }).mean({ axis: 0 })
const between = kept.mean({ axis: 1 }).var({ axis: 0 })
console.log(`R-hat:       ${digits(np.sqrt(within.add(between).div(within)))}`)
