/** A tour: arrays, derivatives, batches, compilation, and the programs that they make. */
import { type NDArray, grad, hessian, jit, makeJaxpr, numpy as np, random, slice, valueAndGrad, vmap } from 'cotangent'

const show = (title: string, value: unknown): void => console.log(`${title}\n${String(value)}\n`)

// Arrays are immutable: functions and methods give new ones.
const x = np.array([
  [1, 2, 3],
  [4, 5, 6],
])
show('An array', x)
show('Its columns, centered (NumPy broadcasting)', x.sub(x.mean({ axis: 0 })))
show('The last two columns, backwards', x.get('...', slice(-1, 0, -1)))
show('A changed copy: x.at(0).set(9)', x.at(0).set(9))

// Random numbers are functions of a key: the same key, the same numbers.
const keys = random.split(random.key(0))
const weights = random.normal(keys.get(0), [3])
show('Normal numbers', weights)

// grad: a function to the function of its derivatives.
const model = (w: NDArray, x: NDArray): NDArray => np.tanh(x.matmul(w))
const loss = (w: NDArray, x: NDArray, y: NDArray): NDArray => np.mean(np.square(model(w, x).sub(y)))
const y = np.array([0.5, -0.5])
show('grad(loss)', grad(loss)(weights, x, y))
show('hessian(loss)', hessian(loss)(weights, x, y))

// vmap: a function of one thing to a function of many. Here, the gradient for every row by itself.
const perRow = vmap(grad(loss), { inAxes: [null, 0, 0] })
show('vmap(grad(loss)): a gradient for every row', perRow(weights, x, y))

// jit: a function to a compiled one. It is traced once for each combination of shapes.
const descend = (w: NDArray, x: NDArray, y: NDArray): readonly [NDArray, NDArray] => {
  const [value, gradient] = valueAndGrad(loss)(w, x, y)
  return [w.sub(gradient), value]
}
const step = jit(descend)
const batch = random.normal(keys.get(1), [64, 3])
const answers = model(np.array([1, -2, 0.5]), batch)
let [current, value] = step(weights, batch, answers)
const before = value.item()
for (let i = 0; i < 500; i++) [current, value] = step(current, batch, answers)
show(
  'Loss before and after 500 steps of gradient descent',
  `${before.toExponential(2)} -> ${value.item().toExponential(2)}`,
)
show('The weights that were found; [1, -2, 0.5] made the answers', current)
show('Why the last call was not traced', jit.explain(step))

// A traced function is a program that can be read.
const softplus = (x: NDArray): NDArray => np.log(np.exp(x).add(1))
show('makeJaxpr(grad(softplus))', makeJaxpr(grad(softplus))(np.array(1)))
show('The kernels of jit(vmap(grad(softplus))) on 8 numbers', jit(vmap(grad(softplus))).lower(np.zeros([8])).kernels)
