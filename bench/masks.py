"""How long drawing the masks of a batch takes, strategy by strategy, beside argsort of noise in PyTorch.

    python bench/masks.py [--bin target/release/mae-exp] [--rounds 5]

Masks for a batch of 256 pictures of 14 x 14 patches, 75 % hidden, on one thread. PyTorch draws random masks only; each
time in turns with mae-exp, which draws all of its strategies in one process.
"""

import argparse

import common
from common import RATIO, Command, NotRun

SIDE, BATCH = 14, 256
PYTORCH = "random, PyTorch (argsort of noise)"
# The name that `bench masks` gives a script which is interpreted for every mask.
SCRIPT = "script that varies"


def measure(args: argparse.Namespace) -> dict:
    """Let the two sides take turns; masks a second for each strategy."""
    if not common.has_option(args.bin, {}, ["bench"], "masks"):
        raise NotRun("this mae-exp has no `bench masks`")
    facts = common.surroundings(args) | {"threads": 1}
    batches = 10 if args.quick else 200
    ours = [args.bin, "bench", "masks", "--json", "--grid", str(SIDE), "--batch", str(BATCH)]
    commands = {"mae-exp": Command([*ours, "--batches", str(batches), "--ratio", str(RATIO)])}
    if common.has_package("torch"):
        job = {"patches": SIDE * SIDE, "batch": BATCH, "batches": batches, "ratio": RATIO, "threads": 1}
        commands["torch"] = common.worker("masks", job)
    rows, reasons = common.take_turns(commands, args.rounds, 1, lambda one: "done")
    if "mae-exp" in reasons:
        raise NotRun(reasons["mae-exp"])
    speeds: dict[str, list[float]] = {}
    for row in rows["mae-exp"]:
        for one in row["masks"]:
            speeds.setdefault(one["strategy"], []).append(one["masks_per_s"])
    if "torch" in rows:
        speeds[PYTORCH] = [row["masks_per_s"] for row in rows["torch"]]
    found = {name: common.spread(values) for name, values in speeds.items()}
    return {"surroundings": facts, "masks_per_s": found, "not_run": reasons}


def tables(document: dict) -> dict[str, str]:
    """The block `masks`."""
    rows = []
    for name, speed in document["masks_per_s"].items():
        batch_ms = BATCH / speed["median"] * 1e3
        rows.append([name, common.shown_spread(speed, common.shown_count), f"{batch_ms:.3g} ms"])
    words = f"{SIDE} x {SIDE} patches, {RATIO:.0%} hidden, medians over {document['surroundings']['rounds']} rounds."
    block = common.table(["strategy", "masks/s", f"a batch of {BATCH}"], rows)
    return {"masks": "\n\n".join([block, common.footnote(document, words)])}


if __name__ == "__main__":
    common.script(__doc__, measure, tables)
