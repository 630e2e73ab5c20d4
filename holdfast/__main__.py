"""`python -m holdfast <word>`: the command line."""

from holdfast.cli import main

main()
