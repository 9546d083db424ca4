"""Weights written by mae-exp, loaded in timm and transformers: the same features, predictions and losses?

    python tests/interop.py --mae-exp target/release/mae-exp --weights CHECKPOINT.safetensors --workdir DIR \
        [--set model.encoder_num_heads=5 ...]

CHECKPOINT holds a full model under official names; --set says what neither it nor a config.json beside it tells.
Needs Python with torch, timm and transformers. Numbers are compared with a tolerance of 1e-5 relative to the largest
absolute value of the tensor; masks, orders and converted weights must be equal bit for bit. Prints a line a check with
the largest absolute difference. Exit code: 0 all well, 1 a check failed, 77 skipped because a package is missing.
"""

import argparse
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

TOLERANCE = 1e-5
SKIPPED = 77

try:
    import timm
    import torch
    import transformers
    from safetensors.torch import load_file, save_file
    from timm.models.vision_transformer import VisionTransformer
except ImportError as error:
    missing = error.name or str(error)
    cure = "pip install torch timm transformers"
    print(f"SKIPPED: {missing} is not installed; nothing was checked ({cure})", file=sys.stderr)
    sys.exit(SKIPPED)


class Checks:
    """Prints checks and remembers whether one failed."""

    def __init__(self):
        self.failed = 0

    def say(self, name, good, detail):
        self.failed += not good
        print(f"{'OK    ' if good else 'FAILED'} {name}: {detail}", flush=True)

    def close(self, name, ours, theirs):
        """Equal up to the tolerance relative to the largest absolute value."""
        ours, theirs = ours.double().squeeze(), theirs.double().squeeze()
        if ours.shape != theirs.shape:
            self.say(name, False, f"shape {list(ours.shape)} here, {list(theirs.shape)} there")
            return
        difference, largest = (ours - theirs).abs().max().item(), theirs.abs().max().item()
        # A NaN compares false, hence fails.
        good = difference <= TOLERANCE * largest
        self.say(name, good, f"difference {difference:.3e}, largest value {largest:.3e}")

    def same(self, name, ours, theirs):
        """Two dictionaries of tensors equal bit for bit."""
        if names := sorted(set(ours) ^ set(theirs)):
            self.say(name, False, f"{len(names)} tensors on one side only, such as {names[:3]}")
            return
        shapes = [k for k in ours if ours[k].shape != theirs[k].shape or ours[k].dtype != theirs[k].dtype]
        if shapes:
            self.say(name, False, f"{len(shapes)} tensors of another shape or type, such as {shapes[:3]}")
            return
        different = [k for k in ours if not torch.equal(bits(ours[k]), bits(theirs[k]))]
        largest = max((ours[k].double() - theirs[k].double()).abs().max().item() for k in ours)
        detail = f"{len(ours)} tensors, difference {largest:.3e}" + (f" in {different[:3]}" if different else "")
        self.say(name, bool(ours) and not different, detail)


def bits(tensor):
    return tensor.contiguous().view(torch.uint8) if tensor.dim() else tensor.reshape(1).view(torch.uint8)


