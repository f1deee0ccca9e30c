/** scan is the loop it stands for, under every transformation, on every device; so are its derivatives. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NDArray, grad, jit, jvp, lax, numpy as np, vjp, vmap } from 'cotangent'
import { closeAll, devices, holds, noise, on, precise } from './support.js'

const inner = (a: NDArray, b: NDArray): NDArray => np.sum(np.multiply(a, b))

type Step = (w: NDArray, c: NDArray, x: NDArray) => readonly [carry: NDArray, y: NDArray]

/** Bodies of loops: what they leave unused, return unchanged, or share is what rules get wrong. */
const steps: Readonly<Record<string, Step>> = {
  product: (w, c, x) => [np.add(np.multiply(w, c), x), np.multiply(c, x)],
  'unused constant': (_, c, x) => [np.sin(np.add(c, x)), c],
  'carry unchanged': (w, c, x) => [c, np.multiply(np.multiply(w, x), c)],
  'carry replaced': (w, _, x) => [np.tanh(np.multiply(w, x)), x],
  'output without dependence': (w, c, x) => [np.multiply(np.cos(c), np.add(w, x)), np.ones([2], precise())],
  branch: (w, c, x) => {
    const next = lax.cond(
      np.greater(np.sum(x), 0),
      (a: NDArray) => np.multiply(a, w),
      (a: NDArray) => np.sin(a),
      np.add(c, x),
    )
    return [next, np.square(next)]
  },
  'inner scan': (w, c, x) => {
    const [last, all] = lax.scan(
      (d: NDArray, v: NDArray) => [np.add(np.multiply(d, 0.5), np.multiply(v, w)), np.multiply(d, v)] as const,
      c,
      np.stack([x, w]),
    )
    return [last, np.sum(all, { axis: 0 })]
  },
  'inner while': (w, c, x) => {
    const [, last] = lax.foriLoop(
      0,
      2,
      (_i: NDArray, [a, b]: readonly [NDArray, NDArray]): readonly [NDArray, NDArray] => [
        np.add(a, 1),
        np.multiply(np.sin(b), w),
      ],
      [np.zeros([]), np.add(c, x)] as const,
    )
    return [last, c]
  },
}

interface Case {
  readonly step: Step
  readonly length: number
  readonly reverse: boolean
  readonly seed: number
}

const cases = fc.record({
  step: fc.constantFrom(...Object.values(steps)),
  length: fc.integer({ min: 0, max: 4 }),
  reverse: fc.boolean(),
  seed: fc.integer({ min: 0, max: 1000 }),
})

type Loop = (w: NDArray, c: NDArray, xs: NDArray) => readonly [NDArray, NDArray]

const scanned =
  ({ step, length, reverse }: Case): Loop =>
  (w, c, xs) =>
    lax.scan((carry: NDArray, x: NDArray) => step(w, carry, x), c, xs, { length, reverse })

const unrolled =
  ({ step, length, reverse }: Case): Loop =>
  (w, c, xs) => {
    const ys = new Array<NDArray>(length)
    let carry = c
    for (let i = 0; i < length; i++) {
      const k = reverse ? length - 1 - i : i
      const [next, y] = step(w, carry, xs.get(k))
      carry = next
      ys[k] = y
    }
    return [carry, length === 0 ? np.zeros([0, 2], precise()) : np.stack(ys)]
  }

const operands = ({ seed, length }: Case): [NDArray, NDArray, NDArray] => [
  noise(seed, [2]),
  noise(seed + 1, [2]),
  noise(seed + 2, [length, 2]),
]

/** One number that depends on all results. */
const scalar =
  (loop: Loop) =>
  (w: NDArray, c: NDArray, xs: NDArray): NDArray => {
    const [carry, ys] = loop(w, c, xs)
    return np.add(np.sum(np.multiply(carry, np.array([1, 2], precise()))), np.sum(np.sin(ys)))
  }

const check = (device: string, law: (c: Case) => void, runs = 16): Promise<void> =>
  fc.assert(
    fc.asyncProperty(cases, (c) => on(device, () => law(c))),
    { numRuns: runs, seed: 20261123 },
  )

