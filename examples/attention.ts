/**
 * Self-attention as a layer, on a toy task that needs it: the first half of a sequence is random, the second half is blank, and
 * the network has to copy the first half into the second. Each position must look at another one to know its answer.
 */
import { type NDArray, jit, losses, numpy as np, optim, random, slice, stax, valueAndGrad } from 'cotangent'

const symbols = 8
const half = 6
const length = 2 * half
const features = 32
const batchSize = 64
const steps = 300

/** Learned positions, added to what comes in: a layer of one's own is a pair of functions. */
const positions = (): stax.Layer<{ readonly embedding: NDArray }, null> => ({
  init: (key, inputShape) => {
    const [, rows = 0, columns = 0] = inputShape
    const embedding = random.normal(key, [rows, columns]).mul(0.5)
    return { outputShape: inputShape, params: { embedding }, state: null }
  },
  apply: (params, state, x) => ({ y: x.add(params.embedding), state }),
})

const network = stax.serial({
  symbols: stax.Embed(symbols + 1, features),
  positions: positions(),
  attention: stax.residual(stax.SelfAttention({ heads: 4 })),
  norm: stax.LayerNorm(),
  hidden: stax.Dense(64),
  relu: stax.Relu,
  symbol: stax.Dense(symbols),
})

/** Sequences with their second half blank (symbol 0), and the symbols that belong there. */
const task = (key: NDArray): { readonly sequence: NDArray; readonly answer: NDArray } => {
  const answer = random.randint(key, [batchSize, half], 0, symbols)
  const blank = np.zeros([batchSize, half], { dtype: 'int32' })
  return { sequence: np.concatenate([answer.add(1), blank], { axis: 1 }), answer }
}

const initial = network.init(random.key(0), [batchSize, length])
type Params = typeof initial.params

const logits = (params: Params, sequence: NDArray): NDArray =>
  network.apply(params, initial.state, sequence, {}).y.get(slice(null), slice(half, length))

const loss = (params: Params, sequence: NDArray, answer: NDArray): NDArray =>
  np.mean(losses.softmaxCrossEntropyWithIntegerLabels(logits(params, sequence), answer))

const optimizer = optim.adam(optim.cosineDecaySchedule(5e-3, steps))

const step = jit((params: Params, state: readonly unknown[], key: NDArray) => {
  const { sequence, answer } = task(key)
  const [value, gradients] = valueAndGrad(loss)(params, sequence, answer)
  const [updates, nextState] = optimizer.update(gradients, state, params)
  return { params: optim.applyUpdates(params, updates), state: nextState, value }
})

let { params } = initial
let state = optimizer.init(params)
const dataKey = random.key(1)
for (let i = 0; i <= steps; i++) {
  const next = step(params, state, random.foldIn(dataKey, i))
  params = next.params
  state = next.state
  if (i % 50 === 0) console.log(`step ${String(i).padStart(3)}: loss ${next.value.item().toFixed(5)}`)
}

const { sequence, answer } = jit(task)(random.key(2))
const copied = np.argmax(jit(logits)(params, sequence), { axis: -1 })
const text = (row: NDArray): string => row.add(1).dataSync().join(' ')
console.log(`input  ${sequence.get(0).dataSync().join(' ')}`)
console.log(`copied ${text(copied.get(0))}, and it should be ${text(answer.get(0))}`)
console.log(
  `copied right: ${np.mean(np.equal(copied, answer)).mul(100).item().toFixed(1)} % of ${batchSize * half} new symbols`,
)
