/** What the engine can do beyond WebAssembly with vectors: asked once, when it is first needed. */
import { ModuleBuilder } from './assembler.js'
import { ops } from './opcodes.js'

let answer: boolean | undefined

/** Whether the engine multiplies and adds vectors with one instruction: relaxed SIMD. */
export const hasRelaxedMultiplyAdd = (): boolean => {
  if (answer === undefined) {
    const module = new ModuleBuilder()
    const f = module.function('probe', ['v128'], ['v128'])
    for (let i = 0; i < 3; i++) f.code.get(0)
    f.code.op(ops['f32x4.relaxed_madd'])
    answer = WebAssembly.validate(module.bytes() as BufferSource)
  }
  return answer
}
