/** What the compiler's tests share: small programs, and their kernels as text. */
import '../../src/install.js'
import {
  type DType,
  type Jaxpr,
  type NDArray,
  buildJaxpr,
  printJaxpr,
  registerDevice,
  shapedArray,
  startEager,
} from '../../src/core/index.js'
import { createJsDevice } from '../../src/backends/js/index.js'
import { type Program, compile, kernelText } from '../../src/compiler/index.js'

registerDevice(createJsDevice())
startEager()

export type Shape = readonly number[] | readonly [shape: readonly number[], dtype: DType]

const avalOf = (shape: Shape): ReturnType<typeof shapedArray> => {
  const [first, second] = shape
  return typeof first === 'object' && typeof second === 'string'
    ? shapedArray(first, second)
    : shapedArray(shape as readonly number[], 'float32')
}

/** The program of a function of float32 arrays of the given shapes (or pairs of shape and dtype). */
export const traced = (f: (...inputs: NDArray[]) => readonly NDArray[], ...shapes: readonly Shape[]): Jaxpr =>
  buildJaxpr((inputs) => f(...inputs), shapes.map(avalOf), 'f').jaxpr

export const program = (f: (...inputs: NDArray[]) => readonly NDArray[], ...shapes: readonly Shape[]): Program =>
  compile(traced(f, ...shapes))

export const kernels = (f: (...inputs: NDArray[]) => readonly NDArray[], ...shapes: readonly Shape[]): string =>
  kernelText(program(f, ...shapes), { sources: false })

/** A listing of kernels without the lines they come from, which move when a test is edited. */
export const withoutSources = (listing: string): string =>
  listing.replaceAll(/, from [^\n]*$/gm, '').replaceAll(/^(?:total|source) .*\n/gm, '')

/** A jaxpr's equations as text, without its inputs. */
export const text = (jaxpr: Jaxpr): string => printJaxpr(jaxpr)
