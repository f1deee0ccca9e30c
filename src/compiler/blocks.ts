/**
 * Blocking: kernels that pass large arrays on to each other run in pieces, one piece of each after the other, so that what
 * they pass on stays in the cache: packed windows of a convolution, scores of an attention, rows of a softmax.
 */
import type { LoopDraft } from './draft.js'
import type { Buffer, Kernel } from './kernel.js'
import type { Limits } from './limits.js'
import { type Blocking, type Group, apartOf, divisors, inPieces, resultOf, sumInParts, total } from './pieces.js'
import { accesses, bufferBytes } from './plan.js'
import { repeatedProducts } from './repeated.js'
import { type Member, cutsOf, greatestDivisor, isSum, slicingOf } from './slices.js'

const maximumMembers = 40

const union = <T>(a: ReadonlySet<T>, b: Iterable<T>): Set<T> => new Set([...a, ...b])
const meets = <T>(a: Iterable<T>, b: ReadonlySet<T>): boolean => {
  for (const x of a) if (b.has(x)) return true
  return false
}

const fitsMatrices = (members: readonly Member[], pieces: number, limits: Limits): boolean =>
  members.every(
    ({ kernel, cut }) =>
      kernel.kind !== 'contraction' ||
      (cut === 'rows'
        ? kernel.rows / pieces >= limits.leastRows
        : cut !== 'inner' || kernel.inner / pieces >= limits.leastInner),
  )

/** Bytes of sliced arrays that are in use at a time at most, each from the first member that touches it to the last. */
const mostAtOnce = ({ members, sliced }: Group): number => {
  const touched = members.map(({ kernel }) => {
    const { reads, writes } = accesses(kernel)
    return [...reads, ...writes].filter((buffer) => sliced.has(buffer))
  })
  const last = new Map<Buffer, number>()
  for (const [k, buffers] of touched.entries()) for (const buffer of buffers) last.set(buffer, k)
  const used = new Set<Buffer>()
  let most = 0
  for (const [k, buffers] of touched.entries()) {
    for (const buffer of buffers) used.add(buffer)
    most = Math.max(most, total(used))
    for (const buffer of buffers) if (last.get(buffer) === k) used.delete(buffer)
  }
  return most
}

/** The number of pieces whose arrays fit the cache, if there is one. */
const piecesOf = (group: Group, { limits, normalize }: Blocking): number | undefined => {
  const { members, extent, sliced, whole } = group
  if (total(whole) > limits.wholeBytes) return undefined
  const bytes = total(sliced)
  // Arrays of a long group come one after the other: what counts is how many are needed at a time.
  const most = bytes / extent <= limits.maximumBytes ? bytes : mostAtOnce(group)
  const possible = divisors(extent).filter(
    (n) =>
      n > 1 &&
      most / n <= limits.maximumBytes &&
      fitsMatrices(members, n, limits) &&
      apartOf(members, n, normalize) !== undefined,
  )
  return possible.find((n) => bytes / n <= limits.wantedBytes) ?? possible.at(-1)
}

/**
 * The group with one more kernel, if it can be cut alike and keeps the order of reads and writes. It reads what the group
 * touches, unless it is there for one that does.
 */
const joined = (group: Group | undefined, kernel: Kernel, blocking: Blocking, isHelper = false): Group | undefined => {
  const { reads, writes } = accesses(kernel)
  // A piece would not find what a scatter updates.
  const draft: LoopDraft | undefined = kernel.kind === 'loops' ? kernel : undefined
  if (draft?.trusted !== undefined) return undefined
  if (group !== undefined) {
    if (group.members.length >= maximumMembers) return undefined
    if (meets(writes, group.sliced) || meets(writes, group.whole) || meets(reads, group.sums)) return undefined
    if (!isHelper && !meets(reads, group.sliced)) return undefined
  }
  for (const { cut, extent: own } of cutsOf(kernel)) {
    const extent = greatestDivisor(group?.extent ?? 0, own)
    if (extent < 2) continue
    const slicing = slicingOf(kernel, cut, extent, blocking.normalize)
    if (slicing === undefined) continue
    if (group !== undefined && (meets(slicing.whole, group.sliced) || meets(slicing.sliced, group.whole))) continue
    const next: Group = {
      members: [...(group?.members ?? []), { kernel, cut }],
      extent,
      sliced: union(group?.sliced ?? new Set(), slicing.sliced),
      whole: union(group?.whole ?? new Set(), slicing.whole),
      written: union(group?.written ?? new Set(), isSum(cut) ? [resultOf(kernel)] : writes),
      sums: union(group?.sums ?? new Set(), isSum(cut) ? [resultOf(kernel)] : []),
    }
    if (piecesOf(next, blocking) !== undefined) return next
  }
  return undefined
}

