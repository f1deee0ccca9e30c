/** How far a training epoch is: a bar on a terminal, a line now and then in a log. */
import { Presets, SingleBar } from 'cli-progress'

export interface Progress {
  /** After a step; `loss` is its loss. */
  readonly step: (done: number, loss: number) => void
  readonly stop: () => void
}

const linesEvery = 100

/** Progress over `total` steps of `batch` images each. */
export const showProgress = (label: string, total: number, batch: number): Progress => {
  const start = performance.now()
  const rate = (done: number): string => ((done * batch * 1000) / (performance.now() - start)).toFixed(0)
  if (process.stdout.isTTY) {
    const format = `${label} {bar} {value}/{total} | loss {loss} | {rate} images/s | {eta_formatted} left`
    const bar = new SingleBar({ format, stream: process.stdout, hideCursor: true, fps: 5 }, Presets.shades_classic)
    bar.start(total, 0, { loss: '-', rate: '-' })
    return {
      step: (done, loss) => bar.update(done, { loss: loss.toFixed(4), rate: rate(done) }),
      stop: () => bar.stop(),
    }
  }
  return {
    step: (done, loss) => {
      if (done % linesEvery === 0 || done === total) {
        console.log(`${label} step ${done}/${total} | loss ${loss.toFixed(4)} | ${rate(done)} images/s`)
      }
    },
    stop: () => undefined,
  }
}
