/** Random programs over lax operations, from a seed: compiled whole, they must give what they give one operation at a time. */
import '../../src/install.js'
import * as lax from '../../src/lax/index.js'
import {
  type ContractSpec,
  type DType,
  type Expression,
  type NDArray,
  type ShapedArray,
  bindOne,
  definePrimitive,
  e,
  erase,
  known,
  range,
  shapedArray,
  sizeOf,
} from '../../src/core/index.js'

/** Numbers in [0, 1) from a seed (mulberry32). */
export const generator = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const unsupported = (): never => {
  throw new Error('a rule that the compiler tests do not use')
}

/** A matrix product straight from a contraction, so that these tests need no more of lax than they must. */
export const product = definePrimitive<{ readonly transposed: boolean }>({
  name: 'test_product',
  abstract: ([x, y], { transposed }) => {
    const [a, b] = [known(x, 'left'), known(y, 'right')]
    return [shapedArray([...a.shape.slice(0, -1), known(transposed ? b.shape[0] : b.shape[1], 'columns')], a.dtype)]
  },
  jvp: unsupported,
  batch: unsupported,
  sample: unsupported,
  lower: (compiler, [x, y], { transposed }, [out]) => {
    const [a, b] = [known(x, 'left'), known(y, 'right')]
    const inner = known(a.aval.shape.at(-1), 'inner')
    const spec: ContractSpec = {
      batch: [],
      rows: a.aval.shape.slice(0, -1),
      columns: [known(transposed ? b.aval.shape[0] : b.aval.shape[1], 'columns')],
      inner: [inner],
      dtype: known(out, 'result').dtype,
      left: (_, rows, i) => a.at([...rows, ...i]),
      right: (_, columns, i) => b.at(transposed ? [...columns, ...i] : [...i, ...columns]),
    }
    return [compiler.contract(spec)]
  },
})

/** Rows of `x` picked by clamped indices: a gather whose index is data. */
export const pick = definePrimitive({
  name: 'test_pick',
  abstract: ([x, i]) => [
    shapedArray([...known(i, 'index').shape, ...known(x, 'operand').shape.slice(1)], known(x, 'operand').dtype),
  ],
  jvp: unsupported,
  batch: unsupported,
  sample: unsupported,
  lower: (_, [x, i], __, [out]) => {
    const [a, b] = [known(x, 'operand'), known(i, 'index')]
    const limit = e.index(known(a.aval.shape[0], 'rows') - 1)
    const at = (index: readonly Expression[]): Expression => {
      const row = e.binary('max', e.binary('min', b.at(index.slice(0, b.aval.shape.length)), limit), e.index(0))
      return a.at([row, ...index.slice(b.aval.shape.length)])
    }
    return [{ aval: known(out, 'result'), at }]
  },
})

/** `x` with rows added at clamped indices. */
export const addRows = definePrimitive({
  name: 'test_add_rows',
  abstract: ([x]) => [known(x, 'operand')],
  jvp: unsupported,
  batch: unsupported,
  sample: unsupported,
  lower: (compiler, [x, i, rows]) => {
    const [a, b, c] = [known(x, 'operand'), known(i, 'index'), known(rows, 'rows')]
    return [
      compiler.scatter({
        operand: a,
        extents: c.aval.shape,
        combine: 'add',
        target: (index) => {
          const row = b.at(index.slice(0, 1))
          const size = e.index(known(a.aval.shape[0], 'rows'))
          return {
            index: [row, ...index.slice(1)],
            inBounds: e.binary('and', e.compare('ge', row, e.index(0)), e.compare('lt', row, size)),
          }
        },
        value: (index) => c.at(index),
        unique: false,
      }),
    ]
  },
})

export interface RandomProgram {
  readonly inputs: readonly ShapedArray[]
  readonly run: (inputs: readonly NDArray[]) => NDArray[]
}

