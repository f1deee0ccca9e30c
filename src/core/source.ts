/** Where in the user's program something was asked for: the nearest stack frame outside the library. */

// The library's own folder: frames below it are ours, all others the user's.
const ownRoot = new URL('..', import.meta.url).href.replace(/^file:\/\//, '')

interface StackLimit {
  stackTraceLimit?: number
  captureStackTrace?: (target: object) => void
}

/** `file:line:column` of the user's code that is running, or undefined when the host shows no stack. */
export const callSite = (): string | undefined => {
  const host: StackLimit = Error
  const before = host.stackTraceLimit
  host.stackTraceLimit = 40
  const stack = new Error().stack
  if (before !== undefined) host.stackTraceLimit = before
  if (stack === undefined) return undefined
  for (const line of stack.split('\n')) {
    const frame = /\(?((?:file:\/\/|https?:\/\/|\/|[A-Za-z]:[\\/])[^()]*:\d+:\d+)\)?\s*$/.exec(line)?.[1]
    if (frame === undefined) continue
    const place = frame.replace(/^file:\/\//, '')
    if (!place.startsWith(ownRoot) && !place.includes('node:internal')) return place
  }
  return undefined
}
