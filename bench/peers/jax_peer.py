"""JAX on the CPU, compiled natively by XLA: a ceiling, and the reference that the other peers' results are compared with."""

import os
from functools import partial

import numpy as np

from measure import positive_definite

jax = jnp = lax = None
absent = {}


def start(settings):
    """XLA takes a thread for each core that the process may use, so one thread means one core."""
    global jax, jnp, lax
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if cores:
        os.sched_setaffinity(0, cores[-settings["threads"] :])
    os.environ["JAX_PLATFORMS"] = "cpu"
    if settings["threads"] == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    import jax as library
    import jax.numpy as numpy_names
    from jax import lax as lax_names

    jax, jnp, lax = library, numpy_names, lax_names
    import jaxlib

    return {"jax": jax.__version__, "jaxlib": jaxlib.__version__}


def read(result):
    """Copies results to the host: np.asarray would only look at the device's memory."""
    results = result if isinstance(result, (list, tuple)) else [result]
    return [np.array(x, copy=True) for x in results]


def jitted(f, inputs):
    run = jax.jit(f)
    args = [jnp.asarray(x) for x in inputs.values()]
    return {"call": lambda: read(run(*args))}


def convolve(x, w, parameters):
    stride = parameters["stride"]
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        x, w, (stride, stride), "SAME", dimension_numbers=numbers, feature_group_count=parameters["groups"]
    )


def pool(x, start, computation):
    return lax.reduce_window(x, start, computation, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def max_pool(x):
    return pool(x, -jnp.inf, lax.max)


def layer_norm(x, scale, bias):
    return jax.nn.standardize(x, axis=-1, epsilon=1e-5) * scale + bias


def cross_entropy(logits, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], axis=-1)[..., 0]


def step(logits, inputs):
    """A training step with Adam, in optax's formula."""
    images, labels = jnp.asarray(inputs["x"]), jnp.asarray(inputs["labels"])
    weights = {name: jnp.asarray(x) for name, x in inputs.items() if name not in ("x", "labels")}

    def loss(params, x, y):
        return cross_entropy(logits(params, x), y).mean()

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def update(params, m, v, count, x, y):
        value, gradients = jax.value_and_grad(loss)(params, x, y)
        count = count + 1
        m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, gradients)
        v = jax.tree.map(lambda a, g: 0.999 * a + 0.001 * g * g, v, gradients)
        scale1, scale2 = 1 - 0.9**count, 1 - 0.999**count
        params = jax.tree.map(
            lambda p, a, b: p - 1e-3 * (a / scale1) / (jnp.sqrt(b / scale2) + 1e-8), params, m, v
        )
        return params, m, v, count, value

    state = {"all": (weights, jax.tree.map(jnp.zeros_like, weights), jax.tree.map(jnp.zeros_like, weights), 0)}

    def call():
        *state["all"], value = update(*state["all"], images, labels)
        return read(value)

    return {"call": call, "stateful": True}


def mlp(p, x):
    h = jax.nn.relu(x @ p["w1"] + p["b1"])
    return jax.nn.relu(h @ p["w2"] + p["b2"]) @ p["w3"] + p["b3"]


def cnn(p, x):
    same = {"stride": 1, "groups": 1}
    h = max_pool(jax.nn.relu(convolve(x, p["w1"], same) + p["b1"]))
    h = max_pool(jax.nn.relu(convolve(h, p["w2"], same) + p["b2"]))
    return h.reshape(len(x), -1) @ p["w3"] + p["b3"]


def attention(x, wq, wk, wv, wo, heads):
    batch, length, width = x.shape
    q, k, v = ((x @ w).reshape(batch, length, heads, width // heads) for w in (wq, wk, wv))
    return jax.nn.dot_product_attention(q, k, v).reshape(batch, length, width) @ wo


def pulled_back(f, inputs):
    """The vector-Jacobian product of f at all inputs but the last, which is the cotangent."""
    return jitted(lambda *args: jax.vjp(f, *args[:-1])[1](args[-1]), inputs)


def per_example(inputs, _):
    def loss(w1, b1, w2, b2, x, label):
        return cross_entropy(jnp.tanh(x @ w1 + b1) @ w2 + b2, label)

    gradients = jax.vmap(jax.grad(loss, argnums=(0, 1, 2, 3)), in_axes=(None, None, None, None, 0, 0))
    return jitted(gradients, {name: inputs[name] for name in ("w1", "b1", "w2", "b2", "x", "labels")})


def normal(_, parameters):
    key = jax.random.key(0)
    draw = jax.jit(lambda k: jax.random.normal(k, (parameters["size"],)))
    return {"call": lambda: read(draw(key))}


def eager_add(inputs, parameters):
    x, y = jnp.asarray(inputs["x"]), jnp.asarray(inputs["y"])

    def call():
        z = x
        for _ in range(parameters["repeats"]):
            z = jnp.add(z, y)
        return read(z)

    return {"call": call}


def eager_loop(inputs, _):
    h, w = jnp.asarray(inputs["h"]), jnp.asarray(inputs["w"])
    rows = [jnp.asarray(x) for x in inputs["xs"]]

    def call():
        carry = h
        for x in rows:
            carry = jnp.tanh(carry @ w + x)
        return read(carry)

    return {"call": call}


def scan(h, w, xs):
    return lax.scan(lambda carry, x: (jnp.tanh(carry @ w + x), None), h, xs)[0]


operations = {
    "matmul": lambda inputs, _: jitted(lambda a, b: a @ b, inputs),
    "chain": lambda inputs, _: jitted(lambda x: jnp.tanh(x) * jax.nn.sigmoid(x), inputs),
    "sum": lambda inputs, _: jitted(lambda x: x.sum(), inputs),
    "softmax": lambda inputs, _: jitted(lambda x: jax.nn.softmax(x, axis=-1), inputs),
    "layernorm": lambda inputs, _: jitted(layer_norm, inputs),
    "convolution": lambda inputs, p: jitted(lambda x, w: convolve(x, w, p), inputs),
    "convolutionGradients": lambda inputs, p: pulled_back(lambda x, w: convolve(x, w, p), inputs),
    "maxPool": lambda inputs, _: jitted(max_pool, inputs),
    "maxPoolGradient": lambda inputs, _: pulled_back(max_pool, inputs),
    "averagePool": lambda inputs, _: jitted(lambda x: pool(x, 0.0, lax.add) / 4, inputs),
    "mlpStep": lambda inputs, _: step(mlp, inputs),
    "cnnStep": lambda inputs, _: step(cnn, inputs),
    "attention": lambda inputs, p: jitted(lambda *args: attention(*args, p["heads"]), inputs),
    "attentionGradients": lambda inputs, p: pulled_back(lambda *args: attention(*args, p["heads"]), inputs),
    "perExampleGradients": per_example,
    "sort": lambda inputs, _: jitted(jnp.sort, inputs),
    "cholesky": lambda inputs, _: jitted(jnp.linalg.cholesky, {"x": positive_definite(inputs["x"])}),
    "normal": normal,
    "eagerAdd": eager_add,
    "scan": lambda inputs, _: jitted(scan, inputs),
    "eagerLoop": eager_loop,
}
