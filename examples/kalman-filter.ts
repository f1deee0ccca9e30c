/**
 * A Kalman filter as one `lax.scan`: position and speed of a drifting body from noisy sightings of its position. The
 * gain is checked against its closed form in the steady state, the whole run against a plain loop over JS numbers; and
 * since a scan has derivatives, the noise of the sensor is learned by maximum likelihood from the sightings alone.
 */
import { type NDArray, grad, jit, lax, numpy as np, random } from 'cotangent'

const steps = 400
const pushes = 0.1 // standard deviation of the random accelerations
const noise = 2 // standard deviation of the sensor

const transition = np.array([
  [1, 1],
  [0, 1],
])
const push = np.array([0.5, 1])
const drift = np.outer(push, push).mul(pushes ** 2)

/** A random walk of the state [position, speed] and what the sensor sees of it. */
const simulate = jit((key: NDArray) => {
  const keys = random.split(key)
  const advance = (state: NDArray, acceleration: NDArray): readonly [NDArray, NDArray] => {
    const next = transition.matmul(state).add(push.mul(acceleration))
    return [next, next]
  }
  const accelerations = random.normal(keys.get(0), [steps]).mul(pushes)
  const [, states] = lax.scan(advance, np.zeros([2]), accelerations)
  return { states, seen: states.get('...', 0).add(random.normal(keys.get(1), [steps]).mul(noise)) }
})

interface Belief {
  readonly mean: NDArray
  readonly covariance: NDArray
}

/** Means and gains of every step, and the logarithm of the likelihood of all sightings. */
const filter = jit((seen: NDArray, noise: NDArray) => {
  const update = ({ mean, covariance }: Belief, sighting: NDArray) => {
    const expected = transition.matmul(mean)
    const spread = transition.matmul(covariance).matmul(transition.T).add(drift)
    const variance = spread.get(0, 0).add(noise.square())
    const surprise = sighting.sub(expected.get(0))
    const gain = spread.get('...', 0).div(variance)
    const next = { mean: expected.add(gain.mul(surprise)), covariance: spread.sub(np.outer(gain, spread.get(0))) }
    const logDensity = np.add(surprise.square().div(variance), np.log(variance.mul(2 * Math.PI))).mul(-0.5)
    return [next, { mean: next.mean, gain, logDensity }] as const
  }
  const prior: Belief = { mean: np.zeros([2]), covariance: np.eye(2).mul(100) }
  const [, { mean, gain, logDensity }] = lax.scan(update, prior, seen)
  return { mean, gain, logLikelihood: np.sum(logDensity) }
})

/** The same filter, written out for numbers. */
const plainFilter = (seen: Iterable<number>): readonly number[] => {
  let [position, speed, pp, ps, ss] = [0, 0, 100, 0, 100]
  const positions: number[] = []
  for (const sighting of seen) {
    const q = pushes ** 2
    ;[pp, ps, ss] = [pp + 2 * ps + ss + q / 4, ps + ss + q / 2, ss + q]
    const [gainP, gainS] = [pp / (pp + noise ** 2), ps / (pp + noise ** 2)]
    const surprise = sighting - (position + speed)
    ;[position, speed] = [position + speed + gainP * surprise, speed + gainS * surprise]
    ;[pp, ps, ss] = [pp - gainP * pp, ps - gainP * ps, ss - gainS * ps]
    positions.push(position)
  }
  return positions
}

const { states, seen } = simulate(random.key(0))
const truth = states.get('...', 0)
const { mean, gain } = filter(seen, np.array(noise))
const position = mean.get('...', 0)

const rootMeanSquare = (x: NDArray): number => Math.sqrt(np.mean(x.square()).item())
console.log(`error of the sensor: ${rootMeanSquare(seen.sub(truth)).toFixed(3)}`)
console.log(`error of the filter: ${rootMeanSquare(position.sub(truth)).toFixed(3)}`)

const plain = np.array(plainFilter(seen.dataSync()))
const gap = np.max(np.abs(position.sub(plain))).item()
console.log(`largest difference from a plain loop: ${gap.toExponential(1)}`)

// Kalata (1984), The tracking index: the gain that the filter of this model tends to.
const index = pushes / noise
const r = (4 + index - Math.sqrt(8 * index + index ** 2)) / 4
const alpha = 1 - r ** 2
const beta = 2 * (2 - alpha) - 4 * Math.sqrt(1 - alpha)
const digits = (values: Iterable<number>): string => Array.from(values, (value) => value.toFixed(6)).join(', ')
console.log(`gain in the steady state: ${digits(gain.get(-1).dataSync())}`)
console.log(`its closed form:          ${digits([alpha, beta])}`)

// Gradient ascent through the 400 steps, on the logarithm of the noise, so that it stays positive.
const slope = jit(grad((logNoise: NDArray) => filter(seen, np.exp(logNoise)).logLikelihood))
let logNoise = np.array(Math.log(10))
for (let i = 0; i < 60; i++) logNoise = logNoise.add(slope(logNoise).mul(0.5 / steps))
console.log(`noise learned from the sightings: ${np.exp(logNoise).item().toFixed(3)}, and it is ${noise}`)
console.log(`slope of the likelihood there: ${slope(logNoise).item().toExponential(1)}`)
