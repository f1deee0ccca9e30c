/** Which objects are alive, asked within a synchronous loop: of young ones after a scavenge, which costs a tenth of a millisecond. */

/** The little of Node's `util` that is needed. */
interface NodeUtil {
  readonly inspect: (value: object, options: Readonly<Record<string, unknown>>) => string
}

const customInspect = Symbol.for('nodejs.util.inspect.custom')

/** Censuses after which an object counts as old: V8 moves what survives two scavenges to where only full collections look. */
const tenuringAge = 2

/** What is known of an object's life. It does not reach the object. */
export class Life {
  /** The last census that met the object. */
  seen: number
  /** Censuses that it has survived. */
  age = 0
  constructor(seen: number) {
    this.seen = seen
  }
}

/** Whom the census that is under way has met. */
let met: Pulse[] | undefined

/** What a watched object holds, and nobody else: it is in the heap for as long as the object is. */
export class Pulse {
  readonly life: Life
  constructor(life: Life) {
    this.life = life
  }

  /** Node asks the members of a set how they want to be shown. */
  [customInspect](): string {
    met?.push(this)
    return ''
  }
}

/**
 * The watched objects in two generations, as V8 has them. A collection of either kind takes what is dead out of weak sets at once, and
 * what is left in one is what `inspect` of Node's `util` shows of it. WeakRef and FinalizationRegistry would not do: within a job they
 * say nothing, and what they know of survives every scavenge.
 */
export class Generations {
  private young = new WeakSet<Pulse>()
  private readonly old = new WeakSet<Pulse>()
  private census = 1
  /** The last census of all. */
  private fullCensus = 1
  /** Always alive: a census that does not meet it has missed others too. */
  private readonly witness = new Pulse(new Life(0))
  private readonly inspect: NodeUtil['inspect'] | undefined
  /** Whether weak sets can be listed here: in Node. */
  readonly works: boolean

  constructor() {
    const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }
    this.inspect = (process?.getBuiltinModule?.('node:util') as NodeUtil | undefined)?.inspect
    this.works = this.membersOf(this.young) !== undefined
  }

  /** A pulse for a new object, to be held by it alone. */
  enter(): Pulse {
    const pulse = new Pulse(new Life(this.census))
    this.young.add(pulse)
    return pulse
  }

  /** Whether the object was dead at the last census of its generation. */
  isGone({ seen, age }: Life): boolean {
    return seen < (age < tenuringAge ? this.census : this.fullCensus)
  }

  /** Lists the young, after a scavenge. When false comes back, nothing was learned. */
  countYoung(): boolean {
    const members = this.membersOf(this.young)
    if (members === undefined) return false
    this.census++
    this.young = new WeakSet()
    for (const pulse of members) {
      const { life } = pulse
      life.seen = this.census
      life.age++
      if (life.age < tenuringAge) this.young.add(pulse)
      else this.old.add(pulse)
    }
    return true
  }

  /** Lists all, after a full collection. When false comes back, nothing was learned. */
  countAll(): boolean {
    const members = this.membersOf(this.old)
    if (members === undefined || !this.countYoung()) return false
    for (const { life } of members) life.seen = this.census
    this.fullCensus = this.census
    return true
  }

  private membersOf(set: WeakSet<Pulse>): Pulse[] | undefined {
    const { inspect, witness } = this
    if (inspect === undefined) return undefined
    const members: Pulse[] = []
    try {
      set.add(witness)
      met = members
      const shown = inspect(set, {
        showHidden: true,
        maxArrayLength: Infinity,
        customInspect: true,
        colors: false,
        depth: 0,
        breakLength: Infinity,
        compact: true,
      })
      // Node shows another text where it could not go through all members.
      if (!shown.startsWith('WeakSet {')) return undefined
    } catch {
      // Little is left of the stack.
      return undefined
    } finally {
      met = undefined
    }
    const index = members.indexOf(witness)
    if (index < 0) return undefined
    members.splice(index, 1)
    return members
  }
}
