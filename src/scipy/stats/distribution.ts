/** What distributions are made of: functions of a value, shape parameters, a location and a scale. */
import { type ArrayLike, type NDArray, known, checkOptions } from '../../core/index.js'
import * as lax from '../../lax/index.js'
import { floats } from '../arguments.js'

/** Where a distribution is, and how wide. */
export interface LocationScale {
  /** Added to the standard variable, 0 unless said. */
  readonly loc?: ArrayLike
  /** Multiplied with the standard variable, 1 unless said. */
  readonly scale?: ArrayLike
}

/** Where a distribution of integers is. */
export interface Location {
  readonly loc?: ArrayLike
}

/** A function of a value; all arguments are broadcast and promoted to floats. */
export type OfValue = (x: ArrayLike, options?: LocationScale) => NDArray
/** A function of a value and one shape parameter. */
export type OfShape = (x: ArrayLike, a: ArrayLike, options?: LocationScale) => NDArray
/** A function of a value and two shape parameters. */
export type OfShapes = (x: ArrayLike, a: ArrayLike, b: ArrayLike, options?: LocationScale) => NDArray
/** A function of an integer and one parameter. */
export type OfCount = (k: ArrayLike, p: ArrayLike, options?: Location) => NDArray
/** A function of an integer and two parameters. */
export type OfCounts = (k: ArrayLike, n: ArrayLike, p: ArrayLike, options?: Location) => NDArray

/** A function of the standard variable and shape parameters, all of one shape and dtype. */
export type Standard = (y: NDArray, ...shapes: readonly NDArray[]) => NDArray

type General = (x: ArrayLike, shapes: readonly ArrayLike[], options: LocationScale | undefined) => NDArray

interface Parts {
  readonly x: NDArray
  readonly loc: NDArray
  readonly scale: NDArray
  readonly shapes: readonly NDArray[]
}

const parts = (name: string, x: ArrayLike, shapes: readonly ArrayLike[], options: LocationScale): Parts => {
  const { loc = 0, scale = 1 } = checkOptions(`stats.${name}`, options, 'loc scale')
  const [value, place, width, ...rest] = floats(`stats.${name}`, [x, loc, scale, ...shapes])
  return { x: known(value, 'value'), loc: known(place, 'loc'), scale: known(width, 'scale'), shapes: rest }
}

const standardize = ({ x, loc, scale }: Parts): NDArray => lax.div(lax.sub(x, loc), scale)

/** A logarithm of a density: that of the standard variable, less the logarithm of the scale. */
const logDensity =
  (name: string, f: Standard): General =>
  (x, shapes, options = {}) => {
    const p = parts(name, x, shapes, options)
    return lax.sub(f(standardize(p), ...p.shapes), lax.log(p.scale))
  }

/** A probability: that of the standard variable. */
const probability =
  (name: string, f: Standard): General =>
  (x, shapes, options = {}) => {
    const p = parts(name, x, shapes, options)
    return f(standardize(p), ...p.shapes)
  }

/** A quantile: that of the standard variable, moved and scaled. NaN outside of [0, 1]. */
const quantile =
  (name: string, f: Standard): General =>
  (q, shapes, options = {}) => {
    const p = parts(name, q, shapes, options)
    const valid = lax.bitwiseAnd(lax.ge(p.x, 0), lax.le(p.x, 1))
    const value = lax.add(lax.mul(f(p.x, ...p.shapes), p.scale), p.loc)
    return lax.select(valid, value, lax.filled(NaN, value.aval))
  }

const exponential =
  (f: General): General =>
  (x, shapes, options) =>
    lax.exp(f(x, shapes, options))

/** Formulas of a continuous distribution for location 0 and scale 1. */
export interface ContinuousFormulas {
  readonly logpdf: Standard
  readonly cdf?: Standard
  readonly sf?: Standard
  readonly logcdf?: Standard
  readonly logsf?: Standard
  readonly ppf?: Standard
  readonly isf?: Standard
}

/** The functions that follow from the formulas that are given, by name. */
type Derived<F extends ContinuousFormulas, Signature> = {
  readonly [K in keyof F | 'pdf']: Signature
}

const derived = <F extends ContinuousFormulas, Signature>(
  name: string,
  formulas: F,
  as: (f: General) => Signature,
): Derived<F, Signature> => {
  const out: Record<string, Signature> = {}
  for (const [key, formula] of Object.entries(formulas) as [string, Standard][]) {
    const kind = key === 'logpdf' ? logDensity : key === 'ppf' || key === 'isf' ? quantile : probability
    out[key] = as(kind(`${name}.${key}`, formula))
  }
  out['pdf'] = as(exponential(logDensity(`${name}.pdf`, formulas.logpdf)))
  return out as Derived<F, Signature>
}

/** A continuous distribution without shape parameters: `logpdf`, `pdf` and what else has a formula. */
/* @__NO_SIDE_EFFECTS__ */
export const continuous = <F extends ContinuousFormulas>(name: string, formulas: F): Derived<F, OfValue> =>
  derived(name, formulas, (f) => (x, options) => f(x, [], options))

/** A continuous distribution with one shape parameter. */
/* @__NO_SIDE_EFFECTS__ */
export const continuousOfShape = <F extends ContinuousFormulas>(name: string, formulas: F): Derived<F, OfShape> =>
  derived(name, formulas, (f) => (x, a, options) => f(x, [a], options))

/** A continuous distribution with two shape parameters. */
/* @__NO_SIDE_EFFECTS__ */
export const continuousOfShapes = <F extends ContinuousFormulas>(name: string, formulas: F): Derived<F, OfShapes> =>
  derived(name, formulas, (f) => (x, a, b, options) => f(x, [a, b], options))

const shifted =
  (name: string, f: Standard): General =>
  (k, shapes, options: Location = {}) => {
    const { loc = 0 } = checkOptions(`stats.${name}`, options, 'loc')
    const [value, place, ...rest] = floats(`stats.${name}`, [k, loc, ...shapes])
    return f(lax.sub(known(value, 'value'), known(place, 'loc')), ...rest)
  }

/** Logarithm of the probabilities of integers and those themselves, with one parameter. */
/* @__NO_SIDE_EFFECTS__ */
export const discrete = (name: string, logpmf: Standard): { readonly logpmf: OfCount; readonly pmf: OfCount } => ({
  logpmf: (k, p, options) => shifted(`${name}.logpmf`, logpmf)(k, [p], options),
  pmf: (k, p, options) => lax.exp(shifted(`${name}.pmf`, logpmf)(k, [p], options)),
})

/** The same with two parameters. */
/* @__NO_SIDE_EFFECTS__ */
export const discreteOfTwo = (
  name: string,
  logpmf: Standard,
): { readonly logpmf: OfCounts; readonly pmf: OfCounts } => ({
  logpmf: (k, n, p, options) => shifted(`${name}.logpmf`, logpmf)(k, [n, p], options),
  pmf: (k, n, p, options) => lax.exp(shifted(`${name}.pmf`, logpmf)(k, [n, p], options)),
})

/** A function of an integer and one parameter, by a formula for location 0. */
export const ofCount =
  (name: string, f: Standard): OfCount =>
  (k, p, options) =>
    shifted(name, f)(k, [p], options)

/** One shape parameter of a formula. */
export const shape = (shapes: readonly NDArray[], i = 0): NDArray => known(shapes[i], 'shape parameter')
