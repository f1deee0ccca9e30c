/** Errors that teach: each class names one kind of mistake, says where it is, and what to do about it. */

/** Base of every error that the library throws for a programmer's mistake. */
export class CotangentError extends Error {
  override readonly name: string = 'CotangentError'
  /** Stable identifier of the kind of mistake, for programs that must tell errors apart. */
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Shapes that an operation cannot combine, or that don't fit its parameters. */
export class ShapeError extends CotangentError {
  override readonly name = 'ShapeError'
  constructor(message: string) {
    super('SHAPE', message)
  }
}

/** Dtypes that an operation cannot combine or does not accept. */
export class DTypeError extends CotangentError {
  override readonly name = 'DTypeError'
  constructor(message: string) {
    super('DTYPE', message)
  }
}

/** An axis, index, or other parameter outside what the operation allows. */
export class ArgumentError extends CotangentError {
  override readonly name = 'ArgumentError'
  constructor(message: string) {
    super('ARGUMENT', message)
  }
}

/** Two pytrees that should have the same structure and don't. */
export class TreeError extends CotangentError {
  override readonly name = 'TreeError'
  constructor(message: string) {
    super('TREE', message)
  }
}

/** A traced value used as if it were known: in `if`, `while`, as a JS number, or read back. */
export class ConcretizationError extends CotangentError {
  override readonly name = 'ConcretizationError'
  constructor(message: string) {
    super('CONCRETIZATION', message)
  }
}

/** A traced value used after the transformation that made it has returned. */
export class LeakedTracerError extends CotangentError {
  override readonly name = 'LeakedTracerError'
  constructor(message: string) {
    super('LEAKED_TRACER', message)
  }
}

/** A derivative that does not exist, such as that of an integer or of an operation without a rule. */
export class DifferentiationError extends CotangentError {
  override readonly name = 'DifferentiationError'
  constructor(message: string) {
    super('DIFFERENTIATION', message)
  }
}

/** Something that a device cannot do: unknown name, synchronous reading, mixed devices, a missing dtype. */
export class DeviceError extends CotangentError {
  override readonly name: string = 'DeviceError'
  constructor(message: string, code = 'DEVICE') {
    super(code, message)
  }
}

/** A device that went away while it was in use, or an array that went with it; `restore()` starts the device again. */
export class DeviceLostError extends DeviceError {
  override readonly name = 'DeviceLostError'
  /** `destroyed` when the program gave it back, `unknown` when a driver failed or the system took it. */
  readonly reason: 'destroyed' | 'unknown'
  constructor(message: string, reason: 'destroyed' | 'unknown') {
    super(message, 'DEVICE_LOST')
    this.reason = reason
  }
}

/** An array whose memory was given away, by donation or `using`. */
export class DeletedArrayError extends CotangentError {
  override readonly name = 'DeletedArrayError'
  constructor(message: string) {
    super('DELETED_ARRAY', message)
  }
}

/** No room left on a device; the message names the largest live arrays. */
export class OutOfMemoryError extends CotangentError {
  override readonly name = 'OutOfMemoryError'
  constructor(message: string) {
    super('OUT_OF_MEMORY', message)
  }
}

/** Text that is not a jaxpr, with the line and column where reading stopped. */
export class ParseError extends CotangentError {
  override readonly name = 'ParseError'
  constructor(message: string) {
    super('PARSE', message)
  }
}

/** A check that failed: a user's assertion, or a NaN, infinity, wrong index or division by zero that `checked` looked for. */
export class CheckError extends CotangentError {
  override readonly name = 'CheckError'
  constructor(message: string) {
    super('CHECK', message)
  }
}

/** A function given to a transformation that does not do the same thing every time. */
export class ImpureFunctionError extends CotangentError {
  override readonly name = 'ImpureFunctionError'
  constructor(message: string) {
    super('IMPURE_FUNCTION', message)
  }
}

/** An error inside the library: a rule or pass that broke its own contract. */
export class InternalError extends CotangentError {
  override readonly name = 'InternalError'
  constructor(message: string) {
    super('INTERNAL', `${message}. This is a bug in cotangent, please report it with the program that caused it.`)
  }
}

/** Throws an InternalError unless the condition holds. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InternalError(message)
}

/** `value` when it is there; otherwise a bug of ours, told as such. */
export const known = <T>(value: T | undefined, what: string): T => {
  if (value === undefined) throw new InternalError(`missing ${what}`)
  return value
}
