/** Attention layers: projections to queries, keys and values, dot-product attention over heads, and a projection back. */
import {
  type NDArray,
  ArgumentError,
  NDArray as ArrayClass,
  ShapeError,
  known,
  shapeText,
  checkOptions,
} from '../core/index.js'
import * as lax from '../lax/index.js'
import * as nn from '../nn/index.js'
import { splitList } from '../random/key.js'
import { type KernelOptions, type KernelParams, affine, kernelAndBias } from './dense.js'
import {
  type Layer,
  type Nothing,
  type Shape,
  type Shapes,
  at,
  checkParameters,
  knownSize,
  nothing,
  positiveInteger,
  singleArray,
  singleShape,
} from './layer.js'

/** The four projections of an attention layer. */
export interface AttentionParams {
  readonly query: KernelParams
  readonly key: KernelParams
  readonly value: KernelParams
  readonly out: KernelParams
}

/** Options of attention layers. */
export interface AttentionLayerOptions extends KernelOptions {
  /** Number of heads. */
  readonly heads?: number
  /** Whether a position sees only itself and earlier ones. */
  readonly causal?: boolean
  /** Size of all heads together; that of the query unless said. The number of heads divides it. */
  readonly features?: number
  /** Size of the result; that of the query unless said. */
  readonly outFeatures?: number
}

/** Sizes of the four projections for given inputs. */
const projections = (shapes: readonly [Shape, Shape, Shape], options: AttentionLayerOptions, kind: string) => {
  const [query, key, value] = shapes.map((shape) => knownSize(kind, shape, -1)) as [number, number, number]
  const features = options.features ?? query
  const heads = options.heads ?? 1
  if (features % heads !== 0) {
    throw new ArgumentError(
      `${kind}${at()}: ${heads} heads must divide the ${features} features; set the option features to a multiple of ${heads}.`,
    )
  }
  const sizes = { query: [query, features], key: [key, features], value: [value, features] } as const
  return { ...sizes, out: [features, options.outFeatures ?? query] } as const
}

/** Query, key and value of an input: one array for all three, a pair of query and the rest, or all three. */
const three = <T>(items: readonly T[], kind: string): readonly [T, T, T] => {
  const [query, key, value] = items
  if (query === undefined || items.length > 3) {
    throw new ArgumentError(
      `${kind}${at()}: the input is one array, [query, keyAndValue] or [query, key, value]; got a list of ${items.length}.`,
    )
  }
  return [query, key ?? query, value ?? key ?? query]
}

const shapesOf = (inputShape: Shapes, kind: string): readonly [Shape, Shape, Shape] => {
  const isSingle = inputShape.every((size) => typeof size === 'number')
  const shapes = isSingle ? [inputShape] : inputShape
  return three(
    shapes.map((shape) => {
      const checked = singleShape(kind, typeof shape === 'number' ? [shape] : shape)
      if (checked.length !== 3) {
        throw new ShapeError(`${kind}${at()}: inputs are [batch, length, features], got ${shapeText(checked)}.`)
      }
      return checked
    }),
    kind,
  )
}

/** [batch, length, features] to [batch, length, heads, headDim]. */
const byHead = (x: NDArray, heads: number): NDArray =>
  lax.reshape(x, [...x.shape.slice(0, -1), heads, known(x.shape.at(-1), 'size') / heads])

const isArray = (x: NDArray | readonly NDArray[]): x is NDArray => x instanceof ArrayClass

const roles = ['query', 'key', 'value', 'out'] as const

type AttentionLayer<Input extends NDArray | readonly NDArray[]> = Layer<AttentionParams, Nothing, Input>

const attentionLayer = <Input extends NDArray | readonly NDArray[]>(
  kind: string,
  options: AttentionLayerOptions,
): AttentionLayer<Input> => {
  const heads = positiveInteger(kind, 'heads', options.heads ?? 1)
  const { causal = false, useBias = true } = options
  return {
    kind,
    usesKey: false,
    init: (key, inputShape) => {
      const shapes = shapesOf(inputShape, kind)
      const sizes = projections(shapes, options, kind)
      const keys = splitList(key, roles.length)
      const make = (i: number): KernelParams => {
        const size = sizes[known(roles[i], 'role')]
        return kernelAndBias(known(keys[i], 'key'), size, size[1], options)
      }
      return {
        outputShape: [...shapes[0].slice(0, -1), sizes.out[1]],
        params: { query: make(0), key: make(1), value: make(2), out: make(3) },
        state: nothing,
      }
    },
    apply: (params, state, input) => {
      const inputs: readonly NDArray[] = isArray(input) ? [input] : input
      const [q, k, v] = three(
        inputs.map((x) => singleArray(kind, x)),
        kind,
      )
      const sizes = projections(
        [q, k, v].map((x) => shapesOf(x.shape, kind)[0]) as [Shape, Shape, Shape],
        options,
        kind,
      )
      for (const role of roles) {
        const shapes = useBias ? { kernel: sizes[role], bias: [sizes[role][1]] } : { kernel: sizes[role] }
        checkParameters(
          kind,
          'params',
          params[role],
          shapes,
          `inputs of shape ${[q, k, v].map((x) => shapeText(x.shape)).join(', ')}`,
          `.${role}`,
        )
      }
      const mixed = nn.dotProductAttention(
        byHead(affine(q, params.query), heads),
        byHead(affine(k, params.key), heads),
        byHead(affine(v, params.value), heads),
        { isCausal: causal },
      )
      return { y: affine(lax.reshape(mixed, [...mixed.shape.slice(0, 2), sizes.out[0]]), params.out), state }
    },
  }
}

/**
 * Attention of a sequence [batch, length, features] to itself (https://arxiv.org/abs/1706.03762).
 * Params: query, key, value and out, each with kernel and bias.
 *
 * @example
 * ```ts
 * const block = stax.residual(stax.serial(stax.LayerNorm(), stax.SelfAttention({ heads: 4, causal: true })))
 * ```
 */
export const SelfAttention = (options: AttentionLayerOptions = {}): AttentionLayer<NDArray> => {
  checkOptions('SelfAttention', options, 'heads causal features outFeatures kernelInit biasInit useBias')
  return attentionLayer<NDArray>('SelfAttention', options)
}

/**
 * Attention of a query to keys and values: the input is [query, keyAndValue], [query, key, value], or one array for all.
 * Params as for `SelfAttention`.
 *
 * @example
 * ```ts
 * const cross = stax.MultiHeadAttention({ heads: 4 })
 * cross.init(random.key(0), [[-1, 5, 32], [-1, 9, 32]]).outputShape // [-1, 5, 32]
 * ```
 */
export const MultiHeadAttention = (
  options: AttentionLayerOptions = {},
): AttentionLayer<NDArray | readonly NDArray[]> => {
  checkOptions('MultiHeadAttention', options, 'heads causal features outFeatures kernelInit biasInit useBias')
  return attentionLayer<NDArray | readonly NDArray[]>('MultiHeadAttention', options)
}
