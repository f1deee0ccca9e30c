/** Where in the user's program something was asked for: the nearest stack frame outside the library. */

// The library's own folder: frames below it are ours, all others the user's. In a bundle it is the file itself, so that no
// frame is the user's; bundles that are plain scripts have no URL.
const ownUrl: unknown = import.meta.url
const ownRoot =
  typeof ownUrl === 'string' ? ownUrl.replace(/core\/source\.[jt]s.*$|[?#].*$/, '').replace(/^file:\/\//, '') : ''

let inherited: string | undefined

const during = <R>(source: string | undefined, f: () => R): R => {
  const before = inherited
  inherited = source
  try {
    return f()
  } finally {
    inherited = before
  }
}

/** Runs `f`, which rewrites or repeats something that was asked for at `source`, as if it were asked for there. */
export const withSource = <R>(source: string | undefined, f: () => R): R => during(source ?? inherited, f)

/** Runs code of the user's: what it asks for is asked for by itself, whatever is being rewritten around it. */
export const withOwnSource = <R>(f: () => R): R => during(undefined, f)

/** `file:line:column` of the user's code that is running, or undefined when the host shows no stack. */
export const callSite = (): string | undefined => {
  if (inherited !== undefined) return inherited
  // V8's stack limit is no standard, so hosts without it just show what they show.
  const before: unknown = Reflect.get(Error, 'stackTraceLimit')
  if (typeof before === 'number') Reflect.set(Error, 'stackTraceLimit', 40)
  const { stack } = new Error()
  if (typeof before === 'number') Reflect.set(Error, 'stackTraceLimit', before)
  if (stack === undefined) return undefined
  for (const line of stack.split('\n')) {
    // Most frames are the library's own, and a search is much cheaper than the pattern.
    if (line.includes(ownRoot)) continue
    const frame = /(?:^|[\s(@])((?:file:\/\/|https?:\/\/|\/|[A-Za-z]:[\\/])[^()]*:\d+:\d+)\)?\s*$/.exec(line)?.[1]
    if (frame === undefined) continue
    const place = frame.replace(/^file:\/\//, '')
    if (!place.startsWith(ownRoot) && !place.includes('node:internal')) return place
  }
  return undefined
}
