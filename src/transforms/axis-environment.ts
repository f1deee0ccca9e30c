/** Names of the axes that enclosing vmaps map over, with their sizes. */
import { ArgumentError } from '../core/index.js'

const stack: { readonly name: string; readonly size: number }[] = []

/** Runs `f` with a named axis in scope. */
export const withAxisName = <R>(name: string | undefined, size: number, f: () => R): R => {
  if (name === undefined) return f()
  stack.push({ name, size })
  try {
    return f()
  } finally {
    stack.pop()
  }
}

/** Size of a named axis. Throws ArgumentError when no enclosing vmap has the name. */
export const axisSize = (name: string, operation = 'axisSize'): number => {
  for (let i = stack.length - 1; i >= 0; i--) if (stack[i]?.name === name) return stack[i]?.size ?? 0
  const names = stack.map((a) => `'${a.name}'`).join(', ')
  throw new ArgumentError(
    `${operation}: no enclosing vmap has the axis name '${name}'${names === '' ? '' : ` (there are ${names})`}. ` +
      `Give the name where the function is mapped: vmap(f, { axisName: '${name}' }).`,
  )
}

/** Text that is equal for equal environments; part of jit's cache keys. */
export const axisEnvironmentKey = (): string => stack.map((a) => `${a.name}=${a.size}`).join()
