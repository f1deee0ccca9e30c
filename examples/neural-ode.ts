/**
 * A neural ordinary differential equation (https://arxiv.org/abs/1806.07366): dz/dt is a small network, integrated by
 * Runge-Kutta steps of fixed length. Its gradient comes from the adjoint equation, integrated backwards by `customVjp`,
 * so that no step is kept in memory. It agrees with the gradient through the steps as far as the integrator is exact:
 * the difference falls with the fourth power of the step. Then a spiral is learned from its trajectory.
 */
import {
  type NDArray,
  customVjp,
  grad,
  jit,
  lax,
  numpy as np,
  optim,
  random,
  slice,
  tree,
  valueAndGrad,
  vjp,
} from 'cotangent'

interface Params {
  readonly hidden: NDArray
  readonly bias: NDArray
  readonly out: NDArray
}

const width = 50
const duration = 0.5

/** dz/dt: a network on the cubes of the coordinates, as in the paper. */
const velocity = (params: Params, z: NDArray): NDArray =>
  np.tanh(z.pow(3).matmul(params.hidden).add(params.bias)).matmul(params.out)

/** A step of the classical Runge-Kutta method, of length h, negative to go back in time, on a pytree. */
const rungeKutta = <State>(slope: (state: State) => State, h: number, state: State): State => {
  const along = (by: number, direction: State, from: State = state): State =>
    tree.map((x: NDArray, v: NDArray) => x.add(v.mul(by)), from, direction)
  const k1 = slope(state)
  const k2 = slope(along(h / 2, k1))
  const k3 = slope(along(h / 2, k2))
  const k4 = slope(along(h, k3))
  return along(h / 6, k4, along(h / 3, k3, along(h / 3, k2, along(h / 6, k1))))
}
const integrate = <State>(slope: (state: State) => State, h: number, steps: number, state: State): State =>
  lax.foriLoop(0, steps, (_, now: State) => rungeKutta(slope, h, now), state)

/** The state after `duration`, with reverse mode through every step. */
const throughSteps =
  (steps: number) =>
  (params: Params, start: NDArray): NDArray =>
    integrate((z: NDArray) => velocity(params, z), duration / steps, steps, start)

/**
 * The same value. For its gradient z runs back in time, and beside it the adjoint a = dL/dz: da/dt = -a df/dz, and
 * dL/dparams is the integral of a df/dparams.
 */
const byAdjoint = (steps: number) => {
  const solve = customVjp(throughSteps(steps))
  solve.defvjp(
    (params, start) => {
      const end = solve(params, start)
      return [end, { params, end }]
    },
    ({ params, end }: { readonly params: Params; readonly end: NDArray }, adjoint: NDArray) => {
      const slope = ({ z, a }: { readonly z: NDArray; readonly a: NDArray; readonly gradient: Params }) => {
        const [dz, pull] = vjp(velocity, params, z)
        const [dParams, da] = pull(a.neg())
        return { z: dz, a: da, gradient: dParams }
      }
      const gradient = tree.map((x: NDArray) => np.zerosLike(x), params)
      const start = integrate(slope, -duration / steps, steps, { z: end, a: adjoint, gradient })
      return [start.gradient, start.a]
    },
  )
  return solve
}

const keys = random.split(random.key(0), 3)
const initialParams = (dtype: 'float32' | 'float64'): Params => ({
  hidden: random.normal(keys.get(0), [2, width], { dtype }).mul(0.2),
  bias: np.zeros([width], { dtype }),
  out: random.normal(keys.get(1), [width, 2], { dtype }).mul(0.2),
})

const params = initialParams('float64')
const points = random.uniform(keys.get(2), [16, 2], { dtype: 'float64', minval: -1, maxval: 1 })
console.log('steps   |adjoint - through steps| / |through steps|')
for (const steps of [4, 8, 16, 32]) {
  const gradientOf = (solve: (params: Params, start: NDArray) => NDArray): Params =>
    jit(grad((params: Params) => np.sum(np.square(solve(params, points)))))(params)
  const exact = gradientOf(throughSteps(steps))
  const difference = tree.map((x: NDArray, y: NDArray) => x.sub(y), gradientOf(byAdjoint(steps)), exact)
  const ratio = optim.globalNorm(difference).div(optim.globalNorm(exact))
  console.log(`${String(steps).padStart(5)}   ${ratio.item().toExponential(2)}`)
}

// The spiral of the paper, dz/dt = z^3 A, at 400 times. The network learns to carry points to where they are 0.5 later.
const spiral = np.array([
  [-0.1, 2],
  [-2, -0.1],
])
const interval = 0.025
const times = 400
/** The states at all times. */
const follow = (slope: (z: NDArray) => NDArray, start: NDArray): NDArray =>
  lax.scan((z: NDArray) => [rungeKutta(slope, interval, z), z], start, null, { length: times })[1]
const truth = jit((z: NDArray) => follow((z) => z.pow(3).matmul(spiral), z))(np.array([2, 0]))
const later = duration / interval
const from = truth.get(slice(0, -later, 4))
const to = truth.get(slice(later, null, 4))

const iterations = 1000
const optimizer = optim.adam(optim.cosineDecaySchedule(2e-2, iterations))
const solve = byAdjoint(10)
const loss = (params: Params): NDArray => np.mean(np.square(solve(params, from).sub(to)))
const step = jit((params: Params, state: readonly unknown[]) => {
  const [value, gradient] = valueAndGrad(loss)(params)
  const [updates, next] = optimizer.update(gradient, state, params)
  return { params: optim.applyUpdates(params, updates), state: next, value }
})

let network = initialParams('float32')
let state = optimizer.init(network)
console.log(`\nwhere the points of the spiral are ${duration} later, learned`)
for (let i = 0; i <= iterations; i++) {
  const next = step(network, state)
  if (i % 200 === 0) console.log(`step ${String(i).padStart(4)}: error ${Math.sqrt(next.value.item()).toFixed(4)}`)
  network = next.params
  state = next.state
}
const learned = jit((params: Params, z: NDArray) => follow((z) => velocity(params, z), z))(network, np.array([2, 0]))
const distance = np.mean(np.sqrt(np.sum(np.square(learned.sub(truth)), { axis: 1 })))
console.log(`mean distance from the spiral over ${times * interval} units of time: ${distance.item().toFixed(3)}`)
