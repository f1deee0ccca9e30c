/** Loops and branches: each is the plain JavaScript it stands for, under every transformation, on every device. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type NDArray,
  checkpoint,
  grad,
  jit,
  jvp,
  lax,
  makeJaxpr,
  numpy as np,
  valueAndGrad,
  vjp,
  vmap,
  withDevice,
} from 'cotangent'
import { assertClose } from '../../src/testing/index.js'

const devices = ['js', 'wasm'] as const
const float64 = { dtype: 'float64' } as const

/** Arrays whose elements follow from a seed. */
const noise = (seed: number, shape: readonly number[]): NDArray => {
  const size = shape.reduce((n, d) => n * d, 1)
  const data = Float64Array.from({ length: size }, (_, i) => Math.sin(12.9898 * (seed + 1) + 78.233 * (i + 1)) * 0.9)
  return np.reshape(np.array(data), shape)
}

const inner = (a: NDArray, b: NDArray): number => np.sum(np.multiply(a, b)).item()

type Step = (w: NDArray, c: NDArray, x: NDArray) => readonly [carry: NDArray, y: NDArray]

/** Bodies of loops: what they leave unused, return unchanged, or share is what rules get wrong. */
const steps: Readonly<Record<string, Step>> = {
  product: (w, c, x) => [np.add(np.multiply(w, c), x), np.multiply(c, x)],
  'unused constant': (_, c, x) => [np.sin(np.add(c, x)), c],
  'carry unchanged': (w, c, x) => [c, np.multiply(np.multiply(w, x), c)],
  'carry replaced': (w, _, x) => [np.tanh(np.multiply(w, x)), x],
  'output without dependence': (w, c, x) => [np.multiply(np.cos(c), np.add(w, x)), np.ones([2], float64)],
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
    return [carry, length === 0 ? np.zeros([0, 2], float64) : np.stack(ys)]
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
    return np.add(np.sum(np.multiply(carry, np.array([1, 2], float64))), np.sum(np.sin(ys)))
  }

const check = (law: (c: Case) => void, runs = 25): void =>
  fc.assert(
    fc.property(cases, (c) => law(c)),
    { numRuns: runs, seed: 20261123 },
  )

const closeAll = (got: readonly NDArray[], expected: readonly NDArray[], what: string): void => {
  expect(got.length).toBe(expected.length)
  got.forEach((x, i) => assertClose(x, expected[i] ?? x, `${what}, ${i}`, { relative: 1e-9, absolute: 1e-10 }))
}

describe.each(devices)('scan on %s', (device) => {
  const law = (name: string, f: (c: Case) => void, runs?: number): void =>
    it(name, () => withDevice(device, () => check(f, runs)))

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
    const left = inner(tangents[0] ?? t[0], ct[0]) + inner(tangents[1] ?? t[1], ct[1])
    expect(left).toBeCloseTo(inner(t[0], back[0]) + inner(t[1], back[1]), 9)
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
    withDevice(device, () => {
      const [last, ys] = lax.scan((c: NDArray) => [np.multiply(c, 2), c] as const, np.array(1), null, { length: 4 })
      expect(last.item()).toBe(16)
      expect(ys.js()).toEqual([1, 2, 4, 8])
      const [, squares] = lax.scan((_: null, x: NDArray) => [null, np.square(x)] as const, null, np.array([1, 2, 3]), {
        reverse: true,
      })
      expect(squares.js()).toEqual([1, 4, 9])
      const [kept, nothing] = lax.scan((c: NDArray) => [c, null] as const, np.array([7]), null, { length: 0 })
      expect(kept.js()).toEqual([7])
      expect(nothing).toBe(null)
      const empty = lax.scan(
        (c: NDArray, x: NDArray) => [np.add(c, np.sum(x)), x] as const,
        np.array(1),
        np.zeros([3, 0]),
      )
      expect(empty[0].item()).toBe(1)
      expect(empty[1].shape).toEqual([3, 0])
    }))
})

