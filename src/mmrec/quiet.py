"""Hiding what Lightning says beside its errors."""

import logging
import warnings
from typing import Any


class quiet(warnings.catch_warnings):  # lower case, since it is used as a function
    """Hide Lightning's advertisements and advice.

    Example:
        >>> with quiet():
        ...     warnings.warn("The 'train_dataloader' does not have many workers", stacklevel=1)
    """

    def __enter__(self) -> None:
        super().__enter__()
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*not be pinned.*")
        warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")
        warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
        self.logger = logging.getLogger("lightning.pytorch")
        self.level = self.logger.level
        self.logger.setLevel(logging.ERROR)

    def __exit__(self, *error: Any) -> None:
        self.logger.setLevel(self.level)
        super().__exit__(*error)
