/**
 * sin, cos and tan in base operations of float32, right for every argument up to 3.4e38.
 *
 * Ordinary angles are reduced in floating point (Cody and Waite), huge ones in 32-bit integers against the bits of 1 / pi
 * that their exponent selects (Payne and Hanek, SIGNUM Newsletter 18, 1983). The second is a rare select: see `isRareSelect`.
 */
import type { Expression } from '../core/expression.js'
import type { DecomposeOptions } from './definition.js'
import {
  abs,
  add,
  and,
  bitsOf,
  div,
  flipSign,
  float,
  fromBits,
  integer,
  lt,
  mul,
  ne,
  or,
  oddPolynomial,
  select,
  selectRare,
  shiftLeft,
  shiftRight,
  shiftRightLogical,
  signBit,
  sub,
  toFloat,
  toInteger,
} from './vocabulary.js'

/** Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits. */
const roundingMagic = 12582912

// pi in parts: products of all but the last with a multiple of 1/2 below 2048 are exact, and together they have 60 bits.
const piParts = [3.140625, 9.675025939941406e-4, 1.5099067240953445e-7, 5.126688136514179e-12]
const halfPiParts = piParts.map((part) => part / 2)
/** Largest angle for which the parts of pi (of pi / 2) give a right rest. */
const sinLimit = 6000
const tanLimit = 3000

// sin(r) = r + r^3 p(r^2) for |r| <= pi / 2, minimax fit, relative error 2^-27.3.
const sinTail = [-1.666666e-1, 8.333069e-3, -1.9809772e-4, 2.6060748e-6]
// tan(r) = r + r^3 p(r^2) for |r| <= pi / 4, minimax fit, relative error 2^-29.5.
const tanTail = [3.333335e-1, 1.3332672e-1, 5.405946e-2, 2.128261e-2, 1.0838317e-2, 8.286052e-5, 4.380958e-3]

/** x - n * (sum of parts). */
const subtractMultiple = (x: Expression, n: Expression, parts: readonly number[]): Expression =>
  parts.reduce((rest, part) => sub(rest, mul(n, float(part))), x)

/** The first 288 bits of 1 / pi, as an integer. */
const inversePi = 0x517cc1b727220a94fe13abe8fa9a6ee06db14acc9e21c820ff28b1d5ef5de2b0db92371dn

/** Bits of 2^shift / pi: word 0 begins at weight 2^0, and each holds 32. */
const inversePiWord = (shift: number, word: number): number =>
  Number((inversePi >> BigInt(288 - shift - 31 - 32 * word)) & 0xffffffffn)

/** Smallest exponent field that the reduction of huge angles is made for: 2^7. */
const smallestField = 134

interface FixedPoint {
  /** floor(x / pi * 2^31) mod 2^32, rounded: the top bit is the parity of the multiple of pi. */
  readonly upper: Expression
  /** What is left, in units of 2^-63 of pi, as a float. */
  readonly lower: Expression
}

/**
 * |x| / pi mod 2, for |x| >= 128. |x| is an integer X < 2^31 times 2^(8 j), so the product of X with the 96 bits of 1 / pi
 * from 8 j on is all that counts; its upper 64 bits are computed, the last ones roughly. No angle of float32 is closer than
 * 2^-31 pi to a multiple of pi, so 25 bits remain in the worst case.
 */
const multipleOfPi = (x: Expression): FixedPoint => {
  const bits = bitsOf(abs(x))
  const offset = sub(bits, integer(smallestField << 23))
  const at = (bit: number): Expression => ne(and(offset, integer(1 << bit)), integer(0))
  // |x| = m 2^(8 j + s): the low three bits of the exponent, s, go to X, the other four choose words of 1 / pi.
  const scaled = add(and(offset, integer(0x03ffffff)), integer(150 << 23))
  const X = toInteger(fromBits(scaled))
  const byBytes = Array.from({ length: 6 }, (_, word) => {
    const candidate = (byte: number): Expression => integer(inversePiWord(8 * byte - 16, word))
    const low = select(at(26), candidate(1), candidate(0))
    return select(at(27), select(at(26), candidate(3), candidate(2)), low)
  })
  const shifted = (words: readonly Expression[], bit: number, by: number): Expression[] =>
    words.flatMap((word, k) => {
      const other = words[k + by]
      return other === undefined ? [] : [select(at(bit), other, word)]
    })
  const [w0, w1, w2] = shifted(shifted(byBytes, 29, 2), 28, 1)
  if (w0 === undefined || w1 === undefined || w2 === undefined) throw new Error('six words give three')
  // X * w1 in full, from 16-bit halves.
  const mask = integer(0xffff)
  const [a, b] = [shiftRightLogical(X, 16), and(X, mask)]
  const [c, d] = [shiftRightLogical(w1, 16), and(w1, mask)]
  const bd = mul(b, d)
  const middle = add(mul(a, d), shiftRightLogical(bd, 16))
  const other = add(mul(b, c), and(middle, mask))
  const high = add(mul(a, c), add(shiftRightLogical(middle, 16), shiftRightLogical(other, 16)))
  const low = or(shiftLeft(other, 16), and(bd, mask))
  // The low word is read as signed, and its sign carried over.
  const upper = add(mul(X, w0), add(high, shiftRightLogical(low, 31)))
  const rough = mul(mul(toFloat(X), toFloat(shiftRightLogical(w2, 1))), float(2 ** -31))
  return { upper, lower: add(toFloat(low), rough) }
}

