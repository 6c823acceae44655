"""The messages of the two SMMU drivers as sequences of words. `messages` finds every "driver name:" in a paste and
reads as much of the message after it as is there: a message ends early where a mail, a cut or another message
ends it, and goes on in the next line where that line starts with exactly what the message lacks."""

import re

DRIVER = re.compile(r"^(arm-smmu|arm-smmu-v3)$")
NAME = re.compile(r"^[^\s:\[\]]+:$")
NAMELESS = re.compile(r"^(arm-smmu|arm-smmu-v3):$")
HEX = re.compile(r"^0x([0-9a-fA-F]{1,16})[,;]?$")
FULL_WORD = re.compile(r"^0x([0-9a-fA-F]{16})$")
HALF_WORD = re.compile(r"^0x([0-9a-fA-F]{8})$")
HALF = re.compile(r"^([0-9a-fA-F]{8})$")
SETTING = re.compile(r"^(fsr|iova|fsynr|cbfrsynra|cb|sid|SID|pgd|p4d|pud|pmd|pte)=(.*)$")
FLAG = re.compile(r"^\[?(?:[A-Z]+|Format=\d)?(?:\],?)?$")
CLIENT = re.compile(r"^[\w.:@,/+-]*[\w.@,/+-]$")
SUPPRESSED = re.compile(r"^arm_smmu_\w+:$")
ADDRESS_EVENTS = ("F_TRANSLATION", "F_ADDR_SIZE", "F_ACCESS", "F_PERMISSION")
EVENT_NAME = re.compile(r"^(?:[CFE]_[A-Z_]+|UNKNOWN)$")


class Message:
    """One message: of which SMMU, where, what kind, and the facts that were read."""

    def __init__(self, driver, name, line, xen):
        self.driver = driver
        self.name = name
        self.line = line
        self.xen = xen
        self.kind = None
        self.last_line = line
        self.facts = {}
        self.is_whole = False


class Cursor:
    """Reads words one after the other; the next line counts only directly after this one, and never another
    message's start."""

    def __init__(self, words, index, starts):
        self.words = words
        self.index = index
        self.starts = starts
        self.first = index
        self.row = words[max(index - 1, 0)].row

    @property
    def line(self):
        return self.words[max(self.index - 1, 0)].line

    def peek(self, ahead=0):
        at = self.index + ahead
        if at >= len(self.words) or any(
                place in self.starts and place != self.first for place in range(self.index, at + 1)):
            return None
        return self.words[at].text if self.words[at].row <= self.words[at - 1].row + 1 else None

    def is_same_line(self):
        return self.index < len(self.words) and self.words[self.index].row == self.row

    def shares_line(self, ahead):
        """Whether that word stands in the line of the one before it."""
        return self.words[self.index + ahead].row == self.words[self.index + ahead - 1].row

    def take(self, pattern):
        """The next word, when the whole of it fits; None leaves everything as it was."""
        text = self.peek()
        if text is None:
            return None
        found = pattern.match(text) if isinstance(pattern, re.Pattern) else (text if text == pattern else None)
        if found:
            self.row = self.words[self.index].row
            self.index += 1
        return found or None

    def skip(self, count):
        self.index += count
        self.row = self.words[self.index - 1].row

    def sequence(self, *patterns):
        """Whether all of them follow; takes as many as fit."""
        return all(self.take(pattern) for pattern in patterns)

    def upcoming(self, *expected):
        return all(self.peek(place) == text for place, text in enumerate(expected))

    def hex_after(self, label):
        if not self.take(label):
            return None
        found = self.take(HEX)
        return int(found.group(1), 16) if found else None


def messages(words):
    """Messages in order, and counts of suppressed ones."""
    starts = {}
    for index in range(len(words)):
        start = start_at(words, index) or bare_start_at(words, index, starts)
        if start:
            starts[index] = start
    found = []
    for index, (driver, name, length, xen) in starts.items():
        message = Message(driver, name, words[index].line, xen)
        cursor = Cursor(words, index + length, starts)
        read(message, cursor)
        message.last_line = cursor.line
        found.append(message)
    return found


def start_at(words, index):
    """Driver, SMMU's name, number of words, whether Xen wrote it: of a message that starts at this word."""
    text = words[index].text
    following = words[index + 1] if index + 1 < len(words) else None
    if DRIVER.match(text) and following and following.row <= words[index].row + 1:
        # The words after "arm-smmu" of another sentence are no name.
        return (text, following.text[:-1], 2, False) if NAME.match(following.text) else None
    if NAMELESS.match(text):
        return (text[:-1], "", 1, False)
    if text == "smmu:" and following and following.text.startswith("/") and NAME.match(following.text):
        return ("arm-smmu", following.text[:-1], 2, True)
    return None


