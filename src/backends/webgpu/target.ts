/** What a device can do, as far as the choice and the text of shaders depend on it. */
export interface Target {
  /** Storage buffers that one shader may bind. */
  readonly storageBuffers: number
  /** A GPU in software: barriers are slow there, and there is no use in thousands of threads. */
  readonly software: boolean
  /** Elements from which on a reduction is shared by the threads of a workgroup, where there are few results. */
  readonly sharedReduction: number
}

/** The choices for a device. */
export const targetOf = (storageBuffers: number, software: boolean): Target => ({
  storageBuffers,
  software,
  sharedReduction: software ? 4096 : 256,
})
