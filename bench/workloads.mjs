/**
 * Every workload, once: what is computed, on which inputs, how results are compared, and the target that issue 4 set.
 * Adapters in peers/ implement the operations; arrays are channels-last, and adapters of channels-first libraries rearrange.
 */

/**
 * An input array; its numbers come from the generator in inputs.mjs.
 * @typedef {object} Input
 * @property {number[]} shape
 * @property {number} [scale] floats are uniform in [-scale, scale), 1 unless said
 * @property {number} [below] integers from 0 to below that
 */

/**
 * @typedef {object} Workload
 * @property {string} name
 * @property {string} operation key of the adapters' table
 * @property {Record<string, number>} parameters
 * @property {Record<string, Input>} inputs
 * @property {number} [flops] of one call
 * @property {number} [bytes] that one call must read and write at least
 * @property {number} tolerance largest difference to the reference, relative to the reference's root mean square
 * @property {'values' | 'moments'} compare elements, or (for random numbers) mean and deviation
 * @property {'steady' | 'first'} mode time of a call once warm, or of the first one minus a later one
 * @property {number} perCall what a time is divided by: operations within one call
 * @property {'ms' | 'us'} unit
 * @property {boolean} [hardware] only for GPUs in hardware: anything else takes minutes
 * @property {[target: number, bestPeer: number]} [goal] issue 4's target and the best JavaScript peer's time then, in `unit`
 */

/** @type {Workload[]} */
export const workloads = []

/** @type {(name: string, operation: string, rest: Partial<Workload>) => void} */
const define = (name, operation, rest) => {
  const usual = {
    tolerance: 1e-4,
    compare: 'values',
    mode: 'steady',
    perCall: 1,
    unit: 'ms',
    parameters: {},
    inputs: {},
  }
  workloads.push(/** @type {Workload} */ ({ name, operation, ...usual, ...rest }))
}

/** @type {(shape: readonly number[]) => number} */
const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1)

/** @type {(m: number, k: number, n: number, goal?: [number, number], hardware?: boolean) => void} */
const matmul = (m, k, n, goal, hardware = false) =>
  define(m === k && k === n ? `matmul ${n}` : `matmul ${m}x${k}x${n}`, 'matmul', {
    inputs: { a: { shape: [m, k] }, b: { shape: [k, n] } },
    flops: 2 * m * k * n,
    ...(goal ? { goal } : {}),
    ...(hardware ? { hardware } : {}),
  })
matmul(64, 64, 64)
matmul(128, 128, 128)
matmul(256, 256, 256, [0.75, 1.57])
matmul(512, 512, 512, [5.8, 10])
matmul(1024, 1024, 1024, [47, 81])
matmul(2048, 2048, 2048, [380, 649])
matmul(4096, 4096, 4096, undefined, true)
matmul(8192, 8192, 8192, undefined, true)
matmul(128, 784, 512)
matmul(16, 2048, 2048)
matmul(2048, 2048, 16)
matmul(1024, 16, 1024)
define('batched matmul [64,128,64]x[64,64,128]', 'matmul', {
  inputs: { a: { shape: [64, 128, 64] }, b: { shape: [64, 64, 128] } },
  flops: 2 * 64 * 128 * 64 * 128,
  goal: [3.5, 7.2],
})
define('matvec 2048', 'matmul', {
  inputs: { a: { shape: [2048, 2048] }, b: { shape: [2048, 1] } },
  flops: 2 * 2048 * 2048,
  bytes: 4 * 2048 * 2050,
  goal: [0.7, 0.89],
})

