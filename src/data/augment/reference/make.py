"""Reference numbers of the augmentations: what Pillow makes of a small picture. Run: python make.py > ops.json

Each operation is given by name and argument; the picture and what became of it as hexadecimal bytes in raster order, R G B
per pixel. Places from outside the picture are filled with `fill`.
"""
import json
import math

import PIL
from PIL import Image, ImageEnhance, ImageOps

WIDTH, HEIGHT, FILL = 22, 18, (10, 200, 90)


def value(x, y, c):
    smooth = 128 + 70 * math.sin(0.31 * x + 0.9 * c) * math.cos(0.23 * y - 0.5 * c)
    return int(smooth + (40 if (x // 6 + y // 5 + c) % 3 == 0 else 0))


def picture():
    image = Image.new("RGB", (WIDTH, HEIGHT))
    image.putdata([tuple(value(x, y, c) for c in range(3)) for y in range(HEIGHT) for x in range(WIDTH)])
    return image


def solarize_add(image, add):
    table = [min(255, v + add) if v < 128 else v for v in range(256)]
    return image.point(table * 3)


def affine(image, *map):
    return image.transform(image.size, Image.AFFINE, map, resample=Image.BICUBIC, fillcolor=FILL)


image = picture()
done = {
    "AutoContrast": ImageOps.autocontrast(image),
    "Equalize": ImageOps.equalize(image),
    "Invert": ImageOps.invert(image),
    "SolarizeAdd 99": solarize_add(image, 99),
    "ShearX 0.27": affine(image, 1, 0.27, 0, 0, 1, 0),
    "ShearX -0.3": affine(image, 1, -0.3, 0, 0, 1, 0),
    "ShearY 0.21": affine(image, 1, 0, 0, 0.21, 1, 0),
    "TranslateX 0.4": affine(image, 1, 0, 0.4 * WIDTH, 0, 1, 0),
    "TranslateY -0.25": affine(image, 1, 0, 0, 0, 1, -0.25 * HEIGHT),
}
for bits in (1, 3, 4):
    done[f"Posterize {bits}"] = ImageOps.posterize(image, bits)
for threshold in (0, 26, 128, 256):
    done[f"Solarize {threshold}"] = ImageOps.solarize(image, threshold)
for degrees in (27, -11.5):
    done[f"Rotate {degrees}"] = image.rotate(degrees, resample=Image.BICUBIC, fillcolor=FILL)
for name in ("Color", "Contrast", "Brightness", "Sharpness"):
    for factor in (0.1, 0.19, 1.0, 1.81):
        done[f"{name} {factor}"] = getattr(ImageEnhance, name)(image).enhance(factor)
print(json.dumps({
    "made_with": f"Pillow {PIL.__version__}",
    "width": WIDTH, "height": HEIGHT, "fill": FILL, "picture": image.tobytes().hex(),
    "operations": {name: result.tobytes().hex() for name, result in done.items()},
}, indent=1))
