"""A git command turned into what it needs: nothing to look, an opening to change .git or to reach another machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from flow.policies.known_commands import words
from flow.policies.needs import Need, doubt, git_change, network, never
from flow.policies.places import Places
from flow.policies.shell_words import UNKNOWN, Word

_READS = words("""
    status log diff show blame annotate ls-files ls-tree rev-parse describe shortlog grep cat-file rev-list name-rev
    for-each-ref show-ref show-branch var version help check-ignore check-attr check-mailmap merge-base count-objects
    diff-tree diff-index diff-files whatchanged cherry range-diff fsck verify-commit verify-tag verify-pack
    fast-export stripspace column fmt-merge-msg patch-id merge-tree get-tar-commit-id --version --help --exec-path
    --html-path --man-path clean mailinfo mailsplit format-patch check-ref-format archive
""")
_CHANGES = words("""
    add commit checkout switch restore merge rebase cherry-pick revert reset rm mv am init gc prune repack pack-refs
    update-index update-ref commit-tree write-tree mktree mktag hash-object read-tree filter-branch filter-repo replace
    maintenance sparse-checkout stage fast-import unpack-objects index-pack multi-pack-index commit-graph rerere
    checkout-index merge-file merge-index merge-one-file quiltimport prune-packed refs mergetool citool stash branch
    tag notes worktree bisect remote config reflog symbolic-ref apply submodule bundle subtree lfs flow update-server-info
