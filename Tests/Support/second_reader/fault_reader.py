#!/usr/bin/env python3
"""A second reader of SMMU fault logs, written from the specification and from raw reports by somebody who has not
seen the product's reader. Its only use is to be compared with it: where both agree on thousands of generated logs,
a mistake would have to be made twice.

    fault_reader.py FILE...        prints the items of each file as JSON
    fault_reader.py --stream       reads JSON strings (base64 of a log, one a line), prints a JSON object for each

A record that lacks lines or words says only what is certain: the event of its header, and the stream of the first
word where this word names the same event. Nothing is taken from the position of a word in such a record."""

import base64
import json
import sys

import facts
import messages
import plain_text

WORDS_OF_A_RECORD = 4


class Record:
    """Messages that belong together, from one SMMU."""

    def __init__(self, message, kind):
        self.kind = kind
        self.line = message.line
        self.last_line = message.line
        self.driver = message.driver
        self.name = message.name
        self.format = "xen" if message.xen else "linux"
        self.told = dict(message.facts)
        self.is_first_whole = message.is_whole
        self.words = []
        self.decoded = None
        self.nature = None
        self.extra = {}
        self.flags = set()
        self.is_closed = False

    def item(self):
        item = {"line": self.line, "last_line": self.last_line, "driver": self.driver, "smmu": self.name,
                "event": None, "cause": "other", "iova": None, "stream_id": None, "substream_id": None,
                "access": None, "stage": None, "client": None, "stalled": None, "registers": {},
                "incomplete": False, "format": self.format}
        ITEMS[self.kind](self, item)
        return item


# What each kind of record says.

def event_item(record, item):
    decoded = record.decoded.facts if record.decoded else None
    number = record.told.get("event")
    name, cause, fields = facts.event(number) if number is not None else facts.event_named(decoded["name"])
    item["event"], item["cause"] = name, cause
    first = record.words[0] if record.words else None
    has_all = len(record.words) == WORDS_OF_A_RECORD and None not in record.words
    # Of a record that lacks a word the first one may be another.
    agrees = first is not None and (first & 0xFF == number if has_all else facts.is_first_word(first, number))
    is_whole = agrees and has_all
    is_known = is_whole or agrees and lacks_only_the_last(number, record.words)
    if agrees:
        item["stream_id"], item["substream_id"] = facts.stream(first), facts.substream(first)
    if is_known:
        nature, address = record.words[1:3]
        item["registers"] = {f"word{place}": value for place, value in enumerate(record.words)}
        if "a" in fields:
            item["iova"] = address
        if "r" in fields:
            item["access"] = facts.access(nature)
        if "s" in fields:
            item["stage"] = facts.stage(nature)
        item["stalled"] = facts.is_stalled(nature) if "s" in fields else None
    if decoded and not is_whole:
        item["stream_id"] = decoded.get("sid", item["stream_id"])
        item["iova"] = decoded.get("iova", item["iova"])
        if decoded.get("ssid"):
            item["substream_id"] = decoded["ssid"]
    if decoded:
        item["client"] = decoded.get("client")
    if record.nature and not is_whole:
        for key in ("access", "stage", "stalled"):
            item[key] = record.nature.facts.get(key, item[key])
    item["incomplete"] = not is_whole and not (decoded and record.decoded.is_whole)


def lacks_only_the_last(number, words):
    """Whether three words are the first three: the third cannot be the page in word 3, and the second can be the
    one that describes the access."""
    return number in facts.IPA_EVENTS and len(words) == WORDS_OF_A_RECORD - 1 and None not in words \
        and facts.is_nature(words[1]) and words[2] & 0xFFF != 0


def page_request_item(record, item):
    item.update(event="PRI request", cause="page_request", iova=record.told.get("iova"),
                stream_id=record.told.get("sid"), substream_id=record.told.get("ssid") or None,
                incomplete=not record.is_first_whole)


