/** jax-js on its wasm device (one thread in Node) or on webgpu: NCHW convolutions, its jit everywhere but in the eager workloads. */
import { readFileSync } from 'node:fs'
import { gpu } from '../gpu.mjs'
import { channelsFirst, channelsLast, flattenedFirst, kernelLast, outputsFirst, positiveDefinite } from './arrays.mjs'

let jax, np, lax, nn
let device = 'wasm'

export const start = async ({ threads, device: chosen }) => {
  device = chosen
  if (threads > 1) throw new Error('jax-js starts threads only where there is a Worker global, so not in Node')
  if (device === 'webgpu') await gpu()
  jax = await import('@jax-js/jax')
  ;({ numpy: np, lax, nn } = jax)
  if (!(await jax.init(device)).includes(device)) throw new Error(`jax-js has not started ${device}`)
  jax.defaultDevice(device)
  const { version } = JSON.parse(
    readFileSync(new URL('../node_modules/@jax-js/jax/package.json', import.meta.url), 'utf8'),
  )
  return { '@jax-js/jax': version }
}

/** Values of results, which reading consumes: at once, or from a GPU as a promise. */
const read = (xs) => (device === 'webgpu' ? Promise.all(xs.map((x) => x.data())) : xs.map((x) => x.dataSync()))

const listOf = (results) => (Array.isArray(results) ? results : [results])

/** Computes several times on a GPU, and waits for it without reading. */
const launch = async (compute, count) => {
  const results = Array.from({ length: count }, () => listOf(compute())).flat()
  await Promise.all(results.map((x) => x.blockUntilReady()))
  for (const x of results) x.dispose()
}

const arrayOf = ({ shape, values }) => np.array(values).reshape(shape)
const arraysOf = (inputs) => Object.values(inputs).map(arrayOf)

/** Arguments are consumed by every call, so they are passed as new references; dataSync consumes the result. */
const jitted = (f, inputs) => {
  const run = jax.jit(f)
  const args = arraysOf(inputs)
  return {
    call: () => read(listOf(run(...args.map((x) => x.ref)))),
    launch: (count) => launch(() => run(...args.map((x) => x.ref)), count),
  }
}

const convolve = (x, w, { stride, groups }) =>
  lax.convGeneralDilated(x, w, [stride, stride], 'SAME', { featureGroupCount: groups })

const maxPool = (x) => lax.reduceWindow(x, (y) => np.max(y), [2, 2], [2, 2])

/** The gradients of sum(f(...args) * g), which are f's vector-Jacobian product. */
const pulledBack =
  (f, count) =>
  (...all) => {
    const g = all[count]
    const argnums = Array.from({ length: count }, (_, i) => i)
    return jax.grad((...args) => np.sum(f(...args).mul(g)), { argnums })(...all.slice(0, count))
  }

/** Mean cross-entropy from integer labels, given as one-hot rows. */
const crossEntropy = (logits, hot) => np.sum(nn.logSoftmax(logits, -1).mul(hot)).mul(-1)

const oneHot = ({ shape: [count], values }, classes) => {
  const out = new Float32Array(count * classes)
  for (let i = 0; i < count; i++) out[i * classes + values[i]] = 1
  return { shape: [count, classes], values: out }
}

/** A training step with Adam, in optax's formula, written out: jax-js has optimizers in a package of its own. */
const step = (logits, { x, labels, ...weights }) => {
  const batch = x.shape[0]
  const loss = (params, images, hot) => crossEntropy(logits(params, images), hot).mul(1 / batch)
  const update = jax.jit((params, m, v, count, images, hot) => {
    const [value, gradients] = jax.valueAndGrad(loss)(jax.tree.ref(params), images, hot)
    const next = count.add(1)
    const scale1 = np.subtract(1, np.power(0.9, next.ref))
    const scale2 = np.subtract(1, np.power(0.999, next.ref))
    const names = Object.keys(params)
    const newParams = {}
    const newM = {}
    const newV = {}
    for (const name of names) {
      const g = gradients[name]
      const m1 = m[name].mul(0.9).add(g.ref.mul(0.1))
      const v1 = v[name].mul(0.999).add(g.ref.mul(g).mul(0.001))
      newM[name] = m1.ref
      newV[name] = v1.ref
      const change = m1.div(scale1.ref).div(np.sqrt(v1.div(scale2.ref)).add(1e-8))
      newParams[name] = params[name].sub(change.mul(1e-3))
    }
    scale1.dispose()
    scale2.dispose()
    return [newParams, newM, newV, next, value]
  })
  let params = Object.fromEntries(Object.entries(weights).map(([name, input]) => [name, arrayOf(input)]))
  const zeros = () =>
    Object.fromEntries(
      Object.entries(weights).map(([name, { shape }]) => [name, np.zeros(shape, { dtype: 'float32' })]),
    )
  let m = zeros()
  let v = zeros()
  let count = np.array(0)
  const images = arrayOf(x)
  const hot = arrayOf(oneHot(labels, 10))
  return {
    stateful: true,
    call: () => {
      let value
      ;[params, m, v, count, value] = update(params, m, v, count, images.ref, hot.ref)
      return read([value])
    },
  }
}

const mlp = ({ w1, b1, w2, b2, w3, b3 }, x) => {
  const h1 = nn.relu(np.matmul(x, w1).add(b1))
  const h2 = nn.relu(np.matmul(h1, w2).add(b2))
  return np.matmul(h2, w3).add(b3)
}

const cnn = ({ w1, b1, w2, b2, w3, b3 }, x) => {
  const same = { stride: 1, groups: 1 }
  const batch = x.shape[0]
  const h1 = maxPool(nn.relu(convolve(x, w1, same).add(b1.reshape([-1, 1, 1]))))
  const h2 = maxPool(nn.relu(convolve(h1, w2, same).add(b2.reshape([-1, 1, 1]))))
  return np.matmul(h2.reshape([batch, 3136]), w3).add(b3)
}

