/** What goes wrong between the library and the world: files that are missing, unreadable or not what they say they are. */
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import { CotangentError } from '../core/index.js'

/** Where an IoError happened. */
export interface IoErrorDetails {
  /** Path of the file, when the bytes came from one. */
  readonly file?: string | undefined
  /** Byte at which reading stopped making sense. */
  readonly offset?: number | undefined
  /** The error of the operating system underneath. */
  readonly cause?: unknown
}

/**
 * A file that cannot be read or written, or bytes that are not in the format they should be in. The message is one line
 * with the file, what is wrong and the offset. Functions on bytes throw it; functions on files give it as the left side
 * of a TaskEither, or reject with it in their promise twins.
 */
export class IoError extends CotangentError {
  override readonly name = 'IoError'
  /** What is wrong, without the file. */
  readonly reason: string
  readonly file: string | undefined
  readonly offset: number | undefined

  constructor(reason: string, { file, offset, cause }: IoErrorDetails = {}) {
    super(
      'IO',
      `${file === undefined ? '' : `${file}: `}${reason}${offset === undefined ? '' : ` (at byte ${offset})`}`,
    )
    this.reason = reason
    this.file = file
    this.offset = offset
    if (cause !== undefined) this.cause = cause
  }

  /** The same error, of a file. */
  inFile(file: string): IoError {
    return new IoError(this.reason, { file, offset: this.offset, cause: this.cause })
  }
}

/** Result of a decoder on a file's bytes, its IoError naming the file; mistakes of the program still throw. */
export const decoded = <A>(file: string, decode: () => A): Either<IoError, A> => {
  try {
    return right(decode())
  } catch (error) {
    if (error instanceof IoError) return left(error.inFile(file))
    throw error
  }
}

/** First bytes of other formats, and what to do with a file of them. */
const otherFormats: readonly (readonly [bytes: readonly number[], advice: string])[] = [
  [[0x50, 0x4b, 0x03, 0x04], 'a zip archive, as npz files and those of PyTorch (.pt) are; save safetensors there'],
  [[0x1f, 0x8b], 'compressed (gzip); unpack it first'],
  [[0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], 'an npy file; io.loadNpy and io.decodeNpy read it'],
  [[0x89, 0x48, 0x44, 0x46], 'an HDF5 file, as those of Keras are; save safetensors there'],
]

/** What bytes of another format are, for the end of a message; nothing when they are of none that is known. */
export const lookalike = (bytes: Uint8Array): string => {
  const found = otherFormats.find(([start]) => start.every((byte, i) => bytes[i] === byte))
  return found === undefined ? '' : `. It is ${found[1]}`
}

/** A value from a file as it appears in a message: one line, not too long. */
export const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`
}
