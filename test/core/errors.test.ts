/** What users read when something is wrong: every text is pinned here. */
import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  ConcretizationError,
  CotangentError,
  DTypeError,
  DeletedArrayError,
  DeviceError,
  DifferentiationError,
  LeakedTracerError,
  type NDArray,
  ParseError,
  ShapeError,
  TreeError,
  checkpoint,
  customJvp,
  customVjp,
  defaultDevice,
  devicePut,
  grad,
  init,
  jit,
  jvp,
  lax,
  makeJaxpr,
  numpy as np,
  parseJaxpr,
  tree,
  valueAndGrad,
  vjp,
  vmap,
} from 'cotangent'

const here = new URL('../..', import.meta.url).pathname

/** Class and text of what a program throws, with paths made relative. */
const thrown = (f: () => unknown): { error: unknown; text: string } => {
  try {
    f()
  } catch (error) {
    if (!(error instanceof CotangentError)) throw error
    return {
      error,
      text: `${error.name} ${error.code}: ${error.message}`
        .replaceAll(here, '')
        .replace(/errors\.test\.ts:\d+:\d+/g, 'errors.test.ts'),
    }
  }
  throw new Error('nothing was thrown')
}
const text = (f: () => unknown): string => thrown(f).text

const x3 = np.zeros([3])

describe('traced values', () => {
  it('used after their transformation', () => {
    let leaked: NDArray = x3
    jit(function loss(w: NDArray) {
      leaked = np.sin(w)
      return w
    })(x3)
    const caught = thrown(() => np.add(leaked, 1))
    expect(caught.error).toBeInstanceOf(LeakedTracerError)
    expect(caught.text).toMatchInlineSnapshot(`
      "LeakedTracerError LEAKED_TRACER: add was given a traced f32[3] array (the result of sin at test/core/errors.test.ts) that outlived jit(loss), called at test/core/errors.test.ts.
      A traced value only lives while its transformation runs. It was probably stored in a variable, a cache or a class field from inside the function; return it from the function instead (grad and valueAndGrad: with { hasAux: true })."
    `)
    grad((w: NDArray) => {
      leaked = w
      return np.sum(w)
    })(x3)
    expect(text(() => np.add(leaked, 1))).toMatchInlineSnapshot(`
      "LeakedTracerError LEAKED_TRACER: add was given a traced f32[3] array (w) that outlived grad(<lambda>), called at test/core/errors.test.ts.
      A traced value only lives while its transformation runs. It was probably stored in a variable, a cache or a class field from inside the function; return it from the function instead (grad and valueAndGrad: with { hasAux: true })."
    `)
    vmap((w: NDArray) => {
      leaked = np.cos(w)
      return w
    })(x3)
    expect(text(() => np.add(leaked, 1))).toMatchInlineSnapshot(`
      "LeakedTracerError LEAKED_TRACER: add was given a traced f32[] array (the result of cos) that outlived vmap(<lambda>), called at test/core/errors.test.ts.
      A traced value only lives while its transformation runs. It was probably stored in a variable, a cache or a class field from inside the function; return it from the function instead (grad and valueAndGrad: with { hasAux: true })."
    `)
  })

  it('asked for values', () => {
    const branch = jit(function branch(x: NDArray) {
      return x.item() > 0 ? x : np.negative(x)
    })
    const caught = thrown(() => branch(np.array(1)))
    expect(caught.error).toBeInstanceOf(ConcretizationError)
    expect(caught.text).toMatchInlineSnapshot(`
      "ConcretizationError CONCRETIZATION: item() needs the value of a traced f32[] array (x), but inside jit(branch) only its shape and dtype are known.
      Ways out: choose with np.where or lax.cond instead of 'if'; compute with np.add, np.greater, ... instead of operators; mark the argument static (jit's staticArgnums) if it steers the program; or do this outside of jit(branch)."
    `)
    expect(text(() => jit((x: NDArray) => (Number(x) > 0 ? x : np.negative(x)))(np.array(1)))).toMatchInlineSnapshot(`
      "ConcretizationError CONCRETIZATION: a JavaScript number or comparison needs the value of a traced f32[] array (x), but inside jit(<lambda>) only its shape and dtype are known.
      Ways out: choose with np.where or lax.cond instead of 'if'; compute with np.add, np.greater, ... instead of operators; mark the argument static (jit's staticArgnums) if it steers the program; or do this outside of jit(<lambda>)."
    `)
    expect(text(() => jit((x: NDArray) => np.array(x.js()))(x3))).toMatchInlineSnapshot(`
      "ConcretizationError CONCRETIZATION: dataSync() needs the value of a traced f32[3] array (x), but inside jit(<lambda>) only its shape and dtype are known.
      Ways out: choose with np.where or lax.cond instead of 'if'; compute with np.add, np.greater, ... instead of operators; mark the argument static (jit's staticArgnums) if it steers the program; or do this outside of jit(<lambda>)."
    `)
    expect(text(() => vmap((x: NDArray) => x.dataSync())(x3))).toMatchInlineSnapshot(`
      "ConcretizationError CONCRETIZATION: dataSync() needs the value of a traced f32[] array (x), but inside vmap(<lambda>) only its shape and dtype are known.
      Ways out: choose with np.where or lax.cond instead of 'if'; compute with np.add, np.greater, ... instead of operators; mark the argument static (jit's staticArgnums) if it steers the program; or do this outside of vmap(<lambda>)."
    `)
  })
})

