/** Curves as text, for terminals. */

export interface Curve {
  readonly name: string
  /** One character. */
  readonly mark: string
  readonly values: readonly number[]
}

export interface PlotOptions {
  readonly width?: number
  readonly height?: number
  readonly min?: number
  readonly max?: number
}

/** Several curves over the same steps, as lines of text; where two meet, the later one is seen. */
export const textPlot = (
  title: string,
  curves: readonly Curve[],
  { width = 60, height = 12, min, max }: PlotOptions = {},
): string => {
  const all = curves.flatMap((curve) => curve.values)
  const low = min ?? Math.min(...all)
  const high = max ?? Math.max(...all)
  const rows = Array.from({ length: height }, () => new Array<string>(width).fill(' '))
  for (const { mark, values } of curves) {
    for (let column = 0; column < width; column++) {
      const value = values[Math.round((column / (width - 1)) * (values.length - 1))] ?? NaN
      const level = high === low ? 0 : (value - low) / (high - low)
      const row = rows[Math.round((1 - Math.min(1, Math.max(0, level))) * (height - 1))]
      if (row !== undefined) row[column] = mark
    }
  }
  const axis = (i: number): string =>
    (i === 0 ? high : i === height - 1 ? low : undefined)?.toFixed(3).padStart(8) ?? ' '.repeat(8)
  const legend = curves.map(({ name, mark }) => `${mark} ${name}`).join('   ')
  return [
    `${title}   ${legend}`,
    ...rows.map((row, i) => `${axis(i)} |${row.join('')}`),
    `${' '.repeat(9)}+${'-'.repeat(width)}`,
  ].join('\n')
}
