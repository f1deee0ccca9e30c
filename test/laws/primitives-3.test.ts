/** The laws on the primitives, part 3 of 3. */
import { testPrimitives } from './suite.js'

testPrimitives(2, 3)
