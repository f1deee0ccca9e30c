"""PyTorch on the CPU, eager: a native ceiling. Convolutions are channels-first, as PyTorch's are; images go in rearranged."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from measure import positive_definite

absent = {"normal": "no counter-based generator with JAX's keys", "scan": "no scan"}
if not hasattr(torch, "func"):
    absent["perExampleGradients"] = "torch.func needs PyTorch 2"


def start(settings):
    torch.set_num_threads(settings["threads"])
    return {"torch": torch.__version__}


def read(result):
    """Results as arrays of their own: x.numpy() would only look at the tensor's memory."""
    results = result if isinstance(result, (list, tuple)) else [result]
    return [x.detach().numpy().copy() for x in results]


def tensor(x):
    return torch.from_numpy(np.ascontiguousarray(x))


def channels_first(x):
    return np.transpose(x, (0, 3, 1, 2))


def channels_last(x):
    return x.permute(0, 2, 3, 1)


def plain(f, inputs):
    args = [tensor(x) for x in inputs.values()]

    def call():
        with torch.no_grad():
            return read(f(*args))

    return {"call": call}


def pulled_back(f, inputs, canonical=lambda *gradients: gradients):
    """The vector-Jacobian product of f at all inputs but the last, which is the cotangent."""
    args = [tensor(x).requires_grad_() for x in list(inputs.values())[:-1]]
    cotangent = tensor(list(inputs.values())[-1])

    def call():
        return read(list(canonical(*torch.autograd.grad(f(*args), args, cotangent))))

    return {"call": call}


