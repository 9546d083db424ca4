"""Training steps on an NVIDIA GPU in bf16, mae-exp and PyTorch, with the largest batch that fits.

    python bench/cuda.py --tch-bin PATH [--models base large]

The batch is doubled until a program runs out of memory; the largest that all programs hold is measured, in turns.
PyTorch runs scaled_dot_product_attention, autocast and fused AdamW, eager and compiled. The share of the card's peak
counts the matrix products of forward and backward (`shapes.py`) and nothing else.
"""

import argparse
import sys

import common
import shapes
from common import RATIO, Command, NotRun
from train_step import ours, section_of, short

# Dense bf16 operations a second, by what the card's name contains; from the vendor's data sheets.
PEAKS = {
    "H200": 989e12, "H100 PCIe": 756e12, "H100 NVL": 835e12, "H100": 989e12, "A100": 312e12, "A10G": 70e12,
    "L40S": 362e12, "L4": 121e12, "RTX 4090": 165e12, "RTX 3090": 71e12,
}  # fmt: skip
FIRST, MOST = 16, 8192  # batches tried
PROGRAMS = {"tch": "mae-exp, LibTorch, bf16", "torch": "PyTorch eager", "torch-compile": "PyTorch torch.compile"}
STEPS, WARMUP = 10, 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this part alone."""
    parser.add_argument("--models", nargs="+", default=["base", "large"], help="model parts (default: base large)")


def card() -> str:
    """The name of the first GPU, as PyTorch gives it."""
    if not common.has_package("torch"):
        raise NotRun("this Python has no torch")
    import torch

    if not torch.cuda.is_available():
        raise NotRun("no CUDA device")
    return torch.cuda.get_device_name(0)


def command_of(args: argparse.Namespace, name: str, model: str, job: dict) -> Command:
    """The command of one program with the batch of a job."""
    if name.startswith("torch"):
        more = {"device": "cuda:0", "fused": True, "bf16": True, "compile": name == "torch-compile"}
        return common.worker("step", job | more)
    if not args.tch_bin:
        raise NotRun("no build with LibTorch given (--tch-bin)")
    env = common.libtorch_env(args.tch_bin)
    if not common.has_option(args.tch_bin, env, ["bench", "train-step"], "--precision"):
        raise NotRun("that program has no --precision")
    return ours(args.tch_bin, model, job, "tch:0", "--precision", "bf16", env=env)


def largest(args: argparse.Namespace, name: str, model: str, job: dict, most: int) -> int:
    """The largest batch up to `most` that a program holds, by doubling; NotRun with its words when the first fails."""
    fits, batch = 0, FIRST
    while batch <= most:
        try:
            trial = job | {"batch": batch, "steps": 1, "warmup": 1}
            common.run_json(command_of(args, name, model, trial), args.threads)
        except NotRun as reason:
            if not fits:
                raise
            print(f"  {name}: {batch} does not fit ({reason})", file=sys.stderr)
            break
        fits, batch = batch, 2 * batch
    return fits


def measure_model(args: argparse.Namespace, model: str) -> dict:
    """One model: the batch, then turns."""
    info = section_of(args, model)
    job = {"section": info["model"], "ratio": RATIO, "threads": args.threads, "steps": STEPS, "warmup": WARMUP}
    batch, commands, reasons = FIRST * 2 if args.quick else MOST, {}, {}
    for name in PROGRAMS:
        try:
            batch = largest(args, name, model, job, batch)
            commands[name] = name
        except NotRun as reason:
            reasons[name] = str(reason)
    commands = {name: command_of(args, name, model, job | {"batch": batch}) for name in commands}
    rows, failed = common.take_turns(commands, args.rounds, args.threads, lambda one: common.shown_ms(one["median_s"]))
    work = shapes.flops(info["model"], 1, RATIO)
    return {"model": short(model), "batch": batch, "flops_per_image": work, "rows": rows, "not_run": reasons | failed}


def measure(args: argparse.Namespace) -> dict:
    """Both models on the first GPU."""
    facts = {"card": card(), "surroundings": common.surroundings(args)}
    return facts | {"models": [measure_model(args, model) for model in args.models]}


def tables(document: dict) -> dict[str, str]:
    """The block `cuda`."""
    peak = next((peak for name, peak in PEAKS.items() if name in document["card"]), None)
    rows, missing = [], []
    for model in document["models"]:
        for name, found in model["rows"].items():
            speeds = common.spread([model["batch"] / row["median_s"] for row in found])
            share = speeds["median"] * model["flops_per_image"] / peak if peak else None
            memory = max(row["peak_memory_bytes"] for row in found) / common.MIB
            # mae-exp counts the memory of its process, not that of the card.
            shown = [common.shown_spread(speeds, common.shown_count), f"{share:.1%}" if share else "unknown"]
            shown.append(f"{memory:.0f} MiB" if name.startswith("torch") else "–")
            rows.append([model["model"], str(model["batch"]), PROGRAMS[name], *shown])
        missing += [common.reasons_of(model["not_run"], PROGRAMS)] if model["not_run"] else []
    head = ["model", "batch", "program", "pictures/s", "of bf16 peak", "peak memory of the card"]
    note = common.footnote(document, f"{document['card']}.")
    return {"cuda": "\n\n".join([common.table(head, rows), *missing, note])}


if __name__ == "__main__":
    common.script(__doc__, measure, tables, add_options)
