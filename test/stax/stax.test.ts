/** Layers: shapes told by init are those of apply, params fit the paper formulas, state, keys, and messages. */
import * as fc from 'fast-check'
import { concatAll } from 'fp-ts/lib/Monoid.js'
import { describe, expect, it } from 'vitest'
import {
  type NDArray,
  grad,
  jit,
  losses,
  nn,
  numpy as np,
  optim,
  random,
  stax,
  tree,
  valueAndGrad,
  vmap,
} from 'cotangent'
import { assertClose } from '../../src/testing/index.js'

const loose = { relative: 2e-5, absolute: 2e-6 }
const key = random.key(0)
const normal = (seed: number, shape: readonly number[]): NDArray => random.normal(random.key(seed), shape)
const shapes = (params: unknown): unknown => tree.map((x: NDArray) => [...x.shape], params)

const images: readonly (readonly [string, stax.Layer])[] = [
  ['Conv', stax.Conv(5, [3, 2])],
  ['Conv valid, strided, dilated', stax.Conv(4, [2, 3], { padding: 'VALID', strides: [2, 1], kernelDilation: [1, 2] })],
  [
    'Conv padded, grouped',
    stax.Conv(4, [3, 3], {
      padding: [
        [2, 0],
        [1, 3],
      ],
      featureGroupCount: 2,
      useBias: false,
    }),
  ],
  ['ConvTranspose', stax.ConvTranspose(3, [3, 3], { strides: [2, 3] })],
  ['ConvTranspose valid', stax.ConvTranspose(3, [4, 2], { strides: [2, 3], padding: 'VALID' })],
  ['MaxPool', stax.MaxPool([2, 3], { strides: [2, 2] })],
  ['AvgPool', stax.AvgPool([3, 3], { padding: 'SAME', countIncludePad: false })],
  ['MinPool', stax.MinPool([2, 2])],
  ['BatchNorm', stax.BatchNorm()],
  ['LayerNorm', stax.LayerNorm()],
  ['RMSNorm', stax.RMSNorm()],
  ['GroupNorm', stax.GroupNorm(2)],
  ['Flatten', stax.Flatten],
  ['Dense', stax.Dense(7)],
  ['Dropout', stax.Dropout(0.5)],
  ['SpatialDropout', stax.SpatialDropout(0.5)],
  ['Relu', stax.Relu],
  ['Gelu', stax.Gelu],
  ['LogSoftmax', stax.LogSoftmax],
  ['residual', stax.residual(stax.Conv(4, [3, 3]))],
  ['shapeDependent', stax.shapeDependent((shape) => stax.Dense(shape.at(-1) ?? 1))],
]

describe('every layer', () => {
  for (const [name, layer] of images) {
    it(`${name}: init tells the shape that apply gives, jit and vmap agree`, () => {
      const inputShape = [-1, 6, 7, 4]
      const { params, state, outputShape } = layer.init(key, inputShape)
      const x = normal(1, [3, 6, 7, 4])
      const { y } = layer.apply(params, state, x)
      expect([-1, ...y.shape.slice(1)]).toEqual(outputShape)
      expect(layer.init(key, [3, 6, 7, 4]).outputShape).toEqual(y.shape)
      const predict = stax.predict(layer)
      assertClose(jit(predict)(params, state, x), y, 'jit', loose)
      const single = (image: NDArray): NDArray => predict(params, state, np.expandDims(image, 0)).get(0)
      assertClose(vmap(single)(x), y, 'vmap', loose)
      const loss = (p: unknown): NDArray => np.sum(np.square(predict(p, state, x)))
      tree.leaves(grad(loss)(params)).forEach((g) => {
        expect((g as NDArray).dataSync().every(Number.isFinite)).toBe(true)
      })
    })
  }

  it('channels first gives what channels last gives', () => {
    const x = normal(2, [2, 6, 7, 4])
    const first = np.transpose(x, { axes: [0, 3, 1, 2] })
    const back = (y: NDArray): NDArray => np.transpose(y, { axes: [0, 2, 3, 1] })
    const both: readonly ((layout: stax.Layout) => stax.Layer)[] = [
      (layout) => stax.Conv(6, [3, 2], { layout, strides: [2, 1], featureGroupCount: 2 }),
      (layout) => stax.ConvTranspose(3, [3, 3], { layout, strides: [2, 2] }),
      (layout) => stax.MaxPool([2, 2], { layout, strides: [2, 2] }),
      (layout) => stax.AvgPool([3, 3], { layout, padding: 'SAME', countIncludePad: false }),
      (layout) => stax.BatchNorm({ layout }),
      (layout) => stax.SpatialDropout(0.5, { layout }),
    ]
    for (const make of both) {
      const [last, other] = [make('NHWC'), make('NCHW')]
      const a = last.init(key, [-1, 6, 7, 4])
      const b = other.init(key, [-1, 4, 6, 7])
      expect(a.outputShape).toEqual([0, 2, 3, 1].map((d) => b.outputShape[d]))
      const options = { train: last.kind === 'BatchNorm' }
      const expected = last.apply(a.params, a.state, x, options).y
      assertClose(back(other.apply(b.params, b.state, first, options).y), expected, String(last.kind), loose)
    }
  })
})

