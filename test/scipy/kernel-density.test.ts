/** Kernel density estimates: they are densities, and JAX's. */
import { describe, expect, it } from 'vitest'
import { grad, jit, numpy as np, random, scipy } from 'cotangent'

const { gaussianKde, norm } = scipy.stats
const points = np.array([-1, 0, 0.5, 2])

describe('gaussianKde', () => {
  it('of one dimension is a mean of normal densities about the points', () => {
    const kde = gaussianKde(points)
    const x = np.linspace(-12, 12, { num: 2001 })
    const width = Math.sqrt(Number(kde.covariance.item()))
    const wanted = np.mean(norm.pdf(np.expandDims(x, 1), { loc: points, scale: width }), { axis: 1 })
    expect(Number(np.max(np.abs(np.subtract(kde.pdf(x), wanted))).item())).toBeLessThan(1e-6)
    expect(Number(np.trapezoid(kde.pdf(x), { x }).item())).toBeCloseTo(1, 5)
    expect(Number(kde.integrateBox1d(-12, 12).item())).toBeCloseTo(1, 5)
    expect(Number(np.max(np.abs(np.subtract(np.exp(kde.logpdf(x)), kde.pdf(x)))).item())).toBeLessThan(1e-6)
  })

  it('of two dimensions gives the values that JAX gives', () => {
    const data = np.array([
      [-1, 0, 0.5, 2],
      [1, 0.3, 2, -1],
    ])
    const kde = gaussianKde(data, { weights: np.array([1, 2, 1, 0.5]) })
    const other = gaussianKde(
      np.array([
        [-1, 0, 0.5],
        [1, 0.3, -1],
      ]),
      { bwMethod: 'silverman' },
    )
    const at = np.array([
      [0, 3],
      [1, 1],
    ])
    // jax.scipy.stats.gaussian_kde of JAX 0.10.
    const close = (got: number, wanted: number): void => expect(Math.abs(got / wanted - 1)).toBeLessThan(1e-5)
    const [middle, far] = kde.pdf(at).dataSync()
    close(Number(middle), 0.10941607)
    close(Number(far), 0.00072992)
    close(Number(kde.integrateGaussian(np.array([0, 1]), np.eye(2)).item()), 0.066329055)
    close(Number(kde.integrateKde(other).item()), 0.07712479)
    close(Number(kde.resample(random.key(2), [3]).get(0, 1).item()), -1.7350415)
  })

  it('is compiled and differentiated', () => {
    const loss = (x: typeof points): ReturnType<typeof np.sum> => np.sum(gaussianKde(x).logpdf(x))
    const slope = grad(loss)(points)
    expect(np.allclose(jit(grad(loss))(points), slope, { rtol: 1e-5, atol: 1e-5 }).js()).toBe(true)
    const h = 1e-2
    const moved = (by: number): number => Number(loss(np.add(points, np.array([by, 0, 0, 0]))).item())
    expect(Number(slope.get(0).item())).toBeCloseTo((moved(h) - moved(-h)) / (2 * h), 2)
  })

  it('refuses what is no data set', () => {
    expect(() => gaussianKde(np.array([1]))).toThrow(/several points/)
    expect(() => gaussianKde(points, { weights: np.ones([3]) })).toThrow(/4 points need weights \[4\]/)
    expect(() => gaussianKde(points).pdf(np.ones([2, 3]))).toThrow(/expected points \[1, m\]/)
    expect(() => gaussianKde(np.ones([2, 3])).integrateBox1d(0, 1)).toThrow(/one dimension/)
  })
})
