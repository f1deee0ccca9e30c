/**
 * Gaussian-process regression: a distribution over functions, conditioned on noisy points by a Cholesky factor of their
 * covariance (Rasmussen and Williams, Gaussian Processes for Machine Learning, algorithm 2.1). The posterior is checked
 * against the linear system solved directly; length scale, amplitude and noise are learned by the gradient of the
 * marginal likelihood, through the factor.
 */
import { type NDArray, jit, lax, numpy as np, optim, random, valueAndGrad, vmap } from 'cotangent'

const points = 40
const noise = 0.2

/** Logarithms of positive numbers. */
interface Params {
  readonly amplitude: NDArray
  readonly lengthScale: NDArray
  readonly noise: NDArray
}

/** Covariance of the function's values at two lists of points: `[a, b]`. */
const covariance = ({ amplitude, lengthScale }: Params, a: NDArray, b: NDArray): NDArray => {
  const between = (x: NDArray, y: NDArray): NDArray => x.sub(y).div(lengthScale.exp()).square().mul(-0.5).exp()
  const matrix = vmap((x: NDArray) => vmap((y: NDArray) => between(x, y))(b))(a)
  return matrix.mul(amplitude.mul(2).exp())
}
const ofSightings = (params: Params, x: NDArray): NDArray =>
  covariance(params, x, x).add(np.eye(points, { dtype: x.dtype }).mul(params.noise.mul(2).exp()))

/** Solves l · z = b for a lower triangular l and a vector b. */
const forward = (l: NDArray, b: NDArray): NDArray =>
  lax.linalg.triangularSolve(l, b.reshape([-1, 1]), { leftSide: true, lower: true }).ravel()

/** Minus the logarithm of the density of the points under the model. */
const surprise = (params: Params, x: NDArray, y: NDArray): NDArray => {
  const l = np.linalg.cholesky(ofSightings(params, x))
  const misfit = forward(l, y).square().sum().mul(0.5)
  return misfit.add(np.log(np.diag(l)).sum()).add((points / 2) * Math.log(2 * Math.PI))
}

/** Mean and standard deviation of the function at new points. */
const posterior = jit((params: Params, x: NDArray, y: NDArray, at: NDArray) => {
  const l = np.linalg.cholesky(ofSightings(params, x))
  const across = lax.linalg.triangularSolve(l, covariance(params, x, at), { leftSide: true, lower: true })
  const variance = np.exp(params.amplitude.mul(2)).sub(across.square().sum({ axis: 0 }))
  return { mean: across.T.matmul(forward(l, y)), deviation: variance.sqrt() }
})

const truth = (x: NDArray): NDArray => x.mul(2).sin().add(x.mul(0.5))
const keys = random.split(random.key(0))
const dtype = 'float64'
const x = random.uniform(keys.get(0), [points], { minval: -3, maxval: 3, dtype })
const y = truth(x).add(random.normal(keys.get(1), [points], { dtype }).mul(noise))

const optimizer = optim.adam(0.05)
const step = jit((params: Params, state: readonly unknown[]) => {
  const [value, gradient] = valueAndGrad(surprise)(params, x, y)
  const [updates, next] = optimizer.update(gradient, state, params)
  return { params: optim.applyUpdates(params, updates), state: next, value, slope: optim.globalNorm(gradient) }
})
const zero = np.zeros([], { dtype })
let params: Params = { amplitude: zero, lengthScale: zero, noise: zero }
let state = optimizer.init(params)
for (let i = 0; i <= 300; i++) {
  const next = step(params, state)
  if (i % 100 === 0) {
    const [value, slope] = [next.value.item().toFixed(4), next.slope.item().toExponential(1)]
    console.log(`step ${String(i).padStart(3)}: -log likelihood ${value}, slope ${slope}`)
  }
  params = next.params
  state = next.state
}
const exp = (x: NDArray): string => x.exp().item().toFixed(3)
console.log(`amplitude ${exp(params.amplitude)}, length scale ${exp(params.lengthScale)}`)
console.log(`noise ${exp(params.noise)}, and it was ${noise}`)

const at = np.linspace(-3, 3, { num: 61, dtype })
const { mean, deviation } = posterior(params, x, y, at)
const direct = covariance(params, at, x).matmul(np.linalg.solve(ofSightings(params, x), y))
const gap = np.max(np.abs(mean.sub(direct))).item()
console.log(`mean against the direct solution: largest difference ${gap.toExponential(1)}`)

const error = mean.sub(truth(at))
const inside = np.abs(error).less(deviation.mul(2)).astype('float32').mean().mul(100).item()
console.log(`error of the mean: ${np.sqrt(np.mean(error.square())).item().toFixed(3)}`)
console.log(`within two deviations: ${inside.toFixed(0)} %`)
