import { describe, expect, test } from 'vitest'
import * as lax from '../../src/lax/index.js'
import { type NDArray, known } from '../../src/core/index.js'
import { valueAndGrad } from '../../src/transforms/index.js'
import { kernels, program } from './support.js'

const kinds = (...args: Parameters<typeof program>): string[] =>
  program(...args).kernels.map((kernel) => (kernel.kind === 'loops' ? kernel.name : kernel.kind))

describe('elementwise operations share a kernel', () => {
  test('a chain is one flat loop', () => {
    expect(kernels((x, y) => [lax.mul(lax.tanh(lax.add(x, y)), x)], [20, 30], [20, 30])).toMatchInlineSnapshot(`
      "inputs in0 f32[20,30], in1 f32[20,30]
      outputs out0 f32[20,30]
      0: map, 1800 flops, 7200 bytes
        parallel i0 < 600 {
          out0[i0] = tanh(in0[i0] + in1[i0]) * in0[i0]
        }
      "
    `)
  })
  test('a row that is broadcast keeps its own loop', () => {
    expect(kernels((x, b) => [lax.max(lax.add(x, lax.broadcastInDim(b, [20, 30], [1])), 0)], [20, 30], [30]))
      .toMatchInlineSnapshot(`
      "inputs in0 f32[20,30], in1 f32[30]
      outputs out0 f32[20,30]
      0: map, 1200 flops, 4920 bytes
        parallel i0 < 20 {
          parallel i1 < 30 {
            out0[i0 * 30 + i1] = max(in0[i0 * 30 + i1] + in1[i1], 0.0)
          }
        }
      "
    `)
  })
  test('what depends on outer axes only is computed outside', () => {
    expect(kernels((x, b) => [lax.div(x, lax.broadcastInDim(lax.exp(b), [20, 30], [0]))], [20, 30], [20]))
      .toMatchInlineSnapshot(`
      "inputs in0 f32[20,30], in1 f32[20]
      outputs out0 f32[20,30]
      0: map, 620 flops, 4880 bytes
        parallel i0 < 20 {
          f32 a0 = exp(in1[i0])
          parallel i1 < 30 {
            out0[i0 * 30 + i1] = in0[i0 * 30 + i1] / a0
          }
        }
      "
    `)
  })
  test('several results of one shape are stored together, and what they share is computed once', () => {
    const step = (p: NDArray, m: NDArray, v: NDArray, g: NDArray): NDArray[] => {
      const m1 = lax.add(lax.mul(m, 0.9), lax.mul(g, 0.1))
      const v1 = lax.add(lax.mul(v, 0.999), lax.mul(lax.mul(g, g), 0.001))
      return [lax.sub(p, lax.mul(lax.div(m1, lax.add(lax.sqrt(v1), 1e-8)), 0.001)), m1, v1]
    }
    expect(kernels(step, [7, 5], [7, 5], [7, 5], [7, 5])).toMatchInlineSnapshot(`
      "inputs in0 f32[7,5], in1 f32[7,5], in2 f32[7,5], in3 f32[7,5]
      outputs out0 f32[7,5], out1 f32[7,5], out2 f32[7,5]
      0: map, 420 flops, 980 bytes
        parallel i0 < 35 {
          x0 = in1[i0] * 0.9 + in3[i0] * 0.1
          x1 = in2[i0] * 0.999 + in3[i0] * in3[i0] * 0.001
          out1[i0] = x0
          out2[i0] = x1
          out0[i0] = in0[i0] - x0 / (sqrt(x1) + 1e-8) * 0.001
        }
      "
    `)
  })
  test('reshapes and transposes are index arithmetic', () => {
    expect(kernels((x) => [lax.sin(lax.reshape(lax.transpose(lax.reshape(x, [4, 2, 3]), [1, 0, 2]), [24]))], [24]))
      .toMatchInlineSnapshot(`
      "inputs in0 f32[24]
      outputs out0 f32[24]
      0: map, 24 flops, 192 bytes
        parallel i0 < 2 {
          parallel i1 < 4 {
            parallel i2 < 3 {
              out0[i0 * 12 + i1 * 3 + i2] = sin(in0[i1 * 6 + i0 * 3 + i2])
            }
          }
        }
      "
    `)
  })
})

