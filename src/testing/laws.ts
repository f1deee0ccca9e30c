/** Laws that every primitive obeys, for devices that are read at once, and for any device. */
import {
  type Draw,
  type Primitive,
  bind,
  buildJaxpr,
  checkJaxpr,
  parseJaxpr,
  printJaxpr,
  sameJaxpr,
  shapedArray,
} from '../core/index.js'
import { assertClaims, assertClaimsAsync } from './compare.js'
import { deviceClaims, jitClaims, jvpClaims, shapeClaims, transposeClaims, vmapClaims } from './statements.js'

export { arrayOf, inputsOf } from './statements.js'

/** A law: throws when the current device breaks it on a sample that is drawn. */
export type Law = (primitive: Primitive, draw: Draw) => void

/** The same for arrays of any device, current until the function returns: rejects when the law is broken. */
export type LawAsync = (primitive: Primitive, draw: Draw) => Promise<void>

/** The abstract rule tells the shapes and dtypes of the result. */
export const shapeLaw: Law = (primitive, draw) => assertClaims(shapeClaims(primitive, draw))
/** The same on any device. */
export const shapeLawAsync: LawAsync = async (primitive, draw) => assertClaimsAsync(shapeClaims(primitive, draw))

/** Compiled inside a program with neighbours gives what eager evaluation gives. */
export const jitLaw: Law = (primitive, draw) => assertClaims(jitClaims(primitive, draw))
/** The same on any device. */
export const jitLawAsync: LawAsync = async (primitive, draw) => assertClaimsAsync(jitClaims(primitive, draw))

/** vmap is a loop over the members. */
export const vmapLaw: Law = (primitive, draw) => assertClaims(vmapClaims(primitive, draw))
/** The same on any device. */
export const vmapLawAsync: LawAsync = async (primitive, draw) => assertClaimsAsync(vmapClaims(primitive, draw))

/** Reverse mode is the transpose of forward mode: `<J t, c> = <t, J^T c>`, in float64. */
export const transposeLaw: Law = (primitive, draw) => assertClaims(transposeClaims(primitive, draw))
/** The same on any device; in float32 where there is no float64. */
export const transposeLawAsync: LawAsync = async (primitive, draw) =>
  assertClaimsAsync(transposeClaims(primitive, draw))

/** The jvp rule agrees with central differences in float64. Run it on the reference device. */
export const jvpLaw: Law = (primitive, draw) => assertClaims(jvpClaims(primitive, draw))

/** Another device agrees within tolerance. */
export const deviceLaw = (primitive: Primitive, draw: Draw, device: string, reference: string, scale = 1): void =>
  assertClaims(deviceClaims(primitive, draw, { device, reference, scale }))

/**
 * The same for a device whose arrays are read asynchronously, alone and compiled inside a program. Says nothing about samples
 * of dtypes that the device lacks.
 */
export const deviceLawAsync = async (
  primitive: Primitive,
  draw: Draw,
  device: string,
  reference: string,
  scale = 1,
): Promise<void> => assertClaimsAsync(deviceClaims(primitive, draw, { device, reference, scale, compiled: true }))

/** What is printed can be read back, and is the same program. */
export const printLaw: Law = (primitive, draw) => {
  const sample = primitive.sample(draw)
  const { jaxpr } = buildJaxpr(
    (xs) => bind(primitive, xs, sample.params),
    sample.inputs.map((x) => shapedArray(x.shape, x.dtype)),
    primitive.name,
  )
  checkJaxpr(jaxpr)
  const text = printJaxpr(jaxpr)
  const again = parseJaxpr(text)
  checkJaxpr(again, 'parsing')
  if (!sameJaxpr(jaxpr, again))
    throw new Error(`printing and parsing changed the program:\n${text}\nbecame\n${printJaxpr(again)}`)
}
