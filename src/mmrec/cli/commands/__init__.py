"""The bodies of sub-commands, one a file; :mod:`mmrec.cli.app` registers them."""
