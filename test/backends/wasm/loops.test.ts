/** Generated loops give what the reference gives, to the bit where no sum is reassociated. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DType, type Expression, e, encodeHost } from '../../../src/core/index.js'
import type { Statement } from '../../../src/compiler/index.js'
import { WasmRuntime, programExecutable } from '../../../src/backends/wasm/device.js'
import { generator } from '../../compiler/random.js'
import {
  buffer,
  compare,
  loop,
  loopKernel,
  loops,
  onReference,
  onWasm,
  program,
  randomLoops,
  rowMajor,
} from './support.js'

const runtime = new WasmRuntime(64 << 20)

/** One elementwise kernel over arrays of the values. */
const elementwise = (
  dtypes: readonly DType[],
  out: DType,
  f: (...x: readonly Expression[]) => Expression,
  columns: readonly (readonly number[])[],
) => {
  const size = columns[0]?.length ?? 0
  const i = e.variable('int32', size)
  const inputs = dtypes.map((dtype) => buffer(dtype, size))
  const result = buffer(out, size)
  const body: Statement = { kind: 'store', buffer: result, index: i, value: f(...inputs.map((b) => e.load(b, i))) }
  const p = program([loopKernel([loop(i, 'parallel', [body])], inputs, [result])], inputs, [result])
  return { program: p, data: columns.map((column, k) => encodeHost(column, dtypes[k] ?? 'float32')) }
}

const floats = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  3,
  1e-40,
  -1e-40,
  8388609,
  -8388609,
  2147483648,
  -2147483904,
  4294967296,
  1e30,
  Infinity,
  -Infinity,
  NaN,
]
const integers = [0, 1, -1, 2, -2, 7, -7, 31, 32, 33, 255, 256, -128, 2147483647, -2147483648, -2147483647, 1 << 30]
const pairs = (list: readonly number[]): readonly [readonly number[], readonly number[]] => [
  list.flatMap((x) => list.map(() => x)),
  list.flatMap(() => list),
]

describe('operations at the edges of their ranges', () => {
  for (const dtype of ['float32', 'float64'] as const) {
    for (const op of ['neg', 'abs', 'sign', 'floor', 'ceil', 'trunc', 'round', 'sqrt'] as const) {
      it(`${op} of ${dtype}`, () => {
        const { program: p, data } = elementwise([dtype], dtype, (x = e.constant(0, dtype)) => e.unary(op, x), [floats])
        compare(runtime, p, data)
      })
    }
    for (const op of ['add', 'sub', 'mul', 'div', 'rem', 'min', 'max'] as const) {
      it(`${op} of ${dtype}`, () => {
        const { program: p, data } = elementwise(
          [dtype, dtype],
          dtype,
          (x, y) => e.binary(op, x as Expression, y as Expression),
          pairs(floats),
        )
        compare(runtime, p, data)
      })
    }
    for (const to of [
      'int32',
      'uint32',
      'int8',
      'uint8',
      'bool',
      'float16',
      'bfloat16',
      'float32',
      'float64',
    ] as const) {
      it(`${dtype} as ${to}`, () => {
        const { program: p, data } = elementwise([dtype], to, (x) => e.convert(x as Expression, to), [floats])
        compare(runtime, p, data)
      })
    }
  }
  for (const dtype of ['int32', 'uint32'] as const) {
    const ops = [
      'add',
      'sub',
      'mul',
      'div',
      'rem',
      'min',
      'max',
      'and',
      'or',
      'xor',
      'shl',
      'shrArithmetic',
      'shrLogical',
    ] as const
    for (const op of ops) {
      it(`${op} of ${dtype}`, () => {
        const values = dtype === 'uint32' ? integers.map((x) => x >>> 0) : integers
        const { program: p, data } = elementwise(
          [dtype, dtype],
          dtype,
          (x, y) => e.binary(op, x as Expression, y as Expression),
          pairs(values),
        )
        compare(runtime, p, data)
      })
    }
    for (const op of ops.slice(3)) {
      it(`${op} of ${dtype} by constants`, () => {
        for (const right of [0, -1, 1, 3, 31, 32, 40]) {
          const by = e.constant(dtype === 'uint32' ? right >>> 0 : right, dtype)
          const { program: p, data } = elementwise([dtype], dtype, (x) => e.binary(op, x as Expression, by), [integers])
          compare(runtime, p, data)
        }
      })
    }
    for (const op of ['neg', 'abs', 'sign', 'not', 'clz', 'popcount'] as const) {
      it(`${op} of ${dtype}`, () => {
        const { program: p, data } = elementwise([dtype], dtype, (x) => e.unary(op, x as Expression), [integers])
        compare(runtime, p, data)
      })
    }
  }
  for (const op of ['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const) {
    it(`${op} of floats with NaN`, () => {
      const { program: p, data } = elementwise(
        ['float32', 'float32'],
        'bool',
        (x, y) => e.compare(op, x as Expression, y as Expression),
        pairs(floats),
      )
      compare(runtime, p, data)
    })
  }
  it('reads and writes every half exactly', () => {
    const bits = Array.from({ length: 65536 }, (_, i) => i)
    const i = e.variable('int32', 65536)
    for (const half of ['float16', 'bfloat16'] as const) {
      const x = buffer(half, 65536)
      const wide = buffer('float32', 65536)
      const again = buffer(half, 65536)
      const value = e.convert(e.load(x, i), 'float32')
      const body: readonly Statement[] = [
        { kind: 'store', buffer: wide, index: i, value },
        { kind: 'store', buffer: again, index: i, value: e.convert(value, half) },
      ]
      compare(runtime, program([loopKernel([loop(i, 'parallel', body)], [x], [wide, again])], [x], [wide, again]), [
        Uint16Array.from(bits),
      ])
    }
  })
})

describe('random kernels', () => {
  it('give what the reference gives', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
        const { program: p, data } = randomLoops(seed)
        compare(runtime, p, data)
      }),
      { numRuns: 500, endOnFailure: true, seed: 1 },
    )
  })
})