describe.each(devices)('cond and switch on %s', (device) => {
  const branches = [
    (x: NDArray, y: NDArray) => np.multiply(x, y),
    (x: NDArray) => np.sin(x),
    (_: NDArray, y: NDArray) => y,
    () => np.zeros([2], float64),
  ] as const
  const choice = (index: NDArray, x: NDArray, y: NDArray): NDArray => lax.switch(index, branches, x, y)
  const plain = (index: number, x: NDArray, y: NDArray): NDArray =>
    (branches[Math.min(Math.max(index, 0), 3)] ?? branches[0])(x, y)
  const int = (data: number | number[]): NDArray => np.array(data, { dtype: 'int32' })

  it('take the chosen branch, under every transformation', () =>
    withDevice(device, () =>
      fc.assert(
        fc.property(fc.integer({ min: -1, max: 5 }), fc.integer({ min: 0, max: 99 }), (index, seed) => {
          const [x, y, t, u] = [0, 1, 2, 3].map((k) => noise(seed + k, [2])) as [NDArray, NDArray, NDArray, NDArray]
          const chosen = (a: NDArray, b: NDArray): NDArray => plain(index, a, b)
          closeAll([choice(int(index), x, y), jit(choice)(int(index), x, y)], [chosen(x, y), chosen(x, y)], 'switch')
          const traced = (a: NDArray, b: NDArray): NDArray => choice(int(index), a, b)
          closeAll([jvp(traced, [x, y], [t, u])[1]], [jvp(chosen, [x, y], [t, u])[1]], 'jvp')
          closeAll(vjp(traced, x, y)[1](t), vjp(chosen, x, y)[1](t), 'vjp')
          closeAll(
            jit((a: NDArray, b: NDArray, c: NDArray) => vjp(traced, a, b)[1](c))(x, y, t),
            vjp(chosen, x, y)[1](t),
            'jit of vjp',
          )
        }),
        { numRuns: 25, seed: 1 },
      ),
    ))

  it('mapped are loops over members, whether members agree or not', () =>
    withDevice(device, () => {
      const indices = int([2, 0, 1, 3, 9])
      const x = noise(1, [5, 2])
      const y = noise(2, [5, 2])
      const expected = [2, 0, 1, 3, 3].map((k, m) => plain(k, x.get(m), y.get(m)))
      closeAll(
        [vmap(choice)(indices, x, y), jit(vmap(choice))(indices, x, y)],
        [np.stack(expected), np.stack(expected)],
        'each its own',
      )
      const same = vmap(choice, { inAxes: [null, 0, null] })(int(0), x, y.get(0))
      closeAll([same], [np.multiply(x, y.get(0))], 'all the same')
      const g = grad((a: NDArray) => np.sum(np.square(vmap(choice)(indices, a, y))))(x)
      const loop = grad((a: NDArray) =>
        np.sum(np.square(np.stack([2, 0, 1, 3, 3].map((k, m) => plain(k, a.get(m), y.get(m)))))),
      )(x)
      closeAll([g], [loop], 'gradient')
    }))

  it('run only the chosen branch', () =>
    withDevice(device, () => {
      const f = jit((p: NDArray, x: NDArray) =>
        lax.cond(
          p,
          (v: NDArray) => v,
          (v: NDArray) =>
            lax.whileLoop(
              (u: NDArray) => np.less(u, Infinity),
              (u: NDArray) => np.add(u, 1),
              v,
            ),
          x,
        ),
      )
      expect(f(np.array(true), np.array(3)).item()).toBe(3)
    }))
})

