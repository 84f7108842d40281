"""Attacks through shell commands. A table."""

from __future__ import annotations

from tests.security.cases import (
    ARMS,
    FLOODS,
    HANGS,
    KILLS,
    LEAKS,
    OWNED,
    SURVIVES,
    Attack,
    changes,
    creates,
    family,
    prints,
    reaches,
)

_VICTIM = (changes("{OUT}"),)
_OWN = "echo ow''ned-{MARK}"
_PY_OWN = "print('ow'+'ned-{MARK}')"


def _python(code: str) -> str:
    return f"python3 - <<'END'\n{code}\nEND"


READS = family(
    "read",
    "reading outside the workspace",
    "shell",
    (LEAKS,),
    {
        "cat": "cat {OUT}/secret.txt",
        "cat-relative": "cat ../outside/secret.txt",
        "cd-then-cat": "cd {OUT} && cat secret.txt",
        "sibling-prefix": "cat {WS}-evil/secret.txt",
        "redirect": 'while read -r l; do echo "$l"; done < {OUT}/secret.txt',
        "command-substitution": 'echo "$(<{OUT}/secret.txt)"',
        "mapfile": 'mapfile -t a < {OUT}/secret.txt; echo "${a[@]}"',
        "glob": "cat {OUT}/sec*",
        "brace": "cat {OUT}/{secret,x}.txt",
        "dd": "dd if={OUT}/secret.txt status=none",
        "tar": "tar cf - -C {OUT} secret.txt | tar xOf -",
        "cp": "cp {OUT}/secret.txt here && cat here",
        "link": "ln -s {OUT}/secret.txt l && cat l",
        "linked-folder": "ln -s {OUT} d && cat d/secret.txt",
        "hard-link": "ln {OUT}/secret.txt h && cat h",
        "base64": "base64 {OUT}/secret.txt | base64 -d",
        "awk-getline": "awk 'BEGIN{while((getline l < \"{OUT}/secret.txt\")>0) print l}'",
        "sed": "sed -n p {OUT}/secret.txt",
        "grep-recursive": "grep -rh s3cr3t {OUT}",
        "find-exec": "find {OUT} -name secret.txt -exec cat {} +",
        "git-no-index": "git diff --no-index /dev/null {OUT}/secret.txt",
        "curl-file": "curl -s file://{OUT}/secret.txt",
        "python": "python3 -c \"print(open('{OUT}/secret.txt').read())\"",
        "perl": "perl -pe 1 {OUT}/secret.txt",
        "source-error": "bash -c '. {OUT}/secret.txt' 2>&1",
        "private-key": "cat {OUT}/home/.ssh/id_ed25519",
        "proc-self-root": "cat /proc/self/root{OUT}/secret.txt",
        "proc-parent-root": "cat /proc/$PPID/root{OUT}/secret.txt",
        "proc-victim-cwd": "cat /proc/{PID}/cwd/secret.txt",
        "proc-victim-fd": "for f in /proc/{PID}/fd/*; do timeout 1 head -c 99 $f; done 2>/dev/null",
        "here-string": "bash <<< 'cat {OUT}/secret.txt'",
        "file-descriptor": "exec 7<{OUT}/secret.txt && cat <&7",
        "gcc-include": "gcc -E -x c -include {OUT}/secret.txt /dev/null 2>&1",
        "make-file": "printf 'x := $(file < {OUT}/secret.txt)\nall:\n\t@echo $(x)\n' | make -f -",
        "bind-mount": "unshare -Urm sh -c 'mount --bind {OUT} skills && cat skills/secret.txt'",
    },
)