describe('reductions', () => {
  const sum = (rows: number, columns: number, order: 'rows' | 'columns') => {
    const r = e.variable('int32', rows)
    const c = e.variable('int32', columns)
    const [kept, reduced] = order === 'rows' ? [r, c] : [c, r]
    const x = buffer('float32', rows * columns)
    const out = buffer('float32', kept.extent ?? 1)
    const local = e.variable('float32')
    const body: readonly Statement[] = [
      { kind: 'define', local, value: e.constant(0, 'float32') },
      loop(reduced, 'reduce', [{ kind: 'combine', local, op: 'add', value: e.load(x, rowMajor([r, c])) }]),
      { kind: 'store', buffer: out, index: kept, value: local },
    ]
    return program([loopKernel([loop(kept, 'parallel', body)], [x], [out])], [x], [out])
  }

  it('sums along rows and along columns', () => {
    for (const [rows, columns] of [
      [1, 1],
      [3, 100],
      [100, 3],
      [17, 65],
      [64, 1000],
    ] as const) {
      const data = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i))
      compare(runtime, sum(rows, columns, 'rows'), [data], 1e-5)
      compare(runtime, sum(rows, columns, 'columns'), [data], 1e-5)
    }
  })

  it('uses vectors for both', () => {
    for (const order of ['rows', 'columns'] as const) {
      expect(programExecutable(runtime, sum(64, 64, order)).text()).toContain('f32x4.add')
    }
  })

  it('splits long loops into chunks', () => {
    const p = sum(1, 3_000_000, 'rows')
    expect(programExecutable(runtime, p).text()).toContain('_range')
    const data = Float32Array.from({ length: 3_000_000 }, (_, i) => (i % 7) - 3)
    expect(onWasm(runtime, p, [data])[0]?.[0]).toBe(onReference(p, [data])[0]?.[0])
  })

  it('finds the largest and the smallest, NaN and the sign of zeros included', () => {
    const value = fc.oneof(
      { weight: 20, arbitrary: fc.constantFrom(0, -0) },
      { weight: 20, arbitrary: fc.float({ noNaN: true }) },
      { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity) },
    )
    // Zeros alone, zeros at one end, and anything.
    const values = fc.oneof(
      fc.constantFrom<readonly number[]>([0, -0], [0, -0, 1, 2], [0, -0, -3], [-0]),
      fc.array(value),
    )
    const cases = fc.record({
      values,
      size: fc.integer({ min: 1, max: 90 }),
      op: fc.constantFrom('min' as const, 'max' as const),
      seed: fc.integer(),
    })
    fc.assert(
      fc.property(cases, ({ values: list, size, op, seed }) => {
        const random = generator(seed)
        const data = Float32Array.from({ length: size }, () => list[Math.floor(random() * list.length)] ?? 1)
        const i = e.variable('int32', size)
        const x = buffer('float32', size)
        const out = buffer('float32', 1)
        const local = e.variable('float32')
        const body: readonly Statement[] = [
          { kind: 'define', local, value: e.constant(op === 'min' ? Infinity : -Infinity, 'float32') },
          ...(size === 1 ? [] : [loop(i, 'reduce', [{ kind: 'combine', local, op, value: e.load(x, i) }])]),
          { kind: 'store', buffer: out, index: e.index(0), value: local },
        ]
        compare(runtime, program([loopKernel(body, [x], [out])], [x], [out]), [data])
      }),
      { numRuns: 300 },
    )
  })
})

