/**
 * Saving and loading files. Each function comes twice: under its plain name as a promise that rejects with an IoError, and
 * with `TE` at the end of its name as an fp-ts TaskEither. Mistakes of the program, such as a leaf that is not an array, are
 * thrown in both.
 */
import { pipe } from 'fp-ts/lib/function.js'
import { type TaskEither, chain, chainEitherK, fromTask } from 'fp-ts/lib/TaskEither.js'
import { type NDArray, checkOptions } from '../core/index.js'
import { orThrow, readBytes, writeBytes } from './files.js'
import { type IoError, decoded } from './io-error.js'
import { namedArrays } from './names.js'
import { decodeNpy, encodeValues } from './npy.js'
import { type LikeOptions, type SafetensorsOptions, decodeSafetensors, encodeTensors } from './safetensors.js'

/**
 * Saves a pytree of arrays as a safetensors file, under the names of `encodeSafetensors`. The file appears whole or not at all.
 *
 * @example
 * ```ts
 * import { pipe } from 'fp-ts/lib/function.js'
 * import { mapLeft } from 'fp-ts/lib/TaskEither.js'
 * await pipe(io.saveSafetensorsTE('/tmp/model.safetensors', { weight: np.ones([2]) }), mapLeft(console.error))()
 * ```
 */
export const saveSafetensorsTE = (
  path: string,
  value: unknown,
  options: SafetensorsOptions = {},
): TaskEither<IoError, void> => {
  checkOptions('saveSafetensorsTE', options, 'metadata')
  const operation = 'saveSafetensors'
  const arrays = namedArrays(value, operation)
  const encode = async (): Promise<Uint8Array> =>
    encodeTensors(
      await Promise.all(arrays.map(async ([name, array]) => ({ name, array, values: await array.data() }))),
      options,
      operation,
    )
  return pipe(
    fromTask<Uint8Array, IoError>(encode),
    chain((bytes) => writeBytes(path, bytes)),
  )
}

/**
 * Saves a pytree of arrays as a safetensors file, under the names of `encodeSafetensors`. The file appears whole or not at all.
 * Rejects with an IoError when it cannot be written.
 *
 * @example
 * ```ts
 * await io.saveSafetensors('/tmp/model.safetensors', { weight: np.ones([2]) }, { metadata: { step: '100' } })
 * ```
 */
export const saveSafetensors = async (
  path: string,
  value: unknown,
  options: SafetensorsOptions = {},
): Promise<void> => {
  checkOptions('saveSafetensors', options, 'metadata')
  return orThrow(saveSafetensorsTE(path, value, options))
}

/** The arrays of a safetensors file by name; with `like`, as a pytree like that one. See `decodeSafetensors`. */
export function loadSafetensorsTE(path: string): TaskEither<IoError, Readonly<Record<string, NDArray>>>
export function loadSafetensorsTE<T>(path: string, options: LikeOptions<T>): TaskEither<IoError, T>
export function loadSafetensorsTE(path: string, options?: LikeOptions<unknown>): TaskEither<IoError, unknown> {
  checkOptions('loadSafetensorsTE', options, 'like')
  return pipe(
    readBytes(path),
    chainEitherK((bytes) =>
      decoded<unknown>(path, () =>
        options === undefined ? decodeSafetensors(bytes) : decodeSafetensors(bytes, options),
      ),
    ),
  )
}

/**
 * The arrays of a safetensors file by name; with `like`, as a pytree like that one. See `decodeSafetensors`.
 * Rejects with an IoError that names the file and says what is wrong with it.
 *
 * @example
 * ```ts
 * const params = { weight: np.ones([2]) }
 * await io.saveSafetensors('/tmp/model.safetensors', params)
 * const { weight } = await io.loadSafetensors('/tmp/model.safetensors', { like: params })
 * ```
 */
export function loadSafetensors(path: string): Promise<Readonly<Record<string, NDArray>>>
export function loadSafetensors<T>(path: string, options: LikeOptions<T>): Promise<T>
export function loadSafetensors(path: string, options?: LikeOptions<unknown>): Promise<unknown> {
  checkOptions('loadSafetensors', options, 'like')
  return orThrow<unknown>(options === undefined ? loadSafetensorsTE(path) : loadSafetensorsTE(path, options))
}

/** Saves an array as an npy file, which `numpy.load` reads. The file appears whole or not at all. */
export const saveNpyTE = (path: string, x: NDArray): TaskEither<IoError, void> =>
  pipe(
    fromTask<Uint8Array, IoError>(async () => encodeValues(x, await x.data())),
    chain((bytes) => writeBytes(path, bytes)),
  )

/**
 * Saves an array as an npy file, which `numpy.load` reads. The file appears whole or not at all.
 * Rejects with an IoError when it cannot be written.
 *
 * @example
 * ```ts
 * await io.saveNpy('/tmp/x.npy', np.arange(3))
 * ```
 */
export const saveNpy = async (path: string, x: NDArray): Promise<void> => orThrow(saveNpyTE(path, x))

/** The array of an npy file. See `decodeNpy`. */
export const loadNpyTE = (path: string): TaskEither<IoError, NDArray> =>
  pipe(
    readBytes(path),
    chainEitherK((bytes) => decoded(path, () => decodeNpy(bytes))),
  )

/**
 * The array of an npy file. See `decodeNpy`. Rejects with an IoError that names the file and says what is wrong with it.
 *
 * @example
 * ```ts
 * await io.saveNpy('/tmp/x.npy', np.arange(3))
 * const x = await io.loadNpy('/tmp/x.npy')
 * ```
 */
export const loadNpy = async (path: string): Promise<NDArray> => orThrow(loadNpyTE(path))