describe('padding and concatenation are ranges without conditions', () => {
  test('pad', () => {
    expect(
      kernels(
        (x) => [
          lax.pad(x, 0, [
            [1, 1, 0],
            [2, 1, 0],
          ]),
        ],
        [20, 30],
      ),
    ).toMatchInlineSnapshot(`
      "inputs in0 f32[20,30]
      outputs out0 f32[22,33]
      0: map, 0 flops, 5304 bytes
        parallel i0 < 33 {
          out0[i0] = 0.0
        }
        parallel i1 < 20 {
          parallel i2 < 2 {
            out0[i1 * 33 + i2 + 33] = 0.0
          }
          parallel i3 < 30 {
            out0[i1 * 33 + i3 + 35] = in0[i1 * 30 + i3]
          }
          out0[i1 * 33 + 65] = 0.0
        }
        parallel i4 < 33 {
          out0[i4 + 693] = 0.0
        }
      "
    `)
  })
  test('concatenate along the last axis', () => {
    expect(kernels((x, y) => [lax.concatenate([x, y, x], 1)], [20, 30], [20, 5])).toMatchInlineSnapshot(`
      "inputs in0 f32[20,30], in1 f32[20,5]
      outputs out0 f32[20,65]
      0: map, 0 flops, 8000 bytes
        parallel i0 < 20 {
          parallel i1 < 30 {
            out0[i0 * 65 + i1] = in0[i0 * 30 + i1]
          }
          parallel i2 < 5 {
            out0[i0 * 65 + i2 + 30] = in1[i0 * 5 + i2]
          }
          parallel i3 < 30 {
            out0[i0 * 65 + i3 + 35] = in0[i0 * 30 + i3]
          }
        }
      "
    `)
  })
  test('concatenate along the first axis', () => {
    expect(kernels((x, y) => [lax.concatenate([x, y], 0)], [20, 30], [5, 30])).toMatchInlineSnapshot(`
      "inputs in0 f32[20,30], in1 f32[5,30]
      outputs out0 f32[25,30]
      0: map, 0 flops, 6000 bytes
        parallel i0 < 600 {
          out0[i0] = in0[i0]
        }
        parallel i1 < 150 {
          out0[i1 + 600] = in1[i1]
        }
      "
    `)
  })
})