describe('layers one by one', () => {
  it('Dense is an affine map; Embed looks rows up', () => {
    const dense = stax.Dense(3, { biasInit: nn.initializers.ones })
    const { params, state } = dense.init(key, [-1, 4])
    const x = normal(1, [5, 4])
    assertClose(dense.apply(params, state, x).y, np.add(np.matmul(x, params.kernel), 1), 'Dense', loose)
    const embed = stax.Embed(6, 2)
    const table = embed.init(key, [-1, 3])
    expect(table.outputShape).toEqual([-1, 3, 2])
    const rows = np.array([[5, 0, 9]], { dtype: 'int32' })
    expect(embed.apply(table.params, table.state, rows).y.get(0, 0).js()).toEqual(table.params.embedding.get(5).js())
    expect(() => embed.apply(table.params, table.state, np.ones([1, 3]))).toThrow(/Embed: the input must be integers/)
  })

  it('Dropout keeps the mean in training and does nothing otherwise', () => {
    const x = np.ones([50, 8, 8, 40])
    const dropped = stax.Dropout(0.25).apply({}, {}, x, { train: true, key }).y
    expect(np.mean(dropped).item()).toBeCloseTo(1, 1)
    expect(new Set(dropped.dataSync())).toEqual(new Set([0, Math.fround(1 / 0.75)]))
    expect(stax.Dropout(0.25).apply({}, {}, x).y).toBe(x)
    const channels = stax.SpatialDropout(0.5).apply({}, {}, x, { train: true, key }).y
    const spread = np.subtract(np.max(channels, { axis: [1, 2] }), np.min(channels, { axis: [1, 2] }))
    expect(np.max(spread).item()).toBe(0)
    expect(np.mean(channels).item()).toBeCloseTo(1, 1)
    expect(() => stax.Dropout(1)).toThrow(/rate is the probability to drop/)
  })

  it('BatchNorm keeps running statistics in its state', () => {
    const layer = stax.serial({ norm: stax.BatchNorm({ momentum: 0.5 }), relu: stax.Relu })
    const { params, state } = layer.init(key, [-1, 3])
    const x = np.add(np.multiply(normal(1, [200, 3]), 2), 5)
    const trained = layer.apply(params, state, x, { train: true }).state
    assertClose(trained.norm.mean, np.multiply(0.5, np.mean(x, { axis: 0 })), 'mean', loose)
    expect(layer.apply(params, trained, x).state).toEqual(trained)
    expect(state.norm.mean.js()).toEqual([0, 0, 0])
  })

  it('attention: causal outputs ignore the future; cross-attention takes the shape of the query', () => {
    const layer = stax.SelfAttention({ heads: 2, causal: true })
    const { params, state, outputShape } = layer.init(key, [-1, 5, 6])
    expect(outputShape).toEqual([-1, 5, 6])
    const x = normal(1, [2, 5, 6])
    const changed = x.at({}, 4).set(9)
    const early = (y: NDArray): NDArray => y.get({}, { stop: 4 })
    const [a, b] = [layer.apply(params, state, x).y, layer.apply(params, state, changed).y]
    assertClose(early(b), early(a), 'the past', loose)
    const cross = stax.MultiHeadAttention({ heads: 4, features: 8, outFeatures: 3 })
    const made = cross.init(key, [
      [-1, 5, 6],
      [-1, 9, 10],
    ])
    expect(made.outputShape).toEqual([-1, 5, 3])
    expect(shapes(made.params)).toMatchObject({ key: { kernel: [10, 8] }, out: { kernel: [8, 3], bias: [3] } })
    expect(cross.apply(made.params, made.state, [x, normal(2, [2, 9, 10])]).y.shape).toEqual([2, 5, 3])
    expect(() => stax.SelfAttention({ heads: 4 }).init(key, [-1, 5, 6])).toThrow(/4 heads must divide the 6 features/)
  })
})

