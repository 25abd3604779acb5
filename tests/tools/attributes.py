"""Makes docs/attributes.md of the names in src/semconv.rs, so that no page of names can differ from the code.

`tests/tools/attributes.py` prints the page; `tests/tools/check` compares it with the file.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = "src/semconv.rs"
PAGE = "docs/attributes.md"

# The modules of src/semconv.rs in the order of the page, each with its heading and what is true of all its names.
SECTIONS = [
    ("attribute", "Attributes", "On spans, and on metrics where the meaning names them. A span has an attribute only when the value is "
     "known: absent is not zero."),
    ("metric", "Metrics", "Names as OpenTelemetry has them. Prometheus writes `.` as `_` and appends the unit and `_total`: "
     "`spanledger.client.cost` is `spanledger_client_cost_USD_total`."),
    ("operation", "Operations", "Values of `gen_ai.operation.name`."),
    ("provider", "Providers", "Values of `gen_ai.provider.name`. Where neither the host nor the path is known, it is the host, "
     "unless the application [gives it a name](clients.md#a-gateway-of-your-own)."),
    ("error_type", "Error types", "Values of `error.type` where the provider gave no code and no HTTP status says more."),
    ("unparsed", "What was not parsed", "Values of `spanledger.unparsed`."),
    ("unparsed_usage", "What of the usage was not parsed", "Values of `spanledger.usage.unparsed.reason`."),
    ("modality", "Modalities", "Values of `gen_ai.token.modality`."),
]

HEAD = """# Attributes and metrics

<!-- Made by tests/tools/attributes.py from src/semconv.rs. Change the comments there. -->

Every name that the library writes or reads. The source of a name is one of

- **genai**: the OpenTelemetry conventions for generative AI of October 2026 (in development);
- **core**: the OpenTelemetry semantic conventions 1.44;
- **until 1.41**: an older name of the genai conventions, written with `Semconv::V1_41`, and on spans where stated;
- **ours**: defined by Spanledger.

What the outcomes, usage sources and cost statuses mean is on the page [cost](cost.md) and in the documentation of the library.
"""


def modules(text):
    """The public modules of the file: name to the list of (value, comment)."""
    found = {}
    for module in re.finditer(r"^pub mod (\w+) \{\n(.*?)^\}", text, re.M | re.S):
        constants = re.findall(r'((?:^ *///.*\n)+) *pub const \w+: &str =\s*"([^"]*)";', module[2], re.M)
        found[module[1]] = [(value, " ".join(re.findall(r"/// ?(.*)", comment))) for comment, value in constants]
    return found


def plain(comment):
    """A comment with rustdoc's links as links of the page, or as code."""
    headings = {module: heading for module, heading, _ in SECTIONS}

    def shown(link):
        name = re.sub(r"^(super|crate)::", "", link[1])
        heading = headings.get(name)
        return f"[{heading.lower()}](#{heading.lower().replace(' ', '-')})" if heading else f"`{name}`"

    return re.sub(r"\[`([^`\]]+)`\](\([^)]*\))?", shown, comment).replace("|", "\\|")


def split(comment):
    """The source of a name, and the rest of its comment."""
    match = re.match(r"(genai|core|ours|[Uu]ntil 1\.41)\b[,:.;]?\s*(.*)", comment)
    source, rest = (match[1].lower(), match[2]) if match else ("", comment)
    rest = rest.rstrip(".")
    return source, rest[:1].upper() + rest[1:] if rest else ""


def page():
    found = modules((ROOT / SOURCE).read_text(encoding="utf-8"))
    lines = [HEAD]
    for module, heading, about in SECTIONS:
        lines += [f"## {heading}", "", about, "", "| name | source | meaning |", "|---|---|---|"]
        for value, comment in found[module]:
            source, meaning = split(plain(comment))
            lines.append(f"| `{value}` | {source} | {meaning} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    print(page(), end="")
