/** The counter-based generator behind `random`: Threefry-2x32 with 20 rounds. */
import {
  type NDArray,
  type Primitive,
  DTypeError,
  avalText,
  bind,
  broadcastShapes,
  definePrimitive,
  e,
  known,
  range,
  shapedArray,
} from '../core/index.js'
import { moveAxis, reshape } from './broadcasting.js'
import { elementAt } from './elementwise.js'

const rotations = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const

const word = (value: number): e.Expression => e.constant(value, 'uint32')

const rotateLeft = (x: e.Expression, by: number): e.Expression =>
  e.binary('or', e.binary('shl', x, word(by)), e.binary('shrLogical', x, word(32 - by)))

/** Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011), section 3.2. */
const threefryRounds = (
  key: readonly [e.Expression, e.Expression],
  counter: readonly [e.Expression, e.Expression],
): readonly [e.Expression, e.Expression] => {
  const keys = [...key, e.binary('xor', e.binary('xor', key[0], key[1]), word(0x1bd11bda))]
  const scheduled = (i: number): e.Expression => known(keys[i % 3], 'key')
  let x = e.binary('add', counter[0], scheduled(0))
  let y = e.binary('add', counter[1], scheduled(1))
  for (let block = 0; block < 5; block++) {
    for (const rotation of rotations[block % 2 === 0 ? 0 : 1]) {
      x = e.binary('add', x, y)
      y = e.binary('xor', rotateLeft(y, rotation), x)
    }
    x = e.binary('add', x, scheduled(block + 1))
    y = e.binary('add', e.binary('add', y, scheduled(block + 2)), word(block + 1))
  }
  return [x, y]
}

type Empty = Record<never, never>

const threefryPrimitive: Primitive<Empty> = definePrimitive<Empty>({
  name: 'threefry2x32',
  abstract: (inputs) => {
    if (inputs.length !== 4 || inputs.some((x) => x.dtype !== 'uint32')) {
      throw new DTypeError(
        `threefry2x32: takes two key words and two counter words of dtype uint32, got ${inputs.map(avalText).join(', ')}. ` +
          `Convert with x.astype('uint32').`,
      )
    }
    const out = shapedArray(broadcastShapes('threefry2x32', ...inputs.map((x) => x.shape)), 'uint32')
    return [out, out]
  },
  jvp: (primals) => [bind(threefryPrimitive, primals, {}), [null, null]],
  batch: (inputs, axes) => {
    const rank = Math.max(...inputs.map((x, i) => x.ndim - (axes[i] === null ? 0 : 1)))
    // The batch goes to the front of the broadcast; members of lower rank get axes of size 1 behind it.
    const moved = inputs.map((x, i) => {
      const axis = axes[i]
      if (axis === null || axis === undefined) return x
      const front = moveAxis(x, axis, 0)
      const [size = 1, ...member] = front.shape
      return reshape(front, [size, ...range(rank - member.length).map(() => 1), ...member])
    })
    return [bind(threefryPrimitive, moved, {}), [0, 0]]
  },
  lower: (_, inputs, __, outputs) =>
    outputs.map((aval, i) => ({
      aval,
      at: (index) => {
        const [key0, key1, count0, count1] = inputs.map((x) =>
          elementAt(x, index.slice(index.length - x.aval.shape.length)),
        )
        const words = threefryRounds(
          [known(key0, 'key'), known(key1, 'key')],
          [known(count0, 'counter'), known(count1, 'counter')],
        )
        return known(words[i], 'word')
      },
    })),
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 2 })
    const operand = (scalar: boolean) => draw.array(scalar ? [] : shape, 'uint32', { min: 0, max: 1000000 })
    const scalarKey = draw.boolean()
    return { inputs: [operand(scalarKey), operand(scalarKey), operand(false), operand(false)], params: {} }
  },
})

/**
 * Two random words for each pair of counter words, a function of the pair of key words alone; all uint32, broadcast
 * together. The same bits as JAX's `threefry2x32`. Throws DTypeError for other dtypes.
 *
 * @example
 * const word = (x) => lax.convertElementType(x, 'uint32')
 * const [a, b] = lax.threefry2x32(word(0), word(42), word(0), word(1))
 */
export const threefry2x32 = (key0: NDArray, key1: NDArray, count0: NDArray, count1: NDArray): [NDArray, NDArray] => {
  const [x, y] = bind(threefryPrimitive, [key0, key1, count0, count1], {})
  return [known(x, 'word'), known(y, 'word')]
}