describe('shapes', () => {
  it('that do not broadcast', () => {
    const caught = thrown(() => np.add(np.zeros([2, 3]), np.zeros([4])))
    expect(caught.error).toBeInstanceOf(ShapeError)
    expect(caught.text).toMatchInlineSnapshot(
      `"ShapeError SHAPE: add: shapes [2,3] and [4] cannot be broadcast together: axis -1 has sizes 3 and 4. Sizes must be equal or 1, counted from the last axis; reshape or insert an axis of size 1."`,
    )
    expect(text(() => lax.add(np.zeros([2, 3]), x3))).toMatchInlineSnapshot(
      `"ShapeError SHAPE: add: operands have shapes [2,3] and [3], which don't fit. lax operations take equal shapes (or scalars); for NumPy's broadcasting use np.add, or lax.broadcastInDim."`,
    )
  })
  it('that do not contract, reshape, concatenate or convolve', () => {
    expect(text(() => np.matmul(np.zeros([2, 3]), np.zeros([4, 5])))).toMatchInlineSnapshot(
      `"ShapeError SHAPE: matmul: f32[2,3] and f32[4,5] don't fit: 3 columns on the left, 4 rows on the right."`,
    )
    expect(text(() => np.reshape(x3, [2, 2]))).toMatchInlineSnapshot(
      `"ShapeError SHAPE: reshape: f32[3] has 3 elements and [2,2] has 4. The numbers of elements must be equal; np.reshape accepts one -1 that is worked out."`,
    )
    expect(text(() => np.reshape(x3, [-1, 2]))).toMatchInlineSnapshot(
      `"ShapeError SHAPE: reshape: f32[3] has 3 elements, which don't divide into [-1,2]: the other sizes make 2."`,
    )
    expect(text(() => np.concatenate([np.zeros([2, 3]), np.zeros([2, 4])]))).toMatchInlineSnapshot(
      `"ShapeError SHAPE: concatenate: f32[2,3], f32[2,4] cannot be joined along axis 0: all other sizes must be equal."`,
    )
    expect(text(() => np.stack([np.zeros([2]), np.zeros([3])]))).toMatchInlineSnapshot(
      `"ShapeError SHAPE: stack: arrays must have one shape, got f32[2], f32[3]. Broadcast or pad them first."`,
    )
    expect(
      text(() => lax.convGeneralDilated(np.zeros([1, 3, 8, 8]), np.zeros([4, 2, 3, 3]), [1, 1], 'SAME')),
    ).toMatchInlineSnapshot(
      `"ShapeError SHAPE: convGeneralDilated: input f32[1,3,8,8] and kernel f32[4,2,3,3] don't fit: the input has 3 features (axis 1) and the kernel takes 2 (axis 1). Check the layouts in dimensionNumbers and featureGroupCount."`,
    )
    expect(text(() => np.einsum('ij,jk->ik', np.zeros([2, 3]), np.zeros([4, 5])))).toMatchInlineSnapshot(
      `"ShapeError SHAPE: einsum: 'ij,jk->ik': 'j' has size 3, and size 4 in operand 1, which is f32[4,5]."`,
    )
  })
  it('of ragged lists', () => {
    expect(text(() => np.array([[1, 2], [3]]))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: array: the lists don't have one shape: data[1] has 1 elements where its neighbours have 2. Pad the short ones, or keep them as a list of arrays."`,
    )
  })
})

