"""Finds the words that docs/style.md lists as not used, in every text of the repository that a person reads."""

import re

# Names and texts that others wrote, recorded output, and the list itself.
SKIPPED = re.compile(r"(^|/)(fixtures|golden|seeds|corpus)/|^docs/style\.md$|^LICENSE|\.lock$|^tests/tools/words\.py$")
TEXT = (".md", ".toml", ".yml", ".yaml", ".html", ".in")
HASH_COMMENTS = (".py", ".sh")
TEST = re.compile(r"(^|/)(tests?|benches|fuzz|sweep)(/|\.rs$)|testing\.rs$|_tests\.rs$")

# "100 calls a minute", "one file a rule": write "per".
PER = re.compile(
    r"\b(?:calls?|requests?|spans?|tokens?|dollars?|usd|times|messages?|alerts?|firings?|files?|lines?|formats?|series|rows?"
    r"|attributes?|events?|points?|bytes|once|one) an? "
    r"(?:second|minute|hour|day|week|month|year|call|request|span|service|user|model|process|file|rule|format|provider|chunk|line|name|row|token|million tokens)\b",
    re.I,
)


def banned(style):
    """The phrases of the table "Words not used", as one pattern, longest first."""
    table = style.split("## Words not used", 1)[1]
    phrases = []
    for row in re.findall(r"^\| ([^|]+) \|", table, re.M)[1:]:
        phrases += [phrase.strip() for phrase in row.split(",") if phrase.strip("- ")]
    if not phrases:
        raise ValueError("docs/style.md lists no words")
    phrases.sort(key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(map(re.escape, phrases)) + r")\b(?![_(]|:\w|-\w)", re.I)


RUST = re.compile(
    r'(?P<comment>//[^\n]*|/\*.*?\*/)|r(?P<hashes>#*)"(?P<raw>.*?)"(?P=hashes)|b?"(?P<string>(?:\\.|[^"\\])*)"|\'(?:\\.|[^\\\'])\'',
    re.S,
)


def rust_texts(source, strings):
    """Comments, and string literals where `strings`, as (offset, text)."""
    for match in RUST.finditer(source):
        if match["comment"] is not None:
            yield match.start(), re.sub(r"`[^`\n]*`", "``", match["comment"])
        elif strings:
            text = match["raw"] if match["raw"] is not None else match["string"]
            # A literal of one word is a name on some wire, not a sentence.
            if text and " " in text:
                yield match.start(), text


def faults(path, source, pattern):
    """One line for each word that is not used, with its place."""
    if SKIPPED.search(path):
        return
    if path.endswith(".rs"):
        texts = rust_texts(source, strings=not TEST.search(path))
    elif path.endswith(TEXT):
        texts = [(0, re.sub(r"`[^`\n]*`|\]\([^)]*\)", lambda match: " " * len(match[0]), source))]
    elif path.endswith(HASH_COMMENTS):
        texts = [(match.start(), match[0]) for match in re.finditer(r"#[^\n]*", source)]
    else:
        return
    for start, text in texts:
        for match in [*pattern.finditer(text), *PER.finditer(text)]:
            line = source.count("\n", 0, start) + text.count("\n", 0, match.start()) + 1
            yield f'{path}:{line}: "{match[0]}" is not used in this project, see docs/style.md'


def main():
    """Prints every fault below the folders and files given, of the whole repository where none is."""
    import pathlib
    import subprocess
    import sys

    root = pathlib.Path(__file__).resolve().parents[2]
    listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", *sys.argv[1:]], cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    pattern = banned((root / "docs/style.md").read_text(encoding="utf-8"))
    found = 0
    for path in listed:
        try:
            source = (root / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, IsADirectoryError):
            continue
        for fault in faults(path, source, pattern):
            print(fault)
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
