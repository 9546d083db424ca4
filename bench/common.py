"""What the measuring scripts share: options, running programs in turns, LibTorch's path, versions, small tables."""

import argparse
import dataclasses
import datetime
import importlib.util
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# It names this Python. mae-exp refuses variables of its prefix that are none of its keys.
os.environ.pop("MAE_EXP_PYTHON", None)

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "target" / "bench"  # what was measured, pictures made for it, the compiler's cache
RATIO = 0.75  # share of the patches hidden
TIMEOUT = 1200  # seconds after which a program counts as hung
BUSY = 0.15  # share of the machine taken by others above which threads that wait by spinning distort a comparison
MIB = 2**20


class NotRun(Exception):
    """A part, or one program of it, cannot run here; the message says why."""


@dataclasses.dataclass(frozen=True)
class Command:
    """A program that prints one JSON document, with what its environment needs beyond ours."""

    argv: list[str]
    env: dict[str, str] = dataclasses.field(default_factory=dict)


def positive(text: str) -> int:
    """An argument that counts something."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a count of 1 or more")
    return value


def parser_of(doc: str) -> argparse.ArgumentParser:
    """A parser with the options that every script takes."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument(
        "--bin", default=str(ROOT / "target/release/mae-exp"), help="the mae-exp program (default: target/release)"
    )
    parser.add_argument("--tch-bin", metavar="PATH", help="a mae-exp built with --features tch")
    parser.add_argument("--before", metavar="PATH", help="an earlier mae-exp to measure in the same turns")
    parser.add_argument("--rounds", type=positive, default=5, help="turns of each program (default: %(default)s)")
    parser.add_argument("--threads", type=positive, default=os.cpu_count(), help="threads of each (default: all)")
    parser.add_argument("--quick", action="store_true", help="one short round: does it run, not how fast")
    return parser


def script(doc: str, measure: Callable, tables: Callable, add: Callable = lambda parser: None) -> None:
    """The main function of one part's script: measure, print tables or, with --json, everything."""
    parser = parser_of(doc)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    add(parser)
    args = parser.parse_args()
    if args.quick:
        args.rounds = 1
    try:
        document = measure(args)
    except NotRun as reason:
        sys.exit(f"not run: {reason}")
    if args.json:
        print(json.dumps(document, indent=2))
    else:
        print("\n\n".join(tables(document).values()))


# --- running programs -----------------------------------------------------------------------------


def run_json(command: Command, threads: int) -> dict:
    """Run a command that prints one JSON document on stdout; NotRun with its own last words when it fails."""
    try:
        done = run(command, threads)
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise NotRun(f"{' '.join(command.argv[1:4])} did not print JSON: {error}") from error