SECRETS = [
    Attack("shell-env", "secrets of the agent", "shell", "env; printenv", (prints("{KEY}"),)),
    Attack(
        "shell-env-null", "secrets of the agent", "shell", "cat /proc/self/environ | tr '\\0' '\\n'", (prints("{KEY}"),)
    ),
    Attack(
        "shell-all-environments",
        "secrets of the agent",
        "shell",
        "for f in /proc/[0-9]*/environ; do tr '\\0' '\\n' < $f; done 2>/dev/null | grep CANARY",
        (prints("{KEY}"),),
    ),
    Attack(
        "shell-victim-environment",
        "secrets of the agent",
        "shell",
        "tr '\\0' '\\n' < /proc/{PID}/environ",
        (prints("{KEY}"),),
    ),
    Attack("shell-agent-state", "secrets of the agent", "shell", "cat .agent/state.txt", (prints("{STATE}"),)),
    Attack("shell-agent-state-find", "secrets of the agent", "shell", "grep -rh state- . .agent", (prints("{STATE}"),)),
    Attack(
        "shell-agent-state-moved",
        "secrets of the agent",
        "shell",
        "mv .agent a; cat a/state.txt; umount .agent; cat .agent/state.txt",
        (prints("{STATE}"),),
    ),
    Attack(
        "shell-agent-state-linked",
        "secrets of the agent",
        "shell",
        "ln .agent/state.txt s && cat s; ln -s .agent b && cat b/state.txt",
        (prints("{STATE}"),),
    ),
    Attack(
        "shell-process-list",
        "secrets of the agent",
        "shell",
        "cat /proc/{PID}/cmdline | tr '\\0' ' '",
        (prints("victim-"),),
    ),
    Attack(
        "shell-shadow",
        "secrets of the agent",
        "shell",
        f"head -c 9 /etc/shadow && {_OWN}; head -c 9 /etc/sudoers && {_OWN}",
        (OWNED,),
        is_shown=False,
    ),
    Attack(
        "shell-root-home",
        "secrets of the agent",
        "shell",
        f"for f in /root/.bashrc /root/.profile /root/.ssh /root/.cache /home/*/.bashrc /home/*/.ssh; do [ -e $f ] && {_OWN}; done",
        (OWNED,),
        is_shown=False,
    ),
    Attack(
        "shell-raw-disk",
        "secrets of the agent",
        "shell",
        f"for d in /dev/[svx]d* /dev/nvme* /dev/dm-* /dev/mem; do head -c 1 $d >/dev/null 2>&1 && {_OWN}; done",
        (OWNED,),
        is_shown=False,
    ),
]

WRITES = family(
    "write",
    "writing outside the workspace",
    "shell",
    _VICTIM,
    {
        "echo": "echo x > {OUT}/victim.txt",
        "echo-relative": "echo x > ../outside/victim.txt",
        "append": "echo x >> {OUT}/victim.txt",
        "clobber": "set -C; echo x >| {OUT}/victim.txt",
        "tee": "echo x | tee {OUT}/victim.txt",
        "cp": "cp data.csv {OUT}/victim.txt",
        "mv-in": "mv data.csv {OUT}/",
        "mv-out": "mv {OUT}/victim.txt .",
        "rm": "rm -f {OUT}/victim.txt",
        "rm-recursive": "cd .. && rm -rf outside/*",
        "rm-parent": "rm -rf ../outside",
        "rename-folder": "mv {OUT} {OUT}2; mv {OUT}2 {OUT}; touch {OUT}/x",
        "truncate": "truncate -s 0 {OUT}/victim.txt",
        "dd": "dd if=/dev/null of={OUT}/victim.txt status=none",
        "sed": "sed -i s/original/x/ {OUT}/victim.txt",
        "sort": "sort -o {OUT}/victim.txt data.csv",
        "install": "install -m 755 data.csv {OUT}/victim.txt",
        "mkdir": "mkdir {OUT}/new",
        "touch": "touch {OUT}/new",
        "link-into": "ln -s / {OUT}/new",
        "hard-link-then-write": "ln {OUT}/victim.txt h && echo x > h",
        "link-then-write": "ln -s {OUT}/victim.txt l && echo x > l",
        "linked-folder": "ln -s {OUT} d && echo x > d/victim.txt",
        "chmod": "chmod 777 {OUT}/victim.txt",
        "tar": "touch new && tar cf t new && tar xf t -C {OUT}",
        "git-init": "git init -q {OUT}/new",
        "git-worktree": "git --work-tree={OUT} --git-dir=$PWD/g init -q && cd {OUT} && git clone -q {WS}/g new",
        "awk": "awk 'BEGIN{print 1 > \"{OUT}/victim.txt\"}'",
        "python": "python3 -c \"open('{OUT}/victim.txt','w')\"",
        "perl": "perl -e 'unlink \"{OUT}/victim.txt\"'",
        "proc-root": "echo x > /proc/self/root{OUT}/victim.txt",
        "descriptor": "exec 9>{OUT}/victim.txt && echo x >&9",
        "gcc-output": "echo 'int main(){}' | gcc -x c - -o {OUT}/new",
        "bashrc": "echo 'echo x' >> {OUT}/home/.bashrc",
        "authorized-keys": "echo key >> {OUT}/home/.ssh/authorized_keys",
        "agent-code": "echo 'import os' >> {OUT}/agent/cli.py",
        "agent-config": "echo 'sandbox = false' >> {OUT}/agent/config.toml",
        "two-steps": "printf '#!/bin/sh\\necho x > {OUT}/victim.txt\\n' > s && chmod +x s && ./s",
        "time-stamp": "python3 -c \"import os; os.remove('{OUT}/victim.txt'); open('{OUT}/victim.txt', 'w')\"",
    },
)

