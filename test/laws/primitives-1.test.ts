/** The laws on the primitives, part 1 of 3. */
import { testPrimitives } from './suite.js'

testPrimitives(0, 3)
