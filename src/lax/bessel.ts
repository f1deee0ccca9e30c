/** Modified Bessel functions, scaled by exp(-|x|). */
import {
  type ArrayLike,
  type Expression,
  type NDArray,
  type Primitive,
  bindOne,
  dtypeEpsilon,
  e,
  known,
} from '../core/index.js'
import { type Function1, abs, add, mul, reciprocal, sign, sub } from './arithmetic.js'
import { filled } from './broadcasting.js'
import { gt, select } from './comparison.js'
import { elementwise, floating } from './elementwise.js'
import { operands } from './operands.js'

type Empty = Record<never, never>

// Chebyshev coefficients of exp(-x) i0(x) on [0, 8] in x / 2 - 2, highest first: Cephes, i0.c. The last 18 do for float32.
const order0Small = [
  -4.4153416464793395e-18, 3.3307945188222384e-17, -2.431279846547955e-16, 1.715391285555133e-15,
  -1.1685332877993451e-14, 7.676185498604936e-14, -4.856446783111929e-13, 2.95505266312964e-12, -1.726826291441556e-11,
  9.675809035373237e-11, -5.189795601635263e-10, 2.6598237246823866e-9, -1.300025009986248e-8, 6.046995022541919e-8,
  -2.670793853940612e-7, 1.1173875391201037e-6, -4.4167383584587505e-6, 1.6448448070728896e-5, -5.754195010082104e-5,
  1.8850288509584165e-4, -5.763755745385824e-4, 1.6394756169413357e-3, -4.324309995050576e-3, 1.0546460394594998e-2,
  -2.37374148058995e-2, 4.930528423967071e-2, -9.490109704804764e-2, 1.7162090152220877e-1, -3.046826723431984e-1,
  6.767952744094761e-1,
]

// The same of exp(-x) sqrt(x) i0(x) in 32 / x - 2, for x above 8. The last 7 do for float32.
const order0Large = [
  -7.233180487874754e-18, -4.830504485944182e-18, 4.46562142029676e-17, 3.461222867697461e-17, -2.8276239805165836e-16,
  -3.425485619677219e-16, 1.7725601330565263e-15, 3.8116806693526224e-15, -9.554846698828307e-15,
  -4.150569347287222e-14, 1.54008621752141e-14, 3.8527783827421426e-13, 7.180124451383666e-13, -1.7941785315068062e-12,
  -1.3215811840447713e-11, -3.1499165279632416e-11, 1.1889147107846439e-11, 4.94060238822497e-10, 3.3962320257083865e-9,
  2.266668990498178e-8, 2.0489185894690638e-7, 2.8913705208347567e-6, 6.889758346916825e-5, 3.3691164782556943e-3,
  8.044904110141088e-1,
]

// Of exp(-x) i1(x) / x on [0, 8]: Cephes, i1.c. The last 17 do for float32.
const order1Small = [
  2.7779141127610464e-18, -2.111421214358166e-17, 1.5536319577362005e-16, -1.1055969477353862e-15,
  7.600684294735408e-15, -5.042185504727912e-14, 3.223793365945575e-13, -1.9839743977649436e-12, 1.1736186298890901e-11,
  -6.663489723502027e-11, 3.625590281552117e-10, -1.8872497517228294e-9, 9.381537386495773e-9, -4.445059128796328e-8,
  2.0032947535521353e-7, -8.568720264695455e-7, 3.4702513081376785e-6, -1.3273163656039436e-5, 4.781565107550054e-5,
  -1.6176081582589674e-4, 5.122859561685758e-4, -1.5135724506312532e-3, 4.156422944312888e-3, -1.0564084894626197e-2,
  2.4726449030626516e-2, -5.294598120809499e-2, 1.0264365868984709e-1, -1.764165183578341e-1, 2.5258718644363365e-1,
]

// Of exp(-x) sqrt(x) i1(x) in 32 / x - 2, for x above 8. The last 7 do for float32.
const order1Large = [
  7.517296310842105e-18, 4.414348323071708e-18, -4.6503053684893586e-17, -3.209525921993424e-17, 2.96262899764595e-16,
  3.3082023109209285e-16, -1.8803547755107825e-15, -3.8144030724370075e-15, 1.0420276984128802e-14,
  4.272440016711951e-14, -2.1015418427726643e-14, -4.0835511110921974e-13, -7.198551776245908e-13,
  2.0356285441470896e-12, 1.4125807436613782e-11, 3.2526035830154884e-11, -1.8974958123505413e-11,
  -5.589743462196584e-10, -3.835380385964237e-9, -2.6314688468895196e-8, -2.512236237870209e-7, -3.882564808877691e-6,
  -1.1058893876262371e-4, -9.761097491361469e-3, 7.785762350182801e-1,
]

