/** The namespace `debug`: looking into traced programs. */
export { type Sink, callback, print, setSink } from './debug-callback.js'
export { type LeakReport, checkTracerLeaks } from './debug-leaks.js'
