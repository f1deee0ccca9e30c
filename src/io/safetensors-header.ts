/** The header of safetensors files: 8 bytes of length, then JSON that says where each tensor lies. */
import { IoError, lookalike, shown } from './io-error.js'
import { type ElementType, arrayBytes } from './elements.js'

/** One tensor of a safetensors file. */
export interface SafetensorsEntry {
  readonly name: string
  /** Element type in the file; 16- and 64-bit integers are read as 32-bit ones. */
  readonly type: ElementType
  readonly shape: readonly number[]
  /** First byte and the byte after the last, counted from the start of the file. */
  readonly start: number
  readonly end: number
}

/** What a safetensors file says about itself. */
export interface SafetensorsHeader {
  /** In the order in which they lie in the file. */
  readonly entries: readonly SafetensorsEntry[]
  readonly metadata: Readonly<Record<string, string>>
}

/** Names of element types in the format. Those that are missing here (F8_E4M3, C64, ...) have no dtype to go to. */
const typeNames: Readonly<Record<ElementType, string>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
}

const types = new Map(
  Object.entries(typeNames).map(([type, name]) => [name, type as ElementType] satisfies [string, ElementType]),
)

/** Name of an element type in the format. */
export const safetensorsType = (type: ElementType): string => typeNames[type]

/** Bytes of the length at the start. */
export const lengthBytes = 8
/** The reference implementation refuses longer headers too. */
const maximumHeader = 100_000_000
/** The one key of the header that is not a tensor. */
export const metadataKey = '__metadata__'

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The header's JSON, and the byte where the tensors begin. */
const readJson = (
  bytes: Uint8Array,
): { readonly json: Readonly<Record<string, unknown>>; readonly dataStart: number } => {
  if (bytes.length < lengthBytes) {
    throw new IoError(`not a safetensors file: ${bytes.length} bytes are too few for the length of a header`, {
      offset: bytes.length,
    })
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, lengthBytes).getBigUint64(0, true)
  if (length > maximumHeader) {
    throw new IoError(
      `not a safetensors file: its header would be ${length} bytes long, and ${maximumHeader} is the limit${lookalike(bytes)}`,
      {
        offset: 0,
      },
    )
  }
  const dataStart = lengthBytes + Number(length)
  if (dataStart > bytes.length) {
    throw new IoError(
      `the file is cut off: its header is ${length} bytes long, and ${bytes.length - lengthBytes} are there`,
      {
        offset: bytes.length,
      },
    )
  }
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(lengthBytes, dataStart)))
  } catch (cause) {
    throw new IoError('not a safetensors file: its header is not JSON', { offset: lengthBytes, cause })
  }
  if (!isRecord(json)) throw new IoError('the header is not a JSON object', { offset: lengthBytes })
  return { json, dataStart }
}

const readMetadata = (value: unknown): Readonly<Record<string, string>> => {
  if (value === undefined) return {}
  const entries: [string, string][] = []
  for (const [key, text] of isRecord(value) ? Object.entries(value) : []) {
    if (typeof text === 'string') entries.push([key, text])
  }
  if (!isRecord(value) || entries.length !== Object.keys(value).length) {
    throw new IoError(`${metadataKey} must be an object of strings, and it is ${shown(value)}`, { offset: lengthBytes })
  }
  return Object.fromEntries(entries)
}

const readEntry = (name: string, value: unknown, dataStart: number, dataEnd: number): SafetensorsEntry => {
  const what = `tensor ${shown(name)}`
  const bad = (reason: string): IoError => new IoError(`${what} ${reason}`, { offset: lengthBytes })
  if (!isRecord(value)) throw bad(`is described by ${shown(value)}, not by an object`)
  const { dtype, shape, data_offsets: offsets } = value
  const type = typeof dtype === 'string' ? types.get(dtype) : undefined
  if (type === undefined) throw bad(`has the dtype ${shown(dtype)}; readable are ${[...types.keys()].join(', ')}`)
  if (!Array.isArray(shape)) throw bad(`has no shape`)
  const size = arrayBytes(shape, type, what, lengthBytes)
  const [from, to]: readonly unknown[] = Array.isArray(offsets) && offsets.length === 2 ? offsets : []
  if (!isOffset(from) || !isOffset(to) || from > to) throw bad(`has the data_offsets ${shown(offsets)}`)
  if (to - from !== size) throw bad(`has ${to - from} bytes in the file, and its shape and dtype need ${size}`)
  if (dataStart + to > dataEnd) {
    throw new IoError(`the file is cut off: ${what} should end at byte ${dataStart + to}, and the file at ${dataEnd}`, {
      offset: dataEnd,
    })
  }
  return { name, type, shape: shape.map(Number), start: dataStart + from, end: dataStart + to }
}

const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

/** Throws unless the tensors cover the data without holes or overlaps, as the format asks. */
const checkCoverage = (entries: readonly SafetensorsEntry[], dataStart: number, dataEnd: number): void => {
  let at = dataStart
  for (const { name, start, end } of entries) {
    if (start !== at) {
      throw new IoError(
        `tensor ${shown(name)} begins at byte ${start}, ` +
          (start < at ? `inside the one before, which ends at ${at}` : `and the one before ends at ${at}`),
        { offset: start },
      )
    }
    at = end
  }
  if (at !== dataEnd) throw new IoError(`${dataEnd - at} bytes after the last tensor belong to nothing`, { offset: at })
}

/**
 * Names, dtypes, shapes and places of the tensors in a safetensors file, and its metadata, without reading a value.
 *
 * Throws IoError when the bytes are not a whole, consistent file.
 *
 * @example
 * ```ts
 * const { entries } = io.safetensorsHeader(io.encodeSafetensors({ weight: np.zeros([2, 3]) }))
 * console.log(entries[0].name, entries[0].shape) // weight [ 2, 3 ]
 * ```
 */
export const safetensorsHeader = (bytes: Uint8Array): SafetensorsHeader => {
  const { json, dataStart } = readJson(bytes)
  const entries = Object.entries(json)
    .filter(([name]) => name !== metadataKey)
    .map(([name, value]) => readEntry(name, value, dataStart, bytes.length))
    // Of tensors at one place all but the last are empty.
    .sort((a, b) => a.start - b.start || a.end - b.end)
  checkCoverage(entries, dataStart, bytes.length)
  return { entries, metadata: readMetadata(Object.hasOwn(json, metadataKey) ? json[metadataKey] : undefined) }
}
