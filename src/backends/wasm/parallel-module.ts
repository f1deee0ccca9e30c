/** Modules with jobs, as the threads know them. */

type Job = (begin: number, end: number, scratch: number) => void

let nextId = 0

/** A module with jobs: the functions `job_0`, `job_1` and so on. */
export class ParallelModule {
  readonly id = nextId++
  readonly bytes: Uint8Array
  /** Those of the main thread's instance. */
  readonly jobs: Job[] = []
  /** Workers that have the module, by their bits, in the epoch. */
  loaded = 0
  epoch = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** Gives the exports of the main thread's instance, once they are there. */
  link(exports: WebAssembly.Exports): void {
    for (;;) {
      const job = exports[`job_${this.jobs.length}`]
      if (typeof job !== 'function') return
      this.jobs.push(job as Job)
    }
  }
}
