/** The parts that `cotangent` has all of, and programs on `cotangent/lean` add where they need them. */
import { disassemble } from './backends/wasm/disassembler.js'
import { isJob, partOf } from './backends/wasm/chunks.js'
import { cutOf, writeJob } from './backends/wasm/contraction-jobs.js'
import { writeScan } from './backends/wasm/control.js'
import { writeBranch, writeWhile } from './backends/wasm/control-flow.js'
import { AlikeKernels, alikeKernels } from './backends/wasm/alike-kernels.js'
import { Families, families } from './backends/wasm/families.js'
import { iterationsPerRow } from './backends/wasm/followers.js'
import { shareLoop, writeJobLoop } from './backends/wasm/job-loops.js'
import { isLargeContraction, mayBeLarge, newJobs } from './backends/wasm/jobs.js'
import { decodeHalf, writeEncode } from './backends/wasm/halves.js'
import * as wasm from './backends/wasm/parts.js'
import { areShared, writeShared } from './backends/wasm/pieces.js'
import { sharing } from './backends/wasm/sharing.js'
import { runSort } from './backends/wasm/sort.js'
import { newSortMachine } from './backends/wasm/sort-machine.js'
import { tileTransposes } from './backends/wasm/tiling.js'
import { cutAtWaists } from './backends/wasm/waists.js'
import { block } from './compiler/blocks.js'
import { lowerBranch, lowerScan, lowerWhile } from './compiler/control.js'
import { emitCumulate, emitScatter } from './compiler/emit-scatter.js'
import { gather } from './compiler/gather.js'
import { removeCopies, updateInPlace } from './compiler/in-place.js'
import { lowerCumulate, lowerScatter } from './compiler/lower-scatter.js'
import { lowerSort } from './compiler/lower-sort.js'
import { readBeforeUpdate } from './compiler/order.js'
import { legalizeKernel } from './compiler/legalize.js'
import { moveOrigins, originsOf } from './compiler/origins.js'
import * as compiler from './compiler/parts.js'
import { placeProducts } from './compiler/place-products.js'
import { kernelText, programFlops } from './compiler/print.js'
import { fuseRows } from './compiler/rows.js'
import { shareCopies } from './compiler/share.js'
import { callSite, withOneSource, withOwnSource, withSource } from './core/call-site.js'
import { checkJaxpr, printEquation, printJaxpr, programTexts, sources } from './core/index.js'
import { explainCall } from './transforms/explain.js'
import { jvpOfJit, lowerJaxpr, splitJit, transposeOfJit } from './transforms/nesting.js'
import * as transforms from './transforms/parts.js'
import { processHalves, splitEquation } from './transforms/split-jaxpr.js'
import { checkPure } from './transforms/strict.js'

/**
 * Adds sorting: for `np.sort`, `median`, `unique`, `random.permutation` and whatever else sorts. `cotangent` has it from the start.
 *
 * @example
 * ```ts
 * addSorting()
 * console.log(np.sort(np.array([3, 1, 2])).js()) // [ 1, 2, 3 ]
 * ```
 */
export const addSorting = (): void => {
  compiler.sortLowering.add(lowerSort)
  wasm.sorting.add({ newSortMachine, runSort })
}

/**
 * Adds scattering: for elements that are written at places which indices say, as by `x.at(i).set(y)`, `lax.scatter` and gradients of
 * indexing by arrays; and for running totals, as `np.cumsum`. `cotangent` has it from the start.
 *
 * @example
 * ```ts
 * addScattering()
 * console.log(np.cumsum(np.array([3, 1, 2])).js()) // [ 3, 4, 6 ]
 * ```
 */
export const addScattering = (): void =>
  compiler.scattering.add({ lowerScatter, lowerCumulate, emitScatter, emitCumulate })

/**
 * Adds loops and branches: for `lax.scan`, `foriLoop`, `whileLoop`, `cond`, `switch`, and functions that are written in them.
 * Also updates of parts of an array happen in its place then, where nobody needs the old one; without, they work on copies.
 * `cotangent` has all that from the start.
 *
 * @example
 * ```ts
 * addControlFlow()
 * console.log(lax.foriLoop(0, 10, (i, x) => np.add(x, i), 0).item()) // 45
 * ```
 */