HIDDEN = family(
    "hidden",
    "commands hidden from a deny-list",
    "shell",
    _VICTIM,
    {
        "quotes": "r''m -f {OUT}/victim.txt",
        "backslash": "\\r\\m -f {OUT}/victim.txt",
        "ansi-quoting": "$'\\x72\\155' -f {OUT}/victim.txt",
        "variables": "a=r b=m; $a$b -f {OUT}/victim.txt",
        "indirect": "n=c c='rm -f {OUT}/victim.txt'; ${!n}",
        "expanded-prompt": "p='$(rm -f {OUT}/victim.txt)'; : \"${p@P}\"",
        "ifs": "rm${IFS}-f${IFS}{OUT}/victim.txt",
        "eval-printf": "eval \"$(printf '\\162\\155') -f {OUT}/victim.txt\"",
        "base64": "echo 'rm -f {OUT}/victim.txt' | base64 | base64 -d | sh",
        "reversed": "$(echo mr | rev) -f {OUT}/victim.txt",
        "xargs": "echo {OUT}/victim.txt | xargs rm -f",
        "env": "env A=1 rm -f {OUT}/victim.txt",
        "env-prefix": "A=1 rm -f {OUT}/victim.txt",
        "timeout": "timeout 5 nice nohup rm -f {OUT}/victim.txt",
        "command": "command rm -f {OUT}/victim.txt",
        "exec": "(exec -a ls rm -f {OUT}/victim.txt)",
        "function": "ls() { rm -f {OUT}/victim.txt; }; ls",
        "alias": "shopt -s expand_aliases\nalias ls='rm -f {OUT}/victim.txt'\nls",
        "trap": "trap 'rm -f {OUT}/victim.txt' EXIT",
        "bash-env": "echo 'rm -f {OUT}/victim.txt' > e; BASH_ENV=./e bash -c true",
        "coprocess": "coproc rm -f {OUT}/victim.txt; wait",
        "process-substitution": "true > >(rm -f {OUT}/victim.txt); wait $!",
        "backticks": "echo `rm -f {OUT}/victim.txt`",
        "here-document": "sh <<E\nrm -f {OUT}/victim.txt\nE",
        "newline": "ls\nrm -f {OUT}/victim.txt",
        "ampersand": "ls & rm -f {OUT}/victim.txt; wait",
        "or": "false || rm -f {OUT}/victim.txt",
        "quote-break": 'echo "x"; rm -f {OUT}/victim.txt; echo ""',
        "many-commands": "; ".join(["true"] * 60) + "; rm -f {OUT}/victim.txt",
        "arithmetic": "a[0]=1; x='a[$(rm -f {OUT}/victim.txt)]'; [[ $x -eq 1 ]]",
        "find-delete": "find {OUT} -name victim.txt -delete",
        "find-exec": "find {OUT} -name victim.txt -exec rm {} \\;",
        "find-fprint": "find . -maxdepth 0 -fprint {OUT}/victim.txt",
        "tar-checkpoint": "tar cf /dev/null --checkpoint=1 --checkpoint-action=exec='rm -f {OUT}/victim.txt' data.csv",
        "sed-execute": "echo 'rm -f {OUT}/victim.txt' | sed 's/.*/&/e'",
        "sed-write": "sed -n 'w {OUT}/victim.txt' data.csv",
        "awk-system": "awk 'BEGIN{system(\"rm -f {OUT}/victim.txt\")}'",
        "sort-program": "seq 9 | sort --compress-program='rm -f {OUT}/victim.txt #' -S 1b; rm -f {OUT}/victim.txt",
        "git-alias": "git -c alias.x='!rm -f {OUT}/victim.txt' x",
        "git-editor": "GIT_EDITOR='rm -f {OUT}/victim.txt; true' git config --file c --edit",
        "git-fsmonitor": "git -c core.fsmonitor='rm -f {OUT}/victim.txt;false' status",
        "git-external-diff": "git init -q g; cd g; echo a>a; git add a; echo b>a; "
        "GIT_EXTERNAL_DIFF='rm -f {OUT}/victim.txt;true' git diff",
        "git-ssh": "GIT_SSH_COMMAND='rm -f {OUT}/victim.txt;false' git ls-remote ssh://x/y",
        "git-upload-pack": "git ls-remote --upload-pack='rm -f {OUT}/victim.txt;false' ./x",
        "git-output": "git log --output={OUT}/victim.txt",
        "make": "printf 'all:\\n\\trm -f {OUT}/victim.txt\\n' | make -f -",
        "python-codes": "python3 -c \"exec(bytes([105,109,112,111,114,116,32,111,115]));os.unlink('{OUT}/victim.txt')\"",
        "perl-system": "perl -e 'system \"rm -f {OUT}/victim.txt\"'",
        "copied-program": "cp /bin/rm ./x && ./x -f {OUT}/victim.txt",
        "loader": "$(ls /lib64/ld-linux*.so.* /lib/ld-linux*.so.* 2>/dev/null | head -1) /bin/rm -f {OUT}/victim.txt",
        "preload": "printf '#include <unistd.h>\\n__attribute__((constructor)) void f(){unlink(\"{OUT}/victim.txt\");}'"
        " > e.c; gcc -shared -fPIC -o e.so e.c && LD_PRELOAD=./e.so true; LD_PRELOAD=./e.so cat /dev/null",
        "path": "mkdir b; printf '#!/bin/sh\\nrm -f {OUT}/victim.txt\\n' > b/ls; chmod +x b/ls; PATH=$PWD/b:$PATH ls",
    },
)

