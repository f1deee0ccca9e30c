/** What the training on MNIST is made of, in Node and in a page: the network, its compiled step, and the test. */
import { type NDArray, data, jit, losses, numpy as np, optim, random, slice, stax, valueAndGrad } from 'cotangent'

/** PyTorch's defaults: convolutions without padding, so 28 -> 26 -> 13 -> 11 -> 5 pixels a side. */
export const network = stax.serial({
  conv1: stax.Conv(32, [3, 3], { padding: 'VALID' }),
  relu1: stax.Relu,
  pool1: stax.MaxPool([2, 2], { strides: [2, 2] }),
  conv2: stax.Conv(64, [3, 3], { padding: 'VALID' }),
  relu2: stax.Relu,
  pool2: stax.MaxPool([2, 2], { strides: [2, 2] }),
  dropout: stax.SpatialDropout(0.25),
  flatten: stax.Flatten,
  classes: stax.Dense(10),
})

/** Pixels as the network wants them: one channel, mean 0 and deviation 1 over the training images. */
const normalized = (images: NDArray): NDArray =>
  images
    .astype('float32')
    .div(255)
    .sub(0.1307)
    .div(0.3081)
    .reshape([...images.shape, 1])

export type LossName = 'cross-entropy' | 'focal'

const lossFunctions: Readonly<Record<LossName, (logits: NDArray, labels: NDArray) => NDArray>> = {
  'cross-entropy': (logits, labels) => np.mean(losses.softmaxCrossEntropyWithIntegerLabels(logits, labels)),
  focal: (logits, labels) => losses.focalLoss(logits, labels, { gamma: 2 }),
}

const initial = (seed: number) => network.init(random.key(seed), [1, 28, 28, 1])
type Params = ReturnType<typeof initial>['params']
type NetworkState = ReturnType<typeof initial>['state']

/** Everything that a step changes. */
export interface Training {
  readonly params: Params
  readonly network: NetworkState
  readonly optimizer: readonly unknown[]
  readonly key: NDArray
}

export interface TrainerOptions {
  /** Seed of everything random. */
  readonly seed: number
  readonly loss: LossName
  /** Learning rate at the start. */
  readonly rate: number
  /** Number of steps over which the rate falls to 0. */
  readonly steps: number
}

/** The start of a training, and its one step, which may overwrite the training that it is given. */
export const trainer = ({ seed, loss: lossName, rate, steps }: TrainerOptions) => {
  const optimizer = optim.chain(optim.clipByGlobalNorm(1), optim.adamw(optim.cosineDecaySchedule(rate, steps)))
  const lossOf = lossFunctions[lossName]

  const start = (): Training => {
    const { params, state } = initial(seed)
    return { params, network: state, optimizer: optimizer.init(params), key: random.foldIn(random.key(seed), 1) }
  }

  const loss = (params: Params, state: NetworkState, images: NDArray, labels: NDArray, key: NDArray) => {
    const { y, state: next } = network.apply(params, state, normalized(images), { train: true, key })
    return [lossOf(y, labels), next] as const
  }

  const step = jit(
    (training: Training, images: NDArray, labels: NDArray): readonly [next: Training, loss: NDArray] => {
      const keys = random.split(training.key)
      const [[value, state], gradients] = valueAndGrad(loss, { hasAux: true })(
        training.params,
        training.network,
        images,
        labels,
        keys.get(1),
      )
      const [updates, optimizerState] = optimizer.update(gradients, training.optimizer, training.params)
      const params = optim.applyUpdates(training.params, updates)
      return [{ params, network: state, optimizer: optimizerState, key: keys.get(0) }, value]
    },
    { donateArgnums: 0 },
  )
  return { start, step }
}

/** Scores of the ten digits for each of some images, outside of training. */
export const scoresOf = jit((params: Params, state: NetworkState, images: NDArray): NDArray =>
  stax.predict(network)(params, state, normalized(images)),
)

/** How many images of a batch are told right. */
const countRight = jit((params: Params, state: NetworkState, images: NDArray, labels: NDArray): NDArray => {
  const scores = scoresOf(params, state, images)
  return np.sum(np.equal(np.argmax(scores, { axis: -1 }), labels))
})

/** The one number in an array. */
export const scalar = async (x: NDArray): Promise<number> => (await x.data())[0] ?? NaN

/** Share of the test images that are told right; `pause` is waited for between batches. */
export const accuracyOf = async (
  { params, network: state }: Training,
  test: data.LabeledImages,
  pause: () => Promise<void>,
): Promise<number> => {
  let right = 0
  for (const { images, labels } of data.batches(test, { batchSize: 1000 })) {
    right += await scalar(countRight(params, state, images, labels))
    await pause()
  }
  return right / (test.labels.shape[0] ?? 0)
}

/** The first `count` images. */
export const firstImages = ({ images, labels }: data.LabeledImages, count: number): data.LabeledImages => ({
  images: images.get(slice(0, count)),
  labels: labels.get(slice(0, count)),
})
