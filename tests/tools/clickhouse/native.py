"""Answers in ClickHouse's Native format as clients ask for it over HTTP: with the block information of the native protocol,
which the engine within a process does not write. Blocks that clients insert have none."""

# Overflow and bucket of a block, as fields with numbers.
BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
WIDTHS = {"UInt8": 1, "Int8": 1, "Bool": 1, "UInt16": 2, "Int16": 2, "UInt32": 4, "Int32": 4, "Float32": 4, "Float64": 8,
          "UInt64": 8, "Int64": 8, "DateTime": 4, "Date": 2, "DateTime64": 8}


def varint(number):
    found = b""
    while number >= 0x80:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def text(value):
    value = value.encode()
    return varint(len(value)) + value


def write(names, types, rows):
    """One block of strings and whole numbers; nothing of others."""
    found = BLOCK_INFO + varint(len(names)) + varint(len(rows))
    for place, (name, of) in enumerate(zip(names, types)):
        found += text(name) + text(of) + b"\x00"
        for row in rows:
            value = row[place]
            if of in WIDTHS:
                found += int(value).to_bytes(WIDTHS[of], "little", signed=of.startswith("Int"))
            else:
                found += text(str(value))
    return found

