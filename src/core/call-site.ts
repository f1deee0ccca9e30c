/** Where in the user's program something was asked for: the nearest stack frame outside the library. */

// The library's own folder: frames below it are ours, all others the user's. This module is core/call-site.js of it, or in what
// tools/bundle.mjs has put into node/cotangent.js. In a bundle of the user's it is the file itself, so that no frame is the user's;
// bundles that are plain scripts have no URL.
const ownUrl: unknown = import.meta.url
const ownRoot =
  typeof ownUrl === 'string'
    ? ownUrl.replace(/(?:core\/call-site|node\/cotangent)\.[jt]s.*$|[?#].*$/, '').replace(/^file:\/\//, '')
    : ''

let inherited: string | undefined
/** What all that happens now was asked for by; its place is looked for when somebody wants it. */
let asked: { place: string | undefined; isFound: boolean } | undefined

const during = <R>(source: string | undefined, f: () => R, together?: typeof asked): R => {
  const before = inherited
  const askedBefore = asked
  inherited = source
  asked = together
  try {
    return f()
  } finally {
    inherited = before
    asked = askedBefore
  }
}

/** Runs `f`, which rewrites or repeats something that was asked for at `source`, as if it were asked for there. */
export const withSource = <R>(source: string | undefined, f: () => R): R =>
  source === undefined ? f() : during(source, f)

/** Runs code of the user's: what it asks for is asked for by itself, whatever is being rewritten around it. */
export const withOwnSource = <R>(f: () => R): R => during(undefined, f)

/**
 * Runs a rule of the library, all of whose equations were asked for by one call of the user's: its place is looked for once,
 * and only if an equation is recorded.
 */
export const withOneSource = <R>(f: () => R): R =>
  inherited !== undefined || asked !== undefined ? f() : during(undefined, f, { place: undefined, isFound: false })

/** What V8 tells of a stack frame; its line is looked up only when asked for, for which V8 reads the function's text again. */
interface Frame {
  getScriptNameOrSourceURL(): string | null
  getLineNumber(): number | null
  getColumnNumber(): number | null
}

/** Frames that are looked through: most of the user's are near, and each one that is handed over takes time. */
const depths = [28, 40]
const ofFiles = /^(?:file:\/\/|https?:\/\/|\/|[A-Za-z]:[\\/])/

const isUsers = (name: string): boolean =>
  ofFiles.test(name) && !name.includes(ownRoot) && !name.includes('node:internal')

/** The place in the first line of a printed stack that is not of the library. */
const placeIn = (stack: string): string | undefined => {
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

/** Whether the host prints positions of sources that files were made from, which frames do not know. */
const mapsSources = (): boolean => {
  const host: unknown = Reflect.get(globalThis, 'process')
  return typeof host === 'object' && host !== null && Reflect.get(host, 'sourceMapsEnabled') === true
}

const printed = (frame: Frame): string =>
  `${frame.getScriptNameOrSourceURL()}:${frame.getLineNumber()}:${frame.getColumnNumber()}`.replace(/^file:\/\//, '')

/**
 * The place of the nearest frame of the user's. To print a stack, V8 looks up the line of every frame, which takes as long as
 * tracing the equation: so only one frame is printed, by whoever has taken over printing, if anybody has.
 */
const placeOfFrame = (): string | undefined => {
  const printer: unknown = Reflect.get(Error, 'prepareStackTrace')
  let at = -1
  let place: string | undefined
  const find = (error: unknown, frames: readonly Frame[]): string => {
    at = frames.findIndex((each) => isUsers(each.getScriptNameOrSourceURL() ?? ''))
    const frame = frames[at]
    if (frame === undefined) return ''
    const text: unknown = typeof printer === 'function' ? Reflect.apply(printer, Error, [error, [frame]]) : undefined
    place = (typeof text === 'string' ? placeIn(text) : undefined) ?? printed(frame)
    return ''
  }
  try {
    Reflect.set(Error, 'prepareStackTrace', find)
    // Frames are handed over when the stack is asked for.
    void new Error().stack
  } finally {
    Reflect.set(Error, 'prepareStackTrace', printer)
  }
  if (at < 0 || typeof printer === 'function' || !mapsSources()) return place
  // The host's own printer works only where nobody else prints; the same frames follow a line of what went wrong.
  return placeIn(new Error().stack?.split('\n')[at + 1] ?? '') ?? place
}

/** `file:line:column` of the user's code that is running, or undefined when the host shows no stack. */
export const callSite = (): string | undefined => {
  if (inherited !== undefined || asked === undefined) return inherited ?? searched()
  if (!asked.isFound) Object.assign(asked, { place: searched(), isFound: true })
  return asked.place
}

const searched = (): string | undefined => {
  // V8's stack limit is no standard, so hosts without it just show what they show.
  const before: unknown = Reflect.get(Error, 'stackTraceLimit')
  if (typeof before !== 'number') return placeIn(new Error().stack ?? '')
  try {
    for (const depth of depths) {
      Reflect.set(Error, 'stackTraceLimit', depth)
      const place = placeOfFrame()
      if (place !== undefined) return place
    }
    return undefined
  } finally {
    Reflect.set(Error, 'stackTraceLimit', before)
  }
}
