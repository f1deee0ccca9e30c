/** The laws on the primitives, part 2 of 3. */
import { testPrimitives } from './suite.js'

testPrimitives(1, 3)
