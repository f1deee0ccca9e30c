/** The namespace `scipy.sparse.linalg`: systems solved by products with their matrix alone. */
export { type GmresOptions, gmres } from './gmres.js'
export { type KrylovOptions, bicgstab, cg } from './krylov.js'
