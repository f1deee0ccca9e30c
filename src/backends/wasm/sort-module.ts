/**
 * The module that sorts operands of given dtypes: stable radix sorts by digits of the keys, least significant first, over
 * lines as a whole or over parts of one long line. Floats are compared by their bits, so that NaN comes last and -0 is 0.
 */
import { type DType, dtypeBytes, known } from '../../core/index.js'
import { type FunctionBuilder, type MemoryType, ModuleBuilder } from './assembler.js'
import { argumentsWord } from './frame.js'
import { type Instructions, type Value, type Variable, instructions } from './instructions.js'
import type { Op, ValueType } from './opcodes.js'
import { type KeyWord, keyOf, keyOfDouble, keyWords, loadBits } from './sort-keys.js'

/**
 * What is sorted: a single operand of 32 bits moves by itself (4 bytes); otherwise entries of a key word and an index
 * (8 bytes: the index first), by which the operands are gathered in the end.
 */
export const isByValue = (dtypes: readonly DType[]): boolean =>
  dtypes.length === 1 && (dtypes[0] === 'float32' || dtypes[0] === 'int32' || dtypes[0] === 'uint32')

/** Bytes that move for each element. */
export const itemBytes = (dtypes: readonly DType[]): number => (isByValue(dtypes) ? 4 : 8)

/** Lines up to this size are sorted by insertion. */
const insertionLimit = 24
/** Bits of a digit: 8 for short lines, which have to clear and add up all counts; 11 for long ones. */
const fewBits = 8
export const manyBits = 11
const fewBuckets = 1 << fewBits
export const manyBuckets = 1 << manyBits
/** Lines from this size on have the longer digits. */
const manyBucketsFrom = 8192

/** Words of the table that tells the jobs what to do; the address of each operand and of its result follow. */
export const table = {
  size: 0,
  inner: 1,
  from: 2,
  to: 3,
  shift: 4,
  buckets: 5,
  counts: 6,
  part: 7,
  operands: 8,
} as const

/** Numbers of the jobs: whole lines; parts of one line, for one digit; then one for each key word; the last one gathers. */
export const jobs = { lines: 0, count: 1, move: 2, keys: 3 } as const

type Write = (w: Instructions, ...parameters: Variable[]) => void

/** Makes the functions of one module. */
class SortModule {
  readonly module: ModuleBuilder
  private readonly dtypes: readonly DType[]
  private readonly words: readonly KeyWord[]
  private readonly byValue: boolean
  private readonly bytes: number

  constructor(memory: MemoryType, dtypes: readonly DType[], keys: number) {
    this.module = new ModuleBuilder(memory)
    this.dtypes = dtypes
    this.words = keyWords(dtypes, keys)
    this.byValue = isByValue(dtypes)
    this.bytes = itemBytes(dtypes)
  }

  private make(name: string, count: number, write: Write, results: readonly ValueType[] = []): FunctionBuilder {
    const f = this.module.function(name, new Array<ValueType>(count).fill('i32'), results)
    const w = instructions(f)
    write(w, ...Array.from({ length: count }, (_, i) => w.parameter(i)))
    return f
  }

  /** The key of the item at an address. */
  private key(w: Instructions, bits: Variable, address: Value): Value {
    if (!this.byValue) return w.load('i32.load', address, 4)
    const dtype = known(this.dtypes[0], 'dtype')
    return () => {
      w.set(bits, loadBits(w, dtype, address))
      w.push(keyOf(w, dtype, bits))
    }
  }

  private copyItem(w: Instructions, to: Value, from: Value): void {
    if (this.byValue) w.store('i32.store', to, w.load('i32.load', from))
    else w.store('i64.store', to, w.load('i64.load', from))
  }

  /** Address of the count of a key's digit. */
  private place(w: Instructions, key: Value, shift: Variable, buckets: Variable, counts: Variable): Value {
    const digit = w.op('i32.and', w.op('i32.shr_u', key, shift), w.op('i32.sub', buckets, 1))
    return w.add(counts, w.mul(digit, 4))
  }

