/** What the adapters of onnxruntime-web and onnxruntime-node share: sessions over the models of onnx-models.mjs. */
import { channelsFirst, channelsLast } from './arrays.mjs'
import { models } from './onnx-models.mjs'

const inference = 'inference only: no gradients'
const graphs = 'runs whole graphs only'

export const absent = {
  convolutionGradients: inference,
  maxPoolGradient: inference,
  mlpStep: inference,
  cnnStep: inference,
  attentionGradients: inference,
  perExampleGradients: inference,
  cholesky: 'no cholesky',
  eagerAdd: graphs,
  eagerLoop: graphs,
}

const notes = {
  sort: { note: 'TopK of all elements' },
  normal: { note: 'another generator (not counter-based)', incomparable: true },
}

/** Operations on images: x is fed channels first, and the result comes so. */
const images = new Set(['convolution', 'maxPool', 'averagePool'])

const imageShape = ({ x, w }, { stride = 2 }) => {
  const side = Math.ceil(x.shape[1] / stride)
  return [x.shape[0], side, side, w ? w.shape[3] : x.shape[3]]
}

/** The table of operations for one of the two packages. */
export const operationsOf = (load) =>
  Object.fromEntries(
    Object.entries(models).map(([operation, build]) => [
      operation,
      async (inputs, parameters) => {
        const { ort, options } = load()
        const isImage = images.has(operation)
        const { feeds, bytes } = build(isImage ? { ...inputs, x: channelsFirst(inputs.x) } : inputs, parameters)
        const session = await ort.InferenceSession.create(bytes, options)
        const fed = Object.fromEntries(
          Object.entries(feeds).map(([name, { shape, values }]) => [name, new ort.Tensor('float32', values, shape)]),
        )
        return {
          ...notes[operation],
          call: async () => [(await session.run(fed, ['y'])).y.data],
          ...(isImage ? { canonical: ([y]) => [channelsLast(y, imageShape(inputs, parameters))] } : {}),
        }
      },
    ]),
  )
