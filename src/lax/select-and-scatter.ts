/** The derivatives of windowed extrema: reading, and adding, at the place of each window's first extremum. */
import {
  type Delayed,
  type Expression,
  type Lowering,
  type NDArray,
  type Primitive,
  type ShapedArray,
  DTypeError,
  ShapeError,
  avalText,
  bindOne,
  definePrimitive,
  e,
  isLinear,
  known,
  knownInput,
  range,
  sameShape,
  shapedArray,
} from '../core/index.js'
import { flattenIndex, numbers } from './broadcasting.js'
import { batchInFront } from './concatenate.js'
import { floating } from './elementwise.js'
import { type WindowParams, batchedWindow, sampleWindow, windowElement, windowedShape } from './geometry.js'
import { betterThan } from './reductions.js'

export interface SelectParams extends WindowParams {
  /** The comparison that the selected element wins against all others: `ge` selects maxima, `le` minima. */
  readonly selectPrim: 'ge' | 'le'
}

/** Whether a window's element is selected over the best one so far. */
const selected = (params: SelectParams, inside: Expression, none: Expression, value: Expression, best: Expression) =>
  e.binary('and', inside, e.binary('or', none, betterThan(params.selectPrim === 'ge' ? 'gt' : 'lt', value, best)))

/** Position in the window (row-major) of each window's first extremum, -1 for windows without elements; in memory. */
const selectedPositions = (compiler: Lowering, operand: Delayed, params: SelectParams): Delayed => {
  const shape = windowedShape(operand.aval.shape, params)
  const [, positions] = compiler.fold({
    avals: [shapedArray(shape, operand.aval.dtype), shapedArray(shape, 'int32')],
    extents: params.windowDimensions,
    init: [0, -1],
    step: ([accumulatedBest, accumulatedPosition], window, inner) => {
      const best = known(accumulatedBest, 'accumulator')
      const position = known(accumulatedPosition, 'accumulator')
      const { index, inside } = windowElement(operand.aval.shape, params, window, inner)
      const value = operand.at(index)
      const better = selected(params, inside, e.compare('lt', position, e.index(0)), value, best)
      return [e.select(better, value, best), e.select(better, flattenIndex(inner, params.windowDimensions), position)]
    },
  })
  return compiler.materialize(known(positions, 'positions'))
}

const checkOperands = (name: string, cotangent: ShapedArray, operand: ShapedArray, shape: readonly number[]): void => {
  if (cotangent.dtype !== operand.dtype) {
    throw new DTypeError(`${name}: operands ${avalText(cotangent)} and ${avalText(operand)} must have one dtype.`)
  }
  if (!sameShape(cotangent.shape, shape)) {
    throw new ShapeError(
      `${name}: ${avalText(cotangent)} does not fit the windows of ${avalText(operand)}; it must have shape [${shape.join(',')}].`,
    )
  }
}