describe('loads', () => {
  it('stay inside the arena where a condition guards them', () => {
    const i = e.variable('int32', 40)
    const far = e.binary('add', i, e.index(-500_000_000))
    const x = buffer('float32', 40)
    const out = buffer('float32', 40)
    const value = e.select(e.compare('lt', e.load(x, i), e.constant(100, 'float32')), e.load(x, i), e.load(x, far))
    const p = program(
      [loopKernel([loop(i, 'parallel', [{ kind: 'store', buffer: out, index: i, value }])], [x], [out])],
      [x],
      [out],
    )
    const data = Float32Array.from({ length: 40 }, (_, k) => k)
    expect(onWasm(runtime, p, [data])[0]).toEqual(data)
  })

  it('of what the kernel writes see the writes', () => {
    const n = 30
    const i = e.variable('int32', n - 1)
    const j = e.variable('int32', 8)
    const out = buffer('int32', n * 8)
    const previous = e.load(out, rowMajor([i, j]))
    const first = e.variable('int32', 8)
    const p = program(
      [
        loopKernel(
          [
            loop(first, 'parallel', [{ kind: 'store', buffer: out, index: first, value: first }]),
            loop(i, 'sequential', [
              loop(j, 'parallel', [
                {
                  kind: 'store',
                  buffer: out,
                  index: e.binary('add', rowMajor([i, j]), e.index(8)),
                  value: e.binary('add', previous, e.index(1)),
                },
              ]),
            ]),
          ],
          [],
          [out],
        ),
      ],
      [],
      [out],
    )
    compare(runtime, p, [])
  })

  it('at every stride', () => {
    for (const stride of [-3, -2, -1, 0, 1, 2, 3, 5]) {
      for (const dtype of ['float32', 'int32', 'bool', 'uint8', 'float16'] as const) {
        const i = e.variable('int32', 37)
        const x = buffer(dtype, 37 * 5 + 1)
        const out = buffer(dtype, 37)
        const at = e.binary('add', e.binary('mul', i, e.index(stride)), e.index(stride < 0 ? -36 * stride : 0))
        const p = program(
          [
            loopKernel(
              loops([i], 'parallel', [{ kind: 'store', buffer: out, index: i, value: e.load(x, at) }]),
              [x],
              [out],
            ),
          ],
          [x],
          [out],
        )
        compare(runtime, p, [
          encodeHost(
            Array.from({ length: x.size }, (_, k) => (dtype === 'bool' ? k % 2 : k % 100)),
            dtype,
          ),
        ])
      }
    }
  })
})

describe('transposed operands', () => {
  it('are read in every order of axes', () => {
    const orders = [
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]
    for (const sizes of [
      [8, 8, 8],
      [3, 17, 33],
      [9, 70, 11],
      [13, 2, 66],
    ]) {
      for (const order of orders) {
        for (const dtype of ['float32', 'int32', 'uint8'] as const) {
          const variables = sizes.map((n) => e.variable('int32', n))
          const strides = sizes.map((_, d) => sizes.slice(d + 1).reduce((a, b) => a * b, 1))
          // The source has its axes in another order: its stride for axis d of the result is that of axis order[d].
          const permuted = order.map((d) => sizes[d] ?? 1)
          const sourceStrides = permuted.map((_, d) => permuted.slice(d + 1).reduce((a, b) => a * b, 1))
          const at = (steps: readonly number[]): Expression =>
            variables.reduce(
              (sum, v, d) => e.binary('add', sum, e.binary('mul', v, e.index(steps[d] ?? 0))),
              e.index(0),
            )
          const x = buffer(
            dtype,
            sizes.reduce((a, b) => a * b, 1),
          )
          const y = buffer('float32', x.size)
          const out = buffer('float32', x.size)
          const source = sizes.map((_, d) => sourceStrides[order.indexOf(d)] ?? 0)
          const value = e.binary('add', e.convert(e.load(x, at(source)), 'float32'), e.load(y, at(strides)))
          const body: Statement = { kind: 'store', buffer: out, index: at(strides), value }
          const p = program([loopKernel(loops(variables, 'parallel', [body]), [x, y], [out])], [x, y], [out])
          const numbers = Array.from({ length: x.size }, (_, i) => (i * 31) % 251)
          compare(runtime, p, [encodeHost(numbers, dtype), encodeHost(numbers, 'float32')])
        }
      }
    }
  })
})

describe('conditions that are the same for a whole loop', () => {
  it('choose between two loops', () => {
    const i = e.variable('int32', 9)
    const j = e.variable('int32', 37)
    const x = buffer('float32', 9 * 37)
    const flags = buffer('bool', 9)
    const out = buffer('float32', 9 * 37)
    const again = buffer('bool', 9 * 37)
    const load = e.load(x, rowMajor([i, j]))
    const body: readonly Statement[] = [
      {
        kind: 'store',
        buffer: out,
        index: rowMajor([i, j]),
        value: e.select(e.load(flags, i), load, e.constant(-1, 'float32')),
      },
      { kind: 'store', buffer: again, index: rowMajor([i, j]), value: e.compare('gt', load, e.convert(i, 'float32')) },
    ]
    const p = program([loopKernel(loops([i, j], 'parallel', body), [x, flags], [out, again])], [x, flags], [out, again])
    compare(runtime, p, [
      Float32Array.from({ length: 333 }, (_, k) => (k % 19) - 4),
      Uint8Array.from([1, 0, 0, 1, 1, 0, 1, 0, 1]),
    ])
  })
})
