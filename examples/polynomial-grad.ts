/** The smallest program: the derivative of a polynomial, once and twice. */
import { type NDArray, grad, numpy as np } from 'cotangent'

/** x² + 3x + 1 */
const polynomial = (x: NDArray): NDArray => x.mul(x).add(x.mul(3)).add(1)

const x = np.array(2)
console.log(`f(x)   = x² + 3x + 1`)
console.log(`f(2)   = ${polynomial(x).item()}`)
console.log(`f'(2)  = ${grad(polynomial)(x).item()}`)
console.log(`f''(2) = ${grad(grad(polynomial))(x).item()}`)