  /** Counts how often each digit occurs in the items from `begin` to `end`. */
  private readonly count = (): FunctionBuilder =>
    this.make('count', 6, (w, items, begin, end, shift, buckets, counts) => {
      const [at, last, place, bits] = [w.local(), w.local(), w.local(), w.local()]
      w.each(at, counts, w.add(counts, w.mul(buckets, 4)), () => w.store('v128.store', at, w.zeros), 16)
      w.set(last, w.add(items, w.mul(end, this.bytes)))
      const each = (): void => {
        w.set(place, this.place(w, this.key(w, bits, at), shift, buckets, counts))
        w.store('i32.store', place, w.add(w.load('i32.load', place), 1))
      }
      w.each(at, w.add(items, w.mul(begin, this.bytes)), last, each, this.bytes)
    })

  /** Moves the items from `begin` to `end` to the places that are left for their digits. */
  private readonly move = (): FunctionBuilder =>
    this.make('move', 7, (w, from, to, begin, end, shift, buckets, counts) => {
      const [at, last, place, target, bits] = [w.local(), w.local(), w.local(), w.local(), w.local()]
      w.set(last, w.add(from, w.mul(end, this.bytes)))
      const each = (): void => {
        w.set(place, this.place(w, this.key(w, bits, at), shift, buckets, counts))
        w.set(target, w.load('i32.load', place))
        w.store('i32.store', place, w.add(target, 1))
        this.copyItem(w, w.add(to, w.mul(target, this.bytes)), at)
      }
      w.each(at, w.add(from, w.mul(begin, this.bytes)), last, each, this.bytes)
    })

  /**
   * Turns the counts of all parts into the places of each part's items: by digit, then by part. Returns whether there are
   * different digits; else nothing need move.
   */
  private readonly offsets = (): FunctionBuilder =>
    this.make(
      'offsets',
      4,
      (w, counts, parts, buckets, size) => {
        const [digit, at, last, sum, before, count] = [w.local(), w.local(), w.local(), w.local(), w.local(), w.local()]
        const row = w.mul(buckets, 4)
        w.set(last, w.mul(parts, row))
        w.each(digit, 0, buckets, () => {
          w.set(before, sum)
          w.each(
            at,
            w.add(counts, w.mul(digit, 4)),
            w.add(w.add(counts, w.mul(digit, 4)), last),
            () => {
              w.set(count, w.load('i32.load', at))
              w.store('i32.store', at, sum)
              w.set(sum, w.add(sum, count))
            },
            row,
          )
          w.when(w.op('i32.eq', w.op('i32.sub', sum, before), size), () => w.return(0))
        })
        w.push(1)
      },
      ['i32'],
    )

  /** Writes the entries of a line from `begin` to `end`: a word of their keys, and their index where there is none yet. */
  private readonly keys = (word: KeyWord, isFirst: boolean, i: number): FunctionBuilder =>
    this.make(`keys_${i}`, 5, (w, entries, source, stride, begin, end) => {
      const [at, entry, bits, low, address] = [w.local(), w.local(), w.local(), w.local(), w.local()]
      w.each(at, begin, end, () => {
        w.set(entry, w.add(entries, w.mul(at, 8)))
        if (isFirst) w.store('i32.store', entry, at)
        w.set(address, w.add(source, w.mul(isFirst ? at : w.load('i32.load', entry), stride)))
        w.set(bits, loadBits(w, word.dtype, address))
        if (word.dtype !== 'float64') {
          w.store('i32.store', entry, keyOf(w, word.dtype, bits), 4)
          return
        }
        w.set(low, w.load('i32.load', address))
        w.store('i32.store', entry, keyOfDouble(w, bits, low, word.isLow), 4)
      })
    })

  /** Elements of an operand in the order of the entries from `begin` to `end`; by value, the items themselves. */
  private readonly gather = (bytes: number): FunctionBuilder =>
    this.make(`gather_${bytes}`, 6, (w, items, source, target, stride, begin, end) => {
      const at = w.local()
      const [load, store] = moves(bytes)
      w.each(at, begin, end, () => {
        const item = w.add(items, w.mul(at, this.bytes))
        const from = this.byValue ? item : w.add(source, w.mul(w.load('i32.load', item), stride))
        w.store(store, w.add(target, w.mul(at, stride)), w.load(load, from))
      })
    })

