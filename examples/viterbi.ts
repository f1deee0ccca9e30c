/**
 * Viterbi decoding in log space: the most probable path of hidden states, by a scan over the observations and a
 * reversed scan back through its choices. Short sequences are checked against all paths there are; a long one shows the
 * dishonest casino of Durbin et al., Biological Sequence Analysis (1998), which now and then swaps its fair die for a
 * loaded one.
 */
import { type NDArray, jit, lax, nn, numpy as np, random, slice, vmap } from 'cotangent'

/** Logarithms of probabilities: of the first state, [state], [from, to] and [state, symbol]. */
interface Model {
  readonly initial: NDArray
  readonly transition: NDArray
  readonly emission: NDArray
}

/** The most probable states and the logarithm of the probability of them and the symbols. */
const viterbi = ({ initial, transition, emission }: Model, symbols: NDArray) => {
  // [step, state]: how well each state explains the symbol of each step.
  const evidence = emission.T.take(symbols, { axis: 0 })
  const forward = (best: NDArray, here: NDArray): readonly [NDArray, NDArray] => {
    const candidates = best.reshape([-1, 1]).add(transition)
    return [candidates.max({ axis: 0 }).add(here), candidates.argmax({ axis: 0 })]
  }
  const [best, previous] = lax.scan(forward, initial.add(evidence.get(0)), evidence.get(slice(1, null)))
  const last = best.argmax()
  const back = (state: NDArray, choices: NDArray): readonly [NDArray, NDArray] => {
    const before = choices.get(state)
    return [before, before]
  }
  const [, path] = lax.scan(back, last, previous, { reverse: true })
  return { path: np.append(path, last), logProbability: best.max() }
}

/** Logarithm of the probability of a path and the symbols. */
const score = ({ initial, transition, emission }: Model, path: NDArray, symbols: NDArray): NDArray =>
  initial
    .get(path.get(0))
    .add(transition.get(path.get(slice(0, -1)), path.get(slice(1, null))).sum())
    .add(emission.get(path, symbols).sum())

const states = 3
const kinds = 4
const length = 8
const sequences = 100
const keys = random.split(random.key(0), 6)
const logProbabilities = (key: NDArray, shape: readonly number[]): NDArray =>
  nn.logSoftmax(random.normal(key, shape, { dtype: 'float64' }))
const model: Model = {
  initial: logProbabilities(keys.get(0), [states]),
  transition: logProbabilities(keys.get(1), [states, states]),
  emission: logProbabilities(keys.get(2), [states, kinds]),
}
const batch = random.randint(keys.get(3), [sequences, length], 0, kinds)

// All paths: the numbers below 3^8 in base 3.
const count = states ** length
const weights = np.pow(states, np.arange(length))
const paths = np.mod(np.floorDivide(np.arange(count).reshape([-1, 1]), weights), states)
const exhaustive = jit((symbols: NDArray) => {
  const scores = vmap((path: NDArray) => score(model, path, symbols))(paths)
  return { path: paths.get(scores.argmax()), logProbability: scores.max() }
})
const decoded = jit(vmap((symbols: NDArray) => viterbi(model, symbols)))(batch)
const expected = lax.map(exhaustive, batch)
// The path itself may be another one where two are equally probable; its probability may not.
const rescored = vmap((path: NDArray, symbols: NDArray) => score(model, path, symbols))(decoded.path, batch)
const gap = (x: NDArray): number => np.max(np.abs(x.sub(expected.logProbability))).item()
const same = np.sum(np.all(np.equal(decoded.path, expected.path), { axis: 1 })).item()
console.log(`${sequences} sequences of ${length} symbols against all ${count} paths: ${same} times the same path`)
console.log(`its log probability differs by at most ${gap(decoded.logProbability).toExponential(1)} from the best`)
console.log(`and that of its path, computed anew, by ${gap(rescored).toExponential(1)}`)

// The casino swaps its die with probability 0.05, and back with 0.1; the loaded one shows a six half of the time.
const casino: Model = {
  initial: np.log(np.array([0.5, 0.5])),
  transition: np.log(
    np.array([
      [0.95, 0.05],
      [0.1, 0.9],
    ]),
  ),
  emission: np.log(np.array([new Array<number>(6).fill(1 / 6), [0.1, 0.1, 0.1, 0.1, 0.1, 0.5]])),
}
const play = jit((key: NDArray, start: NDArray) => {
  const roll = (die: NDArray, key: NDArray) => {
    const own = random.split(key)
    const symbol = random.categorical(own.get(0), casino.emission.get(die))
    return [random.categorical(own.get(1), casino.transition.get(die)), { die, symbol }] as const
  }
  return lax.scan(roll, start, random.split(key, 2000))[1]
})
const { die, symbol } = play(keys.get(4), np.array(0, { dtype: 'int32' }))
const { path } = jit(viterbi)(casino, symbol)
const text = (x: NDArray, symbols: string): string =>
  [...x.get(slice(0, 100)).dataSync()].map((i) => symbols[i]).join('')
console.log('\nthe casino: rolls, the die (F fair, L loaded), and what Viterbi says of it')
console.log(`${text(symbol, '123456')}\n${text(die, 'FL')}\n${text(path, 'FL')}`)
const share = (x: NDArray): string => `${np.mean(x).mul(100).item().toFixed(1)} %`
console.log(`die told right: ${share(np.equal(path, die))}; always saying fair: ${share(np.equal(die, 0))}`)