describe.each(devices)('whileLoop and foriLoop on %s', (device) => {
  /** Doubles until a bound is reached, counting. */
  const grow = (bound: NDArray, x: NDArray): readonly [NDArray, NDArray] =>
    lax.whileLoop(
      ([, v]: readonly [NDArray, NDArray]) => np.less(np.sum(v), bound),
      ([n, v]: readonly [NDArray, NDArray]): readonly [NDArray, NDArray] => [
        np.add(n, 1),
        np.multiply(v, np.add(np.abs(x), 1.5)),
      ],
      [np.array(0, { dtype: 'int32' }), x] as const,
    )
  const plain = (bound: number, x: NDArray): readonly [NDArray, NDArray] => {
    let v = x
    let n = 0
    while (np.sum(v).item() < bound) {
      v = np.multiply(v, np.add(np.abs(x), 1.5))
      n++
    }
    return [np.array(n, { dtype: 'int32' }), v]
  }

  it('are loops, also mapped over starts and bounds', () =>
    withDevice(device, () =>
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: -3, max: 40 }), { minLength: 1, maxLength: 4 }),
          fc.integer({ min: 0, max: 99 }),
          (bounds, seed) => {
            const x = np.add(np.abs(noise(seed, [bounds.length, 2])), 0.2)
            const limits = np.array(bounds, float64)
            const expected = bounds.map((bound, m) => plain(bound, x.get(m)))
            bounds.forEach((_, m) => closeAll(grow(limits.get(m), x.get(m)), expected[m] ?? [], 'while'))
            for (const f of [vmap(grow), jit(vmap(grow)), vmap(jit(grow))]) {
              const [counts, values] = f(limits, x)
              closeAll(
                [counts, values],
                [np.stack(expected.map((p) => p[0])), np.stack(expected.map((p) => p[1]))],
                'vmap of while',
              )
            }
            const [, shared] = vmap(grow, { inAxes: [null, 0] })(limits.get(0), x)
            closeAll(
              [shared],
              [np.stack(bounds.map((_, m) => plain(bounds[0] ?? 0, x.get(m))[1]))],
              'one bound for all',
            )
          },
        ),
        { numRuns: 20, seed: 2 },
      ),
    ))

  it('differentiate forward as the trips that ran', () =>
    withDevice(device, () => {
      for (const seed of [0, 1, 2]) {
        const x = np.add(np.abs(noise(seed, [2])), 0.2)
        const t = noise(seed + 1, [2])
        const expected = jvp((v: NDArray) => plain(20, v)[1], [x], [t])[1]
        const f = (v: NDArray): NDArray => grow(np.array(20, float64), v)[1]
        closeAll(
          [jvp(f, [x], [t])[1], jit((v: NDArray, u: NDArray) => jvp(f, [v], [u])[1])(x, t)],
          [expected, expected],
          'jvp of while',
        )
        const both = vmap((v: NDArray, u: NDArray) => jvp(f, [v], [u])[1])(
          np.stack([x, np.multiply(x, 0.1)]),
          np.stack([t, t]),
        )
        closeAll([both.get(0)], [expected], 'vmap of jvp of while')
      }
    }))

  it('with known trips differentiate in reverse', () =>
    withDevice(device, () => {
      const body = (x: NDArray) => (i: NDArray, c: NDArray) => np.add(np.multiply(c, x), np.astype(i, 'float64'))
      const loop = (x: NDArray): NDArray => np.sum(lax.foriLoop(1, 4, body(x), np.ones([2], float64)))
      const unroll = (x: NDArray): NDArray =>
        np.sum([1, 2, 3].reduce((c, i) => body(x)(np.array(i, { dtype: 'int32' }), c), np.ones([2], float64)))
      const x = noise(3, [2])
      closeAll([grad(loop)(x), jit(grad(loop))(x)], [grad(unroll)(x), grad(unroll)(x)], 'grad of foriLoop')
      expect(
        jit((n: NDArray) =>
          lax.foriLoop(0, n, (i: NDArray, c: NDArray) => np.add(c, i), np.array(0, { dtype: 'int32' })),
        )(np.array(5, { dtype: 'int32' })).item(),
      ).toBe(10)
      expect(lax.foriLoop(5, 2, (_: NDArray, c: NDArray) => np.add(c, 1), np.array(3)).item()).toBe(3)
    }))
})