  /** Sorts a few items, which may be sorted by less significant words already. */
  private readonly insert = (): FunctionBuilder =>
    this.make('insert', 2, (w, items, size) => {
      const [at, hole, key, bits, last, other] = [w.local(), w.local(), w.local(), w.local(), w.local(), w.local()]
      const item = w.local(this.byValue ? 'i32' : 'i64')
      const [load, store] = moves(this.bytes)
      w.set(last, w.add(items, w.mul(size, this.bytes)))
      const each = (): void => {
        w.set(item, w.load(load, at))
        w.set(key, this.key(w, bits, at))
        w.set(hole, at)
        const before = w.op('i32.sub', hole, this.bytes)
        // Not beyond the first item, and only past larger ones.
        const isLarger = w.choose(
          w.op('i32.gt_u', hole, items),
          () => {
            w.set(other, this.key(w, bits, before))
            w.push(w.op('i32.gt_u', other, key))
          },
          0,
        )
        w.loop(isLarger, () => {
          this.copyItem(w, hole, before)
          w.set(hole, before)
        })
        w.store(store, hole, item)
      }
      w.each(at, w.add(items, this.bytes), last, each, this.bytes)
    })

  /** Items of a line by value, from `begin` to `end`. */
  private readonly pick = (): FunctionBuilder =>
    this.make('keys_0', 5, (w, items, source, stride, begin, end) => {
      const at = w.local()
      w.each(at, begin, end, () => {
        w.store('i32.store', w.add(items, w.mul(at, 4)), w.load('i32.load', w.add(source, w.mul(at, stride))))
      })
    })

  /** Sorts items by one word, a digit after the other; returns where they are then: at `from`, or at `to`. */
  private readonly radix = (count: number, move: number, offsets: number): FunctionBuilder =>
    this.make(
      'radix',
      6,
      (w, from, to, size, counts, buckets, bits) => {
        const [shift, swap] = [w.local(), w.local()]
        const each = (): void => {
          w.run(w.call(count, from, 0, size, shift, buckets, counts))
          w.when(w.call(offsets, counts, 1, buckets, size), () => {
            w.run(w.call(move, from, to, 0, size, shift, buckets, counts))
            w.set(swap, from)
            w.set(from, to)
            w.set(to, swap)
          })
        }
        w.each(shift, 0, 32, each, bits)
        w.push(from)
      },
      ['i32'],
    )