/** Bytes that need not go through memory, less what running in pieces costs. */
const gain = (group: Group, pieces: number, needed: ReadonlySet<Buffer>, limits: Limits): number => {
  let saved = 0
  for (const buffer of group.written) {
    // A result that its own kernel reads again is in the cache still.
    const isRead = group.members.some(({ kernel }) => {
      const { reads, writes } = accesses(kernel)
      return reads.includes(buffer) && !(needed.has(buffer) && writes.includes(buffer))
    })
    if (!isRead || bufferBytes(buffer) < limits.smallBytes) continue
    saved += needed.has(buffer) ? bufferBytes(buffer) : 3 * bufferBytes(buffer)
  }
  const again = total(group.sums) + total(group.whole)
  return saved - pieces * (2 * again + limits.startingBytes * group.members.length)
}

const isLarge = (kernel: Kernel, { smallBytes }: Limits): boolean => {
  const { reads, writes } = accesses(kernel)
  return [...reads, ...writes].some((buffer) => bufferBytes(buffer) >= smallBytes)
}

/** Those of some kernels that make what is read here, in order, and what they read in turn. */
const makersOf = (before: readonly Kernel[], reads: readonly Buffer[]): readonly Kernel[] => {
  const wanted = new Set(reads)
  return before
    .toReversed()
    .filter((kernel) => {
      const { reads: needed, writes } = accesses(kernel)
      if (!meets(writes, wanted)) return false
      for (const buffer of needed) wanted.add(buffer)
      return true
    })
    .reverse()
}

/** The group with a kernel and those before the group that make its operands, as long as nobody else there uses them. */
const joinedWithHelpers = (
  group: Group,
  before: readonly Kernel[],
  kernel: Kernel,
  blocking: Blocking,
): { readonly group: Group; readonly helpers: ReadonlySet<Kernel> } | undefined => {
  const helpers = makersOf(before, accesses(kernel).reads)
  const made = new Set(helpers.flatMap((helper) => accesses(helper).writes))
  const isUsed = before.some((other) => !helpers.includes(other) && meets(accesses(other).reads, made))
  if (helpers.length === 0 || isUsed) return undefined
  // Any kernel reads what its own helpers make: that alone does not belong to the group.
  if (![kernel, ...helpers].some((other) => meets(accesses(other).reads, group.sliced))) return undefined
  let next: Group | undefined = group
  for (const helper of helpers) next = next && joined(next, helper, blocking, true)
  next = next && joined(next, kernel, blocking)
  return next && { group: next, helpers: new Set(helpers) }
}

/** How far ahead a group looks for more members. */
const horizon = 40

/** A group that begins with a kernel, and the kernels around it that stay ahead of it and behind it. */
interface Gathered {
  readonly group: Group | undefined
  readonly before: readonly Kernel[]
  readonly after: readonly Kernel[]
}

/**
 * The group of `first` and of kernels among the next ones. What is computed again is computed late on purpose: it may not
 * pass kernels that have to wait, only to have a large array lie there for those behind, unless another need not be kept
 * for that.
 */
