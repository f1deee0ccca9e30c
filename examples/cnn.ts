/** The small convolutional network of many courses, for 32 by 32 color images in ten classes: 60,362 parameters. */
import { jit, nn, numpy as np, random, stax } from 'cotangent'

const network = stax.serial({
  conv1: stax.Conv(32, [3, 3]),
  relu1: stax.Relu,
  pool1: stax.MaxPool([2, 2], { strides: [2, 2] }),
  conv2: stax.Conv(64, [3, 3]),
  relu2: stax.Relu,
  pool2: stax.MaxPool([2, 2], { strides: [2, 2] }),
  flatten: stax.Flatten,
  classes: stax.Dense(10),
})

const inputShape = [8, 32, 32, 3]
stax.summary(network, inputShape)

const { params, state } = network.init(random.key(0), inputShape)
const images = random.uniform(random.key(1), inputShape)
const predict = jit(stax.predict(network))
const probabilities = nn.softmax(predict(params, state, images))
console.log('\nclass probabilities of 8 random images, before any training:')
console.log(np.round(probabilities, { decimals: 3 }))
console.log(`predicted classes: ${np.argmax(probabilities, { axis: -1 }).dataSync().join(', ')}`)
