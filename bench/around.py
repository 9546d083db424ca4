"""What stands around training: recording metrics, rendering the report, and start-up.

    python bench/around.py [--bin target/release/mae-exp] [--store PATH] [--rounds 5]

The report and `runs` are timed on a copy of `--store`, a finished sweep; without it on a small sweep that is trained
for the purpose (a few seconds). Times hold everything from the start of the process to its end, as a user waits for it;
the time of an empty program, measured in the same way, is what of it is not ours.
"""

import argparse
import shutil
import time
from pathlib import Path

import common
from common import Command, NotRun

STARTS = 30
SWEEP = """
name = "bench"
base = ["model/nano", "data/synthetic", "train/quick"]

[set]
"train.epochs"         = 2
"data.synthetic_train" = 64
"data.synthetic_val"   = 32
"train.warmup_epochs"  = 0.5

[sweep]
"mask.ratio" = [0.5, 0.75]
seeds        = 2
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this part alone."""
    parser.add_argument("--store", metavar="PATH", help="a store with a finished sweep (default: made for it)")


def store_in(folder: Path, args: argparse.Namespace) -> Path:
    """A store of this run's own: a copy of `--store`, or a small sweep, just trained."""
    store = folder / "store.db"
    if args.store:
        for suffix in ("", "-wal"):
            if Path(args.store + suffix).exists():
                shutil.copyfile(args.store + suffix, str(store) + suffix)
        return store
    experiment = folder / "bench.toml"
    experiment.write_text(SWEEP, encoding="utf-8")
    reports = ["--reports", str(folder / "reports")]
    common.run(Command([args.bin, "sweep", str(experiment), "--store", str(store), *reports]), args.threads)
    return store


def seconds_of(argv: list[str], threads: int) -> float:
    """How long a command takes from start to end."""
    start = time.perf_counter()
    common.run(Command(argv), threads)
    return time.perf_counter() - start


def measure(args: argparse.Namespace) -> dict:
    """Times of commands in turns, and the speed of recording where this mae-exp can tell."""
    facts, starts = common.surroundings(args), 3 if args.quick else STARTS
    with common.scratch() as name:
        folder = Path(name)
        store = store_in(folder, args)
        runs = common.run_json(Command([args.bin, "runs", "--json", "--store", str(store)]), 1)
        report = [args.bin, "report", "latest", "--store", str(store), "--reports", str(folder / "reports")]
        short = {
            "empty": [shutil.which("true") or "/bin/true"],
            "--help": [args.bin, "--help"],
            "runs": [args.bin, "runs", "--store", str(store)],
        }
        times: dict[str, list[float]] = {name: [] for name in [*short, "report"]}
        for _ in range(starts):
            for name, argv in short.items():
                times[name].append(seconds_of(argv, args.threads))
        for _ in range(args.rounds):
            times["report"].append(seconds_of(report, args.threads))
        document = {
            "surroundings": facts,
            "seconds": {name: common.spread(found) for name, found in times.items()},
            "starts": starts,
            "store_bytes": store.stat().st_size,
            "trials": len(runs if isinstance(runs, list) else runs["runs"]),
        }
    return document | recording(args)


def recording(args: argparse.Namespace) -> dict:
    """Metrics recorded a second, from `bench store`."""
    if not common.has_option(args.bin, {}, ["bench"], "store"):
        return {"recording": None, "recording_not_run": "this mae-exp has no `bench store`"}
    try:
        command = Command([args.bin, "bench", "store", "--json"])
        found = [common.run_json(command, args.threads) for _ in range(args.rounds)]
    except NotRun as reason:
        return {"recording": None, "recording_not_run": str(reason)}
    document = {"recording": common.spread([one["points_per_s"] for one in found]), "rows": found[0]["rows"]}
    return document | {key: common.spread([one[key] for one in found]) for key in ("call_p50_us", "call_p99_us")}


def tables(document: dict) -> dict[str, str]:
    """The blocks `around` (report and start-up) and `recording`."""
    size = f"{document['trials']} trials, {document['store_bytes'] / common.MIB:.1f} MiB"
    names = {
        "--help": "`mae-exp --help`",
        "runs": f"`mae-exp runs` ({size})",
        "report": "`mae-exp report latest` of the same store",
        "empty": "an empty program (`true`)",
    }
    rows = [[shown, common.shown_spread(document["seconds"][name], common.shown_ms)] for name, shown in names.items()]
    words = f"Medians over {document['starts']} starts, {document['surroundings']['rounds']} for the report."
    around = common.table(["command", "from start to end"], rows) + "\n\n" + common.footnote(document, words)
    if document["recording"] is None:
        return {"around": around, "recording": f"not run: {document['recording_not_run']}"}
    speed = document["recording"]
    row = [common.shown_count(document["rows"]), common.shown_spread(speed, common.shown_count)]
    calls = [f"{document[key]['median']:.2g} µs" for key in ("call_p50_us", "call_p99_us")]
    heads = ["metrics recorded", "metrics/s, until on the disk", "a call, median", "99th percentile"]
    block = common.table(heads, [[*row, *calls]])
    return {"around": around, "recording": block + "\n\n" + common.footnote(document)}


if __name__ == "__main__":
    common.script(__doc__, measure, tables, add_options)