define('chain tanh(x) sigmoid(x), 4M', 'chain', {
  inputs: { x: { shape: [4194304], scale: 4 } },
  bytes: 8 * 4194304,
  goal: [20, 42],
})
define('chain tanh(x) sigmoid(x), 64M', 'chain', {
  inputs: { x: { shape: [67108864], scale: 4 } },
  bytes: 8 * 67108864,
  hardware: true,
})
define('sum 16M', 'sum', {
  inputs: { x: { shape: [16777216] } },
  bytes: 4 * 16777216,
  tolerance: 1e-3,
  goal: [3.5, 14.4],
})
define('softmax [1024,1024]', 'softmax', {
  inputs: { x: { shape: [1024, 1024], scale: 4 } },
  bytes: 8 * 1024 * 1024,
  goal: [1.75, 1.75],
})
define('layernorm [4096,512]', 'layernorm', {
  inputs: { x: { shape: [4096, 512], scale: 2 }, scale: { shape: [512] }, bias: { shape: [512] } },
  bytes: 8 * 4096 * 512,
  goal: [2, 8.3],
})

/**
 * A convolution of x [batch, size, size, inputs] with padding SAME, and if `gradients`, the workload of its two gradients.
 * @typedef {{ batch: number, inputs: number, outputs: number, size: number, kernel?: number, stride?: number, depthwise?: boolean }} Convolution
 */
/** @type {(name: string, c: Convolution, goal?: [number, number], gradients?: 'gradients', gradientGoal?: [number, number]) => void} */
const convolution = (name, c, goal, gradients, gradientGoal) => {
  const { batch, inputs, outputs, size, kernel = 3, stride = 1, depthwise = false } = c
  const side = Math.ceil(size / stride)
  const x = { shape: [batch, size, size, inputs] }
  const w = { shape: [kernel, kernel, depthwise ? 1 : inputs, outputs], scale: 0.2 }
  const g = { shape: [batch, side, side, outputs] }
  const parameters = { stride, groups: depthwise ? inputs : 1 }
  const flops = 2 * sizeOf(g.shape) * kernel * kernel * (depthwise ? 1 : inputs)
  const full = `${name} b${batch} ${inputs}->${outputs} at ${size}x${size}`
  define(full, 'convolution', { parameters, inputs: { x, w }, flops, ...(goal ? { goal } : {}) })
  if (!gradients) return
  define(`gradients of ${full}`, 'convolutionGradients', {
    parameters,
    inputs: { x, w, g },
    flops: 2 * flops,
    ...(gradientGoal ? { goal: gradientGoal } : {}),
  })
}
convolution('conv 3x3', { batch: 32, inputs: 3, outputs: 32, size: 32 }, [2.2, 2.9], 'gradients')
convolution('conv 3x3', { batch: 32, inputs: 32, outputs: 64, size: 16 }, [5.5, 13.1], 'gradients', [15, 1128])
convolution('conv 3x3', { batch: 1, inputs: 64, outputs: 64, size: 56 }, [4.5, 8.6], 'gradients')
convolution('conv 1x1', { batch: 32, inputs: 64, outputs: 128, size: 16, kernel: 1 })
convolution('conv 3x3 stride 2', { batch: 32, inputs: 32, outputs: 64, size: 32, stride: 2 }, undefined, 'gradients')
convolution('depthwise 3x3', { batch: 32, inputs: 64, outputs: 64, size: 32, depthwise: true }, undefined, 'gradients')

const pooled = { x: { shape: [32, 28, 28, 32] } }
define('max pool 2x2 [32,28,28,32]', 'maxPool', {
  inputs: pooled,
  bytes: 5 * sizeOf(pooled.x.shape),
  goal: [0.3, 0.31],
})
define('gradient of max pool 2x2 [32,28,28,32]', 'maxPoolGradient', {
  inputs: { ...pooled, g: { shape: [32, 14, 14, 32] } },
  bytes: 9 * sizeOf(pooled.x.shape),
})
define('average pool 2x2 [32,28,28,32]', 'averagePool', { inputs: pooled, bytes: 5 * sizeOf(pooled.x.shape) })

const mlp = {
  x: { shape: [128, 784] },
  labels: { shape: [128], below: 10 },
  w1: { shape: [784, 512], scale: 0.06 },
  b1: { shape: [512], scale: 0.1 },
  w2: { shape: [512, 256], scale: 0.07 },
  b2: { shape: [256], scale: 0.1 },
  w3: { shape: [256, 10], scale: 0.1 },
  b3: { shape: [10], scale: 0.1 },
}
const mlpFlops = 6 * 128 * (784 * 512 + 512 * 256 + 256 * 10)
define('MLP step 784-512-256-10, Adam, b128', 'mlpStep', {
  inputs: mlp,
  flops: mlpFlops,
  tolerance: 2e-3,
  goal: [11, 17.3],
})

