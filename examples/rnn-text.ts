/**
 * A recurrent network that learns a text by heart: one `lax.scan` over its characters, reverse mode through all of
 * them, and another scan that writes it down from its first letter, feeding every character it writes back to itself.
 */
import { type NDArray, jit, lax, losses, numpy as np, optim, random, slice, valueAndGrad } from 'cotangent'

// William Blake, The Tyger (1794). Most letters are followed by several others: a memory of one is too short.
const text = `Tyger Tyger, burning bright,
In the forests of the night;
What immortal hand or eye,
Could frame thy fearful symmetry?

In what distant deeps or skies.
Burnt the fire of thine eyes?
On what wings dare he aspire?
What the hand, dare seize the fire?
`
const width = 64
const steps = 200

const alphabet = [...new Set(text)].sort()
const symbols = np.array(Int32Array.from(text, (character) => alphabet.indexOf(character)))
const inputs = symbols.get(slice(0, -1))
const answers = symbols.get(slice(1, null))

interface Params {
  /** What each character adds to the state. */
  readonly embedding: NDArray
  readonly recurrent: NDArray
  readonly out: NDArray
  readonly outBias: NDArray
}

const keys = random.split(random.key(0), 3)
const initial: Params = {
  embedding: random.normal(keys.get(0), [alphabet.length, width]).mul(0.5),
  recurrent: random.normal(keys.get(1), [width, width]).div(Math.sqrt(width)),
  out: random.normal(keys.get(2), [width, alphabet.length]).div(Math.sqrt(width)),
  outBias: np.zeros([alphabet.length]),
}

const nextState = ({ embedding, recurrent }: Params, state: NDArray, symbol: NDArray): NDArray =>
  np.tanh(state.matmul(recurrent).add(embedding.get(symbol)))
const logits = ({ out, outBias }: Params, state: NDArray): NDArray => state.matmul(out).add(outBias)

const loss = (params: Params): NDArray => {
  const advance = (state: NDArray, symbol: NDArray): readonly [NDArray, NDArray] => {
    const next = nextState(params, state, symbol)
    return [next, next]
  }
  const [, states] = lax.scan(advance, np.zeros([width]), inputs)
  return np.mean(losses.softmaxCrossEntropyWithIntegerLabels(logits(params, states), answers))
}

/** Writes as many characters as the text has after its first one. */
const write = jit((params: Params, first: NDArray) => {
  const advance = ({ state, symbol }: { readonly state: NDArray; readonly symbol: NDArray }) => {
    const next = nextState(params, state, symbol)
    const written = logits(params, next).argmax()
    return [{ state: next, symbol: written }, written] as const
  }
  return lax.scan(advance, { state: np.zeros([width]), symbol: first }, null, { length: text.length - 1 })[1]
})

// Gradients through so many steps may explode, and are clipped.
const optimizer = optim.chain(optim.clipByGlobalNorm(1), optim.adam(optim.cosineDecaySchedule(1e-2, steps)))
const step = jit((params: Params, state: readonly unknown[]) => {
  const [value, gradient] = valueAndGrad(loss)(params)
  const [updates, next] = optimizer.update(gradient, state, params)
  return { params: optim.applyUpdates(params, updates), state: next, value }
})

let params = initial
let state = optimizer.init(params)
for (let i = 0; i <= steps; i++) {
  const next = step(params, state)
  if (i % 50 === 0) console.log(`step ${String(i).padStart(3)}: loss ${next.value.item().toFixed(4)}`)
  params = next.params
  state = next.state
}
const written = Array.from(write(params, symbols.get(0)).dataSync(), (i) => alphabet[i]).join('')
console.log(`\n${text.charAt(0)}${written}`)
const right = Array.from(written).filter((character, i) => character === text[i + 1]).length
console.log(`right: ${right} of ${text.length - 1} characters`)