  /** All functions; those that are jobs are exported under their numbers. */
  write(): void {
    const count = this.count().index
    const move = this.move().index
    const offsets = this.offsets()
    this.module.export(offsets)
    const radix = this.radix(count, move, offsets.index).index
    const insert = this.insert().index
    const keys = this.byValue ? [this.pick()] : this.words.map((word, i) => this.keys(word, i === 0, i))
    const gathers = new Map([...new Set(this.dtypes.map(dtypeBytes))].map((bytes) => [bytes, this.gather(bytes).index]))
    const gather = (dtype: DType): number => known(gathers.get(dtypeBytes(dtype)), 'gather')
    const word = (w: Instructions, base: Variable, i: number): Value => w.load('i32.load', base, 4 * i)
    const source = (w: Instructions, base: Variable, k: number): Value => word(w, base, table.operands + 2 * k)
    const target = (w: Instructions, base: Variable, k: number): Value => word(w, base, table.operands + 2 * k + 1)

    const line = this.make('line', 3, (w, t, index, scratch) => {
      const [size, inner, first, items, spare, counts] = [
        w.local(),
        w.local(),
        w.local(),
        w.local(),
        w.local(),
        w.local(),
      ]
      const [buckets, bits] = [w.local(), w.local()]
      w.set(size, word(w, t, table.size))
      w.set(inner, word(w, t, table.inner))
      w.set(first, w.add(w.mul(w.mul(w.op('i32.div_u', index, inner), size), inner), w.op('i32.rem_u', index, inner)))
      w.set(buckets, w.op('select', manyBuckets, fewBuckets, w.op('i32.ge_u', size, manyBucketsFrom)))
      w.set(bits, w.op('select', manyBits, fewBits, w.op('i32.ge_u', size, manyBucketsFrom)))
      w.set(items, scratch)
      w.set(spare, w.add(scratch, w.mul(size, this.bytes)))
      w.set(counts, w.add(spare, w.mul(size, this.bytes)))
      const at = (address: Value, bytes: number): Value => w.add(address, w.mul(first, bytes))
      keys.forEach((f, i) => {
        const { operand, dtype } = known(this.words[i], 'word')
        const bytes = dtypeBytes(dtype)
        w.run(w.call(f.index, items, at(source(w, t, operand), bytes), w.mul(inner, bytes), 0, size))
        w.when(
          w.op('i32.le_u', size, insertionLimit),
          () => w.run(w.call(insert, items, size)),
          () => {
            const swap = w.local()
            w.set(swap, w.call(radix, items, spare, size, counts, buckets, bits))
            w.set(spare, w.op('i32.xor', w.op('i32.xor', items, spare), swap))
            w.set(items, swap)
          },
        )
      })
      this.dtypes.forEach((dtype, k) => {
        const bytes = dtypeBytes(dtype)
        const [from, to] = [at(source(w, t, k), bytes), at(target(w, t, k), bytes)]
        w.run(w.call(gather(dtype), items, from, to, w.mul(inner, bytes), 0, size))
      })
    }).index

    const job = (
      number: number,
      body: (w: Instructions, t: Variable, i: Variable, scratch: Variable) => void,
    ): void => {
      const f = this.make(`job_${number}`, 3, (w, begin, end, scratch) => {
        const [t, i] = [w.local(), w.local()]
        w.set(t, w.load('i32.load', 0, 4 * argumentsWord))
        w.each(i, begin, end, () => body(w, t, i, scratch))
      })
      this.module.export(f)
    }
    /** Begin and end of a part of a long line. */
    const part = (w: Instructions, t: Variable, i: Value): readonly [Value, Value] => {
      const [length, size] = [word(w, t, table.part), word(w, t, table.size)]
      const end = w.mul(w.add(i, 1), length)
      return [w.mul(i, length), w.op('select', end, size, w.op('i32.lt_u', end, size))]
    }
    const digits = (w: Instructions, t: Variable, i: Value): readonly Value[] => {
      const buckets = word(w, t, table.buckets)
      return [word(w, t, table.shift), buckets, w.add(word(w, t, table.counts), w.mul(w.mul(i, buckets), 4))]
    }
    job(jobs.lines, (w, t, i, scratch) => w.run(w.call(line, t, i, scratch)))
    job(jobs.count, (w, t, i) => w.run(w.call(count, word(w, t, table.from), ...part(w, t, i), ...digits(w, t, i))))
    job(jobs.move, (w, t, i) =>
      w.run(w.call(move, word(w, t, table.from), word(w, t, table.to), ...part(w, t, i), ...digits(w, t, i))),
    )
    keys.forEach((f, k) =>
      job(jobs.keys + k, (w, t, i) => {
        const { operand, dtype } = known(this.words[k], 'word')
        const stride = w.mul(word(w, t, table.inner), dtypeBytes(dtype))
        w.run(w.call(f.index, word(w, t, table.from), source(w, t, operand), stride, ...part(w, t, i)))
      }),
    )
    job(jobs.keys + keys.length, (w, t, i) => {
      this.dtypes.forEach((dtype, k) => {
        const stride = w.mul(word(w, t, table.inner), dtypeBytes(dtype))
        const places = [source(w, t, k), target(w, t, k)]
        w.run(w.call(gather(dtype), word(w, t, table.from), ...places, stride, ...part(w, t, i)))
      })
    })
  }
}

/** How so many bytes are loaded and stored. */
const moves = (bytes: number): readonly [load: Op, store: Op] => {
  switch (bytes) {
    case 1:
      return ['i32.load8_u', 'i32.store8']
    case 2:
      return ['i32.load16_u', 'i32.store16']
    case 4:
      return ['i32.load', 'i32.store']
    default:
      return ['i64.load', 'i64.store']
  }
}

/** The bytes of the module for operands of these dtypes, of which the first `keys` are compared. */
export const sortModule = (memory: MemoryType, dtypes: readonly DType[], keys: number): Uint8Array => {
  const made = new SortModule(memory, dtypes, keys)
  made.write()
  return made.module.bytes()
}
