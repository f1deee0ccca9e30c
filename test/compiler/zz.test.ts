import { expect, test } from 'vitest'
import { DeviceArray, buildJaxpr, known, registerDevice, shapedArray, startEager } from '../../src/core/index.js'
import * as lax from '../../src/lax/index.js'
import { createJsDevice } from '../../src/backends/js/index.js'
import { createWasmDevice } from '../../src/backends/wasm/index.js'
const js = createJsDevice(), wasm = createWasmDevice()
registerDevice(js); registerDevice(wasm)
startEager()
test('wasm', () => {
  const { jaxpr } = buildJaxpr(([x]) => [lax.cumsum(lax.transpose(x!, [1, 0]), { axis: 0 })], [shapedArray([6, 6], 'float32')], 'f')
  for (const d of [js, wasm]) {
    const e = d.compile(jaxpr)
    const r = e.run([d.fromHost(Float32Array.from({ length: 36 }, (_, i) => i), 'float32')])
    console.log(d.name, [...d.read(r[0]!, 'float32', 36)].map((x, i) => (i % 6 === 0 ? '\n' : '') + x).join(' '))
    if (d === wasm) console.log(e.text())
  }
}, 600000)
