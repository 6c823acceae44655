"""What must hold and what was found instead: for programs that judge a running server and print the outcome."""


class Checks:
    """Sentences that held, and those that did not."""

    def __init__(self):
        self.passed, self.failures = [], []

    def true(self, text, holds, detail=""):
        (self.passed if holds else self.failures).append(f"{text}: {detail}" if detail != "" else text)

    def equal(self, text, got, wanted):
        self.true(text, got == wanted, "" if got == wanted else f"got {got!r}, not {wanted!r}")
