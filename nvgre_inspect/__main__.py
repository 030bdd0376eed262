"""`python -m nvgre_inspect` is the `nvgre-inspect` command."""

import sys

from nvgre_inspect.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