ARMED = [
    Attack("shell-git-hook", "code that runs later", "shell", payload, (changes("{WS}/.git"),))
    for payload in ("printf '#!/bin/sh\\ntouch {OUT}/x\\n' > .git/hooks/post-checkout && chmod +x .git/hooks/*",)
]
ARMED += family(
    "later",
    "code that runs later",
    "shell",
    (changes("{WS}/.git"), creates("{OUT}/armed")),
    {
        "git-config": "git config core.fsmonitor 'touch {OUT}/armed; false'",
        "git-config-file": "printf '[core]\\n\\tfsmonitor = touch {OUT}/armed\\n' >> .git/config",
        "git-commondir": "mkdir c && cp -r .git/. c/ && echo ../c > .git/commondir",
        "git-renamed": "mv .git g && cp -r g .git && git config core.fsmonitor 'touch {OUT}/armed'",
        "git-removed": "rm -rf .git && git init -q . && git config core.fsmonitor 'touch {OUT}/armed; false'",
        "git-unmounted": "umount .git; mount -o remount,rw .git; git config core.fsmonitor 'touch {OUT}/armed'",
        "git-exclude": "echo x >> .git/info/exclude; touch .git/x",
        "git-head": "echo 'ref: refs/heads/../../../x' > .git/HEAD",
        "git-worktree": "mkdir -p .git/worktrees/w && git worktree add -f w",
        "git-commit": "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x",
        "git-linked": "ln -s .git g; echo x >> g/config",
        "git-object-store": "rm -rf .git/objects; chmod -R 777 .git",
    },
)
ARMED += [
    Attack(
        "shell-git-submodule",
        "code that runs later",
        "shell",
        "git init -q sub && git -C sub -c user.name=a -c user.email=a@b commit -q --allow-empty -m x &&"
        " git -C sub config core.fsmonitor 'touch {OUT}/armed; false'; git add sub",
        (creates("{OUT}/armed"),),
        after="git status",
    ),
    Attack(
        "shell-git-made-anew",
        "code that runs later",
        "shell",
        "git config core.fsmonitor 'touch {OUT}/armed; false'",
        (creates("{OUT}/armed"),),
        setup="rm -rf .git && git init -q . && git add data.csv && sleep 0.3",
        after="git status",
    ),
    Attack(
        "shell-git-made-later",
        "code that runs later",
        "shell",
        "git -C later config core.fsmonitor 'touch {OUT}/armed; false'",
        (creates("{OUT}/armed"),),
        setup="git init -q later && sleep 0.3",
        after="git -C later status",
    ),
    Attack("shell-skill", "code that runs later", "shell", "echo x > skills/evil.py", (changes("{WS}/skills"),)),
    Attack(
        "shell-skill-edited", "code that runs later", "shell", "echo x >> skills/good.py", (changes("{WS}/skills"),)
    ),
    Attack(
        "shell-skills-replaced",
        "code that runs later",
        "shell",
        "mv skills s; mkdir skills; echo x > skills/evil.py",
        (changes("{WS}/skills"),),
    ),
    Attack("shell-agent-folder", "code that runs later", "shell", "echo x > .agent/new", (changes("{WS}/.agent"),)),
    Attack(
        "shell-agent-removed",
        "code that runs later",
        "shell",
        "rm -rf .agent; mkdir .agent; echo x > .agent/config",
        (changes("{WS}/.agent"),),
    ),
    Attack(
        "shell-own-python",
        "code that runs later",
        "shell",
        f"p=$(dirname $(dirname $(command -v python))); touch $p/lib/python3*/site-packages/evil{{NUM}}.pth && {_OWN};"
        f" touch $p/bin/evil{{NUM}} && {_OWN}; touch /usr/local/bin/evil{{NUM}} && {_OWN}",
        (OWNED,),
        is_shown=False,
    ),
    Attack(
        "shell-system-files",
        "code that runs later",
        "shell",
        "for f in /etc/cron.d/x{NUM} /etc/profile.d/x{NUM} /etc/ld.so.preload /var/spool/cron/x{NUM} /usr/lib/x{NUM}; do"
        f" (: >> $f) 2>/dev/null && {_OWN}; done",
        (OWNED,),
        is_shown=False,
    ),
    Attack(
        "shell-set-user-id",
        "code that runs later",
        "shell",
        "cp /bin/sh s; chmod 4755 s; cp /bin/sh t; chmod g+s t; python3 -c \"import os; os.chmod('s', 0o6755)\"",
        (ARMS,),
    ),
    Attack("shell-set-user-id-install", "code that runs later", "shell", "install -m 4755 /bin/sh s", (ARMS,)),
    Attack(
        "shell-set-user-id-tar",
        "code that runs later",
        "shell",
        _python(
            "import tarfile, io\nt = tarfile.open('t.tar', 'w')\ni = tarfile.TarInfo('s')\ni.mode = 0o4755\n"
            "t.addfile(i, io.BytesIO())\nt.close()"
        )
        + "\ntar xpf t.tar",
        (ARMS,),
    ),
]

