"""Full MAE training steps, mae-exp and PyTorch side by side on this machine.

    python bench/train_step.py [--models nano bench/small.toml base] [--tch-bin PATH] [--before PATH] [--rounds 5]

Same model (sizes read from `mae-exp model info MODEL --json`), same batch, same number of threads, data already in
memory; a step is masking, forward, backward and AdamW. All programs take turns, round by round, each time in a
fresh process, so that a busy minute hits all of them and each peak memory is its own. The ratio is PyTorch eager's
seconds over a program's: above 1, the program is faster. `--json` prints everything that was measured.
"""

import argparse
import sys
from pathlib import Path

import common
from common import MIB, RATIO, Command, NotRun

SMALL = str(Path(__file__).with_name("small.toml"))
MODELS = ["nano", SMALL, "base"]
BATCH = {"nano": 64, "small": 64, "base": 4}  # a batch for each model, unless --batch is given
STEPS = {"nano": 30, "small": 12, "base": 4}
ROUNDS = {"base": 3}  # the most rounds of a model whose steps take seconds
FALLBACK = (8, 8)  # batch and steps of any other model
EAGER = "torch"
PROGRAMS = {
    "flex": "mae-exp, flex",
    "tch": "mae-exp, LibTorch",
    "tch-bf16": "mae-exp, LibTorch, bf16",
    "flex-before": "mae-exp before, flex",
    "tch-before": "mae-exp before, LibTorch",
    EAGER: "PyTorch eager",
    "torch-compile": "PyTorch torch.compile",
    "torch-bf16": "PyTorch eager, autocast bf16",
    "torch-compile-bf16": "PyTorch torch.compile, autocast bf16",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this part alone."""
    parser.add_argument("--models", nargs="+", default=MODELS, help="model parts or files (default: nano small base)")
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=list(PROGRAMS), help="only these")
    parser.add_argument("--batch", type=common.positive, help="pictures a step (default: 64, 64 and 4)")
    parser.add_argument("--steps", type=common.positive, help="timed steps a turn (default: 30, 12 and 4)")


def short(model: str) -> str:
    """The name of a model part, which may be given as a file."""
    return Path(model).stem


def section_of(args: argparse.Namespace, model: str) -> dict:
    """What `model info --json` says about a model, with its `[model]` section."""
    info = common.run_json(Command([args.bin, "model", "info", model, "--json"]), 1)
    if "model" not in info:
        raise NotRun(f"model info {short(model)} --json has no key model; script and program do not match")
    return info


def job_of(args: argparse.Namespace, model: str, section: dict) -> dict:
    """What a PyTorch worker has to know about a measurement."""
    name = short(model)
    steps = args.steps or (2 if args.quick else STEPS.get(name, FALLBACK[1]))
    batch = args.batch or BATCH.get(name, FALLBACK[0])
    shared = {"batch": batch, "steps": steps, "warmup": max(1, steps // 5), "threads": args.threads}
    return shared | {"section": section, "ratio": RATIO, "device": "cpu"}


def ours(program: str, model: str, job: dict, device: str, *more: str, env: dict[str, str] | None = None) -> Command:
    """A `mae-exp bench train-step` with the numbers of a job."""
    argv = [program, "bench", "train-step", "--model", model, "--device", device, "--json", *more]
    for option in ("batch", "steps", "warmup", "ratio"):
        argv += [f"--{option}", str(job[option])]
    return Command(argv, env or {})


def command_of(args: argparse.Namespace, name: str, model: str, job: dict) -> Command:
    """The command of one program on one model; NotRun where it lacks something."""
    if name.startswith("torch"):
        if not common.has_package("torch"):
            raise NotRun("this Python has no torch")
        flags = {"compile": "compile" in name, "bf16": name.endswith("bf16")}
        # The first call of a compiled model is the compiler's: it must not be the only one before the clock starts.
        return common.worker("step", job | flags | {"warmup": job["warmup"] + flags["compile"]})
    program, device = (args.bin if name == "flex" else args.tch_bin), name.partition("-")[0]
    if name.endswith("before"):
        program = args.before
    if program is None:
        raise NotRun("no --before given" if name.endswith("before") else "no build with LibTorch given (--tch-bin)")
    env = common.libtorch_env(program)
    if not common.compiled_with(program, env, device):
        raise NotRun(f"{device} is not compiled into that program")
    if not name.endswith("bf16"):
        return ours(program, model, job, device, env=env)
    if not common.has_option(program, env, ["bench", "train-step"], "--precision"):
        raise NotRun("that program has no --precision")
    return ours(program, model, job, device, "--precision", "bf16", env=env)


def measure_model(args: argparse.Namespace, model: str) -> dict:
    """Let all programs take turns on one model, and summarise."""
    info = section_of(args, model)
    job = job_of(args, model, info["model"])
    commands, reasons = {}, {}
    for name in args.programs:
        try:
            commands[name] = command_of(args, name, model, job)
        except NotRun as reason:
            reasons[name] = str(reason)
    print(f"{short(model)}, batch {job['batch']}", file=sys.stderr)
    rounds = min(args.rounds, ROUNDS.get(short(model), args.rounds))
    rows, failed = common.take_turns(commands, rounds, args.threads, lambda one: common.shown_ms(one["median_s"]))
    return summarise(short(model), info, job, rows) | {"rounds": rounds, "not_run": reasons | failed}


def summarise(name: str, info: dict, job: dict, rows: dict[str, list[dict]]) -> dict:
    """Medians over rounds, their spread, and ratios to PyTorch eager in the same round."""
    for program, found in rows.items():
        theirs = found[0].get("trainable_params", info["trainable_params"])
        if theirs != info["trainable_params"]:
            raise NotRun(f"not the same model: {name} has {info['trainable_params']} parameters, {program} {theirs}")
    result = {"model": name, "batch": job["batch"], "info": info, "job": job, "programs": {}}
    for program, found in rows.items():
        seconds = [row["median_s"] for row in found]
        one = {"seconds": common.spread(seconds), "peak_memory_bytes": max(row["peak_memory_bytes"] for row in found)}
        one["threads"], one["rounds"] = found[0]["threads"], found
        if EAGER in rows:
            eager = [row["median_s"] for row in rows[EAGER]]
            one["ratio"] = common.spread([theirs / mine for theirs, mine in zip(eager, seconds, strict=True)])
            one["ratio"]["median"] = common.spread(eager)["median"] / one["seconds"]["median"]
        result["programs"][program] = one
    return result


def measure(args: argparse.Namespace) -> dict:
    """Everything about training steps."""
    return {"surroundings": common.surroundings(args), "models": [measure_model(args, model) for model in args.models]}


def tables(document: dict) -> dict[str, str]:
    """The block `step`: a table for each model."""
    blocks = []
    for model in document["models"]:
        section = model["info"]["model"]
        size = f"{section['img_size']} px, {model['info']['patches']} patches"
        params = f"{model['info']['trainable_params'] / 1e6:.2f} M parameters"
        rows = [row_of(name, one, model["batch"]) for name, one in model["programs"].items()]
        head = ["program", "a step", "of PyTorch eager's speed", "pictures/s", "peak memory"]
        missing = common.reasons_of(model["not_run"], PROGRAMS)
        title = f"**{model['model']}** ({size}, {params}), batch {model['batch']}, {model['rounds']} rounds:"
        blocks += [title, common.table(head, rows), *([missing] if missing else [])]
    words = "Medians over rounds, smallest and largest round in brackets."
    return {"step": "\n\n".join([*blocks, common.footnote(document, words)])}


def row_of(name: str, one: dict, batch: int) -> list[str]:
    """A program's line."""
    ratio = "1" if name == EAGER else "–"
    if "ratio" in one and name != EAGER:
        ratio = f"**{one['ratio']['median']:.2f}** ({one['ratio']['min']:.2f} to {one['ratio']['max']:.2f})"
    speed = common.shown_count(batch / one["seconds"]["median"])
    memory = f"{one['peak_memory_bytes'] / MIB:.0f} MiB"
    return [PROGRAMS[name], common.shown_spread(one["seconds"], common.shown_ms), ratio, speed, memory]


if __name__ == "__main__":
    common.script(__doc__, measure, tables, add_options)
