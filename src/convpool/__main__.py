"""`python -m convpool` is the command `convpool`."""

from convpool.cli import main

if __name__ == "__main__":
    main()
