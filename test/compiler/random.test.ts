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
import { compile, kernelText } from '../../src/compiler/index.js'
import { randomProgram, randomValues } from './random.js'

const exact = createJsDevice({ exact: true })
const js = createJsDevice()
const planned = createJsDevice({ name: 'planned', planned: true })
registerDevice(js)
registerDevice(exact)
registerDevice(planned)
startEager()

const values = (x: NDArray): number[] => [...x.dataSync()]

const check = (device: Device, seed: number, tolerance: number): void => {
  const program = randomProgram(seed)
  withDevice(device.name, () => {
    const inputs = program.inputs.map(
      (aval, i) =>
        new DeviceArray(
          aval,
          device,
          device.fromHost(encodeHost(randomValues(aval, seed + i), aval.dtype), aval.dtype),
        ),
    )
    const { jaxpr, values: constants } = buildJaxpr(program.run, program.inputs, 'random')
    expect(constants).toEqual([])
    const eager = program.run(inputs)
    const results = device.compile(jaxpr).run(inputs.map((x) => x.storage()))
    jaxpr.outputs.forEach((out, i) => {
      const got = values(new DeviceArray(out.aval, device, known(results[i], 'result')))
      const want = values(known(eager[i], 'result'))
      expect(got.length).toBe(want.length)
      got.forEach((x, k) => {
        const y = want[k] ?? 0
        if (!(Object.is(x, y) || Math.abs(x - y) <= tolerance * (1 + Math.abs(y)))) {
          throw new Error(
            `seed ${seed}, output ${i}, element ${k}: ${x} and not ${y}\n${printJaxpr(jaxpr)}\n${kernelText(compile(jaxpr))}`,
          )
        }
      })
    })
  })
}

describe('compiled programs give what their operations give one at a time', () => {
  const count = Number(process.env['COTANGENT_RANDOM_PROGRAMS'] ?? 300)
  test('in double precision', () => {
    for (let seed = 1; seed <= count; seed++) check(exact, seed, 1e-9)
  }, 600_000)
  test('in the planned memory', () => {
    for (let seed = 1; seed <= count; seed++) check(planned, seed, 1e-4)
  }, 600_000)
})
