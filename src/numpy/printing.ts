/** Arrays as text, the way NumPy prints them, with shape and dtype; as a table in notebooks. */
import { type NDArray, DeviceArray, Tracer, getDevice, rowMajorStrides, shapeText, sizeOf } from '../core/index.js'
import { numberTexts } from './number-text.js'

const lineWidth = 75
/** Arrays of more elements are shown by their edges. */
const threshold = 1000
const edgeItems = 3

/** Values to show: read, or a word why they cannot be. */
const valuesOf = (x: NDArray): ArrayLike<number> | string => {
  if (!(x instanceof DeviceArray)) return 'not known'
  if (x.isDeleted) return 'deleted'
  if (x.scalar !== undefined) return [x.scalar]
  if (!getDevice(x.device).synchronous) return `on ${x.device}: await x.data()`
  return x.dataSync()
}

/** Which indices of an axis are shown; null stands for the dots. */
const shownIndices = (size: number, summarize: boolean): (number | null)[] => {
  const all = Array.from({ length: size }, (_, i) => i)
  return summarize && size > 2 * edgeItems ? [...all.slice(0, edgeItems), null, ...all.slice(-edgeItems)] : all
}

/** Brackets around the values of nested axes, with NumPy's line breaks. */
const bracketed = (
  shape: readonly number[],
  textAt: (flat: number) => string,
  summarize: boolean,
  prefix: string,
  widthLeft: number,
): string => {
  const strides = rowMajorStrides(shape)
  const nested = (axis: number, flat: number, indent: string, width: number): string => {
    if (axis === shape.length) return textAt(flat)
    const indices = shownIndices(shape[axis] ?? 0, summarize)
    const inner = (i: number | null): string =>
      i === null ? '...' : nested(axis + 1, flat + i * (strides[axis] ?? 1), `${indent} `, width - 1)
    if (axis < shape.length - 1) {
      const separator = `,${'\n'.repeat(shape.length - 1 - axis)}`
      return `[${indices.map(inner).join(separator + indent)}]`
    }
    return `[${wrapped(indices.map(inner), indent, width - 1)}]`
  }
  return nested(0, 0, `${prefix} `, widthLeft)
}

/** Words joined by commas, with line breaks where a line would be too long. */
const wrapped = (words: readonly string[], indent: string, width: number): string => {
  let text = ''
  let line = indent
  words.forEach((word, i) => {
    if (line.length + word.length > width && line.length > indent.length) {
      text += `${line.trimEnd()}\n`
      line = indent
    }
    line += i < words.length - 1 ? `${word}, ` : word
  })
  return (text + line).slice(indent.length)
}

/** `array([[1., 2.],\n       [3., 4.]], shape=[2,2], dtype=float32)`; never throws. */
export const arrayRepr = (x: NDArray): string => {
  if (x instanceof Tracer) return x.describe()
  const facts = `shape=${shapeText(x.shape)}, dtype=${x.dtype})`
  const values = valuesOf(x)
  if (typeof values === 'string') return `array(<${values}>, ${facts}`
  const text = `array(${valuesText(x, values, 'array(', lineWidth - 1)},`
  const lastLine = text.length - (text.lastIndexOf('\n') + 1)
  return lastLine + facts.length + 1 > lineWidth ? `${text}\n       ${facts}` : `${text} ${facts}`
}

const valuesText = (x: NDArray, values: ArrayLike<number>, prefix: string, width: number): string => {
  if (x.size === 0) return '[]'
  const summarize = x.size > threshold
  const shown = summarize ? edges(x.shape, values) : Array.from(values)
  const format = numberTexts(shown, x.dtype, x.ndim === 0)
  const textAt = (flat: number): string => format(values[flat] ?? NaN)
  return bracketed(x.shape, textAt, summarize, ' '.repeat(prefix.length), width)
}

/** Values at the corners of an array, which are the ones shown. */
const edges = (shape: readonly number[], values: ArrayLike<number>): number[] => {
  const strides = rowMajorStrides(shape)
  let places = [0]
  shape.forEach((size, axis) => {
    const indices = shownIndices(size, true).filter((i) => i !== null)
    places = places.flatMap((place) => indices.map((i) => place + i * (strides[axis] ?? 1)))
  })
  return places.map((place) => values[place] ?? NaN)
}

/** The values alone, as `[[1. 2.]\n [3. 4.]]` without commas would show them in NumPy; here with commas. */
export const arrayStr = (x: NDArray): string => {
  if (x instanceof Tracer) return x.describe()
  const values = valuesOf(x)
  return typeof values === 'string' ? `<${values}>` : valuesText(x, values, '', lineWidth)
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** A table for matrices and vectors that are not too large, else the text. */
const htmlOf = (x: NDArray): string => {
  const values = x.ndim === 1 || x.ndim === 2 ? valuesOf(x) : ''
  const columns = x.shape.at(-1) ?? 0
  if (typeof values === 'string' || x.size === 0) return `<pre>${escaped(arrayRepr(x))}</pre>`
  const rows = sizeOf(x.shape.slice(0, -1))
  const shownRows = shownIndices(rows, rows > 60)
  const shownColumns = shownIndices(columns, columns > 20)
  const format = numberTexts(
    shownRows.flatMap((i) =>
      i === null ? [] : shownColumns.flatMap((j) => (j === null ? [] : [values[i * columns + j] ?? NaN])),
    ),
    x.dtype,
  )
  const cell = (i: number | null, j: number | null): string =>
    `<td>${i === null || j === null ? '…' : format(values[i * columns + j] ?? NaN).trim()}</td>`
  const body = shownRows.map((i) => `<tr>${shownColumns.map((j) => cell(i, j)).join('')}</tr>`).join('')
  return `<table><tbody>${body}</tbody></table><small>${x.dtype}${shapeText(x.shape)}</small>`
}

/** What notebooks show: an HTML table, and the text for those that show no HTML. */
export const displayData = (x: NDArray): Readonly<Record<string, string>> => ({
  'text/plain': arrayRepr(x),
  'text/html': x instanceof Tracer ? `<pre>${escaped(x.describe())}</pre>` : htmlOf(x),
})
