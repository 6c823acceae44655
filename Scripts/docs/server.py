"""A server of the examples: the real one on a free port, without this host."""

import json
import re
import subprocess
import urllib.request


class Server:
    #: How the examples name it.
    WRITTEN = "127.0.0.1:8080"

    def __init__(self, root, binary):
        self.process = subprocess.Popen(
            [binary, "serve", "--listen", "127.0.0.1:0", "--no-host", "--log", "none", "--grace-seconds", "1",
             "--public", root / "Public"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = []
        for line in self.process.stderr:
            said.append(line)
            place = re.search(r" serves http://(\S+)", line)
            if place:
                self.place = place[1]
                return
        raise SystemExit("iovad serve did not start: " + "".join(said))

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.place}{path}") as answer:
            return json.load(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stderr.close()
