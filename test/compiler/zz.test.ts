import { test, expect } from 'vitest'
import { writeFileSync } from 'node:fs'
import { buildJaxpr, shapedArray, registerDevice, printJaxpr, type NDArray, type DType, definePrimitive, bindOne, known, erase , startEager} from '../../src/core/index.js'
import * as lax from '../../src/lax/index.js'
import { valueAndGrad } from '../../src/transforms/index.js'
import { createJsDevice } from '../../src/backends/js/index.js'
import { compile, kernelText, optimize } from '../../src/compiler/index.js'
const js = createJsDevice()
registerDevice(js)
startEager()
const a = (shape: number[], dtype: DType = 'float32') => shapedArray(shape, dtype)
const B = 128
const dn = ['NHWC', 'HWIO', 'NHWC'] as any
const pool = (x: NDArray) => lax.reduceWindow(x, -Infinity, lax.max as any, [1, 2, 2, 1], [1, 2, 2, 1], 'VALID')
const layer = (x: NDArray, w: NDArray, b: NDArray) => lax.add(lax.convGeneralDilated(x, w, [1, 1], 'SAME', { dimensionNumbers: dn }), lax.broadcastInDim(b, [1, 1, 1, b.shape[0]!], [3]))
const loss = (p: any, x: NDArray, y: NDArray) => {
  let h = pool(lax.max(layer(x, p.w1, p.b1), 0))
  h = pool(lax.max(layer(h, p.w2, p.b2), 0))
  const f = lax.reshape(h, [B, 7 * 7 * 64])
  const z = lax.add(lax.dot(f, p.w3), lax.broadcastInDim(p.b3, [B, 10], [1]))
  const m = lax.reduceMax(z, [1])
  const s = lax.sub(z, lax.broadcastInDim(lax.stopGradient(m), [B, 10], [0]))
  const lse = lax.log(lax.reduceSum(lax.exp(s), [1]))
  const picked = lax.reduceSum(lax.mul(s, y), [1])
  return lax.div(lax.reduceSum(lax.sub(lse, picked), [0]), B)
}
const names = ['w1', 'b1', 'w2', 'b2', 'w3', 'b3']
const shapes = [[3, 3, 1, 32], [32], [3, 3, 32, 64], [64], [3136, 10], [10]]
test('x', () => {
  const f = (xs: readonly NDArray[]) => {
    const take = (k: number) => Object.fromEntries(names.map((n, i) => [n, xs[k + i]!]))
    const p = take(0), m = take(6), v = take(12)
    const [l, g] = (valueAndGrad(loss as any) as any)(p, xs[18], xs[19])
    let norm: NDArray = lax.sqrt(names.map((n) => lax.reduceSum(lax.mul(g[n], g[n]), g[n].shape.map((_: any, d: number) => d))).reduce((s, t) => lax.add(s, t)))
    const out = [l]
    const np: NDArray[] = [], nm: NDArray[] = [], nv: NDArray[] = []
    const t = xs[20]!
    for (const n of names) {
      const gi = lax.select(lax.lt(norm, 1), g[n], lax.div(g[n], norm))
      const mi = lax.add(lax.mul(m[n]!, 0.9), lax.mul(gi, 0.1))
      const vi = lax.add(lax.mul(v[n]!, 0.999), lax.mul(lax.mul(gi, gi), 0.001))
      const mh = lax.div(mi, lax.sub(1, lax.pow(0.9, t)))
      const vh = lax.div(vi, lax.sub(1, lax.pow(0.999, t)))
      nm.push(mi); nv.push(vi)
      np.push(lax.sub(p[n]!, lax.mul(lax.add(lax.div(mh, lax.add(lax.sqrt(vh), 1e-8)), lax.mul(p[n]!, 1e-4)), 1e-3)))
    }
    return [...out, ...np, ...nm, ...nv]
  }
  const avals = [...shapes, ...shapes, ...shapes, [B, 28, 28, 1], [B, 10], []].map((s) => a(s))
  let t = performance.now()
  const { jaxpr } = buildJaxpr(f, avals, 'f')
  console.log('trace', (performance.now() - t).toFixed(1), jaxpr.equations.length)
  for (let i = 0; i < 6; i++) {
  t = performance.now()
  const o = optimize(jaxpr)
  const t2 = performance.now()
  const p = compile(jaxpr)
  const t3 = performance.now()
  console.log('optimize', (t2 - t).toFixed(1), o.equations.length, 'all', (t3 - t2).toFixed(1), p.kernels.length)
  if (i == 5) writeFileSync('/tmp/cnn.txt', printJaxpr(o) + '\n' + kernelText(p))
  }
})
