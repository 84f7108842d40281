"""Harmless uses that the sandbox must not get in the way of. A table."""

from __future__ import annotations

from tests.security.cases import Control

_SERVER = (
    "python3 -m http.server 8765 >/dev/null 2>&1 & "
    "for i in $(seq 50); do curl -s -m 2 http://127.0.0.1:8765/ && break; sleep 0.1; done"
)
_POOL = """python3 - <<'END'
import multiprocessing
if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool:
        print("sum", sum(pool.map(abs, [-1, -2])))
END"""

CONTROLS = [
    Control("echo", "shell", "echo he''llo", "hello"),
    Control("write-and-read", "shell", "mkdir -p a/b && echo hi > a/b/c && cat a/b/c", "hi"),
    Control("pipe", "shell", "seq 10 | sort -rn | head -1 | sed s/^/max/", "max10"),
    Control("process-substitution", "shell", "diff <(echo a) <(echo a) && echo sa''me", "same"),
    Control("here-document", "shell", "cat <<E\nab''c\nE", "ab''c"),
    Control("temporary-file", "shell", "t=$(mktemp) && echo ok > $t && cat $t", "ok"),
    Control("exit-code", "shell", "exit 3", "exit 3]"),
    Control("standard-error", "shell", "ls /no-such 2>&1 | grep -c 'No such'", "1"),
    Control("home", "shell", "cd && echo x > .rc && cat ~/.rc && pwd", "x"),
    Control("background", "shell", "sleep 0.1 & wait $! && echo wa''ited", "waited"),
    Control("rename", "shell", "mv data.csv moved.csv && mv moved.csv data.csv && head -1 data.csv", "a,b"),
    Control("make-runnable", "shell", "printf '#!/bin/sh\\necho r''an\\n' > s && chmod +x s && ./s", "ran"),
    Control("link-inside", "shell", "ln -s data.csv l && head -1 l", "a,b"),
    Control("archive", "shell", "tar czf t.tgz data.csv && tar tzf t.tgz", "data.csv"),
    Control("git-status", "shell", "git status --short && git log --oneline | wc -l", "1"),
    Control("git-diff", "shell", "git diff --stat HEAD && git show --stat HEAD | grep -c first", "1"),
    Control("git-own-repository", "shell", "git init -q r && cd r && ls .git/HEAD", "HEAD"),
    Control("python", "shell", 'python3 -c "print(6 * 7)"', "42"),
    Control("environment", "shell", "python3 -m venv --without-pip v && v/bin/python -c 'print(6 * 7)'", "42"),
    Control("pip-list", "shell", "python -m pip list 2>/dev/null | cut -c1-6 | grep pytest", "pytest"),
    Control("pytest", "shell", "echo 'def test_x(): pass' > test_x.py && python -m pytest -q test_x.py", "1 passed"),
    Control("pool", "shell", _POOL, "sum 3"),
    Control("asyncio", "shell", 'python3 -c "import asyncio; asyncio.run(asyncio.sleep(0)); print(6 * 7)"', "42"),
    Control("subprocess", "shell", "python3 -c \"import subprocess as s; print(s.check_output(['echo', 'x']))\"", "x"),
    Control(
        "threads", "shell", "python3 -c \"import threading as t; x=t.Thread(target=print, args='y'); x.start()\"", "y"
    ),
    Control("local-server", "shell", _SERVER, "data.csv"),
    Control("compile", "shell", "echo 'int main(){return 7;}' > a.c && gcc a.c -o a && ./a", "exit 7]", needs="gcc"),
    Control("make", "shell", "printf 'all:\\n\\techo b''uilt\\n' | make -sf -", "built", needs="make"),
    Control("node", "shell", "node -e 'console.log(6 * 7)'", "42", needs="node"),
    Control("perl", "shell", "perl -e 'print 6 * 7'", "42", needs="perl"),
    Control(
        "sqlite",
        "shell",
        "python3 -c \"import sqlite3; print(sqlite3.connect('d').execute('select 42').fetchone())\"",
        "42",
    ),
    Control("session-keeps-variables", "pyexe", "x = 41\n#%%\nx + 1", "42"),
    Control("session-interrupted", "pyexe", "x = 'ke' + 'pt'\n#%%\nwhile True: pass\n#%%\nx", "kept"),
    Control("session-error", "pyexe", "1 / 0\n#%%\nprint('on' + 'ward')", "onward"),
    Control("session-files", "pyexe", "open('n.txt', 'w').write('x')\n#%%\nprint(open('n.txt').read() * 3)", "xxx"),
    Control(
        "numpy",
        "pyexe",
        "import numpy\nprint(int(numpy.ones((200, 200)).dot(numpy.ones((200, 200))).sum()))",
        "8000000",
    ),
    Control("pandas", "pyexe", "import pandas\npandas.read_csv('data.csv').a.sum() * 7", "42"),
    Control("data-frame-shown", "pyexe", "import pandas\npandas.read_csv('data.csv')", "a"),
    Control(
        "session-subprocess", "pyexe", "import subprocess\nprint(subprocess.check_output(['echo', 'x' * 3]))", "xxx"
    ),
    Control("skill", "skill", "def run():\n    return sum(int(l[0]) for l in list(open('data.csv'))[1:]) * 7", "42"),
    Control(
        "skill-pandas",
        "skill",
        "import pandas\ndef run():\n    return int(pandas.read_csv('data.csv').a.sum()) * 7",
        "42",
    ),
    Control(
        "skill-writes", "skill", "def run():\n    open('o', 'w').write('x')\n    return open('o').read() * 3", "xxx"
    ),
    Control("file-read", "files", '{"op": "read", "path": "data.csv"}', "a,b"),
    Control("file-write", "files", '{"op": "write", "path": "n/m.txt", "data": "x"}', "created"),
    Control("file-list", "files", '{"op": "list", "path": "."}', "data.csv"),
    Control("file-absolute", "files", '{"op": "read", "path": "{WS}/data.csv"}', "a,b"),
    Control("fetch", "fetch", "http://127.0.0.1:{WEB}/ok", "fine"),
    Control("fetch-redirect", "fetch", "http://127.0.0.1:{WEB}/to-ok", "fine"),
    Control("fetch-page", "fetch", "http://127.0.0.1:{WEB}/page", "Some **text**."),
]
