"""How lines become a paste: wrapped at 72 columns as mail is, flowed into paragraphs, quoted, indented, fenced,
double-spaced, with CRLF, as quoted-printable or UTF-16. Where each fault begins is followed through all of it."""

import re

COLUMNS = 72
MARKS = ("> ", ">", ">> ", "> > ", "> > > > ", "    ", "\t", "  ")
DRIVER = re.compile(r"""(?:(?<![\w./"-])|(?<=\x1b\[33m))(?:arm-smmu(?:-v3)?(?=[\s:])|smmu:(?=\s|$))""")


class Piece:
    """A physical line; `begins` are the faults whose first message's driver is named in it; `goes_on`: it is
    not the first of its line."""

    def __init__(self, text, owners, begins, goes_on=False):
        self.text = text
        self.goes_on = goes_on
        self.owners = owners
        self.begins = begins


class Paste:
    def __init__(self, shape, mark, encoding, ending):
        self.shape = shape
        self.encoding = encoding
        self.how = f"{shape}, {mark!r}, {encoding}, {ending!r}"
        self.data = b""
        self.first_lines = {}
        self.owners = {}


def wrapped(text, columns):
    """Greedy, at blanks, as mail programs do it; the blank at a break is lost."""
    found = []
    while len(text) > columns:
        at = text.rfind(" ", len(text) - len(text.lstrip()) + 1, columns + 1)
        if at <= 0:
            at = text.find(" ", columns)
            if at < 0:
                break
        found.append(text[:at].rstrip(" "))
        text = text[at + 1:]
    return found + [text]


def pieces_of(line, columns):
    """A kernel line as physical lines. A fault begins where its driver is named."""
    parts = wrapped(line.text, columns) if columns else [line.text]
    begins = next((index for index, part in enumerate(parts) if DRIVER.search(part + " ")), 0)
    owners = {line.owner} - {None}
    return [Piece(part, owners, {line.owner} if line.is_first and index == begins else set(), index > 0)
            for index, part in enumerate(parts)]


def flowed(lines, columns):
    """All lines as one paragraph, as a mail program does it that takes the log for prose."""
    pieces, text, owners, begins = [], "", set(), set()
    for line in lines:
        names_driver = DRIVER.search(line.text + " ")
        for word in re.finditer(r"\S+", line.text):
            if text and len(text) + 1 + len(word.group(0)) > columns:
                pieces.append(Piece(text, owners, begins))
                text, owners, begins = "", set(), set()
            text = f"{text} {word.group(0)}" if text else word.group(0)
            owners |= {line.owner} - {None}
            if line.is_first and names_driver and word.start() <= names_driver.start() < word.end():
                begins |= {line.owner}
    return pieces + ([Piece(text, owners, begins)] if text else [])


def joined(random, pieces):
    """Here and there a line's end is lost, and the next one goes on after a blank."""
    found = []
    for piece in pieces:
        if found and random.random() < 0.25:
            found[-1] = Piece(f"{found[-1].text} {piece.text}", found[-1].owners | piece.owners,
                              found[-1].begins | piece.begins)
        else:
            found.append(piece)
    return found


def quoted_printable(text):
    """The lines of one line in quoted-printable."""
    safe = "".join(f"={ord(letter):02X}" if letter == "=" or ord(letter) < 32 and letter != "\t" else letter
                   for letter in text)
    found = []
    while len(safe) > 76:
        at = 75
        while "=" in safe[at - 2:at] and at > 70:
            at -= 1
        found.append(safe[:at] + "=")
        safe = safe[at:]
    return found + [safe]


def paste(random, lines):
    shape = random.choices(("plain", "joined", "wrapped", "wrapped quote", "flowed"), (50, 5, 20, 15, 10))[0]
    mark = random.choice(MARKS) if random.random() < 0.35 or shape == "wrapped quote" else ""
    encoding = random.choices(("utf-8", "quoted-printable", "utf-16"), (84, 8, 8))[0]
    if encoding == "quoted-printable" and any("\x1b" in line.text for line in lines):
        encoding = "utf-8"
    ending = random.choice(("\n", "\n", "\n", "\r\n"))
    made = Paste(shape, mark, encoding, ending)
    if shape == "flowed":
        pieces = flowed(lines, COLUMNS)
    else:
        # A quote that is wrapped again leaves the rest of a line without the mark.
        columns = {"plain": 0, "joined": 0, "wrapped": COLUMNS, "wrapped quote": COLUMNS - len(mark)}[shape]
        pieces = [piece for line in lines for piece in pieces_of(line, columns)]
        if shape == "joined":
            pieces = joined(random, pieces)
    frame(random, made, pieces, mark, encoding, ending)
    return made


def frame(random, made, pieces, mark, encoding, ending):
    """Marks, blank lines, fences and the encoding; notes where everything is."""
    texts = []

    def add(text, piece=None, mark=mark):
        text = mark + text
        for index, part in enumerate(quoted_printable(text) if encoding == "quoted-printable" else [text]):
            texts.append(part)
            if piece:
                made.owners[len(texts)] = sorted(piece.owners)
                for owner in piece.begins if index == 0 else ():
                    made.first_lines.setdefault(owner, len(texts))

    intro = random.choice(("", "", "", "dmesg says:", "```", "root@host:~# dmesg | grep smmu"))
    spaced = random.random() < 0.05
    if intro:
        add(intro)
    for piece in pieces:
        add(piece.text, piece, "" if piece.goes_on and "wrapped quote" in made.how else mark)
        if spaced and made.how.startswith("plain"):
            add("")
    if intro == "```":
        add("```")
    text = ending.join(texts) + random.choice((ending, ending, ""))
    made.data = text.encode("utf-16" if encoding == "utf-16" else "utf-8")
