"""`python -m holdfast.bench.serve --port N`: the web process as `holdfast serve` has it, with a provider that answers at once."""

import argparse
import os
import sys

from config.serving import web_arguments


def main() -> None:
    parser = argparse.ArgumentParser(prog="holdfast.bench.serve", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    words = web_arguments(application="holdfast.bench.instant_web:application", port=parser.parse_args().port)
    os.execv(sys.executable, [sys.executable, *words])


if __name__ == "__main__":
    main()
