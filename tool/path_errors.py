"""Operating system errors on a path turned into one sentence each for the model."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from core.errors import ToolError

_SENTENCES = {
    errno.ENOENT: "there is no {path!r}, or it was removed meanwhile; list its folder",
    errno.EACCES: "no permission for {path!r}; the person can change that with chmod",
    errno.EPERM: "the system does not allow this for {path!r}",
    errno.EISDIR: "{path!r} is a folder, not a file",
    errno.ENOTDIR: "a part of {path!r} is a file or was swapped meanwhile, not a folder; list the folder above it",
    errno.ELOOP: "{path!r} was replaced by a symbolic link while it was opened; look again",
    errno.ENAMETOOLONG: "the path {short!r}... is too long for this file system; use a shorter name",
    errno.ENOSPC: "the disk is full: {path!r} was not written; free some space first",
    errno.EDQUOT: "the disk quota is used up: {path!r} was not written; free some space first",
    errno.EFBIG: "{path!r} would be larger than files may be here; it was not written",
    errno.EROFS: "{path!r} lies on a read-only file system; write somewhere else",
    errno.EMFILE: "too many files are open, so {path!r} could not be; try again",
    errno.EIO: "the disk failed to read or write {path!r}",
}


class NoSuchPath(ToolError):
    """Nothing is there under that name."""


@contextlib.contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn an OSError inside the block into a ToolError about `path`."""
    try:
        yield
    except OSError as error:
        sentence = _SENTENCES.get(error.errno or 0, "{path!r}: {reason}")
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ToolError(sentence.format(path=path, short=path[:40], reason=reason)) from error
    except UnicodeEncodeError as error:
        raise ToolError(f"the path {path!r} contains characters that no file name can hold") from error
