/** The front door: everything, with the array methods installed. */
import './install.js'

export * from './exports.js'
