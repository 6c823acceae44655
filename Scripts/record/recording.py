"""The file of a recording: gzip over JSON, one line a record. Bodies stand once, under their digest.

{"format": 1, "seed": ...}                             the first line
{"blob": digest, "text": ...} or {"blob": digest, "base64": ...}
{"step": n, ...}                                       what was asked, and the answer (see steps.py)
"""

import base64
import gzip
import hashlib
import json
import os

FORMAT = 1


class Writer:
    def __init__(self, path, head):
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        self.path, self.partial = path, path + ".partial"
        # Without a time or a name inside: the same answers give the same file.
        self.raw = open(self.partial, "wb")
        self.file = gzip.GzipFile("", "wb", 6, self.raw, mtime=0)
        self.blobs = set()
        self._line({"format": FORMAT, **head})

    def blob(self, data):
        """Keeps bytes, and gives the name under which they are found again."""
        digest = hashlib.sha256(data).hexdigest()[:24]
        if digest not in self.blobs:
            self.blobs.add(digest)
            try:
                self._line({"blob": digest, "text": data.decode("utf-8")})
            except UnicodeDecodeError:
                self._line({"blob": digest, "base64": base64.b64encode(data).decode("ascii")})
        return digest

    def step(self, step):
        self._line(step)

    def _line(self, value):
        self.file.write(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")

    def finish(self):
        self.file.close()
        self.raw.close()
        os.replace(self.partial, self.path)

    def abandon(self):
        self.file.close()
        self.raw.close()
        os.unlink(self.partial)


class Reader:
    """Steps in their order; bodies by digest in `blobs`."""

    def __init__(self, path):
        self.blobs = {}
        self.steps = []
        try:
            with gzip.open(path, "rb") as file:
                self.head = json.loads(file.readline())
                for line in file:
                    record = json.loads(line)
                    if "blob" in record:
                        self.blobs[record["blob"]] = (
                            record["text"].encode("utf-8") if "text" in record
                            else base64.b64decode(record["base64"]))
                    else:
                        self.steps.append(record)
        except FileNotFoundError:
            raise SystemExit(f"there is no recording at {path}: run `make record` first") from None
        except (OSError, EOFError, ValueError, KeyError) as error:
            raise SystemExit(f"{path} is no whole recording: {error}") from None
        if self.head.get("format") != FORMAT:
            raise SystemExit(f"{path} has format {self.head.get('format')}; this reads {FORMAT}")
