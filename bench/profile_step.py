"""Where the time of a training step goes, by kind of work, and what it cannot go below.

    python bench/profile_step.py [--profile-bin PATH] [--before PATH] [--tch-bin PATH]

mae-exp is sampled with Linux perf over the timed steps alone, and a kind's share of the samples is shown as that share
of a step; threads that sleep are not sampled. PyTorch is measured by torch.profiler, operation by operation. The floor
is a step's matrix products alone through PyTorch's library, and its memory traffic at the speed of a large copy. Give
`--profile-bin` a build whose symbols name what generic functions were made for (`just bench-profile` makes it); see
`kinds.py`.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import common
import kinds
import shapes
from common import RATIO, Command, NotRun
from train_step import MODELS, PROGRAMS, job_of, ours, section_of, short

HERTZ = 199
STACK_BYTES = 32768  # of the stack copied with each sample, to be unwound afterwards
SECONDS = {"nano": 6, "small": 8, "base": 15}  # of sampled steps
STEP = "9TrainStep4step"  # in the mangled name of the function that does a step
TORCH = "torch"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this part alone."""
    parser.add_argument("--profile-bin", metavar="PATH", help="a mae-exp built for profiles (default: --bin)")
    parser.set_defaults(steps=None, batch=None)
    parser.add_argument("--models", nargs="+", default=MODELS, help="model parts or files (default: nano small base)")


# --- mae-exp, by perf -----------------------------------------------------------------------------


def sample(command: Command, threads: int) -> dict:
    """Run a `bench train-step` under perf: its document, and the share of each kind in its timed steps."""
    with common.scratch() as folder:
        data, printed = str(Path(folder) / "perf.data"), Path(folder) / "printed.json"
        # The program's own output goes to a file: perf writes to the same streams.
        program = ["sh", "-c", 'out=$1; shift; exec "$@" >"$out"', "sh", str(printed), *command.argv]
        perf = ["perf", "record", "-q", "-F", str(HERTZ), "--call-graph", f"dwarf,{STACK_BYTES}", "-o", data, "--"]
        common.run(Command(perf + program, command.env), threads)
        document = common.run_json(Command(["cat", str(printed)]), 1)
        fields = ["-F", "comm,tid,time,ip,sym,dso"]
        script = ["perf", "script", "-i", data, "--no-demangle", "--no-inline", *fields]
        with subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            found = list(samples(process.stdout))
    if not found:
        raise NotRun("perf took no samples here")
    # Starting and ending a program take time as well: the last sample inside a step is where the timed steps end.
    ended = max((at for at, frames in found if any(STEP in name for name, _ in frames)), default=found[-1][0])
    begun = ended - document["steps"] * document["median_s"]
    within = [frames for at, frames in found if begun <= at <= ended]
    return document | {"samples": len(within), "shares": kinds.shares(map(kinds.of_stack, within))}


def samples(lines: Iterator[str]) -> Iterator[tuple[float, list[tuple[str, bool]]]]:
    """(time, frames) of each sample that `perf script` prints; frames as `kinds.of_stack` takes them."""
    at, frames = None, []
    for line in lines:
        if not line.strip():
            if at is not None:
                yield at, frames
            at, frames = None, []
        elif not line[0].isspace():
            at = float(line.rsplit(maxsplit=1)[-1].rstrip(":"))
        else:
            _, _, rest = line.strip().partition(" ")
            symbol, _, place = rest.rpartition(" (")
            # A library without symbols is told by its name.
            frames.append((place if symbol == "[unknown]" else symbol, "[kernel" in place))
    if at is not None:
        yield at, frames


def sampled_steps(args: argparse.Namespace, name: str, model: str, job: dict) -> dict:
    """One program: a short run for the length of a step, then as many steps as give enough samples."""
    program = {"flex": args.profile_bin or args.bin, "tch": args.tch_bin}.get(name, args.before)
    if program is None:
        raise NotRun("no --before given" if name.endswith("before") else "no build with LibTorch given (--tch-bin)")
    env, device = common.libtorch_env(program), name.partition("-")[0]
    if not common.compiled_with(program, env, device):
        raise NotRun(f"{device} is not compiled into that program")
    if not shutil.which("perf"):
        raise NotRun("perf is not installed")
    brief = job | {"steps": 2, "warmup": 1}
    step = common.run_json(ours(program, model, brief, device, env=env), args.threads)["median_s"]
    wanted = 1 if args.quick else SECONDS.get(short(model), 10)
    steps = max(3, round(wanted / step))
    return sample(ours(program, model, job | {"steps": steps}, device, env=env), args.threads)


