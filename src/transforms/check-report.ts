/** What `checked` gives beside a result: which check failed first, as arrays that transformations can carry along. */
import { type DType, type NDArray, CheckError, known, tree } from '../core/index.js'
import { formatMessage, scalarText } from './format.js'

/** Kinds of checks: values that become NaN or infinite, indices out of range, divisors of zero, assertions of the user's. */
export type CheckKind = 'nan' | 'infinity' | 'index' | 'division' | 'user'

export const checkKinds: readonly CheckKind[] = ['nan', 'infinity', 'index', 'division', 'user']

/** One place where a check may fail. */
export interface CheckSite {
  readonly kind: CheckKind
  /** What is said when it fails; `{0}`, `{1}`, ... are values of the run. */
  readonly message: string
  /** Dtypes of those values. */
  readonly dtypes: readonly DType[]
  /** The user's line. */
  readonly source: string | undefined
}

/** Values of the run that a message can show. */
export const payloadSize = 8

const sites: CheckSite[] = []
const numbers = new Map<string, number>()

/** The number of a site, from 1 up; equal sites have one number. */
export const siteNumber = (site: CheckSite): number => {
  const key = JSON.stringify([site.kind, site.message, site.dtypes, site.source])
  let number = numbers.get(key)
  if (number === undefined) {
    number = sites.push(site)
    numbers.set(key, number)
  }
  return number
}

const word = new DataView(new ArrayBuffer(4))

/** A value of the run from the int32 that carried it: floats by their bits, the rest by value. */
const decoded = (bits: number, dtype: DType): string => {
  word.setInt32(0, bits)
  if (dtype === 'uint32') return String(word.getUint32(0))
  const isInteger = dtype === 'int32' || dtype === 'int8' || dtype === 'uint8' || dtype === 'bool'
  return isInteger ? scalarText(bits, dtype) : scalarText(word.getFloat32(0), dtype === 'float64' ? 'float32' : dtype)
}

const siteText = (number: number, payload: readonly number[]): string => {
  const { kind, message, dtypes, source } = known(sites[number - 1], 'place of a check')
  const values = dtypes.map((dtype, i) => decoded(payload[i] ?? 0, dtype))
  return (
    (kind === 'user' ? 'check failed: ' : '') +
    formatMessage(message, values, 'check') +
    (source === undefined ? '' : `, at ${source}`)
  )
}

/** Members of a batch whose checks are told. */
const shownMembers = 10

/**
 * Whether the checks of a call of `checked(f)` held. It is a pytree of arrays, so it goes through jit, vmap and the rest.
 */
export class CheckReport {
  /** Number of the check that failed first, 0 when all held; one for each member of a vmap. */
  readonly code: NDArray
  /** Values for the message. */
  readonly payload: NDArray

  constructor(code: NDArray, payload: NDArray) {
    this.code = code
    this.payload = payload
  }

  /** Null when every check held, else what failed first, with the user's file and line; for a vmap a line for each member. */
  get(): string | null {
    return this.#message(this.code.dataSync(), this.payload.dataSync())
  }

  /** As `get`, on devices that are read asynchronously as well. */
  async getAsync(): Promise<string | null> {
    return this.#message(await this.code.data(), await this.payload.data())
  }

  /** Throws CheckError with the message of `get` when a check failed. */
  throw(): void {
    const message = this.get()
    if (message !== null) throw new CheckError(message)
  }

  #message(codes: ArrayLike<number>, payload: ArrayLike<number>): string | null {
    const failed = Array.from(codes).flatMap((code, member) => (code === 0 ? [] : [{ code, member }]))
    if (failed.length === 0) return null
    const lines = failed.slice(0, shownMembers).map(({ code, member }) => {
      const own = Array.from({ length: payloadSize }, (_, i) => payload[member * payloadSize + i] ?? 0)
      return `${this.code.ndim === 0 ? '' : `member ${member}: `}${siteText(code, own)}`
    })
    if (failed.length > shownMembers) lines.push(`and ${failed.length - shownMembers} more members`)
    return lines.join('\n')
  }
}

tree.register(CheckReport, {
  name: 'CheckReport',
  flatten: ({ code, payload }) => ({ children: { code, payload }, data: null }),
  unflatten: (_, { code, payload }) => new CheckReport(code as NDArray, payload as NDArray),
})
