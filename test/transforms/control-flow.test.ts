/** Loops and branches: each is the plain JavaScript it stands for, under every transformation, on every device. */
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { type NDArray, grad, jit, jvp, lax, numpy as np, vjp, vmap, withDevice } from 'cotangent'
import { closeAll, devices, holds, noise, on, precise } from './support.js'

describe.each(devices)('cond and switch on %s', (device) => {
  const branches = [
    (x: NDArray, y: NDArray) => np.multiply(x, y),
    (x: NDArray) => np.sin(x),
    (_: NDArray, y: NDArray) => y,
    () => np.zeros([2], precise()),
  ] as const
  const choice = (index: NDArray, x: NDArray, y: NDArray): NDArray => lax.switch(index, branches, x, y)
  const plain = (index: number, x: NDArray, y: NDArray): NDArray =>
    (branches[Math.min(Math.max(index, 0), 3)] ?? branches[0])(x, y)
  const int = (data: number | number[]): NDArray => np.array(data, { dtype: 'int32' })

  it('take the chosen branch, under every transformation', () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: -1, max: 5 }), fc.integer({ min: 0, max: 99 }), (index, seed) =>
        on(device, () => {
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
      ),
      { numRuns: 25, seed: 1 },
    ))

  it('mapped are loops over members, whether members agree or not', () =>
    on(device, () => {
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
    on(device, () => {
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
      holds(f(np.array(true), np.array(3)), [3])
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
  /** The same with so many trips. */
  const trips = (n: number, x: NDArray): NDArray => {
    let v = x
    for (let i = 0; i < n; i++) v = np.multiply(v, np.add(np.abs(x), 1.5))
    return v
  }
  /** How often it doubles, found out where arrays are read at once. */
  const count = (bound: number, start: () => NDArray): number =>
    withDevice('js', () => {
      const x = start()
      let n = 0
      while (np.sum(trips(n, x)).item() < bound) n++
      return n
    })
  const plain = (bound: number, start: () => NDArray): readonly [NDArray, NDArray] => {
    const n = count(bound, start)
    return [np.array(n, { dtype: 'int32' }), trips(n, start())]
  }

  it('are loops, also mapped over starts and bounds', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: -3, max: 40 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 0, max: 99 }),
        (bounds, seed) =>
          on(device, () => {
            const start = () => np.add(np.abs(noise(seed, [bounds.length, 2])), 0.2)
            const x = start()
            const member = (bound: number, m: number) => plain(bound, () => start().get(m))
            const limits = np.array(bounds, precise())
            const expected = bounds.map(member)
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
            closeAll([shared], [np.stack(bounds.map((_, m) => member(bounds[0] ?? 0, m)[1]))], 'one bound for all')
          }),
      ),
      { numRuns: 20, seed: 2 },
    ))

  it('differentiate forward as the trips that ran', () =>
    on(device, () => {
      for (const seed of [0, 1, 2]) {
        const start = () => np.add(np.abs(noise(seed, [2])), 0.2)
        const x = start()
        const t = noise(seed + 1, [2])
        const ran = count(20, start)
        const expected = jvp((v: NDArray) => trips(ran, v), [x], [t])[1]
        const f = (v: NDArray): NDArray => grow(np.array(20, precise()), v)[1]
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
    on(device, () => {
      const body = (x: NDArray) => (i: NDArray, c: NDArray) => np.add(np.multiply(c, x), np.astype(i, precise().dtype))
      const loop = (x: NDArray): NDArray => np.sum(lax.foriLoop(1, 4, body(x), np.ones([2], precise())))
      const unroll = (x: NDArray): NDArray =>
        np.sum([1, 2, 3].reduce((c, i) => body(x)(np.array(i, { dtype: 'int32' }), c), np.ones([2], precise())))
      const x = noise(3, [2])
      closeAll([grad(loop)(x), jit(grad(loop))(x)], [grad(unroll)(x), grad(unroll)(x)], 'grad of foriLoop')
      holds(
        jit((n: NDArray) =>
          lax.foriLoop(0, n, (i: NDArray, c: NDArray) => np.add(c, i), np.array(0, { dtype: 'int32' })),
        )(np.array(5, { dtype: 'int32' })),
        [10],
      )
      holds(
        lax.foriLoop(5, 2, (_: NDArray, c: NDArray) => np.add(c, 1), np.array(3)),
        [3],
      )
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
  /** The same with so many trips of the while. */
  const trips = (n: number, x: NDArray): NDArray => {
    let u = x
    for (let i = 0; i < n; i++) u = [x, u].reduce((c, w) => np.add(c, np.multiply(w, w)), np.add(u, 0.5))
    return u
  }
  const starts = (): NDArray => noise(4, [3, 2])
  /** How many trips there are from a member, found out where arrays are read at once. */
  const count = (m: number): number =>
    withDevice('js', () => {
      const x = starts().get(m)
      let n = 0
      while (np.sum(trips(n, x)).item() < 5) n++
      return n
    })
  const plain = (p: boolean, x: NDArray, n: number): NDArray => (p ? trips(n, x) : np.multiply(x, 3))
  it('is what it says under jit, vmap and jvp', () =>
    on(device, () => {
      const flags = [true, false, true]
      const x = starts()
      const ps = np.array(flags)
      const expected = np.stack(flags.map((p, m) => plain(p, x.get(m), count(m))))
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
        const n = count(m)
        const tangent = jvp((v: NDArray) => plain(p, v, n), [x.get(m)], [t])[1]
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
    on(device, () => {
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
