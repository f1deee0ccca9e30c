/**
 * A root found by Newton's method in a `whileLoop`, differentiated without going through its iterations: where
 * f(x, theta) = 0, the implicit function theorem says dx = -(df/dtheta · dtheta) / (df/dx). That is all that `customJvp`
 * needs: forward and reverse mode, higher derivatives and batches follow. The root here is that of Kepler's equation,
 * E - e sin E = M, whose derivatives are known.
 */
import { type NDArray, customJvp, grad, jit, jvp, lax, numpy as np, vmap } from 'cotangent'

const tolerance = 1e-13
const maxIterations = 50

interface Search {
  readonly x: NDArray
  readonly iterations: NDArray
  /** By how much x was last changed. */
  readonly step: NDArray
}

/** Where f(x, theta) is 0, from a starting point that may depend on theta, and how many steps it took. */
const newton = <Theta>(f: (x: NDArray, theta: Theta) => NDArray, start: (theta: Theta) => NDArray, theta: Theta) => {
  const descend = ({ x, iterations }: Search): Search => {
    const [value, slope] = jvp((x: NDArray) => f(x, theta), [x], [np.onesLike(x)])
    const step = value.div(slope)
    return { x: x.sub(step), iterations: iterations.add(1), step }
  }
  const first = start(theta)
  return lax.whileLoop(
    ({ step, iterations }) => np.logicalAnd(np.abs(step).greater(tolerance), iterations.less(maxIterations)),
    descend,
    { x: first, iterations: np.array(0, { dtype: 'int32' }), step: np.fullLike(first, Infinity) },
  )
}

const implicitRoot = <Theta>(f: (x: NDArray, theta: Theta) => NDArray, start: (theta: Theta) => NDArray) => {
  const root = customJvp((theta: Theta) => newton(f, start, theta).x)
  root.defjvp(([theta], [dtheta]) => {
    const x = root(theta)
    const slope = grad((x: NDArray) => f(x, theta))(x)
    const [, change] = jvp((theta: Theta) => f(x, theta), [theta], [dtheta])
    return [x, change.neg().div(slope)]
  })
  return root
}

/** Time since the closest point of an orbit, as an angle (mean anomaly), and the orbit's eccentricity. */
interface Orbit {
  readonly mean: NDArray
  readonly eccentricity: NDArray
}

const kepler = (anomaly: NDArray, { mean, eccentricity }: Orbit): NDArray =>
  anomaly.sub(eccentricity.mul(anomaly.sin())).sub(mean)
const start = ({ mean, eccentricity }: Orbit): NDArray => mean.add(eccentricity.mul(mean.sin()))
const anomaly = implicitRoot(kepler, start)

const count = 1000
const orbits: Orbit = {
  mean: np.linspace(0.01, 3.1, { num: count, dtype: 'float64' }),
  eccentricity: np.linspace(0.95, 0, { num: count, dtype: 'float64' }),
}

// The batch stops when the last of its members has converged; those that are done stay as they are.
const { iterations } = jit(vmap((orbit: Orbit) => newton(kepler, start, orbit)))(orbits)
const E = jit(vmap(anomaly))(orbits)
const residual = np.max(np.abs(kepler(E, orbits)))
console.log(`${count} orbits: ${np.min(iterations).item()} to ${np.max(iterations).item()} Newton steps`)
console.log(`largest residual of Kepler's equation: ${residual.item().toExponential(1)}`)

const { mean: dM, eccentricity: de } = jit(vmap(grad(anomaly)))(orbits)
const byMean = (mean: NDArray, eccentricity: NDArray): NDArray => anomaly({ mean, eccentricity })
const curvature = jit(vmap(grad(grad(byMean))))(orbits.mean, orbits.eccentricity)
// Forward mode can also go through the loop itself, step by step: the same derivative, for more work.
const forward = (solve: (orbit: Orbit) => NDArray): NDArray =>
  jit((orbit: Orbit) => jvp(vmap(solve), [orbit], [{ mean: np.onesLike(E), eccentricity: np.zerosLike(E) }]))(orbits)[1]

// Kepler's equation, differentiated by hand.
const radius = np.subtract(1, orbits.eccentricity.mul(E.cos()))
const compare = (name: string, found: NDArray, known: NDArray): void => {
  const range = `from ${np.min(known).item().toFixed(3)} to ${np.max(known).item().toFixed(3)}`
  const error = np.max(np.abs(found.sub(known)).div(np.maximum(1, np.abs(known)))).item()
  console.log(`${name}: ${range}, error ${error.toExponential(1)}`)
}
console.log('derivatives against those by hand:')
compare('dE/dM, reverse mode', dM, np.reciprocal(radius))
compare('dE/dM, forward mode', forward(anomaly), np.reciprocal(radius))
compare(
  'dE/dM, through loop',
  forward((orbit) => newton(kepler, start, orbit).x),
  np.reciprocal(radius),
)
compare('dE/de, reverse mode', de, E.sin().div(radius))
compare('d2E/dM2            ', curvature, orbits.eccentricity.mul(E.sin()).neg().div(radius.pow(3)))