/** Written out, because nn.dotProductAttention calls einsum, which fails on Node 20 (it needs iterator helpers). */
const attention = (x, wq, wk, wv, wo, heads) => {
  const [batch, length, width] = x.shape
  const split = (y, w) =>
    np
      .matmul(y, w)
      .reshape([batch, length, heads, width / heads])
      .transpose([0, 2, 1, 3])
  const [q, k, v] = [split(x.ref, wq), split(x.ref, wk), split(x, wv)]
  const scores = np.matmul(q, k.transpose([0, 1, 3, 2])).mul(Math.sqrt(heads / width))
  const mixed = np.matmul(nn.softmax(scores, -1), v).transpose([0, 2, 1, 3])
  return np.matmul(mixed.reshape([batch, length, width]), wo)
}

export const absent = {
  scan: 'no scan',
}

export const operations = {
  matmul: (inputs) => jitted((a, b) => np.matmul(a, b), inputs),
  chain: (inputs) => jitted((x) => np.tanh(x.ref).mul(nn.sigmoid(x)), inputs),
  sum: (inputs) => jitted((x) => np.sum(x), inputs),
  softmax: (inputs) => jitted((x) => nn.softmax(x, -1), inputs),
  layernorm: (inputs) =>
    jitted((x, scale, bias) => nn.standardize(x, -1, { epsilon: 1e-5 }).mul(scale).add(bias), inputs),
  convolution: ({ x, w }, parameters) => {
    const shape = [x.shape[0], Math.ceil(x.shape[1] / parameters.stride), Math.ceil(x.shape[2] / parameters.stride)]
    return {
      ...jitted((a, b) => convolve(a, b, parameters), { x: channelsFirst(x), w: outputsFirst(w) }),
      canonical: ([y]) => [channelsLast(y, [...shape, w.shape[3]])],
    }
  },
  convolutionGradients: ({ x, w, g }, parameters) => ({
    ...jitted(
      pulledBack((a, b) => convolve(a, b, parameters), 2),
      { x: channelsFirst(x), w: outputsFirst(w), g: channelsFirst(g) },
    ),
    canonical: ([dx, dw]) => [channelsLast(dx, x.shape), kernelLast(dw, w.shape)],
  }),
  maxPool: ({ x }) => ({
    ...jitted(maxPool, { x: channelsFirst(x) }),
    canonical: ([y]) => [channelsLast(y, [x.shape[0], x.shape[1] / 2, x.shape[2] / 2, x.shape[3]])],
  }),
  maxPoolGradient: ({ x, g }) => ({
    ...jitted(pulledBack(maxPool, 1), { x: channelsFirst(x), g: channelsFirst(g) }),
    canonical: ([dx]) => [channelsLast(dx, x.shape)],
  }),
  averagePool: ({ x }) => ({
    ...jitted((a) => lax.reduceWindow(a, (y) => np.mean(y), [2, 2], [2, 2]), { x: channelsFirst(x) }),
    canonical: ([y]) => [channelsLast(y, [x.shape[0], x.shape[1] / 2, x.shape[2] / 2, x.shape[3]])],
  }),
  mlpStep: (inputs) => step(mlp, inputs),
  cnnStep: ({ x, w1, w2, w3, ...rest }) =>
    step(cnn, {
      x: channelsFirst(x),
      w1: outputsFirst(w1),
      w2: outputsFirst(w2),
      w3: flattenedFirst(w3, [7, 7, 64]),
      ...rest,
    }),
  attention: (inputs, { heads }) => jitted((x, q, k, v, o) => attention(x, q, k, v, o, heads), inputs),
  attentionGradients: (inputs, { heads }) =>
    jitted(
      pulledBack((...args) => attention(...args, heads), 5),
      inputs,
    ),
  perExampleGradients: ({ x, labels, w1, b1, w2, b2 }) => {
    const loss = (p1, c1, p2, c2, image, hot) => {
      const hidden = np.tanh(np.matmul(image, p1).add(c1))
      return crossEntropy(np.matmul(hidden, p2).add(c2), hot)
    }
    const gradients = jax.vmap(jax.grad(loss, { argnums: [0, 1, 2, 3] }), [null, null, null, null, 0, 0])
    return jitted(gradients, { w1, b1, w2, b2, x, hot: oneHot(labels, 10) })
  },
  sort: (inputs) => jitted((x) => np.sort(x), inputs),
  cholesky: ({ x }) => jitted((a) => lax.linalg.cholesky(a), { a: positiveDefinite(x) }),
  normal: (_, { size }) => {
    const key = jax.random.key(0)
    const draw = jax.jit((k) => jax.random.normal(k, [size]))
    return { call: () => read([draw(key.ref)]), launch: (count) => launch(() => draw(key.ref), count) }
  },
  eagerAdd: (inputs, { repeats }) => {
    const [x, y] = arraysOf(inputs)
    return {
      call: () => {
        let z = x.ref
        for (let i = 0; i < repeats; i++) z = np.add(z, y.ref)
        return read([z])
      },
    }
  },
  eagerLoop: ({ h, w, xs }) => {
    const [carry0, weights] = [arrayOf(h), arrayOf(w)]
    const width = xs.shape[1]
    const rows = Array.from({ length: xs.shape[0] }, (_, i) => np.array(xs.values.slice(i * width, (i + 1) * width)))
    return {
      call: () => {
        let carry = carry0.ref
        for (const x of rows) carry = np.tanh(np.matmul(carry, weights.ref).add(x.ref))
        return read([carry])
      },
    }
  },
}
