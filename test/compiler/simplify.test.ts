import { describe, expect, test } from 'vitest'
import * as lax from '../../src/lax/index.js'
import { jit } from '../../src/transforms/index.js'
import { type NDArray, buildJaxpr, checkJaxpr } from '../../src/core/index.js'
import { optimize } from '../../src/compiler/index.js'
import { passes } from '../../src/compiler/simplify.js'
import { randomProgram } from './random.js'
import { text, traced } from './support.js'

const simplified = (f: (...inputs: NDArray[]) => readonly NDArray[], ...shapes: number[][]): string =>
  text(optimize(traced(f, ...shapes)))

describe('identities that hold for every float', () => {
  const ones = (x: NDArray): NDArray => lax.full(x.shape, 1, { dtype: 'float32' })
  const isKept = (f: (x: NDArray) => NDArray): boolean => {
    const jaxpr = optimize(traced((x) => [f(x)], [2, 3]))
    return jaxpr.equations.length === 0 && jaxpr.outputs[0] === jaxpr.inputs[0]
  }
  test.each<[string, (x: NDArray) => NDArray]>([
    ['x * 1', (x) => lax.mul(x, 1)],
    ['1 * x', (x) => lax.mul(1, x)],
    ['x * ones', (x) => lax.mul(x, ones(x))],
    ['x / 1', (x) => lax.div(x, 1)],
    ['x - 0', (x) => lax.sub(x, 0)],
    ['x + -0', (x) => lax.add(x, -0)],
    ['--x', (x) => lax.neg(lax.neg(x))],
    ['stop_gradient', (x) => lax.stopGradient(x)],
    ['transpose of transpose', (x) => lax.transpose(lax.transpose(x, [1, 0]), [1, 0])],
    ['reshape and back', (x) => lax.reshape(lax.reshape(x, [6]), [2, 3])],
    ['chain', (x) => lax.neg(lax.mul(lax.neg(lax.div(x, 1)), 1))],
  ])('%s', (_, f) => {
    expect(isKept(f)).toBe(true)
  })
  test.each<[string, (x: NDArray) => NDArray]>([
    ['x + 0 changes -0', (x) => lax.add(x, 0)],
    ['x - -0 changes -0', (x) => lax.sub(x, -0)],
    ['x * 0 changes NaN', (x) => lax.mul(x, 0)],
    ['x - x changes NaN', (x) => lax.sub(x, x)],
    [
      '1 * broadcast scalar is not the scalar',
      (x) => lax.mul(lax.full([2, 3], 1, { dtype: 'float32' }), lax.reduceSum(x, [0, 1])),
    ],
  ])('not %s', (_, f) => {
    expect(isKept(f)).toBe(false)
  })
})

test('equal equations are computed once, unused ones not at all', () => {
  expect(simplified((x) => [lax.add(lax.sin(x), lax.sin(x)), lax.sin(x)], [3])).toMatchInlineSnapshot(
    `"{ lambda ; a:f32[3]. let b:f32[3] = sin a; c:f32[3] = add b b in (c, b) }"`,
  )
  expect(
    simplified(
      (x) => {
        lax.cos(x)
        return [x]
      },
      [3],
    ),
  ).toMatchInlineSnapshot(`"{ lambda ; a:f32[3]. let  in (a,) }"`)
})

test('literals that differ in sign of zero or strength are different', () => {
  const jaxpr = optimize(traced((x) => [lax.atan2(x, 0), lax.atan2(x, -0)], [3]))
  expect(jaxpr.equations.length).toBe(2)
})

test('calls are written in place, to any depth', () => {
  const inner = jit((x: NDArray) => lax.mul(lax.sin(x), 2))
  const outer = jit((x: NDArray) => [lax.add(inner(x), inner(inner(x))), x] as const)
  expect(simplified((x) => [...outer(x)], [3])).toMatchInlineSnapshot(`
    "{ lambda ; a:f32[3]. let
        b:f32[3] = sin a
        c:f32[3] = mul b 2.0:f32[]
        d:f32[3] = sin c
        e:f32[3] = mul d 2.0:f32[]
        f:f32[3] = add c e
      in (f, a) }"
  `)
})

test('every pass keeps random programs well typed', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const { inputs, run } = randomProgram(seed)
    let { jaxpr } = buildJaxpr(run, inputs, 'random')
    for (const pass of passes) {
      jaxpr = pass.run(jaxpr)
      checkJaxpr(jaxpr, pass.name)
      expect(pass.run(jaxpr)).toBeDefined()
    }
  }
})

test('optimize reaches a fixed point', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const { inputs, run } = randomProgram(seed)
    const once = optimize(buildJaxpr(run, inputs, 'random').jaxpr)
    expect(optimize(once)).toBe(once)
  }
})

test('a product that is only used transposed is computed transposed', () => {
  const product = (x: NDArray, y: NDArray): NDArray =>
    lax.dotGeneral(x, y, [
      [[2], [2]],
      [[0], [0]],
    ])
  expect(simplified((x, y) => [lax.transpose(product(x, y), [0, 2, 1])], [2, 3, 5], [2, 4, 5])).toMatchInlineSnapshot(`
    "{ lambda ; a:f32[2,3,5] b:f32[2,4,5]. let
        c:f32[2,4,3] = dot_general[dimension_numbers=(([2], [2]), ([0], [0]))] b a
      in (c,) }"
  `)
  const both = optimize(
    traced(
      (x, y) => {
        const z = product(x, y)
        return [z, lax.transpose(z, [0, 2, 1])]
      },
      [2, 3, 5],
      [2, 4, 5],
    ),
  )
  expect(both.equations.map((equation) => equation.primitive.name)).toEqual(['dot_general', 'transpose'])
})
