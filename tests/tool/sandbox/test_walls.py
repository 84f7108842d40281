"""Each wall is shown from inside, where the attempt fails, and without walls, where the same attempt succeeds."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tool.sandbox.people import PEOPLE, PYTHON, open_to_all, run_as
from tool.sandbox.inside import limits
from tool.sandbox.level import WALLS
from tool.sandbox.mounts import PROGRAMS, etc_paths

READABLE = [*PROGRAMS, *map(str, etc_paths()), "/proc"]
Walled = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=PEOPLE)
def walled(request: pytest.FixtureRequest, workspace: Path) -> Walled:
    """Run bash in the workspace, behind the walls or, with `bare`, without them."""
    open_to_all(workspace)

    def walled(command: str, *, network: bool = False, bare: bool = False) -> subprocess.CompletedProcess[str]:
        bounds = {"writable": [str(workspace)], "readable": READABLE, "network": network}
        launcher = [] if bare else [PYTHON, "-I", "-S", WALLS, json.dumps(bounds)]
        return run_as(request.param, [*launcher, "/bin/bash", "-c", command], cwd=workspace)

    return walled


def python(code: str) -> str:
    return f"{PYTHON} -c '{code}'"


def test_a_program_runs_and_writes_where_it_may(walled: Walled, workspace: Path) -> None:
    ran = walled("mkdir -p a && echo hi > a/b && mv a/b c && cat c && exit 3")
    assert (ran.stdout, ran.returncode, ran.stderr) == ("hi\n", 3, "")
    assert (workspace / "c").exists()


def test_nothing_else_can_be_written_or_read(walled: Walled, workspace: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    open_to_all(outside)
    (outside / "secret").write_text("the secret")
    (outside / "secret").chmod(0o666)
    attempt = f"cat {outside}/secret; echo x > {outside}/new; rm {outside}/secret; ln {outside}/secret here; cat here"
    ran = walled(attempt)
    assert "the secret" not in ran.stdout
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "the secret"
    for change in (f"truncate -s 0 {outside}/secret", f"mv {outside}/secret .", f"cp /dev/null {outside}/secret"):
        walled(change)
        assert (outside / "secret").read_text() == "the secret"
    assert "the secret" in walled(attempt, bare=True).stdout


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket(socket.AF_UNIX)",
        "import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
        "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "import socket; socket.socket()",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "import socket; socket.socket(socket.AF_INET6)",
    ],
)
def test_sockets_are_closed(walled: Walled, code: str) -> None:
    assert "PermissionError" in walled(python(code)).stderr
    assert walled(python(code), bare=True).returncode == 0


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_NETLINK"])
def test_a_network_opens_internet_sockets_and_no_others(walled: Walled, family: str) -> None:
    assert (
        walled(python(f"import socket; socket.socket(socket.{family}, socket.SOCK_DGRAM)"), network=True).returncode
        == 0
    )
    for other in ("1", "40", "38", "17"):  # unix, vsock, crypto, packet
        ran = walled(python(f"import socket; socket.socket({other}, socket.SOCK_DGRAM)"), network=True)
        assert "PermissionError" in ran.stderr


def test_connected_pairs_stay_open(walled: Walled) -> None:
    code = 'import socket, asyncio; a, b = socket.socketpair(); a.send(b"x"); asyncio.run(asyncio.sleep(0))'
    assert walled(python(code)).returncode == 0


# A call by number with harmless arguments: behind the walls EPERM, without them another error or success.
CALLS = {
    "ptrace": (101, 117, "0"),
    "io_uring_setup": (425, 425, "0, 0"),
    "bpf": (321, 280, "99, 0, 0"),
    "mount": (165, 40, "0, 0, 0, 0, 0"),
    "setns": (308, 268, "-1, 0"),
    "unshare": (272, 97, "0"),
    "keyctl": (250, 219, "99"),
    "process_vm_readv": (310, 270, "0, 0, 0, 0, 0, 0"),
    "open_by_handle_at": (304, 265, "-1, 0, 0"),
    "userfaultfd": (323, 282, "99999"),
    "perf_event_open": (298, 241, "0, 0, 0, 0, 0"),
    "pidfd_getfd": (438, 438, "-1, 0, 0"),
    "clone with a new namespace": (56, 220, "0x10000000 | 0x200, 0, 0, 0, 0"),  # CLONE_FS with NEWUSER: invalid anyway
}


@pytest.mark.parametrize("name", CALLS)
def test_dangerous_calls_are_closed(walled: Walled, name: str) -> None:
    x86, arm, arguments = CALLS[name]
    number = x86 if os.uname().machine == "x86_64" else arm
    assert walled(errno_of(number, arguments)).stdout == "1\n"


def errno_of(number: int, arguments: str) -> str:
    call = f"c = ctypes.CDLL(None, use_errno=True); r = c.syscall({number}, {arguments})"
    return python(f"import ctypes; {call}; print(ctypes.get_errno() if r < 0 else 0)")


@pytest.mark.parametrize(
    ("number", "arguments", "error"),
    [(435, "0, 0", 38), (461 + 40, "0", 38)],
    ids=["clone3", "a call newer than the table"],
)
def test_calls_that_cannot_be_judged_do_not_exist(walled: Walled, number: int, arguments: str, error: int) -> None:
    assert walled(errno_of(number, arguments)).stdout == f"{error}\n"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="x32 is a way in on x86_64 only")
def test_the_second_door_of_each_call_is_closed(walled: Walled) -> None:
    assert walled(errno_of(0x40000000 | 39, "0")).stdout == "38\n"  # getpid through x32


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="32-bit calls are a way in on x86_64 only")
def test_a_32_bit_call_ends_the_process(walled: Walled, workspace: Path) -> None:
    # int 0x80 with getpid's 32-bit number; the process must not live to print
    code = (
        'import ctypes, mmap; m = mmap.mmap(-1, 4096, prot=7); m.write(bytes.fromhex("b814000000cd80c3"));'
        ' f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m))); f(); print("alive")'
    )
    assert walled(python(code)).stdout == ""
    assert walled(python(code), bare=True).stdout == "alive\n"


@pytest.mark.parametrize("request_", ["0x5412", "0x541C", "0x100005412"])
def test_a_terminal_cannot_be_typed_into(walled: Walled, request_: str) -> None:
    number = 16 if os.uname().machine == "x86_64" else 29
    assert walled(errno_of(number, f"0, ctypes.c_ulong({request_}), 0")).stdout == "1\n"


def test_no_capability_and_no_way_to_one_is_left(walled: Walled) -> None:
    status = walled("cat /proc/self/status").stdout
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        if (
            name != "CapBnd" or "Uid:\t0" in status
        ):  # only root can shrink the bounding set, and only root has a use for it
            assert f"{name}:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status


def test_other_processes_cannot_be_looked_into_or_signalled(walled: Walled) -> None:
    with subprocess.Popen(["sleep", "60"], env={"SECRET": "the secret"}) as other:
        try:
            ran = walled(f"tr '\\0' '\\n' < /proc/{other.pid}/environ; kill -0 {other.pid}; kill -STOP {other.pid}")
            assert "the secret" not in ran.stdout
            assert other.poll() is None
            assert Path(f"/proc/{other.pid}/stat").read_text().split()[2] != "T"
        finally:
            other.kill()


def test_kernel_settings_cannot_be_opened_for_writing(walled: Walled) -> None:
    code = 'import os; os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)'
    assert "PermissionError" in walled(python(code)).stderr


def test_limits_are_set(walled: Walled) -> None:
    text = walled("ulimit -c; ulimit -v; ulimit -n; ulimit -t").stdout
    assert [int(n) for n in text.split()] == [0, limits.MEMORY_BYTES >> 10, limits.OPEN_FILES, limits.PROCESSOR_S]


def test_what_is_started_stands_behind_the_walls_too(walled: Walled, tmp_path: Path) -> None:
    target = tmp_path / "new"
    open_to_all(tmp_path)
    for attempt in (f"setsid touch {target}", f"bash -c 'bash -c \"touch {target}\"'", f"(touch {target} &) ; wait"):
        walled(attempt)
        assert not target.exists()


def test_the_limits_of_a_shell_are_those_of_the_kernel() -> None:
    ran = subprocess.run(
        ["/bin/sh", "-c", f'{limits.as_shell()} exec "$@"', "sh", "bash", "-c", "ulimit -c; ulimit -v; ulimit -f"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [int(n) for n in ran.stdout.split()] == [0, limits.MEMORY_BYTES >> 10, limits.FILE_BYTES >> 10]


@pytest.mark.parametrize(
    ("amount", "unit", "words"), [(4 << 30, "bytes", "4 GB"), (120.0, "s", "120 s"), (1536, "bytes", "1.5 kB")]
)
def test_a_limit_is_told_in_words(amount: float, unit: str, words: str) -> None:
    assert limits.in_words(amount, unit) == words
