"""The agent's command line: `python cli.py --help`."""

import sys

from servr.terminal.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