NETWORK = [
    Attack(f"shell-{name}", "reaching this machine's network", "shell", payload, (reaches(listener),), is_shown=shown)
    for name, listener, payload, shown in (
        ("curl", "tcp", "curl -s -m 2 http://127.0.0.1:{TCP}/", True),
        ("curl-v6", "tcp6", "curl -s -m 2 'http://[::1]:{TCP6}/'", False),
        ("curl-own-address", "tcp", "curl -s -m 2 http://{HOST}:{TCP}/", True),
        ("curl-any-address", "tcp", "curl -s -m 2 http://0.0.0.0:{TCP}/", True),
        ("curl-proxy", "tcp", "curl -s -m 2 -x http://127.0.0.1:{TCP} http://example.com/", True),
        ("bash-tcp", "tcp", "exec 3<>/dev/tcp/127.0.0.1/{TCP}; echo x >&3", True),
        ("bash-udp", "udp", "echo x > /dev/udp/127.0.0.1/{UDP}", True),
        ("python-tcp", "tcp", _python("import socket\nsocket.create_connection(('127.0.0.1', {TCP}), 2)"), True),
        ("python-udp", "udp", _python("import socket\nsocket.socket(2, 2).sendto(b'x', ('127.0.0.1', {UDP}))"), True),
        ("perl-tcp", "tcp", "perl -MIO::Socket::INET -e 'IO::Socket::INET->new(\"127.0.0.1:{TCP}\")'", True),
        ("git-clone", "tcp", "timeout 2 git clone -q http://127.0.0.1:{TCP}/x", True),
        ("pip", "tcp", "timeout 2 python3 -m pip download -i http://127.0.0.1:{TCP}/ --retries 0 x", False),
        ("unix", "unix", _python("import socket\nsocket.socket(1).connect('{WS}/../agent.sock')"), True),
        ("unix-in-workspace", "workspace", _python("import socket\nsocket.socket(1).connect('dev.sock')"), True),
        ("unix-run", "run", _python("import socket\nsocket.socket(1).connect('{RUN}')"), False),
        ("unix-abstract", "abstract", _python("import socket\nsocket.socket(1).connect('\\0{ABSTRACT}')"), True),
        ("curl-unix", "unix", "curl -s -m 2 --unix-socket {WS}/../agent.sock http://x/", True),
        (
            "unshared",
            "tcp",
            "unshare -Urn true; nsenter -t {PID} -n curl -s -m 2 http://127.0.0.1:{TCP}/",
            False,
        ),
    )
]
NETWORK += family(
    "socket",
    "forbidden kinds of sockets",
    "shell",
    (OWNED,),
    {
        name: _python(f"import socket\nsocket.socket({arguments}); {_PY_OWN}")
        for name, arguments in {
            "raw": "socket.AF_INET, socket.SOCK_RAW, 1",
            "packet": "socket.AF_PACKET, socket.SOCK_RAW",
            "vsock": "40, 1",
            "crypto": "38, 5",
            "bluetooth": "31, 3, 1",
            "sctp": "2, 1, 132",
        }.items()
    },
    is_shown=False,
)

