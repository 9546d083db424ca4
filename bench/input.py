"""The input pipeline, mae-exp and torchvision side by side on the same pictures on this machine.

    python bench/input.py --data DIR [--bin target/release/mae-exp] [--rounds 5] [--threads 1] [--images 1000]

Read, decode, random resized crop (area 0.2 to 1, bicubic, antialiased), flip, scale to a tensor: what a training
picture goes through, nothing cached. torchvision decodes with Pillow, in one process per thread that mae-exp may use.
The two take turns, round by round, each time in a fresh process; the clock starts after a warm-up. The ratio is
mae-exp's pictures a second over torchvision's on the same number of cores: above 1, mae-exp is faster.
`--json` prints everything that was measured.
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import threading
import time

from train_step import cpu_name, positive, run_json, version_of

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SIDES = ("mae-exp", "torchvision")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="DIR", help="folder of pictures, with train/ and val/ or without")
    parser.add_argument("--bin", default="target/release/mae-exp", help="the mae-exp program (default: %(default)s)")
    parser.add_argument("--size", type=positive, default=224, help="side of the input (default: %(default)s)")
    parser.add_argument("--images", type=positive, default=1000, help="pictures per round (default: %(default)s)")
    parser.add_argument("--rounds", type=positive, default=5, help="turns of each program (default: %(default)s)")
    parser.add_argument("--threads", type=positive, default=1, help="cores of each program (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument("--torch-worker", metavar="JOB", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if not args.data and not args.torch_worker:
        parser.error("--data is missing: give a folder of pictures")
    return args


# --- torchvision, in a process of its own ---------------------------------------------------------


def torch_worker(job: dict) -> dict:
    """Time `job["images"]` pictures through torchvision; the keys of `mae-exp bench input --json`, and versions."""
    import PIL
    import torchvision

    shares = [job["images"] // job["threads"]] * job["threads"]
    shares[0] += job["images"] - sum(shares)
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(job["threads"] + 1)
    arguments = [(job, turn, share, gate) for turn, share in enumerate(shares)]
    processes = [context.Process(target=torch_core, args=one) for one in arguments]
    for process in processes:
        process.start()
    try:
        gate.wait()
        start = time.perf_counter()
        gate.wait()
        seconds = time.perf_counter() - start
    except threading.BrokenBarrierError:
        sys.exit("error: a torchvision process failed; its own message is above")
    for process in processes:
        process.join()
    return {
        "images_per_s": job["images"] / seconds,
        "threads": job["threads"],
        "images": job["images"],
        "size": job["size"],
        "seconds": seconds,
        "decoded": "full",
        "versions": {
            "torchvision": torchvision.__version__,
            "pillow": PIL.__version__,
            "python": platform.python_version(),
        },
    }


def torch_core(job: dict, turn: int, images: int, gate) -> None:
    """One process: warm up, wait for the others, work, and wait again."""
    import torch
    from PIL import Image
    from torchvision import transforms

    torch.set_num_threads(1)
    torch.manual_seed(turn)
    bicubic = transforms.InterpolationMode.BICUBIC
    transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(job["size"], scale=(0.2, 1.0), interpolation=bicubic, antialias=True),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    files = job["files"][turn :: job["threads"]] or job["files"]

    def work(count: int) -> None:
        for number in range(count):
            with Image.open(files[number % len(files)]) as picture:
                transform(picture.convert("RGB"))

    try:
        work(job["warmup"])
        gate.wait()
        work(images)
        gate.wait()
    except BaseException:
        gate.abort()
        raise


def pictures(folder: str) -> list[str]:
    """The training pictures of a folder, in the layouts that mae-exp reads."""
    train = os.path.join(folder, "train")
    root = train if os.path.isdir(train) else folder
    found = [os.path.join(at, name) for at, _, names in os.walk(root) for name in names]
    found = sorted(path for path in found if path.lower().endswith(EXTENSIONS))
    if not found:
        sys.exit(f"error: no pictures in {root}; give --data a folder of JPEG, PNG, WebP or BMP files")
    return found


# --- both sides, in turns -------------------------------------------------------------------------


def measure(args: argparse.Namespace) -> dict:
    """Let the two sides take turns, and summarise."""
    files = [os.path.abspath(path) for path in pictures(args.data)]
    warmup = max(20, args.images // 5)
    job = {"files": files, "size": args.size, "images": args.images, "threads": args.threads}
    job["warmup"] = max(1, warmup // args.threads)
    ours = [args.bin, "bench", "input", "--data", args.data, "--size", str(args.size), "--images", str(args.images)]
    # The list of files may be longer than a command line can be: it goes through a file.
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as handed:
        json.dump(job, handed)
        handed.flush()
        commands = {
            "mae-exp": [*ours, "--warmup", str(warmup), "--threads", str(args.threads), "--json"],
            "torchvision": [sys.executable, os.path.abspath(__file__), "--torch-worker", handed.name],
        }
        rounds = []
        for turn in range(args.rounds):
            order = SIDES if turn % 2 == 0 else SIDES[::-1]
            row = {side: run_json(commands[side], 1) for side in order}
            rounds.append(row)
            speeds = ", ".join(f"{side} {row[side]['images_per_s']:.0f}/s" for side in SIDES)
            print(f"round {turn + 1}/{args.rounds}: {speeds}", file=sys.stderr)
    return summarise(args, len(files), rounds)


def summarise(args: argparse.Namespace, files: int, rounds: list[dict]) -> dict:
    """Medians over rounds, their spread, and the ratio."""
    result = {"data": args.data, "files": files, "size": args.size, "threads": args.threads, "rounds": rounds}
    for side in SIDES:
        speeds = [row[side]["images_per_s"] for row in rounds]
        median = statistics.median(speeds)
        result[side] = {
            "images_per_s": median,
            "min_images_per_s": min(speeds),
            "max_images_per_s": max(speeds),
            "images_per_s_per_core": median / args.threads,
            "decoded": rounds[0][side]["decoded"],
        }
    ratios = [row["mae-exp"]["images_per_s"] / row["torchvision"]["images_per_s"] for row in rounds]
    result["ratio"] = result["mae-exp"]["images_per_s"] / result["torchvision"]["images_per_s"]
    result["ratio_min"], result["ratio_max"] = min(ratios), max(ratios)
    result["versions"] = {"mae-exp": version_of(args.bin), **rounds[0]["torchvision"]["versions"]}
    result["cpu"] = cpu_name()
    return result


def print_table(document: dict) -> None:
    """The document as a table for people."""
    versions = document["versions"]
    print(f"{versions['mae-exp']} against torchvision {versions['torchvision']} on Pillow {versions['pillow']}")
    counted = (
        f"{document['files']} pictures to {document['size']}x{document['size']}, {document['threads']} core(s) each"
    )
    print(f"{document['cpu']}, {counted}, {len(document['rounds'])} rounds, medians (smallest to largest)\n")
    print(f"{'program':12} {'img/s':>8} {'spread':>16} {'img/s/core':>11} {'decoded':>8}")
    for side in SIDES:
        s = document[side]
        spread = f"{s['min_images_per_s']:.0f} to {s['max_images_per_s']:.0f}"
        each = s["images_per_s_per_core"]
        print(f"{side:12} {s['images_per_s']:8.1f} {spread:>16} {each:11.1f} {s['decoded']:>8}")
    spread = f"{document['ratio_min']:.2f} to {document['ratio_max']:.2f} over rounds"
    print(f"\nmae-exp / torchvision per core = {document['ratio']:.2f} ({spread}; above 1, mae-exp is faster)")


def main() -> None:
    args = parse_args()
    if args.torch_worker:
        with open(args.torch_worker, encoding="utf-8") as handed:
            print(json.dumps(torch_worker(json.load(handed))))
        return
    document = measure(args)
    if args.json:
        print(json.dumps(document, indent=2))
    else:
        print_table(document)


if __name__ == "__main__":
    main()
