import { describe, expect, test } from 'vitest'
import {
  DeviceArray,
  buildJaxpr,
  encodeHost,
  known,
  registerDevice,
  printJaxpr,
  withDevice,
  startEager,
  type Device,
  type NDArray,
} from '../../src/core/index.js'
import { createJsDevice } from '../../src/backends/js/index.js'
import { createWasmDevice } from '../../src/backends/wasm/index.js'
import { compile, kernelText } from '../../src/compiler/index.js'
import { randomProgram, randomValues } from './random.js'
import { tinyLimits } from './tiny-limits.js'

const exact = createJsDevice({ exact: true })
const js = createJsDevice()
const wasm = createWasmDevice()
const planned = createJsDevice({ name: 'planned', planned: true })
const pieces = createJsDevice({ name: 'pieces', exact: true, limits: tinyLimits })
registerDevice(pieces)
registerDevice(js)
registerDevice(exact)
registerDevice(planned)
registerDevice(wasm)
startEager()

const values = (x: NDArray): number[] => [...x.dataSync()]

/** Runs a program whole on one device, and an operation at a time on that device or another. */
const check = (device: Device, seed: number, tolerance: number, reference = device): void => {
  const program = randomProgram(seed)
  const inputsOn = (on: Device): DeviceArray[] =>
    program.inputs.map((aval, i) => {
      const data = encodeHost(randomValues(aval, seed + i), aval.dtype)
      return new DeviceArray(aval, on, on.fromHost(data, aval.dtype))
    })
  const { jaxpr, values: constants } = buildJaxpr(program.run, program.inputs, 'random')
  expect(constants).toEqual([])
  const eager = withDevice(reference.name, () => program.run(inputsOn(reference)).map(values))
  const results = device.compile(jaxpr).run(inputsOn(device).map((x) => x.storage()))
  jaxpr.outputs.forEach((out, i) => {
    const got = values(new DeviceArray(out.aval, device, known(results[i], 'result')))
    const want = known(eager[i], 'result')
    expect(got.length).toBe(want.length)
    got.forEach((x, k) => {
      const y = want[k] ?? 0
      if (Object.is(x, y) || Math.abs(x - y) <= tolerance * (1 + Math.abs(y))) return
      throw new Error(
        `seed ${seed}, output ${i}, element ${k}: ${x} and not ${y}\n${printJaxpr(jaxpr)}\n${kernelText(compile(jaxpr))}`,
      )
    })
  })
}

describe('compiled programs give what their operations give one at a time', () => {
  const count = Number(process.env['COTANGENT_RANDOM_PROGRAMS'] ?? 150)
  test('in double precision', () => {
    for (let seed = 1; seed <= count; seed++) check(exact, seed, 1e-9)
  }, 600_000)
  test('in the planned memory', () => {
    for (let seed = 1; seed <= count; seed++) check(planned, seed, 1e-4)
  }, 600_000)
  test('in pieces and row by row', () => {
    for (let seed = 1; seed <= count; seed++) check(pieces, seed, 1e-9)
  }, 600_000)
  test('on wasm, compared with the reference', () => {
    for (let seed = 1; seed <= count; seed++) check(wasm, seed, 1e-4, js)
  }, 600_000)
})
