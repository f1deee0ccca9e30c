/** Texts of numbers in one array, as NumPy aligns them: shortest digits that tell a number from its neighbours, one column. */
import { type DType, dtypeKind, roundTo } from '../core/index.js'

const maximumDigits = 8

/** Digits after which NumPy takes a large number of a dtype to exponents. */
const largeNumber = (dtype: DType): number =>
  dtype === 'float64' ? 1e8 : dtype === 'float32' ? 1e6 : dtype === 'float16' ? 1e3 : 1e2

/** Shortest decimal that rounds back to the number, as mantissa digits and exponent of 10. */
const shortest = (value: number, dtype: DType): string => {
  if (dtype === 'float64') return value.toExponential()
  for (let precision = 0; precision < 17; precision++) {
    const text = value.toExponential(precision)
    if (roundTo(Number(text), dtype) === value) return Number(text).toExponential()
  }
  return value.toExponential()
}

const trimmed = (fraction: string): string => fraction.replace(/0+$/, '')

/** `12.`, `0.5`, `-0.`: at most 8 digits after the point, no zeros at the end. */
const positional = (value: number, dtype: DType): readonly [whole: string, fraction: string] => {
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const magnitude = Math.abs(value)
  const [mantissa = '0', exponent = '0'] = shortest(magnitude, dtype).split('e')
  const digits = mantissa.replace('.', '')
  const fractionDigits = Math.max(0, digits.length - 1 - Number(exponent))
  if (fractionDigits > maximumDigits) {
    const [whole = '0', fraction = ''] = magnitude.toFixed(maximumDigits).split('.')
    return [sign + whole, trimmed(fraction)]
  }
  const [whole = '0', fraction = ''] = Number(`${mantissa}e${exponent}`).toFixed(fractionDigits).split('.')
  return [sign + whole, trimmed(fraction)]
}

/** `1.5` and `+05` of `1.5e+05`. */
const scientific = (
  value: number,
  dtype: DType,
  precision: number,
  fill: boolean,
): readonly [whole: string, fraction: string, exponent: string] => {
  let text = shortest(value, dtype)
  const digits = (text.split('e')[0] ?? '').replace(/[-.]/g, '').length - 1
  // NumPy fills a column of longer numbers up with true digits, not with zeros.
  if (digits > precision || fill) text = digits === precision ? text : value.toExponential(precision)
  const [mantissa = '0', exponent = '+0'] = text.split('e')
  const [whole = '0', fraction = ''] = mantissa.split('.')
  const sign = exponent.startsWith('-') ? '-' : '+'
  const negativeZero = Object.is(value, -0) ? '-' : ''
  return [negativeZero + whole, trimmed(fraction), sign + exponent.replace(/[+-]/, '').padStart(2, '0')]
}

const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length))

/** Text of each float of an array, all of one width; port of NumPy's FloatingFormat. */
const floatTexts = (values: readonly number[], dtype: DType): ((value: number) => string) => {
  const finite = values.filter(Number.isFinite)
  const nonZero = finite.filter((value) => value !== 0).map(Math.abs)
  const largest = Math.max(...nonZero)
  const smallest = Math.min(...nonZero)
  const exponents =
    nonZero.length > 0 &&
    (largest >= largeNumber(dtype) || smallest < 0.0001 || roundTo(largest / smallest, dtype) > 1000)
  let left = 0
  let right = 0
  let format: (value: number) => string
  if (exponents) {
    const parts = finite.map((value) => scientific(value, dtype, maximumDigits, false))
    const precision = widest(parts.map(([, fraction]) => fraction))
    const exponentWidth = widest(parts.map(([, , exponent]) => exponent)) - 1
    left = widest(parts.map(([whole]) => whole))
    right = exponentWidth + 2 + precision
    format = (value) => {
      const [whole, fraction, exponent] = scientific(value, dtype, precision, true)
      const digits = exponent.slice(1).padStart(exponentWidth, '0')
      return `${whole.padStart(left)}.${fraction.padEnd(precision, '0')}e${exponent.slice(0, 1)}${digits}`
    }
  } else {
    const parts = finite.map((value) => positional(value, dtype))
    left = widest(parts.map(([whole]) => whole))
    right = widest(parts.map(([, fraction]) => fraction))
    format = (value) => {
      const [whole, fraction] = positional(value, dtype)
      return `${whole.padStart(left)}.${fraction.padEnd(right)}`
    }
  }
  if (finite.length !== values.length) {
    const infinity = values.includes(-Infinity) ? 4 : 3
    left = Math.max(left, 3 - (right + 1), infinity - (right + 1))
  }
  return (value) => {
    if (Number.isFinite(value)) return format(value)
    const text = Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
    return text.padStart(left + right + 1)
  }
}

/** A function that gives the aligned text of each of these values, which are those of an array, or of a scalar. */
export const numberTexts = (values: readonly number[], dtype: DType, scalar = false): ((value: number) => string) => {
  if (dtypeKind(dtype) === 'float') return floatTexts(values, dtype)
  const plain = (value: number): string => (dtype === 'bool' ? (value !== 0 ? 'True' : 'False') : String(value))
  const width = dtype === 'bool' && !scalar ? 'False'.length : widest(values.map(plain))
  return (value) => plain(value).padStart(width)
}