describe('reductions', () => {
  test('along rows: an accumulator per row', () => {
    expect(kernels((x) => [lax.reduceSum(lax.mul(x, x), [1])], [20, 300])).toMatchInlineSnapshot(`
      "inputs in0 f32[20,300]
      outputs out0 f32[20]
      0: reduce, 12000 flops, 24080 bytes
        parallel i0 < 20 {
          f32 a0 = 0.0
          reduce i1 < 300 {
            a0 += in0[i0 * 300 + i1] * in0[i0 * 300 + i1]
          }
          out0[i0] = a0
        }
      "
    `)
  })
  test('down columns: rows are added to a row in memory', () => {
    expect(kernels((x) => [lax.reduceSum(x, [0])], [20, 300])).toMatchInlineSnapshot(`
      "inputs in0 f32[20,300]
      outputs out0 f32[300]
      0: reduce, 6000 flops, 26400 bytes
        parallel i0 < 300 {
          out0[i0] = 0.0
        }
        sequential i1 < 5 {
          parallel i2 < 300 {
            out0[i2] = out0[i2] + (in0[i1 * 1200 + i2] + in0[i1 * 1200 + i2 + 300] + (in0[i1 * 1200 + i2 + 600] + in0[i1 * 1200 + i2 + 900]))
          }
        }
      "
    `)
  })
  test('long sums are sums of blocks', () => {
    expect(kernels((x) => [lax.reduceSum(x, [0])], [10000])).toMatchInlineSnapshot(`
      "inputs in0 f32[10000]
      outputs out0 f32[]
      0: reduce, 10020 flops, 40004 bytes
        f32 a0 = 0.0
        reduce i0 < 19 {
          f32 a1 = 0.0
          reduce i1 < 512 {
            a1 += in0[i0 * 512 + i1]
          }
          a0 += a1
        }
        f32 a2 = 0.0
        reduce i2 < 272 {
          a2 += in0[i2 + 9728]
        }
        a0 += a2
        out0[0] = a0
      "
    `)
  })
  test('several over the same axes share their loops', () => {
    expect(kernels((x) => [lax.reduceSum(x, [1]), lax.reduceMax(x, [1])], [20, 300])).toMatchInlineSnapshot(`
      "inputs in0 f32[20,300]
      outputs out0 f32[20], out1 f32[20]
      0: reduce, 12000 flops, 24160 bytes
        parallel i0 < 20 {
          f32 a0 = 0.0
          f32 a1 = -Infinity
          reduce i1 < 300 {
            a0 += in0[i0 * 300 + i1]
            a1 = max(a1, in0[i0 * 300 + i1])
          }
          out0[i0] = a0
          out1[i0] = a1
        }
      "
    `)
  })
  test('softmax', () => {
    const softmax = (x: NDArray): NDArray[] => {
      const rows = (y: NDArray): NDArray => lax.broadcastInDim(y, x.shape, [0])
      const exp = lax.exp(lax.sub(x, rows(lax.reduceMax(x, [1]))))
      return [lax.div(exp, rows(lax.reduceSum(exp, [1])))]
    }
    expect(kernels(softmax, [20, 50])).toMatchInlineSnapshot(`
      "inputs in0 f32[20,50]
      outputs out0 f32[20,50]
      0: rows, 5000 flops, 12000 bytes
        parallel i0 < 20 {
          f32 a0 = -Infinity
          reduce i1 < 50 {
            a0 = max(a0, in0[i0 * 50 + i1])
          }
          parallel i2 < 50 {
            out0[i0 * 50 + i2] = exp(in0[i0 * 50 + i2] - a0)
          }
          f32 a1 = 0.0
          reduce i3 < 50 {
            a1 += out0[i0 * 50 + i3]
          }
          parallel i4 < 50 {
            out0[i0 * 50 + i4] = out0[i0 * 50 + i4] / a1
          }
        }
      "
    `)
  })
  test('a pooling window is written out', () => {
    expect(
      kernels((x) => [lax.reduceWindow(x, -Infinity, lax.max, [1, 2, 2, 1], [1, 2, 2, 1], 'VALID')], [2, 8, 8, 16]),
    ).toMatchInlineSnapshot(`
      "inputs in0 f32[2,8,8,16]
      outputs out0 f32[2,4,4,16]
      0: map, 1536 flops, 10240 bytes
        parallel i0 < 8 {
          parallel i1 < 4 {
            parallel i2 < 16 {
              out0[i0 * 64 + i1 * 16 + i2] = max(max(max(in0[i0 * 256 + i1 * 32 + i2], in0[i0 * 256 + i1 * 32 + i2 + 16]), in0[i0 * 256 + i1 * 32 + i2 + 128]), in0[i0 * 256 + i1 * 32 + i2 + 144])
            }
          }
        }
      "
    `)
  })
})