def context_item(record, item):
    told = record.told
    item.update(event="context fault", iova=told.get("iova"), client=told.get("client"),
                incomplete=not record.is_first_whole)
    if told.get("l4t"):
        item["format"] = "l4t"
    elif not record.name:
        item["format"] = "abbreviated"
    if "fsr" in told:
        item["cause"] = facts.fsr_cause(told["fsr"])
    elif 0 in told.get("tables", ()):
        item["cause"] = "translation"
    if "fsynr" in told:
        item["access"] = facts.fsynr_access(told["fsynr"])
    if "cbfrsynra" in told:
        item["stream_id"] = facts.v2_stream(told["cbfrsynra"])
    elif "stream" in told:
        item["stream_id"] = told["stream"]
    item["registers"] = {key: told[key] for key in ("fsr", "fsynr", "cbfrsynra", "cb") if key in told}


def msm_item(record, item):
    extra = record.extra
    item.update(event="context fault", iova=extra.get("FAR"), client=record.told.get("client"), format="msm",
                stream_id=extra.get("SID"), registers=extra,
                incomplete=any(key not in extra for key in ("FAR", "FSR", "FSYNR0")))
    if "FSR" in extra:
        item["cause"] = facts.fsr_cause(extra["FSR"])
    if "FSYNR0" in extra:
        item["access"] = facts.fsynr_access(extra["FSYNR0"])
    elif record.flags & {"R", "W"}:
        item["access"] = "write" if "W" in record.flags else "read"


def global_item(record, item):
    item["event"] = "unknown stream" if record.kind == "blocked" else "global fault"
    item["cause"] = "configuration"
    item["stream_id"] = record.told.get("sid")
    if "GFSYNR0" in record.extra:
        item["access"] = facts.gfsynr_access(record.extra["GFSYNR0"])
    if "GFSYNR1" in record.extra and item["stream_id"] is None:
        item["stream_id"] = facts.v2_stream(record.extra["GFSYNR1"])
    item["registers"] = record.extra
    item["incomplete"] = "GFSYNR2" not in record.extra


def queue_item(record, item):
    item.update(event=record.told["what"], cause="command_queue")
    # Other bits are another error.
    if "bits" in record.told:
        item["registers"] = {"gerror": record.told["bits"]}


ITEMS = {"event": event_item, "pri": page_request_item, "context": context_item, "msm": msm_item,
         "global": global_item, "blocked": global_item, "command_queue": queue_item}


class Reader:
    """Puts messages together, for each SMMU by itself."""

    def __init__(self):
        self.records = []
        self.current = {}

    def read(self, message):
        if message.kind is None:
            return
        smmu = (message.driver, message.name)
        record = self.current.get(smmu)
        if record and JOINS.get(message.kind, never)(record, message):
            record.last_line = max(record.last_line, message.last_line)
            return
        kind = STARTS.get(message.kind)
        if kind is None:
            # What follows belongs to no fault that can be read: the words of a skipped command, and the lines
            # of a fault whose heading is damaged.
            if message.kind in ("command_words", "damaged"):
                self.current.pop(smmu, None)
            return
        record = Record(message, kind)
        if message.kind == "decoded":
            record.decoded = message
            record.told = {}
        elif message.kind == "gfsr":
            record.extra = message.facts
            record.told = {}
        self.current[smmu] = record
        self.records.append(record)


# Which messages go on with the record of their SMMU.

def never(record, message):
    return False


def word_joins(record, message):
    if record.kind != "event" or record.decoded or record.nature or record.is_closed:
        return False
    value = message.facts.get("word", message.facts.get("halves"))
    record.words.append(value)
    return True


def decoded_joins(record, message):
    if record.kind != "event" or record.decoded or record.nature:
        return False
    number = record.told.get("event")
    named = message.facts["name"]
    if named != facts.event(number)[0] and not (named == "UNKNOWN" and number not in KERNEL_NAMES):
        return False
    first = record.words[0] if record.words else None
    sid = message.facts.get("sid")
    if first is not None and sid is not None and facts.is_first_word(first, number) and facts.stream(first) != sid:
        return False
    # Of a record that lost one word the address may be left; without it these are words of another event.
    iova = message.facts.get("iova")
    if iova is not None and len(record.words) >= 3 and None not in record.words and iova not in record.words \
            and len(record.words) == WORDS_OF_A_RECORD:
        return False
    record.decoded = message
    return True