describe.each(devices)('scan on %s', (device) => {
  const law = (name: string, f: (c: Case) => void, runs?: number): void =>
    it(`${name} (${device})`, () => check(device, f, runs))

  law('is a loop', (c) => {
    const expected = unrolled(c)(...operands(c))
    closeAll(scanned(c)(...operands(c)), expected, 'scan')
    closeAll(jit(scanned(c))(...operands(c)), expected, 'jit of scan')
  })

  law('has the gradient of the loop', (c) => {
    const argnums = [0, 1, 2] as const
    const expected = grad(scalar(unrolled(c)), { argnums })(...operands(c))
    closeAll(grad(scalar(scanned(c)), { argnums })(...operands(c)), expected, 'grad of scan')
    closeAll(jit(grad(scalar(scanned(c)), { argnums }))(...operands(c)), expected, 'jit of grad of scan')
    closeAll(grad(jit(scalar(scanned(c))), { argnums })(...operands(c)), expected, 'grad of jit of scan')
  })

  law('has the tangents of the loop, for any choice of inputs', (c) => {
    const args = operands(c)
    const expected = jvp(unrolled(c), args, operands({ ...c, seed: c.seed + 10 }))[1]
    closeAll(jvp(scanned(c), args, operands({ ...c, seed: c.seed + 10 }))[1], expected, 'jvp of scan')
    for (const k of [0, 1, 2]) {
      const one = (loop: Loop) => (x: NDArray) =>
        loop(...(args.map((a, i) => (i === k ? x : a)) as [NDArray, NDArray, NDArray]))
      const t = noise(c.seed + 20, args[k]?.shape ?? [])
      const x = args[k] ?? t
      closeAll(jvp(one(scanned(c)), [x], [t])[1], jvp(one(unrolled(c)), [x], [t])[1], `jvp by operand ${k}`)
      closeAll(
        [grad((v: NDArray) => np.sum(one(scanned(c))(v)[0]))(x)],
        [grad((v: NDArray) => np.sum(one(unrolled(c))(v)[0]))(x)],
        `grad by operand ${k}`,
      )
    }
  })

  law('is transposed as it is differentiated', (c) => {
    const args = operands(c)
    const [w, x] = [args[0], args[2]]
    const f = (c0: NDArray, xs: NDArray): readonly NDArray[] => scanned(c)(w, c0, xs)
    const t = [noise(c.seed + 5, [2]), noise(c.seed + 6, [c.length, 2])] as const
    const ct = [noise(c.seed + 7, [2]), noise(c.seed + 8, [c.length, 2])] as const
    const tangents = jvp(f, [args[1], x], [t[0], t[1]])[1]
    const back = vjp(f, args[1], x)[1]([ct[0], ct[1]])
    const left = np.add(inner(tangents[0] ?? t[0], ct[0]), inner(tangents[1] ?? t[1], ct[1]))
    const right = np.add(inner(t[0], back[0]), inner(t[1], back[1]))
    closeAll([left], [right], '<J t, c> = <t, J^T c>')
  })

  law(
    'mapped is a loop over members, for any choice of mapped operands',
    (c) => {
      const batch = 3
      for (const mapped of [
        [true, false, false],
        [false, true, false],
        [false, false, true],
        [true, true, true],
      ]) {
        const args = operands(c).map((x, i) =>
          mapped[i] === true ? np.stack([x, np.multiply(x, 0.5), np.negative(x)]) : x,
        ) as [NDArray, NDArray, NDArray]
        const inAxes = mapped.map((flag) => (flag ? 0 : null))
        const member = (m: number): [NDArray, NDArray, NDArray] =>
          args.map((x, i) => (mapped[i] === true ? x.get(m) : x)) as [NDArray, NDArray, NDArray]
        const values = vmap(scanned(c), { inAxes })(...args)
        const gradients = vmap(grad(scalar(scanned(c)), { argnums: [0, 1, 2] }), { inAxes })(...args)
        for (let m = 0; m < batch; m++) {
          closeAll(
            values.map((x) => x.get(m)),
            unrolled(c)(...member(m)),
            `member ${m} of ${mapped.join()}`,
          )
          closeAll(
            gradients.map((x) => x.get(m)),
            grad(scalar(unrolled(c)), { argnums: [0, 1, 2] })(...member(m)),
            `gradient of member ${m}`,
          )
        }
      }
    },
    8,
  )

  law(
    'differentiates twice',
    (c) => {
      const args = operands(c)
      const second = (loop: Loop) => (w: NDArray) => np.sum(np.sin(grad(scalar(loop))(w, args[1], args[2])))
      closeAll([grad(second(scanned(c)))(args[0])], [grad(second(unrolled(c)))(args[0])], 'second derivative')
    },
    8,
  )

  it('needs no xs, and none of its parts', () =>
    on(device, () => {
      const [last, ys] = lax.scan((c: NDArray) => [np.multiply(c, 2), c] as const, np.array(1), null, { length: 4 })
      holds(last, [16])
      holds(ys, [1, 2, 4, 8])
      const [, squares] = lax.scan((_: null, x: NDArray) => [null, np.square(x)] as const, null, np.array([1, 2, 3]), {
        reverse: true,
      })
      holds(squares, [1, 4, 9])
      const [kept, nothing] = lax.scan((c: NDArray) => [c, null] as const, np.array([7]), null, { length: 0 })
      holds(kept, [7])
      expect(nothing).toBe(null)
      const empty = lax.scan(
        (c: NDArray, x: NDArray) => [np.add(c, np.sum(x)), x] as const,
        np.array(1),
        np.zeros([3, 0]),
      )
      holds(empty[0], [1])
      expect(empty[1].shape).toEqual([3, 0])
    }))
})
