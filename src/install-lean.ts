/** The side effect of `cotangent/lean`: eager evaluation and the device `wasm`; the methods that read, and none that compute. */
import { createWasmDevice } from './backends/wasm/index.js'
import { registerDevice, startEager } from './core/index.js'
import { installReading } from './numpy/reading.js'

startEager()
installReading()
registerDevice(createWasmDevice())
