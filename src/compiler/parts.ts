/** What the compiler does for some programs only, in its place once a front door has added it. */
import { type Expression, type Part, type checkJaxpr, part } from '../core/index.js'
import type { block } from './blocks.js'
import type { lowerBranch, lowerScan, lowerWhile } from './control.js'
import type { Lone } from './fuse.js'
import type { gather } from './gather.js'
import type { Graph } from './graph.js'
import type { removeCopies, updateInPlace } from './in-place.js'
import type { Kernel } from './kernel.js'
import type { legalizeKernel } from './legalize.js'
import type { lowerCumulate, lowerScatter } from './lower-scatter.js'
import type { lowerSort } from './lower-sort.js'
import type { readBeforeUpdate } from './order.js'
import type { moveOrigins, originsOf } from './origins.js'
import type { placeProducts } from './place-products.js'
import type { kernelText, programFlops } from './print.js'
import type { fuseRows } from './rows.js'
import type { shareCopies } from './share.js'

/** Loops and branches, and the updates in place that make them fast. */
export interface ControlFlow {
  readonly lowerScan: typeof lowerScan
  readonly lowerWhile: typeof lowerWhile
  readonly lowerBranch: typeof lowerBranch
  readonly readBeforeUpdate: typeof readBeforeUpdate
  readonly removeCopies: typeof removeCopies
  readonly updateInPlace: typeof updateInPlace
}

/** A step with a kernel by itself, of one kind. */
type LoneStep<K> = Lone['step'] & { readonly kind: K }

/** Writing elements at places that data says, or one after another. */
export interface Scattering {
  readonly lowerScatter: typeof lowerScatter
  readonly lowerCumulate: typeof lowerCumulate
  readonly emitScatter: (step: LoneStep<'scatter'>, expressions: readonly Expression[]) => Kernel
  readonly emitCumulate: (graph: Graph, step: LoneStep<'cumulate'>, element: Expression, whole: boolean) => Kernel
}

/** Kernels row by row and in pieces, so that what they pass on to each other stays in a cache. */
export interface Blocks {
  readonly placeProducts: typeof placeProducts
  readonly fuseRows: typeof fuseRows
  readonly block: typeof block
  readonly shareCopies: typeof shareCopies
}

/** Programs for people to read: their kernels, what those cost, and the source lines they come from. */
export interface Texts {
  readonly kernelText: typeof kernelText
  readonly programFlops: typeof programFlops
  readonly originsOf: typeof originsOf
  readonly moveOrigins: typeof moveOrigins
}

/** Halves and 8-bit integers, as the dtypes that machines compute. */
export const smallDTypes: Part<typeof legalizeKernel> = part<typeof legalizeKernel>('addSmallDTypes')
/** Checking types of simplified programs. */
export const jaxprChecks: Part<typeof checkJaxpr> = part<typeof checkJaxpr>('addChecks')
export const sortLowering: Part<typeof lowerSort> = part<typeof lowerSort>('addSorting')
export const scattering: Part<Scattering> = part<Scattering>('addScattering')
export const gathering: Part<typeof gather> = part<typeof gather>('addGathering')
export const controlFlow: Part<ControlFlow> = part<ControlFlow>('addControlFlow')
export const blocking: Part<Blocks> = part<Blocks>('addBlocking')
export const texts: Part<Texts> = part<Texts>('addTexts')
