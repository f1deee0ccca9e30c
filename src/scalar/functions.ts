/** The scalar functions: each with its decomposition for float32 and its function for float64. */
import { binaryFunction, unaryFunction } from './definition.js'
import * as exponential from './exponential.js'
import * as float64 from './float64.js'
import * as inverse from './inverse-trigonometric.js'
import * as logarithm from './logarithm.js'
import * as power from './power.js'
import * as special from './special.js'
import * as trigonometric from './trigonometric.js'

export const exp = unaryFunction('exp', exponential.exp, Math.exp)
export const exp2 = unaryFunction('exp2', exponential.exp2, float64.exp2)
export const expm1 = unaryFunction('expm1', exponential.expm1, Math.expm1)
export const logistic = unaryFunction('logistic', exponential.logistic, float64.logistic)
export const sinh = unaryFunction('sinh', exponential.sinh, Math.sinh)
export const cosh = unaryFunction('cosh', exponential.cosh, Math.cosh)
export const tanh = unaryFunction('tanh', exponential.tanh, Math.tanh)

export const log = unaryFunction('log', logarithm.log, Math.log)
export const log1p = unaryFunction('log1p', logarithm.log1p, Math.log1p)
export const asinh = unaryFunction('asinh', logarithm.asinh, Math.asinh)
export const acosh = unaryFunction('acosh', logarithm.acosh, Math.acosh)
export const atanh = unaryFunction('atanh', logarithm.atanh, Math.atanh)

export const sin = unaryFunction('sin', trigonometric.sin, Math.sin)
export const cos = unaryFunction('cos', trigonometric.cos, Math.cos)
export const tan = unaryFunction('tan', trigonometric.tan, Math.tan)
export const asin = unaryFunction('asin', inverse.asin, Math.asin)
export const acos = unaryFunction('acos', inverse.acos, Math.acos)
export const atan = unaryFunction('atan', inverse.atan, Math.atan)
export const atan2 = binaryFunction('atan2', inverse.atan2, Math.atan2)

export const pow = binaryFunction('pow', power.pow, float64.pow)
export const rsqrt = unaryFunction('rsqrt', power.rsqrt, float64.rsqrt)
export const cbrt = unaryFunction('cbrt', power.cbrt, Math.cbrt)
export const nextafter = binaryFunction('nextafter', power.nextafter, float64.nextafter64)

export const erf = unaryFunction('erf', special.erf, float64.erf)
export const erfc = unaryFunction('erfc', special.erfc, float64.erfc)
export const erfInv = unaryFunction('erfInv', special.erfInv, float64.erfInv)
export const lgamma = unaryFunction('lgamma', special.lgamma, float64.lgamma)
export const digamma = unaryFunction('digamma', special.digamma, float64.digamma)
