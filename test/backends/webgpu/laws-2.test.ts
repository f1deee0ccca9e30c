/** The laws on the primitives on a GPU, part 2 of 2. */
import { testPrimitives } from './laws.js'

testPrimitives(1, 2)