describe('dtypes', () => {
  it('that lax does not mix, or an operation does not take', () => {
    const caught = thrown(() => lax.add(x3, np.zeros([3], { dtype: 'int32' })))
    expect(caught.error).toBeInstanceOf(DTypeError)
    expect(caught.text).toMatchInlineSnapshot(
      `"DTypeError DTYPE: add: operands have dtypes float32 and int32; lax operations take equal dtypes. Convert one with x.astype('...'), or use np.add, which promotes."`,
    )
    expect(text(() => lax.sin(np.zeros([3], { dtype: 'int32' })))).toMatchInlineSnapshot(
      `"DTypeError DTYPE: sin: operands of dtype int32 are not accepted; it takes float32, float64, float16, bfloat16. Convert with x.astype('...')."`,
    )
    expect(text(() => np.bitwiseAnd(x3, x3))).toMatchInlineSnapshot(
      `"DTypeError DTYPE: bitwiseAnd: works on integers and bool, got f32[3], f32[3]; convert with astype."`,
    )
    expect(text(() => Reflect.apply(np.zeros, undefined, [[3], { dtype: 'complex64' }]))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: zeros: 'complex64' is not a dtype; there are float32, float64, float16, bfloat16, int32, uint32, int8, uint8, bool."`,
    )
  })
})

describe('axes and indices', () => {
  it('out of range', () => {
    expect(text(() => np.sum(x3, { axis: 1 }))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: sum: axis 1 is out of range; axes of a rank-1 array are -1 to 0."`,
    )
    expect(text(() => np.sum(np.zeros([2, 2]), { axis: [0, -2] }))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: sum: axes [0,-2] name an axis twice; name each axis once."`,
    )
    expect(text(() => x3.get(0, 0))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: Too many indices: an array of shape [3] has 1 axes, and the index names 2."`,
    )
    expect(text(() => np.transpose(np.zeros([2, 3]), { axes: [0, 0] }))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: transpose: axes [0,0] name an axis twice; name each axis once."`,
    )
    expect(text(() => np.squeeze(np.zeros([2, 1]), { axis: 0 }))).toMatchInlineSnapshot(
      `"ShapeError SHAPE: squeeze: axis 0 of f32[2,1] has size 2; only size 1 drops out."`,
    )
  })
})