""")
_REMOTE = words("clone push ls-remote send-email send-pack svn p4 cvsimport http-fetch http-push imap-send")
_BOTH = words("fetch pull fetch-pack")
# Subcommands that only look when their first argument is one of these; "" stands for none.
_LOOKS = {
    "stash": ("list", "show"),
    "notes": ("", "list", "show"),
    "worktree": ("list",),
    "bisect": ("log", "view", "visualize"),
    "remote": ("", "-v", "--verbose", "get-url"),
    "reflog": ("", "show", "list", "exists"),
    "submodule": ("", "status", "summary"),
    "bundle": ("create", "verify", "list-heads"),
    "sparse-checkout": ("list",),
    "rerere": ("status", "diff"),
    "lfs": ("ls-files", "status", "env", "version"),
    "commit-graph": ("verify",),
    "refs": ("verify", "list"),
}
# Options with which `branch` and `tag` list; the names after them are patterns.
_LISTS = re.compile(r"-(?:l|a|r|v|vv|n\d*|ra|av|avv|rv)|--(?:list|all|remotes|verbose|merged|no-merged|contains|no-contains"
                    r"|show-current|points-at|sort|format|column|no-color|color)(?:=.*)?")  # fmt: skip
_CONFIG_LOOKS = re.compile(r"-l|--list|--get.*|get|list|--show-.*|--name-only")
# Settings with which git runs a program, or reads settings or hooks from elsewhere, on the person's side of the wall too.
_RUNS_PROGRAMS = re.compile(
    r"core\.(?:pager|editor|hookspath|fsmonitor|sshcommand|askpass|gitproxy|worktree|attributesfile|alternaterefscommand)"
    r"|alias\..*|filter\..*|diff\..*\.(?:command|textconv)|diff\.external|merge\..*\.driver|(?:difftool|mergetool)\..*"
    r"|credential\..*|gpg\..*|sequence\.editor|include.*|uploadpack\..*|remote\..*\.(?:uploadpack|receivepack|vcs|proxy)"
    r"|submodule\..*\.update|url\..*|browser\..*|man\..*|pager\..*|trailer\..*|interactive\.difffilter|protocol\..*"
    r"|safe\..*|http\..*|init\.templatedir|tar\..*|guitool\..*|sendemail\..*|instaweb\..*|web\..*|extensions\..*"
    r"|log\.showsignature|ssh\..*|receive\..*|transfer\..*|lfs\..*|.*\.(?:cmd|command|program|helper)",
    re.I,
)
_PLAIN_SETTINGS = re.compile(
    r"(?:color|user|author|committer|advice|log|column|i18n|status|init|core)\.\w+(?:\.\w+)?=.*", re.I
)
_OTHER_MACHINE = re.compile(r"\w[\w+.-]*://|[\w.-]+@[\w.-]+:|[\w.-]+:(?!//)")
_OPTIONS_WITH_VALUE = ("-C", "-c", "--git-dir", "--work-tree", "--namespace", "--super-prefix", "--config-env")
_ELSEWHERE = ("--git-dir", "--work-tree", "--exec-path")

RunsText = Callable[[str], Iterator[Need]]


def git_needs(arguments: Sequence[Word], places: Places, folder: str | None, runs: RunsText) -> Iterator[Need]:
    """Yield what `git` with these arguments (without "git" itself) needs; `runs` judges a command given in an option."""
    index = 0
    while index < len(arguments) and arguments[index].text.startswith("-") and arguments[index].text not in _READS:
        option, _, value = arguments[index].text.partition("=")
        if option in _OPTIONS_WITH_VALUE and not value:
            index += 1
            value = arguments[index].text if index < len(arguments) else ""
        yield from _global_option(option, value, places, folder)
        if option == "-C":
            folder = None if folder is None or UNKNOWN in value else f"{folder}/{value}"
        index += 1
    if index >= len(arguments):
        return
    name, rest = arguments[index], arguments[index + 1 :]
    if not name.is_known:
        yield doubt(f"which git command {name.source!r} is cannot be seen beforehand")
        return
    yield from _options(rest, runs)
    if not (folder or "").startswith("/tmp/"):
        yield from _subcommand(name.text, [word.text for word in rest], runs)


def _global_option(option: str, value: str, places: Places, folder: str | None) -> Iterator[Need]:
    if option == "-C" and (need := places.need(value, folder, writes=False)):
        yield need
    elif option in ("-c", "--config-env") and (_RUNS_PROGRAMS.match(value) or not _PLAIN_SETTINGS.fullmatch(value)):
        yield doubt(f"the git setting {value.replace(UNKNOWN, '…')!r} can make git run a program")
    elif option in _ELSEWHERE:
        yield doubt(f"{option!r} points git to another place")


def _options(rest: Sequence[Word], runs: RunsText) -> Iterator[Need]:
    """Yield what options need with which any subcommand starts programs or speaks to helpers."""
    for index, word in enumerate(rest):
        option, _, value = word.text.partition("=")
        following = rest[index + 1].text if index + 1 < len(rest) else ""
        if word.text.startswith("ext::"):
            yield never(f"{word.text!r} makes git run a program as if it were another machine")
        elif option.startswith(("--upload-pa", "--receive-pa", "--open-f", "--exec")) or option == "-x":
            yield from runs(value or following)
        elif option in ("--ext-diff", "--remote", "--template", "--separate-git-dir"):
            yield (
                network("git --remote") if option == "--remote" else doubt(f"{word.text!r} can make git run a program")
            )


def _subcommand(name: str, rest: list[str], runs: RunsText) -> Iterator[Need]:
    called = f"git {name}"
    if name in ("credential", "credential-store", "credential-cache", "daemon", "shell", "http-backend"):
        yield never(f"{called!r} hands out passwords or serves the repository")
    elif name == "submodule" and rest[:1] in (["foreach"], ["add"], ["update"], ["sync"]):
        yield from _submodule(rest, runs)
    elif name == "bisect" and rest[:1] == ["run"]:
        yield git_change(called)
        yield from runs(" ".join(rest[1:]))
    elif name in _REMOTE:
        yield from _remote(name, rest)
    elif name in _BOTH or (name == "lfs" and rest[:1] in (["pull"], ["fetch"], ["push"])):
        yield from _fetch(name, rest)
    elif name == "remote" and rest[:1] in (["update"], ["prune"], ["show"]):
        yield network(f"{called} {rest[0]}")
    elif name == "config":
        yield from _config(rest)
    elif name in _CHANGES:
        if not _only_looks(name, rest):
            yield git_change(called)
    elif name not in _READS:
        yield doubt(f"{called!r} is no git command that is known here; an alias can run anything")


def _only_looks(name: str, rest: list[str]) -> bool:
    plain = [word for word in rest if not word.startswith("-")]
    if name in ("branch", "tag"):
        options = [word for word in rest if word.startswith("-")]
        return all(map(_LISTS.fullmatch, options)) and (not plain or (bool(options) and options != ["-v"]))
    if name == "symbolic-ref":
        return len(plain) == 1 and not {"-d", "--delete"} & set(rest)
    if name == "apply":
        return not {"--index", "--cached", "--3way", "-3", "-N", "--intent-to-add"} & set(rest)
    if name == "hash-object":
        return "-w" not in rest
    if name in ("add", "commit", "rm", "mv", "prune"):
        return bool({"--dry-run", "-n"} & set(rest)) and name != "commit"
    if name == "init":
        return bool(plain) and plain[-1].strip("./") != "" and not plain[-1].startswith(("/", ".."))
    first = rest[0] if rest else ""
    return first in _LOOKS.get(name, ()) or (name == "remote" and rest == [])


def _remote(name: str, rest: list[str]) -> Iterator[Need]:
    """Yield the need of a command that speaks to the place it names, which may be a folder here."""
    places = [word for word in rest if not word.startswith("-")]
    is_local = bool(places) and not _OTHER_MACHINE.match(places[0]) and places[0].startswith((".", "/"))
    if not is_local:
        yield network(f"git {name}")
    elif name == "push":
        yield git_change("git push")


def _fetch(name: str, rest: list[str]) -> Iterator[Need]:
    sources = [word for word in rest if not word.startswith("-")]
    if sources and sources[0].startswith((".", "/")):
        yield git_change(f"git {name}")
        return
    yield never(
        f"'git {name}' needs the network and changes .git, and an approval opens one of them; do it in two commands:"
        " `git clone --bare URL .fetched` with the network, then `git fetch ./.fetched` (or `git pull ./.fetched BRANCH`)"
        " to take it over, or ask the person to do it"
    )


def _submodule(rest: list[str], runs: RunsText) -> Iterator[Need]:
    if rest[0] == "foreach":
        yield from runs(" ".join(word for word in rest[1:] if word not in ("--recursive", "-q", "--quiet")))
    elif rest[0] == "sync":
        yield git_change("git submodule sync")
    else:
        yield never(
            f"'git submodule {rest[0]}' needs the network and changes .git, and an approval opens one of them; ask the"
            " person to do it"
        )


def _config(rest: list[str]) -> Iterator[Need]:
    plain = [word for word in rest if not word.startswith("-") and word not in ("set", "unset", "get", "list", "edit")]
    if any(map(_CONFIG_LOOKS.fullmatch, rest)) or (len(plain) == 1 and not any("unset" in word for word in rest)):
        return
    if {"--global", "--system"} & set(rest):
        yield never("'git config --global' changes the person's own settings, which lie outside the workspace")
    elif any(_RUNS_PROGRAMS.match(word) for word in plain) or {"-e", "--edit", "-f", "--file"} & set(rest):
        yield never("this git setting can make git run a program outside the sandbox, so only the person may change it")
    else:
        yield git_change("git config")
