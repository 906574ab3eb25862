import shutil

from mmrec.encoders.room import free_disk, free_memory


def write(root, meminfo=None, limit=None):
    for name, text in (("proc/meminfo", meminfo), ("sys/fs/cgroup/memory.max", limit)):
        if text is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)


def test_free_memory(tmp_path):
    assert free_memory(tmp_path) == 2**32
    write(tmp_path, "MemTotal: 90 kB\nMemAvailable:    50 kB\n")
    assert free_memory(tmp_path) == 50 * 1024
    write(tmp_path, limit="max\n")
    assert free_memory(tmp_path) == 50 * 1024
    write(tmp_path, limit="7000\n")
    assert free_memory(tmp_path) == 7000


def test_free_disk(tmp_path, monkeypatch):
    free = shutil.disk_usage(tmp_path).free
    assert abs(free_disk(tmp_path / "a" / "b") - free) < 2**30
    monkeypatch.chdir(tmp_path)
    assert abs(free_disk(tmp_path.relative_to(tmp_path) / "a") - free) < 2**30
