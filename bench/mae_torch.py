"""A masked autoencoder in plain eager PyTorch: the other side of the side-by-side measurements.

Written from the paper (He et al., arXiv 2111.06377) the way a PyTorch user would write it today: one fused qkv matrix,
`scaled_dot_product_attention`, `nn.LayerNorm`, `nn.GELU`, masks by argsort and gather. Parameter names are those of the
published checkpoints, so that weights can be exchanged with mae-exp. It is a measuring stick, not a library: no data
loading, no schedule.

    python bench/mae_torch.py --selfcheck DIR    # DIR: parity numbers (mae_forward, mae_grad, mae_train)

Legend of shapes: N batch, L patches, K visible patches, D encoder width, E decoder width, P = patch*patch*channels.
"""

import argparse
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LN_EPS = 1e-6
# The keys of a `[model]` section that shape the network.
MODEL_KEYS = (
    "img_size", "patch_size", "in_chans", "embed_dim", "encoder_depth", "encoder_num_heads",
    "decoder_embed_dim", "decoder_depth", "decoder_num_heads", "mlp_ratio", "norm_pix_loss",
)  # fmt: skip


def sincos_table(dim: int, rows: int, cols: int) -> Tensor:
    """Fixed 2-D sine-cosine positions, column first, behind a class-token row of zeros: [1, 1 + rows*cols, dim]."""
    freq = 10000.0 ** (-torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    r, c = torch.meshgrid(torch.arange(rows), torch.arange(cols), indexing="ij")
    angle_c, angle_r = (x.reshape(-1, 1).double() * freq for x in (c, r))
    table = torch.cat([angle_c.sin(), angle_c.cos(), angle_r.sin(), angle_r.cos()], dim=1)
    return torch.cat([torch.zeros(1, dim, dtype=torch.float64), table])[None].float()


class Attention(nn.Module):
    """Multi-head self-attention, [N, T, D] -> [N, T, D]."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        n, t, d = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(q, k, v)
        return self.proj(x.transpose(1, 2).reshape(n, t, d))


class Mlp(nn.Module):
    """Two linear layers around an exact (erf) GELU."""

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, dim: int, heads: int, mlp_ratio: float):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=LN_EPS)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=LN_EPS)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    """[N, C, H, W] -> [N, L, D]."""

    def __init__(self, patch: int, chans: int, dim: int):
        super().__init__()
        self.proj = nn.Conv2d(chans, dim, kernel_size=patch, stride=patch)

    def forward(self, images: Tensor) -> Tensor:
        return self.proj(images).flatten(2).transpose(1, 2)


def random_masking(noise: Tensor, keep: int) -> tuple[Tensor, Tensor, Tensor]:
    """The K patches of smallest noise, in that order: ids_keep [N, K], ids_restore and mask [N, L] (1 = hidden)."""
    shuffle = noise.argsort(dim=1)
    restore = shuffle.argsort(dim=1)
    return shuffle[:, :keep], restore, (restore >= keep).to(noise.dtype)


def take_tokens(x: Tensor, ids: Tensor) -> Tensor:
    """Pick tokens: x [N, T, D], ids [N, K] -> [N, K, D]."""
    return x.gather(1, ids[:, :, None].expand(-1, -1, x.shape[2]))


class Mae(nn.Module):
    """The whole masked autoencoder; the constructor takes the keys of a `[model]` section."""

    def __init__(self, img_size, patch_size, in_chans, embed_dim, encoder_depth, encoder_num_heads,
                 decoder_embed_dim, decoder_depth, decoder_num_heads, mlp_ratio, norm_pix_loss):  # fmt: skip
        super().__init__()
        height, width = (img_size, img_size) if isinstance(img_size, int) else img_size
        self.patch_size, self.in_chans, self.norm_pix_loss = patch_size, in_chans, norm_pix_loss
        self.grid = (height // patch_size, width // patch_size)

        self.patch_embed = PatchEmbed(patch_size, in_chans, embed_dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.register_buffer("pos_embed", sincos_table(embed_dim, *self.grid))
        self.blocks = nn.ModuleList(Block(embed_dim, encoder_num_heads, mlp_ratio) for _ in range(encoder_depth))
        self.norm = nn.LayerNorm(embed_dim, eps=LN_EPS)

        self.decoder_embed = nn.Linear(embed_dim, decoder_embed_dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, decoder_embed_dim))
        self.register_buffer("decoder_pos_embed", sincos_table(decoder_embed_dim, *self.grid))
        self.decoder_blocks = nn.ModuleList(
            Block(decoder_embed_dim, decoder_num_heads, mlp_ratio) for _ in range(decoder_depth)
        )
        self.decoder_norm = nn.LayerNorm(decoder_embed_dim, eps=LN_EPS)
        self.decoder_pred = nn.Linear(decoder_embed_dim, patch_size**2 * in_chans)
        self.reset_parameters()

    @classmethod
    def from_section(cls, section: dict) -> "Mae":
        """Build from a `[model]` section; keys that do not shape the network (`variant`) are ignored."""
        return cls(**{key: section[key] for key in MODEL_KEYS})

    def reset_parameters(self) -> None:
        """Xavier-uniform matrices, zero biases, N(0, .02) tokens; the patch embedding's bias keeps PyTorch's draw."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.xavier_uniform_(self.patch_embed.proj.weight.view(self.patch_embed.proj.out_channels, -1))
        nn.init.normal_(self.cls_token, std=0.02)
        nn.init.normal_(self.mask_token, std=0.02)

    @property
    def num_patches(self) -> int:
        return self.grid[0] * self.grid[1]

    def patchify(self, images: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, L, P]; inside a patch (row, column, channel)."""
        (gh, gw), p = self.grid, self.patch_size
        x = images.view(images.shape[0], self.in_chans, gh, p, gw, p)
        return x.permute(0, 2, 4, 3, 5, 1).reshape(images.shape[0], gh * gw, -1)

    def unpatchify(self, patches: Tensor) -> Tensor:
        """Inverse of `patchify`."""
        (gh, gw), p = self.grid, self.patch_size
        x = patches.view(patches.shape[0], gh, gw, p, p, self.in_chans)
        return x.permute(0, 5, 1, 3, 2, 4).reshape(patches.shape[0], self.in_chans, gh * p, gw * p)

    def encode(self, images: Tensor, ids_keep: Tensor | None = None) -> Tensor:
        """Latent before the final norm, class token first: [N, 1 + K, D] (K = L when no `ids_keep` is given)."""
        x = self.patch_embed(images) + self.pos_embed[:, 1:]
        if ids_keep is not None:
            x = take_tokens(x, ids_keep)
        cls = (self.cls_token + self.pos_embed[:, :1]).expand(x.shape[0], -1, -1)
        x = torch.cat([cls, x], dim=1)
        for block in self.blocks:
            x = block(x)
        return x

    def decode(self, latent: Tensor, ids_restore: Tensor) -> Tensor:
        """[N, 1 + K, D] -> predicted patches [N, L, P]."""
        x = self.decoder_embed(latent)
        hidden = self.mask_token.expand(x.shape[0], ids_restore.shape[1] + 1 - x.shape[1], -1)
        patches = take_tokens(torch.cat([x[:, 1:], hidden], dim=1), ids_restore)
        x = torch.cat([x[:, :1], patches], dim=1) + self.decoder_pos_embed
        for block in self.decoder_blocks:
            x = block(x)
        return self.decoder_pred(self.decoder_norm(x))[:, 1:]

    def target(self, images: Tensor) -> Tensor:
        """What the hidden patches are compared with: [N, L, P]."""
        target = self.patchify(images)
        if self.norm_pix_loss:
            var, mean = torch.var_mean(target, dim=-1, keepdim=True)
            target = (target - mean) / (var + 1e-6).sqrt()
        return target

    def loss(self, images: Tensor, pred: Tensor, mask: Tensor) -> Tensor:
        """Mean squared error over hidden patches."""
        per_patch = (pred - self.target(images)).square().mean(dim=-1)
        return (per_patch * mask).sum() / mask.sum()

    def forward(self, images: Tensor, mask_ratio: float, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """(loss, pred [N, L, P], mask [N, L]); `noise` [N, L] replaces the random draw."""
        if noise is None:
            noise = torch.rand(images.shape[0], self.num_patches, device=images.device)
        keep = int(self.num_patches * (1 - mask_ratio))
        ids_keep, ids_restore, mask = random_masking(noise, keep)
        pred = self.decode(self.norm(self.encode(images, ids_keep)), ids_restore)
        return self.loss(images, pred, mask), pred, mask


def adamw(model: nn.Module, lr: float, weight_decay: float = 0.05, fused: bool | None = None) -> torch.optim.AdamW:
    """The pre-training optimiser: betas (.9, .95); vectors and biases are not decayed, the two tokens are."""
    named = list(model.named_parameters())
    plain = [p for name, p in named if p.ndim <= 1 or name.endswith(".bias")]
    decayed = [p for name, p in named if not (p.ndim <= 1 or name.endswith(".bias"))]
    groups = [{"params": plain, "weight_decay": 0.0}, {"params": decayed, "weight_decay": weight_decay}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), fused=fused)


# --- self-check against stored parity numbers -----------------------------------------------------


def _tiny(weights: dict[str, Tensor], norm_pix_loss: bool) -> Mae:
    """The tiny model of the parity numbers, with their weights."""
    model = Mae(32, 8, 3, 40, 3, 5, 24, 2, 3, 4, norm_pix_loss)
    model.load_state_dict(weights)
    return model


def _check_forward(case: dict[str, Tensor], weights: dict[str, Tensor]):
    """Yield (what, difference, tolerance) for the forward pass at two ratios, with both targets."""
    images, noise = case["images"], case["noise"]
    for tag, ratio in (("r075", 0.75), ("r060", 0.6)):
        for target in ("raw", "norm_pix"):
            loss, pred, mask = _tiny(weights, target == "norm_pix")(images, ratio, noise)
            yield f"{tag} loss {target}", abs(loss / case[f"{tag}.loss_{target}"] - 1).item(), 1e-5
        yield f"{tag} pred", (pred - case[f"{tag}.pred"]).abs().max().item(), 5e-5
        yield f"{tag} mask", (mask - case[f"{tag}.mask"]).abs().max().item(), 0.0
    model = _tiny(weights, False)
    yield "dense latent", (model.norm(model.encode(images)) - case["latent_dense"]).abs().max().item(), 5e-5
    for name in ("patch_embed.proj.weight", "patch_embed.proj.bias", "cls_token", "pos_embed"):
        model.get_buffer(name).mul_(1e-3) if name == "pos_embed" else model.get_parameter(name).data.mul_(1e-3)
    probe = model.norm(model.encode(images, case["r075.ids_keep"]))
    yield "LayerNorm epsilon", (probe - case["eps_probe.latent_eps1e-6"]).abs().max().item(), 5e-5


def _check_grad(case: dict[str, Tensor], grads: dict[str, Tensor], weights: dict[str, Tensor]):
    """Yield the worst gradient difference, relative to each tensor's largest gradient."""
    model = _tiny(weights, True)
    model(case["images"], 0.75, case["noise"])[0].backward()
    worst = 0.0
    for name, param in model.named_parameters():
        ref = grads[f"grad.{name}"]
        worst = max(worst, ((param.grad - ref).abs().max() / (1e-4 * ref.abs().max() + 1e-6)).item())
    yield "gradients (share of tolerance)", worst, 1.0


def _check_train(case: dict[str, Tensor], weights: dict[str, Tensor]):
    """Yield the differences of five AdamW steps; each qkv bias's key third has no true gradient and is left out."""
    model = _tiny(weights, True)
    optimizer = adamw(model, lr=0.0)
    for step, (lr, ref) in enumerate(zip(case["lr"].tolist(), case["loss"].tolist(), strict=True)):
        for group in optimizer.param_groups:
            group["lr"] = lr
        loss, _, _ = model(case["images"][step], 0.75, case["noise"][step])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield f"training loss, step {step}", abs(loss.item() / ref - 1), 2e-5
    worst = 0.0
    for name, param in model.named_parameters():
        diff = (param.detach() - case[f"final.{name}"]).abs()
        if name.endswith("qkv.bias"):
            third = len(diff) // 3
            diff[third : 2 * third] = 0
        worst = max(worst, diff.max().item())
    yield "weights after training", worst, 1e-5


def selfcheck(folder: Path) -> bool:
    """Compare with the parity numbers in `folder`, print a table, and say whether all agree."""
    from safetensors.torch import load_file

    case = load_file(folder / "mae_forward" / "case.safetensors")
    weights = load_file(folder / "mae_forward" / "weights_fb.safetensors")
    torch.set_num_threads(1)
    rows = []
    with torch.no_grad():
        rows += _check_forward(case, weights)
    if (folder / "mae_grad").is_dir():
        rows += _check_grad(case, load_file(folder / "mae_grad" / "case.safetensors"), weights)
    if (folder / "mae_train").is_dir():
        rows += _check_train(load_file(folder / "mae_train" / "case.safetensors"), weights)
    for what, diff, tolerance in rows:
        print(f"{'ok' if diff <= tolerance else 'FAIL':4}  {what:32} {diff:.2e}  (tolerance {tolerance:.0e})")
    return all(diff <= tolerance for _, diff, tolerance in rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--selfcheck", type=Path, metavar="DIR", required=True, help="folder of parity numbers")
    sys.exit(0 if selfcheck(parser.parse_args().selfcheck) else 1)
