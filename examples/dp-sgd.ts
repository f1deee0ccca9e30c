/**
 * Differentially private training (https://arxiv.org/abs/1607.00133). `vmap(grad)` gives the gradient of every example
 * by itself; each is clipped to a norm, so that none can change the sum by more, and noise in proportion to it hides
 * what each has changed. What that promises is a theorem (https://arxiv.org/abs/1605.02065): a step with noise of s
 * times the clipping norm costs 1/(2 s^2), costs add up to rho, and without any one example each set of models would
 * come out with a probability of at most exp(rho + 2 sqrt(rho log(1/delta))) times that of now, plus delta.
 */
import { type NDArray, grad, jit, lax, losses, nn, numpy as np, optim, random, tree, vmap } from 'cotangent'

const examples = 2000
const features = 20
const hidden = 16
const clippingNorm = 0.5
const noiseMultiplier = 20
const rate = 4
const steps = 60
const delta = 1e-5

interface Params {
  readonly first: NDArray
  readonly second: NDArray
}

/** Points, and whether they lie on one side of a curved surface. */
const dataset = (key: NDArray) => {
  const x = random.normal(key, [examples, features])
  const height = x.matmul(random.normal(random.key(0), [features])).add(x.get('...', 0).square())
  return { x, y: height.greater(0).astype('float32') }
}
const training = dataset(random.key(1))
const testing = dataset(random.key(2))

const logit = ({ first, second }: Params, x: NDArray): NDArray => nn.silu(x.matmul(first)).matmul(second)
const loss = (params: Params, x: NDArray, y: NDArray): NDArray =>
  losses.sigmoidBinaryCrossEntropy(logit(params, x), y).mean()

/** Gradients with a leading axis for the examples, and the norm of each. */
const perExample = vmap(grad(loss), { inAxes: [null, 0, 0] })
const norms = vmap((gradient: Params) => optim.globalNorm(gradient))
const clipEach = vmap((gradient: Params) => {
  const scale = np.minimum(1, np.divide(clippingNorm, optim.globalNorm(gradient)))
  return tree.map((leaf: NDArray) => leaf.mul(scale), gradient)
})
const sumOfAll = (gradients: Params): Params => tree.map((leaf: NDArray) => leaf.sum({ axis: 0 }), gradients)
const noiseLike = ({ first, second }: Params, key: NDArray): Params => {
  const keys = random.split(key)
  return { first: random.normal(keys.get(0), first.shape), second: random.normal(keys.get(1), second.shape) }
}

const initialKeys = random.split(random.key(3))
const initial: Params = {
  first: random.normal(initialKeys.get(0), [features, hidden]).div(Math.sqrt(features)),
  second: random.normal(initialKeys.get(1), [hidden]).div(Math.sqrt(hidden)),
}
const descend = (params: Params, sum: Params): Params =>
  tree.map((p: NDArray, g: NDArray) => p.sub(g.mul(rate / examples)), params, sum)

/** All steps in one scan: the last parameters, and for each step the largest norm before and after clipping. */
const trainPrivately = jit((key: NDArray) => {
  const step = (params: Params, key: NDArray) => {
    const gradients = perExample(params, training.x, training.y)
    const clipped = clipEach(gradients)
    const sum = sumOfAll(clipped)
    const noisy = tree.map(
      (g: NDArray, noise: NDArray) => g.add(noise.mul(noiseMultiplier * clippingNorm)),
      sum,
      noiseLike(sum, key),
    )
    return [descend(params, noisy), { before: norms(gradients).max(), after: norms(clipped).max() }] as const
  }
  return lax.scan(step, initial, random.split(key, steps))
})
const [params, largest] = trainPrivately(random.key(4))
console.log(`largest norm of an example's gradient: ${largest.before.max().item().toFixed(4)}`)
console.log(`and after clipping to ${clippingNorm}:            ${largest.after.max().item().toFixed(4)}`)

// Without clipping, the gradients of the examples are the parts of the gradient of the batch.
const parts = jit(() => sumOfAll(perExample(initial, training.x, training.y)))()
const ofBatch = (params: Params): Params =>
  tree.map((g: NDArray) => g.mul(examples), grad(loss)(params, training.x, training.y))
const batch = jit(ofBatch)(initial)
const gap = optim.globalNorm(tree.map((a: NDArray, b: NDArray) => a.sub(b), parts, batch)).div(optim.globalNorm(batch))
console.log(`their sum against the gradient of the batch: relative difference ${gap.item().toExponential(1)}`)

const plain = jit((initial: Params) =>
  lax.foriLoop(0, steps, (_, params: Params) => descend(params, ofBatch(params)), initial),
)(initial)
const accuracy = (params: Params): string => {
  const right = np.equal(logit(params, testing.x).greater(0), testing.y.greater(0))
  return `${np.mean(right).mul(100).item().toFixed(1)} %`
}
console.log(`accuracy on new points: ${accuracy(params)} in private, ${accuracy(plain)} without clipping and noise`)
const rho = steps / (2 * noiseMultiplier ** 2)
console.log(`privacy: epsilon ${(rho + 2 * Math.sqrt(rho * Math.log(1 / delta))).toFixed(2)} at delta ${delta}`)
