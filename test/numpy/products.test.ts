/** Products of arrays against sums in plain loops. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, numpy as np, vmap } from 'cotangent'
import { type Plain, at, broadcastPairs, expectPlain, fromIndex, indicesOf, plains, runs, toArray } from './support.js'

const small = fc.integer({ min: -4, max: 4 })

describe('matmul', () => {
  it('is a sum of products, with leading axes broadcast', () => {
    const sizes = fc.tuple(
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: 0, max: 3 }),
    )
    const cases = fc
      .tuple(broadcastPairs, sizes)
      .chain(([[left, right, shape], [m, k, n]]) =>
        fc.tuple(plains([...left, m, k], small), plains([...right, k, n], small), fc.constant([...shape, m, n])),
      )
    fc.assert(
      fc.property(cases, ([x, y, shape]) => {
        const inner = x.shape.at(-1) ?? 0
        const expected = fromIndex(shape, (index) => {
          let sum = 0
          for (let k = 0; k < inner; k++) sum += at(x, index.with(-1, k)) * at(y, index.with(-2, k))
          return sum
        })
        expectPlain(np.matmul(toArray(x), toArray(y)), expected)
      }),
      runs,
    )
  })

  it('vectors lose their axis', () => {
    const [A, v] = [
      np.array([
        [1, 2],
        [3, 4],
      ]),
      np.array([5, 6]),
    ]
    expect(np.matmul(A, v).js()).toEqual([17, 39])
    expect(np.matmul(v, A).js()).toEqual([23, 34])
    expect(np.matmul(v, v).item()).toBe(61)
    expect(np.dot(2, v).js()).toEqual([10, 12])
  })

  it('what does not fit is an error that names both shapes', () => {
    expect(() => np.matmul(np.ones([2, 3]), np.ones([2, 3]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: matmul: f32[2,3] and f32[2,3] don't fit: 3 columns on the left, 2 rows on the right.]`,
    )
    expect(() => np.matmul(np.ones([2, 2, 2]), np.ones([3, 2, 2]))).toThrow('leading sizes 2 and 3')
    expect(() => np.matmul(np.ones([2]), 3)).toThrow('use np.multiply')
    expect(() => np.tensordot(np.ones([2, 3]), np.ones([4, 2]), { axes: [[1], [0]] })).toThrow('pair up')
    expect(() => np.cross(np.ones([4]), np.ones([4]))).toThrow('2 or 3 components')
  })
})

/** Subscripts with a size for each letter, and what they say in loops. */
const einsumCases: fc.Arbitrary<readonly [string, Plain[], string[], string]> = fc
  .record({
    sizes: fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 1, max: 3 }))),
    terms: fc.array(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 3 }), { minLength: 1, maxLength: 3 }),
    seed: fc.nat(),
  })
  .chain(({ sizes, terms, seed }) => {
    const size = (letter: string): number => sizes['abcd'.indexOf(letter)] ?? 1
    const used = [...new Set(terms.flat())]
    const output = used.filter((_, i) => (seed >> i) % 2 === 1).sort(() => (seed % 2 === 0 ? 1 : -1))
    const text = `${terms.map((term) => term.join('')).join(',')}->${output.join('')}`
    return fc.tuple(
      fc.constant(text),
      fc.tuple(...terms.map((term) => plains(term.map(size), small))),
      fc.constant(terms.map((term) => term.join(''))),
      fc.constant(output.join('')),
    )
  })

const einsumPlain = (arrays: readonly Plain[], terms: readonly string[], output: string): Plain => {
  const sizes = new Map<string, number>()
  terms.forEach((term, i) => term.split('').forEach((letter, d) => sizes.set(letter, arrays[i]?.shape[d] ?? 1)))
  const letters = [...sizes.keys()]
  const free = letters.filter((letter) => !output.includes(letter))
  return fromIndex(
    output.split('').map((letter) => sizes.get(letter) ?? 1),
    (index) => {
      let sum = 0
      for (const rest of indicesOf(free.map((letter) => sizes.get(letter) ?? 1))) {
        const place = (letter: string): number =>
          output.includes(letter) ? (index[output.indexOf(letter)] ?? 0) : (rest[free.indexOf(letter)] ?? 0)
        sum += terms.reduce((product, term, i) => {
          const x = arrays[i]
          return x === undefined ? product : product * at({ ...x, shape: x.shape }, term.split('').map(place))
        }, 1)
      }
      return sum
    },
  )
}

