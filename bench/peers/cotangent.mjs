/** Cotangent from a build (../dist unless said), as its users write it: NHWC, everything under jit but the eager workloads. */
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { gpu } from '../gpu.mjs'
import { positiveDefinite } from './arrays.mjs'

let api
let device = 'wasm'

export const start = async ({ dist, threads, device: chosen }) => {
  api = await import(pathToFileURL(`${dist}/index.js`).href)
  device = chosen
  if (threads > 1) {
    if (!api.setThreads) throw new Error(`cotangent has no threads yet`)
    await api.init({ threads })
    api.setThreads(threads)
  }
  if (device === 'webgpu') await api.init({ device, gpu: await gpu() })
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return { cotangent: version, ...(device === 'webgpu' && { adapter: api.deviceKind() }) }
}

/** Values of results: at once, or from a GPU as a promise. */
const read = (xs) => (device === 'webgpu' ? Promise.all(xs.map((x) => x.data())) : xs.map((x) => x.dataSync()))

const listOf = (results) => (Array.isArray(results) ? results : [results])

/** Computes several times on a GPU, and waits for it without reading. */
const launch = async (compute, count) => {
  const results = Array.from({ length: count }, () => listOf(compute()))
  await api.blockUntilReady(results)
  for (const x of results.flat()) x.delete('freed by the benchmark')
}

const arrayOf = ({ shape, values }) => api.numpy.array(values).reshape(shape)
const arraysOf = (inputs) => Object.values(inputs).map(arrayOf)

/** A jitted function of all inputs, whose results (one array, or a list) are read to the host. */
const jitted = (f, inputs) => {
  const run = api.jit(f)
  const args = arraysOf(inputs)
  return {
    call: () => read(listOf(run(...args))),
    launch: (count) => launch(() => run(...args), count),
    kernels: () => run.lower(...args).kernels,
  }
}

const layout = { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] }
const convolve = (x, w, { stride, groups }) =>
  api.lax.convGeneralDilated(x, w, [stride, stride], 'SAME', { ...layout, featureGroupCount: groups })

const crossEntropy = (logits, labels) => api.numpy.mean(api.losses.softmaxCrossEntropyWithIntegerLabels(logits, labels))

/** A training step with Adam: reads the loss, keeps the rest. */
const step = (logits, { x, labels, ...weights }) => {
  const { jit, valueAndGrad, optim } = api
  const optimizer = optim.adam(1e-3)
  const loss = (params, images, targets) => crossEntropy(logits(params, images), targets)
  const update = jit(
    (params, state, images, targets) => {
      const [value, gradients] = valueAndGrad(loss)(params, images, targets)
      const [updates, newState] = optimizer.update(gradients, state, params)
      return [optim.applyUpdates(params, updates), newState, value]
    },
    { donateArgnums: [0, 1] },
  )
  let params = Object.fromEntries(Object.entries(weights).map(([name, input]) => [name, arrayOf(input)]))
  let state = optimizer.init(params)
  const images = arrayOf(x)
  const targets = arrayOf(labels)
  return {
    stateful: true,
    call: () => {
      const [newParams, newState, value] = update(params, state, images, targets)
      params = newParams
      state = newState
      return read([value])
    },
    kernels: () => update.lower(params, state, images, targets).kernels,
  }
}

const mlp = ({ w1, b1, w2, b2, w3, b3 }, x) => {
  const { nn } = api
  const h1 = nn.relu(x.matmul(w1).add(b1))
  const h2 = nn.relu(h1.matmul(w2).add(b2))
  return h2.matmul(w3).add(b3)
}

const cnn = ({ w1, b1, w2, b2, w3, b3 }, x) => {
  const { nn } = api
  const same = { stride: 1, groups: 1 }
  const pool = (y) => nn.maxPool(y, [2, 2], { strides: [2, 2] })
  const h1 = pool(nn.relu(convolve(x, w1, same).add(b1)))
  const h2 = pool(nn.relu(convolve(h1, w2, same).add(b2)))
  return h2.reshape([x.shape[0], -1]).matmul(w3).add(b3)
}