def bare_start_at(words, index, starts):
    """The same of a message at a line's start, or after its stamp, whose driver was cut off."""
    first = index
    while first > 0 and words[first - 1].row == words[index].row:
        first -= 1
    if not STAMP.match(" ".join(word.text for word in words[first:index])):
        return None
    # It is the rest of a wrapped line when the driver's name ends the line before.
    if index - 2 in starts or index - 1 in starts and starts[index - 1][2] == 1:
        return None
    text = " ".join(word.text for word in words[index:index + 6] if word.row <= words[index].row + 1)
    for driver, heading in BARE_HEADINGS:
        if heading.match(text):
            return (driver, "", 0, False)
    return None


# A level, and whatever stands in brackets.
STAMP = re.compile(r"^(?:<\d>)?(?: ?\[[^\[\]]*\])*$")

BARE_HEADINGS = (
    ("arm-smmu", re.compile(r"Unhandled context fault: |Unhandled arm-smmu context fault from "
                            r"|Unexpected global fault,|Blocked unknown Stream ID ")),
    ("arm-smmu-v3", re.compile(r"CMD_SYNC timeout|CMDQ (?:timeout|error)|unexpected global error "
                               r"|event 0x[0-9a-f]+ received:|event: (?:[CFE]_[A-Z_]+|UNKNOWN) client: ")),
)


def suppressed(words):
    """How many messages the kernel says that it left out."""
    total = 0
    for index in range(len(words) - 3):
        if SUPPRESSED.match(words[index].text) and words[index + 1].text.isdigit() \
                and [word.text for word in words[index + 2:index + 4]] == ["callbacks", "suppressed"]:
            total += int(words[index + 1].text)
    return total


def read(message, cursor):
    for reader in READERS:
        if reader(message, cursor):
            return


# SMMUv3.

def header(message, cursor):
    if not (cursor.peek() == "event" and HEX.match(cursor.peek(1) or "")):
        return False
    cursor.take("event")
    message.kind = "header"
    message.facts["event"] = int(cursor.take(HEX).group(1), 16)
    message.is_whole = bool(cursor.take("received:"))
    return True


def word(message, cursor):
    whole = cursor.take(FULL_WORD)
    if whole:
        message.kind, message.facts["word"], message.is_whole = "word", int(whole.group(1), 16), True
        return True
    text = cursor.peek() or ""
    # A header may have lost its first word.
    if not re.match(r"^0x[0-9a-fA-F]*$", text) or cursor.peek(1) == "received:":
        return False
    message.kind = "word"
    # A mangled word: two halves are joined, anything else is a word that nobody can read.
    if HALF_WORD.match(text) and HALF.match(cursor.peek(1) or ""):
        message.facts["halves"] = int(cursor.take(HALF_WORD).group(1) + cursor.take(HALF).group(1), 16)
    return True


def decoded(message, cursor):
    """event: NAME client: C sid: S ssid: N, then iova: and ipa:, or fetch_addr:"""
    if not (cursor.peek() == "event:" and EVENT_NAME.match(cursor.peek(1) or "") and cursor.peek(2)):
        return False
    # The name alone is the end of a log.
    if not (cursor.peek(2) in LABELS or cursor.peek(2) in ("client:", "(unassigned") or cursor.shares_line(2)):
        return False
    cursor.take("event:")
    message.kind = "decoded"
    facts = message.facts
    facts["name"] = cursor.take(EVENT_NAME).group(0)
    while True:
        label = cursor.peek()
        if label in LABELS:
            value = cursor.hex_after(label)
            if LABELS[label] in facts:
                break
            if value is not None:
                facts[LABELS[label]] = value
        elif label == "client:" or label == "(unassigned":
            if not read_client(facts, cursor):
                break
        elif cursor.is_same_line() and cursor.peek(1) in LABELS:
            # Its label was lost.
            cursor.skip(1)
        else:
            break
    needs = facts["name"] in ADDRESS_EVENTS
    message.is_whole = "sid" in facts and "ssid" in facts and ("ipa" in facts or not needs)
    return True


LABELS = {"sid:": "sid", "ssid:": "ssid", "iova:": "iova", "ipa:": "ipa", "fetch_addr:": "fetch"}


def read_client(facts, cursor):
    """The client, or that there is none; in the next line only where the stream follows it."""
    cursor.take("client:")
    if cursor.take("(unassigned"):
        # "sid)" may be lost; the labels after it are not.
        return bool(cursor.take("sid)")) or cursor.peek() in LABELS
    if cursor.take("sid)") or cursor.peek() in LABELS:
        # So may "(unassigned", or the client.
        return True
    if not (cursor.is_same_line() or cursor.peek(1) == "sid:"):
        return False
    client = cursor.take(CLIENT)
    if client:
        facts["client"] = client.group(0)
    return bool(client)


