"""The PyTorch side of the measurements: one task in a process of its own, which prints one JSON document.

    python bench/torch_worker.py TASK JOB     # step, profile, floor or masks; JOB is a JSON object

Started by the other scripts; see there for what a job holds.
"""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from mae_torch import Mae, adamw, random_masking
from shapes import Product, products

BANDWIDTH_BYTES = 2**28  # of the copy that measures memory bandwidth: far beyond every cache


def peak_memory_bytes(device: torch.device) -> int:
    """Peak memory of this process: resident set on the CPU, allocated device memory elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.exists():
        # Of this program alone: what getrusage tells on Linux may be the peak of the process that started it.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class Stepper:
    """A model, its optimiser and one batch of noise pictures; calling it does one full step and returns its seconds."""

    def __init__(self, job: dict):
        torch.manual_seed(0)
        self.device, self.job = torch.device(job["device"]), job
        model = Mae.from_section(job["section"]).to(self.device)
        self.params = sum(p.numel() for p in model.parameters())
        size = (model.grid[0] * model.patch_size, model.grid[1] * model.patch_size)
        self.images = torch.randn(job["batch"], model.in_chans, *size, device=self.device)
        self.optimizer = adamw(model, lr=1e-4, fused=True if job.get("fused") else None)
        self.model = torch.compile(model) if job.get("compile") else model

    def __call__(self) -> float:
        start = time.perf_counter()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.job.get("bf16", False)):
            loss, _, _ = self.model(self.images, self.job["ratio"])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        loss.item()  # also waits for the device
        return time.perf_counter() - start


def step(job: dict) -> dict:
    """Time `steps` full steps after `warmup`; the keys of `mae-exp bench train-step --json`, and a few more."""
    stepper = Stepper(job)
    first = [stepper() for _ in range(job["warmup"])]
    seconds = [stepper() for _ in range(job["steps"])]
    median = statistics.median(seconds)
    return {
        "batch": job["batch"],
        "device": job["device"],
        "threads": torch.get_num_threads(),
        "median_s": median,
        "images_per_s": job["batch"] / median,
        "first_s": first[0],
        "peak_memory_bytes": peak_memory_bytes(stepper.device),
        "trainable_params": stepper.params,
    }


def profile(job: dict) -> dict:
    """Seconds of a step for each of PyTorch's operations, without those it calls, by torch.profiler; and of a step."""
    stepper = Stepper(job)
    for _ in range(job["warmup"]):
        stepper()
    plain = statistics.median(stepper() for _ in range(job["steps"]))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        for _ in range(job["steps"]):
            stepper()
    operations = {event.key: event.self_cpu_time_total / 1e6 / job["steps"] for event in found.key_averages()}
    return {"median_s": plain, "operations": operations}


# --- floors ---------------------------------------------------------------------------------------


def timed(work: Callable[[], object], repeats: int) -> float:
    """The median time of something, after one that is not counted."""
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def product_seconds(product: Product, repeats: int) -> float:
    """The products of one entry, forward and backward, into memory that is there already."""
    lead = (product.batch,) if product.batch > 1 else ()
    left, right, out = (
        torch.randn(*lead, *size)
        for size in ((product.rows, product.inner), (product.inner, product.cols), (product.rows, product.cols))
    )
    # A layer keeps its weight as [outputs, inputs]; attention multiplies by transposed keys.
    right = right.mT.contiguous().mT if product.batch == 1 or product.cols > product.inner else right
    multiply = torch.bmm if product.batch > 1 else torch.mm
    new_left, new_right = torch.empty_like(left), torch.empty(*lead, product.inner, product.cols)
    total = timed(lambda: multiply(left, right, out=out), repeats)
    total += timed(lambda: multiply(left.mT, out, out=new_right), repeats)
    if not product.leaf:
        total += timed(lambda: multiply(out, right.mT, out=new_left), repeats)
    return total * product.count


def floor(job: dict) -> dict:
    """Time of a step's matrix products alone with PyTorch's library, and the bandwidth of memory."""
    found = products(job["section"], job["batch"], job["ratio"])
    layers = sum(product_seconds(one, job["repeats"]) for one in found if one.batch == 1)
    attention = sum(product_seconds(one, job["repeats"]) for one in found if one.batch > 1)
    source = torch.ones(BANDWIDTH_BYTES // 4)
    target = torch.zeros_like(source)
    seconds = timed(lambda: target.copy_(source), 5)
    return {
        "layers_s": layers,
        "attention_s": attention,
        "flops": sum(one.flops() for one in found),
        "bytes_per_s": 2 * BANDWIDTH_BYTES / seconds,
    }


def masks(job: dict) -> dict:
    """Random masks a second: argsort of noise, for one batch at a time."""
    patches, keep = job["patches"], int(job["patches"] * (1 - job["ratio"]))
    seconds = timed(lambda: random_masking(torch.rand(job["batch"], patches), keep), job["batches"])
    return {"masks_per_s": job["batch"] / seconds}


def main() -> None:
    tasks = {"step": step, "profile": profile, "floor": floor, "masks": masks}
    job = json.loads(sys.argv[2])
    torch.set_num_threads(job["threads"])
    print(json.dumps(tasks[sys.argv[1]](job)))


if __name__ == "__main__":
    main()
