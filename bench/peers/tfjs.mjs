/** TensorFlow.js on its wasm backend (XNNPACK) or on webgpu: NHWC; gradients and Adam where the backend has the kernels for them. */
import { fileURLToPath } from 'node:url'
import { gpu } from '../gpu.mjs'
import * as tf from '@tensorflow/tfjs'
import { setThreadsCount, setWasmPaths, version_wasm } from '@tensorflow/tfjs-backend-wasm'

let device = 'wasm'

/** The WebGPU backend looks for a page: a window with a navigator that has a GPU. */
const startWebgpu = async () => {
  await gpu()
  globalThis.window = globalThis
  const { version_webgpu } = await import('@tensorflow/tfjs-backend-webgpu')
  await tf.setBackend('webgpu')
  await tf.ready()
  if (tf.getBackend() !== 'webgpu') throw new Error('the webgpu backend did not start')
  return { '@tensorflow/tfjs-core': tf.version_core, '@tensorflow/tfjs-backend-webgpu': version_webgpu ?? '4.22.0' }
}

export const start = async ({ threads, device: chosen }) => {
  device = chosen
  if (device === 'webgpu') return startWebgpu()
  if (threads > 1) throw new Error('the wasm backend of TensorFlow.js has threads in browsers only')
  setWasmPaths(fileURLToPath(new URL('../node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url)))
  setThreadsCount(1)
  await tf.setBackend('wasm')
  await tf.ready()
  if (tf.getBackend() !== 'wasm') throw new Error('the wasm backend did not start')
  return { '@tensorflow/tfjs-core': tf.version_core, '@tensorflow/tfjs-backend-wasm': version_wasm }
}

const valuesOf = async (x) => {
  const values = await x.data()
  x.dispose()
  return values
}

/** Values of results, which are disposed: at once, or from a GPU as a promise. */
const read = (xs) =>
  device === 'webgpu'
    ? Promise.all(xs.map(valuesOf))
    : xs.map((x) => {
        const values = x.dataSync()
        x.dispose()
        return values
      })

const listOf = (results) => (Array.isArray(results) ? results : [results])

/** Computes several times on a GPU, and waits for it without reading. */
const launch = async (compute, count) => {
  const results = Array.from({ length: count }, () => listOf(compute())).flat()
  const backend = tf.backend()
  backend.endComputePassEncoder()
  if (backend.commandEncoder) backend.submitQueue()
  await backend.device.queue.onSubmittedWorkDone()
  for (const x of results) x.dispose()
}

const arrayOf = ({ shape, values }) => tf.tensor(values, shape, values instanceof Int32Array ? 'int32' : 'float32')
const arraysOf = (inputs) => Object.values(inputs).map(arrayOf)

/** A function of all inputs; its results are read and disposed. */
const run = (f, inputs) => {
  const args = arraysOf(inputs)
  return {
    call: () => read(listOf(tf.tidy(() => f(...args)))),
    launch: (count) => launch(() => tf.tidy(() => f(...args)), count),
  }
}

const convolve = (x, w, { stride, groups }) =>
  groups === 1 ? tf.conv2d(x, w, stride, 'same') : tf.depthwiseConv2d(x, w, stride, 'same')

const maxPool = (x) => tf.maxPool(x, 2, 2, 'valid')

/** Cross-entropy by log-softmax, as tf.losses.softmaxCrossEntropy computes it. */
const crossEntropy = (logits, hot) => tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), hot), -1)))

const step = (logits, { x, labels, ...weights }) => {
  const params = Object.fromEntries(Object.entries(weights).map(([name, input]) => [name, tf.variable(arrayOf(input))]))
  const images = arrayOf(x)
  const hot = tf.cast(tf.oneHot(arrayOf(labels), 10), 'float32')
  const optimizer = tf.train.adam(1e-3, 0.9, 0.999, 1e-8)
  const variables = Object.values(params)
  return {
    stateful: true,
    call: () => {
      const value = optimizer.minimize(() => crossEntropy(logits(params, images), hot), true, variables)
      return read([value])
    },
  }
}

const mlp = ({ w1, b1, w2, b2, w3, b3 }, x) => {
  const h1 = tf.relu(tf.add(tf.matMul(x, w1), b1))
  const h2 = tf.relu(tf.add(tf.matMul(h1, w2), b2))
  return tf.add(tf.matMul(h2, w3), b3)
}

