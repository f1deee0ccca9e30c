/** Long elementwise kernels are cut at waists, and branch around what is rare, without changing a bit. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, jit, lax, numpy as np, random } from 'cotangent'
import { decompose } from '../../../src/scalar/decompose.js'
import '../../../src/scalar/functions.js'
import { e } from '../../../src/core/index.js'
import { cutAtWaists } from '../../../src/backends/wasm/waists.js'
import { buffer, loop } from './support.js'

const bitsOf = (x: NDArray): Uint32Array => {
  const data = x.dataSync()
  return new Uint32Array(data.buffer, data.byteOffset, data.length)
}

/** Common arguments, and those on the rare sides of selects and where functions end. */
const argument = fc.oneof(
  { weight: 30, arbitrary: fc.float({ min: Math.fround(-0.9), max: Math.fround(0.9) }) },
  { weight: 1, arbitrary: fc.constantFrom(1, -1, 2, -2, 0.9999999, -0.999, 30.5, -0, NaN, Infinity, -Infinity, 1e30) },
)

const chains: readonly (readonly [string, readonly ((x: NDArray) => NDArray)[]])[] = [
  ['erfInv', [lax.erfInv]],
  ['lgamma', [lax.lgamma]],
  ['digamma after lgamma', [lax.lgamma, lax.digamma]],
  ['erfInv after sin after lgamma', [lax.lgamma, lax.sin, lax.erfInv]],
  ['atanh after digamma after cos', [lax.cos, lax.digamma, lax.atanh]],
]

describe('long elementwise kernels', () => {
  it.each(chains)('%s: fused is the same as one after the other', (_, functions) => {
    const fused = jit((x: NDArray) => functions.reduce((y, f) => f(y), x))
    fc.assert(
      fc.property(fc.infiniteStream(argument), fc.constantFrom(3, 16, 1023, 1024, 1281, 1306), (stream, size) => {
        const x = np.array(Float32Array.from({ length: size }, () => stream.next().value as number))
        const apart = functions.reduce((y, f) => f(y), x)
        expect(bitsOf(fused(x))).toEqual(bitsOf(apart))
      }),
      { numRuns: 12 },
    )
  })

  it('random normal numbers are erfInv of uniform ones', () => {
    const key = random.key(7)
    for (const size of [1025, 5000]) {
      const below = 1 - 2 ** -24
      const uniform = random.uniform(key, [size], { minval: -below, maxval: 1 })
      const fused = jit((k: NDArray) => random.normal(k, [size]))(key)
      expect(bitsOf(fused)).toEqual(bitsOf(np.multiply(lax.erfInv(uniform), Math.SQRT2)))
    }
  })

  it('reduced at once, they give what their elements give', () => {
    for (const size of [37, 1040, 5003]) {
      const bits = (k: NDArray): NDArray => random.bits(k, [size])
      const normal = (k: NDArray): NDArray => random.normal(k, [size])
      const key = random.key(size)
      expect(bitsOf(jit((k: NDArray) => np.sum(bits(k)))(key))).toEqual(bitsOf(np.sum(bits(key))))
      expect(bitsOf(jit((k: NDArray) => np.max(normal(k)))(key))).toEqual(bitsOf(np.max(normal(key))))
      expect(bitsOf(jit((k: NDArray) => np.min(normal(k)))(key))).toEqual(bitsOf(np.min(normal(key))))
    }
  })

  it('are two loops in a loop over blocks, and what is left over', () => {
    const i = e.variable('int32', 1300)
    const [x, out] = [buffer('float32', 1300), buffer('float32', 1300)]
    const value = decompose(e.unary('lgamma', e.unary('lgamma', e.load(x, i))))
    const cut = cutAtWaists([loop(i, 'parallel', [{ kind: 'store', buffer: out, index: i, value }])])
    expect(cut.map((s) => (s.kind === 'for' ? [s.extent, s.body.length] : []))).toEqual([
      [5, 2],
      [20, 1],
    ])
    // The argument is used again at the very end: there is no waist.
    const open = e.binary('add', value, e.load(x, i))
    const s = loop(i, 'parallel', [{ kind: 'store', buffer: out, index: i, value: open }])
    expect(cutAtWaists([s])).toEqual([s])
  })
})