def nature(message, cursor):
    """unpriv data write s1 "Input address caused fault" stall stag: 0x0"""
    if cursor.peek() not in ("priv", "unpriv") or cursor.peek(1) not in ("data", "inst"):
        return False
    message.kind = "nature"
    cursor.skip(2)
    access = cursor.take(re.compile(r"^(read|write)$"))
    if not access:
        return True
    message.facts["access"] = access.group(0)
    stage = cursor.take(re.compile(r"^s([12])$"))
    if not stage:
        return True
    message.facts["stage"] = int(stage.group(1))
    for place in range(12):
        if cursor.peek(place) == "stag:":
            said = [cursor.peek(before) for before in range(place)]
            message.facts["stalled"] = "stall" in said
            cursor.skip(place)
            message.is_whole = cursor.hex_after("stag:") is not None
            break
    return True


def page_request(message, cursor):
    """sid 0x00000100.0x00005: [3L] unprivileged RW access at iova 0x0000000012345000"""
    if cursor.upcoming("unexpected", "PRI"):
        message.kind = "pri"
        message.is_whole = cursor.sequence("unexpected", "PRI", "request", "received:")
        return True
    both = re.match(r"^0x([0-9a-f]{8})\.0x([0-9a-f]{5}):$", cursor.peek(1) or "")
    if cursor.peek() != "sid" or not both:
        return False
    message.kind = "pri_request"
    message.facts["sid"], message.facts["ssid"] = (int(both.group(place), 16) for place in (1, 2))
    cursor.skip(2)
    for pattern in PRI_MIDDLE:
        cursor.take(pattern)
    iova = cursor.take("iova") and cursor.take(FULL_WORD)
    if iova:
        message.facts["iova"] = int(iova.group(1), 16)
    message.is_whole = bool(iova)
    return True


PRI_MIDDLE = [re.compile(pattern) for pattern in (
    r"^\[\d+L?\]$", r"^(un)?privileged$", r"^[RWX]+$", "^access$", "^at$")]


# SMMUv2.

def context_fault(message, cursor):
    """Unhandled context fault: and settings, as many and in what order the kernel of the day prints."""
    if not cursor.upcoming("Unhandled", "context", "fault:"):
        return False
    cursor.sequence("Unhandled", "context", "fault:")
    message.kind = "context"
    facts = message.facts
    is_torn = False
    while True:
        found = cursor.take(SETTING)
        if not found:
            # A torn setting, as "sid=93(0x5d  AFI)" of L4T.
            lost = next((place for place in (1, 2) if SETTING.match(cursor.peek(place) or "")), None)
            if lost and (cursor.is_same_line() or is_torn):
                cursor.skip(lost)
                continue
            break
        key, value = found.group(1), found.group(2).rstrip(",")
        if key == "sid" and "(" in value:
            number = re.match(r"^\d+\(0x([0-9a-f]+)$", value)
            is_torn = ")" not in value
            dash = number and cursor.take("-")
            client = dash and cursor.take(re.compile(r"^([\w-]+)\),?$"))
            if number:
                facts["stream"] = int(number.group(1), 16)
            if client:
                facts["client"] = client.group(1)
            facts["l4t"] = True
        elif key in ("pgd", "p4d", "pud", "pmd", "pte"):
            if re.match(r"^[0-9a-f]+$", value):
                facts.setdefault("tables", []).append(int(value, 16))
        elif key == "cb":
            if value.isdigit():
                facts["cb"] = int(value)
        elif re.match(r"^0x[0-9a-fA-F]{1,16}$", value):
            facts["stream" if key in ("sid", "SID") else key] = int(value, 16)
    message.is_whole = "iova" in facts and ("cb" in facts or "stream" in facts)
    return True


def msm_header(message, cursor):
    """Unhandled arm-smmu context fault from a600000.dwc3!"""
    if not cursor.upcoming("Unhandled", "arm-smmu", "context", "fault"):
        return False
    cursor.sequence("Unhandled", "arm-smmu", "context", "fault")
    message.kind = "msm"
    client = cursor.take("from") and cursor.take(re.compile(r"^(\S+)!$"))
    if client:
        message.facts["client"] = client.group(1)
    message.is_whole = bool(client)
    return True