describe('combinators', () => {
  it('serial: tuples for lists, records for names, with types', () => {
    const list = stax.serial(stax.Dense(3), stax.Relu, stax.Dense(2))
    const a = list.init(key, [-1, 4])
    expect(a.params[0].kernel.shape).toEqual([4, 3])
    expect(shapes(a.params)).toEqual([{ kernel: [4, 3], bias: [3] }, {}, { kernel: [3, 2], bias: [2] }])
    const named = stax.serial({ hidden: stax.Dense(3), relu: stax.Relu, out: stax.Dense(2) })
    const b = named.init(key, [-1, 4])
    expect(b.params.hidden.kernel.js()).toEqual(a.params[0].kernel.js())
    const x = normal(1, [5, 4])
    expect(named.apply(b.params, b.state, x).y.js()).toEqual(list.apply(a.params, a.state, x).y.js())
    expect(stax.serial().apply([], [], x).y).toBe(x)
  })

  it('FanOut, parallel, FanInSum and FanInConcat', () => {
    const sum = stax.serial(stax.FanOut(2), stax.parallel(stax.Dense(3), stax.Dense(3)), stax.FanInSum)
    const made = sum.init(key, [-1, 4])
    const x = normal(1, [5, 4])
    const [, branches] = made.params
    const dense = (p: { readonly kernel: NDArray }): NDArray => np.matmul(x, p.kernel)
    assertClose(sum.apply(made.params, made.state, x).y, np.add(dense(branches[0]), dense(branches[1])), 'sum', loose)
    const joined = stax.serial(
      stax.FanOut(3),
      stax.parallel(stax.Identity, stax.Relu, stax.Dense(2)),
      stax.FanInConcat(),
    )
    expect(joined.init(key, [-1, 4]).outputShape).toEqual([-1, 10])
    const named = stax.parallel({ left: stax.Dense(3), right: stax.Identity })
    const two = named.init(key, [
      [-1, 4],
      [-1, 2],
    ])
    expect(two.outputShape).toEqual([
      [-1, 3],
      [-1, 2],
    ])
    expect(Object.keys(two.params)).toEqual(['left', 'right'])
  })

  it('give every child that needs one a key of its own', () => {
    const model = stax.serial(stax.FanOut(2), stax.parallel(stax.Dropout(0.5), stax.Dropout(0.5)))
    const { params, state } = model.init(key, [-1, 64])
    const { y } = model.apply(params, state, np.ones([1, 64]), { train: true, key })
    expect(y[0].js()).not.toEqual(y[1].js())
    const again = model.apply(params, state, np.ones([1, 64]), { train: true, key })
    expect(again.y[0].js()).toEqual(y[0].js())
  })

  it('residual adds the input, or what the shortcut makes of it', () => {
    const block = stax.residual(stax.Dense(4, { kernelInit: nn.initializers.zeros }))
    const { params, state } = block.init(key, [-1, 4])
    const x = normal(1, [2, 4])
    expect(block.apply(params, state, x).y.js()).toEqual(x.js())
    expect(stax.residual(stax.Dense(3), stax.Dense(3)).init(key, [-1, 4]).outputShape).toEqual([-1, 3])
    expect(() => stax.residual(stax.Dense(3)).init(key, [-1, 4])).toThrow(/gives \[-1,3\] and the shortcut \[-1,4\]/)
  })

  it('a plain object with init and apply is a layer', () => {
    const scale: stax.Layer<{ readonly factor: NDArray }, stax.Nothing> = {
      init: (_, inputShape) => ({ outputShape: inputShape, params: { factor: np.array(3) }, state: {} }),
      apply: ({ factor }, state, x) => ({ y: np.multiply(x, factor), state }),
    }
    const model = stax.serial({ scale, relu: stax.Relu })
    const { params, state } = model.init(key, [-1, 2])
    expect(model.apply(params, state, np.array([[1, -1]])).y.js()).toEqual([[3, 0]])
  })

  it('form a monoid, parameters included', () => {
    const layer = fc.constantFrom<() => stax.Layer>(
      () => stax.Dense(3),
      () => stax.Tanh,
      () => stax.Identity,
      () => stax.serial(stax.Dense(3), stax.Relu),
    )
    const { concat, empty } = stax.layerMonoid
    const run = (l: stax.Layer): unknown => {
      const { params, state } = l.init(key, [-1, 3])
      return [shapes(params), tree.map((p: NDArray) => p.js(), params), l.apply(params, state, np.ones([1, 3])).y.js()]
    }
    fc.assert(
      fc.property(layer, layer, layer, (f, g, h) => {
        const [a, b, c] = [f(), g(), h()]
        expect(run(concat(concat(a, b), c))).toEqual(run(concat(a, concat(b, c))))
        expect(run(concat(empty, a))).toEqual(run(a))
        expect(run(concat(a, empty))).toEqual(run(a))
      }),
      { numRuns: 15 },
    )
    expect(
      concatAll(stax.layerMonoid)([stax.Dense(8), stax.Relu, stax.Dense(2)]).init(key, [-1, 3]).outputShape,
    ).toEqual([-1, 2])
  })
})

