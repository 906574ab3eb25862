"""Sub-commands of ``mmrec``, one a file."""
