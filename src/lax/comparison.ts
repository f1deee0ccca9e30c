/** Comparisons, logic on bits, shifts, and selection. */
import {
  type ArrayLike,
  type CompareOp,
  type NDArray,
  type Primitive,
  type UnaryOp,
  ArgumentError,
  DTypeError,
  ShapeError,
  avalText,
  bindOne,
  definePrimitive,
  dtypes,
  e,
  isLinear,
  isUnsigned,
  known,
  sameShape,
  shapedArray,
} from '../core/index.js'
import { broadcastInDim, moveAxis, unbroadcast, zerosOf } from './broadcasting.js'
import { anyDType, bitwise, elementAt, elementwise, integral } from './elementwise.js'
import { asArray, operands } from './operands.js'

type Empty = Record<never, never>

/* @__NO_SIDE_EFFECTS__ */
const comparison = (name: CompareOp): ((x: ArrayLike, y: ArrayLike) => NDArray) => {
  const primitive: Primitive<Empty> = elementwise(name, {
    arity: 2,
    dtypes: anyDType,
    result: () => 'bool',
    lower: ([x, y]) => e.compare(name, known(x, 'operand'), known(y, 'operand')),
  })
  return (x, y) => bindOne(primitive, operands(name, [x, y]), {})
}

/** `x == y`, elementwise; NaN equals nothing. */
export const eq: (x: ArrayLike, y: ArrayLike) => NDArray = comparison('eq')
/** `x != y`, elementwise. */
export const ne: (x: ArrayLike, y: ArrayLike) => NDArray = comparison('ne')
/** `x < y`, elementwise. */
export const lt: (x: ArrayLike, y: ArrayLike) => NDArray = comparison('lt')
/** `x <= y`, elementwise. */
export const le: (x: ArrayLike, y: ArrayLike) => NDArray = comparison('le')
/** `x > y`, elementwise. */
export const gt: (x: ArrayLike, y: ArrayLike) => NDArray = comparison('gt')
/** `x >= y`, elementwise. */
export const ge: (x: ArrayLike, y: ArrayLike) => NDArray = comparison('ge')

/* @__NO_SIDE_EFFECTS__ */
const bits2 = (name: 'and' | 'or' | 'xor'): ((x: ArrayLike, y: ArrayLike) => NDArray) => {
  const primitive: Primitive<Empty> = elementwise(name, {
    arity: 2,
    dtypes: bitwise,
    lower: ([x, y]) => e.binary(name, known(x, 'operand'), known(y, 'operand')),
  })
  return (x, y) => bindOne(primitive, operands(name, [x, y]), {})
}

/** Bitwise (of bool: logical) and. */
export const bitwiseAnd: (x: ArrayLike, y: ArrayLike) => NDArray = bits2('and')
/** Bitwise (of bool: logical) or. */
export const bitwiseOr: (x: ArrayLike, y: ArrayLike) => NDArray = bits2('or')
/** Bitwise (of bool: logical) exclusive or. */
export const bitwiseXor: (x: ArrayLike, y: ArrayLike) => NDArray = bits2('xor')

/* @__NO_SIDE_EFFECTS__ */
const bits1 = (
  name: string,
  op: UnaryOp,
  accepted: readonly (typeof dtypes)[number][],
): ((x: ArrayLike) => NDArray) => {
  const primitive: Primitive<Empty> = elementwise(name, {
    dtypes: accepted,
    lower: ([x]) => e.unary(op, known(x, 'operand')),
  })
  return (x) => bindOne(primitive, operands(name, [x]), {})
}

/** Bitwise (of bool: logical) complement. */
export const bitwiseNot: (x: ArrayLike) => NDArray = bits1('not', 'not', bitwise)
/** Number of leading zero bits. */
export const clz: (x: ArrayLike) => NDArray = bits1('clz', 'clz', integral)
/** Number of bits that are set. */
export const populationCount: (x: ArrayLike) => NDArray = bits1('population_count', 'popcount', integral)

/* @__NO_SIDE_EFFECTS__ */
const shift = (name: string, op: 'shl' | 'shrArithmetic' | 'shrLogical'): ((x: ArrayLike, y: ArrayLike) => NDArray) => {
  const primitive: Primitive<Empty> = elementwise(name, {
    arity: 2,
    dtypes: integral,
    lower: ([x, y]) => e.binary(op, known(x, 'operand'), known(y, 'operand')),
    domain: [{}, { min: 0, max: 40 }],
  })
  return (x, y) => bindOne(primitive, operands(name, [x, y]), {})
}

/** `x << y`; shifts by the width or more give 0. */
export const shiftLeft: (x: ArrayLike, y: ArrayLike) => NDArray = shift('shift_left', 'shl')
/** `x >> y` that repeats the sign. */
export const shiftRightArithmetic: (x: ArrayLike, y: ArrayLike) => NDArray = shift(
  'shift_right_arithmetic',
  'shrArithmetic',
)
/** `x >>> y` that fills with zeros. */
export const shiftRightLogical: (x: ArrayLike, y: ArrayLike) => NDArray = shift('shift_right_logical', 'shrLogical')