describe.each(devices)('scan in while in cond on %s', (device) => {
  /** Where `p` holds, sums of scans until they reach 5. */
  const nested = (p: NDArray, x: NDArray): NDArray =>
    lax.cond(
      p,
      (v: NDArray) =>
        lax.whileLoop(
          (u: NDArray) => np.less(np.sum(u), 5),
          (u: NDArray) =>
            lax.scan(
              (c: NDArray, w: NDArray) => [np.add(c, np.multiply(w, w)), null] as const,
              np.add(u, 0.5),
              np.stack([v, u]),
            )[0],
          v,
        ),
      (v: NDArray) => np.multiply(v, 3),
      x,
    )
  const plain = (p: boolean, x: NDArray): NDArray => {
    if (!p) return np.multiply(x, 3)
    let u = x
    while (np.sum(u).item() < 5) u = [x, u].reduce((c, w) => np.add(c, np.multiply(w, w)), np.add(u, 0.5))
    return u
  }
  it('is what it says under jit, vmap and jvp', () =>
    withDevice(device, () => {
      const flags = [true, false, true]
      const x = noise(4, [3, 2])
      const ps = np.array(flags)
      const expected = np.stack(flags.map((p, m) => plain(p, x.get(m))))
      closeAll(
        [vmap(nested)(ps, x), jit(vmap(nested))(ps, x), vmap(jit(nested))(ps, x)],
        [expected, expected, expected],
        'vmap',
      )
      flags.forEach((p, m) => {
        closeAll(
          [nested(np.array(p), x.get(m)), jit(nested)(np.array(p), x.get(m))],
          [expected.get(m), expected.get(m)],
          'one',
        )
        const t = noise(9, [2])
        const tangent = jvp((v: NDArray) => plain(p, v), [x.get(m)], [t])[1]
        closeAll(
          [
            jvp((v: NDArray) => nested(np.array(p), v), [x.get(m)], [t])[1],
            jit((v: NDArray) => jvp((u: NDArray) => nested(np.array(p), u), [v], [t])[1])(x.get(m)),
          ],
          [tangent, tangent],
          'jvp',
        )
      })
    }))

  it('differentiates in reverse where the while has known trips', () =>
    withDevice(device, () => {
      const f = (p: NDArray, x: NDArray): NDArray =>
        np.sum(
          lax.cond(
            p,
            (v: NDArray) =>
              lax.foriLoop(
                0,
                2,
                (_: NDArray, u: NDArray) =>
                  lax.scan(
                    (c: NDArray, w: NDArray) => [np.multiply(c, np.sin(w)), null] as const,
                    u,
                    np.stack([v, u]),
                  )[0],
                v,
              ),
            (v: NDArray) => np.multiply(v, 3),
            x,
          ),
        )
      const g = (p: boolean, x: NDArray): NDArray => {
        if (!p) return np.sum(np.multiply(x, 3))
        let u = x
        for (let i = 0; i < 2; i++) u = [x, u].reduce((c, w) => np.multiply(c, np.sin(w)), u)
        return np.sum(u)
      }
      const x = noise(5, [2])
      for (const p of [true, false]) {
        const expected = grad((v: NDArray) => g(p, v))(x)
        closeAll(
          [grad(f, { argnums: 1 })(np.array(p), x), jit(grad(f, { argnums: 1 }))(np.array(p), x)],
          [expected, expected],
          'grad',
        )
      }
      const both = vmap(grad(f, { argnums: 1 }), { inAxes: [0, null] })(np.array([true, false]), x)
      closeAll(
        [both.get(0), both.get(1)],
        [grad((v: NDArray) => g(true, v))(x), grad((v: NDArray) => g(false, v))(x)],
        'vmap of grad',
      )
    }))
})

