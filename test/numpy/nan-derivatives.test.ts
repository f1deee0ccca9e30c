/** Reductions that leave out NaN have the derivatives of the plain ones over what is left, and none at NaN. */
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { type NDArray, grad, jvp, numpy as np } from 'cotangent'
import { runs } from './support.js'

const pairs = {
  nansum: [np.nansum, np.sum],
  nanprod: [np.nanprod, np.prod],
  nanmean: [np.nanmean, np.mean],
  nanvar: [np.nanvar, np.var],
  nanstd: [np.nanstd, np.std],
  nanmax: [np.nanmax, np.max],
  nanmin: [np.nanmin, np.min],
  nanmedian: [np.nanmedian, np.median],
  nanquantile: [(x: NDArray) => np.nanquantile(x, 0.3), (x: NDArray) => np.quantile(x, 0.3)],
} as const satisfies Record<string, readonly [(x: NDArray) => NDArray, (x: NDArray) => NDArray]>

it.each(Object.entries(pairs))('%s', (_, [leaving, plain]) => {
  const numbers = fc.uniqueArray(fc.integer({ min: -9, max: 9 }), { minLength: 2, maxLength: 6 })
  fc.assert(
    fc.property(numbers, fc.array(fc.nat(), { minLength: 1, maxLength: 3 }), (values, places) => {
      const filled: number[] = [...values]
      for (const place of places) filled.splice(place % (filled.length + 1), 0, NaN)
      const [x, kept] = [np.array(filled), np.array(values)]
      const [slopes, wanted] = [grad(leaving)(x).js() as number[], grad(plain)(kept).js() as number[]]
      const close = wanted.map((slope) => expect.closeTo(slope, 3))
      expect(slopes.filter((_slope, i) => !Number.isNaN(filled[i]))).toEqual(close)
      expect(slopes.filter((_slope, i) => Number.isNaN(filled[i])).map((slope) => slope + 0)).toEqual(
        places.map(() => 0),
      )
      const [, forward] = jvp(leaving, [x], [np.ones([filled.length])])
      expect(forward.item()).toBeCloseTo(
        wanted.reduce((sum, slope) => sum + slope, 0),
        2,
      )
    }),
    runs,
  )
})
