/** Node's modules, where there are any. No bundler sees them: one for pages would refuse an import of `node:`. */
import type * as files from 'node:fs/promises'
import type * as modules from 'node:module'
import type * as paths from 'node:path'

const builtin = () => {
  const { process: found }: { readonly process?: Partial<typeof process> } = globalThis
  return found?.getBuiltinModule
}

/** Files; undefined in pages, as are the others. */
export const nodeFiles = (): typeof files | undefined => builtin()?.('node:fs/promises')
/** Packages. */
export const nodeModules = (): Pick<typeof modules, 'createRequire'> | undefined => builtin()?.('node:module')
/** Paths. */
export const nodePaths = (): typeof paths | undefined => builtin()?.('node:path')