const gather = (
  first: Kernel,
  rest: readonly Kernel[],
  ahead: number,
  repeated: ReadonlySet<Kernel>,
  blocking: Blocking,
): Gathered => {
  const start = isLarge(first, blocking.limits) ? joined(undefined, first, blocking) : undefined
  if (start === undefined) return { group: start, before: [], after: rest }
  let group: Group = start
  let before: Kernel[] = []
  let after: Kernel[] = []
  const late = { reads: new Set<Buffer>(), writes: new Set<Buffer>() }
  const early: {
    readonly at: number
    readonly reads: readonly Buffer[]
    readonly writes: readonly Buffer[]
    readonly large: readonly Buffer[]
  }[] = []
  for (const [at, kernel] of rest.slice(0, ahead).entries()) {
    const { reads, writes } = accesses(kernel)
    const waits = meets(reads, late.writes) || meets(writes, late.writes) || meets(writes, late.reads)
    const helped = waits ? undefined : joinedWithHelpers(group, before, kernel, blocking)
    const next: Group | undefined = waits ? undefined : (helped?.group ?? joined(group, kernel, blocking))
    if (next !== undefined) {
      group = next
      before = before.filter((other) => helped?.helpers.has(other) !== true)
      const large = writes.filter((b) => bufferBytes(b) >= blocking.limits.smallBytes && !next.sums.has(b))
      const isLate = repeated.has(kernel) || early.some((other) => meets(reads, new Set(other.writes)))
      if (after.length > 0 && isLate) early.push({ at, reads, writes, large })
    } else if (waits || touches(kernel, group)) {
      after.push(kernel)
      for (const buffer of reads) late.reads.add(buffer)
      for (const buffer of writes) late.writes.add(buffer)
    } else before.push(kernel)
  }
  // Nor does anything else go ahead of the group that the group does not need.
  const members = group.members.map(({ kernel }) => kernel)
  const needed = new Set<Kernel>()
  const used = {
    reads: new Set(members.flatMap((k) => accesses(k).reads)),
    writes: new Set(members.flatMap((k) => accesses(k).writes)),
  }
  for (const kernel of before.toReversed()) {
    const { reads, writes } = accesses(kernel)
    if (!meets(writes, used.reads) && !meets(writes, used.writes) && !meets(reads, used.writes)) continue
    needed.add(kernel)
    for (const buffer of reads) used.reads.add(buffer)
    for (const buffer of writes) used.writes.add(buffer)
  }
  const behind = new Set([...after, ...before.filter((kernel) => !needed.has(kernel)), ...rest.slice(ahead)])
  before = before.filter((kernel) => needed.has(kernel))
  after = rest.filter((kernel) => behind.has(kernel))
  const wanted = new Set(after.flatMap((kernel) => accesses(kernel).reads))
  // What need not be kept, because members use it up; but not what they only made ahead of its time.
  const usedUp = new Set([...group.written].filter((buffer) => !wanted.has(buffer)))
  for (const { writes } of early) for (const buffer of writes) usedUp.delete(buffer)
  const tooEarly = early.find(({ reads, writes, large }) => {
    const saves = meets(reads, usedUp)
    if (saves) for (const buffer of writes) if (!wanted.has(buffer)) usedUp.add(buffer)
    return !saves && meets(large, wanted)
  })
  return tooEarly === undefined ? { group, before, after } : gather(first, rest, tooEarly.at, repeated, blocking)
}

/** The kernels, those that gain by it in pieces; loops outside are left as they are, loops inside are finished. */
export const block = (
  kernels: readonly Kernel[],
  outputs: ReadonlySet<Buffer>,
  blocking: Blocking,
  repeated: ReadonlySet<Kernel> = repeatedProducts(kernels),
): Kernel[] => {
  const out: Kernel[] = []
  let rest: readonly Kernel[] = kernels
  for (let [first] = rest; first !== undefined; [first] = rest) {
    const { group, before, after } = gather(first, rest.slice(1), horizon, repeated, blocking)
    const needed = new Set(outputs)
    for (const kernel of after) for (const buffer of accesses(kernel).reads) needed.add(buffer)
    const pieces = group === undefined ? undefined : piecesOf(group, blocking)
    if (group === undefined || pieces === undefined || gain(group, pieces, needed, blocking.limits) <= 0) {
      out.push(...((first.kind === 'loops' ? sumInParts(first, blocking) : undefined) ?? [first]))
      rest = rest.slice(1)
      continue
    }
    out.push(
      ...block(before, union(needed, readsOf(group)), blocking, repeated),
      ...inPieces(group, pieces, needed, blocking),
    )
    rest = after
  }
  return out
}

const readsOf = ({ members }: Group): readonly Buffer[] => members.flatMap(({ kernel }) => accesses(kernel).reads)

/** Whether a kernel must stay behind a group: it uses what the group writes, or writes what the group uses. */
const touches = (kernel: Kernel, group: Group): boolean => {
  const { reads, writes } = accesses(kernel)
  return (
    meets(reads, group.written) ||
    meets(writes, group.written) ||
    meets(writes, group.sliced) ||
    meets(writes, group.whole)
  )
}
