"""`python -m catalens`: the same as the `catalens` command."""

from catalens.cli.main import main

main()
