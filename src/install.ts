/** The one side effect of the package: installs the array methods, starts eager evaluation, registers the devices. */
import { createJsDevice } from './backends/js/index.js'
import { createWasmDevice } from './backends/wasm/index.js'
import { registerDevice, startEager } from './core/index.js'
import { installMethods } from './numpy/methods.js'
import {
  addBlocking,
  addChecks,
  addControlFlow,
  addGathering,
  addNesting,
  addScattering,
  addSharing,
  addSmallDTypes,
  addSorting,
  addTexts,
} from './parts.js'

startEager()
installMethods()
addBlocking()
addChecks()
addControlFlow()
addGathering()
addNesting()
addScattering()
addSharing()
addSmallDTypes()
addSorting()
addTexts()
registerDevice(createWasmDevice())
registerDevice(createJsDevice())
