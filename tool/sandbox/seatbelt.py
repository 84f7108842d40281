"""Paths turned into a Seatbelt profile, the language of macOS's sandbox-exec.

Written from Apple's own profiles and not yet run on a Mac.
"""

from __future__ import annotations

from collections.abc import Mapping

from tool.sandbox.mounts import Access

SANDBOX_EXEC = "/usr/bin/sandbox-exec"
_READABLE = ("/usr", "/bin", "/sbin", "/System", "/opt/homebrew", "/private/etc/ssl", "/private/var/db/dyld", "/dev")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/tty")
_RULES = (
    "(version 1)",
    "(deny default)",
    "(allow process-fork process-exec)",
    "(allow signal process-info* (target same-sandbox))",
    "(allow sysctl-read)",
    "(allow file-read-metadata)",
    '(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))',
)
_NETWORK = (
    '(allow network-outbound (remote ip "*:*"))',
    '(allow network-bind network-inbound (local ip "*:*"))',
    "(allow system-socket)",
    '(allow network-outbound (literal "/private/var/run/mDNSResponder"))',
)


def seatbelt_command(paths: Mapping[str, Access], *, network: bool) -> list[str]:
    """Return the command line up to and without the program. The last rule that fits a path decides, so parents first.

    Source: /System/Library/Sandbox/Profiles on macOS; sandbox-exec(1).
    """
    rules = [*_RULES, *(_rule("allow file-read*", "subpath", path) for path in _READABLE)]
    rules += [_rule("allow file-read* file-write-data", "literal", path) for path in _DEVICES]
    rules += [_rule("allow file-read* file-write*", "subpath", path) for path in ("/private/tmp",)]
    for path, access in sorted(paths.items()):
        rules += _rules_of(path, access)
    rules += _NETWORK if network else ()
    return [SANDBOX_EXEC, "-p", "\n".join(rules)]


def _rules_of(path: str, access: Access) -> list[str]:
    if access == Access.HIDDEN:
        return [_rule("deny file-read* file-write*", "subpath", path)]
    if access == Access.READ:
        return [_rule("allow file-read*", "subpath", path), _rule("deny file-write*", "subpath", path)]
    rules = [_rule("allow file-read* file-write*", "subpath", path)]
    return [*rules, _rule("deny file-write-unlink", "literal", path)] if access == Access.GUARDED else rules


def _rule(what: str, how: str, path: str) -> str:
    quoted = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'({what} ({how} "{quoted}"))'