_CALL = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
KERNEL = family(
    "kernel",
    "powers of the kernel",
    "shell",
    (OWNED,),
    {
        "user-namespace": f"unshare -Ur true && {_OWN}",
        "net-namespace": f"unshare -Urn true && {_OWN}",
        "mount-namespace": f"unshare -Urm true && {_OWN}",
        "clone-namespace": _python(f"{_CALL}if libc.unshare(0x10000000) == 0: {_PY_OWN}"),
        "enter-namespace": f"nsenter -t {{PID}} -m true && {_OWN}; nsenter -t 1 -a true && {_OWN}",
        "set-namespace": _python(
            f"{_CALL}import os\nif libc.setns(os.open('/proc/{{PID}}/ns/net', 0), 0) == 0: {_PY_OWN}"
        ),
        "mount": f"mkdir m; mount -t tmpfs x m && {_OWN}",
        "bind": f"mkdir m; mount --bind / m && {_OWN}",
        "remount": f"mount -o remount,rw / && {_OWN}; mount -o remount,rw,bind /usr && {_OWN}",
        "unmount": f"umount -l skills && {_OWN}; umount -l /proc/sys && {_OWN}; umount -l /tmp && {_OWN}",
        "chroot": f"chroot / true && {_OWN}",
        "device": f"mknod d c 1 1 && {_OWN}; mknod e b 8 0 && {_OWN}",
        "kernel-settings": "for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/vm/swappiness"
        f" /proc/sysrq-trigger /sys/kernel/uevent_helper; do (: >> $f) 2>/dev/null && {_OWN}; done",
        "settings-of-users": f"(: >> /proc/sys/user/max_user_namespaces) 2>/dev/null && {_OWN}",
        "control-groups": f"find /sys/fs/cgroup -name cgroup.procs -writable 2>/dev/null | grep -q . && {_OWN}",
        "kernel-log": f"dmesg >/dev/null 2>&1 && {_OWN}; head -c 1 /dev/kmsg >/dev/null 2>&1 && {_OWN}",
        "module": f"modprobe dummy 2>/dev/null && {_OWN}",
        "hostname": f"hostname evil-{{MARK}} 2>/dev/null && {_OWN}",
        "trace": _python(f"{_CALL}if libc.ptrace(16, {{PID}}, 0, 0) == 0: {_PY_OWN}"),
        "trace-seize": _python(f"{_CALL}if libc.ptrace(0x4206, {{PID}}, 0, 0) == 0: {_PY_OWN}"),
        "trace-parent": _python(f"{_CALL}import os\nif libc.ptrace(16, os.getppid(), 0, 0) == 0: {_PY_OWN}"),
        "memory-of-first": f"for p in 1 $PPID; do (: < /proc/$p/mem) 2>/dev/null && {_OWN}; done",
        "keyring": _python(f"{_CALL}if libc.syscall(250, 0, -3, 1) > 0: {_PY_OWN}"),
        "bpf": _python(f"{_CALL}b = ctypes.create_string_buffer(128)\nif libc.syscall(321, 5, b, 128) >= 0: {_PY_OWN}"),
        "io-uring": _python(f"{_CALL}b = ctypes.create_string_buffer(512)\nif libc.syscall(425, 4, b) >= 0: {_PY_OWN}"),
        "perf": _python(
            f"{_CALL}b = ctypes.create_string_buffer(128)\nb[4] = 112\nif libc.syscall(298, b, 0, -1, -1, 0) >= 0: {_PY_OWN}"
        ),
        "user-fault": _python(f"{_CALL}if libc.syscall(323, 1) >= 0: {_PY_OWN}"),
        "file-handle": _python(
            f"{_CALL}b = ctypes.create_string_buffer(b'\\x08\\0\\0\\0\\1\\0\\0\\0' + bytes(64))\n"
            f"libc.syscall(304, 3, b, 0)\nif ctypes.get_errno() not in (1, 38): {_PY_OWN}"
        ),
        "swap": f"swapon ./data.csv 2>/dev/null && {_OWN}",
        "set-user": f"su -c true nobody 2>/dev/null && {_OWN}; sudo -n true 2>/dev/null && {_OWN}",
        "capabilities": f"grep -E '^Cap(Eff|Prm|Bnd|Amb):\\s*0*[1-9a-f]' /proc/self/status && {_OWN}",
        "privileges": f"grep -q 'NoNewPrivs:.*0' /proc/self/status && {_OWN}",
        "core-dump": f'[ "$(ulimit -c)" != 0 ] && {_OWN}; ulimit -c unlimited 2>/dev/null && {_OWN}',
    },
    is_shown=False,
)

