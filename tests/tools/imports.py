"""Reads which modules of a Rust crate refer to which, and holds that against the tables of ARCHITECTURE.md."""

import pathlib
import re

TESTS = re.compile(r"(^|/)(tests?|sweep|conformance)(/|\.rs$)|testing\.rs$")


def modules(root):
    """Production modules by path (a tuple of names), each with its source without comments and inline tests."""
    found = {}
    for file in sorted(root.rglob("*.rs")):
        path = file.relative_to(root).as_posix()
        if TESTS.search(path) or path in ("lib.rs", "main.rs"):
            continue
        source = re.sub(r"//[^\n]*", "", file.read_text(encoding="utf-8"))
        source = re.split(r"#\[cfg\(test\)\]\s*(?:pub(?:\([^)]*\))? )?mod \w+ \{", source)[0]
        found[tuple(path.removesuffix(".rs").split("/"))] = source
    return found


def paths(body, prefix=""):
    """The paths of a `use` tree."""
    depth, part, parts = 0, "", []
    for char in body + ",":
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += char
    for part in filter(None, parts):
        nested = re.fullmatch(r"((?:\w+\s*::\s*)*)\{(.*)\}", part, re.S)
        if nested:
            yield from paths(nested[2], prefix + nested[1])
        else:
            yield prefix + part.split(" as ")[0].strip()


def references(module, source, known):
    """The other modules that `module` refers to, by `use` and by path."""
    named = [path for tree in re.findall(r"\buse\s+((?:crate|super|self)\b[^;]*);", source) for path in paths(tree)]
    named += re.findall(r"\b((?:crate|super)(?:\s*::\s*\w+)+)", source)
    for path in named:
        segments = [segment.strip() for segment in path.split("::")]
        base = list(module)
        if segments[0] == "crate":
            base = []
        elif segments[0] == "super":
            while segments and segments[0] == "super":
                base, segments = base[:-1], segments[1:]
            segments = ["", *segments]
        target = tuple(base + segments[1:])
        while target and target not in known:
            target = target[:-1]
        if target and target != module:
            yield target


def loops(edges):
    """Groups of siblings that import each other in a circle."""
    def reach(start):
        seen, todo = set(), [start]
        while todo:
            for other in edges.get(todo.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return seen

    reached = {name: reach(name) for name in edges}
    return sorted({tuple(sorted({name, *(other for other in reached[name] if name in reached.get(other, ()))})) for name in edges if name in reached[name]})


def table(document, heading):
    """Rows of the table below `heading`: the modules of the first cell, and the last cell."""
    section = document.split(f"\n{heading}\n", 1)[1]
    section = re.split(r"\n#{2,3} ", section)[0]
    rows = []
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("| `") else []
        if len(cells) == 3 and "::" not in cells[0]:
            rows.append((re.findall(r"`(\w+)`", cells[0]), cells[2].removesuffix("|").strip()))
    return rows


def document_of(root):
    return "/".join(root.parts[-2:]) if root.parent.name == "companion" else root.name


def faults(root, document, heading):
    """One line for each import that the table does not permit, each module it lacks, and each loop of its modules."""
    found = modules(root)
    edges = {}
    for module, source in found.items():
        for target in references(module, source, found):
            level = 0
            while level < min(len(module), len(target)) and module[level] == target[level]:
                level += 1
            if level < len(module) and level < len(target):
                edges.setdefault(module[:level], {}).setdefault(module[level], {}).setdefault(target[level], "::".join(module))
    for loop in loops({name: set(targets) for name, targets in edges.get((), {}).items()}):
        yield f"{document_of(root)}: {', '.join(loop)} import each other"
    rows = table(document, heading)
    order = [name for names, _ in rows for name in names]
    for missing in sorted({module[0] for module in found} - set(order)):
        yield f"ARCHITECTURE.md: {heading}: no row for `{missing}`"
    for names, permitted in rows:
        every = "every module" in permitted or "all of the above" in permitted
        allowed = set(re.findall(r"`(\w+)`", permitted)) | set(names)
        for name in names:
            for target, where in sorted(edges.get((), {}).get(name, {}).items()):
                if not every and target not in allowed:
                    yield f"ARCHITECTURE.md: {heading}: `{name}` may not import `{target}`, but {where} does"


def main():
    """Prints every fault of this repository."""
    root = pathlib.Path(__file__).resolve().parents[2]
    document = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for folder, heading in (("src", "### Library"), ("companion/src", "### Companion")):
        for fault in faults(root / folder, document, heading):
            print(fault)


if __name__ == "__main__":
    main()
