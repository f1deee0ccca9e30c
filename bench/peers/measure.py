"""The process of a Python peer: what measure.mjs is for JavaScript. `python measure.py MODULE` loads MODULE.py beside it."""

import importlib
import json
import math
import os
import resource
import sys
import time

import numpy as np


def values_of(spec, seed):
    """Fills an input as inputs.mjs does: the linear congruential generator, each pass doubling what there is."""
    size = math.prod(spec["shape"])
    state = np.empty(size, np.uint32)
    multiplier, increment = 1664525, 1013904223
    mask = 0xFFFFFFFF
    start = ((seed + 1) * 0x9E3779B1) & mask
    if size > 0:
        state[0] = (start * multiplier + increment) & mask
    filled = 1
    while filled < size:
        count = min(filled, size - filled)
        state[filled : filled + count] = state[:count] * np.uint32(multiplier) + np.uint32(increment)
        increment = (increment * (multiplier + 1)) & mask
        multiplier = (multiplier * multiplier) & mask
        filled += count
    unit = (state >> np.uint32(8)).astype(np.float64) / 16777216
    if "below" in spec:
        return np.floor(unit * spec["below"]).astype(np.int32).reshape(spec["shape"])
    return ((2 * unit - 1) * spec.get("scale", 1)).astype(np.float32).reshape(spec["shape"])


def positive_definite(x):
    """x x^T / n + 1, in double precision, as arrays.mjs makes it."""
    wide = x.astype(np.float64)
    return (wide @ wide.T / len(x) + np.eye(len(x))).astype(np.float32)


def digest(output):
    flat = np.asarray(output).reshape(-1)
    size = flat.size
    count = min(size, 4096)
    picked = flat[(np.arange(count) * size) // count].astype(np.float64)
    wide = flat.astype(np.float64)
    return {
        "sample": [float(v) if math.isfinite(v) else None for v in picked],
        "mean": float(wide.mean()),
        "deviation": float(wide.std()),
        "size": size,
    }


class Process:
    def __init__(self, adapter):
        self.adapter = adapter
        self.prepared = None
        self.calls = 1
        self.warmup = 0.4

    def sample(self):
        since = time.perf_counter()
        for _ in range(self.calls):
            self.prepared["call"]()
        return (time.perf_counter() - since) * 1000 / self.calls

    def prepare(self, workload):
        operation = workload["operation"]
        build = self.adapter.operations.get(operation)
        if build is None:
            return {"absent": self.adapter.absent.get(operation, "not there")}
        inputs = {name: values_of(spec, i) for i, (name, spec) in enumerate(workload["inputs"].items())}
        self.prepared = build(inputs, workload["parameters"])
        since = time.perf_counter()
        results = list(self.prepared["call"]())
        first = (time.perf_counter() - since) * 1000
        if self.prepared.get("stateful"):
            for _ in range(2):
                results += self.prepared["call"]()
        digests = [digest(result) for result in results]
        warm = time.perf_counter()
        while True:
            self.sample()
            if time.perf_counter() - warm >= self.warmup:
                break
        each = self.sample()
        self.calls = max(1, math.ceil(0.2 / max(each, 1e-4)))
        note = self.prepared.get("note")
        return {"ready": {"first": first, "each": each, "digests": digests, "note": note, "incomparable": False}}

    def round(self, budget):
        times = []
        since = time.perf_counter()
        used = time.process_time()
        while True:
            times.append(self.sample())
            if (time.perf_counter() - since) * 1000 >= budget:
                cpu = (time.process_time() - used) * 1000 / (len(times) * self.calls)
                return {"times": times, "cpu": cpu}

    def answer(self, request):
        if "start" in request:
            self.warmup = request["start"]["warmup"] / 1000
            return {"versions": self.adapter.start(request["start"])}
        if "prepare" in request:
            return self.prepare(request["prepare"])
        if "round" in request:
            return self.round(request["round"]["budget"])
        if "kernels" in request:
            return {"kernels": None}
        return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main():
    channel = os.fdopen(3, "w")
    process = Process(importlib.import_module(sys.argv[1]))
    for line in sys.stdin:
        try:
            reply = process.answer(json.loads(line))
        except Exception as error:
            reply = {"failed": f"{type(error).__name__}: {error}".split("\n")[0]}
        channel.write(json.dumps(reply) + "\n")
        channel.flush()


if __name__ == "__main__":
    main()
