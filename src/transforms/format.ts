/** Messages with values in them: '{}' for the next value, '{0}' for one by position, '{name}' for one by name. */
import { type DType, ArgumentError, NDArray, isFloating, roundTo, rowMajorStrides } from '../core/index.js'

/** Values by name, as a plain object that comes last. */
const namesOf = (values: readonly unknown[]): object | undefined => {
  const last = values.at(-1)
  if (typeof last !== 'object' || last === null || last instanceof NDArray || Array.isArray(last)) return undefined
  return last
}

/** The shortest decimal that is the same value in its dtype. */
const shortest = (value: number, dtype: DType): string => {
  for (let digits = 1; dtype !== 'float64' && digits < 10; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Object.is(roundTo(short, dtype), value)) return String(short)
  }
  return String(value)
}

/** A number of a dtype: floats always have a point, an exponent or a name. */
export const scalarText = (value: number, dtype: DType): string => {
  if (dtype === 'bool') return value !== 0 ? 'true' : 'false'
  if (!isFloating(dtype)) return String(value)
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  const short = Object.is(value, -0) ? '-0' : shortest(value, dtype)
  return /^-?\d+$/.test(short) ? `${short}.0` : short
}

/** Arrays of more elements are shown by the edges of their axes. */
const threshold = 1000
const edge = 3

/** The values of an array: `[[1.0, 2.0], [3.0, 4.0]]`, a row on each line. */
export const valuesText = (x: NDArray, indent = ''): string => {
  const data = x.dataSync()
  const strides = rowMajorStrides(x.shape)
  const nested = (axis: number, at: number, before: string): string => {
    const size = x.shape[axis]
    if (size === undefined) return scalarText(data[at] ?? NaN, x.dtype)
    const isCut = data.length > threshold && size > 2 * edge
    const shown = Array.from({ length: isCut ? 2 * edge : size }, (_, i) =>
      isCut && i >= edge ? size - 2 * edge + i : i,
    )
    const items = shown.map((i) => nested(axis + 1, at + i * (strides[axis] ?? 1), `${before} `))
    if (isCut) items.splice(edge, 0, '...')
    return `[${items.join(axis === x.ndim - 1 ? ', ' : `,\n${before} `)}]`
  }
  return nested(0, 0, indent)
}

const textOf = (value: unknown, indent: string): string => {
  if (value instanceof NDArray) return valuesText(value, indent)
  if (typeof value === 'string') return value
  if (typeof value === 'function') return `<function ${value.name}>`
  if (Array.isArray(value)) return `[${value.map((x) => textOf(x, indent)).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, x]) => `${key}: ${textOf(x, indent)}`)
      .join(', ')}}`
  }
  return String(value)
}

const field = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g

const badField = (format: string, found: string, count: number, operation: string): ArgumentError =>
  new ArgumentError(
    `${operation}: '${found}' in '${format}' fits none of the ${count} value${count === 1 ? '' : 's'} that follow. ` +
      `Write {} for the next value, {0} for the first, {name} for one of a record that comes last, {{ and }} for braces.`,
  )

/** Replaces the fields of a format by what `show` makes of the values. Throws ArgumentError for a field without a value. */
const replaceFields = (
  format: string,
  values: readonly unknown[],
  operation: string,
  show: (value: unknown, offset: number) => string,
  braces: (twice: string) => string = (twice) => twice.slice(1),
): string => {
  const names = namesOf(values)
  let next = 0
  return format.replace(field, (found, name: string | undefined, offset: number) => {
    if (found === '{{' || found === '}}') return braces(found)
    if (name === undefined) throw badField(format, found, values.length, operation)
    if (name === '' || /^\d+$/.test(name)) {
      const position = name === '' ? next++ : Number(name)
      if (position >= values.length) throw badField(format, found, values.length, operation)
      return show(values[position], offset)
    }
    if (names === undefined || !Object.hasOwn(names, name)) throw badField(format, found, values.length, operation)
    return show(Reflect.get(names, name), offset)
  })
}

/** Throws ArgumentError when a format has a field without a value. */
export const checkFormat = (format: string, values: readonly unknown[], operation: string): void => {
  if (typeof format !== 'string') throw new ArgumentError(`${operation}: the format must be a string such as 'x = {}'.`)
  replaceFields(format, values, operation, () => '')
}

/** The format with the values in it. Continued lines of an array stand below its first. */
export const formatMessage = (format: string, values: readonly unknown[], operation: string): string =>
  replaceFields(format, values, operation, (value, offset) => {
    const line = format.slice(format.lastIndexOf('\n', offset) + 1, offset)
    return textOf(value, ' '.repeat(line.length))
  })

/** A format whose fields are `{0}`, `{1}`, ... for the arrays among its values; all else is written out. */
export const templateOf = (
  format: string,
  values: readonly unknown[],
  operation: string,
): { readonly template: string; readonly arrays: readonly NDArray[] } => {
  checkFormat(format, values, operation)
  const arrays: NDArray[] = []
  const show = (value: unknown): string => {
    if (!(value instanceof NDArray)) return textOf(value, '').replaceAll('{', '{{').replaceAll('}', '}}')
    if (!arrays.includes(value)) arrays.push(value)
    return `{${arrays.indexOf(value)}}`
  }
  return { template: replaceFields(format, values, operation, show, (twice) => twice), arrays }
}