/** A program of `length` operations; the same seed gives the same program, however often it is run. */
export const randomProgram = (seed: number, length = 12): RandomProgram => {
  const setup = generator(seed)
  const below = (random: () => number, n: number): number => Math.floor(random() * n)
  const randomShape = (random: () => number): number[] =>
    Array.from({ length: below(random, 4) }, () => known([1, 2, 3, 4, 5, 6, 8, 12][below(random, 8)], 'size'))
  const count = 1 + below(setup, 3)
  const inputs = range(count).map(() => shapedArray(randomShape(setup), setup() < 0.85 ? 'float32' : 'int32'))

  const step = (random: () => number, pool: readonly NDArray[]): NDArray | undefined => {
    const choose = <T>(list: readonly T[]): T => known(list[below(random, list.length)], 'choice')
    const x = choose(pool)
    const float = x.dtype === 'float32'
    const axis = x.ndim === 0 ? 0 : below(random, x.ndim)
    const kind = below(random, 22)
    const other = (): NDArray => {
      const same = pool.filter((y) => y.dtype === x.dtype && y.shape.join() === x.shape.join())
      return choose(same)
    }
    switch (kind) {
      case 0:
        return lax.add(x, other())
      case 1:
        return lax.mul(x, other())
      case 2:
        return lax.sub(x, other())
      case 3:
        return float ? lax.tanh(x) : lax.neg(x)
      case 4:
        return float ? lax.exp(lax.neg(lax.abs(x))) : lax.max(x, other())
      case 5:
        return float ? lax.sin(x) : lax.bitwiseXor(x, other())
      case 6:
        return lax.select(lax.lt(x, other()), x, lax.neg(x))
      case 7:
        return lax.reshape(x, choose([[x.size], [1, x.size], [...x.shape].reverse(), ...factorings(x.size)]))
      case 8: {
        const order = range(x.ndim)
        const permutation: number[] = []
        while (order.length > 0) permutation.push(...order.splice(below(random, order.length), 1))
        return lax.transpose(x, permutation)
      }
      case 9:
        return x.size > 400
          ? undefined
          : lax.broadcastInDim(
              x,
              [choose([2, 3, 7]), ...x.shape],
              range(x.ndim).map((d) => d + 1),
            )
      case 10: {
        const axes = range(x.ndim).filter(() => random() < 0.5)
        return lax.reduceSum(x, axes)
      }
      case 11: {
        const axes = range(x.ndim).filter(() => random() < 0.5)
        return lax.reduceMax(x, axes)
      }
      case 12:
        return x.ndim === 0 ? undefined : lax.rev(x, [axis])
      case 13:
        return x.ndim === 0 || x.size > 400
          ? undefined
          : lax.pad(
              x,
              float ? 0.5 : 3,
              x.shape.map(() => [below(random, 3), below(random, 3), below(random, 2)]),
            )
      case 14:
        return lax.slice(
          x,
          x.shape.map((n) => below(random, Math.min(2, n))),
          x.shape.map((n) => n),
          x.shape.map(() => 1 + below(random, 2)),
        )
      case 15:
        return x.ndim === 0 || x.size > 400 ? undefined : lax.concatenate([x, lax.neg(x), x], axis)
      case 16:
        return x.ndim === 0 || !float ? undefined : lax.cumsum(x, { axis, reverse: random() < 0.5 })
      case 17:
        return x.ndim === 0 ? undefined : float ? lax.argmax(x, axis) : lax.convertElementType(x, 'float32')
      case 18: {
        if (x.ndim < 2 || !float || x.size > 400) return undefined
        const left = x
        const inner = known(left.shape.at(-1), 'inner')
        const right = pool.filter((y) => y.dtype === 'float32' && y.ndim === 2 && y.shape.includes(inner))
        if (right.length === 0)
          return bindOne(
            erase(product),
            [left, lax.reshape(lax.slice(lax.reshape(left, [left.size]), [0], [inner]), [inner, 1])],
            { transposed: false },
          )
        const y = choose(right)
        return bindOne(erase(product), [left, y], { transposed: y.shape[0] !== inner })
      }
      case 19: {
        const index = pool.filter((y) => y.dtype === 'int32' && y.ndim <= 2 && y.size < 30)
        if (x.ndim === 0 || x.size > 200 || index.length === 0) return undefined
        return bindOne(erase(pick), [x, choose(index)], {})
      }
      case 20: {
        if (x.ndim === 0) return undefined
        const rows = known(x.shape[0], 'rows')
        const index = lax.convertElementType(
          lax.mul(lax.sin(lax.convertElementType(lax.iota('int32', 2 * rows), 'float32')), rows),
          'int32',
        )
        return bindOne(erase(addRows), [x, index, lax.concatenate([x, x], 0)], {})
      }
      default:
        return float
          ? lax.mul(x, lax.logistic(other()))
          : x.ndim === 0
            ? lax.add(x, 1)
            : lax.add(x, lax.broadcastedIota('int32', x.shape, axis))
    }
  }

  const run = (given: readonly NDArray[]): NDArray[] => {
    const random = generator(seed + 7919)
    const pool: NDArray[] = [...given]
    for (let i = 0; i < length; i++) {
      const made = step(random, pool.slice(-6).concat(pool.slice(0, 2)))
      if (made !== undefined && made.size < 5000) pool.push(made)
    }
    const outputs = pool.filter((_, i) => i >= given.length && random() < 0.3)
    return [...outputs, known(pool.at(-1), 'value')]
  }
  return { inputs, run }
}

const factorings = (size: number): number[][] =>
  [2, 3, 4, 6]
    .filter((n) => size % n === 0)
    .flatMap((n) => [
      [n, size / n],
      [size / n, n],
    ])

/** Values for inputs, from a seed. */
export const randomValues = (aval: ShapedArray, seed: number): number[] => {
  const random = generator(seed)
  return range(sizeOf(aval.shape)).map(() =>
    aval.dtype === 'int32' ? Math.floor(random() * 11) - 4 : random() * 4 - 2,
  )
}

export type { DType }