describe('arguments', () => {
  it('that are no arrays, with their path', () => {
    const loss = (params: { conv1: { kernel: unknown } }) => np.sum(np.asarray(0) ?? params)
    const caught = thrown(() => jit(loss)({ conv1: { kernel: 'weights' } }))
    expect(caught.error).toBeInstanceOf(ArgumentError)
    expect(caught.text).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: jit(loss): params.conv1.kernel is a string ('weights'), which is not an array. Arguments are pytrees of arrays and numbers: nested lists, plain objects, null, and classes given to tree.register; other values may be static (staticArgnums)."`,
    )
    expect(text(() => jit(loss)({ conv1: { kernel: undefined } }))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: jit(loss): params.conv1.kernel is undefined, which is not an array. Arguments are pytrees of arrays and numbers: nested lists, plain objects, null, and classes given to tree.register; other values may be static (staticArgnums)."`,
    )
    expect(text(() => Reflect.apply(np.sin, undefined, ['x']))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: sin: expected an array or a number, got a string. Make arrays with np.array(...)."`,
    )
    expect(text(() => Reflect.apply(np.sin, undefined, [[1, 2]]))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: sin: expected an array or a number, got a JS array of 2. Make arrays with np.array(...), also from nested lists."`,
    )
  })
  it('of derivatives', () => {
    const loss = (params: { step: NDArray }) => np.sum(np.multiply(params.step, 1.5))
    expect(text(() => grad(loss)({ step: np.arange(3) }))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: grad(loss): params.step has dtype int32, and only floats have derivatives. Convert it with astype('float32'), or differentiate by other arguments (argnums)."`,
    )
    const vector = thrown(() => grad((x: NDArray) => np.sin(x))(x3))
    expect(vector.error).toBeInstanceOf(DifferentiationError)
    expect(vector.text).toMatchInlineSnapshot(
      `"DifferentiationError DIFFERENTIATION: grad(<lambda>): the function must return a scalar, and it returned f32[3]. Sum or average it (np.sum, np.mean), or use vjp, jacrev or vmap(grad(...)) for one gradient per element."`,
    )
    expect(text(() => grad((x: NDArray) => np.argmax(x))(x3))).toMatchInlineSnapshot(
      `"DifferentiationError DIFFERENTIATION: grad(<lambda>): the function must return a float, and it returned i32[]. Convert inputs with astype('float32')."`,
    )
    expect(
      text(() =>
        Reflect.apply(
          grad((x: NDArray) => [np.sum(x), x] as never),
          undefined,
          [x3],
        ),
      ),
    ).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: grad(<lambda>): <lambda> must return one scalar, and it returned [*, *]. Return the loss alone, or [loss, aux] with { hasAux: true }."`,
    )
    expect(
      text(() =>
        Reflect.apply(
          valueAndGrad((x: NDArray) => np.sum(x) as never, { hasAux: true } as never),
          undefined,
          [x3],
        ),
      ),
    ).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: valueAndGrad(<lambda>): with { hasAux: true } the function must return [value, aux], a list of two."`,
    )
    expect(text(() => grad((x: NDArray) => np.sum(x), { argnums: 2 })(x3))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: grad(<lambda>): argnums names argument 2, but the function was called with 1 argument."`,
    )
    expect(text(() => jvp((x: NDArray) => x, [x3], [np.zeros([2])]))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: jvp: x is f32[3], but its tangent is f32[2]. A tangent has the shape and dtype of its primal."`,
    )
    expect(text(() => vjp((x: NDArray) => x, x3)[1](np.zeros([2])))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: vjp(<lambda>): cotangent is f32[2], but the result is f32[3]. A cotangent has the result's shape."`,
    )
    expect(text(() => vjp((x: NDArray) => ({ y: x }), x3)[1]({ z: x3 } as never))).toMatchInlineSnapshot(
      `"TreeError TREE: vjp(<lambda>): the cotangent must look like the result: the pytrees differ at cotangent: expected a record with keys y, got a record with keys z."`,
    )
    expect(text(() => Reflect.apply(grad, undefined, [async (x: NDArray) => np.sum(x)])(x3))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: grad(<lambda>): <lambda> is asynchronous (it returned a Promise). Transformed functions are pure and synchronous: read data before, and pass it as an argument."`,
    )
    expect(text(() => jit((x: NDArray) => void x)(x3))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: jit(<lambda>): <lambda> returned undefined at result. Return an array, a number or a pytree of them; an arrow function with braces needs 'return'."`,
    )
  })
  it('of vmap', () => {
    const add = (a: NDArray, b: NDArray) => np.add(a, b)
    expect(text(() => vmap(add)(np.zeros([2]), np.zeros([3])))).toMatchInlineSnapshot(
      `"ShapeError SHAPE: vmap(add): mapped axes differ in size: a has 2 along axis 0, b (f32[3]) has 3 along axis 0. Map the same number of members everywhere, or pass one whole with null in inAxes."`,
    )
    expect(text(() => vmap(add, { inAxes: [0, 1] })(np.zeros([2]), np.zeros([2])))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: vmap(add): b is f32[2] and cannot be mapped over axis 1. Give an axis that it has, or null to pass it whole to every call (inAxes: [..., null, ...])."`,
    )
    expect(text(() => vmap(add, { inAxes: [null, null] })(np.zeros([2]), np.zeros([2])))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: vmap(add): nothing is mapped (every entry of inAxes is null), so the number of members is unknown. Map an argument, or give axisSize."`,
    )
    expect(text(() => vmap(add, { inAxes: [0] })(np.zeros([2]), np.zeros([2])))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: vmap(add): inAxes lists 1 of 2 arguments; give one entry per argument."`,
    )
    expect(text(() => vmap((p: { w: NDArray }) => p.w, { inAxes: [{ b: 0 }] })({ w: x3 }))).toMatchInlineSnapshot(
      `"TreeError TREE: vmap(<lambda>): inAxes: the structure {b: *} does not fit {w: *} at [0]. It must be a prefix of the argument's structure: one entry for a whole subtree, or the same keys."`,
    )
    expect(text(() => vmap((a: NDArray) => a, { outAxes: null })(x3))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: vmap(<lambda>): outAxes says null for result, but its value differs between members of the batch. Give it an axis, or reduce over the batch with lax.psum and an axisName."`,
    )
    expect(text(() => lax.psum(x3, 'batch'))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: psum: no enclosing vmap has the axis name 'batch'. Give the name where the function is mapped: vmap(f, { axisName: 'batch' })."`,
    )
  })
})