describe('dtypes', () => {
  const half = <T>(params: T): T => tree.map((x) => x.astype('bfloat16'), params)

  it('mixed precision: parameters and inputs of 16 bits give results of 16 bits, in training and in evaluation', () => {
    const model = stax.serial({
      conv: stax.Conv(4, [3, 3], { useBias: false }),
      norm: stax.BatchNorm(),
      next: stax.Conv(4, [3, 3]),
      again: stax.BatchNorm(),
      flat: stax.Flatten,
      out: stax.Dense(3),
    })
    const { params, state } = model.init(key, [-1, 6, 6, 2])
    const x = normal(1, [8, 6, 6, 2])
    for (const train of [true, false]) {
      const { y, state: next } = model.apply(half(params), state, half(x), { train })
      const wanted = model.apply(params, state, x, { train })
      expect(y.dtype).toBe('bfloat16')
      // Running statistics stay what they were made as, and so does the compiled program.
      expect(tree.map((s: NDArray) => s.dtype === 'float32', next)).toEqual(tree.map(() => true, state))
      assertClose(y.astype('float32'), wanted.y, 'bfloat16', { relative: 0.05, absolute: 0.05 })
    }
  })

  it('normalizations compute their statistics in float32', () => {
    // A mean of 100 in bfloat16 has a step of a half.
    const x = normal(2, [64, 8]).add(100).astype('bfloat16')
    const layers: readonly stax.Layer<unknown, unknown>[] = [
      stax.BatchNorm(),
      stax.LayerNorm(),
      stax.GroupNorm(2),
      stax.RMSNorm(),
    ]
    for (const layer of layers) {
      const { params, state } = layer.init(key, [-1, 8])
      const got = layer.apply(half(params), state, x, { train: true }).y
      const wanted = layer.apply(params, state, x.astype('float32'), { train: true }).y
      expect(got.dtype).toBe('bfloat16')
      assertClose(got.astype('float32'), wanted, layer.kind ?? '', { relative: 2 ** -8, absolute: 1e-6 })
    }
  })

  it('an input may be bytes or wider than the parameters', () => {
    const bytes = np.arange(32).reshape([2, 4, 4, 1]).astype('uint8')
    for (const layer of [stax.Conv(3, [3, 3]), stax.ConvTranspose(3, [3, 3]), stax.Dense(3)]) {
      const { params, state } = layer.init(key, [-1, 4, 4, 1])
      const wanted = layer.apply(params, state, bytes.astype('float32')).y
      assertClose(layer.apply(params, state, bytes).y, wanted, 'bytes')
      expect(layer.apply(half(params), state, bytes.astype('float32')).y.dtype).toBe('float32')
    }
  })
})