# Events for which the kernel prints a name.
KERNEL_NAMES = (0x02, 0x03, 0x04, 0x06, 0x08, 0x09, 0x0A, 0x10, 0x11, 0x12, 0x13, 0x25)


def nature_joins(record, message):
    if record.kind != "event" or record.nature:
        return False
    if record.decoded is None and len(record.words) < WORDS_OF_A_RECORD:
        return False
    # The kernel prints this line for four events only.
    name = record.decoded.facts["name"] if record.decoded else facts.event(record.told["event"])[0]
    if name not in messages.ADDRESS_EVENTS:
        return False
    record.nature = message
    return True


def request_joins(record, message):
    if record.kind != "pri" or record.told:
        return False
    # The heading says nothing: the request is where this fault is.
    record.told = dict(message.facts)
    record.line = message.line
    record.is_first_whole = message.is_whole
    return True


def register_joins(record, message):
    key, value = message.facts["key"], message.facts.get("value")
    if key in record.extra:
        # A second one is of another fault, whose heading was lost: so is what follows.
        record.is_closed = True
    if record.is_closed:
        return False
    if record.kind == "msm":
        if value is not None:
            record.extra[key] = value
        record.flags |= set(message.facts.get("flags", ()))
        return True
    told = {"FSR": "fsr", "FSYNR0": "fsynr"}.get(key)
    if record.kind != "context" or told is None:
        return False
    # FSR's line is this fault's when it repeats its FSR, or its stream where FSR is lost; and FSYNR0's after that,
    # or when it repeats FSYNR0.
    stream = message.facts.get("stream")
    repeats_stream = key == "FSR" and stream is not None and "cbfrsynra" in record.told
    if record.told.get(told, value) != value \
            or told not in record.told and "FSR" not in record.extra and not repeats_stream:
        return False
    # The kernel that prints this line prints the stream in the first one.
    if stream is not None and ("cbfrsynra" not in record.told
                               or record.told["cbfrsynra"] & 0xFFFF != stream & 0xFFFF):
        return False
    record.extra[key] = value
    if value is not None:
        record.told.setdefault(told, value)
    return True


def gfsr_joins(record, message):
    if record.kind not in ("global", "blocked") or record.extra:
        return False
    stream = message.facts.get("GFSYNR1")
    if stream is not None and "sid" in record.told and facts.v2_stream(stream) != record.told["sid"]:
        return False
    record.extra = message.facts
    return True


STARTS = {"header": "event", "decoded": "event", "pri": "pri", "pri_request": "pri", "context": "context",
          "msm": "msm", "global": "global", "gfsr": "global", "blocked": "blocked",
          "command_queue": "command_queue"}
JOINS = {"word": word_joins, "decoded": decoded_joins, "nature": nature_joins, "pri_request": request_joins,
         "register": register_joins, "gfsr": gfsr_joins}


def is_empty(record):
    """A page request's heading without the request, and half of an event's heading with nothing after it."""
    return record.kind == "pri" and not record.told or record.kind == "event" and not record.is_first_whole \
        and not record.words and not record.decoded


def folded(items):
    """Each fault once, where it came first, and how often it came."""
    found = {}
    for item in items:
        facts_alone = {key: value for key, value in item.items() if key not in ("line", "last_line")}
        first = found.setdefault(json.dumps(facts_alone, sort_keys=True), item)
        first["count"] = first.get("count", 0) + 1
        first["last_line"] = item["last_line"]
    return list(found.values())


def read(data):
    """Items and suppressed messages of the bytes of a log."""
    words = plain_text.words(data)
    reader = Reader()
    for message in messages.messages(words):
        reader.read(message)
    items = [record.item() for record in reader.records if not is_empty(record)]
    items = folded(sorted(items, key=lambda item: item["line"]))
    return {"items": items, "suppressed": messages.suppressed(words)}


def main(arguments):
    if arguments == ["--stream"]:
        for line in sys.stdin:
            print(json.dumps(read(base64.b64decode(json.loads(line)))), flush=True)
        return
    for path in arguments:
        with open(path, "rb") as file:
            print(json.dumps(read(file.read()), indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
