/** The next representable number, of every float dtype: halves step along the bits of their float32. */
import { type ArrayLike, type DType, type NDArray, broadcastShapes, isHalf, known } from '../core/index.js'
import { type Function2, abs, add, nextafterWide, neg, sign, sub } from './arithmetic.js'
import { bitcastConvertType } from './bitcast.js'
import { bitwiseXor, eq, ge, gt, lt, ne, select } from './comparison.js'
import { broadcastTo, filled } from './broadcasting.js'
import { convertElementType, operands } from './operands.js'

/** Of a half: the step of the float32 bits between neighbours, the least normal number, the least and largest of all. */
const grids: Readonly<
  Partial<
    Record<DType, { readonly step: number; readonly normal: number; readonly least: number; readonly largest: number }>
  >
> = {
  float16: { step: 1 << 13, normal: 2 ** -14, least: 2 ** -24, largest: 65504 },
  bfloat16: { step: 1 << 16, normal: 2 ** -126, least: 2 ** -133, largest: 255 * 2 ** 120 },
}

const nextHalf = (from: NDArray, to: NDArray): NDArray => {
  const { step, normal, least, largest } = known(grids[from.dtype], 'grid')
  const shape = broadcastShapes('nextafter', from.shape, to.shape)
  const wide = (half: NDArray): NDArray => broadcastTo(convertElementType(half, 'float32'), shape)
  const [x, y] = [wide(from), wide(to)]
  const size = abs(x)
  const all = (value: number): NDArray => filled(value, size.aval)
  const bits = bitcastConvertType(size, 'int32')
  const moved = (by: number): NDArray => bitcastConvertType(add(bits, by), 'float32')
  const larger = select(ge(size, all(normal)), moved(step), add(size, least))
  const within = select(gt(size, all(normal)), moved(-step), sub(size, least))
  const smaller = select(gt(size, all(largest)), all(largest), within)
  const direction = sign(sub(y, x))
  const away = bitwiseXor(gt(x, all(0)), lt(y, x))
  const next = select(away, larger, smaller)
  const signed = select(lt(x, all(0)), neg(next), next)
  const result = select(eq(x, all(0)), select(lt(direction, all(0)), neg(all(least)), all(least)), signed)
  return convertElementType(select(eq(x, y), y, select(ne(x, x), x, select(ne(y, y), y, result))), from.dtype)
}

/**
 * Next representable number after `x` in the direction of `y`; NaN where either is.
 *
 * @example
 * ```ts
 * lax.nextafter(np.array(1), 2).item() // 1.0000001192092896
 * ```
 */
export const nextafter: Function2 = (x: ArrayLike, y: ArrayLike) => {
  const [a, b] = operands('nextafter', [x, y])
  const [from, to] = [known(a, 'operand'), known(b, 'operand')]
  return isHalf(from.dtype) && from.dtype === to.dtype ? nextHalf(from, to) : nextafterWide(from, to)
}
