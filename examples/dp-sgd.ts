/**
 * Differentially private training (https://arxiv.org/abs/1607.00133). `vmap(grad)` gives the gradient of every example by itself;
 * each is clipped to a norm, and noise in proportion hides what any one of them has changed. What that promises is a theorem: a step
 * with noise of s times the clipping norm is 1/(2s^2)-zCDP, steps add up (https://arxiv.org/abs/1605.02065), and so every model that
 * could come out would come out with almost the same probability had any one example not been there.
 */
import { type NDArray, grad, jit, lax, losses, nn, numpy as np, optim, random, tree, vmap } from 'cotangent'

const examples = 2000
const features = 20
const clip = 0.5
const rate = 1
const steps = 60
const delta = 1e-5

interface Params {
  readonly hidden: NDArray
  readonly out: NDArray
}

const teacher = random.normal(random.key(0), [features])
/** Points and on which side of a curved surface they lie; a tenth of the training labels is wrong. */
const dataset = (key: NDArray, wrong: number): readonly [NDArray, NDArray] => {
  const keys = random.split(key)
  const x = random.normal(keys.get(0), [examples, features])
  const y = x.matmul(teacher).add(x.get('...', 0).square()).greater(0)
  return [x, np.notEqual(y, random.bernoulli(keys.get(1), wrong, [examples])).astype('float32')]
}
const [x, y] = dataset(random.key(1), 0.1)
const [testX, testY] = dataset(random.key(2), 0)

const logit = ({ hidden, out }: Params, x: NDArray): NDArray => nn.silu(x.matmul(hidden)).matmul(out)
const loss = (params: Params, x: NDArray, y: NDArray): NDArray => losses.sigmoidBinaryCrossEntropy(logit(params, x), y)

/** The gradient of every example: a leading axis on every leaf. */
const perExample = vmap(grad(loss), { inAxes: [null, 0, 0] })
const normOfEach = vmap((gradient: Params) => optim.globalNorm(gradient))
const clipEach = vmap((gradient: Params) => {
  const scale = np.minimum(1, np.divide(clip, optim.globalNorm(gradient)))
  return tree.map((leaf: NDArray) => leaf.mul(scale), gradient)
})

const noisySum = (gradients: Params, key: NDArray, multiplier: number): Params => {
  const keys = random.split(key)
  const noisy = (leaf: NDArray, key: NDArray): NDArray => {
    const sum = leaf.sum({ axis: 0 })
    return sum.add(random.normal(key, sum.shape).mul(multiplier * clip))
  }
  return { hidden: noisy(gradients.hidden, keys.get(0)), out: noisy(gradients.out, keys.get(1)) }
}

/** All steps in one scan: the parameters at the end, and the largest norms of every step before and after clipping. */
const train = (key: NDArray, multiplier: number) => {
  const step = (params: Params, key: NDArray) => {
    const gradients = perExample(params, x, y)
    const clipped = clipEach(gradients)
    const update = noisySum(clipped, key, multiplier)
    const next = tree.map((p: NDArray, g: NDArray) => p.sub(g.mul(rate / examples)), params, update)
    return [next, { before: normOfEach(gradients).max(), after: normOfEach(clipped).max() }] as const
  }
  const keys = random.split(key, 3)
  const initial: Params = {
    hidden: nn.initializers.lecunNormal()(keys.get(0), [features, 16]),
    out: nn.initializers.lecunNormal()(keys.get(1), [16, 1]).ravel(),
  }
  return lax.scan(step, initial, random.split(keys.get(2), steps))
}