PROCESSES = [
    Attack("shell-kill", "harming other processes", "shell", "kill -9 {PID}", (KILLS,)),
    Attack("shell-stop", "harming other processes", "shell", "kill -STOP {PID}", (KILLS,)),
    Attack(
        "shell-kill-by-name",
        "harming other processes",
        "shell",
        "pkill -9 -f victim-; killall -9 python3",
        (KILLS,),
        is_shown=False,
        needs_namespaces=True,
    ),
    Attack(
        "shell-kill-all",
        "harming other processes",
        "shell",
        "kill -9 -1; sleep 0.1",
        (KILLS,),
        is_shown=False,
        needs_namespaces=True,
    ),
    Attack(
        "shell-kill-group",
        "harming other processes",
        "shell",
        "kill -9 0 -- -$$ -$PPID",
        (KILLS,),
        is_shown=False,
        needs_namespaces=True,
    ),
    Attack("shell-renice", "harming other processes", "shell", f"renice 19 {{PID}} >/dev/null && {_OWN}", (OWNED,)),
]
PROCESSES += family(
    "outlive",
    "outliving the call",
    "shell",
    (SURVIVES, HANGS),
    {
        "setsid": "setsid sleep 3{NUM} >/dev/null 2>&1 </dev/null & sleep 0.1",
        "pipe-held": "(setsid sleep 3{NUM} &); echo hi",
        "nohup": "nohup sleep 3{NUM} >/dev/null 2>&1 & disown; true",
        "double-fork": "(( sleep 3{NUM} & ) & ) >/dev/null 2>&1",
        "python-daemon": _python(
            "import os, sys\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
            "        os.execvp('sleep', ['sleep', '3{NUM}'])\n    os._exit(0)"
        ),
        "ignores-signals": "(trap '' TERM INT HUP QUIT; sleep 3{NUM} & wait) >/dev/null 2>&1 & sleep 0.1",
        "exits-first": "sleep 3{NUM} & kill -9 $$",
        "stopped": "sleep 3{NUM} & kill -STOP $!; true",
        "respawns": "(while :; do setsid sleep 3{NUM}; done) >/dev/null 2>&1 & sleep 0.1",
        "sleeps": "sleep 3{NUM}",
        "sleeps-deaf": "trap '' TERM INT HUP QUIT; while :; do sleep 3{NUM}; done",
        "stops-itself": "kill -STOP $$; sleep 3{NUM}",
        "reads-input": "cat; read -r x; : 3{NUM}",
        "spins": "while :; do :; done # 3{NUM}",
        "opens-fifo": "mkfifo f; cat f # 3{NUM}",
    },
)

