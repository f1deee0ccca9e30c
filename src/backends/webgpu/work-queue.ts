/** Work in the order in which it was asked for: at once where possible, later where something has to be waited for. */

export interface Job {
  /** Whether it could run now; jobs before it are done. */
  readonly isReady: () => boolean
  /** Resolves when it can run. */
  readonly whenReady: () => Promise<void>
  /** Does it now; a promise when it has to wait in between. */
  readonly run: () => Promise<void> | undefined
  /** Is told when it could not be done. */
  readonly fail: (error: unknown) => void
}

export class WorkQueue {
  private tail: Promise<void> | undefined

  /** Whether everything has been given to the GPU. */
  get idle(): boolean {
    return this.tail === undefined
  }

  /** Does a job in its turn. Errors of one that is done at once are thrown. */
  add(job: Job): void {
    if (this.tail !== undefined || !job.isReady()) return this.append(() => this.later(job), job.fail)
    let waiting: Promise<void> | undefined
    try {
      waiting = job.run()
    } catch (error) {
      job.fail(error)
      throw error
    }
    if (waiting !== undefined) this.append(() => waiting, job.fail)
  }

  /** Does something in its turn; now, if nothing is before it. */
  inTurn(action: () => void): void {
    if (this.tail === undefined) action()
    else
      this.append(
        () => Promise.resolve(action()),
        () => {},
      )
  }

  /** Resolves when all that was asked for so far has been given to the GPU. */
  whenIdle(): Promise<void> {
    return this.tail ?? Promise.resolve()
  }

  private async later(job: Job): Promise<void> {
    await job.whenReady()
    await job.run()
  }

  private append(start: () => Promise<void>, fail: (error: unknown) => void): void {
    const before = this.tail ?? Promise.resolve()
    const tail: Promise<void> = before
      .then(start)
      .then(
        () => {},
        (error: unknown) => fail(error),
      )
      .then(() => {
        if (this.tail === tail) this.tail = undefined
      })
    this.tail = tail
  }
}
