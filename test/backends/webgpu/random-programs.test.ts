/** Random programs compiled whole for the GPU give what they give on the reference device one operation at a time. */
import { describe, expect, it } from 'vitest'
import { randomProgram, randomValues } from '../../compiler/random.js'
import { DeviceArray, buildJaxpr, encodeHost, getDevice, known, withDevice } from '../../../src/core/index.js'
import { type Claim, assertClaimsAsync, claimClose } from '../../../src/testing/index.js'
import { useWebgpu } from './support.js'

useWebgpu()

/** What the results of a program are on the GPU, beside those on the reference device. */
const claimsOf = (seed: number): Claim[] => {
  const program = randomProgram(seed)
  const inputsOn = (name: string): DeviceArray[] => {
    const device = getDevice(name)
    return program.inputs.map((aval, i) => {
      const data = encodeHost(randomValues(aval, seed + i), aval.dtype)
      return new DeviceArray(aval, device, device.fromHost(data, aval.dtype))
    })
  }
  const { jaxpr, values } = buildJaxpr(program.run, program.inputs, 'random')
  expect(values).toEqual([])
  const expected = withDevice('js', () => program.run(inputsOn('js')))
  const device = getDevice('webgpu')
  const results = device.compile(jaxpr).run(inputsOn('webgpu').map((x) => x.storage()))
  return jaxpr.outputs.map((out, i) => {
    const got = new DeviceArray(out.aval, device, known(results[i], 'result'))
    const tolerance = out.aval.dtype === 'float32' ? { relative: 1e-4, absolute: 1e-4 } : { relative: 0, absolute: 0 }
    return claimClose(got, known(expected[i], 'result'), `seed ${seed}, output ${i}`, tolerance)
  })
}

describe('random programs', () => {
  const seeds = Array.from({ length: 150 }, (_, i) => i + 1)
  it.each([0, 1, 2])('give what their operations give one at a time (%i of 3)', async (part) => {
    for (const seed of seeds.filter((s) => s % 3 === part)) await assertClaimsAsync(claimsOf(seed))
  })
})
