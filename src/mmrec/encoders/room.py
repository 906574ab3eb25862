"""How much disk and memory is free."""

from pathlib import Path
from shutil import disk_usage

_UNKNOWN = 2**32  # bytes that count as free where the system doesn't tell


def free_disk(folder: Path) -> int:
    """Return the bytes that are free on the disk where a folder is or will be.

    Example:
        >>> free_disk(Path("no-such-folder")) > 0
        True
    """
    folder = folder.absolute()
    return disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free


def free_memory(root: Path = Path("/")) -> int:
    """Return the bytes of memory that programs can take, at most the limit of a container.

    Where the system doesn't tell, as outside of Linux, it is 4 GB.

    Args:
        root: where ``proc`` and ``sys`` are.

    Example:
        >>> free_memory() > 0
        True
    """
    about, group = root / "proc/meminfo", root / "sys/fs/cgroup"
    limit, taken = group / "memory.max", group / "memory.current"
    lines = about.read_text().splitlines() if about.is_file() else []
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    if limit.is_file() and (most := limit.read_text().strip()).isdigit():
        used = int(taken.read_text()) if taken.is_file() else 0
        found.append(max(int(most) - used, 0))
    return min(found, default=_UNKNOWN)
