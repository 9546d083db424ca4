"""Recording speed beside other experiment trackers, in one run on one machine: those that this Python has.

    python bench/trackers.py [--bin target/release/mae-exp] [--only mlflow aim …] [--seconds 5] [--json]

Each tracker gets ten scalars a call from a process of its own, into an empty folder, for some seconds; the clock stops when
it says that all is safe. Nothing is installed and nothing leaves the machine: a tracker that is absent is skipped.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import common
from common import Command, NotRun

NAMES = [f"metric_{i}" for i in range(10)]

# A tracker is opened, which creates a run, and gives two functions: one records ten scalars at a step, one ends the run.
Opened = tuple[Callable[[dict, int], None], Callable[[], None]]


def open_mlflow(folder: Path) -> Opened:
    """MLflow on a SQLite file."""
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.set_experiment("bench")
    mlflow.start_run()
    return (lambda row, step: mlflow.log_metrics(row, step=step)), mlflow.end_run


def open_aim(folder: Path) -> Opened:
    """Aim, without its watching of the machine and the terminal."""
    import aim

    run = aim.Run(repo=str(folder), experiment="bench", system_tracking_interval=None, capture_terminal_logs=False)
    return (lambda row, step: run.track(row, step=step)), run.close


def open_tensorboardx(folder: Path) -> Opened:
    """TensorBoardX event files; it has no call for ten curves of one writer."""
    import tensorboardX

    writer = tensorboardX.SummaryWriter(str(folder))

    def log(row: dict, step: int) -> None:
        for name, value in row.items():
            writer.add_scalar(name, value, step)

    return log, writer.close


def open_wandb(folder: Path) -> Opened:
    """W&B, offline."""
    import wandb

    settings = wandb.Settings(silent=True, x_disable_stats=True, console="off")
    run = wandb.init(project="bench", mode="offline", dir=str(folder), settings=settings)
    return (lambda row, step: run.log(row, step=step)), run.finish


def open_trackio(folder: Path) -> Opened:
    """Trackio, on this machine only."""
    os.environ["TRACKIO_DIR"] = str(folder)
    import trackio

    trackio.init(project="bench")
    return (lambda row, step: trackio.log(row, step=step)), trackio.finish


RIVALS: dict[str, tuple[str, Callable[[Path], Opened]]] = {
    "mlflow": ("MLflow", open_mlflow),
    "aim": ("Aim", open_aim),
    "tensorboardX": ("TensorBoardX", open_tensorboardx),
    "wandb": ("W&B offline", open_wandb),
    "trackio": ("Trackio", open_trackio),
}


def measure_rival(name: str, seconds: float) -> dict:
    """Record for some seconds with one tracker, in this process; what it prints goes to stderr."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, contextlib.redirect_stdout(sys.stderr):
        __import__(name)
        store = Path(folder) / "store"
        store.mkdir()
        RIVALS[name][1](store)[1]()  # the first run makes the store and loads what is loaded late
        begun = time.perf_counter()
        log, end = RIVALS[name][1](store)
        create = time.perf_counter() - begun
        begun = time.perf_counter()
        step = 0
        while time.perf_counter() - begun < seconds:
            log({metric: 1.0 / (step + i + 1) for i, metric in enumerate(NAMES)}, step)
            step += 1
        end()
        spent = time.perf_counter() - begun
    return {"points": 10 * step, "points_per_s": 10 * step / spent, "create_ms": 1000 * create}


def measure_ours(args: argparse.Namespace) -> dict:
    """`mae-exp bench store` with one writer; the median of some rounds."""
    command = Command([args.bin, "bench", "store", "--points", str(10_000 if args.quick else 1_000_000), "--json"])
    found = [common.run_json(command, args.threads) for _ in range(args.rounds)]
    speed = common.spread([one["points_per_s"] for one in found])
    create = common.spread([one["create_ms"] for one in found])
    return {"points": found[0]["rows"], "points_per_s": speed["median"], "create_ms": create["median"]}


def measure(args: argparse.Namespace) -> dict:
    """Every tracker that is here, one after the other; the rest is named with the reason."""
    found, not_run = {}, {}
    for name in args.only or RIVALS:
        try:
            if not common.has_package(name):
                raise NotRun(f"this Python has no {name}")
            argv = [sys.executable, __file__, "--rival", name, "--seconds", str(0.2 if args.quick else args.seconds)]
            found[name] = common.run_json(Command(argv), args.threads)
        except NotRun as reason:
            not_run[name] = str(reason)
            print(f"{name} is skipped: {reason}", file=sys.stderr)
    try:
        found["mae-exp"] = measure_ours(args)
    except NotRun as reason:
        not_run["mae-exp"] = str(reason)
        print(f"mae-exp is skipped: {reason}", file=sys.stderr)
    return {"found": found, "not_run": not_run}


def tables(document: dict) -> dict[str, str]:
    """The block `trackers`: the slowest first."""
    shown = {name: title for name, (title, _) in RIVALS.items()}
    rows = [
        [shown.get(name, name), f"{one['points_per_s']:,.0f}", f"{one['create_ms']:,.1f} ms"]
        for name, one in sorted(document["found"].items(), key=lambda item: item[1]["points_per_s"])
    ]
    block = common.table(["tracker", "points/s, ten a call, until all is safe", "to create a run"], rows)
    missing = [f"{shown.get(name, name)}: {reason}." for name, reason in document["not_run"].items()]
    return {"trackers": "\n\n".join([block, *(["Not run: " + " ".join(missing)] if missing else [])])}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this script alone."""
    parser.add_argument("--only", nargs="+", choices=RIVALS, help="these trackers only (and mae-exp)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each records (default: %(default)s)")


def main() -> None:
    """Measure one tracker where `--rival` names it, as this script starts itself; else all."""
    if "--rival" in sys.argv:
        parser = argparse.ArgumentParser()
        parser.add_argument("--rival", choices=RIVALS, required=True)
        parser.add_argument("--seconds", type=float, required=True)
        args = parser.parse_args()
        print(json.dumps(measure_rival(args.rival, args.seconds)))
        return
    common.script(__doc__, measure, tables, add_options)


if __name__ == "__main__":
    main()
