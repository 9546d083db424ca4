"""Full MAE training steps, mae-exp and PyTorch eager side by side on this machine.

    python bench/train_step.py [--bin target/release/mae-exp] [--models nano base] [--rounds 5] [--threads 2]

Same model (sizes read from `mae-exp model info NAME --json`), same batch, same number of threads, data already in
memory; a step is masking, forward, backward and AdamW. The two programs take turns, round by round, each time in a
fresh process, so that a busy minute hits both and each peak memory is its own. The ratio is PyTorch's seconds
over mae-exp's: above 1, mae-exp is faster. `--json` prints everything that was measured.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time

RATIO = 0.75  # share of the patches hidden
BATCH = {"nano": 64, "base": 4}  # a batch for each model, unless --batch is given
STEPS = {"nano": 30, "base": 4}
FALLBACK = (8, 8)  # batch and steps of any other model
SIDES = ("mae-exp", "pytorch")


def positive(text: str) -> int:
    """An argument that counts something."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a count of 1 or more")
    return value


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default="target/release/mae-exp", help="the mae-exp program (default: %(default)s)")
    parser.add_argument("--models", nargs="+", default=["nano", "base"], help="model variants (default: nano base)")
    parser.add_argument("--batch", type=positive, help="pictures per step (default: 64 for nano, 4 for base)")
    parser.add_argument("--steps", type=positive, help="timed steps per round (default: 30 for nano, 4 for base)")
    parser.add_argument("--rounds", type=positive, default=5, help="turns of each program (default: %(default)s)")
    parser.add_argument(
        "--threads", type=positive, default=os.cpu_count(), help="threads of each program (default: all)"
    )
    parser.add_argument("--device", default="flex", help="mae-exp's device; PyTorch uses the matching one")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument("--torch-worker", metavar="JOB", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


# --- PyTorch, in a process of its own -------------------------------------------------------------


def torch_worker(job: dict) -> dict:
    """Time `job["steps"]` full steps in PyTorch; the same keys as `mae-exp bench train-step --json`, and versions."""
    import torch
    from mae_torch import Mae, adamw

    torch.set_num_threads(job["threads"])
    torch.manual_seed(0)
    idle = peak_memory_bytes(torch.device("cpu"))
    device = torch.device(job["device"])
    model = Mae.from_section(job["section"]).to(device)
    height, width = (model.grid[0] * model.patch_size, model.grid[1] * model.patch_size)
    images = torch.randn(job["batch"], model.in_chans, height, width, device=device)
    optimizer = adamw(model, lr=1e-4)

    def step() -> float:
        start = time.perf_counter()
        loss, _, _ = model(images, RATIO)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()  # also waits for the device
        return time.perf_counter() - start

    for _ in range(job["warmup"]):
        step()
    median = statistics.median(step() for _ in range(job["steps"]))
    return {
        "model": job["model"],
        "device": job["device"],
        "batch": job["batch"],
        "threads": torch.get_num_threads(),
        "median_s": median,
        "images_per_s": job["batch"] / median,
        "peak_memory_bytes": peak_memory_bytes(device),
        "idle_memory_bytes": idle,
        "trainable_params": sum(p.numel() for p in model.parameters()),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
    }


def peak_memory_bytes(device) -> int:
    """Peak memory of this process: resident set on the CPU, allocated device memory elsewhere."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


# --- running either side --------------------------------------------------------------------------


def run_json(command: list[str], threads: int) -> dict:
    """Run a command that prints one JSON document on stdout; stop with its own message when it fails."""
    env = os.environ | {"RAYON_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    env["MKL_NUM_THREADS"] = str(threads)
    try:
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=False)
    except OSError as error:
        sys.exit(
            f"error: cannot run {command[0]}: {error.strerror}; build it with cargo build --release, or give --bin"
        )
    if done.returncode != 0:
        sys.exit(f"error: {' '.join(command[:4])} ended with exit code {done.returncode}")
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        sys.exit(f"error: {' '.join(command[:4])} did not print JSON: {error}")


def torch_device(device: str) -> str:
    """The PyTorch device that stands against a mae-exp device."""
    kind, _, index = device.partition(":")
    if kind == "cuda" or (kind == "tch" and index):
        return f"cuda:{index or 0}"
    if kind == "vulkan":
        sys.exit("error: PyTorch has no counterpart of the device vulkan; choose flex, tch or cuda")
    return "cpu"


def sides_of(args: argparse.Namespace, name: str, section: dict) -> dict[str, list[str]]:
    """The command of each side for one model."""
    batch, steps = BATCH.get(name, FALLBACK[0]), STEPS.get(name, FALLBACK[1])
    batch, steps = args.batch or batch, args.steps or steps
    job = {
        "model": name,
        "section": section,
        "batch": batch,
        "steps": steps,
        "warmup": max(1, steps // 5),
        "threads": args.threads,
        "device": torch_device(args.device),
    }
    ours = [args.bin, "bench", "train-step", "--model", name, "--batch", str(batch), "--steps", str(steps)]
    ours += ["--warmup", str(job["warmup"])]
    return {
        "mae-exp": [*ours, "--device", args.device, "--json"],
        "pytorch": [sys.executable, os.path.abspath(__file__), "--torch-worker", json.dumps(job)],
    }


def measure(args: argparse.Namespace, name: str) -> dict:
    """Let the two sides take turns on one model, and summarise."""
    info = run_json([args.bin, "model", "info", name, "--json"], args.threads)
    if "model" not in info:
        sys.exit(f"error: model info {name} --json has no key model; this script and {args.bin} do not match")
    commands = sides_of(args, name, info["model"])
    rounds = []
    for turn in range(args.rounds):
        order = SIDES if turn % 2 == 0 else SIDES[::-1]
        row = {side: run_json(commands[side], args.threads) for side in order}
        rounds.append(row)
        times = ", ".join(f"{side} {row[side]['median_s'] * 1e3:.1f} ms" for side in SIDES)
        print(f"{name} round {turn + 1}/{args.rounds}: {times}", file=sys.stderr)
    return summarise(name, info, rounds)


def summarise(name: str, info: dict, rounds: list[dict]) -> dict:
    """Medians over rounds, their spread, and the ratio."""
    ours, torch_params = info.get("trainable_params"), rounds[0]["pytorch"]["trainable_params"]
    if ours is not None and ours != torch_params:
        sys.exit(f"error: not the same model: {name} trains {ours} parameters in mae-exp and {torch_params} in PyTorch")
    threads = {side: rounds[0][side]["threads"] for side in SIDES}
    if len(set(threads.values())) > 1:
        print(f"warning: {name} ran on different numbers of threads: {threads}", file=sys.stderr)
    result = {"model": name, "batch": rounds[0]["pytorch"]["batch"], "trainable_params": torch_params, "rounds": rounds}
    for side in SIDES:
        seconds = [row[side]["median_s"] for row in rounds]
        result[side] = {
            "median_s": statistics.median(seconds),
            "min_s": min(seconds),
            "max_s": max(seconds),
            "images_per_s": result["batch"] / statistics.median(seconds),
            "peak_memory_bytes": max(row[side]["peak_memory_bytes"] for row in rounds),
            "threads": threads[side],
            "device": rounds[0][side]["device"],
        }
    ratios = [row["pytorch"]["median_s"] / row["mae-exp"]["median_s"] for row in rounds]
    result["ratio"] = result["pytorch"]["median_s"] / result["mae-exp"]["median_s"]
    result["pytorch"]["idle_memory_bytes"] = max(row["pytorch"]["idle_memory_bytes"] for row in rounds)
    result["ratio_min"], result["ratio_max"] = min(ratios), max(ratios)
    return result


# --- printing -------------------------------------------------------------------------------------


def cpu_name() -> str:
    """The processor's name, as well as this system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def version_of(program: str) -> str:
    """What `PROGRAM --version` says."""
    done = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.strip() or "unknown"


def print_table(document: dict) -> None:
    """The document as a table for people."""
    versions = document["versions"]
    print(f"{versions['mae-exp']} against PyTorch {versions['torch']} eager (Python {versions['python']})")
    print(f"{document['cpu']}, {document['rounds']} rounds, medians (smallest to largest round)\n")
    layout = "{:8} {:>5}  {:8} {:8} {:>7} {:>9}  {:>17} {:>8} {:>9}"
    print(layout.format("model", "batch", "program", "device", "threads", "ms/step", "spread", "img/s", "peak MiB"))
    for row in document["models"]:
        for side in SIDES:
            s = row[side]
            spread = f"{s['min_s'] * 1e3:.1f} to {s['max_s'] * 1e3:.1f}"
            measured = f"{s['median_s'] * 1e3:.1f}", spread, f"{s['images_per_s']:.1f}"
            mib = f"{s['peak_memory_bytes'] / 2**20:.0f}"
            print(layout.format(row["model"], row["batch"], side, s["device"], s["threads"], *measured, mib))
    idle = max(row["pytorch"]["idle_memory_bytes"] for row in document["models"])
    print(f"\nOf PyTorch's peak memory on the CPU, {idle / 2**20:.0f} MiB are there once it is imported.")
    for row in document["models"]:
        spread = f"{row['ratio_min']:.2f} to {row['ratio_max']:.2f} over rounds"
        print(f"{row['model']}: PyTorch s / mae-exp s = {row['ratio']:.2f} ({spread}; above 1, mae-exp is faster)")


def main() -> None:
    args = parse_args()
    if args.torch_worker:
        print(json.dumps(torch_worker(json.loads(args.torch_worker))))
        return
    models = [measure(args, name) for name in args.models]
    versions = {"mae-exp": version_of(args.bin), **models[0]["rounds"][0]["pytorch"]["versions"]}
    document = {"cpu": cpu_name(), "mask_ratio": RATIO, "rounds": args.rounds, "versions": versions, "models": models}
    if args.json:
        print(json.dumps(document, indent=2))
    else:
        print_table(document)


if __name__ == "__main__":
    main()
