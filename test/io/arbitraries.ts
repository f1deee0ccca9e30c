/** Arrays and pytrees of arrays for the tests of files. */
import * as fc from 'fast-check'
import { type DType, NDArray, numpy as np, tree } from 'cotangent'

const kept: readonly DType[] = ['float32', 'float64', 'float16', 'bfloat16', 'int32', 'uint32', 'int8', 'uint8', 'bool']

/** Values that the dtype holds exactly, the awkward ones among them. */
const elementOf = (dtype: DType): fc.Arbitrary<number> => {
  switch (dtype) {
    case 'float32':
      return fc.float()
    case 'float64':
      return fc.double()
    case 'float16':
    case 'bfloat16':
      return fc.oneof(fc.integer({ min: -128, max: 128 }), fc.constantFrom(-0, NaN, Infinity, -Infinity, 0.5))
    case 'int32':
      return fc.integer()
    case 'uint32':
      return fc.integer({ min: 0, max: 2 ** 32 - 1 })
    case 'int8':
      return fc.integer({ min: -128, max: 127 })
    case 'uint8':
      return fc.integer({ min: 0, max: 255 })
    case 'bool':
      return fc.integer({ min: 0, max: 1 })
  }
}

/** Arrays of any dtype, of rank 0 to 3, empty ones too. */
export const anyArray: fc.Arbitrary<NDArray> = fc
  .tuple(fc.constantFrom(...kept), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }))
  .chain(([dtype, shape]) => {
    const size = shape.reduce((n, d) => n * d, 1)
    return fc
      .array(elementOf(dtype), { minLength: size, maxLength: size })
      .map((values) => np.array(Float64Array.from(values), { dtype }).reshape(shape))
  })

const key = fc.string({ unit: fc.constantFrom('a', 'b', '0', ' ', 'é', '"', '_'), minLength: 1, maxLength: 4 })

/** Pytrees whose leaves are arrays. */
export const anyTree: fc.Arbitrary<unknown> = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    anyArray,
    fc.array(tie('node'), { maxLength: 3 }),
    fc.dictionary(key, tie('node'), { maxKeys: 3, noNullPrototype: true }),
    fc.constant(null),
  ),
})).node

/** What an array is, bit for bit but for the payloads of NaN. */
export const contents = (x: unknown): unknown =>
  x instanceof NDArray ? [x.dtype, x.shape, Array.from(x.dataSync(), (v) => (Object.is(v, -0) ? '-0' : v))] : x

/** Structure and contents of a pytree. */
export const treeContents = (value: unknown): unknown => {
  const { leaves, def } = tree.flatten(value)
  return [def.key, leaves.map(contents)]
}
