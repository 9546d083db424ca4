"""The shipped sweep of mask ratios from start to end: time, and what it finds.

    python bench/sweep.py [--bin target/release/mae-exp] [--before PATH]

Minutes; `all.py` runs it only when asked with --only sweep. With --before an earlier program trains the same sweep, and
the differences between the two are shown in standard deviations over seeds.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import common
from common import Command, NotRun

EXPERIMENT = common.ROOT / "experiments" / "mask_ratio.toml"
STARTED_AT = 333.0  # seconds at the starting line, 5 min 33 s
METRICS = {"knn_accuracy": "k-NN accuracy", "eval_mse": "eval_mse", "eval_loss": "eval_loss"}


def train(program: str, threads: int, folder: Path) -> dict:
    """Train the sweep into a store of its own: seconds, and its groups."""
    store, env = folder / "store.db", os.environ | common.libtorch_env(program)
    argv = [program, "sweep", str(EXPERIMENT), "--store", str(store), "--reports", str(folder / "reports")]
    start = time.perf_counter()
    env |= {"RAYON_NUM_THREADS": str(threads)}
    done = subprocess.run(argv, env=env, stdout=subprocess.DEVNULL, check=False)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise NotRun(f"{Path(program).name} sweep ended with exit code {done.returncode}")
    export = Command([program, "export", "--store", str(store), "--format", "json"], common.libtorch_env(program))
    groups = json.loads(common.run(export, 1).stdout)["groups"]
    return {"seconds": seconds, "groups": groups}


def measure(args: argparse.Namespace) -> dict:
    """The sweep with each program, once."""
    document = {"surroundings": common.surroundings(args), "programs": {}}
    for name, program in (("before", args.before), ("now", args.bin)):
        if program:
            with common.scratch() as folder:
                print(f"  sweep, {name}", file=sys.stderr)
                document["programs"][name] = train(program, args.threads, Path(folder))
    return document


def tables(document: dict) -> dict[str, str]:
    """The block `sweep`."""
    rows = []
    for name, one in document["programs"].items():
        gain = f"{STARTED_AT / one['seconds']:.2f}"
        minutes = f"{int(one['seconds'] // 60)} min {one['seconds'] % 60:.0f} s"
        rows.append([name, minutes, gain])
    head = ["`mae-exp sweep experiments/mask_ratio.toml`", "time", "starting line / time"]
    blocks = [common.table(head, rows)]
    if len(document["programs"]) == 2:
        blocks.append(found(document["programs"]["before"]["groups"], document["programs"]["now"]["groups"]))
    return {"sweep": "\n\n".join([*blocks, common.footnote(document)])}


def found(before: list[dict], now: list[dict]) -> str:
    """What the two sweeps found, beside each other."""
    rows = []
    for old, new in zip(before, now, strict=True):
        cells = [old["label"]]
        for metric in METRICS:
            one, other = old["metrics"][metric], new["metrics"][metric]
            noise = max(one["sd"], other["sd"]) or float("nan")
            cells += [f"{one['mean']:.4g} → {other['mean']:.4g}", f"{(other['mean'] - one['mean']) / noise:+.2f}"]
        rows.append(cells)
    head = ["share hidden", *[cell for shown in METRICS.values() for cell in (shown, "in sd")]]
    words = "Means over seeds before and now, and the difference in standard deviations over seeds:"
    return words + "\n\n" + common.table(head, rows)


if __name__ == "__main__":
    common.script(__doc__, measure, tables)
