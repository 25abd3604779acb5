#!/usr/bin/env python3
"""Writes recorded exchanges as inputs of the fuzz targets: `recorded.py CORPUS FOLDER`.

CORPUS has `exchanges/API.jsonl`, one exchange per line with `request` and `response`, each with `body` or `body_base64`.
FOLDER gets a folder for each target.
"""

import base64
import hashlib
import json
import pathlib
import sys

# Larger inputs make the fuzzer slow and find nothing that smaller ones do not.
LARGEST = 16 * 1024
# The target of an API, where its name is not the API's.
TARGETS = {"gemini.generate_content": "gemini", "gemini.embed_content": "gemini_embeddings"}


def target(api, known):
    """The target of an API: `openai.chat` is `openai_chat`, `cohere.chat_v2` is `cohere_v2`, `ollama.embed` is `ollama`."""
    family, _, name = api.partition(".")
    names = [TARGETS.get(api), f"{family}_{name}", f"{family}_{name.rpartition('_')[2]}", family]
    return next((found for found in names if found in known), None)


def body(part):
    encoded = part.get("body_base64")
    return base64.b64decode(encoded) if encoded else (part.get("body") or "").encode()


def main(corpus, folder):
    known = {path.stem for path in (pathlib.Path(__file__).parent / "fuzz_targets").glob("*.rs")}

    def put(name, seed):
        if name and 0 < len(seed) <= LARGEST:
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)

    for path in sorted((corpus / "exchanges").glob("*.jsonl")):
        name = target(path.stem, known)
        for line in path.read_text(encoding="utf-8").splitlines():
            exchange = json.loads(line)
            request, response = body(exchange["request"]), body(exchange["response"])
            put(name, request)
            put("hash", request)
            put(name, response)
            if response[:1] not in (b"{", b""):
                put("sse" if response.startswith((b"event", b"data", b":")) else "frames", response)


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
