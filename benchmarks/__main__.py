"""Ask the questions and print what was measured: python -m benchmarks [NAME...] [--quick] [--json]."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys

import benchmarks
from pipeline.plugins import discover


def main() -> int:
    """Ask each question that was named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures agentrisk on this machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which questions (default: all)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the load or less: to see that it works")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    questions = {name: part for name, part in discover(benchmarks).items() if hasattr(part, "QUESTION")}
    unknown = sorted(set(options.names) - set(questions))
    if unknown:
        parser.error(f"no question {unknown[0]}; expected one of {', '.join(questions)}")
    if not options.json:
        processor = platform.processor() or platform.machine()
        print(f"{os.cpu_count()} processors, {processor}, Python {platform.python_version()}")
    for name, part in questions.items():
        if options.names and name not in options.names:
            continue
        if not options.json:
            print(f"\n{name}: {part.QUESTION}")
        for row in part.measure(options.quick):
            if options.json:
                print(json.dumps({"question": name, **row._asdict()}), flush=True)
            else:
                note = f"  ({row.note})" if row.note else ""
                digits = 2 if abs(row.value) < 100 and not float(row.value).is_integer() else 0
                print(f"  {row.what:<40} {row.value:>11,.{digits}f} {row.unit}{note}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
