/** The methods that core declares on arrays, each the function of its name. */
import type { NDArray } from '../core/index.js'
import * as arithmetic from './arithmetic.js'
import * as comparison from './comparison.js'
import { astype } from './creation.js'
import { cumprod, cumsum } from './cumulative.js'
import { diagonal, trace } from './diagonals.js'
import { at, get } from './indexing.js'
import { arrayRepr, displayData } from './printing.js'
import { dot, matmul } from './products.js'
import { type Computing, defineOnArrays, disposal, reading } from './reading.js'
import * as reductions from './reductions.js'
import { clip } from './selection.js'
import { ravel, reshape, squeeze, swapaxes, transpose } from './shape.js'
import { argsort, sort } from './sorting.js'
import { take } from './take.js'
import { repeat } from './tiling.js'
import * as rounding from './rounding.js'
import * as ufuncs from './ufuncs.js'

const methods: Computing & { toString(): string } & ThisType<NDArray> = {
  get T() {
    return transpose(this)
  },
  get(...index) {
    return get(this, ...index)
  },
  at(...index) {
    return at(this, ...index)
  },
  astype(dtype) {
    return astype(this, dtype)
  },
  add(y) {
    return arithmetic.add(this, y)
  },
  sub(y) {
    return arithmetic.subtract(this, y)
  },
  subtract(y) {
    return arithmetic.subtract(this, y)
  },
  mul(y) {
    return arithmetic.multiply(this, y)
  },
  multiply(y) {
    return arithmetic.multiply(this, y)
  },
  div(y) {
    return arithmetic.divide(this, y)
  },
  divide(y) {
    return arithmetic.divide(this, y)
  },
  floorDivide(y) {
    return arithmetic.floorDivide(this, y)
  },
  mod(y) {
    return arithmetic.mod(this, y)
  },
  pow(y) {
    return arithmetic.power(this, y)
  },
  power(y) {
    return arithmetic.power(this, y)
  },
  neg() {
    return rounding.negative(this)
  },
  negative() {
    return rounding.negative(this)
  },
  abs() {
    return rounding.abs(this)
  },
  exp() {
    return ufuncs.exp(this)
  },
  log() {
    return ufuncs.log(this)
  },
  sqrt() {
    return ufuncs.sqrt(this)
  },
  square() {
    return rounding.square(this)
  },
  sin() {
    return ufuncs.sin(this)
  },
  cos() {
    return ufuncs.cos(this)
  },
  tanh() {
    return ufuncs.tanh(this)
  },
  matmul(y) {
    return matmul(this, y)
  },
  dot(y) {
    return dot(this, y)
  },
  equal(y) {
    return comparison.equal(this, y)
  },
  notEqual(y) {
    return comparison.notEqual(this, y)
  },
  less(y) {
    return comparison.less(this, y)
  },
  lessEqual(y) {
    return comparison.lessEqual(this, y)
  },
  greater(y) {
    return comparison.greater(this, y)
  },
  greaterEqual(y) {
    return comparison.greaterEqual(this, y)
  },
  sum(options) {
    return reductions.sum(this, options)
  },
  prod(options) {
    return reductions.prod(this, options)
  },
  mean(options) {
    return reductions.mean(this, options)
  },
  var(options) {
    return reductions.var(this, options)
  },
  std(options) {
    return reductions.std(this, options)
  },
  max(options) {
    return reductions.max(this, options)
  },
  min(options) {
    return reductions.min(this, options)
  },
  any(options) {
    return reductions.any(this, options)
  },
  all(options) {
    return reductions.all(this, options)
  },
  argmax(options) {
    return reductions.argmax(this, options)
  },
  argmin(options) {
    return reductions.argmin(this, options)
  },
  argsort(options) {
    return argsort(this, options)
  },
  sort(options) {
    return sort(this, options)
  },
  cumsum(options) {
    return cumsum(this, options)
  },
  cumprod(options) {
    return cumprod(this, options)
  },
  clip(min, max) {
    return clip(this, min, max)
  },
  round(options) {
    return rounding.round(this, options)
  },
  reshape(shape) {
    return reshape(this, shape)
  },
  ravel() {
    return ravel(this)
  },
  flatten() {
    return ravel(this)
  },
  squeeze(options) {
    return squeeze(this, options)
  },
  transpose(axes) {
    return transpose(this, axes)
  },
  swapaxes(axis1, axis2) {
    return swapaxes(this, axis1, axis2)
  },
  take(indices, options) {
    return take(this, indices, options)
  },
  repeat(repeats, options) {
    return repeat(this, repeats, options)
  },
  diagonal(options) {
    return diagonal(this, options)
  },
  trace(options) {
    return trace(this, options)
  },
  toString() {
    return arrayRepr(this)
  },
}

/** Called by consoles and notebooks, under symbols that need no declaration in core. */
const displays: Readonly<Record<symbol, (this: NDArray) => unknown>> = {
  [Symbol.for('nodejs.util.inspect.custom')]() {
    return arrayRepr(this)
  },
  [Symbol.for('Jupyter.display')]() {
    return displayData(this)
  },
}

/** Puts the methods on every array. Calling it again changes nothing. */
export const installMethods = (): void => defineOnArrays(reading, disposal, methods, displays)
