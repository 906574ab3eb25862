"""RUNs on the Hugging Face Hub: checked before they are read, and shared on request alone."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mmrec import __version__
from mmrec.recommender.artifact.run import FILES, OPTIONAL, RunError, is_main_process
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.shared import RUN_FILES, check_files, save_shared

if TYPE_CHECKING:
    from huggingface_hub import HfApi

log = logging.getLogger(__name__)

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
WANTED = "expected a folder or the id of a repository"


def find_run(name: str | Path, *, revision: str | None, token: str | bool | None) -> Path:
    """Return the folder of a RUN: one that is there, or one that is downloaded from the hub.

    Of a repository, the files of a RUN are downloaded to the cache of ``huggingface_hub``; nothing
    that is downloaded is executed.

    Args:
        name: a folder, or the id of a repository such as ``owner/name``.
        revision: a branch, a tag or a commit; by default the main branch.
        token: a token of the hub; by default the one that is stored.

    Raises:
        FileNotFoundError: there is no such folder, and ``name`` is no id.
        ValueError: the repository holds code or pickles, or no RUN.
        OSError: the hub or the repository can't be read.
    """
    folder = Path(name)
    if str(name) and folder.is_dir():  # the path of an empty name is the present folder
        if revision is not None:
            raise ValueError(f"revision is for the hub; got {revision!r} with the folder {name}")
        check_files(
            [p.name for p in folder.iterdir() if p.is_file() and p.name[0] != "."], str(name)
        )
        return folder
    repo_id = str(name)
    if not REPOSITORY.fullmatch(repo_id):
        raise FileNotFoundError(f"{WANTED}, owner/name; got {repo_id!r}, which is neither")
    return _downloaded(repo_id, revision, token)


def _downloaded(repo_id: str, revision: str | None, token: str | bool | None) -> Path:
    from huggingface_hub import constants
    from huggingface_hub.errors import LocalEntryNotFoundError

    api, checked = _api(token), None
    got = f"{WANTED}; got {repo_id!r}, which is no folder"
    with _one_sentence(f"{got} and can't be read from the hub"):
        if not constants.HF_HUB_OFFLINE:  # what is in the cache was checked before
            info = api.model_info(repo_id, revision=revision)
            names = [file.rfilename for file in info.siblings or []]
            check_files(names, repo_id)
            missing = [name for name in FILES if name not in names]
            if missing:
                raise RunError(f"{repo_id} must hold {list(FILES)} to be a RUN; it lacks {missing}")
            checked = info.sha
        files = list(RUN_FILES)
        # By its name rather than by the commit, so that the cache knows the name later.
        try:
            folder = Path(api.snapshot_download(repo_id, revision=revision, allow_patterns=files))
        except LocalEntryNotFoundError:
            if not constants.HF_HUB_OFFLINE:
                raise
            raise OSError("HF_HUB_OFFLINE is set, and it was not downloaded before") from None
    if checked not in (None, folder.name):
        raise OSError(f"{repo_id} can't be read from the hub: it has just changed; try again")
    return folder


def push(
    state: RecommenderState,
    repo_id: str,
    *,
    private: bool,
    token: str | bool | None,
    message: str,
    **how: Any,
) -> str:
    """Upload a RUN for others and return the address of the commit.

    See :meth:`mmrec.Recommender.push_to_hub`; ``how`` are arguments of
    :func:`mmrec.recommender.shared.save_shared`.
    """
    # Without an owner, the hub would make a repository of another name than is then written to.
    if not REPOSITORY.fullmatch(repo_id):
        raise ValueError(f"repo_id must be the id of a repository, owner/name; got {repo_id!r}")
    if not is_main_process():
        return ""
    api = _api(token)
    with TemporaryDirectory() as parent:
        folder = Path(parent, "run")
        save_shared(state, folder, title=repo_id, **how)
        names = sorted(path.name for path in folder.iterdir())
        with _one_sentence(f"the RUN can't be pushed to {repo_id}"):
            private = _prepare(api, repo_id, private)
            kind = "private" if private else "public"
            log.info("uploading to the %s repository %s: %s", kind, repo_id, ", ".join(names))
            commit = api.upload_folder(
                repo_id=repo_id,
                folder_path=folder,
                commit_message=message,
                # Files of an earlier upload that this RUN doesn't have.
                delete_patterns=[name for name in OPTIONAL if name not in names],
            )
    return str(commit.commit_url)


def _prepare(api: "HfApi", repo_id: str, private: bool) -> bool:
    """Make the repository unless it exists; return whether it is private.

    Raises:
        ValueError: it exists and is public, and ``private`` was wanted.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        found = api.model_info(repo_id)
    except RepositoryNotFoundError:
        api.create_repo(repo_id, private=private)
        return private
    if private and not found.private:
        raise ValueError(
            f"{repo_id} is a public repository, and private=True was wanted; give private=False "
            f"to publish, or another repository"
        )
    return bool(found.private)


def _api(token: str | bool | None) -> "HfApi":
    from huggingface_hub import HfApi

    return HfApi(token=token, library_name="mmrec", library_version=__version__)


@contextmanager
def _one_sentence(what: str) -> Iterator[None]:
    """Turn an error of the hub, or of the way to it, into an ``OSError`` of one sentence."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except ValueError:  # ours
        raise
    except Exception as error:
        # What the transport raises is no OSError in all versions of the client.
        if not isinstance(error, OSError | HfHubHTTPError) and not _is_transport(error):
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise OSError(f"{what}: {' '.join(lines[:2]) or type(error).__name__}") from error


def _is_transport(error: Exception) -> bool:
    return type(error).__module__.startswith("httpx")
