"""What a sandboxed process may ask of the kernel, as a table, turned into the filter program the kernel runs.

A filter sees numbers, never what a pointer points to: it closes whole calls, socket families and flags, not paths.
Source: Linux Documentation/userspace-api/seccomp_filter.rst; struct sock_filter in linux/filter.h.
"""

from __future__ import annotations

import errno
import platform
import struct

from tool.sandbox.inside.kernel import prctl

# Call: number on x86_64, number on aarch64; None where it does not exist.
_DENIED = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    # mounts and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "setns": (308, 268),
    "unshare": (272, 97),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    # the kernel's own machinery, a frequent source of holes
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),  # would open sockets and files past this filter
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "fanotify_init": (300, 262),
    "modify_ldt": (154, None),
    # keys that belong to the user, not to the sandbox
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # the machine
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "iopl": (172, None),
    "ioperm": (173, None),
    "vhangup": (153, 58),
    # files by number instead of by path
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
}
_CLONE, _CLONE3, _SOCKET, _SOCKETPAIR, _IOCTL, _KILL = (56, 220), (435, 435), (41, 198), (53, 199), (16, 29), (62, 129)
# Calls that set a file's mode, and which argument it is: a program that runs as its owner is a way out for whoever
# starts it outside, most of all where the owner is root.
_SET_MODE = {
    "chmod": ((90, None), 1),
    "fchmod": ((91, 52), 1),
    "fchmodat": ((268, 53), 2),
    "fchmodat2": ((452, 452), 2),
    "creat": ((85, None), 1),
    "mknod": ((133, None), 1),
    "mknodat": ((259, 33), 2),
}
_OPEN = {"open": ((2, None), 1), "openat": ((257, 56), 2)}  # and which argument the flags are; the mode is the next
_OPENAT2 = (437, 437)  # has both behind a pointer
_CREATES = 0x40 | 0x400000  # O_CREAT, O_TMPFILE: only then is there a mode
_SET_ID = 0o6000
# Calls newer than this table are answered as an older kernel would: there is no such call. The x32 calls lie there too.
_FIRST_UNKNOWN = 463
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, audit architecture

_NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_SOCK_STREAM, _SOCK_SEQPACKET, _SOCK_KIND = 1, 5, 0xF
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI types for the user, TIOCLINUX pastes

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data; each argument has 8 bytes
_SET_SECCOMP, _FILTER = 22, 2

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def filter_program(*, network: bool, signals_to_all: bool = True) -> bytes:
    """Return the filter for this machine.

    `network` allows internet and netlink sockets: for a network namespace of its own, or an approved opening.
    `signals_to_all` allows kill(-1), which a pid namespace or Landlock keeps from reaching anyone outside.
    Raises: OSError on a machine whose call numbers are not in the table.
    """
    if not is_known_machine():
        raise OSError(errno.ENOSYS, f"no table of system calls for {platform.machine()!r}")
    column, architecture = _MACHINES[platform.machine()]
    program = [_load(_ARCHITECTURE), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL_PROCESS), _load(_NUMBER)]
    program += [(_AT_LEAST, 0, 1, _FIRST_UNKNOWN), _refuse(errno.ENOSYS)]
    for numbers in _DENIED.values():
        if (number := numbers[column]) is not None:
            program += _when(number, [_refuse(errno.EPERM)])
    # clone3 has its flags behind a pointer; glibc then falls back to clone, whose flags can be seen.
    program += _when(_CLONE3[column], [_refuse(errno.ENOSYS)])
    program += _when(_CLONE[column], [_load(_argument(0)), (_ANY_BIT, 0, 1, _NEW_NAMESPACES), _refuse(errno.EPERM)])
    program += _when(_OPENAT2[column], [_refuse(errno.ENOSYS)])
    for numbers, mode in _SET_MODE.values():
        if (number := numbers[column]) is not None:
            program += _when(number, _no_set_id(mode))
    for numbers, flags in _OPEN.values():
        if (number := numbers[column]) is not None:
            created = _no_set_id(flags + 1)
            program += _when(number, [_load(_argument(flags)), (_ANY_BIT, 0, len(created), _CREATES), *created])
    program += _when(_IOCTL[column], _refuse_any(1, _TERMINAL_INPUT))
    program += _when(_SOCKET[column], _only(0, (_AF_INET, _AF_INET6, _AF_NETLINK) if network else ()))
    program += _when(_SOCKETPAIR[column], _connected_pair())
    if not signals_to_all:
        program += _when(_KILL[column], _refuse_any(0, (0xFFFFFFFF,)))
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def is_known_machine() -> bool:
    """Whether the table has this machine's call numbers."""
    return platform.machine() in _MACHINES


def install_filter(program: bytes) -> None:
    """Put this process and all it starts behind a filter, for good. Needs no_new_privs. Raises: OSError."""
    import ctypes  # where a filter is only written down, as at the agent's start, it is not needed

    code = ctypes.create_string_buffer(program, len(program))
    prctl(_SET_SECCOMP, _FILTER, struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code)))


def _when(number: int, then: list[Instruction]) -> list[Instruction]:
    """Do `then` for one call. It may spoil the loaded number, so what it does not refuse is allowed at its end."""
    body = then if then[-1][0] == _RETURN and len(then) == 1 else [*then, (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(body), number), *body]


def _only(argument: int, values: tuple[int, ...]) -> list[Instruction]:
    """Refuse a call unless the argument is one of `values`."""
    tests = [(_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
    return [_load(_argument(argument)), *tests, _refuse(errno.EPERM)]


def _refuse_any(argument: int, values: tuple[int, ...]) -> list[Instruction]:
    """Refuse a call when the low 32 bits of the argument, all the kernel looks at, are one of `values`."""
    last = len(values) - 1
    tests = [(_EQUAL, last - index, 1 if index == last else 0, value) for index, value in enumerate(values)]
    return [_load(_argument(argument)), *tests, _refuse(errno.EPERM)]


def _no_set_id(mode: int) -> list[Instruction]:
    """Refuse a call whose mode argument makes a program run as its owner or group."""
    return [_load(_argument(mode)), (_ANY_BIT, 0, 1, _SET_ID), _refuse(errno.EPERM)]


def _connected_pair() -> list[Instruction]:
    """Allow pairs that stay connected to each other; a datagram socket could still send to any path or name."""
    return [
        _load(_argument(0)),
        (_EQUAL, 0, 4, _AF_UNIX),
        _load(_argument(1)),
        (_AND, 0, 0, _SOCK_KIND),
        (_EQUAL, 2, 0, _SOCK_STREAM),
        (_EQUAL, 1, 0, _SOCK_SEQPACKET),
        _refuse(errno.EPERM),
    ]


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _argument(index: int) -> int:
    return _ARGUMENTS + 8 * index  # the low half comes first on both machines


def _refuse(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)
