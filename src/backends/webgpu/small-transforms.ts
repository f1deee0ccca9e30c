/** Fourier transforms of a few values in registers, as lines of WGSL. */
import { known, range } from '../../core/index.js'

const text = (value: number): string => `${Math.fround(value)}f`

/**
 * Appends to `lines` what computes the transform of values of type vec2<f32>, and gives the names of the results. Names of their own
 * begin with `prefix`.
 */
export const smallTransform = (values: readonly string[], prefix: string, lines: string[]): readonly string[] => {
  let count = 0
  const keep = (expression: string): string => {
    const name = `${prefix}_${count++}`
    lines.push(`let ${name} = ${expression};`)
    return name
  }
  /** A value turned by a quarter, clockwise. */
  const turned = (z: string): string => `vec2<f32>(${z}.y, -${z}.x)`
  const of = (list: readonly string[], i: number): string => known(list[i], 'value')

  const two = (a: string, b: string): string[] => [keep(`${a} + ${b}`), keep(`${a} - ${b}`)]

  const four = (x: readonly string[]): string[] => {
    const [a = '', b = ''] = two(of(x, 0), of(x, 2))
    const [c = '', d = ''] = two(of(x, 1), of(x, 3))
    const e = keep(turned(d))
    return [keep(`${a} + ${c}`), keep(`${b} + ${e}`), keep(`${a} - ${c}`), keep(`${b} - ${e}`)]
  }

  const eight = (x: readonly string[]): string[] => {
    const even = four([0, 2, 4, 6].map((i) => of(x, i)))
    const odd = four([1, 3, 5, 7].map((i) => of(x, i)))
    const half = text(Math.SQRT1_2)
    const [p, q, r, s] = [0, 1, 2, 3].map((i) => of(odd, i))
    const moved = [
      `${p}`,
      keep(`vec2<f32>(${q}.x + ${q}.y, ${q}.y - ${q}.x) * ${half}`),
      keep(turned(`${r}`)),
      keep(`vec2<f32>(${s}.y - ${s}.x, -${s}.x - ${s}.y) * ${half}`),
    ]
    return [
      ...even.map((z, k) => keep(`${z} + ${of(moved, k)}`)),
      ...even.map((z, k) => keep(`${z} - ${of(moved, k)}`)),
    ]
  }

  /** Of an odd number of values: those at k and n - k have the same sums of pairs, and the same differences turned by opposite quarters. */
  const odd = (x: readonly string[]): string[] => {
    const n = x.length
    const pairs = range((n - 1) / 2).map((j) => two(of(x, j + 1), of(x, n - 1 - j)))
    const sums = pairs.map((pair) => of(pair, 0))
    const differences = pairs.map((pair) => of(pair, 1))
    const out = new Array<string>(n)
    out[0] = keep([of(x, 0), ...sums].join(' + '))
    for (let k = 1; k <= pairs.length; k++) {
      const angle = (j: number): number => (2 * Math.PI * (((j + 1) * k) % n)) / n
      const a = keep([of(x, 0), ...sums.map((z, j) => `${z} * ${text(Math.cos(angle(j)))}`)].join(' + '))
      const b = keep(differences.map((z, j) => `${z} * ${text(Math.sin(angle(j)))}`).join(' + '))
      out[k] = keep(`${a} + ${turned(b)}`)
      out[n - k] = keep(`${a} - ${turned(b)}`)
    }
    return out
  }

  switch (values.length) {
    case 2:
      return two(of(values, 0), of(values, 1))
    case 4:
      return four(values)
    case 8:
      return eight(values)
    default:
      return odd(values)
  }
}