describe('einsum', () => {
  it('is what its subscripts say', () => {
    fc.assert(
      fc.property(einsumCases, ([text, arrays, terms, output]) => {
        expectPlain(np.einsum(text, ...arrays.map((x) => toArray(x))), einsumPlain(arrays, terms, output))
      }),
      { numRuns: 120 },
    )
  })

  it('ellipses broadcast, and without an arrow letters that occur once stay', () => {
    const x = np.reshape(np.arange(24), [2, 3, 4])
    expect(np.einsum('...ij->...ji', x).js()).toEqual(np.swapaxes(x, 1, 2).js())
    expect(np.einsum('...i,...i', x, np.arange(4)).js()).toEqual(np.matmul(x, np.arange(4)).js())
    expect(np.einsum('ba', np.ones([2, 3])).shape).toEqual([3, 2])
    expect(np.einsum('ij,ij', np.ones([1, 3]), np.ones([2, 3])).item()).toBe(6)
    expect(np.einsum('bhqk,bhkd->bqhd', np.ones([1, 2, 3, 4]), np.ones([1, 2, 4, 5])).shape).toEqual([1, 3, 2, 5])
  })

  it('lists of numbers stand for letters', () => {
    fc.assert(
      fc.property(einsumCases, ([text, arrays, terms, output]) => {
        // The last list is that of the result; an implicit one is in the order of the numbers.
        const list = (term: string): number[] => term.split('').map((letter) => letter.charCodeAt(0) - 97)
        const [first, ...others] = arrays.map((x, i): [NDArray, number[]] => [toArray(x), list(terms[i] ?? '')])
        if (first === undefined) throw new Error('einsumCases has at least one operand')
        const result = text.includes('->') ? [list(output)] : []
        expectPlain(np.einsum(...first, ...others.flat(), ...result), einsumPlain(arrays, terms, output))
      }),
      { numRuns: 60 },
    )
    const x = np.reshape(np.arange(24), [2, 3, 4])
    expect(np.einsum(x, ['...', 27, 3]).js()).toEqual(np.einsum('...bD', x).js())
    expect(np.einsum(x, ['...', 1, 0], ['...', 0, 1]).js()).toEqual(np.swapaxes(x, 1, 2).js())
    expect(np.einsum(x, [0, 1, 2], [], { preferredElementType: 'float32' }).dtype).toBe('float32')
    expect(() => np.einsum(x, [0, 1, 52])).toThrow('a whole number from 0 to 51')
    expect(() => np.einsum(x, [0, 1])).toThrow("the term 'AB' names 2 axes")
    expect(() => np.einsum(x, [0, 1, 2], x)).toThrow('write one term per operand')
    expect(() => np.einsum(x, [0, 1, 2], [0], [1])).toThrow('argument 4 is a JS array of 1')
  })

  it('subscripts that make no sense are errors', () => {
    const x = np.ones([2, 3])
    expect(() => np.einsum('ij,jk', x)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: einsum: 'ij,jk': it has 2 terms for 1 operands; write one term per operand.]`,
    )
    expect(() => np.einsum('i', x)).toThrow('names 1 axes, and operand 0 is f32[2,3]')
    expect(() => np.einsum('ij->k', x)).toThrow("'k' is in the result and in no operand")
    expect(() => np.einsum('ij->ii', x)).toThrow('occurs twice')
    expect(() => np.einsum('ij,ij', x, np.ones([3, 3]))).toThrow("'i' has size 2, and size 3 in operand 1")
    expect(() => np.einsum('i!', x)).toThrow('letters')
  })

  it('has derivatives and maps', () => {
    const S = np.array([
      [1, 2],
      [3, 4],
    ])
    expect(grad((a: NDArray) => np.square(np.einsum('ii', a)))(S).js()).toEqual([
      [10, 0],
      [0, 10],
    ])
    expect(vmap((a: NDArray) => np.einsum('i,j->ij', a, a))(S).shape).toEqual([2, 2, 2])
  })
})

describe('other products', () => {
  it('agree with einsum', () => {
    const cases = fc.tuple(plains([2, 3], small), plains([4, 3], small), plains([3], small))
    fc.assert(
      fc.property(cases, ([a, b, c]) => {
        const [x, y, v] = [toArray(a), toArray(b), toArray(c)]
        expect(np.inner(x, y).js()).toEqual(np.einsum('ij,kj->ik', x, y).js())
        expect(np.tensordot(x, y, { axes: [[1], [1]] }).js()).toEqual(np.inner(x, y).js())
        expect(np.outer(v, v).js()).toEqual(np.einsum('i,j->ij', v, v).js())
        expect(np.vecdot(x, v).js()).toEqual(np.einsum('ij,j->i', x, v).js())
        expect(np.kron(x, y).js()).toEqual(np.reshape(np.einsum('ij,kl->ikjl', x, y), [8, 9]).js())
        expect(np.vdot(x, x).item()).toBe(np.einsum('ij,ij->', x, x).item())
        expect(np.vecdot(np.cross(x, v), x).js()).toEqual([0, 0])
      }),
      runs,
    )
  })
})