const selectAndGatherAddPrimitive: Primitive<SelectParams> = definePrimitive<SelectParams>({
  name: 'select_and_gather_add',
  abstract: ([t, x], params) => {
    const tangents = known(t, 'tangents')
    const operand = known(x, 'operand')
    checkOperands('selectAndGatherAdd', tangents, operand, operand.shape)
    return [shapedArray(windowedShape(operand.shape, params), tangents.dtype)]
  },
  // Which element is selected does not change under small changes of the operand.
  jvp: ([t, x], [tangent], params) => {
    const operand = known(x, 'operand')
    return [
      [selectAndGatherAdd(known(t, 'tangents'), operand, params)],
      [tangent === null || tangent === undefined ? null : selectAndGatherAdd(tangent, operand, params)],
    ]
  },
  transpose: ([ct], [t, x], params) => [
    isLinear(t) ? selectAndScatterAdd(known(ct ?? undefined, 'cotangent'), knownInput(x), params) : null,
    null,
  ],
  batch: (inputs, axes, params, { size }) => {
    const [t, x] = inputs.map((input, i) => batchInFront(input, axes[i], size))
    return [[selectAndGatherAdd(known(t, 'tangents'), known(x, 'operand'), batchedWindow(params))], [0]]
  },
  lower: (compiler, [t, x], params, [out]) => {
    const tangents = known(t, 'tangents')
    const operand = known(x, 'operand')
    const { shape } = known(out, 'result')
    const folded = compiler.fold({
      avals: [
        shapedArray(shape, operand.aval.dtype),
        shapedArray(shape, 'int32'),
        shapedArray(shape, tangents.aval.dtype),
      ],
      extents: params.windowDimensions,
      init: [0, 0, 0],
      step: ([accumulatedBest, accumulatedCount, accumulatedTangent], window, inner) => {
        const best = known(accumulatedBest, 'accumulator')
        const count = known(accumulatedCount, 'accumulator')
        const { index, inside } = windowElement(operand.aval.shape, params, window, inner)
        const value = operand.at(index)
        const better = selected(params, inside, e.compare('eq', count, e.index(0)), value, best)
        return [
          e.select(better, value, best),
          e.select(better, e.index(1), count),
          e.select(better, tangents.at(index), known(accumulatedTangent, 'accumulator')),
        ]
      },
    })
    return [known(folded[2], 'selected tangent')]
  },
  sample: (draw) => {
    const { shape, params } = sampleWindow(draw)
    const dtype = draw.pick(floating)
    return {
      inputs: [draw.array(shape, dtype), draw.array(shape, dtype, { distinct: true })],
      params: { selectPrim: draw.pick<'ge' | 'le'>(['ge', 'le']), ...params },
    }
  },
})

/** For each window of `operand`, the element of `tangents` at the place of the window's first extremum. */
export const selectAndGatherAdd = (tangents: NDArray, operand: NDArray, params: SelectParams): NDArray =>
  bindOne(selectAndGatherAddPrimitive, [tangents, operand], params)

/** How many windows, and which, contain a position of the padded and dilated axis `d`. */
const windowsOver = (params: SelectParams, d: number): number => {
  const size = known(params.windowDimensions[d], 'window')
  const stride = known(params.windowStrides[d], 'stride')
  return params.windowDilation[d] === 1 ? Math.ceil(size / stride) : size
}

/** The `j`-th window over a position, and where in the window the position is; not all candidates are windows. */
const windowOver = (params: SelectParams, d: number, position: Expression, j: Expression, count: number) => {
  const size = e.index(known(params.windowDimensions[d], 'window'))
  const stride = e.index(known(params.windowStrides[d], 'stride'))
  const dilation = known(params.windowDilation[d], 'dilation')
  if (dilation === 1) {
    const window = e.binary('sub', e.binary('div', position, stride), j)
    const within = e.binary('add', e.binary('rem', position, stride), e.binary('mul', j, stride))
    const exists = [
      e.compare('ge', window, e.index(0)),
      e.compare('lt', window, e.index(count)),
      e.compare('ge', within, e.index(0)),
      e.compare('lt', within, size),
    ]
    return { window, within, exists }
  }
  const start = e.binary('sub', position, e.binary('mul', j, e.index(dilation)))
  const window = e.binary('div', start, stride)
  const exists = [
    e.compare('ge', start, e.index(0)),
    e.compare('eq', e.binary('rem', start, stride), e.index(0)),
    e.compare('lt', window, e.index(count)),
  ]
  return { window, within: j, exists }
}

const allOnes = (values: readonly number[]): boolean => values.every((v) => v === 1)