export const addControlFlow = (): void => {
  compiler.controlFlow.add({ lowerScan, lowerWhile, lowerBranch, readBeforeUpdate, removeCopies, updateInPlace })
  wasm.loops.add({ writeScan, areShared, writeShared })
  wasm.wasmControlFlow.add({ writeWhile, writeBranch })
  addNesting()
  addScattering()
}

/**
 * Adds nesting: a jitted function that is called in another stays a program of its own, transformed once, where it is written out
 * at every call without; and `checkpoint` has derivatives. Results are the same. `cotangent` has it from the start.
 *
 * @example
 * ```ts
 * addNesting()
 * const square = jit((x) => np.multiply(x, x))
 * console.log(grad((x) => square(square(x)))(2).item()) // 32
 * ```
 */
export const addNesting = (): void =>
  transforms.nesting.add({ jvpOfJit, transposeOfJit, splitJit, lowerJaxpr, processHalves, splitEquation })

/**
 * Adds gathering: kernels that do the same for several arrays, such as the updates of an optimizer, become one, and WebAssembly
 * modules smaller. Results are the same without. `cotangent` has it from the start.
 *
 * @example
 * ```ts
 * addGathering()
 * const step = jit((params, grads) => optim.applyUpdates(params, grads)) // one kernel for all of them
 * ```
 */
export const addGathering = (): void => {
  compiler.gathering.add(gather)
  families.add(() => new Families())
  alikeKernels.add(() => new AlikeKernels())
}

/**
 * Adds running in pieces, for arrays that are larger than a processor's cache: what operations pass on to each other stays in the
 * cache, as packed windows of a convolution, scores of an attention, or rows of a softmax. Results are the same without, up to
 * rounding, but large programs take more time and memory. `cotangent` has it from the start.
 *
 * @example
 * ```ts
 * addBlocking()
 * console.log(nn.softmax(np.zeros([2, 2])).js()) // [ [ 0.5, 0.5 ], [ 0.5, 0.5 ] ]
 * ```
 */
export const addBlocking = (): void => {
  compiler.blocking.add({ placeProducts, fuseRows, block, shareCopies })
  wasm.cuts.add({ tileTransposes, cutAtWaists, iterationsPerRow })
  wasm.loops.add({ writeScan, areShared, writeShared })
}

/**
 * Adds texts of programs: `kernels`, `flops` and `text()` of `jit(f).lower(...)`, and `jit.explain`; and lines of the caller's
 * program in error messages and beside kernels. `cotangent` has them from the start.
 *
 * @example
 * ```ts
 * addTexts()
 * console.log(jit((x) => np.add(x, 1)).lower(np.zeros([4])).flops) // 4
 * ```
 */
export const addTexts = (): void => {
  programTexts.add({ printEquation, printJaxpr })
  compiler.texts.add({ kernelText, programFlops, originsOf, moveOrigins })
  wasm.disassembler.add(disassemble)
  transforms.explanations.add(explainCall)
  sources.add({ callSite, withSource, withOwnSource, withOneSource })
}

/**
 * Adds checks: that a function is pure, for `jit(f, { strict: true })`, and that the compiler's simplifications keep programs
 * well formed. `cotangent` has them from the start.
 *
 * @example
 * ```ts
 * addChecks()
 * console.log(jit((x) => np.add(x, 1), { strict: true })(np.array(1)).item()) // 2
 * ```
 */
export const addChecks = (): void => {
  transforms.purity.add(checkPure)
  compiler.jaxprChecks.add(checkJaxpr)
}

/**
 * Adds computing with `float16`, `bfloat16`, `int8` and `uint8`. `cotangent` has it from the start.
 *
 * @example
 * ```ts
 * addSmallDTypes()
 * console.log(np.add(np.array([1, 2], { dtype: 'float16' }), 0.5).js()) // [ 1.5, 2.5 ]
 * ```
 */
export const addSmallDTypes = (): void => {
  compiler.smallDTypes.add(legalizeKernel)
  wasm.halves.add({ decodeHalf, writeEncode })
}

/** Adds cutting kernels into what threads share. `setThreads` and `init` do that for `cotangent/lean`. */
export const addSharing = (): void =>
  sharing.add({
    newJobs,
    isLargeContraction,
    mayBeLarge,
    isJob,
    partOf,
    shareLoop,
    writeJobLoop,
    cutOf,
    writeJob,
  })