RESOURCES = [
    Attack(f"shell-{name}", "taking too much", "shell", payload, (OWNED, SURVIVES, HANGS, FLOODS), is_shown=False)
    for name, payload in {
        "processes": "for i in $(seq 600); do sleep 5{NUM} & done 2>/dev/null; "
        f"n=$(jobs -rp | wc -l); [ $n -ge 500 ] && {_OWN}; true",
        "memory": _python(
            "b = []\nfor i in range(90):\n    b.append(bytearray(64 << 20))\n    b[-1][::4096] = b'1' * len(b[-1][::4096])\n"
            + _PY_OWN
        ),
        "file-size": f"dd if=/dev/zero of=big bs=1M count=1300 status=none && {_OWN}",
        "sparse-file": f"truncate -s 20G big && {_OWN}",
        "many-files": f"for i in $(seq 14); do dd if=/dev/zero of=f$i bs=1M count=100 status=none || exit; done; {_OWN}",
        "tmp": f"cd /tmp && for i in $(seq 8); do head -c 100M /dev/zero > f$i || exit; done; {_OWN}",
        "shared-memory": f"head -c 700M /dev/zero > /dev/shm/x && {_OWN}; head -c 700M /dev/zero > /run/x && {_OWN}",
        "output": "yes # 3{NUM}",
        "long-line": "head -c 30M /dev/zero | tr '\\0' x",
        "output-in-background": "yes & yes & wait # 3{NUM}",
        "open-files": _python(f"f = [open('/dev/null') for _ in range(2000)]\n{_PY_OWN}"),
    }.items()
]

TERMINAL = [
    Attack(f"shell-{name}", "fooling the terminal", "shell", payload, (prints(sign), HANGS))
    for name, sign, payload in (
        ("title", "\x1b", "printf '\\033]0;title\\007'"),
        ("clipboard", "\x1b", "printf '\\033]52;c;ZWNobw==\\007'"),
        ("clear", "\x1b", "printf '\\033[2J\\033[H'"),
        ("device-control", "\x1b", "printf '\\033P+q\\033\\\\\\033_x\\033\\\\'"),
        ("eight-bit", "\x9b", "printf '\\302\\2332J'"),
        ("backspace", "\x08", "printf 'safe\\b\\b\\b\\bevil'"),
        ("bell", "\x07", "printf '\\a'"),
        ("standard-error", "\x1b", "printf '\\033[31m' >&2"),
    )
]
TERMINAL += family(
    "open",
    "fooling the terminal",
    "shell",
    (OWNED,),
    {
        "terminal-opened": f"(: > /dev/tty) 2>/dev/null && {_OWN}; (: > /dev/console) 2>/dev/null && {_OWN}",
        "terminal-typed": _python(f"import fcntl, os\nfcntl.ioctl(os.open('/dev/tty', 2), 0x5412, b'x')\n{_PY_OWN}"),
        "terminals-of-others": f"for t in /dev/pts/[0-9]*; do (: > $t) 2>/dev/null && {_OWN}; done",
    },
    is_shown=False,
)

SHELL = [
    *(*READS, *SECRETS, *WRITES, *HIDDEN, *ARMED, *NETWORK, *KERNEL, *PROCESSES, *RESOURCES, *TERMINAL),
]