const cnn = ({ w1, b1, w2, b2, w3, b3 }, x) => {
  const h1 = maxPool(tf.relu(tf.add(tf.conv2d(x, w1, 1, 'same'), b1)))
  const h2 = maxPool(tf.relu(tf.add(tf.conv2d(h1, w2, 1, 'same'), b2)))
  return tf.add(tf.matMul(tf.reshape(h2, [x.shape[0], 3136]), w3), b3)
}

const attention = (x, wq, wk, wv, wo, heads) => {
  const [batch, length, width] = x.shape
  const rows = tf.reshape(x, [batch * length, width])
  const split = (w) => tf.transpose(tf.reshape(tf.matMul(rows, w), [batch, length, heads, width / heads]), [0, 2, 1, 3])
  const [q, k, v] = [split(wq), split(wk), split(wv)]
  const scores = tf.mul(tf.matMul(q, k, false, true), Math.sqrt(heads / width))
  const mixed = tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3])
  return tf.reshape(tf.matMul(tf.reshape(mixed, [batch * length, width]), wo), [batch, length, width])
}

export const absent = {
  perExampleGradients: 'no vmap',
  cholesky: 'no cholesky',
  scan: 'no scan',
}

export const operations = {
  matmul: (inputs) => run((a, b) => tf.matMul(a, b), inputs),
  chain: (inputs) => run((x) => tf.mul(tf.tanh(x), tf.sigmoid(x)), inputs),
  sum: (inputs) => run((x) => tf.sum(x), inputs),
  softmax: (inputs) => run((x) => tf.softmax(x), inputs),
  layernorm: (inputs) =>
    run((x, scale, bias) => {
      const center = tf.sub(x, tf.mean(x, -1, true))
      const variance = tf.mean(tf.square(center), -1, true)
      return tf.add(tf.mul(tf.mul(center, tf.rsqrt(tf.add(variance, 1e-5))), scale), bias)
    }, inputs),
  convolution: ({ x, w }, parameters) => run((a, b) => convolve(a, b, parameters), { x, w: multiplier(w, parameters) }),
  convolutionGradients: ({ x, w, g }, parameters) =>
    run((a, b, dy) => tf.grads((c, d) => convolve(c, d, parameters))([a, b], dy), {
      x,
      w: multiplier(w, parameters),
      g,
    }),
  maxPool: (inputs) => run(maxPool, inputs),
  maxPoolGradient: (inputs) => run((x, g) => tf.grad(maxPool)(x, g), inputs),
  averagePool: (inputs) => run((x) => tf.avgPool(x, 2, 2, 'valid'), inputs),
  mlpStep: (inputs) => step(mlp, inputs),
  cnnStep: (inputs) => step(cnn, inputs),
  attention: (inputs, { heads }) => run((x, q, k, v, o) => attention(x, q, k, v, o, heads), inputs),
  attentionGradients: (inputs, { heads }) =>
    run((...args) => tf.grads((...a) => attention(...a, heads))(args.slice(0, 5), args[5]), inputs),
  sort: (inputs) => ({
    ...run((x) => tf.topk(x, x.shape[0]).values, inputs),
    canonical: ([y]) => [y.reverse()],
    note: 'topk of all elements',
  }),
  normal: (_, { size }) => ({
    ...run(() => tf.randomNormal([size], 0, 1, 'float32', 1), {}),
    note: 'another generator (Alea, not counter-based)',
    incomparable: true,
  }),
  eagerAdd: (inputs, { repeats }) => {
    const [x, y] = arraysOf(inputs)
    return {
      call: () => {
        let z = tf.add(x, y)
        for (let i = 1; i < repeats; i++) {
          const next = tf.add(z, y)
          z.dispose()
          z = next
        }
        return read([z])
      },
    }
  },
  eagerLoop: ({ h, w, xs }) => {
    const [carry0, weights] = [tf.tensor2d(h.values, [1, h.shape[0]]), arrayOf(w)]
    const rows = tf.unstack(arrayOf(xs))
    return {
      call: () => {
        const carry = tf.tidy(() => {
          let state = carry0
          for (const x of rows) {
            const before = state
            state = tf.tidy(() => tf.tanh(tf.add(tf.matMul(before, weights), x)))
          }
          return state
        })
        return read([carry])
      },
    }
  },
}

/** A depthwise kernel [h, w, 1, channels] as TensorFlow wants it, [h, w, channels, 1]. */
function multiplier({ shape, values }, { groups }) {
  return { shape: groups === 1 ? shape : [shape[0], shape[1], shape[3], 1], values }
}
