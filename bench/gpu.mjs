/** The GPU that all peers share: Dawn's, as `navigator.gpu`, where their code for pages looks for it. */

/**
 * Starts it, once.
 * @type {() => Promise<GPU>}
 */
export const gpu = async () => {
  const { create, globals } = await import('webgpu')
  Object.assign(globalThis, globals)
  const found = create([])
  // As a global it stays reachable: Dawn crashes when it is collected.
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: found, userAgent: 'node' }, configurable: true })
  return found
}
