/**
 * Fourier transforms of lines: a workgroup takes one, or a few short ones, through all steps in memory of its own. Each step makes
 * small transforms and puts their results where the next one finds them, so that the last one leaves them in order. (Stockham's
 * algorithm as in Govindaraju, Lloyd, Dotsenko, Smith and Manferdelli, "High performance discrete Fourier transforms on graphics
 * processors", 2008.)
 */
import { known, range } from '../../core/index.js'
import type { TransformKernel } from '../../compiler/index.js'
import { largestTransform, transformRadices } from '../../compiler/transforms.js'
import { smallTransform } from './small-transforms.js'
import { type Memory, type Shader, ShaderBuilder } from './shader.js'

/** Values of the lines that a workgroup takes; as many as there is room for where lines lie side by side, to be read together. */
const usualValues = 1024
/** Values of each thread, and threads. */
const perThread = 8
const fewestThreads = 32
const mostThreads = 256

/** One step: `radix` values each, after steps whose sizes come to `done`. */
interface Step {
  readonly radix: number
  readonly done: number
  readonly isLast: boolean
}

const stepsOf = (size: number): readonly Step[] => {
  const radices = known(transformRadices(size), 'sizes of the steps of a transform')
  let done = 1
  return radices.map((radix, i) => {
    const step = { radix, done, isLast: i === radices.length - 1 }
    done *= radix
    return step
  })
}

/** The dispatch of transforms. */
export const planTransform = (kernel: TransformKernel, memory: Memory): Shader => {
  const { outer, size, inner } = kernel
  const lineCount = outer * inner
  const room = inner === 1 ? usualValues : largestTransform
  const together = Math.min(lineCount, Math.max(1, Math.floor(room / size)))
  const values = together * size
  const wanted = 2 ** Math.ceil(Math.log2(values / perThread))
  const threads = Math.min(mostThreads, Math.max(fewestThreads, wanted))
  const shader = new ShaderBuilder(memory, kernel.outputs)
  /** A complex value: of the lines from array 0 on, of the roots from 2 on. */
  const load = (array: 0 | 2, at: string): string =>
    `vec2<f32>(${[0, 1].map((k) => shader.load(known(kernel.inputs[array + k], 'parts'), at)).join(', ')})`
  const store = (at: string, value: string): string[] =>
    ['x', 'y'].map((part, k) => shader.store(known(kernel.outputs[k], 'parts'), at, `${value}.${part}`))
  // Neighbouring threads take neighbours in memory: values of one line, or the same value of lines side by side.
  const slot = (line: string, place: string): string =>
    inner === 1 ? `${line} * ${size} + ${place}` : `(${place}) * ${together} + ${line}`
  const element = (base: string, place: string): string => `${base} + (${place}) * ${inner}`
  const lines = [`let first = i32(group) * ${together};`]
  for (const { radix, done, isLast } of stepsOf(size)) {
    const apart = size / radix
    const count = together * apart
    const reads: string[] = []
    const writes: string[] = []
    for (const round of range(Math.ceil(count / threads))) {
      const name = (kind: string, q?: number): string => `${kind}${done}_${round}${q === undefined ? '' : `_${q}`}`
      const [at, line, place, base, own] = [name('at'), name('line'), name('place'), name('base'), name('own')]
      const isWhole = (round + 1) * threads <= count
      const number = `i32(lane) + ${round * threads}`
      reads.push(
        `let ${at} = ${isWhole ? number : `min(${number}, ${count - 1})`};`,
        `let ${line} = ${inner === 1 ? `${at} / ${apart}` : `${at} % ${together}`};`,
        `let ${place} = ${inner === 1 ? `${at} % ${apart}` : `${at} / ${together}`};`,
        `let ${own} = min(first + ${line}, ${lineCount - 1});`,
        `let ${base} = ${inner === 1 ? `${own} * ${size}` : `(${own} / ${inner}) * ${size * inner} + ${own} % ${inner}`};`,
      )
      const given = range(radix).map((q) => {
        const from = q === 0 ? place : `${place} + ${q * apart}`
        const value = done === 1 ? load(0, element(base, from)) : `values[${slot(line, from)}]`
        if (done === 1 || q === 0) reads.push(`let ${name('x', q)} = ${value};`)
        else {
          const root = `(${place} % ${done}) * ${(q * apart) / done}`
          reads.push(`let ${name('x', q)} = turned(${value}, ${load(2, root)});`)
        }
        return name('x', q)
      })
      const made = smallTransform(given, name('y'), reads)
      const stores = made.flatMap((value, q) => {
        const to = `(${place} / ${done}) * ${done * radix} + ${place} % ${done} + ${q * done}`
        return isLast ? store(element(base, to), value) : [`values[${slot(line, to)}] = ${value};`]
      })
      const conditions = [
        ...(isWhole ? [] : [`${number} < ${count}`]),
        ...(isLast && lineCount % together !== 0 ? [`first + ${line} < ${lineCount}`] : []),
      ]
      writes.push(...(conditions.length === 0 ? stores : [`if (${conditions.join(' && ')}) {`, ...stores, '}']))
    }
    // Nobody writes where others have yet to read.
    const wait = 'workgroupBarrier();'
    lines.push(...reads, ...(done === 1 || isLast ? [] : [wait]), ...writes, ...(isLast ? [] : [wait]))
  }
  const declarations = [
    `var<workgroup> values: array<vec2<f32>, ${values}>;`,
    'fn turned(z: vec2<f32>, w: vec2<f32>) -> vec2<f32> {',
    '  return vec2<f32>(z.x * w.x - z.y * w.y, z.x * w.y + z.y * w.x);',
    '}',
  ]
  return shader.finish('transform', lines, threads, Math.ceil(lineCount / together), declarations)
}
