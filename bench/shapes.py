"""The matrix products and the memory traffic of one training step, from the keys of a `[model]` section.

Counted is the least that the model needs: the patch embedding on visible patches only, the last layer on hidden ones.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Product:
    """`count` products of `batch` matrices `rows x inner` by `inner x cols` in one forward pass.

    In the backward pass each has two more of the same size; one where nothing is asked of its left side (`leaf`).
    """

    rows: int
    inner: int
    cols: int
    count: int
    batch: int = 1
    leaf: bool = False

    def flops(self) -> int:
        """Floating-point operations of forward and backward."""
        return (2 if self.leaf else 3) * 2 * self.rows * self.inner * self.cols * self.batch * self.count


@dataclasses.dataclass(frozen=True)
class Stack:
    """The blocks of encoder or decoder: `tokens` a picture, `width` wide."""

    tokens: int
    width: int
    depth: int
    heads: int
    hidden: int

    def products(self, pictures: int) -> list[Product]:
        """Four linear layers and two products of attention for each block."""
        rows, head = pictures * self.tokens, self.width // self.heads
        linear = [(self.width, 3 * self.width), (self.width, self.width)]
        linear += [(self.width, self.hidden), (self.hidden, self.width)]
        found = [Product(rows, inner, cols, self.depth) for inner, cols in linear]
        mixed, heads = self.depth, pictures * self.heads
        found.append(Product(self.tokens, head, self.tokens, mixed, heads))
        found.append(Product(self.tokens, self.tokens, head, mixed, heads))
        return found

    def values(self, pictures: int) -> int:
        """Numbers that the operations of all blocks leave in one forward pass: two norms, queries, keys and values,
        attention, two sums, and the MLP before and after its GELU."""
        return pictures * self.tokens * (8 * self.width + 2 * self.hidden) * self.depth


def sizes(section: dict, ratio: float) -> tuple[int, int, int]:
    """(patches, visible ones, values of a patch) of a model."""
    side = section["img_size"]
    height, width = (side, side) if isinstance(side, int) else side
    patches = (height // section["patch_size"]) * (width // section["patch_size"])
    return patches, int(patches * (1 - ratio)), section["patch_size"] ** 2 * section["in_chans"]


def stacks(section: dict, ratio: float) -> tuple[Stack, Stack]:
    """Encoder and decoder, both with the class token."""
    patches, visible, _ = sizes(section, ratio)
    found = []
    for tokens, side in ((visible + 1, ""), (patches + 1, "decoder_")):
        width = section[f"{side}embed_dim"]
        depth = section["decoder_depth" if side else "encoder_depth"]
        heads = section["decoder_num_heads" if side else "encoder_num_heads"]
        found.append(Stack(tokens, width, depth, heads, int(width * section["mlp_ratio"])))
    return found[0], found[1]


def products(section: dict, pictures: int, ratio: float) -> list[Product]:
    """All matrix products of a step on `pictures` pictures."""
    patches, visible, values = sizes(section, ratio)
    encoder, decoder = stacks(section, ratio)
    ends = [
        Product(pictures * visible, values, encoder.width, 1, leaf=True),
        Product(pictures * encoder.tokens, encoder.width, decoder.width, 1),
        Product(pictures * (patches - visible), decoder.width, values, 1),
    ]
    return encoder.products(pictures) + decoder.products(pictures) + ends


def flops(section: dict, pictures: int, ratio: float) -> int:
    """Floating-point operations in the matrix products of a step."""
    return sum(product.flops() for product in products(section, pictures, ratio))


def traffic(section: dict, pictures: int, ratio: float, params: int) -> int:
    """Bytes through memory in a step in f32 if no value stayed in a cache from one operation to the next.

    A parameter is read forward and backward, its gradient written; AdamW reads it, its gradient and two moments and
    writes three of them: ten passes. A value is written and read forward, and read backward, where its gradient is
    written and read: five.
    """
    values = sum(stack.values(pictures) for stack in stacks(section, ratio))
    return 4 * (10 * params + 5 * values)
