"""What was asked of the program's speed, beside what was measured: the block `marks` of docs/performance.md."""

import dataclasses
from collections.abc import Callable

import common
import masks
from sweep import STARTED_AT


@dataclasses.dataclass(frozen=True)
class Mark:
    """A figure of one part's measurements and the limit it must keep."""

    words: str
    part: str
    value: Callable[[dict], float]
    limit: float
    least: bool = True  # at least the limit, else below it
    unit: str = ""

    def row(self, documents: dict[str, dict]) -> list[str]:
        """The line of the table; a figure that was not measured is said to be so."""
        wanted = f"{'at least' if self.least else 'below'} {self.limit:g}{self.unit}"
        try:
            found = self.value(documents[self.part])
        except (KeyError, StopIteration):
            return [self.words, wanted, "not measured", ""]
        reached = "yes" if (found >= self.limit if self.least else found < self.limit) else "**no**"
        if common.was_busy(documents[self.part]):
            reached = "cannot say: the machine was busy"
        return [self.words, wanted, f"{found:.3g}{self.unit}", reached]


def of_program(document: dict, model: str, program: str) -> dict:
    """What was measured of one program on one model."""
    return next(one for one in document["models"] if one["model"] == model)["programs"][program]


def speed(model: str, program: str) -> Callable[[dict], float]:
    """A program's speed over PyTorch eager's."""
    return lambda document: of_program(document, model, program)["ratio"]["median"]


def over_compiled(model: str) -> Callable[[dict], float]:
    """The speed of mae-exp on flex over that of torch.compile."""
    return lambda document: speed(model, "flex")(document) / speed(model, "torch-compile")(document)


def memory(model: str, program: str) -> Callable[[dict], float]:
    """A program's peak memory over PyTorch eager's."""
    theirs = "peak_memory_bytes"
    return lambda document: of_program(document, model, program)[theirs] / of_program(document, model, "torch")[theirs]


def milliseconds(command: str) -> Callable[[dict], float]:
    """The time of a command from start to end."""
    return lambda document: document["seconds"][command]["median"] * 1e3


def batch_ms(*names: str) -> Callable[[dict], float]:
    """Milliseconds for a batch of masks, of the slowest of the named strategies; of all that are built in where none is."""

    def slowest(document: dict) -> float:
        speeds = document["masks_per_s"]
        kept = names or [name for name in speeds if name not in (masks.PYTORCH, masks.SCRIPT)]
        return max(masks.BATCH / speeds[name]["median"] * 1e3 for name in kept)

    return slowest


def sweep_time(document: dict) -> float:
    """The sweep's time over that of the earlier program in the same run, else over the one of the starting line."""
    programs = document["programs"]
    return programs["now"]["seconds"] / programs.get("before", {"seconds": STARTED_AT})["seconds"]


FLEX, TCH = "mae-exp on flex", "mae-exp on LibTorch"
EAGER = "over PyTorch eager"
MARKS = [
    Mark(f"small: speed of {FLEX} {EAGER}", "step", speed("small", "flex"), 1.1),
    Mark(f"base: speed of {FLEX} {EAGER}", "step", speed("base", "flex"), 1.05),
    Mark(f"small: speed of {TCH} {EAGER}", "step", speed("small", "tch"), 1.0),
    Mark(f"base: speed of {TCH} {EAGER}", "step", speed("base", "tch"), 1.0),
    Mark(f"small: speed of {FLEX} over torch.compile", "step", over_compiled("small"), 1.0),
    *[
        Mark(f"{model}: peak memory of {name} {EAGER}", "step", memory(model, program), 1.0, least=False)
        for model in ("nano", "small", "base")
        for program, name in (("flex", FLEX), ("tch", TCH))
    ],
    Mark("input: speed over torchvision per core", "input", lambda document: document["ratio"]["median"], 2.0),
    Mark(
        "nano sweep: time waiting for pictures", "input", lambda document: document["wait"]["median"] * 100, 2.0,
        least=False, unit=" %",
    ),
    *[
        Mark(f"masks for a batch of {masks.BATCH}: {words}", "masks", batch_ms(*names), limit, least=False, unit=" ms")
        for words, names, limit in (
            ("random", ["random"], 3),
            ("block", ["block"], 3),
            ("slowest strategy built in", [], 20),
        )
    ],
    Mark(
        f"masks for a batch of {masks.BATCH}: random over PyTorch's argsort of noise", "masks",
        lambda document: batch_ms("random")(document) / batch_ms(masks.PYTORCH)(document), 1.0, least=False,
    ),
    Mark(
        f"masks for a batch of {masks.BATCH}: a script that varies, interpreted for every mask", "masks",
        batch_ms(masks.SCRIPT), 300, least=False, unit=" ms",
    ),
    Mark("`mae-exp --help`", "around", milliseconds("--help"), 10, least=False, unit=" ms"),
    Mark("`mae-exp runs`", "around", milliseconds("runs"), 50, least=False, unit=" ms"),
    Mark("sweep of mask ratios: time over the starting line's", "sweep", sweep_time, 0.5, least=False),
]


def table_of(documents: dict[str, dict]) -> str:
    """All marks, from the measurements of each part by its name."""
    return common.table(["mark", "wanted", "measured", "reached"], [mark.row(documents) for mark in MARKS])