describe('pytrees', () => {
  it('of different structures', () => {
    const caught = thrown(() =>
      tree.map((a: NDArray, b: NDArray) => np.add(a, b), { w: x3, b: [x3] }, { w: x3, b: [x3, x3] } as never),
    )
    expect(caught.error).toBeInstanceOf(TreeError)
    expect(caught.text).toMatchInlineSnapshot(
      `"TreeError TREE: tree.map: tree 1: the pytrees differ at b: expected a list of 1, got a list of 2."`,
    )
    expect(text(() => tree.unflatten(tree.structure([1, 2]), [1]))).toMatchInlineSnapshot(
      `"TreeError TREE: tree.unflatten: the structure [*, *] has 2 leaves, but 1 were given."`,
    )
  })
})

describe('loops, branches and custom rules', () => {
  it('that change their carry, or disagree', () => {
    expect(
      text(() => lax.scan((c: NDArray, x: NDArray) => [np.stack([c, x]), x], np.zeros([]), x3)),
    ).toMatchInlineSnapshot(
      `"ShapeError SHAPE: scan(<lambda>): the body changes carry from f32[] to f32[2], and a loop's carry must keep its shape and dtype. Start with an array of the final shape and dtype, or convert inside the body (astype('float32'))."`,
    )
    expect(text(() => lax.scan((c: NDArray) => [c, null], x3, null))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: scan(<lambda>): without xs the number of iterations is unknown; give { length }."`,
    )
    expect(
      text(() => lax.scan((c: NDArray, x: { a: NDArray; b: NDArray }) => [c, x.a], x3, { a: x3, b: np.zeros([2]) })),
    ).toMatchInlineSnapshot(
      `"ShapeError SHAPE: scan(<lambda>): xs.b is f32[2], with 2 slices along axis 0, but xs.a says 3. All must agree."`,
    )
    expect(
      text(() =>
        lax.whileLoop(
          (c: NDArray) => c,
          (c: NDArray) => c,
          x3,
        ),
      ),
    ).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: whileLoop(<lambda>): the condition must return one bool scalar, and it returned f32[3]. Compare (np.less, ...) or reduce (np.any, np.all)."`,
    )
    expect(
      text(() =>
        lax.cond(
          true,
          (x: NDArray) => x,
          (x: NDArray) => np.sum(x),
          x3,
        ),
      ),
    ).toMatchInlineSnapshot(
      `"TreeError TREE: cond(<lambda>, <lambda>): branches must return the same shapes and dtypes, but result is f32[] in one branch and f32[3] in branch 1. Convert or reshape in the branch (astype('float32'))."`,
    )
    expect(
      text(() =>
        lax.cond(
          x3,
          (x: NDArray) => x,
          (x: NDArray) => x,
          x3,
        ),
      ),
    ).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: cond(<lambda>, <lambda>): the predicate must be a scalar, got f32[3]. For a choice per element use np.where or vmap."`,
    )
    expect(
      text(() =>
        grad((x: NDArray) =>
          np.sum(
            lax.whileLoop(
              (c: NDArray) => np.less(np.sum(c), 10),
              (c: NDArray) => np.add(c, x),
              x,
            ),
          ),
        )(np.ones([3])),
      ),
    ).toMatchInlineSnapshot(
      `
      "DifferentiationError DIFFERENTIATION: whileLoop cannot be differentiated in reverse: the number of trips is only known when it has run, so the values to go back through were not kept.
      Ways out: lax.scan or lax.foriLoop with JS-number bounds when the number of trips is known (both differentiate in reverse); forward mode (jvp, jacfwd); or customVjp with a derivative of your own, such as implicit differentiation of a fixed point."
    `,
    )
  })
  it('without, or with wrong, rules', () => {
    expect(
      text(() =>
        customJvp(function f(x: NDArray) {
          return x
        })(x3),
      ),
    ).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: f has no rule yet. Set one before the first call: f.defjvp(...)."`,
    )
    const g = customVjp(function g(x: NDArray) {
      return np.sin(x)
    })
    g.defvjp(
      (x) => [np.sin(x), x],
      () => [],
    )
    expect(text(() => grad((x: NDArray) => np.sum(g(x)))(x3))).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: customVjp(g): bwd must return a list with one cotangent per argument (1), and it returned 0."`,
    )
    const h = customVjp(function h(x: NDArray) {
      return np.sin(x)
    })
    h.defvjp(
      (x) => [np.sin(x), x],
      (x, ct) => [np.multiply(ct as NDArray, np.cos(x))],
    )
    expect(text(() => jvp(h, [x3], [x3]))).toMatchInlineSnapshot(
      `"DifferentiationError DIFFERENTIATION: h has a customVjp rule, which tells only how cotangents go back, so forward mode (jvp, jacfwd, hessian) cannot go through it. Use reverse mode (grad, vjp, jacrev), or give it a customJvp rule, which serves both."`,
    )
    expect(
      text(() => Reflect.apply(checkpoint, undefined, [(x: NDArray) => x, { policy: 'all' }])),
    ).toMatchInlineSnapshot(
      `"ArgumentError ARGUMENT: checkpoint(<lambda>): policy is one of everythingSaveable, nothingSaveable, dotsSaveable, saveOnlyTheseNames(...)."`,
    )
  })
})