class MaeExp:
    """The program under test."""

    def __init__(self, program, settings):
        self.program = str(Path(program).resolve())
        self.settings = [part for setting in settings for part in ("--set", setting)]

    def run(self, *words, settings=(), must_work=True):
        command = [self.program, "model", *map(str, words), *self.settings]
        command += [part for setting in settings for part in ("--set", setting)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if must_work and done.returncode:
            sys.exit(f"FAILED {' '.join(command)}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def convert(self, source, to, naming):
        self.run("convert", "--from", source, "--to", to, "--format", naming)
        return load_file(to / "model.safetensors")

    def forward(self, weights, inputs, outputs, norm_pix):
        settings = ["mask.ratio=0.75", f"model.norm_pix_loss={str(norm_pix).lower()}"]
        self.run("forward", "--weights", weights, "--inputs", inputs, "--outputs", outputs, settings=settings)
        return load_file(outputs)

    def features(self, weights, inputs, out, feature):
        self.run("features", "--weights", weights, "--inputs", inputs, "--out", out, "--feature", feature)
        return load_file(out)["features"]


def timm_model(folder):
    """The exported encoder in timm, by its configuration, loaded strictly."""
    config = json.loads((folder / "config.json").read_text())
    more = {}
    if epsilon := config.get("_layer_norm_eps"):
        more["norm_layer"] = partial(torch.nn.LayerNorm, eps=epsilon)
    model = timm.create_model(f"local-dir:{folder}", pretrained=False, **more)
    if config.get("model_args"):
        model = VisionTransformer(**config["model_args"], **more)
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return model.eval()


def write_inputs(path, model, count=3, seed=20240):
    """Seeded pictures and noise for a timm model's size."""
    torch.manual_seed(seed)
    height, width = model.patch_embed.img_size
    images = torch.randn(count, model.patch_embed.proj.in_channels, height, width)
    inputs = {"images": images, "noise": torch.rand(count, model.patch_embed.num_patches)}
    save_file(inputs, path)
    return inputs


def check_timm(checks, program, weights, work):
    """The encoder exported to timm gives the same features; returns the inputs."""
    program.convert(weights, work / "timm", "timm")
    model = timm_model(work / "timm")
    checks.say("timm loads strictly", True, f"{len(model.state_dict())} tensors, {type(model).__name__}")
    by_timm = timm.create_model(f"local-dir:{work / 'timm'}", pretrained=True)
    checks.same("timm.create_model(local-dir:…) loads all", by_timm.state_dict(), model.state_dict())
    path = work / "inputs.safetensors"
    inputs = write_inputs(path, model)
    with torch.no_grad():
        tokens = model.forward_features(inputs["images"])
    theirs = {"cls_norm": tokens[:, 0], "mean_norm": tokens[:, 1:].mean(dim=1)}
    for feature, tensor in theirs.items():
        ours = program.features(weights, path, work / f"{feature}.safetensors", feature)
        checks.close(f"timm {feature}", ours, tensor)
    return inputs


def load_hugging_face(checks, name, folder):
    """A ViTMAE of transformers, with every key in its place."""
    loading = transformers.ViTMAEForPreTraining.from_pretrained(folder, output_loading_info=True)
    model, info = loading
    wrong = {kind: sorted(map(str, keys))[:3] for kind, keys in info.items() if keys}
    checks.say(name, not wrong, wrong or f"nothing missing or unexpected, epsilon {model.config.layer_norm_eps}")
    return model.eval()


def check_hugging_face(checks, program, weights, work, inputs, reference):
    """The model exported to transformers gives the same losses and predictions, and comes back from there."""
    program.convert(weights, work / "hf", "hf")
    model = load_hugging_face(checks, "transformers loads hf", work / "hf")
    for norm_pix in (model.config.norm_pix_loss, not model.config.norm_pix_loss):
        model.config.norm_pix_loss = norm_pix
        with torch.no_grad():
            theirs = model(inputs["images"], noise=inputs["noise"])
        outputs = work / f"outputs_{norm_pix}.safetensors"
        ours = program.forward(weights, work / "inputs.safetensors", outputs, norm_pix)
        kind = "normalised pixels" if norm_pix else "raw pixels"
        checks.close(f"transformers loss, {kind}", ours["loss"], theirs.loss)
        checks.close(f"transformers logits, {kind}", ours["pred"], theirs.logits)
        ours = {key: ours[key].long() for key in ("mask", "ids_restore")}
        theirs = {key: theirs[key].long() for key in ("mask", "ids_restore")}
        checks.same(f"transformers mask and ids_restore, {kind}", ours, theirs)
    checks.same("hf read back", program.convert(work / "hf", work / "back_hf", "fb"), reference)
    model.save_pretrained(work / "hf_saved")
    saved = program.convert(work / "hf_saved", work / "back_saved", "fb")
    checks.same(f"save_pretrained of transformers {transformers.__version__} read back", saved, reference)


def check_refusal(checks, program, weights, work):
    """Transformers has no ViTMAE for pictures that are not square: the export must say so."""
    to = work / "hf"
    done = program.run("convert", "--from", weights, "--to", to, "--format", "hf", must_work=False)
    good = done.returncode != 0 and "square" in done.stderr
    checks.say("hf of pictures that are not square is refused", good, done.stderr.strip() or "no word")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mae-exp", required=True, help="the program")
    parser.add_argument("--weights", required=True, type=Path, help="a full model as safetensors, official names")
    parser.add_argument("--workdir", required=True, type=Path, help="an empty or new folder for what is written")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to mae-exp")
    options = parser.parse_args()
    work = options.workdir.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if any(work.iterdir()):
        parser.error(f"{work} is not empty")
    checks, program, weights = Checks(), MaeExp(options.mae_exp, options.set), options.weights.resolve()
    print(f"torch {torch.__version__}, timm {timm.__version__}, transformers {transformers.__version__}")

    reference = load_file(weights)
    encoder = {name: tensor for name, tensor in reference.items() if not name.startswith(("decoder_", "mask_token"))}
    checks.same("fb written", program.convert(weights, work / "fb", "fb"), reference)
    inputs = check_timm(checks, program, weights, work)
    checks.same("timm read back", program.convert(work / "timm", work / "back_timm", "fb"), encoder)
    height, width = inputs["images"].shape[2:]
    if height == width:
        check_hugging_face(checks, program, weights, work, inputs, reference)
    else:
        check_refusal(checks, program, weights, work)
    print("FAILED" if checks.failed else "OK", f"({checks.failed} failed)" if checks.failed else "(all checks)")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
