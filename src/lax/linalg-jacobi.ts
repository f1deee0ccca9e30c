/** One-sided Jacobi rotations: rows of matrices turned into orthogonal ones, which eigh and svd are made of. */
import { type NDArray, dtypeEpsilon, known } from '../core/index.js'
import { abs, add, div, max, mul, neg, sub } from './arithmetic.js'
import { filled, reduceSum, reshape, scalarOf, zerosOf } from './broadcasting.js'
import { bitwiseAnd, ge, gt, lt, select } from './comparison.js'
import { concatenate } from './concatenate.js'
import { rsqrt, sqrt } from './exponential.js'
import { sizesOf } from './linalg-matrix.js'
import { repeat, repeatWhile } from './program-lowering.js'
import { reduceMax } from './reductions.js'
import { pad, sliceInDim } from './slicing.js'

/** Two halves of the rows, `[s, h, m]` each; row i of the one is paired with row i of the other. */
interface Halves {
  readonly top: NDArray
  readonly bottom: NDArray
}

const maximumSweeps = 24

/** Sum over the last axis, which stays with size 1. */
const rowSums = (x: NDArray): NDArray => reshape(reduceSum(x, [2]), [...x.shape.slice(0, 2), 1])

/**
 * Rotates each pair of rows so that they become orthogonal (Demmel, "Applied Numerical Linear Algebra", section 5.4.3), and
 * tells the largest cosine there was between two of them.
 */
const rotate = ({ top, bottom }: Halves): { readonly halves: Halves; readonly cosine: NDArray } => {
  const squareTop = rowSums(mul(top, top))
  const squareBottom = rowSums(mul(bottom, bottom))
  const inner = rowSums(mul(top, bottom))
  const lengths = mul(sqrt(squareTop), sqrt(squareBottom))
  const apart = bitwiseAnd(gt(lengths, 0), gt(abs(inner), 0))
  const one = filled(1, inner.aval)
  const zero = zerosOf(inner.aval)
  const zeta = div(sub(squareBottom, squareTop), mul(2, select(apart, inner, one)))
  const root = add(abs(zeta), sqrt(add(1, mul(zeta, zeta))))
  const tangent = select(apart, div(select(ge(zeta, 0), one, neg(one)), root), zero)
  const cosine = rsqrt(add(1, mul(tangent, tangent)))
  const sine = mul(cosine, tangent)
  const angle = select(apart, div(abs(inner), select(apart, lengths, one)), zero)
  return {
    halves: { top: sub(mul(cosine, top), mul(sine, bottom)), bottom: add(mul(sine, top), mul(cosine, bottom)) },
    cosine: reduceMax(angle, [0, 1, 2]),
  }
}

/** Moves the rows on, all but the first one, so that after 2 h - 1 times all pairs have met: a round-robin tournament. */
const nextPairs = ({ top, bottom }: Halves): Halves => {
  const half = known(top.shape[1], 'rows')
  const part = (x: NDArray, start: number, stop: number): NDArray => sliceInDim(x, start, stop, { axis: 1 })
  if (half === 1) return { top, bottom }
  return {
    top: concatenate([part(top, 0, 1), part(bottom, 0, 1), part(top, 1, half - 1)], 1),
    bottom: concatenate([part(bottom, 1, half), part(top, half - 1, half)], 1),
  }
}

/**
 * Multiplies matrices `[s, n, m]` from the left with orthogonal ones so that their rows become orthogonal: rows of the
 * result are singular values times right singular vectors, in no order. Converges quadratically once angles are small.
 */
export const orthogonalizedRows = (x: NDArray): NDArray => {
  const [n, m] = sizesOf(x)
  if (n < 2) return x
  const half = Math.ceil(n / 2)
  // A row of zeros is orthogonal to all others and stays where it is.
  const even = pad(x, scalarOf(0, x.aval), [
    [0, 0, 0],
    [0, 2 * half - n, 0],
    [0, 0, 0],
  ])
  const tolerance = 4 * dtypeEpsilon(x.dtype) * Math.sqrt(m)
  const sweep = (halves: Halves): { readonly halves: Halves; readonly cosine: NDArray } => {
    const { carries } = repeat(
      2 * half - 1,
      [halves.top, halves.bottom, scalarOf(0, x.aval)],
      (_, [top, bottom, largest]) => {
        const step = rotate({ top: known(top, 'rows'), bottom: known(bottom, 'rows') })
        const next = nextPairs(step.halves)
        return { carries: [next.top, next.bottom, max(known(largest, 'cosine'), step.cosine)] }
      },
    )
    const [top, bottom, cosine] = carries
    return { halves: { top: known(top, 'rows'), bottom: known(bottom, 'rows') }, cosine: known(cosine, 'cosine') }
  }
  const [top, bottom] = repeatWhile(
    ([, , cosine, count]) =>
      bitwiseAnd(gt(known(cosine, 'cosine'), tolerance), lt(known(count, 'count'), maximumSweeps)),
    ([first, second, , count]) => {
      const done = sweep({ top: known(first, 'rows'), bottom: known(second, 'rows') })
      return [done.halves.top, done.halves.bottom, done.cosine, add(known(count, 'count'), 1)]
    },
    [
      sliceInDim(even, 0, half, { axis: 1 }),
      sliceInDim(even, half, 2 * half, { axis: 1 }),
      scalarOf(1, x.aval),
      scalarOf(0, { dtype: 'int32' }),
    ],
  )
  const rows = concatenate([known(top, 'rows'), known(bottom, 'rows')], 1)
  return sliceInDim(rows, 0, n, { axis: 1 })
}
