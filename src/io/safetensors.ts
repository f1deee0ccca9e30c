/** The safetensors format (https://huggingface.co/docs/safetensors): pytrees of arrays to bytes and back. */
import {
  ArgumentError,
  type HostData,
  NDArray,
  checkOptions,
  describe,
  dtypeBytes,
  sameShape,
  tree,
} from '../core/index.js'
import { arrayFromBytes, bytesOfValues, elementDType } from './elements.js'
import { IoError, shown } from './io-error.js'
import { type Expected, expectedArrays, namedArrays } from './names.js'
import {
  type SafetensorsEntry,
  lengthBytes,
  metadataKey,
  safetensorsHeader,
  safetensorsType,
} from './safetensors-header.js'

export interface SafetensorsOptions {
  /** Text to keep with the arrays: where they come from, how they were trained. */
  readonly metadata?: Readonly<Record<string, string>>
}

/** What a file is expected to hold. */
export interface LikeOptions<T> {
  /** A pytree of arrays, or of `{ shape, dtype }` as `evalShape` gives it, that the result must be like. */
  readonly like: T
}

/** One array on its way into a file. */
export interface NamedValues {
  readonly name: string
  readonly array: NDArray
  /** What `array.data()` gave. */
  readonly values: HostData
}

/** Other values would make a file that no reader takes back, ours neither. Types say so, which JavaScript does not read. */
const checkMetadata = (metadata: unknown, operation: string): void => {
  if (metadata === undefined) return
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw new ArgumentError(`${operation}: metadata is an object of strings, got ${describe(metadata)}.`)
  }
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text === 'string') continue
    throw new ArgumentError(
      `${operation}: the format keeps only text as metadata, and metadata.${key} is ${describe(text)}; ` +
        `write String(...) or JSON.stringify(...) of it, or keep it as an array beside the others.`,
    )
  }
}

/** Bytes of a file with these arrays. */
export const encodeTensors = (
  tensors: readonly NamedValues[],
  { metadata }: SafetensorsOptions,
  operation: string,
): Uint8Array => {
  // Wide elements first, so that each array lies at a multiple of its element's size; then by name, so that the same arrays
  // give the same bytes.
  const ordered = [...tensors].sort(
    (a, b) => dtypeBytes(b.array.dtype) - dtypeBytes(a.array.dtype) || (a.name < b.name ? -1 : 1),
  )
  checkMetadata(metadata, operation)
  const header: [string, unknown][] = metadata === undefined ? [] : [[metadataKey, metadata]]
  const parts: Uint8Array[] = []
  let size = 0
  for (const { name, array, values } of ordered) {
    if (name === metadataKey) {
      throw new ArgumentError(`${operation}: the format keeps the name ${metadataKey} for itself; rename that array.`)
    }
    const part = bytesOfValues(values, array.dtype)
    const offsets = [size, size + part.length]
    header.push([name, { dtype: safetensorsType(array.dtype), shape: array.shape, data_offsets: offsets }])
    parts.push(part)
    size += part.length
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)))
  // Spaces up to a multiple of 8, for the same reason as the order.
  const headerLength = Math.ceil(json.length / lengthBytes) * lengthBytes
  const bytes = new Uint8Array(lengthBytes + headerLength + size)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true)
  bytes.set(json, lengthBytes)
  bytes.fill(0x20, lengthBytes + json.length, lengthBytes + headerLength)
  let at = lengthBytes + headerLength
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/**
 * A pytree of arrays as a safetensors file. Arrays are named by their paths in the tree: `conv1.kernel`, `[0].bias`; a lone
 * array is named `value`. Every dtype is kept. The same tree gives the same bytes.
 *
 * @param value pytree of arrays on synchronous devices; `saveSafetensors` also reads from the others
 * @throws ArgumentError for a leaf that is not an array, or for two arrays with one name
 * @example
 * ```ts
 * const bytes = io.encodeSafetensors({ dense: { kernel: np.ones([2, 3]), bias: np.zeros([3]) } })
 * ```
 */
export const encodeSafetensors = (value: unknown, options: SafetensorsOptions = {}): Uint8Array => {
  checkOptions('encodeSafetensors', options, 'metadata')
  const operation = 'encodeSafetensors'
  const tensors = namedArrays(value, operation).map(([name, array]) => ({ name, array, values: array.dataSync() }))
  return encodeTensors(tensors, options, operation)
}

const readArray = (bytes: Uint8Array, { name, type, shape, start, end }: SafetensorsEntry): NDArray =>
  arrayFromBytes(bytes.subarray(start, end), { type, shape, what: `tensor ${shown(name)}` })

/** Checks that the entries are those of the expected tree, before anything is read. */
const checkExpected = (entries: ReadonlyMap<string, SafetensorsEntry>, { leaves }: Expected): void => {
  const names = new Set(leaves.map(([name]) => name))
  const missing = leaves.filter(([name]) => !entries.has(name)).map(([name]) => name)
  const extra = [...entries.keys()].filter((name) => !names.has(name))
  const list = (all: readonly string[]): string => all.slice(0, 5).join(', ') + (all.length > 5 ? ', ...' : '')
  if (missing.length > 0) {
    throw new IoError(`no tensor is named ${list(missing)}${extra.length > 0 ? `; unused are ${list(extra)}` : ''}`)
  }
  if (extra.length > 0) throw new IoError(`the tensors ${list(extra)} have no place in the tree`)
  for (const [name, { shape, dtype }] of leaves) {
    const entry = entries.get(name)
    if (entry === undefined || (sameShape(entry.shape, shape) && elementDType(entry.type) === dtype)) continue
    throw new IoError(
      `tensor ${shown(name)} is ${elementDType(entry.type)}[${entry.shape.join()}], and ${dtype}[${shape.join()}] is expected`,
    )
  }
}

/**
 * The arrays of a safetensors file by name, on the current device; with `like`, as a pytree like that one.
 *
 * 16-bit integers become 32-bit ones, and 64-bit integers too if they fit. Throws IoError for bytes that are not a whole
 * safetensors file, for element types without a dtype here, and, with `like`, for names, shapes or dtypes that differ.
 *
 * @example
 * ```ts
 * const params = { dense: { kernel: np.ones([2, 3]), bias: np.zeros([3]) } }
 * const bytes = io.encodeSafetensors(params)
 * io.decodeSafetensors(bytes) // { 'dense.bias': ..., 'dense.kernel': ... }
 * io.decodeSafetensors(bytes, { like: params }).dense.bias // float32[3]
 * ```
 */
export function decodeSafetensors(bytes: Uint8Array): Readonly<Record<string, NDArray>>
export function decodeSafetensors<T>(bytes: Uint8Array, options: LikeOptions<T>): T
export function decodeSafetensors(bytes: Uint8Array, options?: LikeOptions<unknown>): unknown {
  checkOptions('decodeSafetensors', options, 'like')
  const { entries } = safetensorsHeader(bytes)
  if (options === undefined) return Object.fromEntries(entries.map((entry) => [entry.name, readArray(bytes, entry)]))
  const byName = new Map(entries.map((entry) => [entry.name, entry]))
  const expected = expectedArrays(options.like, 'decodeSafetensors')
  checkExpected(byName, expected)
  const arrays = expected.leaves.flatMap(([name]) => {
    const entry = byName.get(name)
    return entry === undefined ? [] : [readArray(bytes, entry)]
  })
  return tree.unflatten(expected.def, arrays)
}
