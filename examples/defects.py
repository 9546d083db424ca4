"""Makes a small set for anomaly maps from photographs, in the layout of MVTec AD: train/good and test/good are pictures as
they are, test/square has a patch of another picture pasted in, test/scratch a thin bright or dark line, and ground_truth/ marks
both.

    python examples/defects.py data/photos OUT [--classes rock building] [--seed 0]
"""

import argparse
import pathlib
import random
import shutil

from PIL import Image, ImageDraw


def save(image, out, *parts):
    path = out.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def square(picture, other, rng):
    """A square of another picture, a fifth of the width, at a random place."""
    side = picture.width // 5
    x, y = rng.randrange(picture.width - side), rng.randrange(picture.height - side)
    u, v = rng.randrange(other.width - side), rng.randrange(other.height - side)
    picture.paste(other.crop((u, v, u + side, v + side)), (x, y))
    marks = Image.new("L", picture.size)
    marks.paste(255, (x, y, x + side, y + side))
    return picture, marks


def scratch(picture, other, rng):
    """A line of 2 pixels, bright or dark, from one side to the other."""
    ends = [(rng.randrange(picture.width), 0), (rng.randrange(picture.width), picture.height)]
    shade = rng.choice([(245, 245, 240), (12, 12, 14)])
    ImageDraw.Draw(picture).line(ends, fill=shade, width=2)
    marks = Image.new("L", picture.size)
    ImageDraw.Draw(marks).line(ends, fill=255, width=2)
    return picture, marks


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("photos", type=pathlib.Path)
parser.add_argument("out", type=pathlib.Path)
parser.add_argument("--classes", nargs="+")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
rng = random.Random(args.seed)


def files(part):
    found = sorted(p for p in (args.photos / part).rglob("*") if p.suffix.lower() in (".jpg", ".png"))
    return [p for p in found if not args.classes or p.parent.name in args.classes]


for path in files("train"):
    name = f"{path.parent.name}_{path.stem}{path.suffix}"
    target = args.out / "train" / "good" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)

held_out = files("val")
for number, path in enumerate(held_out):
    name = f"{path.parent.name}_{path.stem}"
    picture = Image.open(path).convert("RGB")
    other = Image.open(rng.choice([p for p in held_out if p != path])).convert("RGB")
    # A third of the pictures stays as it is: no scene is both good and defective.
    kind = [None, square, scratch][number % 3]
    if kind is None:
        save(picture, args.out, "test", "good", f"{name}.png")
        continue
    picture, marks = kind(picture, other, rng)
    save(picture, args.out, "test", kind.__name__, f"{name}.png")
    save(marks, args.out, "ground_truth", kind.__name__, f"{name}_mask.png")
