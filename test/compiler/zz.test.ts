import { expect, test } from 'vitest'
import { DeviceArray, buildJaxpr, encodeHost, known, registerDevice, printJaxpr, startEager, withDevice } from '../../src/core/index.js'
import { createJsDevice } from '../../src/backends/js/index.js'
import { createWasmDevice } from '../../src/backends/wasm/index.js'
import { compile, kernelText } from '../../src/compiler/index.js'
import { randomProgram, randomValues } from './random.js'
const js = createJsDevice(), wasm = createWasmDevice()
registerDevice(js); registerDevice(wasm)
startEager()
const out = (j: any) => new Set(j.equations.map((e: any) => e.primitive.name).filter((n: string) => /cum|test|arg|reduce/.test(n)))
test('wasm', () => {
  let bad = 0, nan = 0, total = 0
  for (let seed = 1; seed <= 1000; seed++) {
    const program = randomProgram(seed)
    const { jaxpr } = buildJaxpr(program.run, program.inputs, 'random')
    const [a, b] = [js, wasm].map((device) => {
      const s = program.inputs.map((aval, i) => device.fromHost(encodeHost(randomValues(aval, seed + i), aval.dtype), aval.dtype))
      const r = device.compile(jaxpr).run(s)
      return jaxpr.outputs.map((out, i) => [...new DeviceArray(out.aval, device, known(r[i], 'r')).dataSync()])
    })
    for (let i = 0; i < a!.length; i++) for (let k = 0; k < a![i]!.length; k++) {
      const x = a![i]![k]!, y = b![i]![k]!
      total++
      if (Number.isNaN(x)) nan++
      if (!(Object.is(x, y) || Math.abs(x - y) <= 1e-4 * (1 + Math.abs(x)))) {
        console.log("BAD", seed, i, k, x, y, out(jaxpr)); bad++
        break
      }
    }
  }
  console.log({ bad, nan, total })
}, 600000)