const attention = (x, wq, wk, wv, wo, heads) => {
  const [batch, length, width] = x.shape
  const split = (w) => x.matmul(w).reshape([batch, length, heads, width / heads])
  const out = api.nn.dotProductAttention(split(wq), split(wk), split(wv))
  return out.reshape([batch, length, width]).matmul(wo)
}

export const absent = {}

export const operations = {
  matmul: (inputs) => jitted((a, b) => a.matmul(b), inputs),
  chain: (inputs) => jitted((x) => api.numpy.tanh(x).mul(api.nn.sigmoid(x)), inputs),
  sum: (inputs) => jitted((x) => x.sum(), inputs),
  softmax: (inputs) => jitted((x) => api.nn.softmax(x), inputs),
  layernorm: (inputs) => jitted((x, scale, bias) => api.nn.layerNorm(x, scale, bias), inputs),
  convolution: (inputs, parameters) => jitted((x, w) => convolve(x, w, parameters), inputs),
  convolutionGradients: (inputs, parameters) =>
    jitted((x, w, g) => api.vjp((a, b) => convolve(a, b, parameters), x, w)[1](g), inputs),
  maxPool: (inputs) => jitted((x) => api.nn.maxPool(x, [2, 2], { strides: [2, 2] }), inputs),
  maxPoolGradient: (inputs) =>
    jitted((x, g) => api.vjp((a) => api.nn.maxPool(a, [2, 2], { strides: [2, 2] }), x)[1](g), inputs),
  averagePool: (inputs) => jitted((x) => api.nn.avgPool(x, [2, 2], { strides: [2, 2] }), inputs),
  mlpStep: (inputs) => step(mlp, inputs),
  cnnStep: (inputs) => step(cnn, inputs),
  attention: (inputs, { heads }) => jitted((x, q, k, v, o) => attention(x, q, k, v, o, heads), inputs),
  attentionGradients: (inputs, { heads }) =>
    jitted((x, wq, wk, wv, wo, g) => api.vjp((...a) => attention(...a, heads), x, wq, wk, wv, wo)[1](g), inputs),
  perExampleGradients: ({ x, labels, w1, b1, w2, b2 }) => {
    const loss = (p1, c1, p2, c2, image, label) => {
      const hidden = api.numpy.tanh(image.matmul(p1).add(c1))
      return api.losses.softmaxCrossEntropyWithIntegerLabels(hidden.matmul(p2).add(c2), label)
    }
    const gradients = api.vmap(api.grad(loss, { argnums: [0, 1, 2, 3] }), { inAxes: [null, null, null, null, 0, 0] })
    return jitted(gradients, { w1, b1, w2, b2, x, labels })
  },
  sort: (inputs) => jitted((x) => api.numpy.sort(x), inputs),
  cholesky: ({ x }) => {
    if (!api.numpy.linalg?.cholesky) throw new Error('no numpy.linalg.cholesky yet')
    return jitted((a) => api.numpy.linalg.cholesky(a), { a: positiveDefinite(x) })
  },
  normal: (_, { size }) => {
    const key = api.random.key(0)
    const draw = api.jit((k) => api.random.normal(k, [size]))
    return {
      call: () => read([draw(key)]),
      launch: (count) => launch(() => draw(key), count),
      kernels: () => draw.lower(key).kernels,
    }
  },
  eagerAdd: (inputs, { repeats }) => {
    const [x, y] = arraysOf(inputs)
    return {
      call: () => {
        let z = x
        for (let i = 0; i < repeats; i++) z = api.numpy.add(z, y)
        return read([z])
      },
    }
  },
  scan: (inputs) =>
    jitted((h, w, xs) => api.lax.scan((carry, x) => [api.numpy.tanh(carry.matmul(w).add(x)), null], h, xs)[0], inputs),
  eagerLoop: (inputs) => {
    const [h, w, xs] = arraysOf(inputs)
    const rows = [...xs]
    return {
      call: () => {
        let carry = h
        for (const x of rows) carry = api.numpy.tanh(carry.matmul(w).add(x))
        return read([carry])
      },
    }
  },
}
