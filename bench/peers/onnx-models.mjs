/** ONNX models of the workloads, built in code: weights are constants of the model, as they are in models that one loads. */
import onnxProto from 'onnx-proto'
import { outputsFirst } from './arrays.mjs'

const { onnx } = onnxProto
const FLOAT = onnx.TensorProto.DataType.FLOAT
const INT64 = onnx.TensorProto.DataType.INT64

const tensor = (name, { shape, values }) => ({
  name,
  dims: shape,
  dataType: values instanceof BigInt64Array ? INT64 : FLOAT,
  rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
})

const attribute = (name, value) => {
  const type = onnx.AttributeProto.AttributeType
  if (value?.node) return { name, type: type.GRAPH, g: value }
  if (Array.isArray(value)) return { name, type: type.INTS, ints: value }
  if (typeof value === 'string') return { name, type: type.STRING, s: new TextEncoder().encode(value) }
  return Number.isInteger(value) ? { name, type: type.INT, i: value } : { name, type: type.FLOAT, f: value }
}

/** A node: an operator, the names of its inputs and of its one output, and attributes. */
const node = (opType, input, output, attributes = {}) => ({
  opType,
  input,
  output: [output],
  attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
})

const typed = ([name, shape]) => ({
  name,
  type: { tensorType: { elemType: FLOAT, shape: shape && { dim: shape.map((size) => ({ dimValue: size })) } } },
})

const integers = (...values) => ({ shape: [values.length], values: BigInt64Array.from(values, BigInt) })

/** The bytes of a model with the result `y`. */
const model = (inputs, constants, nodes) => {
  const graph = {
    name: 'workload',
    input: Object.entries(inputs).map(([name, { shape }]) => typed([name, shape])),
    output: [typed(['y'])],
    initializer: Object.entries(constants).map(([name, value]) => tensor(name, value)),
    node: nodes,
  }
  return onnx.ModelProto.encode({ irVersion: 8, opsetImport: [{ domain: '', version: 17 }], graph }).finish()
}

/** By operation: the inputs that are fed at each call, and the model's bytes. */
export const models = {
  matmul: (inputs) => ({ feeds: inputs, bytes: model(inputs, {}, [node('MatMul', ['a', 'b'], 'y')]) }),
  chain: (inputs) => ({
    feeds: inputs,
    bytes: model(inputs, {}, [node('Tanh', ['x'], 't'), node('Sigmoid', ['x'], 's'), node('Mul', ['t', 's'], 'y')]),
  }),
  sum: (inputs) => ({ feeds: inputs, bytes: model(inputs, {}, [node('ReduceSum', ['x'], 'y', { keepdims: 0 })]) }),
  softmax: (inputs) => ({ feeds: inputs, bytes: model(inputs, {}, [node('Softmax', ['x'], 'y', { axis: -1 })]) }),
  layernorm: ({ x, scale, bias }) => ({
    feeds: { x },
    bytes: model({ x }, { scale, bias }, [
      node('LayerNormalization', ['x', 'scale', 'bias'], 'y', { axis: -1, epsilon: 1e-5 }),
    ]),
  }),
  convolution: ({ x, w }, { stride, groups }) => {
    const { shape, values } = outputsFirst(w)
    return {
      feeds: { x },
      bytes: model({ x }, { w: { shape, values } }, [
        node('Conv', ['x', 'w'], 'y', { auto_pad: 'SAME_UPPER', strides: [stride, stride], group: groups }),
      ]),
    }
  },
  maxPool: (inputs) => ({
    feeds: inputs,
    bytes: model(inputs, {}, [node('MaxPool', ['x'], 'y', { kernel_shape: [2, 2], strides: [2, 2] })]),
  }),
  averagePool: (inputs) => ({
    feeds: inputs,
    bytes: model(inputs, {}, [node('AveragePool', ['x'], 'y', { kernel_shape: [2, 2], strides: [2, 2] })]),
  }),
  attention: ({ x, ...weights }, { heads }) => {
    const [batch, length, width] = x.shape
    const project = (name, axes) => [
      node('MatMul', ['x', `w${name}`], `${name}1`),
      node('Reshape', [`${name}1`, 'split'], `${name}2`),
      node('Transpose', [`${name}2`], name, { perm: axes }),
    ]
    const constants = {
      ...weights,
      split: integers(batch, length, heads, width / heads),
      joined: integers(batch, length, width),
      scale: { shape: [], values: Float32Array.of(Math.sqrt(heads / width)) },
    }
    return {
      feeds: { x },
      bytes: model({ x }, constants, [
        ...project('q', [0, 2, 1, 3]),
        ...project('k', [0, 2, 3, 1]),
        ...project('v', [0, 2, 1, 3]),
        node('MatMul', ['q', 'k'], 'products'),
        node('Mul', ['products', 'scale'], 'scores'),
        node('Softmax', ['scores'], 'weights', { axis: -1 }),
        node('MatMul', ['weights', 'v'], 'mixed'),
        node('Transpose', ['mixed'], 'back', { perm: [0, 2, 1, 3] }),
        node('Reshape', ['back', 'joined'], 'rows'),
        node('MatMul', ['rows', 'wo'], 'y'),
      ]),
    }
  },
  sort: (inputs) => ({
    feeds: inputs,
    bytes: model(inputs, { k: integers(inputs.x.shape[0]) }, [
      { ...node('TopK', ['x', 'k'], 'y', { axis: 0, largest: 0, sorted: 1 }), output: ['y', 'indices'] },
    ]),
  }),
  normal: (_, { size }) => ({
    feeds: {},
    bytes: model({}, {}, [node('RandomNormal', [], 'y', { dtype: FLOAT, shape: [size] })]),
  }),
  scan: ({ h, w, xs }) => {
    const body = {
      name: 'step',
      input: [typed(['before', h.shape]), typed(['x', h.shape])],
      output: [typed(['after', h.shape])],
      initializer: [],
      node: [
        node('MatMul', ['before', 'w'], 'product'),
        node('Add', ['product', 'x'], 'sum'),
        node('Tanh', ['sum'], 'after'),
      ],
    }
    return {
      feeds: { h, xs },
      bytes: model({ h, xs }, { w }, [node('Scan', ['h', 'xs'], 'y', { body, num_scan_inputs: 1 })]),
    }
  },
}