const selectNPrimitive: Primitive<Empty> = definePrimitive<Empty>({
  name: 'select_n',
  passes: true,
  abstract: ([which, ...cases]) => {
    const predicate = known(which, 'predicate')
    const first = known(cases[0], 'case')
    if (predicate.dtype !== 'bool' && predicate.dtype !== 'int32') {
      throw new DTypeError(`select: the predicate must be bool (or int32 with selectN), got ${avalText(predicate)}.`)
    }
    if (predicate.dtype === 'bool' && cases.length > 2) {
      throw new ArgumentError(
        `select: a bool predicate chooses between 2 cases, got ${cases.length}. Use an int32 predicate.`,
      )
    }
    if (cases.some((c) => c.dtype !== first.dtype)) {
      throw new DTypeError(`select: cases have dtypes ${cases.map((c) => c.dtype).join(' and ')}; convert them to one.`)
    }
    if (
      cases.some((c) => !sameShape(c.shape, first.shape)) ||
      (predicate.shape.length > 0 && !sameShape(predicate.shape, first.shape))
    ) {
      throw new ShapeError(
        `select: predicate ${avalText(predicate)} and cases ${cases.map(avalText).join(', ')} must have one shape ` +
          `(the predicate may be a scalar). For broadcasting use np.where.`,
      )
    }
    return [
      shapedArray(
        first.shape,
        first.dtype,
        cases.every((c) => c.weakType),
      ),
    ]
  },
  jvp: ([which, ...cases], [, ...tangents]) => {
    const predicate = known(which, 'predicate')
    const filledIn = cases.map((c, i) => tangents[i] ?? zerosOf(c.aval))
    return [
      [selectN(predicate, ...cases)],
      [tangents.every((t) => t === null) ? null : selectN(predicate, ...filledIn)],
    ]
  },
  transpose: ([ct], [which, ...cases]) => {
    const predicate = known(which, 'predicate')
    if (isLinear(predicate)) return [null, ...cases.map(() => null)]
    const cotangent = known(ct ?? undefined, 'cotangent')
    const zeros = zerosOf(cotangent.aval)
    return [
      null,
      ...cases.map((c, i) => {
        if (!isLinear(c)) return null
        return unbroadcast(selectN(predicate, ...cases.map((_, j) => (i === j ? cotangent : zeros))), c.aval)
      }),
    ]
  },
  batch: (inputs, axes, _, { size }) => {
    const rank = Math.max(...inputs.map((x, i) => x.ndim - (axes[i] === null ? 0 : 1)))
    const first = known(inputs[0], 'predicate')
    const scalarPredicate = first.ndim === 0 && axes[0] === null
    const moved = inputs.map((x, i) => {
      const axis = axes[i]
      if (i === 0 && scalarPredicate) return x
      const front =
        axis === null || axis === undefined
          ? broadcastInDim(
              x,
              [size, ...x.shape],
              x.shape.map((__, d) => d + 1),
            )
          : moveAxis(x, axis, 0)
      if (front.ndim - 1 === rank) return front
      // A scalar predicate that became a batch chooses whole members.
      const member = known(inputs[1], 'case')
      const memberAxis = axes[1]
      const shape =
        memberAxis === null || memberAxis === undefined
          ? member.shape
          : member.shape.filter((__, d) => d !== memberAxis)
      return broadcastInDim(front, [size, ...shape], [0])
    })
    return [[selectN(known(moved[0], 'predicate'), ...moved.slice(1))], [0]]
  },
  lower: (_, [which, ...cases], __, [out]) => [
    {
      aval: known(out, 'result'),
      at: (index) => {
        const predicate = elementAt(known(which, 'predicate'), index)
        const values = cases.map((c) => c.at(index))
        if (predicate.dtype === 'bool') {
          return values.length === 1
            ? known(values[0], 'case')
            : e.select(predicate, known(values[1], 'case'), known(values[0], 'case'))
        }
        return values
          .slice(0, -1)
          .reduceRight(
            (rest, value, i) => e.select(e.compare('le', predicate, e.index(i)), value, rest),
            known(values.at(-1), 'case'),
          )
      },
    },
  ],
  sample: (draw) => {
    const shape = draw.shape({ maxRank: 3 })
    const dtype = draw.pick(dtypes)
    const integer = draw.boolean()
    const count = integer ? draw.integer(1, 4) : 2
    const predicateShape = draw.integer(0, 3) === 0 ? [] : shape
    return {
      inputs: [
        draw.array(predicateShape, integer ? 'int32' : 'bool', { min: 0, max: count - 1 }),
        ...Array.from({ length: count }, () => draw.array(shape, dtype)),
      ],
      params: {},
    }
  },
})

/** Elements of `cases[which]`; `which` is bool (two cases) or int32 (any number), of the cases' shape or a scalar. */
export const selectN = (which: ArrayLike, ...cases: readonly ArrayLike[]): NDArray =>
  bindOne(selectNPrimitive, [asArray(which, 'selectN'), ...operands('selectN', cases)], {})

/** Elements of `onTrue` where `pred` holds, else of `onFalse`. Shapes are equal, or `pred` is a scalar. */
export const select = (pred: ArrayLike, onTrue: ArrayLike, onFalse: ArrayLike): NDArray =>
  selectN(pred, onFalse, onTrue)

/** The right shift of a dtype: of the sign for signed integers, of zeros for unsigned ones. */
export const shiftRight = (x: NDArray, y: ArrayLike): NDArray =>
  isUnsigned(x.dtype) ? shiftRightLogical(x, y) : shiftRightArithmetic(x, y)
