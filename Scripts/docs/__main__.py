"""Makes what people read from what is written: runs the examples of README.md and docs/, writes the reference pages
from the program itself, and turns Markdown into the pages that the server serves below /docs.

    python3 Scripts/docs examples --binary B [--check]     run every ```console block; write the outputs, or compare
    python3 Scripts/docs pages [--check]                   write Public/docs and Public/openapi.json, or compare

`make docs` does both. With --check nothing is written: what differs is printed, and the status is 1.
"""

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(prog="Scripts/docs")
    parser.add_argument("what", choices=["examples", "pages"])
    parser.add_argument("--binary", help="of the examples: the iovad that is run")
    parser.add_argument("--check", action="store_true", help="write nothing, print what differs")
    options = parser.parse_args()
    if options.what == "examples":
        import examples

        if not options.binary:
            parser.error("examples need --binary")
        faults = examples.renew(ROOT, pathlib.Path(options.binary).resolve(), options.check)
    else:
        import pages

        faults = pages.renew(ROOT, options.check)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


sys.exit(main())
