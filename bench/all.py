"""All side-by-side measurements, and docs/performance.md with their tables.

    python bench/all.py [--only step input …] [--quick] [--tch-bin PATH] [--before PATH] [--data DIR] [--store PATH]
    python bench/all.py --render        # the document again from what was measured last

Each part is measured by a script of its own and written to target/bench/PART.json; of a part that cannot run here the
document says why. Of docs/performance.md only what stands between `<!-- measured: NAME -->` and `<!-- end -->`
is replaced; the rest is written by hand. With --quick the document goes to target/bench/performance.md instead: its
numbers mean nothing.
"""

import argparse
import dataclasses
import importlib
import json
import re
import sys
import time
from pathlib import Path
from types import ModuleType

import common
import marks
from common import NotRun

DOCUMENT = common.ROOT / "docs" / "performance.md"
SHARED = ("bin", "tch_bin", "before", "rounds", "threads", "quick")
OF_A_PART = ("data", "store", "profile_bin", "models", "steps", "images")


@dataclasses.dataclass(frozen=True)
class Part:
    """A script, the blocks of the document that its tables fill, and whether it runs without being asked for."""

    script: str
    blocks: tuple[str, ...]
    always: bool = True

    def module(self) -> ModuleType:
        """The script as a module."""
        return importlib.import_module(self.script)


PARTS = {
    "step": Part("train_step", ("step",)),
    "input": Part("input", ("input",)),
    "masks": Part("masks", ("masks",)),
    "around": Part("around", ("around", "recording")),
    "profile": Part("profile_step", ("profile", "floor")),
    "cuda": Part("cuda", ("cuda",)),
    "sweep": Part("sweep", ("sweep",), always=False),
}


def parse_args() -> argparse.Namespace:
    """The shared options, and those that are handed to the parts that have them."""
    parser = common.parser_of(__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts (default: all but sweep)")
    parser.add_argument("--data", metavar="DIR", help="pictures for input (default: made for it)")
    parser.add_argument("--store", metavar="PATH", help="a finished sweep for around (default: made for it)")
    parser.add_argument("--profile-bin", metavar="PATH", help="a mae-exp built for profiles (default: --bin)")
    parser.add_argument("--models", nargs="+", help="models of step, profile and cuda (default: each part's own)")
    parser.add_argument("--steps", type=common.positive, help="timed steps a turn in step")
    parser.add_argument("--images", type=common.positive, help="pictures a round in input")
    parser.add_argument("--render", action="store_true", help="measure nothing: tables from the last measurements")
    parser.add_argument("--out", metavar="FILE", help="the document (default: docs/performance.md)")
    args = parser.parse_args()
    if args.quick:
        args.rounds = 1
    for name in ("bin", "tch_bin", "before", "profile_bin", "data", "store"):
        if getattr(args, name):
            setattr(args, name, str(Path(getattr(args, name)).resolve()))
    return args


def options_of(module: ModuleType, args: argparse.Namespace) -> argparse.Namespace:
    """A part's own defaults under what was given on the command line."""
    parser = common.parser_of(str(module.__doc__))
    getattr(module, "add_options", lambda parser: None)(parser)
    options = parser.parse_args([])
    for name in (*SHARED, *OF_A_PART):
        given = getattr(args, name)
        if name in SHARED or (given is not None and hasattr(options, name)):
            setattr(options, name, given)
    return options


def measure(name: str, args: argparse.Namespace) -> None:
    """Measure one part into its JSON file; a part that cannot run leaves its reason there."""
    print(f"{name} …", file=sys.stderr)
    begun = time.perf_counter()
    module = PARTS[name].module()
    try:
        document = module.measure(options_of(module, args))
    except NotRun as reason:
        print(f"  not run: {reason}", file=sys.stderr)
        document = {"not_run": str(reason)}
    document["seconds_taken"] = time.perf_counter() - begun
    file_of(name, args).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def file_of(name: str, args: argparse.Namespace) -> Path:
    """Where a part's measurements are kept; quick ones apart from real ones."""
    folder = common.FOLDER / "quick" if args.quick else common.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.json"


def blocks_of(args: argparse.Namespace) -> dict[str, str]:
    """Every block of the document for which there are measurements."""
    blocks, documents = {}, {}
    for name, part in PARTS.items():
        if not file_of(name, args).exists():
            continue
        document = json.loads(file_of(name, args).read_text(encoding="utf-8"))
        if "not_run" in document and "surroundings" not in document:
            blocks |= dict.fromkeys(part.blocks, f"not run: {document['not_run']}")
        else:
            documents[name] = document
            blocks |= part.module().tables(document)
    return blocks | {"marks": marks.table_of(documents)}


# --- the document ---------------------------------------------------------------------------------


def filled(text: str, blocks: dict[str, str]) -> str:
    """The document with its measured blocks replaced; blocks without a place in it are an error."""
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, places = pattern.subn(lambda found, block=block: found[1] + "\n" + block + "\n\n" + found[2], text)
        if places != 1:
            sys.exit(f"error: {places} places for {name} in {DOCUMENT.name}: one <!-- measured: {name} --> is needed")
    return text


def main() -> None:
    args = parse_args()
    names = [] if args.render else args.only or [name for name, part in PARTS.items() if part.always]
    target = Path(args.out) if args.out else common.FOLDER / "performance.md" if args.quick else DOCUMENT
    for name in names:
        measure(name, args)
        # After each part: what was measured is kept when a later part is stopped.
        source = target if args.out and target.exists() else DOCUMENT
        target.write_text(filled(source.read_text(encoding="utf-8"), blocks_of(args)), encoding="utf-8")
    if args.render:
        target.write_text(filled(DOCUMENT.read_text(encoding="utf-8"), blocks_of(args)), encoding="utf-8")
    print(f"tables: {target}", file=sys.stderr)


if __name__ == "__main__":
    main()