describe('padding and layout', () => {
  it('a number pads all sides; a rule that there is not, and a list of another length, are told', () => {
    const x = normal(3, [1, 5, 5, 2])
    for (const make of [
      (padding: stax.Padding) => stax.Conv(3, [3, 3], { padding, strides: [2, 2] }),
      (padding: stax.Padding) => stax.MaxPool([3, 3], { padding, strides: [2, 2] }),
    ]) {
      const run = (padding: stax.Padding): NDArray => {
        const layer: stax.Layer<unknown, unknown> = make(padding)
        const { params, state, outputShape } = layer.init(key, [1, 5, 5, 2])
        const { y } = layer.apply(params, state, x)
        expect(y.shape).toEqual(outputShape)
        return y
      }
      const pairs = run([
        [1, 1],
        [1, 1],
      ])
      assertClose(run(1), pairs, 'a number')
      assertClose(run([1, [1, 1]]), pairs, 'a list')
      for (const wrong of ['same', [1], [[1, 1, 1], 0], 0.5]) {
        expect(() => Reflect.apply(make, undefined, [wrong])).toThrow(/: padding is 'SAME', 'VALID'.*got/)
      }
    }
  })

  it('a layout that there is not is told', () => {
    const layout = 'NCWH' as stax.Layout
    for (const make of [
      () => stax.Conv(3, [3, 3], { layout }),
      () => stax.MaxPool([2, 2], { layout }),
      () => stax.BatchNorm({ layout }),
    ]) {
      expect(() => make().init(key, [-1, 3, 4, 4])).toThrow(`stax: layout is 'NHWC' or 'NCHW'`)
    }
  })

  it('a list of layers in one argument is told', () => {
    expect(() => Reflect.apply(stax.serial, undefined, [[stax.Dense(3)]])).toThrow(
      'serial: layers are arguments, not a list of them: stax.serial(...layers).',
    )
  })
})