const cnn = {
  x: { shape: [64, 28, 28, 1] },
  labels: { shape: [64], below: 10 },
  w1: { shape: [3, 3, 1, 32], scale: 0.5 },
  b1: { shape: [32], scale: 0.1 },
  w2: { shape: [3, 3, 32, 64], scale: 0.1 },
  b2: { shape: [64], scale: 0.1 },
  w3: { shape: [3136, 10], scale: 0.03 },
  b3: { shape: [10], scale: 0.1 },
}
const cnnFlops = 64 * (2 * 2 * 784 * 9 * 32 + 3 * 2 * 196 * 288 * 64 + 3 * 2 * 3136 * 10)
define('CNN step, Adam, b64', 'cnnStep', { inputs: cnn, flops: cnnFlops, tolerance: 2e-3, goal: [50, 5377] })

const attention = {
  x: { shape: [8, 128, 256] },
  wq: { shape: [256, 256], scale: 0.1 },
  wk: { shape: [256, 256], scale: 0.1 },
  wv: { shape: [256, 256], scale: 0.1 },
  wo: { shape: [256, 256], scale: 0.1 },
}
const attentionFlops = 4 * 2 * 1024 * 256 * 256 + 2 * 2 * 8 * 128 * 128 * 256
define('self-attention b8 t128 d256 h8', 'attention', {
  parameters: { heads: 8 },
  inputs: attention,
  flops: attentionFlops,
  goal: [17, 27.6],
})
define('self-attention with gradients', 'attentionGradients', {
  parameters: { heads: 8 },
  inputs: { ...attention, g: { shape: [8, 128, 256] } },
  flops: 3 * attentionFlops,
  goal: [52, 101],
})
define('per-example gradients 64-128-10, b128', 'perExampleGradients', {
  inputs: {
    x: { shape: [128, 64] },
    labels: { shape: [128], below: 10 },
    w1: { shape: [64, 128], scale: 0.2 },
    b1: { shape: [128], scale: 0.1 },
    w2: { shape: [128, 10], scale: 0.2 },
    b2: { shape: [10], scale: 0.1 },
  },
  flops: 6 * 128 * (64 * 128 + 128 * 10),
  goal: [1.5, 5.4],
})

define('sort 1M', 'sort', { inputs: { x: { shape: [1048576] } }, tolerance: 1e-7, goal: [60, 108] })
define('cholesky 256', 'cholesky', {
  inputs: { x: { shape: [256, 256] } },
  flops: 256 ** 3 / 3,
  tolerance: 1e-3,
  goal: [1, 5.1],
})
define('threefry normal 4M', 'normal', {
  parameters: { size: 4194304 },
  compare: 'moments',
  tolerance: 5e-3,
  goal: [45, 232],
})
define('eager add of [16]', 'eagerAdd', {
  parameters: { repeats: 1000 },
  inputs: { x: { shape: [16] }, y: { shape: [16], scale: 0.001 } },
  perCall: 1000,
  unit: 'us',
  goal: [2, 1.45],
})
const recurrent = { h: { shape: [32] }, w: { shape: [32, 32], scale: 0.3 }, xs: { shape: [1000, 32] } }
define('scan of 1000 steps h = tanh(h w + x)', 'scan', { inputs: recurrent, tolerance: 1e-3 })
define('eager loop of 1000 steps h = tanh(h w + x)', 'eagerLoop', { inputs: recurrent, tolerance: 1e-3 })
define('first call of the CNN step, minus a later one', 'cnnStep', {
  inputs: cnn,
  mode: 'first',
  tolerance: 2e-3,
  goal: [150, 9152],
})
define('first call of the MLP step, minus a later one', 'mlpStep', { inputs: mlp, mode: 'first', tolerance: 2e-3 })
