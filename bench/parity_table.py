"""Lines of the parity tests as the table of docs/parity.md.

    PARITY_TABLE=flex.tsv cargo test --test main -- parity numbers --test-threads=1
    PARITY_TABLE=tch.tsv MAE_EXP_TEST_DEVICE=tch cargo test --features tch --test main -- parity --test-threads=1
    python bench/parity_table.py flex=flex.tsv LibTorch=tch.tsv

Needs nothing but Python. Cases keep the order of the first file, sorted by name within a fixture.
"""

import sys


def read(path):
    """Case to (values, absolute, relative, tolerance); a case that stands twice keeps its worst line."""
    cases = {}
    for line in open(path, encoding="utf-8"):
        case, values, absolute, relative, allowed = line.rstrip("\n").split("\t")
        if case not in cases or float(absolute) > float(cases[case][1]):
            cases[case] = (values, absolute, relative, allowed)
    return cases


def shown(number):
    return "0" if float(number) == 0 else number


def main():
    columns = [argument.split("=", 1) for argument in sys.argv[1:]]
    if not columns or any(len(column) != 2 for column in columns):
        sys.exit(__doc__)
    tables = [(name, read(path)) for name, path in columns]
    names = sorted({case for _, table in tables for case in table}, key=lambda case: (case.startswith("model "), case))
    head = ["case", "values", "allowed"] + [f"{name} {kind}" for name, _ in tables for kind in ("abs", "rel")]
    print("| " + " | ".join(head) + " |")
    print("|---|--:|---" + "|--:|--:" * len(tables) + "|")
    for case in names:
        values, _, _, allowed = next(table[case] for _, table in tables if case in table)
        found = [table.get(case) for _, table in tables]
        cells = [cell for one in found for cell in ((shown(one[1]), shown(one[2])) if one else ("", ""))]
        print(f"| {case} | {values} | {allowed} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
