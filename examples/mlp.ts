/**
 * 2,000 training steps of a multi-layer perceptron in one synchronous loop. Nothing is disposed of by hand and the event loop
 * never turns, and yet resident memory stays flat: this program prints it.
 */
import { type NDArray, jit, numpy as np, optim, random, slice, stax, valueAndGrad } from 'cotangent'

const steps = 2000
const batchSize = 64
const inputs = 64

const keys = random.split(random.key(0))
const initKey = keys.get(0)
const dataKey = keys.get(1)

const model = stax.serial(stax.Dense(512), stax.Relu, stax.Dense(512), stax.Relu, stax.Dense(1))
const initial = model.init(initKey, [batchSize, inputs])
const optimizer = optim.adam(optim.cosineDecaySchedule(1e-3, steps))

/** The function to be learned: how far the two halves of x are apart. */
const target = (x: NDArray): NDArray => {
  const left = x.get('...', slice(0, inputs / 2))
  const right = x.get('...', slice(inputs / 2, inputs))
  return np.sqrt(np.mean(np.square(left.sub(right)), { axis: 1, keepdims: true }))
}

type Params = typeof initial.params

const loss = (params: Params, x: NDArray): NDArray => {
  const { y } = model.apply(params, initial.state, x, { train: true })
  return np.mean(np.square(y.sub(target(x))))
}

const step = jit((params: Params, state: readonly unknown[], key: NDArray) => {
  const x = random.normal(key, [batchSize, inputs])
  const [value, gradients] = valueAndGrad(loss)(params, x)
  const [updates, nextState] = optimizer.update(gradients, state, params)
  return { params: optim.applyUpdates(params, updates), state: nextState, value }
})

const megabytes = (): number => process.memoryUsage().rss / 2 ** 20

let { params } = initial
let state = optimizer.init(params)
let warm = 0
console.log('step    loss      resident memory')
for (let i = 0; i <= steps; i++) {
  const next = step(params, state, random.foldIn(dataKey, i))
  params = next.params
  state = next.state
  if (i === 500) warm = megabytes()
  if (i % 250 === 0) {
    console.log(`${String(i).padStart(4)}    ${next.value.item().toFixed(5)}   ${megabytes().toFixed(1)} MB`)
  }
}
console.log(`growth from step 500 to step ${steps}: ${(megabytes() - warm).toFixed(1)} MB`)
