/** Sharing kernels among threads, in its place once a front door, or `setThreads`, has added it. */
import { type Part, part } from '../../core/index.js'
import type { isJob, partOf } from './chunks.js'
import type { cutOf, writeJob } from './contraction-jobs.js'
import type { shareLoop, writeJobLoop } from './job-loops.js'
import type { isLargeContraction, mayBeLarge, newJobs } from './jobs.js'

/** Kernels cut into jobs, which threads share. */
export interface Sharing {
  readonly newJobs: typeof newJobs
  readonly isLargeContraction: typeof isLargeContraction
  readonly mayBeLarge: typeof mayBeLarge
  readonly isJob: typeof isJob
  readonly partOf: typeof partOf
  readonly shareLoop: typeof shareLoop
  readonly writeJobLoop: typeof writeJobLoop
  readonly cutOf: typeof cutOf
  readonly writeJob: typeof writeJob
}

/** Without, programs are compiled for one thread. */
export const sharing: Part<Sharing> = part<Sharing>('setThreads')
