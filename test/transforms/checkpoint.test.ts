/** checkpoint: less memory for more arithmetic, and no other change. */
import { describe, expect, it } from 'vitest'
import {
  type NDArray,
  checkpoint,
  checkpointName,
  dotsSaveable,
  everythingSaveable,
  grad,
  jit,
  lax,
  nothingSaveable,
  numpy as np,
  saveOnlyTheseNames,
  valueAndGrad,
  withDevice,
} from 'cotangent'
import { closeAll, devices, noise, on } from './support.js'

describe.each(devices)('checkpoint on %s', (device) => {
  const layer = (p: { a: NDArray; b: NDArray }, x: NDArray): NDArray =>
    np.add(x, np.matmul(np.tanh(np.matmul(x, p.a)), p.b))
  const layers = (width: number) =>
    Array.from({ length: 12 }, (_, i) => ({
      a: np.multiply(noise(i, [width, 4 * width]), 0.1),
      b: np.multiply(noise(i + 50, [4 * width, width]), 0.1),
    }))
  const network =
    (block: typeof layer) =>
    (ps: ReturnType<typeof layers>, x: NDArray): NDArray =>
      np.sum(np.square(ps.reduce((h, p) => block(p, h), x)))
  // The larger ones run in pieces that fit a cache: what is recomputed must not be moved to the pieces of the first pass.
  it.each([
    [64, 32],
    [512, 64],
    [1024, 64],
  ])('lowers the peak of 12 layers by more than half, for less than 1.4 times the work: %i by %i', (batch, width) =>
    withDevice(device, () => {
      const params = layers(width)
      const x = np.zeros([batch, width])
      const plain = jit(grad(network(layer))).lower(params, x)
      const recomputing = jit(grad(network(checkpoint(layer)))).lower(params, x)
      expect(recomputing.temporaryBytes).toBeLessThan(0.5 * plain.temporaryBytes)
      expect(recomputing.flops).toBeLessThan(1.4 * plain.flops)
      expect(recomputing.flops).toBeGreaterThan(plain.flops)
    }),
  )

  it('changes no value and no derivative, with any policy and in a scan', () =>
    on(device, () => {
      const few = layers(32).slice(0, 2)
      const small = noise(98, [4, 32])
      const [value, gradient] = valueAndGrad(network(layer))(few, small)
      const named = (p: { a: NDArray; b: NDArray }, h: NDArray): NDArray =>
        np.add(h, np.matmul(checkpointName(np.tanh(np.matmul(h, p.a)), 'hidden'), p.b))
      const policies = [nothingSaveable, everythingSaveable, dotsSaveable, saveOnlyTheseNames('hidden')]
      for (const policy of policies) {
        const [again, same] = jit(valueAndGrad(network(checkpoint(named, { policy }))))(few, small)
        const got = [again, same[0]?.a ?? again, same[1]?.b ?? again]
        closeAll(got, [value, gradient[0]?.a ?? value, gradient[1]?.b ?? value], policy.name)
      }
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
