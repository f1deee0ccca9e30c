/** A chart in SVG: the loss of every step and its running mean, and the accuracies, as they come. */

export interface Chart {
  readonly addLoss: (step: number, loss: number) => void
  readonly addAccuracy: (step: number, accuracy: number) => void
}

const width = 640
const height = 320
const margin = { left: 40, right: 44, top: 8, bottom: 28 }
/** Points that a line has at most; of longer ones every second, fourth, ... step is drawn. */
const mostPoints = 600

const element = (name: string, attributes: Readonly<Record<string, string | number>>, text = ''): SVGElement => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value))
  made.textContent = text
  return made
}

/** An empty chart for a training of so many steps, in place of what was in the element. */
export const newChart = (svg: Element, steps: number): Chart => {
  const losses: (readonly [step: number, loss: number, mean: number])[] = []
  const accuracies: (readonly [step: number, accuracy: number])[] = []
  let top = 1
  let scheduled = false

  const x = (step: number): number => margin.left + (step / steps) * (width - margin.left - margin.right)
  const y = (part: number): number => margin.top + (1 - part) * (height - margin.top - margin.bottom)
  const points = (list: readonly (readonly [number, number])[]): string =>
    list.map(([step, part]) => `${x(step).toFixed(1)},${y(Math.min(1, part)).toFixed(1)}`).join(' ')

  const axes = (): SVGElement[] =>
    [0, 0.25, 0.5, 0.75, 1].flatMap((part) => [
      element('line', { class: 'grid', x1: margin.left, x2: width - margin.right, y1: y(part), y2: y(part) }),
      element(
        'text',
        { class: 'loss', x: margin.left - 6, y: y(part) + 4, 'text-anchor': 'end' },
        (top * part).toFixed(1),
      ),
      element('text', { class: 'accuracy', x: width - margin.right + 6, y: y(part) + 4 }, `${part * 100} %`),
      element('text', { x: x(part * steps), y: height - 8, 'text-anchor': 'middle' }, `${Math.round(part * steps)}`),
    ])

  const draw = (): void => {
    scheduled = false
    const every = Math.ceil(losses.length / mostPoints)
    const drawn = losses.filter((_, i) => i % every === 0 || i === losses.length - 1)
    svg.replaceChildren(
      ...axes(),
      element('polyline', { class: 'steps', points: points(drawn.map(([step, loss]) => [step, loss / top])) }),
      element('polyline', { class: 'smooth', points: points(drawn.map(([step, , mean]) => [step, mean / top])) }),
      element('polyline', { class: 'tested', points: points(accuracies) }),
      ...accuracies.map(([step, accuracy]) => element('circle', { cx: x(step), cy: y(accuracy), r: 4 })),
    )
  }
  /** Draws before the next frame, however often it is called. */
  const drawSoon = (): void => {
    if (scheduled) return
    scheduled = true
    requestAnimationFrame(draw)
  }

  draw()
  return {
    addLoss: (step, loss) => {
      const before = losses.at(-1)?.[2] ?? loss
      losses.push([step, loss, before + 0.1 * (loss - before)])
      top = Math.max(top, Math.ceil(losses[0]?.[1] ?? 1))
      drawSoon()
    },
    addAccuracy: (step, accuracy) => {
      accuracies.push([step, accuracy])
      drawSoon()
    },
  }
}