const angleUnit = Math.fround(Math.PI * 2 ** -31)
const angleUnitLower = Math.PI * 2 ** -31 - angleUnit

/**
 * Angle of a fixed-point rest in units of 2^-31 pi and of what lies below it; NaN when x is infinite or NaN. What the
 * conversion and the unit lose is added, so that the angle is as good as that of the floating-point reduction.
 */
const angleOf = (upper: Expression, lower: Expression, x: Expression): Expression => {
  const whole = toFloat(upper)
  const lost = add(toFloat(sub(upper, toInteger(whole))), mul(lower, float(2 ** -32)))
  const small = add(mul(whole, float(angleUnitLower)), mul(lost, float(angleUnit)))
  return add(add(mul(whole, float(angleUnit)), small), sub(x, x))
}

/** sin(|x| + quarters pi / 2) of a huge x. */
const sinOfHuge = (x: Expression, quarters: 0 | 1): Expression => {
  const { upper, lower } = multipleOfPi(x)
  const phase = quarters === 0 ? upper : add(upper, integer(1 << 30))
  const odd = and(add(phase, integer(1 << 30)), integer(0x80000000))
  const rest = shiftRight(shiftLeft(phase, 1), 1)
  return flipSign(oddPolynomial(angleOf(rest, lower, x), sinTail), odd)
}

const unlessHuge = (
  x: Expression,
  limit: number,
  usual: Expression,
  huge: () => Expression,
  options: DecomposeOptions,
): Expression => (options.largeTrigonometric !== false ? selectRare(lt(abs(x), float(limit)), usual, huge()) : usual)

/**
 * sin(x): |x| = n pi + r, |r| <= pi / 2, one polynomial, and the sign of (-1)^n and x. The sign is taken off first because
 * the sums above lose that of -0.
 */
export const sin = (x: Expression, options: DecomposeOptions): Expression => {
  const magnitude = abs(x)
  const shifted = add(mul(magnitude, float(1 / Math.PI)), float(roundingMagic))
  const r = subtractMultiple(magnitude, sub(shifted, float(roundingMagic)), piParts)
  const usual = flipSign(oddPolynomial(r, sinTail), shiftLeft(bitsOf(shifted), 31))
  return flipSign(
    unlessHuge(x, sinLimit, usual, () => sinOfHuge(x, 0), options),
    signBit(x),
  )
}

/** cos(x): x = (n + 1/2) pi - r, so cos(x) = (-1)^n sin(r). */
export const cos = (x: Expression, options: DecomposeOptions): Expression => {
  const shifted = add(sub(mul(x, float(1 / Math.PI)), float(0.5)), float(roundingMagic))
  const n = add(sub(shifted, float(roundingMagic)), float(0.5))
  const [first = 0, ...others] = piParts
  const r = others.reduce((rest, part) => add(rest, mul(n, float(part))), sub(mul(n, float(first)), x))
  const usual = flipSign(oddPolynomial(r, sinTail), shiftLeft(bitsOf(shifted), 31))
  return unlessHuge(x, sinLimit, usual, () => sinOfHuge(x, 1), options)
}

/** tan of the reduced angle, or minus its inverse after an odd multiple of pi / 2. */
const tanOfReduced = (r: Expression, odd: Expression): Expression => {
  const value = oddPolynomial(r, tanTail)
  return select(odd, div(float(-1), value), value)
}

/** tan(x): x = n pi / 2 + r, |r| <= pi / 4. */
export const tan = (x: Expression, options: DecomposeOptions): Expression => {
  const shifted = add(mul(x, float(2 / Math.PI)), float(roundingMagic))
  const r = subtractMultiple(x, sub(shifted, float(roundingMagic)), halfPiParts)
  const usual = tanOfReduced(r, ne(and(bitsOf(shifted), integer(1)), integer(0)))
  const huge = (): Expression => {
    const { upper, lower } = multipleOfPi(x)
    const odd = ne(and(add(upper, integer(1 << 29)), integer(1 << 30)), integer(0))
    const angle = angleOf(shiftRight(shiftLeft(upper, 2), 2), lower, x)
    return flipSign(tanOfReduced(angle, odd), signBit(x))
  }
  return unlessHuge(x, tanLimit, usual, huge, options)
}
