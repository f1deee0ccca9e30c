/**
 * Beam search as a nest of scans: over the positions of a sequence, and at each of them over the hypotheses of the
 * beam, whose continuations are merged one hypothesis after another into the best that were seen so far. The language
 * is that of a random recurrent network, small enough to score every sequence there is, so that it is known how often a
 * beam of each width finds the best.
 */
import { type NDArray, jit, lax, nn, numpy as np, random, vmap } from 'cotangent'

const symbols = 5
const length = 4
const hidden = 12
const prompts = 100

const keys = random.split(random.key(5), 4)
const embedding = random.normal(keys.get(0), [symbols, hidden]).mul(2)
const recurrent = random.normal(keys.get(1), [hidden, hidden])
const out = random.normal(keys.get(2), [hidden, symbols]).mul(0.4)
/** What the network remembers of each prompt. */
const starts = random.normal(keys.get(3), [prompts, hidden])

const continuations = (state: NDArray): NDArray => nn.logSoftmax(np.tanh(state).matmul(out))
const nextState = (state: NDArray, symbol: NDArray): NDArray =>
  np.tanh(state).matmul(recurrent).add(embedding.get(symbol))

/** Logarithm of the probability of a whole sequence after a prompt. */
const score = (start: NDArray, sequence: NDArray): NDArray => {
  const read = (state: NDArray, symbol: NDArray): readonly [NDArray, NDArray] => [
    nextState(state, symbol),
    continuations(state).get(symbol),
  ]
  return lax.scan(read, start, sequence)[1].sum()
}

/** Hypotheses, best first: log probabilities, and for each the hypothesis that it continues, and by which symbol. */
interface Beam {
  readonly scores: NDArray
  readonly parents: NDArray
  readonly symbols: NDArray
}

const emptyBeam = (width: number): Beam => ({
  scores: np.full([width], -Infinity),
  parents: np.zeros([width], { dtype: 'int32' }),
  symbols: np.zeros([width], { dtype: 'int32' }),
})

/** The best sequence that a beam of this width finds after a prompt. */
const search = (width: number) => (start: NDArray) => {
  const alphabet = np.arange(symbols)

  /** Inner scan: merges the continuations of one hypothesis into the best of those before it. */
  const merge = (best: Beam, { state, score, index }: { state: NDArray; score: NDArray; index: NDArray }) => {
    const all: Beam = {
      scores: np.concatenate([best.scores, continuations(state).add(score)]),
      parents: np.concatenate([best.parents, np.broadcastTo(index, [symbols])]),
      symbols: np.concatenate([best.symbols, alphabet]),
    }
    const [scores, chosen] = lax.topK(all.scores, width)
    return [{ scores, parents: all.parents.get(chosen), symbols: all.symbols.get(chosen) }, null] as const
  }

  /** Outer scan: the beam one symbol further. */
  const advance = ({ states, scores }: { states: NDArray; scores: NDArray }) => {
    const hypotheses = { state: states, score: scores, index: np.arange(width) }
    const [beam] = lax.scan(merge, emptyBeam(width), hypotheses)
    const next = vmap(nextState)(states.get(beam.parents), beam.symbols)
    return [
      { states: next, scores: beam.scores },
      { parents: beam.parents, symbols: beam.symbols },
    ] as const
  }

  // At first there is one hypothesis, the empty one.
  const first = { states: np.broadcastTo(start, [width, hidden]), scores: emptyBeam(width).scores.at(0).set(0) }
  const [{ scores }, steps] = lax.scan(advance, first, null, { length })

  const back = (index: NDArray, { parents, symbols }: { parents: NDArray; symbols: NDArray }) =>
    [parents.get(index), symbols.get(index)] as const
  const [, sequence] = lax.scan(back, np.array(0, { dtype: 'int32' }), steps, { reverse: true })
  return { sequence, logProbability: scores.get(0) }
}

// All sequences: the numbers below 5^4 in base 5.
const count = symbols ** length
const powers = np.pow(symbols, np.arange(length))
const sequences = np.mod(np.floorDivide(np.arange(count).reshape([-1, 1]), powers), symbols)
const scores = jit(vmap((start: NDArray) => vmap(score, { inAxes: [null, 0] })(start, sequences)))(starts)
const best = scores.max({ axis: 1 })
const total = np.exp(scores).sum({ axis: 1 })
console.log(`${prompts} prompts, ${count} sequences; their probabilities sum to ${total.min().item().toFixed(5)}`)

// Before its last step a beam of 5^3 holds every hypothesis, so the last row is exact.
console.log('width  found the best  log probability lost  rescored')
for (const width of [1, 2, 3, 4, 8, symbols ** (length - 1)]) {
  const { sequence, logProbability } = jit(vmap(search(width)))(starts)
  const lost = best.sub(logProbability)
  const rescored = jit(vmap(score))(starts, sequence)
  const difference = np.max(np.abs(rescored.sub(logProbability))).item()
  const cells = [
    String(width).padStart(5),
    `${lost.less(1e-5).astype('float32').mean().mul(100).item().toFixed(0)} %`.padStart(14),
    lost.mean().item().toFixed(4).padStart(20),
    difference.toExponential(0).padStart(8),
  ]
  console.log(cells.join('  '))
}
