"""Names of functions and operations sorted into kinds of work, for `profile_step.py`.

A sample of mae-exp is a stack of functions; its kind is that of the innermost function with a telling name. Rust
symbols are read mangled: in both manglings the path of a function stands in them in plain letters. The older one leaves
out what a generic function was made for, so that loops run by worker threads cannot be told apart: build with
`RUSTFLAGS="-C symbol-mangling-version=v0"` for a profile.
"""

import re
from collections.abc import Iterable

PRODUCTS, ATTENTION, NORM, GELU = "matrix products", "attention", "LayerNorm", "GELU"
ADAMW, GATHER = "AdamW", "loss, masks and gathers"
ELEMENTS, COPIES, MEMORY = "element-wise passes and sums", "copies and clearing", "page faults and allocation"
LOOPS, WAITING, REST = "fused loops not told apart", "waiting for threads", "the rest"
KINDS = [PRODUCTS, ATTENTION, NORM, GELU, ADAMW, GATHER, ELEMENTS, COPIES, MEMORY, LOOPS, WAITING, REST]

# Tried in this order on each function from the innermost outwards.
FUNCTIONS = [
    (ATTENTION, r"kernels.*(attention|4head|7product)|flash_attention|scaled_dot_product|softmax"),
    (NORM, r"layer_?norm|LayerNorm|RowwiseMoments"),
    (GELU, r"kernels.*gelu|4gelu|Gelu|GELU|erff|erfc|9gelu_back"),
    (ADAMW, r"adamw|AdamW|fused_adam|adam_"),
    (PRODUCTS, r"gemm|matmul|mkl_blas|mkl_.*gemm|dnnl|kernels.*(linear|Linear)|addmm"),
    (GATHER, r"(burn_flex|kernels|model).*(gather|scatter|select|patch|5masks|masked)|mae_strategies|index_kernel"),
    (COPIES, r"mem(set|move|cpy)|copy_2d|contiguous|burn_flex3ops(5slice|3cat)|slice_assign|copy_kernel|CatKernel"),
    (ELEMENTS, r"burn_flex|burn_autodiff|burn_tensor|burn_dispatch|macerator|from_iter|2at6native|N2at|N3c10"),
]
FUNCTIONS = [(kind, re.compile(pattern)) for kind, pattern in FUNCTIONS]
# Of the innermost function alone, before and after the above.
ALLOCATOR = re.compile(r"^_?mi_|malloc|calloc|realloc|^cfree|_int_free|^free$|unlink_chunk|memalign")
FAULT = re.compile(r"page_fault|clear_page|madvise|munmap|mmap|zap_p|_brk|folio")
SPINNING = re.compile(r"libgomp|libiomp|gomp_|kmp_")
IDLE = re.compile(r"rayon|crossbeam|futex|condvar|Condvar|sched_yield|sync.*mutex")
LOOP = re.compile(r"pulp")

# PyTorch's own names, tried in this order.
OPERATIONS = [
    (ATTENTION, r"attention|softmax"),
    (NORM, r"layer_norm"),
    (GELU, r"gelu"),
    (ADAMW, r"Optimizer|_foreach|addcdiv|addcmul|lerp|aten::sqrt"),
    (PRODUCTS, r"::(mm|addmm|bmm|baddbmm|matmul|linear)|conv"),
    (GATHER, r"gather|scatter|sort|rand|mse|aten::var|index|aten::ge"),
    (COPIES, r"copy_|clone|::cat|contiguous|zero|fill_|_to_copy"),
    (MEMORY, r"empty|resize"),
    (ELEMENTS, r"aten::(add|sub|mul|div|sum|mean|pow|neg|square|expand|select|slice)"),
]
OPERATIONS = [(kind, re.compile(pattern)) for kind, pattern in OPERATIONS]


def of_stack(frames: list[tuple[str, bool]]) -> str:
    """The kind of one sample; frames are (symbol, of the kernel), innermost first."""
    if not frames:
        return REST
    kernel = [name for name, of_kernel in frames if of_kernel]
    if frames[0][1]:
        return MEMORY if any(FAULT.search(name) for name in kernel) else WAITING
    if ALLOCATOR.search(frames[0][0]):
        return MEMORY
    if SPINNING.search(frames[0][0]):
        return WAITING
    names = [name for name, _ in frames]
    return next(filter(None, map(of_function, names)), None) or (LOOPS if LOOP.search(names[0]) else of_leaf(names[0]))


def of_function(name: str) -> str | None:
    """The kind that a function's name tells, if it does."""
    return next((kind for kind, pattern in FUNCTIONS if pattern.search(name)), None)


def of_leaf(name: str) -> str:
    """The kind of a sample in which no function has a telling name."""
    return WAITING if IDLE.search(name) else REST


def of_operation(name: str) -> str:
    """The kind of an operation of PyTorch."""
    return next((kind for kind, pattern in OPERATIONS if pattern.search(name)), REST)


def shares(kinds: Iterable[str]) -> dict[str, float]:
    """How often each kind occurs, as shares of all."""
    found = list(kinds)
    return {kind: found.count(kind) / max(1, len(found)) for kind in KINDS}