def same(x, w, stride, groups):
    """Padding SAME, which puts the odd one at the end where the stride leaves one over."""
    pads = []
    for size, kernel in ((x.shape[3], w.shape[3]), (x.shape[2], w.shape[2])):
        total = max(0, (math.ceil(size / stride) - 1) * stride + kernel - size)
        pads += [total // 2, total - total // 2]
    if pads[0::2] == pads[1::2]:
        return F.conv2d(x, w, stride=stride, padding=(pads[2], pads[0]), groups=groups)
    return F.conv2d(F.pad(x, pads), w, stride=stride, groups=groups)


def convolution(inputs, p):
    x, w = channels_first(inputs["x"]), np.transpose(inputs["w"], (3, 2, 0, 1))
    return plain(lambda a, b: channels_last(same(a, b, p["stride"], p["groups"])), {"x": x, "w": w})


def convolution_gradients(inputs, p):
    arrays = {
        "x": channels_first(inputs["x"]),
        "w": np.transpose(inputs["w"], (3, 2, 0, 1)),
        "g": channels_first(inputs["g"]),
    }
    return pulled_back(
        lambda a, b: same(a, b, p["stride"], p["groups"]),
        arrays,
        lambda dx, dw: (channels_last(dx), dw.permute(2, 3, 1, 0)),
    )


def step(logits, weights, images, labels):
    params = {name: tensor(x).requires_grad_() for name, x in weights.items()}
    optimizer = torch.optim.Adam(params.values(), lr=1e-3)
    x, y = tensor(images), tensor(labels.astype(np.int64))

    def call():
        optimizer.zero_grad()
        loss = F.cross_entropy(logits(params, x), y)
        loss.backward()
        optimizer.step()
        return read(loss)

    return {"call": call, "stateful": True}


def mlp_step(inputs, _):
    def logits(p, x):
        return F.relu(F.relu(x @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"]) @ p["w3"] + p["b3"]

    weights = {name: x for name, x in inputs.items() if name not in ("x", "labels")}
    return step(logits, weights, inputs["x"], inputs["labels"])


def cnn_step(inputs, _):
    def logits(p, x):
        h = F.max_pool2d(F.relu(F.conv2d(x, p["w1"], p["b1"], padding=1)), 2)
        h = F.max_pool2d(F.relu(F.conv2d(h, p["w2"], p["b2"], padding=1)), 2)
        return h.reshape(len(x), -1) @ p["w3"] + p["b3"]

    weights = {name: x for name, x in inputs.items() if name not in ("x", "labels")}
    for name in ("w1", "w2"):
        weights[name] = np.transpose(inputs[name], (3, 2, 0, 1))
    weights["w3"] = inputs["w3"].reshape(7, 7, 64, 10).transpose(2, 0, 1, 3).reshape(3136, 10)
    return step(logits, weights, channels_first(inputs["x"]), inputs["labels"])


def attention(x, wq, wk, wv, wo, heads):
    batch, length, width = x.shape
    q, k, v = ((x @ w).reshape(batch, length, heads, width // heads).transpose(1, 2) for w in (wq, wk, wv))
    if hasattr(F, "scaled_dot_product_attention"):
        mixed = F.scaled_dot_product_attention(q, k, v)
    else:
        mixed = torch.softmax(q @ k.transpose(2, 3) * math.sqrt(heads / width), -1) @ v
    return mixed.transpose(1, 2).reshape(batch, length, width) @ wo


def per_example(inputs, _):
    def loss(w1, b1, w2, b2, x, label):
        return F.cross_entropy(torch.tanh(x @ w1 + b1) @ w2 + b2, label)

    gradients = torch.func.vmap(torch.func.grad(loss, argnums=(0, 1, 2, 3)), in_dims=(None, None, None, None, 0, 0))
    arrays = {name: inputs[name] for name in ("w1", "b1", "w2", "b2", "x")}
    return plain(gradients, {**arrays, "labels": inputs["labels"].astype(np.int64)})


def eager_add(inputs, p):
    x, y = tensor(inputs["x"]), tensor(inputs["y"])

    def call():
        z = x
        for _ in range(p["repeats"]):
            z = torch.add(z, y)
        return read(z)

    return {"call": call}


def eager_loop(h, w, xs):
    for x in xs:
        h = torch.tanh(h @ w + x)
    return h


def pooled(f):
    return lambda x: channels_last(f(x, 2))


operations = {
    "matmul": lambda inputs, _: plain(lambda a, b: a @ b, inputs),
    "chain": lambda inputs, _: plain(lambda x: torch.tanh(x) * torch.sigmoid(x), inputs),
    "sum": lambda inputs, _: plain(torch.sum, inputs),
    "softmax": lambda inputs, _: plain(lambda x: torch.softmax(x, -1), inputs),
    "layernorm": lambda inputs, _: plain(lambda x, s, b: F.layer_norm(x, x.shape[-1:], s, b, 1e-5), inputs),
    "convolution": convolution,
    "convolutionGradients": convolution_gradients,
    "maxPool": lambda inputs, _: plain(pooled(F.max_pool2d), {"x": channels_first(inputs["x"])}),
    "maxPoolGradient": lambda inputs, _: pulled_back(
        lambda x: F.max_pool2d(x, 2),
        {"x": channels_first(inputs["x"]), "g": channels_first(inputs["g"])},
        lambda dx: [channels_last(dx)],
    ),
    "averagePool": lambda inputs, _: plain(pooled(F.avg_pool2d), {"x": channels_first(inputs["x"])}),
    "mlpStep": mlp_step,
    "cnnStep": cnn_step,
    "attention": lambda inputs, p: plain(lambda *args: attention(*args, p["heads"]), inputs),
    "attentionGradients": lambda inputs, p: pulled_back(lambda *args: attention(*args, p["heads"]), inputs),
    "perExampleGradients": per_example,
    "sort": lambda inputs, _: plain(lambda x: torch.sort(x).values, inputs),
    "cholesky": lambda inputs, _: plain(torch.linalg.cholesky, {"x": positive_definite(inputs["x"])}),
    "eagerAdd": eager_add,
    "eagerLoop": lambda inputs, _: plain(eager_loop, inputs),
}
if "perExampleGradients" in absent:
    del operations["perExampleGradients"]
