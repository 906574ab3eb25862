"""The check of wheel and sdist finds what is wrong with them."""

import tarfile
from zipfile import ZipFile

import pytest


@pytest.fixture(scope="module")
def wheel(script):
    return script("wheel")


def sdist_of(folder, names):
    path = folder / "mmrec-1.tar.gz"
    (folder / "file").write_text("")
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            archive.add(folder / "file", f"mmrec-1/{name}")
    return path


def test_an_sdist_holds_what_git_knows(wheel, tmp_path, capsys):
    tracked = {"src/mmrec/a.py", "LICENSE"}
    wheel.check_sdist(sdist_of(tmp_path, [*tracked, "PKG-INFO", ".gitignore"]), tracked)
    assert capsys.readouterr().out.startswith("mmrec-1.tar.gz: 4 files")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["src/mmrec/a.py", "PKG-INFO", "src/mmrec/notes.txt"], r"stray files \['src/mmrec/notes"),
        (["PKG-INFO"], r"missing \['src/mmrec/a.py'\]"),
        (["src/mmrec/a.py"], r"missing \['PKG-INFO'\]"),
    ],
)
def test_an_sdist_with_other_files_is_refused(wheel, tmp_path, names, said):
    with pytest.raises(SystemExit, match=said):
        wheel.check_sdist(sdist_of(tmp_path, names), {"src/mmrec/a.py"})


def test_wheels_that_differ_are_refused(wheel, tmp_path):
    paths = []
    for number, files in enumerate([{"a.py": "1"}, {"a.py": "2", "b.py": ""}]):
        paths.append(tmp_path / f"{number}.whl")
        with ZipFile(paths[-1], "w") as book:
            for name, text in files.items():
                book.writestr(name, text)
    wheel.check_equal(paths[0], paths[0])
    with pytest.raises(SystemExit, match=r"differ: \['a.py', 'b.py'\]"):
        wheel.check_equal(*paths)


def test_a_typed_program_is_checked_by_mypy_and_pyright(wheel, tmp_path, monkeypatch):
    asked, folder = [], tmp_path / "folder"
    folder.mkdir()
    (tmp_path / ".mypy_cache").mkdir()
    (tmp_path / ".mypy_cache" / "kept").write_text("")
    monkeypatch.setattr(wheel, "ROOT", tmp_path)
    monkeypatch.setattr(wheel, "run", lambda *command, **_: asked.append(command[2]) or "fine")
    wheel.check_types(tmp_path / "python", folder)
    assert asked == ["mypy", "pyright"]
    assert (folder / "cache" / "kept").is_file()  # what `make check` has found is not lost
    monkeypatch.undo()
    with pytest.raises(SystemExit, match="No module named no_such_checker"):
        wheel.run(wheel.sys.executable, "-m", "no_such_checker")
