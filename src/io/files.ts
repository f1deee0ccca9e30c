/** Whole files as bytes: reading, and writing that never leaves half a file. */
import { type TaskEither, tryCatch } from 'fp-ts/lib/TaskEither.js'
import { isLeft } from 'fp-ts/lib/Either.js'
import { IoError } from './io-error.js'
import { nodeFiles } from './node.js'

/** What the common errors of the operating system mean. */
const meanings: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  ENOSPC: 'no space is left on the device',
  EROFS: 'the file system is read-only',
  EMFILE: 'too many files are open',
  ERR_FS_FILE_TOO_LARGE: 'files of more than 2 GiB cannot be read at once',
}

const codeOf = (cause: unknown): string =>
  typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : ''

/** What went wrong while a file was read or written, as one line. */
const fileError = (file: string, verb: 'read' | 'written', cause: unknown): IoError => {
  const [firstLine = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n')
  return new IoError(`cannot be ${verb}: ${meanings[codeOf(cause)] ?? firstLine}`, { file, cause })
}

/** Node's file functions; a page has none, and is told what it has instead. */
const fileSystem = () => {
  const found = nodeFiles()
  if (found !== undefined) return found
  throw new Error(
    'only Node has files by path; in a browser, fetch or keep the bytes yourself, and use the functions on bytes: ' +
      'decodeSafetensors, encodeSafetensors, decodeNpy, encodeNpy',
  )
}

/** All bytes of a file. */
export const readBytes = (file: string): TaskEither<IoError, Uint8Array> =>
  tryCatch(
    async () => {
      const { readFile } = fileSystem()
      return new Uint8Array(await readFile(file))
    },
    (cause) => fileError(file, 'read', cause),
  )

/**
 * Writes a file: first under a temporary name beside it, which is then renamed. So the file is either the old one or the
 * whole new one, also when the disk is full or the process is ended; the directory must exist.
 */
export const writeBytes = (file: string, bytes: Uint8Array): TaskEither<IoError, void> =>
  tryCatch(
    async () => {
      const { open, rename, rm } = fileSystem()
      const temporary = `${file}.${crypto.randomUUID()}.tmp`
      try {
        const handle = await open(temporary, 'wx')
        try {
          await handle.writeFile(bytes)
          await handle.sync()
        } finally {
          await handle.close()
        }
        await rename(temporary, file)
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => undefined)
        throw error
      }
    },
    (cause) => fileError(file, 'written', cause),
  )

/** Promise twin of a task: rejects with what is on the left. */
export const orThrow = async <A>(task: TaskEither<IoError, A>): Promise<A> => {
  const result = await task()
  if (isLeft(result)) throw result.left
  return result.right
}
