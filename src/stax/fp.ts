/** Layers as an fp-ts Monoid: composition, with the layer that does nothing as its neutral element. */
import type { Monoid } from 'fp-ts/lib/Monoid.js'
import { Identity } from './dense.js'
import { chainOf, serial } from './combinators.js'
import { type Layer, isLayer } from './layer.js'

/** The layers of a chain as layers of single arrays. */
const links = (layer: Layer): readonly Layer[] => (layer === Identity ? [] : (chainOf(layer) as readonly Layer[]))

/**
 * Layers under composition: `concat(f, g)` runs f, then g. Chains are flattened, so both laws hold for parameters too:
 * however layers are grouped, the same key gives the same tuple of params. `Identity` is neutral.
 *
 * @example
 * ```ts
 * import { concatAll } from 'fp-ts/lib/Monoid.js'
 * const model = concatAll(stax.layerMonoid)([stax.Dense(8), stax.Relu, stax.Dense(2)])
 * ```
 */
export const layerMonoid: Monoid<Layer> = {
  empty: Identity,
  concat: (first, second) => {
    const all = [...links(first), ...links(second)]
    const [only] = all
    if (all.length === 0) return Identity
    return all.length === 1 && isLayer(only) ? only : asLayer(serial(...all))
  },
}

/** A chain of layers of single arrays is one of them. */
const asLayer = (layer: unknown): Layer => layer as Layer
