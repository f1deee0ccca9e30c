/** Datasets: readers of their files, and batches of them. */
export * from './batches.js'
export * from './idx.js'
export * from './mnist.js'