def register(message, cursor):
    """FSR    = 00000402 [Format=2 TF], SID=0x800, and the KEY = VALUE lines of msm kernels."""
    key = cursor.peek()
    if key == "context" and cursor.peek(1) == "bank#":
        cursor.skip(2)
        key = "context bank#"
    elif key in ("FAR", "PAR", "FSR", "FSYNR0", "FSYNR1", "SID") and cursor.peek(1) == "=":
        cursor.skip(1)
    else:
        return False
    if not cursor.take("="):
        return False
    message.kind = "register"
    message.facts["key"] = key
    # The address is always printed in full: fewer digits are a part of one.
    value = cursor.take(re.compile(r"^(?:0x)?([0-9a-fA-F]{16})$" if key == "FAR"
                                   else r"^(?:0x)?([0-9a-fA-F]{1,16}),?$"))
    if not value:
        return True
    message.facts["value"] = int(value.group(1), 16)
    message.is_whole = True
    if key == "FSR" and (cursor.peek() or "").startswith("["):
        flags = []
        for place in range(16):
            text = cursor.peek(place)
            if text is None or not FLAG.match(text):
                break
            flags.append(text)
        cursor.skip(len(flags))
        message.facts["flags"] = " ".join(flags).strip("[], ").split()
        stream = cursor.take(re.compile(r"^SID=0x([0-9a-f]+)$"))
        if stream:
            message.facts["stream"] = int(stream.group(1), 16)
    return True


def global_fault(message, cursor):
    if cursor.upcoming("Unexpected", "global", "fault,"):
        cursor.sequence("Unexpected", "global", "fault,", "this", "could", "be", "serious")
        message.kind, message.is_whole = "global", True
        return True
    if cursor.upcoming("Blocked", "unknown", "Stream", "ID"):
        cursor.sequence("Blocked", "unknown", "Stream", "ID")
        message.kind = "blocked"
        stream = cursor.take(re.compile(r"^0x([0-9a-f]+);?$"))
        if stream:
            message.facts["sid"] = int(stream.group(1), 16)
        message.is_whole = bool(stream)
        return True
    if cursor.peek() == "GFSR" and HEX.match(cursor.peek(1) or ""):
        message.kind = "gfsr"
        for label in ("GFSR", "GFSYNR0", "GFSYNR1", "GFSYNR2"):
            value = cursor.hex_after(label)
            if value is None:
                break
            message.facts[label] = value
        # Without the stream it says nothing about who did what.
        if "GFSYNR1" not in message.facts:
            message.facts = {}
        message.is_whole = "GFSYNR2" in message.facts
        return True
    return False


# The command queue.

CMDQ_ERRORS = (("Illegal", "command"), ("Abort", "on", "command", "fetch"), ("ATC", "invalidate", "timeout"))


def command_queue(message, cursor):
    if cursor.upcoming("CMD_SYNC", "timeout"):
        message.facts["what"] = "CMD_SYNC timeout"
    elif cursor.upcoming("CMDQ", "timeout"):
        message.facts["what"] = "CMDQ timeout"
    elif cursor.upcoming("CMDQ", "error"):
        cursor.skip(2)
        message.facts["what"] = "CMDQ error"
        cursor.take("(cons")
        if cursor.take(re.compile(r"^0x[0-9a-f]+\):$")):
            reason = next((words for words in CMDQ_ERRORS if cursor.upcoming(*words)), ())
            cursor.skip(len(reason))
            message.facts["what"] = ": ".join(filter(None, ("CMDQ error", " ".join(reason))))
    elif cursor.upcoming("unexpected", "global", "error"):
        message.facts["what"] = "global error"
        if cursor.sequence("unexpected", "global", "error", "reported"):
            bits = cursor.take(re.compile(r"^\(0x([0-9a-f]+)\),?$"))
            if bits:
                message.facts["bits"] = int(bits.group(1), 16)
    elif cursor.upcoming("skipping", "command", "in", "error", "state:"):
        # The four words after this are a command, not an event.
        message.kind = "command_words"
        return True
    else:
        return False
    message.kind, message.is_whole = "command_queue", True
    return True


def damaged(message, cursor):
    """A heading of which not all could be read."""
    first = cursor.peek() or ""
    headings = ("event", "received:", "Unhandled", "Unexpected", "Blocked", "unexpected")
    # The first word may be lost.
    second = any(cursor.upcoming(*words) for words in (
        ("context", "fault:"), ("arm-smmu", "context"), ("global", "fault,"), ("unknown", "Stream"),
        ("PRI", "request"))) \
        or cursor.peek(1) == "received:"
    if first not in headings and not second and not EVENT_NAME.match(first):
        return False
    message.kind = "damaged"
    return True


READERS = (header, word, decoded, nature, page_request, context_fault, msm_header, register, global_fault,
           command_queue, damaged)