const selectAndScatterAddPrimitive: Primitive<SelectParams> = definePrimitive<SelectParams>({
  name: 'select_and_scatter_add',
  abstract: ([s, x], params) => {
    const source = known(s, 'source')
    const operand = known(x, 'operand')
    checkOperands('selectAndScatterAdd', source, operand, windowedShape(operand.shape, params))
    return [shapedArray(operand.shape, source.dtype)]
  },
  jvp: ([s, x], [tangent], params) => {
    const operand = known(x, 'operand')
    return [
      [selectAndScatterAdd(known(s, 'source'), operand, params)],
      [tangent === null || tangent === undefined ? null : selectAndScatterAdd(tangent, operand, params)],
    ]
  },
  transpose: ([ct], [s, x], params) => [
    isLinear(s) ? selectAndGatherAdd(known(ct ?? undefined, 'cotangent'), knownInput(x), params) : null,
    null,
  ],
  batch: (inputs, axes, params, { size }) => {
    const [s, x] = inputs.map((input, i) => batchInFront(input, axes[i], size))
    return [[selectAndScatterAdd(known(s, 'source'), known(x, 'operand'), batchedWindow(params))], [0]]
  },
  // No scatter: each position of the operand sums over the windows that contain it and selected it.
  lower: (compiler, [s, x], params, [out]) => {
    const source = known(s, 'source')
    const operand = known(x, 'operand')
    const aval = known(out, 'result')
    const windows = source.aval.shape
    if (windows.includes(0)) return [{ aval, at: () => e.constant(0, aval.dtype) }]
    const positions = selectedPositions(compiler, operand, params)
    const zero = e.constant(0, aval.dtype)
    return [
      compiler.reduce({
        aval,
        extents: range(windows.length).map((d) => windowsOver(params, d)),
        combine: 'add',
        init: 0,
        element: (index, reduced) => {
          const candidates = index.map((i, d) => {
            const dilated = e.binary('mul', i, e.index(known(params.baseDilation[d], 'dilation')))
            const position = e.binary('add', dilated, e.index(known(params.padding[d], 'padding')[0]))
            return windowOver(params, d, position, known(reduced[d], 'index'), known(windows[d], 'size'))
          })
          const at = candidates.map(({ window }, d) =>
            e.binary('min', e.binary('max', window, e.index(0)), e.index(known(windows[d], 'size') - 1)),
          )
          const here = flattenIndex(
            candidates.map((c) => c.within),
            params.windowDimensions,
          )
          const hit = candidates
            .flatMap((c) => c.exists)
            .reduce((p, q) => e.binary('and', p, q), e.compare('eq', positions.at(at), here))
          return e.select(hit, source.at(at), zero)
        },
      }),
    ]
  },
  sample: (draw) => {
    const { shape, params } = sampleWindow(draw)
    const dtype = draw.pick(floating)
    return {
      inputs: [draw.array(windowedShape(shape, params), dtype), draw.array(shape, dtype, { distinct: true })],
      params: { selectPrim: draw.pick<'ge' | 'le'>(['ge', 'le']), ...params },
    }
  },
  // JAX has no dilation here, so it is printed only where there is some.
  print: ({ baseDilation, windowDilation, windowDimensions, windowStrides, padding, selectPrim }) => ({
    padding,
    select_prim: selectPrim,
    window_dimensions: windowDimensions,
    window_strides: windowStrides,
    ...(!allOnes(baseDilation) && { base_dilation: baseDilation }),
    ...(!allOnes(windowDilation) && { window_dilation: windowDilation }),
  }),
  parse: (printed) => {
    const windowDimensions = numbers(printed['window_dimensions'])
    const ones = windowDimensions.map(() => 1)
    const dilation = (value: unknown): number[] => (value === undefined ? ones : numbers(value))
    const padding = Array.isArray(printed['padding']) ? printed['padding'] : []
    return {
      windowDimensions,
      windowStrides: numbers(printed['window_strides']),
      padding: padding.map((pair): [number, number] => {
        const [low = 0, high = 0] = numbers(pair)
        return [low, high]
      }),
      baseDilation: dilation(printed['base_dilation']),
      windowDilation: dilation(printed['window_dilation']),
      selectPrim: printed['select_prim'] === 'le' ? 'le' : 'ge',
    }
  },
})

/** Zeros of `operand`'s shape, to which each window's element of `source` is added where the window's first extremum is. */
export const selectAndScatterAdd = (source: NDArray, operand: NDArray, params: SelectParams): NDArray =>
  bindOne(selectAndScatterAddPrimitive, [source, operand], params)
