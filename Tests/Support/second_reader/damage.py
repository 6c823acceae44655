"""What a paste loses: its end or its start, at a line or in the middle of one, a line, a word, or the shape of a
word. Each kind takes lines and returns them with the loss."""

import re


def cut_end(random, lines):
    return lines[:random.randrange(1, len(lines) + 1)]


def cut_end_in_line(random, lines):
    kept = cut_end(random, lines)
    places = [match.start() for match in re.finditer(r"(?<=\S)\s+(?=\S)", kept[-1].text)]
    if places:
        kept[-1].text = kept[-1].text[:random.choice(places)]
    return kept


def cut_start(random, lines):
    return lines[random.randrange(len(lines)):]


def cut_start_in_line(random, lines):
    kept = cut_start(random, lines)
    places = [match.start() for match in re.finditer(r"\S+", kept[0].text)]
    kept[0].text = kept[0].text[random.choice(places):]
    # The prefix went first.
    kept[0].is_remark = True
    return kept


def lose_line(random, lines):
    index = random.randrange(len(lines))
    return lines[:index] + lines[index + 1:] or lines


def lose_word(random, lines):
    line = random.choice(lines)
    pieces = re.split(r"(\s+)", line.text)
    places = [index for index in range(0, len(pieces), 2) if pieces[index]]
    del pieces[random.choice(places)]
    line.text = "".join(pieces)
    return lines


def split_word(random, lines):
    """A word of an event falls in two halves."""
    wide = [line for line in lines if re.search(r"0x[0-9a-f]{16}$", line.text)]
    if wide:
        line = random.choice(wide)
        line.text = line.text[:-8] + " " + line.text[-8:]
    return lines


KINDS = {"end cut": cut_end, "end cut in a line": cut_end_in_line, "start cut": cut_start,
         "start cut in a line": cut_start_in_line, "line lost": lose_line, "word lost": lose_word,
         "word split": split_word}


def of_lines(random, lines):
    name = random.choice(list(KINDS))
    return name, KINDS[name](random, lines)
