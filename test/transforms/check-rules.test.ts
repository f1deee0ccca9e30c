/** What the records of primitives say to `checked` is true: those that pass values on make no NaN, and a report of an index tells of a window that was moved. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, checked, jit, lax, numpy as np, vmap } from 'cotangent'
import {
  type DType,
  type Draw,
  type Primitive,
  type SampleArray,
  bind,
  isFloating,
  known,
  primitives,
} from '../../src/core/index.js'
import { arrayOf, drawFrom } from '../../src/testing/index.js'

const check = (law: (draw: Draw) => void): void =>
  fc.assert(
    fc.property(fc.gen(), (g) => law(drawFrom(g))),
    { numRuns: 50, seed: 20261123 },
  )

const named = (name: string): Primitive => known(primitives.get(name), name)
const passing = [...primitives.values()].filter((p) => p.passes)
const hugeOf = (dtype: DType): number => (dtype === 'float16' ? 2 ** 15 : dtype === 'float64' ? 2 ** 1023 : 2 ** 127)

/** Floats of a sample as large as they get, or infinite, with their signs. */
const extreme = (x: SampleArray, size: (value: number) => number): NDArray =>
  arrayOf(isFloating(x.dtype) ? { ...x, data: x.data.map((v) => Math.sign(v) * size(v)) } : x)

const floatsOf = (outs: readonly NDArray[]): number[] =>
  outs.flatMap((x) => (isFloating(x.dtype) ? Array.from(x.dataSync(), Number) : []))

/** Results of a primitive; within a vmap whose members all have the same operands, if it needs the name of an axis. */
const resultsOf = (primitive: Primitive, inputs: readonly NDArray[], params: object): readonly NDArray[] => {
  const [axisName] = primitive.axisNames?.(params) ?? []
  if (axisName === undefined) return bind(primitive, inputs, params)
  const { axisSize } = params as { readonly axisSize: number }
  const stacked = inputs.map((x) => np.broadcastTo(x, [axisSize, ...x.shape]))
  return vmap((xs: readonly NDArray[]) => [...bind(primitive, xs, params)], { axisName })(stacked)
}

describe.each(passing.map((p) => [p.name, p] as const))('%s passes values on', (_, primitive) => {
  it('gives finite results for all that is finite', () =>
    check((draw) => {
      const { inputs, params } = primitive.sample(draw)
      const outs = resultsOf(
        primitive,
        inputs.map((x) => extreme(x, () => hugeOf(x.dtype))),
        params,
      )
      expect(floatsOf(outs).filter((x) => !Number.isFinite(x))).toEqual([])
    }))

  it('makes no NaN of infinities', () =>
    check((draw) => {
      const { inputs, params } = primitive.sample(draw)
      const outs = resultsOf(
        primitive,
        inputs.map((x) => extreme(x, (v) => (Math.abs(v) > 0.5 ? Infinity : hugeOf(x.dtype)))),
        params,
      )
      expect(floatsOf(outs).filter(Number.isNaN)).toEqual([])
    }))
})

it('operations that compute do not pass', () => {
  expect(passing.length).toBeGreaterThan(25)
  for (const name of ['add', 'exp', 'reduce_sum', 'cumprod', 'scatter-add', 'scatter-mul', 'dot_general', 'sub'])
    expect(named(name).passes).toBe(false)
})

describe('an index is reported exactly when its window is not wholly inside', () => {
  const reported = (primitive: Primitive, inputs: readonly NDArray[], params: object): boolean => {
    const f = (...xs: NDArray[]): readonly NDArray[] => bind(primitive, xs, params)
    const [report] = jit(checked(f, { errors: ['index'] }))(...inputs)
    return report.get() !== null
  }

  it('gather: what it is filled with shows', () => {
    const gather = named('gather')
    check((draw) => {
      const { inputs, params } = gather.sample(draw)
      const arrays = inputs.map(arrayOf).map((x, i) => (i === 0 ? np.zerosLike(x, { dtype: 'float32' }) : x))
      const filled = (fillValue: number): object => ({ ...params, mode: 'fillOrDrop', fillValue })
      const [out] = bind(gather, arrays, filled(1))
      expect(reported(gather, arrays, filled(1))).toBe(known(out, 'result').dataSync().includes(1))
    })
  })

  it.each(['scatter-add', 'scatter-sub'])('%s: what it drops is missing', (name) => {
    const scatter = named(name)
    check((draw) => {
      const { inputs, params } = scatter.sample(draw)
      const [operand, indices, updates] = inputs.map(arrayOf)
      const ones = np.onesLike(known(updates, 'updates'), { dtype: 'float32' })
      const zeros = np.zerosLike(known(operand, 'operand'), { dtype: 'float32' })
      const arrays = [zeros, known(indices, 'indices'), ones]
      const dropping = { ...params, mode: 'fillOrDrop' }
      const [out] = bind(scatter, arrays, dropping)
      const added = Math.abs(np.sum(known(out, 'result')).item())
      expect(reported(scatter, arrays, dropping)).toBe(added !== ones.size)
    })
  })

  const part = fc
    .record({ rows: fc.integer({ min: 1, max: 4 }), columns: fc.integer({ min: 1, max: 5 }) })
    .chain(({ rows, columns }) =>
      fc.record({
        shape: fc.constant([rows, columns] as const),
        sizes: fc.tuple(fc.integer({ min: 1, max: rows }), fc.integer({ min: 1, max: columns })),
        starts: fc.tuple(fc.integer({ min: -2, max: rows + 1 }), fc.integer({ min: -2, max: columns + 1 })),
      }),
    )

  it('dynamic_slice and dynamic_update_slice: the part is elsewhere', () =>
    fc.assert(
      fc.property(part, ({ shape, sizes, starts }) => {
        const at = starts.map((start) => np.array(start, { dtype: 'int32' }))
        // Every element says where it is.
        const [rows, columns] = shape
        const row = lax.broadcastInDim(np.arange(rows), shape, [0])
        const places = np.add(np.multiply(row, 100), np.arange(columns))
        const asked = starts[0] * 100 + starts[1]

        const slice = named('dynamic_slice')
        const read = known(bind(slice, [places, ...at], { sliceSizes: sizes })[0], 'part')
        expect(reported(slice, [places, ...at], { sliceSizes: sizes })).toBe(read.dataSync()[0] !== asked)

        const update = named('dynamic_update_slice')
        const inputs = [np.zeros(shape), np.ones(sizes), ...at]
        const written = known(bind(update, inputs, {})[0], 'result')
          .dataSync()
          .indexOf(1)
        expect(reported(update, inputs, {})).toBe(places.dataSync()[written] !== asked)
      }),
      { numRuns: 50, seed: 20261123 },
    ))
})
