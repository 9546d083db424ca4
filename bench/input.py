"""The input pipeline, mae-exp and torchvision side by side on the same pictures on this machine.

    python bench/input.py [--data DIR] [--bin target/release/mae-exp] [--rounds 5] [--cores 1] [--images 1000]

Read, decode, random resized crop (area 0.2 to 1, bicubic, antialiased), flip, scale to a tensor: what a training
picture goes through, nothing cached. torchvision decodes with Pillow, in one process per thread that mae-exp may use.
The two take turns, round by round, each time in a fresh process; the clock starts after a warm-up. The ratio is
mae-exp's pictures a second over torchvision's on the same number of cores: above 1, mae-exp is faster.
`--json` prints everything that was measured. Without `--data` the pictures are 500x375 JPEGs of quality 90, cut from
the photographs in data/photos/originals; then the same at 2000x1500 with a camera's grain, which mae-exp decodes at half
size, because no crop is smaller than the input then. torchvision decodes everything at full size.
"""

import argparse
import json
import multiprocessing
import os
import random
import sys
import threading
import time
from pathlib import Path

import common
from common import Command, NotRun

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SIDES = ("mae-exp", "torchvision")
SMALL, LARGE = (500, 375), (2000, 1500)  # sizes of the pictures made here, width first
GRAIN = 4  # standard deviation, in levels, of the noise in the large ones: without it they would be too easy to decode


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this part alone."""
    parser.add_argument("--data", metavar="DIR", help="folder of pictures (default: 500x375 JPEGs made for it)")
    parser.add_argument("--size", type=common.positive, default=224, help="side of the input (default: %(default)s)")
    parser.add_argument("--images", type=common.positive, default=1000, help="pictures a round (default: %(default)s)")
    parser.add_argument("--cores", type=common.positive, default=1, help="cores of each (default: %(default)s)")


# --- torchvision, in a process of its own ---------------------------------------------------------


def torch_worker(job: dict) -> dict:
    """Time `job["images"]` pictures through torchvision; the keys of `mae-exp bench input --json`."""
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
        raise NotRun(f"no pictures in {root}: give --data a folder of JPEG, PNG, WebP or BMP files")
    return found


def make_pictures(folder: Path, count: int, size: tuple[int, int], grain: float) -> None:
    """Cut 4:3 pictures from the photographs that come with the project and scale them, the same ones every time."""
    import numpy as np
    from PIL import Image

    draw, noise = random.Random(0), np.random.default_rng(0)
    originals = sorted((common.ROOT / "data" / "photos" / "originals").glob("*.jpg"))
    sources = [Image.open(path).convert("RGB") for path in originals]
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        source = sources[number % len(sources)]
        most = min(source.width, source.height * 4 // 3)
        width = draw.randint(most // 2, most)
        height = width * 3 // 4
        left, top = draw.randint(0, source.width - width), draw.randint(0, source.height - height)
        crop = source.crop((left, top, left + width, top + height)).resize(size, Image.Resampling.BICUBIC)
        if grain:
            noisy = np.asarray(crop) + noise.normal(0, grain, (size[1], size[0], 1))
            crop = Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))
        crop.save(folder / f"{number:04}.jpg", quality=90)


def made(name: str, count: int, size: tuple[int, int], grain: float = 0) -> str:
    """The folder of pictures made here, made now if it is not there."""
    folder = common.FOLDER / name
    if not folder.is_dir():
        make_pictures(folder, count, size, grain)
    return str(folder)


# --- both sides, in turns -------------------------------------------------------------------------


def measure(args: argparse.Namespace) -> dict:
    """Let the two sides take turns on every set, and summarise."""
    if not common.has_package("torchvision"):
        raise NotRun("this Python has no torchvision")
    surroundings = common.surroundings(args) | {"threads": args.cores}
    images = 100 if args.quick else args.images
    if args.data:
        measured = compare(args, os.path.abspath(args.data), images)
    else:
        measured = compare(args, made("pictures", 400, SMALL), images)
        measured["large"] = compare(args, made("large-pictures", 40, LARGE, GRAIN), max(20, images // 5))
    return {"surroundings": surroundings, "made": not args.data} | measured | {"wait": waiting(args)}


def compare(args: argparse.Namespace, data: str, images: int) -> dict:
    """Both sides on the pictures of a folder."""
    files = pictures(data)
    job = {"files": files, "size": args.size, "images": images, "threads": args.cores}
    job["warmup"] = max(20, images // 5) // args.cores or 1
    ours = [args.bin, "bench", "input", "--json", "--data", data, "--size", str(args.size), "--images", str(images)]
    ours += ["--warmup", str(job["warmup"] * args.cores), "--threads", str(args.cores)]
    with common.scratch() as folder:
        # The list of files may be longer than a command line can be: it goes through a file.
        handed = Path(folder) / "job.json"
        handed.write_text(json.dumps(job), encoding="utf-8")
        theirs = [sys.executable, os.path.abspath(__file__), "--torch-worker", str(handed)]
        commands = {"mae-exp": Command(ours), "torchvision": Command(theirs)}
        rows, reasons = common.take_turns(commands, args.rounds, 1, lambda one: f"{one['images_per_s']:.0f}/s")
    if reasons:
        raise NotRun("; ".join(f"{side}: {reason}" for side, reason in reasons.items()))
    return {"files": len(files), "size": args.size, "cores": args.cores, "rounds": rows} | summarise(rows)


def waiting(args: argparse.Namespace) -> dict:
    """How long training of nano waits for the built-in photographs, of its time, over rounds."""
    steps = "50" if args.quick else "300"
    command = [args.bin, "bench", "train-step", "--model", "nano", "--data", "photos", "--batch", "32", "--json"]
    command += ["--device", "flex", "--warmup", "10", "--steps", steps]
    rows = [common.run_json(Command(command), args.threads) for _ in range(args.rounds)]
    return common.spread([row["wait_share"] for row in rows])


def summarise(rows: dict[str, list[dict]]) -> dict:
    """Medians over rounds, their spread, and the ratio."""
    speeds = {side: [row["images_per_s"] for row in rows[side]] for side in SIDES}
    result = {side: common.spread(found) for side, found in speeds.items()}
    ratio = common.spread([mine / theirs for mine, theirs in zip(*speeds.values(), strict=True)])
    return result | {"ratio": ratio | {"median": result["mae-exp"]["median"] / result["torchvision"]["median"]}}


def tables(document: dict) -> dict[str, str]:
    """The block `input`."""
    rows = table_rows(document, named(SMALL) if document["made"] else "a folder's")
    files = f"{document['files']} pictures"
    if "large" in document:
        rows += table_rows(document["large"], named(LARGE))
        files = f"{document['files']} and {document['large']['files']} JPEGs of quality 90"
    words = [f"{files} to {document['size']}x{document['size']}, {document['cores']} core(s) for each side,"]
    words.append(f"medians over {document['surroundings']['rounds']} rounds.")
    head = ["pictures", "program", "pictures/s", "a core", "of torchvision's speed"]
    wait = document["wait"]
    waits = (
        f"Training nano on the built-in photographs (batch 32, as the shipped sweeps do) waits for pictures "
        f"{100 * wait['median']:.2f} % of its time ({100 * wait['min']:.2f} to {100 * wait['max']:.2f} over rounds)."
    )
    return {"input": "\n\n".join([common.table(head, rows), common.footnote(document, *words), waits])}


def named(size: tuple[int, int]) -> str:
    """A size in words."""
    return f"{size[0]}x{size[1]}"


def table_rows(part: dict, name: str) -> list[list[str]]:
    """Both sides on one set."""
    ratio, rows = part["ratio"], []
    for side in SIDES:
        shown = f"**{ratio['median']:.2f}** ({ratio['min']:.2f} to {ratio['max']:.2f})" if side == SIDES[0] else "1"
        each = common.shown_count(part[side]["median"] / part["cores"])
        rows.append([name, side, common.shown_spread(part[side], common.shown_count), each, shown])
    return rows


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--torch-worker":
        print(json.dumps(torch_worker(json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))))
    else:
        common.script(__doc__, measure, tables, add_options)