describe('lax.map and lax.reduce', () => {
  it('map is a loop, in batches of any size', () => {
    const xs = { a: noise(1, [5, 2]), b: noise(2, [5]) }
    const f = (x: { a: NDArray; b: NDArray }) => [np.multiply(x.a, x.b), np.sum(x.a)] as const
    const [first, second] = lax.map(f, xs)
    for (const batchSize of [1, 2, 3, 5, 9]) {
      const [p, q] = lax.map(f, xs, { batchSize })
      closeAll([p, q], [first, second], `batches of ${batchSize}`)
    }
    closeAll([first], [np.multiply(xs.a, np.reshape(xs.b, [5, 1]))], 'map')
    expect(() => lax.map(f, xs, { batchSize: 0 })).toThrow('batchSize must be a positive integer')
  })

  it('reduce takes any associative function, and pytrees', () => {
    const x = noise(3, [3, 4, 5])
    const norm = (y: NDArray): NDArray => lax.reduce(y, 0, (a: NDArray, b: NDArray) => np.hypot(a, b), [0, 2])
    const expected = np.sqrt(np.sum(np.square(x), { axis: [0, 2] }))
    closeAll([norm(x), jit(norm)(x), vmap(norm)(np.stack([x, x])).get(1)], [expected, expected, expected], 'norm')
    closeAll(
      [grad((y: NDArray) => np.sum(norm(y)))(x)],
      [grad((y: NDArray) => np.sum(np.sqrt(np.sum(np.square(y), { axis: [0, 2] }))))(x)],
      'gradient',
    )
    const best = lax.reduce(
      { value: x, at: np.broadcastTo(np.arange(5), [3, 4, 5]) },
      { value: np.array(-Infinity, float64), at: np.array(0, { dtype: 'int32' }) },
      (a, b) => ({ value: np.maximum(a.value, b.value), at: np.where(np.greater(b.value, a.value), b.at, a.at) }),
      [2],
    )
    closeAll([best.value, best.at], [np.max(x, { axis: 2 }), np.argmax(x, { axis: 2 })], 'argmax')
    expect(lax.reduce(np.zeros([0, 2]), 7, (a: NDArray, b: NDArray) => np.hypot(a, b), [0]).js()).toEqual([7, 7])
    expect(String(makeJaxpr((y: NDArray) => lax.reduce(y, 0, lax.add, [0]))(np.zeros([3])))).toContain('reduce_sum')
  })
})

describe.each(devices)('checkpoint on %s', (device) => {
  const width = 32
  const layer = (p: { a: NDArray; b: NDArray }, x: NDArray): NDArray =>
    np.add(x, np.matmul(np.tanh(np.matmul(x, p.a)), p.b))
  const params = Array.from({ length: 12 }, (_, i) => ({
    a: np.multiply(noise(i, [width, 4 * width]), 0.1),
    b: np.multiply(noise(i + 50, [4 * width, width]), 0.1),
  }))
  const network =
    (block: typeof layer) =>
    (ps: typeof params, x: NDArray): NDArray =>
      np.sum(np.square(ps.reduce((h, p) => block(p, h), x)))
  const x = noise(99, [64, width])

  it('lowers the peak of a network of 12 layers by more than half, for less than 1.4 times the work', () =>
    withDevice(device, () => {
      const plain = jit(grad(network(layer))).lower(params, x)
      const recomputing = jit(grad(network(checkpoint(layer)))).lower(params, x)
      expect(recomputing.temporaryBytes).toBeLessThan(0.5 * plain.temporaryBytes)
      expect(recomputing.flops).toBeLessThan(1.4 * plain.flops)
      expect(recomputing.flops).toBeGreaterThan(plain.flops)
    }))

  it('changes no value and no derivative, with any policy and in a scan', () =>
    withDevice(device, () => {
      const few = params.slice(0, 2)
      const small = noise(98, [4, width])
      const [value, gradient] = valueAndGrad(network(layer))(few, small)
      const [again, same] = jit(valueAndGrad(network(checkpoint(layer))))(few, small)
      closeAll(
        [again, same[0]?.a ?? again, same[1]?.b ?? again],
        [value, gradient[0]?.a ?? value, gradient[1]?.b ?? value],
        'checkpoint',
      )
      const stacked = { a: np.stack(few.map((p) => p.a)), b: np.stack(few.map((p) => p.b)) }
      const inScan = (ps: typeof stacked): NDArray =>
        np.sum(
          np.square(
            lax.scan(
              (h: NDArray, p: { a: NDArray; b: NDArray }) => [checkpoint(layer)(p, h), null] as const,
              small,
              ps,
            )[0],
          ),
        )
      const g = jit(grad(inScan))(stacked)
      closeAll([g.a.get(0), g.b.get(1)], [gradient[0]?.a ?? value, gradient[1]?.b ?? value], 'checkpoint in scan')
    }))
})
