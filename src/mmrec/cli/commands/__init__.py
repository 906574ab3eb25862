"""Commands of ``mmrec``, one a file; :mod:`mmrec.cli.app` registers them."""