describe('devices', () => {
  it('that are not there, or mixed', async () => {
    const caught = thrown(() => defaultDevice('tpu'))
    expect(caught.error).toBeInstanceOf(DeviceError)
    expect(caught.text).toMatchInlineSnapshot(
      `"DeviceError DEVICE: device 'tpu' is not ready; available: wasm, js. Devices that need preparation are started by 'await init({ device: "tpu" })'."`,
    )
    const message = "init: there is no device 'gpu'; available: wasm, js, and 'webgpu', which init starts."
    await expect(init({ device: 'gpu' })).rejects.toThrow(message)
    expect(text(() => np.add(devicePut(x3, 'js'), devicePut(x3, 'wasm')))).toMatchInlineSnapshot(
      `"DeviceError DEVICE: add: operands are on different devices, 'js' and 'wasm'. Move one of them first: devicePut(x, 'js')."`,
    )
    expect(text(() => x3.item())).toMatchInlineSnapshot(
      `"DeviceError DEVICE: item: only an array of one element is a number, and this one is f32[3]. Index it first, or use js()."`,
    )
  })
  it('whose arrays were given away', () => {
    const step = jit(
      function step(x: NDArray) {
        return np.add(x, 1)
      },
      { donateArgnums: 0 },
    )
    const x = np.array([1, 2, 3])
    step(x)
    const caught = thrown(() => np.add(x, 1))
    expect(caught.error).toBeInstanceOf(DeletedArrayError)
    expect(caught.text).toMatchInlineSnapshot(
      `"DeletedArrayError DELETED_ARRAY: This f32[3] array has no values any more: it was donated to jit(step). Use the result that replaced it, or don't give the array away."`,
    )
  })
})

describe('text', () => {
  it('that is no jaxpr', () => {
    const caught = thrown(() => parseJaxpr('{ lambda ; a:f32[3]. let b:f32[3] = sine a in (b,) }'))
    expect(caught.error).toBeInstanceOf(ParseError)
    expect(caught.text).toMatchInlineSnapshot(
      `"ParseError PARSE: parseJaxpr: expected a primitive (and there is no 'sine') at line 1, column 41, found ' a in (b,) }'."`,
    )
    expect(text(() => parseJaxpr('{ lambda ; a:f32[3]. let b:f32[3] = sin c in (b,) }'))).toMatchInlineSnapshot(
      `"ParseError PARSE: parseJaxpr: expected a bound variable ('c' is not) at line 1, column 42, found ' in (b,) }'."`,
    )
    expect(text(() => parseJaxpr('hello'))).toMatchInlineSnapshot(
      `"ParseError PARSE: parseJaxpr: expected '{' at line 1, column 1, found 'hello'."`,
    )
    expect(String(makeJaxpr((x: NDArray) => x)(x3))).toBe('{ lambda ; a:f32[3]. let  in (a,) }')
  })
})