describe('contractions', () => {
  const dot = (x: NDArray, y: NDArray): NDArray =>
    lax.dotGeneral(x, y, [
      [[1], [0]],
      [[], []],
    ])
  test('transposed and sliced operands are read in place', () => {
    expect(kernels((x, y) => [dot(lax.transpose(x, [1, 0]), lax.slice(y, [0, 3], [9, 10]))], [9, 5], [9, 20]))
      .toMatchInlineSnapshot(`
      "inputs in0 f32[9,5], in1 f32[9,20]
      outputs out0 f32[5,7]
      0: contraction, 630 flops, 1040 bytes
        out0 = [5,9] x [9,7]
          of in0(offset 0, strides 0,1,5) and in1(offset 3, strides 0,20,1)
      "
    `)
  })
  test('a computed operand is kept once for all that use it', () => {
    expect(
      kinds(
        (x, y, z) => {
          const h = lax.tanh(x)
          return [dot(h, y), dot(h, z)]
        },
        [9, 5],
        [5, 4],
        [5, 6],
      ),
    ).toEqual(['map', 'contraction', 'contraction'])
  })
  test('no products at all are zeros, and one product is elementwise', () => {
    expect(kernels((x, y) => [dot(x, y)], [3, 0], [0, 2])).toMatchInlineSnapshot(`
      "inputs in0 f32[3,0], in1 f32[0,2]
      outputs out0 f32[3,2]
      0: map, 0 flops, 24 bytes
        parallel i0 < 6 {
          out0[i0] = 0.0
        }
      "
    `)
    expect(kernels((x, y) => [dot(x, y)], [3, 1], [1, 2])).toMatchInlineSnapshot(`
      "inputs in0 f32[3,1], in1 f32[1,2]
      outputs out0 f32[3,2]
      0: map, 6 flops, 44 bytes
        parallel i0 < 3 {
          f32 a0 = in0[i0]
          parallel i1 < 2 {
            out0[i0 * 2 + i1] = a0 * in1[i1]
          }
        }
      "
    `)
  })
  test('halves are summed in float32', () => {
    expect(kernels((x, y) => [dot(x, y)], [[3, 4], 'float16'], [[4, 2], 'float16'])).toMatchInlineSnapshot(`
      "inputs in0 f16[3,4], in1 f16[4,2]
      outputs out0 f16[3,2]
      temporaries t0 f32[3,4] at 0, t1 f32[4,2] at 48, t2 f32[3,2] at 80 of 112 bytes
      0: maps, 0 flops, 120 bytes
        parallel i0 < 12 {
          t0[i0] = f32(in0[i0])
        }
        parallel i1 < 8 {
          t1[i1] = f32(in1[i1])
        }
      1: contraction, 48 flops, 104 bytes
        t2 = [3,4] x [4,2]
          of t0(offset 0, strides 12,4,1) and t1(offset 0, strides 8,2,1)
      2: map, 0 flops, 36 bytes
        parallel i0 < 6 {
          out0[i0] = f16(t2[i0])
        }
      "
    `)
  })
  test('windows of a convolution are packed in runs of channels', () => {
    const conv = (x: NDArray, w: NDArray): NDArray[] => [
      lax.convGeneralDilated(x, w, [1, 1], 'SAME', { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] }),
    ]
    expect(kernels(conv, [2, 6, 6, 8], [3, 3, 8, 4])).toMatchInlineSnapshot(`
      "inputs in0 f32[2,6,6,8], in1 f32[3,3,8,4]
      outputs out0 f32[2,6,6,4]
      temporaries t0 f32[2,6,6,3,3,8] at 0 of 20736 bytes
      0: map, 0 flops, 23040 bytes
        parallel i0 < 2 {
          parallel i1 < 6 {
            parallel i2 < 6 {
              parallel i3 < 3 {
                bool a0 = i1 + i3 - 1 >= 0 & i1 + i3 - 1 < 6
                i32 a1 = i0 * 288 + min(max(i1 + i3 - 1, 0), 5) * 48
                parallel i4 < 3 {
                  bool a2 = a0 & (i2 + i4 - 1 >= 0 & i2 + i4 - 1 < 6)
                  i32 a3 = a1 + min(max(i2 + i4 - 1, 0), 5) * 8
                  parallel i5 < 8 {
                    t0[i0 * 2592 + i1 * 432 + i2 * 72 + i3 * 24 + i4 * 8 + i5] = a2 ? in0[a3 + i5] : 0.0
                  }
                }
              }
            }
          }
        }
      1: contraction, 41472 flops, 23040 bytes
        out0 = [72,72] x [72,4]
          of t0(offset 0, strides 5184,72,1) and in1(offset 0, strides 0,4,1)
      "
    `)
  })
})