def run(command: Command, threads: int) -> subprocess.CompletedProcess:
    """Run a command to its end with a number of threads."""
    env = os.environ | {name: str(threads) for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    env |= {"TORCHINDUCTOR_CACHE_DIR": str(FOLDER / "inductor")} | command.env
    name = Path(command.argv[0]).name
    try:
        done = subprocess.run(command.argv, env=env, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except OSError as error:
        raise NotRun(f"cannot run {name}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise NotRun(f"{name} did not end within {TIMEOUT} s") from error
    if done.returncode != 0:
        raise NotRun(last_words(done.stderr) or f"{name} ended with exit code {done.returncode}")
    return done


def last_words(text: str) -> str:
    """The last line of a program's messages that says something, without paths of this machine."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line or "error:" in line]
    found = (errors or lines or [""])[-1]
    return re.sub(r"/(?:[\w.+~-]+/)+", "", found).removeprefix("error: ")[:200]


def take_turns(commands: dict[str, Command], rounds: int, threads: int, said: Callable[[dict], str]):
    """Let programs take turns, the order flipped every round: (the documents of each program, why others did not run).

    A program that fails once is left out from then on.
    """
    rows: dict[str, list[dict]] = {name: [] for name in commands}
    reasons: dict[str, str] = {}
    for turn in range(rounds):
        order = list(commands) if turn % 2 == 0 else list(commands)[::-1]
        for name in order:
            if name in reasons:
                continue
            try:
                rows[name].append(run_json(commands[name], threads))
                print(f"  round {turn + 1}/{rounds}, {name}: {said(rows[name][-1])}", file=sys.stderr)
            except NotRun as reason:
                reasons[name] = str(reason)
                print(f"  {name} not run: {reason}", file=sys.stderr)
    return {name: found for name, found in rows.items() if name not in reasons}, reasons


def spread(values: list[float]) -> dict[str, float]:
    """Median, smallest and largest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


# --- programs and their surroundings --------------------------------------------------------------


def has_package(name: str) -> bool:
    """Whether this Python has a package."""
    return importlib.util.find_spec(name) is not None


def worker(task: str, job: dict) -> Command:
    """A task of `torch_worker.py` with this Python."""
    return Command([sys.executable, str(Path(__file__).with_name("torch_worker.py")), task, json.dumps(job)])


def libtorch_env(program: str) -> dict[str, str]:
    """What a program linked to LibTorch needs to start: nothing, or the libraries of this Python's torch package."""
    if starts(Command([program, "--version"])):
        return {}
    package = importlib.util.find_spec("torch")
    if package is None or package.origin is None:
        raise NotRun(f"{Path(program).name} does not start: LibTorch is not on LD_LIBRARY_PATH")
    site = Path(package.origin).parent.parent
    folders = [site / "torch" / "lib", *sorted(site.glob("nvidia/*/lib"))]
    inherited = [os.environ["LD_LIBRARY_PATH"]] if os.environ.get("LD_LIBRARY_PATH") else []
    env = {"LD_LIBRARY_PATH": ":".join([*map(str, folders), *inherited])}
    if not starts(Command([program, "--version"], env)):
        raise NotRun(f"{Path(program).name} does not start, with the libraries of this Python's torch either")
    return env


def starts(command: Command) -> bool:
    """Whether a command ends well."""
    try:
        run(command, 1)
    except NotRun:
        return False
    return True


def has_option(program: str, env: dict[str, str], words: list[str], option: str) -> bool:
    """Whether the help of a command of mae-exp names an option or a subcommand."""
    try:
        return option in run(Command([program, *words, "--help"], env), 1).stdout
    except NotRun:
        return False


def compiled_with(program: str, env: dict[str, str], device: str) -> bool:
    """Whether a mae-exp has a device, by what its doctor says."""
    try:
        devices = run_json(Command([program, "doctor", "--json"], env), 1)["devices"]
    except NotRun:
        return False
    return any(one["name"] == device and one["ready"] for one in devices)


def surroundings(args: argparse.Namespace) -> dict:
    """Where and when something is measured; to be called before it is."""
    facts = run_json(Command([args.bin, "doctor", "--json"]), 1)["environment"]
    revision = facts["git_revision"][:7] + (" and changes" if facts["git_dirty"] else "")
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": args.threads,
        "date": datetime.datetime.now().date().isoformat(),
        "rounds": args.rounds,
        "others": others_busy(),
        "versions": {"mae-exp": f"{facts['mae_exp']} ({revision})", "burn": facts["burn"]} | package_versions(),
    }


def others_busy(seconds: float = 2.0) -> float:
    """The share of this machine that is at work while we wait; 0 where the system does not say."""

    def ticks() -> tuple[int, int]:
        with open("/proc/stat", encoding="utf-8") as lines:
            found = [int(word) for word in lines.readline().split()[1:9]]
        return sum(found), found[3] + found[4]

    try:
        total, idle = ticks()
        time.sleep(seconds)
        total_after, idle_after = ticks()
    except OSError:
        return 0.0
    return 1 - (idle_after - idle) / max(1, total_after - total)


def package_versions() -> dict[str, str]:
    """The versions of Python and of the packages that are measured against."""
    names = {"torch": "PyTorch", "torchvision": "torchvision", "PIL": "Pillow"}
    versions = {"Python": platform.python_version()}
    for name, shown in names.items():
        if has_package(name):
            versions[shown] = importlib.import_module(name).__version__
    return versions


def cpu_name() -> str:
    """The processor's name, as well as this system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def scratch() -> tempfile.TemporaryDirectory:
    """A folder that goes away again."""
    return tempfile.TemporaryDirectory(prefix="mae-exp-bench-")


# --- tables ---------------------------------------------------------------------------------------


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; all columns but the first are aligned right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def shown_ms(seconds: float) -> str:
    """A time with three figures, as ms or s."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def shown_spread(one: dict[str, float], shown: Callable[[float], str]) -> str:
    """A median with its smallest and largest round."""
    return f"{shown(one['median'])} ({shown(one['min'])} to {shown(one['max'])})"


def shown_count(number: float) -> str:
    """A number with three figures and thousands set apart."""
    return f"{number:,.0f}".replace(",", " ") if number >= 100 else f"{number:.3g}"


def was_busy(document: dict) -> bool:
    """Whether others used the machine when the measurements of a part began."""
    return document["surroundings"]["others"] > BUSY


def footnote(document: dict, *words: str) -> str:
    """Where the numbers above it come from."""
    facts = document["surroundings"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    where = f"{facts['threads']} threads on {facts['cores']} cores of {facts['cpu']}, {facts['date']}, {versions}."
    if was_busy(document):
        others = f"{facts['others']:.0%} of it taken by other programs at the start"
        where += f" **The machine was busy** ({others}): measure again."
    return " ".join([*words, where])


def reasons_of(reasons: dict[str, str], names: dict[str, str]) -> str:
    """The lines about programs that did not run."""
    return "\n".join(f"- {names.get(name, name)}: not run: {reason}" for name, reason in reasons.items())