describe('looking at models', () => {
  const model = stax.serial({
    conv1: stax.Conv(32, [3, 3]),
    relu1: stax.Relu,
    pool1: stax.MaxPool([2, 2], { strides: [2, 2] }),
    conv2: stax.Conv(64, [3, 3]),
    relu2: stax.Relu,
    pool2: stax.MaxPool([2, 2], { strides: [2, 2] }),
    flat: stax.Flatten,
    out: stax.Dense(10),
  })

  it('summary prints the table of layers', () => {
    const printed: string[] = []
    const text = stax.summary(model, [-1, 32, 32, 3], { print: (line) => printed.push(line) })
    expect(printed).toEqual([text])
    expect(text).toMatchInlineSnapshot(`
      "Layer  Kind     Output shape      Parameters
      --------------------------------------------
      conv1  Conv     [-1, 32, 32, 32]         896
      relu1  Relu     [-1, 32, 32, 32]           0
      pool1  MaxPool  [-1, 16, 16, 32]           0
      conv2  Conv     [-1, 16, 16, 64]      18,496
      relu2  Relu     [-1, 16, 16, 64]           0
      pool2  MaxPool  [-1, 8, 8, 64]             0
      flat   Flatten  [-1, 4096]                 0
      out    Dense    [-1, 10]              40,970
      --------------------------------------------
      Total                                 60,362"
    `)
  })

  it('summary names nested layers by their path', () => {
    const nested = stax.serial({ block: stax.residual(stax.serial(stax.Dense(4), stax.Relu)), out: stax.Dense(1) })
    const text = stax.summary(nested, [-1, 4], { print: null })
    expect(text).toMatch(/^block\.main\[0\] +Dense +\[-1, 4\] +20$/m)
    expect(text).toMatch(/^Total +25$/m)
  })

  it('messages name the place and the way out', () => {
    const { params, state } = model.init(key, [-1, 8, 8, 3])
    const x = np.ones([2, 8, 8, 3])
    const wrong = { ...params, conv1: { ...params.conv1, kernel: np.zeros([3, 3, 1, 32]) } }
    expect(() => model.apply(wrong, state, x)).toThrow(
      /Conv: params\.conv1\.kernel has shape \[3,3,1,32\], but an input of shape \[2,8,8,3\] \(NHWC\) needs \[3,3,3,32\]/,
    )
    const { conv2: _, ...rest } = params
    expect(() => model.apply(rest as typeof params, state, x)).toThrow(/serial: params\.conv2 is missing/)
    expect(() => model.apply({ ...params, out: {} } as unknown as typeof params, state, x)).toThrow(
      /Dense: params\.out\.kernel is missing/,
    )
    expect(() => model.init(key, [-1, 28, 28])).toThrow(/Conv at conv1: the input shape \[-1,28,28\] has 3 axes/)
    expect(() => stax.Dense(3).init(key, [5, -1])).toThrow(/axis -1 of the input shape \[5,-1\] must be known/)
    const dropout = stax.serial({ drop: stax.Dropout(0.5) })
    expect(() => dropout.apply({ drop: {} }, { drop: {} }, x, { train: true })).toThrow(
      /Dropout at drop: .*needs a key/,
    )
    expect(() => stax.serial(stax.Dense as unknown as stax.Layer)).toThrow(
      /argument 0 is not a layer.*stax.Dense\(10\)/,
    )
    expect(() => stax.parallel(stax.Relu).apply([{}], [{}], [x, x])).toThrow(
      /1 branches take a list of 1 inputs, got 2/,
    )
  })

  it('a failed call leaves no trace in later messages', () => {
    expect(() => model.init(key, [-1, 28, 28])).toThrow(/at conv1/)
    expect(() => stax.Conv(3, [3, 3]).init(key, [-1, 28, 28])).toThrow(/Conv: the input shape/)
  })
})

describe('training', () => {
  it('a small network with dropout and batch normalization learns in one jitted step', () => {
    const model = stax.serial({
      hidden: stax.Dense(16),
      norm: stax.BatchNorm(),
      act: stax.Tanh,
      drop: stax.Dropout(0.1),
      out: stax.Dense(2),
    })
    const x = normal(3, [64, 2])
    const y = np.less(np.multiply(x.get({}, 0), x.get({}, 1)), 0).astype('int32')
    const optimizer = optim.chain(optim.clipByGlobalNorm(1), optim.adamw(0.03))
    type Params = ReturnType<typeof model.init>['params']
    type State = ReturnType<typeof model.init>['state']
    const step = jit((params: Params, state: State, optimizerState: readonly unknown[], stepKey: NDArray) => {
      const loss = (p: Params): [NDArray, State] => {
        const result = model.apply(p, state, x, { train: true, key: stepKey })
        return [np.mean(losses.softmaxCrossEntropyWithIntegerLabels(result.y, y)), result.state]
      }
      const [[value, next], grads] = valueAndGrad(loss, { hasAux: true })(params)
      const [updates, nextOptimizer] = optimizer.update(grads, optimizerState, params)
      return [optim.applyUpdates(params, updates), next, nextOptimizer, value] as const
    })
    let { params, state }: { params: Params; state: State } = model.init(key, [-1, 2])
    let optimizerState = optimizer.init(params)
    const history: number[] = []
    for (let i = 0; i < 120; i++) {
      const [p, s, o, value] = step(params, state, optimizerState, random.foldIn(key, i))
      ;[params, state, optimizerState] = [p, s, o]
      history.push(value.item())
    }
    expect(history.at(-1)).toBeLessThan(0.3)
    const correct = np.equal(np.argmax(stax.predict(model)(params, state, x), { axis: -1 }), y)
    expect(np.mean(correct.astype('float32')).item()).toBeGreaterThan(0.9)
  })
})