test('a training step of a small network', () => {
  const loss = ({ w1, b1, w2 }: { w1: NDArray; b1: NDArray; w2: NDArray }, x: NDArray, y: NDArray): NDArray => {
    const hidden = lax.max(lax.add(lax.dot(x, w1), lax.broadcastInDim(b1, [32, 16], [1])), 0)
    const error = lax.sub(lax.dot(hidden, w2), y)
    return lax.div(lax.reduceSum(lax.mul(error, error), [0, 1]), 32)
  }
  const step = (...[w1, b1, w2, x, y]: NDArray[]): NDArray[] => {
    const params = { w1: known(w1, 'w1'), b1: known(b1, 'b1'), w2: known(w2, 'w2') }
    const [value, grads] = valueAndGrad(loss)(params, known(x, 'x'), known(y, 'y'))
    const update = (p: NDArray, g: NDArray): NDArray => lax.sub(p, lax.mul(g, 0.1))
    return [value, update(params.w1, grads.w1), update(params.b1, grads.b1), update(params.w2, grads.w2)]
  }
  expect(kernels(step, [8, 16], [16], [16, 4], [32, 8], [32, 4])).toMatchInlineSnapshot(`
    "inputs in0 f32[8,16], in1 f32[16], in2 f32[16,4], in3 f32[32,8], in4 f32[32,4]
    outputs out0 f32[], out1 f32[8,16], out2 f32[16], out3 f32[16,4]
    temporaries t0 f32[32,16] at 0, t1 f32[32,16] at 2048, t2 f32[32,4] at 6144, t3 f32[32,4] at 6144, t4 f32[32,16] at 4096, t5 f32[32,16] at 4096 of 6656 bytes
    0: contraction, 8192 flops, 3584 bytes
      t0 = [32,8] x [8,16]
        of in3(offset 0, strides 0,8,1) and in0(offset 0, strides 0,16,1)
    1: map, 1024 flops, 4160 bytes
      parallel i0 < 32 {
        parallel i1 < 16 {
          t1[i0 * 16 + i1] = max(t0[i0 * 16 + i1] + in1[i1], 0.0)
        }
      }
    2: contraction, 4096 flops, 2816 bytes
      t2 = [32,16] x [16,4]
        of t1(offset 0, strides 0,16,1) and in2(offset 0, strides 0,4,1)
    3: reduce, 385 flops, 1028 bytes
      f32 a0 = 0.0
      reduce i0 < 128 {
        x0 = t2[i0] - in4[i0]
        a0 += x0 * x0
      }
      out0[0] = a0 / 32.0
    4: map, 512 flops, 1536 bytes
      parallel i0 < 128 {
        x0 = t2[i0] - in4[i0]
        t3[i0] = x0 * 0.03125 + 0.03125 * x0
      }
    5: contraction, 4096 flops, 2816 bytes
      out3 = [16,32] x [32,4]
        of t1(offset 0, strides 0,1,16) and t3(offset 0, strides 0,4,1)
    6: contraction, 4096 flops, 2816 bytes
      t4 = [32,4] x [4,16]
        of t3(offset 0, strides 0,4,1) and in2(offset 0, strides 0,1,4)
    7: map, 1536 flops, 8256 bytes
      parallel i0 < 32 {
        parallel i1 < 16 {
          t5[i0 * 16 + i1] = t4[i0 * 16 + i1] * ((t0[i0 * 16 + i1] + in1[i1] == t1[i0 * 16 + i1] ? 1.0 : 0.0) / (0.0 == t1[i0 * 16 + i1] ? 2.0 : 1.0))
        }
      }
    8: reduce, 512 flops, 2176 bytes
      parallel i0 < 16 {
        out2[i0] = 0.0
      }
      sequential i1 < 8 {
        parallel i2 < 16 {
          out2[i2] = out2[i2] + (t5[i1 * 64 + i2] + t5[i1 * 64 + i2 + 16] + (t5[i1 * 64 + i2 + 32] + t5[i1 * 64 + i2 + 48]))
        }
      }
    9: contraction, 8192 flops, 3584 bytes
      out1 = [8,32] x [32,16]
        of in3(offset 0, strides 0,1,8) and t5(offset 0, strides 0,16,1)
    10: maps, 416 flops, 2496 bytes
      parallel i0 < 128 {
        out1[i0] = in0[i0] - out1[i0] * 0.1
      }
      parallel i1 < 16 {
        out2[i1] = in1[i1] - out2[i1] * 0.1
      }
      parallel i2 < 64 {
        out3[i2] = in2[i2] - out3[i2] * 0.1
      }
    "
  `)
})

