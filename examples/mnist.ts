/**
 * The main job: trains the convolutional network of a PyTorch course on the real MNIST digits, with AdamW, a learning rate that
 * falls along a cosine, and gradient clipping, all in one compiled step. `npm start -- --help` tells the options.
 */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DeviceError, data, defaultDevice, deviceKind, init, io, random } from 'cotangent'
import { accuracyOf, firstImages, scalar, trainer } from './mnist-model.js'
import { type Options, UsageError, help, readOptions } from './mnist-options.js'
import { showProgress } from './progress.js'

/** Lets timers, signals and finalizers have their turn. */
const breathe = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const train = async (options: Options): Promise<void> => {
  const { epochs, batch, seed, limit, out } = options
  if (options.device !== undefined) await init({ device: options.device })
  await mkdir(dirname(out), { recursive: true }).catch((error: unknown) => {
    throw new UsageError(`--out: ${error instanceof Error ? error.message : String(error)}`)
  })
  const mnist = await data.loadMnist(options.data === undefined ? {} : { directory: options.data })
  const training = limit === undefined ? mnist.train : firstImages(mnist.train, limit)
  const test = limit === undefined ? mnist.test : firstImages(mnist.test, limit)
  const batches = Math.floor((training.labels.shape[0] ?? 0) / batch)
  const stepsPerEpoch = Math.min(batches, options.steps ?? batches)
  if (stepsPerEpoch === 0)
    throw new UsageError(`--batch ${batch} is more than the ${training.labels.shape[0]} training images`)

  const { start, step } = trainer({ ...options, steps: epochs * stepsPerEpoch })
  console.log(`device: ${defaultDevice()}, ${deviceKind()}`)
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
      if (done === stepsPerEpoch) break
    }
    progress.stop()
    const trained = performance.now()
    const accuracy = await accuracyOf(current, test, breathe)
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
