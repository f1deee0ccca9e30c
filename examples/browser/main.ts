/**
 * The main job in a page: trains the network of ../mnist-model.ts on WebGPU or WebAssembly while a chart follows. The address may
 * say what the form says (`?device=wasm&limit=2000&epochs=1`); with `&train` it starts by itself.
 */
import { type NDArray, data, deviceKind, init, numpy as np, random } from 'cotangent'
import { type Training, accuracyOf, firstImages, scalar, scoresOf, trainer } from '../mnist-model.js'
import { newChart } from './chart.js'
import { fetchMnist, showDigits } from './digits.js'

/** Elements of the page by their ids; one that is not there is a mistake in index.html. */
const found = <T extends Element>(id: string, type: new () => T): T => {
  const element = document.getElementById(id)
  if (element instanceof type) return element
  throw new Error(`index.html has no ${type.name} '${id}'`)
}
const form = found('options', HTMLFormElement)
const startButton = found('start', HTMLButtonElement)
const stopButton = found('stop', HTMLButtonElement)
const status = found('status', HTMLElement)
const progress = found('progress', HTMLProgressElement)
const tell = (id: string, text: string): void => {
  found(id, HTMLElement).textContent = text
}

/** Losses that the training runs ahead of: on a GPU, steps are asked for while the one before is computed. */
const ahead = 4
/** Milliseconds after which the page has its turn. */
const turn = 30

/** Lets the page draw and hear clicks. */
const pause = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

interface Options {
  readonly device: string
  readonly limit: number
  readonly epochs: number
  readonly batch: number
  readonly seed: number
}

const readForm = (): Options => {
  const values = new FormData(form)
  const number = (name: string): number => Number(values.get(name))
  return {
    device: deviceChoice().value,
    limit: number('limit'),
    epochs: number('epochs'),
    batch: number('batch'),
    seed: number('seed'),
  }
}

/** The choice of devices in the form. */
const deviceChoice = (): HTMLSelectElement => {
  const select = form.elements.namedItem('device')
  if (select instanceof HTMLSelectElement) return select
  throw new Error('index.html has no choice of devices')
}

/** Devices to choose from: all that start here. */
const offerDevices = async (): Promise<void> => {
  const names = ['wasm']
  try {
    await init({ device: 'webgpu' })
    names.unshift('webgpu')
  } catch (error) {
    console.info(error instanceof Error ? error.message : error)
  }
  for (const name of names) deviceChoice().add(new Option(name, name))
}
let stopped = false

const train = async ({ device, limit, epochs, batch, seed }: Options): Promise<void> => {
  await init(device === 'wasm' ? { device, threads: Math.min(8, navigator.hardwareConcurrency) } : { device })
  tell('device', `${device}: ${deviceKind()}`)
  status.textContent = 'Loading the digits …'
  const mnist = await fetchMnist()
  const images = firstImages(mnist.train, limit)
  const test = firstImages(mnist.test, Math.min(limit, 10_000))
  const shown = firstImages(test, 48)
  const answer = await showDigits(found('digits', HTMLElement), shown)

  const perEpoch = Math.floor((images.labels.shape[0] ?? 0) / batch)
  const steps = epochs * perEpoch
  if (steps === 0) throw new Error(`${batch} images in a step are more than the ${limit} that there are`)
  const chart = newChart(found('chart', SVGSVGElement), steps)
  progress.max = steps
  const { start, step } = trainer({ seed, loss: 'cross-entropy', rate: 0.002, steps })
  let current: Training = start()
  status.textContent = 'Compiling …'
  await pause()

  const showAnswers = async (): Promise<void> => {
    const scores = scoresOf(current.params, current.network, shown.images)
    answer(await np.argmax(scores, { axis: -1 }).data())
  }
  let done = 0
  let since = performance.now()
  let timed = 0
  const showLoss = async (value: NDArray): Promise<void> => {
    const loss = await scalar(value)
    done++
    // The first step compiles, so that speed is counted from the second on.
    if (done === 1) since = performance.now()
    else timed++
    chart.addLoss(done, loss)
    progress.value = done
    tell('loss', loss.toFixed(4))
    tell('step', `${done} of ${steps}`)
    if (timed > 0) tell('speed', `${Math.round((1000 * timed * batch) / (performance.now() - since))} images/s`)
  }

  for (let epoch = 1; epoch <= epochs && !stopped; epoch++) {
    status.textContent = `Training, epoch ${epoch} of ${epochs} …`
    const key = random.foldIn(random.foldIn(random.key(seed), 2), epoch)
    const waiting: Promise<void>[] = []
    let drawn = performance.now()
    for (const part of data.batches(images, { batchSize: batch, key, dropLast: true })) {
      const [next, value] = step(current, part.images, part.labels)
      current = next
      waiting.push(showLoss(value))
      if (waiting.length > ahead) await waiting.shift()
      if (performance.now() - drawn > turn) {
        await pause()
        drawn = performance.now()
      }
      if (stopped) break
    }
    await Promise.all(waiting)
    status.textContent = `Testing after epoch ${epoch} …`
    const testing = performance.now()
    const accuracy = await accuracyOf(current, test, pause)
    since += performance.now() - testing
    chart.addAccuracy(done, accuracy)
    tell('accuracy', `${(100 * accuracy).toFixed(2)} %`)
    await showAnswers()
  }
  status.textContent = stopped ? 'Stopped.' : 'Done.'
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  stopped = false
  startButton.disabled = true
  stopButton.disabled = false
  void train(readForm())
    .catch((error: unknown) => {
      status.textContent = error instanceof Error ? error.message : String(error)
      console.error(error)
    })
    .finally(() => {
      startButton.disabled = false
      stopButton.disabled = true
    })
})
stopButton.addEventListener('click', () => {
  stopped = true
})

await offerDevices()
const address = new URLSearchParams(location.search)
for (const [name, value] of address) {
  const field = form.elements.namedItem(name)
  if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = value
}
status.textContent = 'Ready.'
if (address.has('train')) form.requestSubmit()
