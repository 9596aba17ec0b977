"""`docs/performance.md`: figures from the files of runs, in the words of `performance.md` here."""
