/**
 * The main job: trains the convolutional network of a PyTorch course on the real MNIST digits, with AdamW, a learning rate that
 * falls along a cosine, and gradient clipping, all in one compiled step. `npm start -- --help` tells the options.
 */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  type NDArray,
  DeviceError,
  data,
  init,
  io,
  jit,
  losses,
  numpy as np,
  optim,
  random,
  slice,
  stax,
  valueAndGrad,
} from 'cotangent'
import { type Options, UsageError, help, readOptions } from './mnist-options.js'
import { showProgress } from './progress.js'

/** PyTorch's defaults: convolutions without padding, so 28 -> 26 -> 13 -> 11 -> 5 pixels a side. */
const network = stax.serial({
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

const lossFunctions: Readonly<Record<Options['loss'], (logits: NDArray, labels: NDArray) => NDArray>> = {
  'cross-entropy': (logits, labels) => np.mean(losses.softmaxCrossEntropyWithIntegerLabels(logits, labels)),
  focal: (logits, labels) => losses.focalLoss(logits, labels, { gamma: 2 }),
}

const initial = (seed: number) => network.init(random.key(seed), [1, 28, 28, 1])
type Params = ReturnType<typeof initial>['params']
type NetworkState = ReturnType<typeof initial>['state']

/** Everything that a step changes. */
interface Training {
  readonly params: Params
  readonly network: NetworkState
  readonly optimizer: readonly unknown[]
  readonly key: NDArray
}

/** The start of a training, and its one step, which may overwrite the training that it is given. */
const trainer = ({ seed, loss: lossName, rate }: Options, steps: number) => {
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

/** How many images of a batch are told right. */
const countRight = jit((params: Params, state: NetworkState, images: NDArray, labels: NDArray): NDArray => {
  const logits = stax.predict(network)(params, state, normalized(images))
  return np.sum(np.equal(np.argmax(logits, { axis: -1 }), labels))
})

const scalar = async (x: NDArray): Promise<number> => (await x.data())[0] ?? NaN

/** Lets timers, signals and finalizers have their turn. */
const breathe = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Share of the test images that are told right. */
const accuracyOf = async ({ params, network: state }: Training, test: data.LabeledImages): Promise<number> => {
  let right = 0
  for (const { images, labels } of data.batches(test, { batchSize: 1000 })) {
    right += await scalar(countRight(params, state, images, labels))
    await breathe()
  }
  return right / (test.labels.shape[0] ?? 0)
}

const firstImages = ({ images, labels }: data.LabeledImages, count: number): data.LabeledImages => ({
  images: images.get(slice(0, count)),
  labels: labels.get(slice(0, count)),
})

const train = async (options: Options): Promise<void> => {
  const { epochs, batch, seed, limit, out } = options
  if (options.device !== undefined) await init({ device: options.device })
  await mkdir(dirname(out), { recursive: true }).catch((error: unknown) => {
    throw new UsageError(`--out: ${error instanceof Error ? error.message : String(error)}`)
  })
  const mnist = await data.loadMnist(options.data === undefined ? {} : { directory: options.data })
  const training = limit === undefined ? mnist.train : firstImages(mnist.train, limit)
  const test = limit === undefined ? mnist.test : firstImages(mnist.test, limit)
  const stepsPerEpoch = Math.floor((training.labels.shape[0] ?? 0) / batch)
  if (stepsPerEpoch === 0)
    throw new UsageError(`--batch ${batch} is more than the ${training.labels.shape[0]} training images`)

  const { start, step } = trainer(options, epochs * stepsPerEpoch)
  const orderKey = random.foldIn(random.key(seed), 2)
  let current = start()
  let loss = NaN
  let best = -1
  let bestEpoch = 0
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const since = performance.now()
    const label = `epoch ${epoch}/${epochs}`
    const progress = showProgress(label, stepsPerEpoch, batch)
    let done = 0
    for (const { images, labels } of data.batches(training, {
      batchSize: batch,
      key: random.foldIn(orderKey, epoch),
      dropLast: true,
    })) {
      const [next, value] = step(current, images, labels)
      current = next
      loss = await scalar(value)
      progress.step(++done, loss)
      if (done % 10 === 0) await breathe()
    }
    progress.stop()
    const trained = performance.now()
    const accuracy = await accuracyOf(current, test)
    const seconds = (from: number, to: number): string => `${((to - from) / 1000).toFixed(1)} s`
    console.log(
      `${label}: test accuracy ${accuracy.toFixed(4)} ` +
        `(training ${seconds(since, trained)}, testing ${seconds(trained, performance.now())})`,
    )
    if (accuracy > best) {
      best = accuracy
      bestEpoch = epoch
      await io.saveSafetensors(out, current.params, { metadata: { epoch: String(epoch), accuracy: String(accuracy) } })
    }
  }
  console.log(`best parameters (epoch ${bestEpoch}) saved to ${out}`)
  console.log(`final loss: ${loss}`)
  console.log(`test accuracy: ${best.toFixed(4)}`)
}

const main = async (): Promise<void> => {
  try {
    const options = readOptions(process.argv.slice(2))
    if (options === 'help') console.log(help)
    else await train(options)
  } catch (error) {
    // What the user can mend is told in a line; anything else is a bug, and shows its stack.
    if (!(error instanceof UsageError || error instanceof io.IoError || error instanceof DeviceError)) throw error
    console.error(`mnist: ${error.message}`)
    process.exitCode = 2
  }
}

await main()
