/** Why jit traced a function again, in words. */
import { avalText, tree } from '../core/index.js'
import { functionName } from './arguments.js'
import { signatureText } from './make-jaxpr.js'
import { type Signature, avalKey, staticKey } from './signature.js'

/** What the last call of a compiled function found: nothing yet, a program that was there, or the need for another. */
export type LastCall =
  | { readonly kind: 'none' | 'found' }
  | { readonly kind: 'traced'; readonly before: Signature | undefined; readonly now: Signature }

/** The last call in words. */
export const explainCall = (call: LastCall, name: string): string => {
  switch (call.kind) {
    case 'none':
      return 'The function has not been called yet.'
    case 'found':
      return `${name} was not traced by its last call: a program for this signature was there already.`
    case 'traced':
      return explainDifference(call.before, call.now, name)
  }
}

/** Why a new signature needed a new program, against the previous one. */
const explainDifference = (before: Signature | undefined, now: Signature, name: string): string => {
  if (before === undefined)
    return `${name} was traced because it was called for the first time, with ${signatureText(now.avals) || 'no arrays'}.`
  const reasons: string[] = []
  const difference = tree.structureDifference(before.def, now.def, 'args')
  if (difference !== undefined) reasons.push(`the structure of the arguments changed ${difference}`)
  else {
    now.avals.forEach((aval, i) => {
      const old = before.avals[i]
      if (old === undefined || avalKey(old) === avalKey(aval)) return
      const weak = avalText(old) === avalText(aval) ? (aval.weakType ? ' (now a JS number)' : ' (was a JS number)') : ''
      reasons.push(`${now.paths[i]} changed from ${avalText(old)} to ${avalText(aval)}${weak}`)
    })
  }
  now.statics.forEach((value, i) => {
    if (staticKey(value) !== staticKey(before.statics[i])) {
      reasons.push(`static argument ${i} changed from ${staticText(before.statics[i])} to ${staticText(value)}`)
    }
  })
  if (now.axes !== before.axes) reasons.push('the enclosing vmap axis names changed')
  if (reasons.length === 0)
    reasons.push('its program was closed over a traced value of a transformation that has ended')
  return `${name} was traced again because ${reasons.join('; ')}.`
}

const staticText = (value: unknown): string =>
  typeof value === 'function'
    ? `a function ${functionName(value)}`
    : typeof value === 'string'
      ? JSON.stringify(value)
      : staticKey(value).replace(/^\w+:/, '')
