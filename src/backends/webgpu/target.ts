/** What a device can do, as far as the choice and the text of shaders depend on it. */
export interface Target {
  /** Storage buffers that one shader may bind. */
  readonly storageBuffers: number
  /** A GPU in software: barriers are slow there, and there is no use in thousands of threads. */
  readonly software: boolean
  /** Whether threads that run together can combine values without shared memory. */
  readonly subgroups: boolean
  /** Whether shaders have 16-bit floats. */
  readonly halves: boolean
  /** Elements from which on a reduction is shared by the threads of a workgroup, where there are few results. */
  readonly sharedReduction: number
  /** Invocations beyond which each may as well compute several results. */
  readonly enoughInvocations: number
}

/** The choices for a device. */
export const targetOf = ({ limits, features }: Pick<GPUDevice, 'limits' | 'features'>, software: boolean): Target => ({
  storageBuffers: limits.maxStorageBuffersPerShaderStage,
  software,
  subgroups: features.has('subgroups'),
  halves: features.has('shader-f16'),
  sharedReduction: software ? 4096 : 256,
  enoughInvocations: software ? 64 : 1 << 16,
})
