"""From the bytes of a paste to words with their line numbers: encodings, quoted-printable, terminal colours and
the marks of mail quotes are taken away here, so that the reader sees only what the kernel printed. Line numbers
are those of the paste."""

import re

COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|[\x00\x07\x08]")
QUOTE_MARKS = re.compile(r"^(?:[ \t]{0,8}>)+ ?(?!\d>)")
ASSIGNED = re.compile(r"(?:^|\s)(?:FAR|PAR|FSR|FSYNR\d|TTBR\d|SID|bank#)[ \t]+=[ \t]*$|^[\s>]*=+[ \t]*$|  =[ \t]*$")
# RFC 2045: behind "=" stand two digits or the line's end.
UNENCODED = re.compile(r"=(?![0-9A-F]{2}|[ \t]*$)")
SOFT_BREAK = re.compile(r"=[ \t]*$")
ESCAPED = re.compile(r"=([0-9A-F]{2})")
# A driver's name that is glued to what stands before it, as "7:arm-smmu" of grep or ";arm-smmu" of /dev/kmsg.
GLUED = re.compile(r"""(?<=[^\s\w./"'-])(?=arm-smmu(?:-v3)?(?:\s|:|$))""")


class Word:
    """`line` is the paste's, `row` counts lines after soft breaks are gone: the next row is the next line."""

    __slots__ = ("text", "line", "row")

    def __init__(self, text, line, row):
        self.text = text
        self.line = line
        self.row = row


def decoded(data):
    """Text of the bytes, whatever the editor saved it as."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if len(data) > 3 and data[1::2].count(0) > len(data) // 4:
        return data.decode("utf-16-le", "replace")
    if len(data) > 3 and data[0::2].count(0) > len(data) // 4:
        return data.decode("utf-16-be", "replace")
    text = data.decode("utf-8", "replace")
    return text[1:] if text.startswith("\ufeff") else text


def lines(data):
    """Pairs of a line's number and its text; a soft line break of quoted-printable joins two lines."""
    raw = [COLOUR.sub("", line.rstrip("\r")) for line in decoded(data).split("\n")]
    printable = is_quoted_printable(raw)
    found = []
    index = 0
    while index < len(raw):
        number, text = index + 1, raw[index]
        if printable:
            while SOFT_BREAK.search(text) and index + 1 < len(raw):
                index += 1
                text = SOFT_BREAK.sub("", text) + raw[index]
            text = ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text)
        text = QUOTE_MARKS.sub("", COLOUR.sub("", text))
        found.append((number, text.replace("\r", " ")))
        index += 1
    return found


def is_quoted_printable(raw):
    """Whether an equals sign is written as its code, or a line ends in one; but "FAR =" at a line's end is what a
    mail program left of "FAR = 0x..."."""
    if any("=3D" in line for line in raw):
        return True
    return any(SOFT_BREAK.search(line) and not ASSIGNED.search(line) for line in raw) \
        and not any(UNENCODED.search(line) for line in raw)


def words(data):
    """Every word of the paste."""
    return [Word(piece, number, row) for row, (number, text) in enumerate(lines(data))
            for piece in GLUED.sub(" ", text).split()]
