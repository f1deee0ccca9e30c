/** Gates: shaders that switch the dispatches of a loop's or branch's program off by setting their workgroup counts to zero. */
import type { Buffer } from '../../compiler/index.js'
import { newBuffer } from '../../compiler/graph.js'
import { type Memory, type Shader, ShaderBuilder } from './shader.js'

/** Words of the flags: open, trips made, the gate outside was open. */
export const flagWords = 4

/** The dispatches behind one gate. */
export class Region {
  readonly flags = newBuffer('uint32', [flagWords])
  private readonly found = new Map<string, number>()
  private readonly counts: (readonly [number, number])[] = []
  private made: Buffer | undefined

  /** Place of a count of workgroups among the arguments. */
  place(groups: readonly [number, number]): number {
    const key = groups.join()
    let place = this.found.get(key)
    if (place === undefined) {
      this.found.set(key, (place = this.counts.length))
      this.counts.push(groups)
    }
    return place
  }

  /** Where the arguments of indirect dispatches are, three words each; to be asked for when all places are known. */
  get countsBuffer(): Buffer {
    this.made ??= newBuffer('uint32', [3 * Math.max(1, this.counts.length)])
    return this.made
  }

  /** Lines that set the arguments, when `open` says whether the gate is open. */
  lines(shader: ShaderBuilder): string[] {
    const lines = [shader.store(this.flags, '0', 'u32(open)')]
    this.counts.forEach(([x, y], i) => {
      for (const [k, count] of [x, y, 1].entries())
        lines.push(shader.store(this.countsBuffer, String(3 * i + k), `select(0u, ${count}u, open)`))
    })
    return lines
  }
}

/** Whether the gate outside is open. */
const outside = (shader: ShaderBuilder, outer: Buffer | undefined): string =>
  outer === undefined ? 'true' : `(${shader.load(outer, '0')} != 0u)`

const finish = (shader: ShaderBuilder, name: string, lines: readonly string[]): Shader =>
  shader.finish(name, lines, 1, 1)

const builder = (region: Region, memory: Memory): ShaderBuilder =>
  new ShaderBuilder(memory, [region.flags, region.countsBuffer])

/** Opens the gate of the program at `choice` if the index says so. */
export const chooseShader = (
  region: Region,
  index: Buffer,
  choice: number,
  outer: Buffer | undefined,
  memory: Memory,
): Shader => {
  const shader = builder(region, memory)
  const lines = [`let open = ${outside(shader, outer)} && i32(${shader.load(index, '0')}) == ${choice};`]
  return finish(shader, 'choose', [...lines, ...region.lines(shader)])
}

/** Opens the gate of a loop. */
export const startShader = (region: Region, outer: Buffer | undefined, memory: Memory): Shader => {
  const shader = builder(region, memory)
  const lines = [
    `let open = ${outside(shader, outer)};`,
    shader.store(region.flags, '1', '0u'),
    shader.store(region.flags, '2', 'u32(open)'),
  ]
  return finish(shader, 'loop_start', [...lines, ...region.lines(shader)])
}

/** Closes the gate of a loop when its condition gave false, and counts the trips. */
export const testShader = (region: Region, predicate: Buffer, memory: Memory): Shader => {
  const shader = builder(region, memory)
  const lines = [
    `let open = ${shader.load(region.flags, '0')} != 0u && ${shader.load(predicate, '0')};`,
    shader.store(region.flags, '1', `${shader.load(region.flags, '1')} + u32(open)`),
  ]
  return finish(shader, 'loop_test', [...lines, ...region.lines(shader)])
}
