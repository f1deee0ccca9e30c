/**
 * Focal loss (https://arxiv.org/abs/1708.02002) against cross-entropy, on two overlapping classes of which one is rare. Both
 * train the same small network from the same start; the curves show how much of the rare class each one finds.
 */
import { type NDArray, jit, losses, numpy as np, optim, random, stax, valueAndGrad } from 'cotangent'
import { textPlot } from './text-plot.js'

const size = 2000
const rareShare = 0.05
const steps = 300

/** Points of the plane, 5 % of them of class 1, and the classes. The rare cloud lies at the edge of the common one. */
const dataset = (key: NDArray): { readonly points: NDArray; readonly classes: NDArray } => {
  const rare = Math.round(size * rareShare)
  const classes = np.concatenate([np.zeros([size - rare], { dtype: 'int32' }), np.ones([rare], { dtype: 'int32' })])
  const noise = random.normal(key, [size, 2])
  const shift = classes
    .astype('float32')
    .reshape([size, 1])
    .mul(np.array([1.6, 1.6]))
  return { points: noise.add(shift), classes }
}

const train = dataset(random.key(1))
const test = dataset(random.key(2))

const network = stax.serial(stax.Dense(16), stax.Tanh, stax.Dense(2))
const initial = network.init(random.key(0), [size, 2])
type Params = typeof initial.params
const optimizer = optim.adam(0.01)

const logits = (params: Params, points: NDArray): NDArray => network.apply(params, initial.state, points, {}).y

type Loss = (logits: NDArray, classes: NDArray) => NDArray
const crossEntropy: Loss = (logits, classes) => np.mean(losses.softmaxCrossEntropyWithIntegerLabels(logits, classes))
const focal: Loss = (logits, classes) => losses.focalLoss(logits, classes, { gamma: 2, alpha: [0.1, 0.9] })

/** Share of each class that is told right. */
const recall = jit((params: Params, points: NDArray, classes: NDArray): readonly NDArray[] => {
  const right = np.equal(np.argmax(logits(params, points), { axis: -1 }), classes)
  return [0, 1].map((k) => {
    const members = np.equal(classes, k)
    return np.sum(np.logicalAnd(right, members)).div(np.sum(members))
  })
})

interface History {
  readonly loss: number[]
  readonly rare: number[]
  readonly common: number[]
}

const trainWith = (loss: Loss): History => {
  const step = jit((params: Params, state: readonly unknown[], points: NDArray, classes: NDArray) => {
    const [value, gradients] = valueAndGrad((p: Params) => loss(logits(p, points), classes))(params)
    const [updates, nextState] = optimizer.update(gradients, state, params)
    return { params: optim.applyUpdates(params, updates), state: nextState, value }
  })
  const history: History = { loss: [], rare: [], common: [] }
  let { params } = initial
  let state = optimizer.init(params)
  for (let i = 0; i < steps; i++) {
    const next = step(params, state, train.points, train.classes)
    params = next.params
    state = next.state
    const [common, rare] = recall(params, test.points, test.classes)
    history.loss.push(next.value.item())
    history.common.push(common?.item() ?? NaN)
    history.rare.push(rare?.item() ?? NaN)
  }
  return history
}

const plain = trainWith(crossEntropy)
const focused = trainWith(focal)

console.log(`${size} points, ${rareShare * 100} % of them of the rare class; ${steps} steps\n`)
console.log(
  textPlot('loss', [
    { name: 'cross-entropy', mark: 'c', values: plain.loss },
    { name: 'focal', mark: 'f', values: focused.loss },
  ]),
)
console.log()
console.log(
  textPlot(
    'share of the rare class that is found',
    [
      { name: 'cross-entropy', mark: 'c', values: plain.rare },
      { name: 'focal', mark: 'f', values: focused.rare },
    ],
    { min: 0, max: 1 },
  ),
)
const report = (name: string, { rare, common }: History): void =>
  console.log(
    `${name}: finds ${(100 * (rare.at(-1) ?? NaN)).toFixed(1)} % of the rare class, ` +
      `keeps ${(100 * (common.at(-1) ?? NaN)).toFixed(1)} % of the common one`,
  )
console.log()
report('cross-entropy', plain)
report('focal        ', focused)
