# Recipes for people; `just` lists them. Nothing here is needed to use mae-exp.

# List the recipes
default:
    @just --list

# What every change must pass
check: fmt-check lint test

# All tests, and the documentation's examples
test *args:
    cargo test --workspace {{args}}

# The strategies crate alone: seconds, not minutes
test-strategies:
    cargo test -p mae-strategies

# Lay the code out
fmt:
    cargo fmt --all

fmt-check:
    cargo fmt --all --check

# Clippy, warnings are errors
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Licences and sources of dependencies (needs cargo-deny)
deny:
    cargo deny check licenses bans sources

# The library's documentation
doc:
    cargo doc --workspace --no-deps

# The check of a bare machine
ci:
    .ci/run

# Train an experiment and render its report
sweep file="experiments/mask_ratio.toml" *args:
    cargo run --release -- sweep {{file}} {{args}}

# Render the report of a sweep again
report sweep="latest" *args:
    cargo run --release -- report {{sweep}} {{args}}

# A training step on this machine, for some models
bench-step model="nano" *args:
    cargo run --release -- bench train-step --model {{model}} {{args}}

# All measurements side by side with PyTorch, into docs/performance.md (needs Python with torch, torchvision, Pillow)
bench *args:
    cargo build --release
    "${MAE_EXP_PYTHON:-python3}" bench/all.py {{args}}

# Where a training step's time goes (needs Linux perf): a build whose symbols tell generic loops apart, then the profile
bench-profile *args:
    RUSTC_WORKSPACE_WRAPPER="{{justfile_directory()}}/bench/rustc_v0.sh" cargo build --release
    cp target/release/mae-exp target/mae-exp-profile
    cargo build --release
    "${MAE_EXP_PYTHON:-python3}" bench/all.py --only profile --profile-bin target/mae-exp-profile {{args}}

# The sweep of mask ratios from start to end, into docs/performance.md (minutes)
bench-sweep *args:
    cargo build --release
    "${MAE_EXP_PYTHON:-python3}" bench/all.py --only sweep {{args}}

# The lines of the parity tests on this machine's CPU, as the table of docs/parity.md
parity:
    rm -f target/parity.tsv
    PARITY_TABLE={{justfile_directory()}}/target/parity.tsv cargo test --test main -- parity numbers --test-threads=1
    python3 bench/parity_table.py flex=target/parity.tsv

# Exports loaded by PyTorch, timm and transformers (needs a Python that has them)
interop python="python3":
    MAE_EXP_PYTHON={{python}} cargo test --test main -- interop --nocapture
