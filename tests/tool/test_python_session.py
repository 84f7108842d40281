from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.types import Effect, ToolCall, ToolResult
from tests import needs
from tests.tool.file_outputs import FileOutputs
from tests.tool.sandbox.conftest import SMALL
from tests.tool.sandbox.processes import children, command_lines, is_gone
from tool.output import OUTPUT_LIMIT
from tool.python_session import python_session_tool
from tool.sandbox.confinement import Confinement, running_python
from tool.sandbox.level import Level
from tool.sandbox.sandbox import Sandbox
from tool.toolbox import ToolBox

pytestmark = pytest.mark.slow  # real limits take real seconds

Py = Callable[..., ToolResult]
SLEEP = f"sleep 7{os.getpid()}"
UNINTERRUPTIBLE = (
    "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "while True:\n  try:\n    while True: pass\n  except BaseException: pass"
)


@pytest.fixture(params=[Level.BUBBLEWRAP, Level.LANDLOCK], ids=["bubblewrap", "landlock"])
def sandbox(workspace: Path, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    needs.bubblewrap()
    level: Level = request.param
    sandbox = Sandbox(Confinement(workspace, python=running_python()), level=level, limits=SMALL, output_bytes=4 << 20)
    yield sandbox
    sandbox.close()


@pytest.fixture
def py(sandbox: Sandbox, outputs: FileOutputs) -> Py:
    box = ToolBox([python_session_tool(sandbox, outputs)], outputs)

    def py(code: str, **arguments: object) -> ToolResult:
        return asyncio.run(box.run(ToolCall("call", "pyexe", {"code": code, **arguments})))

    return py


def shown(py: Py, code: str) -> str:
    result = py(code)
    assert not result.is_error, result.content
    return result.content


def failed(py: Py, code: str, **arguments: object) -> str:
    result = py(code, **arguments)
    assert result.is_error
    return result.content


def test_variables_stay_and_the_last_value_is_shown(py: Py) -> None:
    assert shown(py, "x = 41") == "[no output]"
    assert shown(py, "def f(n):\n    return n + 1\nprint('so')\nf(x)") == "so\n42"
    assert shown(py, "_ * 2") == "84"
    assert shown(py, "f(x);") == "[no output]"
    assert shown(py, "None") == "[no output]"


def test_output_of_every_kind_comes_in_its_order(py: Py) -> None:
    code = (
        "import os, sys\nprint('one')\nos.system('echo two')\nsys.stderr.write('three\\n')\nos.write(1, b'four\\n')\n5"
    )
    assert shown(py, code) == "one\ntwo\nthree\nfour\n5"


def test_a_traceback_has_only_the_authors_lines(py: Py, workspace: Path) -> None:
    (workspace / "mine.py").write_text("import json\ndef read():\n    return json.loads('{')\n")
    text = failed(py, "import mine\nmine.read()")
    assert text.startswith('  File "<cell 1>", line 2, in <module>\n    mine.read()')
    assert "    return json.loads('{')" in text
    assert "raised in decoder.py" in text
    assert text.count("File ") == 2
    assert text.endswith("JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)")


def test_a_cause_is_told_in_a_line(py: Py) -> None:
    text = failed(py, "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('no a') from e")
    assert text.endswith("ValueError: no a\nafter KeyError: 'a'")


def test_a_syntax_error_shows_where(py: Py) -> None:
    text = failed(py, "x = 1\ny = (2")
    assert "line 2\n    y = (2\n        ^\nSyntaxError: '(' was never closed" in text
    assert failed(py, "x").endswith("NameError: name 'x' is not defined")


def test_an_endless_loop_is_interrupted_and_the_variables_are_kept(py: Py) -> None:
    shown(py, "x = 'kept'")
    text = failed(py, "y = 1\nwhile True: pass", timeout_s=1)
    assert "KeyboardInterrupt" in text
    assert text.endswith("[interrupted after 1 s of time; the variables are kept]")
    assert shown(py, "x, y") == "('kept', 1)"


def test_waiting_for_a_child_is_interrupted_too(py: Py) -> None:
    shown(py, "x = 1")
    assert "interrupted" in failed(py, f"import os\nos.system('trap \"\" INT TERM; {SLEEP}')", timeout_s=1)
    assert is_gone(SLEEP)
    assert shown(py, "x") == "1"


def test_what_does_not_stop_is_killed_and_what_is_lost_is_named(py: Py) -> None:
    shown(py, "import json\nx, df = 1, 2\n_hidden = 3")
    text = failed(py, UNINTERRUPTIBLE, timeout_s=1)
    assert text.endswith(
        "[stopped after 1 s of time; it did not stop when interrupted: the session begins anew,"
        " variables x, df are gone]"
    )
    assert "NameError" in failed(py, "x")


@pytest.mark.parametrize(
    "code", ["import os; os._exit(0)", "import os; os.kill(os.getpid(), 9)", "import ctypes; ctypes.string_at(0)"]
)
def test_a_process_that_ends_is_told_and_replaced(py: Py, code: str) -> None:
    shown(py, "x = 1")
    text = failed(py, f"print('before')\n{code}")
    assert text.startswith("before\n")
    assert "its process ended" in text
    assert text.endswith("variables x are gone]")
    assert shown(py, "1") == "1"


def test_exit_and_input_leave_the_session_as_it_is(py: Py) -> None:
    shown(py, "x = 1")
    assert failed(py, "import sys; sys.exit(3)") == "[the code called exit(3); the session goes on]"
    assert "EOFError: nobody is there to answer input()" in failed(py, "input('name? ')")
    assert shown(py, "x") == "1"


def test_memory_is_limited_and_its_loss_told(py: Py) -> None:
    shown(py, "x = 1")
    text = failed(py, "b = b'1' * (900 << 20)\nimport time; time.sleep(20)")
    assert "[stopped after 400 MB of memory; " in text
    assert text.endswith("variables x are gone]")


@pytest.mark.parametrize(
    ("code", "limit"),
    [
        ("while True: print('x' * 1000)", "4 MB of output"),
        ("import subprocess\np = [subprocess.Popen(['sleep', '50']) for _ in range(100)]\np[0].wait()", "60 processes"),
        (
            "n = 0\nwhile True:\n  n += 1\n  with open(f'f{n}', 'wb') as f: f.write(b'x' * (10 << 20))",
            "50 MB of new files",
        ),
        ("while True: pass", "2 s of processor time"),
    ],
)
def test_at_the_other_limits_the_variables_are_kept(py: Py, code: str, limit: str) -> None:
    shown(py, "x = 1")
    result = py(code)
    assert result.is_error
    assert f"[interrupted after {limit}; the variables are kept]" in result.content
    assert len(result.content.encode()) <= OUTPUT_LIMIT
    assert shown(py, "x") == "1"


def test_nothing_started_outlives_its_cell(py: Py) -> None:
    shown(py, f"import subprocess\np = subprocess.Popen({SLEEP.split()}, start_new_session=True)\n1")
    assert not any(SLEEP in line for line in command_lines())
    shown(py, f"import os\nos.system('setsid {SLEEP} & (setsid {SLEEP} &)')")
    assert not any(SLEEP in line for line in command_lines())


def test_threads_rest_between_cells(py: Py) -> None:
    shown(
        py,
        "import threading, time\nn = 0\ndef count():\n    global n\n    while True:\n        n += 1\n        time.sleep(0.001)",
    )
    first = int(shown(py, "threading.Thread(target=count, daemon=True).start()\nn"))
    time.sleep(0.3)  # that nothing happens in this time is what is claimed
    assert int(shown(py, "n")) - first < 100


def test_output_after_the_cell_reaches_nobody(py: Py) -> None:
    code = "import os, threading, time\nkept = os.dup(1)\ndef late():\n    time.sleep(0.01)\n    try: os.write(kept, b'late')\n    except OSError: pass\nthreading.Thread(target=late).start()\nprint('now')"
    assert shown(py, code).startswith("now")
    assert shown(py, "time.sleep(0.05)\n1") == "1"


def test_a_cell_can_close_its_output_and_the_next_has_one(py: Py) -> None:
    shown(py, "import os, sys\nos.close(1); os.close(2); sys.stdout.close()")
    assert shown(py, "print('again')") == "again"
    shown(py, "sys.stdout = None")
    assert shown(py, "print('again')") == "again"


def test_forged_messages_misinform_only_about_their_own_cell(py: Py) -> None:
    forge = (
        "import gc, json, os, struct\nb = json.dumps({'token': 'x', 'code': 0, 'kept': True, 'names': [1, {}]}).encode()\n"
        "for fd in range(3, 64):\n  for data in (b, b + b'\\n{}', struct.pack('<I', 9) + b, b'[' * 99_999, b''):\n"
        "    try: os.write(fd, data)\n    except OSError: pass"
    )
    for _ in range(3):
        py(forge)
        assert shown(py, "6 * 7") == "42"


def test_a_reply_forged_with_the_right_token_does_not_end_the_session(py: Py) -> None:
    forge = (
        "import sys\nframe = sys._getframe()\nwhile '_answer' not in frame.f_code.co_name: frame = frame.f_back\n"
        "own = frame.f_locals['self']._keeper; token = frame.f_locals['cell'].header['token']\n"
        'own.send({\'token\': token}, b\'{"names": ["a b", "\\\\u001b[2J", "forged"], "error": 0}\')\nwhile True: pass'
    )
    py(forge)
    text = failed(py, "1", timeout_s=1)
    assert "stopped" in text or "interrupted" in text
    assert shown(py, "2") == "2"


def test_reset_forgets_and_says_what(py: Py) -> None:
    shown(py, "x = 1")
    assert py("print('new')", reset=True).content == "[reset: variables x are gone]\nnew"
    assert "NameError" in failed(py, "x")


def test_await_works_at_the_top(py: Py) -> None:
    assert (
        shown(py, "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 3\nx = await f()\nx") == "3"
    )
    assert shown(py, "await f()") == "3"
    assert "interrupted" in failed(py, "await asyncio.sleep(60)", timeout_s=1)
    assert shown(py, "await f()") == "3"


def test_long_values_are_cut(py: Py) -> None:
    assert shown(py, "list(range(100_000))").startswith("list of 100000, the first 100:\n[0, 1, 2")
    text = shown(py, "'x' * 100_000")
    assert "characters left out" in text
    assert len(text) < 4100
    assert shown(py, "{'a': [1, 2], 'b': {}}") == "{'a': [1, 2], 'b': {}}"


def test_a_repr_that_fails_is_shown_as_that(py: Py) -> None:
    text = shown(py, "class A:\n    def __repr__(self):\n        raise OSError('broken')\nA()")
    assert text == "<A whose repr failed: OSError: broken>"


def test_frames_and_arrays_are_shown_small(py: Py) -> None:
    pytest.importorskip("pandas")
    text = shown(py, "import pandas as pd, numpy as np\npd.DataFrame({'a': range(1000), 'b': 'x'})")
    assert text.startswith("DataFrame, 1000 rows x 2 columns (a int64, b ")
    assert "999  999  x" in text
    assert len(text.splitlines()) < 15
    assert shown(py, "pd.Series([1.5] * 50, name='s')").startswith("Series of 50, float64\n")
    assert shown(py, "np.zeros((300, 300))").startswith("array (300, 300) float64\n[[0. 0. 0. ... 0. 0. 0.]")
    assert len(shown(py, "pd.DataFrame(np.zeros((50, 300)))")) < 4500


def test_open_figures_are_saved(py: Py, workspace: Path) -> None:
    plot = "import matplotlib.pyplot as plt\nlines = plt.plot([1, 3, 2])"
    assert shown(py, plot).endswith("[figure saved: figures/figure-1.png]")
    assert shown(py, "lines = plt.plot([2, 1])").endswith("[figure saved: figures/figure-2.png]")
    assert (workspace / "figures/figure-2.png").read_bytes().startswith(b"\x89PNG")


def test_workspace_packages_may_be_called_like_ours(py: Py, workspace: Path) -> None:
    (workspace / "tool").mkdir()
    (workspace / "tool/__init__.py").write_text("name = 'theirs'")
    assert shown(py, "import tool\ntool.name") == "'theirs'"


def test_two_sessions_do_not_share_variables(sandbox: Sandbox, outputs: FileOutputs) -> None:
    boxes = [ToolBox([python_session_tool(sandbox, outputs)], outputs) for _ in range(2)]

    async def scenario() -> list[str]:
        for n, box in enumerate(boxes):
            await box.run(ToolCall("1", "pyexe", {"code": f"x = {n}"}))
        results = await asyncio.gather(*(box.run(ToolCall("2", "pyexe", {"code": "x"})) for box in boxes))
        return [result.content for result in results]

    assert asyncio.run(scenario()) == ["0", "1"]


def test_cells_sent_at_once_run_one_after_another(sandbox: Sandbox, outputs: FileOutputs) -> None:
    box = ToolBox([python_session_tool(sandbox, outputs)], outputs)

    async def scenario() -> list[ToolResult]:
        await box.run(ToolCall("0", "pyexe", {"code": "l = []"}))
        return await asyncio.gather(
            *(box.run(ToolCall(str(n), "pyexe", {"code": f"l.append({n}); len(l)"})) for n in range(4))
        )

    assert [result.content for result in asyncio.run(scenario())] == ["1", "2", "3", "4"]


def test_cancellation_interrupts_and_keeps_the_variables(
    sandbox: Sandbox, outputs: FileOutputs, workspace: Path
) -> None:
    box = ToolBox([python_session_tool(sandbox, outputs)], outputs)

    async def scenario(code: str) -> str:
        await box.run(ToolCall("0", "pyexe", {"code": "x = 1"}))
        running = asyncio.create_task(box.run(ToolCall("1", "pyexe", {"code": f"open('on', 'w')\n{code}"})))
        deadline = time.monotonic() + 10
        while not (workspace / "on").exists() and time.monotonic() < deadline:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        (workspace / "on").unlink()
        return (await box.run(ToolCall("2", "pyexe", {"code": "print('x' in globals())"}))).content

    assert asyncio.run(scenario("while True: pass")) == "True"
    assert asyncio.run(scenario(UNINTERRUPTIBLE)) == (
        "False\n[the cell that was cancelled did not stop when interrupted: the session begins anew, variables x are gone]"
    )


def test_a_session_that_died_between_two_cells_is_told(sandbox: Sandbox, py: Py) -> None:
    shown(py, "x = 1")
    for number in map(int, children()):
        os.kill(number, 9)
        os.waitid(os.P_PID, number, os.WEXITED | os.WNOWAIT)
    text = py("1").content
    assert text == "1\n[it had ended since the last call: the session begins anew, variables x are gone]"


def test_a_session_ends_with_its_supervisor(workspace: Path, outputs: FileOutputs) -> None:
    needs.bubblewrap()
    sandbox = Sandbox(Confinement(workspace, python=running_python()), level=Level.LANDLOCK)
    box = ToolBox([python_session_tool(sandbox, outputs)], outputs)
    pid = asyncio.run(box.run(ToolCall("call", "pyexe", {"code": "import os; os.getpid()"}))).content
    for number in map(int, children()):
        os.kill(number, 9)
    deadline = time.monotonic() + 5
    while (Path("/proc") / pid).exists() and time.monotonic() < deadline:
        os.sched_yield()
    assert not (Path("/proc") / pid).exists()
    sandbox.close()


def test_the_tool_says_that_it_runs_things(sandbox: Sandbox, outputs: FileOutputs) -> None:
    tool = python_session_tool(sandbox, outputs)
    assert tool.effect is Effect.RUNS
    assert list(tool.spec.parameters["properties"]) == ["code", "timeout_s", "reset"]