# --- PyTorch and the floor ------------------------------------------------------------------------


def profiled_torch(args: argparse.Namespace, job: dict) -> dict:
    """The seconds of each kind in a step of PyTorch eager, as shares of what the profiler saw."""
    if not common.has_package("torch"):
        raise NotRun("this Python has no torch")
    found = common.run_json(common.worker("profile", job), args.threads)
    total = sum(found["operations"].values())
    shares = dict.fromkeys(kinds.KINDS, 0.0)
    for name, seconds in found["operations"].items():
        shares[kinds.of_operation(name)] += seconds / total
    return {"median_s": found["median_s"], "shares": shares, "operations": found["operations"]}


def measured_floor(args: argparse.Namespace, info: dict, job: dict) -> dict:
    """Matrix products alone and memory traffic alone, in seconds."""
    if not common.has_package("torch"):
        raise NotRun("this Python has no torch")
    found = common.run_json(common.worker("floor", job | {"repeats": 1 if args.quick else 7}), args.threads)
    moved = shapes.traffic(info["model"], job["batch"], RATIO, info["trainable_params"])
    return found | {"bytes": moved, "traffic_s": moved / found["bytes_per_s"]}


def measure_model(args: argparse.Namespace, model: str) -> dict:
    """Profiles of one model with each program, and its floor."""
    info = section_of(args, model)
    job = job_of(args, model, info["model"])
    document = {"model": short(model), "batch": job["batch"], "programs": {}, "not_run": {}}
    for name in ("flex-before", "flex", "tch-before", "tch", TORCH, "floor"):
        print(f"  profile of {short(model)}, {name}", file=sys.stderr)
        try:
            if name == "floor":
                document["floor"] = measured_floor(args, info, job)
            elif name == TORCH:
                document["programs"][name] = profiled_torch(args, job)
            else:
                document["programs"][name] = sampled_steps(args, name, model, job)
        except NotRun as reason:
            document["not_run"][name] = str(reason)
    return document


def measure(args: argparse.Namespace) -> dict:
    """All models."""
    facts = common.surroundings(args)
    return {"surroundings": facts, "models": [measure_model(args, model) for model in args.models]}


# --- tables ---------------------------------------------------------------------------------------


def tables(document: dict) -> dict[str, str]:
    """The blocks `profile` (a table for each model) and `floor`."""
    blocks = []
    for model in document["models"]:
        missing = common.reasons_of(model["not_run"], PROGRAMS | {"floor": "the floor"})
        head = f"**{model['model']}**, batch {model['batch']}, ms of a step and share of it:"
        blocks += [head, kinds_of(model["programs"]), *([missing] if missing else [])]
    return {"profile": "\n\n".join([*blocks, common.footnote(document)]), "floor": floors(document)}


def kinds_of(programs: dict) -> str:
    """A line for each kind that some program spends time on."""
    rows = []
    for kind in kinds.KINDS:
        cells = [(one["shares"][kind], one["median_s"]) for one in programs.values()]
        if any(share >= 0.002 for share, _ in cells):
            rows.append([kind, *[f"{share * step * 1e3:.3g} ({share:.0%})" for share, step in cells]])
    rows.append(["a step", *[f"{one['median_s'] * 1e3:.3g}" for one in programs.values()]])
    return common.table(["kind of work", *[PROGRAMS[name] for name in programs]], rows)


def floors(document: dict) -> str:
    """A line for each model with what a step cannot go below."""
    rows = []
    for model in document["models"]:
        if floor := model.get("floor"):
            products = floor["layers_s"] + floor["attention_s"]
            rate = f"{floor['flops'] / products / 1e9:.0f} GFLOP/s"
            cells = [common.shown_ms(floor["layers_s"]), common.shown_ms(floor["attention_s"]), rate]
            moved = f"{floor['bytes'] / 1e6:.0f} MB at {floor['bytes_per_s'] / 1e9:.1f} GB/s"
            rows.append([model["model"], *cells, common.shown_ms(floor["traffic_s"]), moved])
    if not rows:
        return "not run: " + document["models"][0]["not_run"]["floor"]
    head = ["model", "products of the layers", "products of attention", "both", "memory traffic", "that is"]
    return common.table(head, rows) + "\n\n" + common.footnote(document)


if __name__ == "__main__":
    common.script(__doc__, measure, tables, add_options)