describe('edges', () => {
  test('inputs returned as they are, twice, and reshaped, need no kernel', () => {
    const made = program((x) => [x, x, lax.reshape(x, [6])], [2, 3])
    expect(made.kernels).toEqual([])
    expect(made.outputs.map((buffer) => made.placements.get(buffer))).toEqual(
      [0, 0, 0].map((index) => ({ kind: 'input', index })),
    )
  })
  test('constants are filled in', () => {
    expect(kernels(() => [lax.full([3, 4], 2, { dtype: 'float32' }), lax.iota('int32', 5)])).toMatchInlineSnapshot(`
      "inputs 
      outputs out0 f32[3,4], out1 i32[5]
      0: map, 0 flops, 48 bytes
        parallel i0 < 12 {
          out0[i0] = 2.0
        }
      1: map, 0 flops, 20 bytes
        parallel i0 < 5 {
          out1[i0] = i0
        }
      "
    `)
  })
  test('arrays without elements need no kernel', () => {
    expect(kinds((x) => [lax.sin(x), lax.transpose(x, [1, 0])], [0, 3])).toEqual([])
    expect(kinds((x) => [lax.reduceSum(x, [0])], [0, 3])).toEqual(['map'])
  })
  test('scalars', () => {
    expect(kernels((x, y) => [lax.add(x, y), lax.sin(x)], [], [])).toMatchInlineSnapshot(`
      "inputs in0 f32[], in1 f32[]
      outputs out0 f32[], out1 f32[]
      0: map, 2 flops, 16 bytes
        out0[0] = in0[0] + in1[0]
        out1[0] = sin(in0[0])
      "
    `)
  })
})

test('a chain of thousands of operations compiles in pieces', () => {
  const made = program(
    (x) => {
      let y = x
      for (let i = 0; i < 3000; i++) y = lax.add(lax.mul(y, y), x)
      return [y]
    },
    [20, 30],
  )
  expect(made.kernels.length).toBeGreaterThan(5)
  expect(made.kernels.length).toBeLessThan(60)
})

test('values that are used at many places are kept, so that work does not grow exponentially', () => {
  const made = program(
    (x) => {
      let y = x
      for (let i = 0; i < 60; i++) y = lax.add(lax.mul(lax.rev(y, [0]), 0.5), lax.mul(y, 0.5))
      return [y]
    },
    [100],
  )
  expect(made.kernels.length).toBeLessThan(61)
})

test('the text of a deep expression is made in time that grows with its depth, not exponentially', () => {
  const chain = (x: NDArray): NDArray[] => {
    let y = x
    for (let i = 0; i < 60; i++) y = lax.add(lax.mul(y, 0.5 + i), 1)
    return [y]
  }
  // Within the time limit of a test; at twice the time for each level it would take ages.
  expect(kernels(chain, [20]).match(/\* /g)?.length).toBeGreaterThanOrEqual(60)
})

test('the text does not depend on what was compiled before', () => {
  const f = (x: NDArray): NDArray[] => [lax.reduceSum(lax.mul(lax.exp(x), x), [0])]
  expect(kernels(f, [50, 20])).toBe(kernels(f, [50, 20]))
})