/** Clenshaw's recurrence for a Chebyshev series, as Cephes' chbevl. */
const chebyshev = (x: Expression, coefficients: readonly number[]): Expression => {
  const zero = e.constant(0, x.dtype)
  let [b0, b1, b2] = [zero, zero, zero]
  for (const c of coefficients) {
    b2 = b1
    b1 = b0
    b0 = e.binary('add', e.binary('sub', e.binary('mul', x, b1), b2), e.constant(c, x.dtype))
  }
  return e.binary('mul', e.binary('sub', b0, b2), e.constant(0.5, x.dtype))
}

/** Both series, of the absolute value of x, each with as many terms as the dtype needs. */
const scaledBessel = (
  x: Expression,
  small: readonly number[],
  smallTerms: number,
  large: readonly number[],
  near: (value: Expression, magnitude: Expression) => Expression,
): Expression => {
  const number = (value: number): Expression => e.constant(value, x.dtype)
  const double = x.dtype === 'float64'
  const magnitude = e.unary('abs', x)
  const inner = e.binary('sub', e.binary('mul', magnitude, number(0.5)), number(2))
  const outer = e.binary('sub', e.binary('div', number(32), magnitude), number(2))
  const close = near(chebyshev(inner, double ? small : small.slice(-smallTerms)), magnitude)
  const far = e.binary('div', chebyshev(outer, double ? large : large.slice(-7)), e.unary('sqrt', magnitude))
  return e.select(e.compare('le', magnitude, number(8)), close, far)
}

/** Halves are computed in float32. */
const widened = (x: Expression, f: (x: Expression) => Expression): Expression =>
  x.dtype === 'float32' || x.dtype === 'float64' ? f(x) : e.convert(f(e.convert(x, 'float32')), x.dtype)

const besselI0ePrimitive: Primitive<Empty> = elementwise<Empty>('bessel_i0e', {
  dtypes: floating,
  partials: [
    (t, [x], out) => {
      const at = known(x, 'operand')
      return mul(t, sub(besselI1e(at), mul(sign(at), out)))
    },
  ],
  lower: ([x]) =>
    widened(known(x, 'operand'), (wide) => scaledBessel(wide, order0Small, 18, order0Large, (value) => value)),
  domain: [{ away: 0.1 }],
})

const besselI1ePrimitive: Primitive<Empty> = elementwise<Empty>('bessel_i1e', {
  dtypes: floating,
  partials: [
    // i0e(x) - i1e(x) (sign(x) + 1 / x), whose limit at 0 is 1 / 2.
    (t, [x], out) => {
      const at = known(x, 'operand')
      const apart = gt(abs(at), dtypeEpsilon(at.dtype))
      const safe = select(apart, at, filled(dtypeEpsilon(at.dtype), at.aval))
      const slope = sub(besselI0e(safe), mul(out, add(sign(safe), reciprocal(safe))))
      return mul(t, select(apart, slope, filled(0.5, at.aval)))
    },
  ],
  lower: ([x]) =>
    widened(known(x, 'operand'), (wide) => {
      const value = scaledBessel(wide, order1Small, 17, order1Large, (series, magnitude) =>
        e.binary('mul', series, magnitude),
      )
      return e.select(e.compare('lt', wide, e.constant(0, wide.dtype)), e.unary('neg', value), value)
    }),
  domain: [{ away: 0.1 }],
})

/** `exp(-|x|) i0(x)`, for the modified Bessel function of the first kind of order 0. Floats of any shape. */
export const besselI0e: Function1 = (x: ArrayLike): NDArray =>
  bindOne(besselI0ePrimitive, operands('besselI0e', [x]), {})

/** `exp(-|x|) i1(x)`, for the modified Bessel function of the first kind of order 1. Floats of any shape. */
export const besselI1e: Function1 = (x: ArrayLike): NDArray =>
  bindOne(besselI1ePrimitive, operands('besselI1e', [x]), {})
