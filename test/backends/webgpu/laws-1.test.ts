/** The laws on the primitives on a GPU, part 1 of 2. */
import { testPrimitives } from './laws.js'

testPrimitives(0, 2)
