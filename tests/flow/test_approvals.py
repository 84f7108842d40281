"""What runs freely, what a person is asked, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.errors import UsageError
from core.protocols import Allow, Ask, Refuse, Verdict
from core.types import Effect, Mode, Opening, OpeningKind, Permission, ToolCall
from flow.policies.approvals import PLANNING, Approvals
from flow.policies.command_approvals import DENIED, DENIED_BY_RULE, TOO_LONG
from flow.policies.needs import GIT, NETWORK
from flow.policies.permissions import Rules, load_rules, parse_rules, plain_words
from flow.policies.visible import LONGEST, show
from tests.fakes import session

HERE = Path(__file__).parent
EFFECTS = {"shell": Effect.RUNS, "read_file": Effect.READS, "write_file": Effect.WRITES, "fetch": Effect.NETWORK}


def listed(name: str) -> list[str]:
    """Return the commands of a data file."""
    lines = [line for line in (HERE / name).read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return [re.sub(r"<U\+([0-9A-F]{4,6})>", lambda found: chr(int(found[1], 16)), line) for line in lines]


EVERYDAY, DANGEROUS = listed("everyday_commands.txt"), listed("dangerous_commands.txt")


class Remembered:
    """Permissions in memory, compared as the store compares them."""

    def __init__(self) -> None:
        self.saved: list[Permission] = []

    def find(self, workspace: str, tool: str, command: str, opening: Opening | None) -> bool | None:
        same = [p for p in self.saved if (p.workspace, p.tool, p.command) == (workspace, tool, command)]
        if any(not p.allowed for p in same):
            return False
        return True if any(p.opening == opening for p in same) else None

    def remember(self, permission: Permission) -> None:
        self.saved.append(permission)

    def list(self, workspace: str) -> Sequence[Permission]:
        return self.saved

    def forget(self, workspace: str, number: int) -> None:
        self.saved.pop(number)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "project"
    (path / "src").mkdir(parents=True)
    return path


def policy(
    workspace: Path,
    mode: Mode = Mode.ASK,
    permissions: Remembered | None = None,
    sandboxed: bool = True,
    rules: Rules | None = None,
    closed: Sequence[Path] = (),
    offline: bool = False,
    can_open: bool = True,
) -> Approvals:
    return Approvals(
        mode,
        workspace,
        permissions or Remembered(),
        lambda: sandboxed,
        effect=EFFECTS.__getitem__,
        rules=rules,
        closed=closed,
        offline=offline,
        can_open=lambda: can_open,
    )


def shell(approvals: Approvals, command: str) -> Verdict:
    return approvals.judge(session(), ToolCall("c1", "shell", {"command": command}))


def asked(verdict: Verdict) -> Ask:
    assert isinstance(verdict, Ask), verdict
    return verdict


def answer(ask: Ask, allowed: bool) -> None:
    assert ask.remember
    ask.remember(allowed)


def test_the_lists_are_as_long_as_they_claim() -> None:
    assert len(set(EVERYDAY)) >= 150
    assert len(set(DANGEROUS)) >= 100


@pytest.mark.parametrize("command", EVERYDAY)
def test_everyday_work_asks_nothing(command: str, workspace: Path) -> None:
    assert shell(policy(workspace), command) == Allow()


@pytest.mark.parametrize("command", DANGEROUS)
def test_what_reaches_out_asks_or_is_refused(command: str, workspace: Path) -> None:
    assert isinstance(shell(policy(workspace), command), Ask | Refuse)


def test_auto_mode_never_asks_and_opens_nothing(workspace: Path) -> None:
    judge = policy(workspace, Mode.AUTO)
    verdicts = {command: shell(judge, command) for command in DANGEROUS}
    assert [command for command, v in verdicts.items() if v != Allow() and not isinstance(v, Refuse)] == []


def test_offline_nothing_opens_the_network(workspace: Path) -> None:
    permissions = Remembered()
    permissions.remember(Permission(str(workspace), "shell", "npm install", NETWORK, allowed=True))
    rules = Rules(allow=("pip install requests",), network=("make download",))
    judge = policy(workspace, permissions=permissions, rules=rules, offline=True)
    for command in ("npm install", "pip install requests", "make download", "curl https://example.org"):
        verdict = shell(judge, command)
        assert isinstance(verdict, Refuse), command
        assert "offline" in verdict.reason
    assert asked(shell(judge, "git commit -m x")).opening == GIT


def test_nothing_is_asked_that_no_yes_could_open(workspace: Path) -> None:
    judge = policy(workspace, can_open=False)
    for command in ("npm install", "git commit -m x", f"ls {workspace.parent}"):
        assert isinstance(shell(judge, command), Refuse), command
    assert shell(judge, "ls") == Allow()
    for path in ("/etc/shadow", "/etc/sudoers", "/boot/config", "/etc/nginx/nginx.conf"):
        assert isinstance(shell(policy(workspace), f"cat {path}"), Refuse), path


def test_a_remembered_yes_lets_no_dangerous_neighbour_through(workspace: Path) -> None:
    permissions = Remembered()
    remembered = ("git commit -m x", "pip install requests", "npm install", "ls", "git push")
    for command in remembered:
        for opening in (NETWORK, GIT, None):
            permissions.remember(Permission(str(workspace), "shell", command, opening, True))
    judge = policy(workspace, permissions=permissions)
    others = [command for command in DANGEROUS if command not in remembered]
    assert [command for command in others if not isinstance(shell(judge, command), Ask | Refuse)] == []


def test_a_rule_with_stars_lets_nothing_more_through(workspace: Path) -> None:
    rules = parse_rules('allow = [["git", "commit", "-m", "*"], ["pip", "install", "*"], ["ls", "*"]]', "x")
    judge = policy(workspace, rules=rules)
    free = [command for command in DANGEROUS if not isinstance(shell(judge, command), Ask | Refuse)]
    assert free == ["pip install requests", 'git commit -m "x"']


@pytest.mark.parametrize(
    ("command", "opening"),
    [
        ("pip install x", NETWORK),
        ("cd src && pip install -r requirements.txt && pytest", NETWORK),
        ("git clone https://example.com/x.git vendor/x", NETWORK),
        ("git push", NETWORK),
        ("git commit -am 'x'", GIT),
        ("git commit -m \"$(cat <<'EOF'\nfix: don't\nEOF\n)\"", GIT),
        ("rm -f .git/index.lock", GIT),
        ("git fetch ./.fetched", GIT),
        ("python scrape.py --url=https://example.com", NETWORK),
    ],
)
def test_an_approval_opens_exactly_what_is_needed(command: str, opening: Opening, workspace: Path) -> None:
    assert asked(shell(policy(workspace), command)).opening == opening


def test_a_path_outside_is_opened_as_narrowly_as_it_can_be(workspace: Path) -> None:
    other = workspace.parent / "other"
    other.mkdir()
    (other / "a.txt").touch()
    judge = policy(workspace)
    for command, path in [
        (f"cat {other}/a.txt", other / "a.txt"),
        ("cat ../other/a.txt", other / "a.txt"),
        (f"cp src/x {other}/new.txt", other),
        (f"ls > {other}/new.txt", other),
        (f"grep -r needle {other}", other),
        (f"cat {other}/*.txt", other),
        (f"tar xf a.tar -C {other}", other),
        ("cat ../other/$x", other),
        (f"cd {other} && cat a.txt", other),
    ]:
        if path == other / "a.txt" or " && " not in command:
            assert asked(shell(judge, command)).opening == Opening(OpeningKind.PATH, str(path)), command
        else:
            assert isinstance(shell(judge, command), Ask | Refuse)


def test_the_question_names_where_a_link_leads(workspace: Path) -> None:
    secret, link = workspace.parent / "secret", workspace.parent / "harmless"
    secret.mkdir()
    link.symlink_to(secret)
    ask = asked(shell(policy(workspace), f"ls {link}"))
    assert ask.opening == Opening(OpeningKind.PATH, str(secret))
    assert str(secret) in ask.question


@pytest.mark.parametrize("path", ["/", "/home", "..", "../..", "../state", "../state/agent.db", "../link/agent.db"])
def test_too_much_and_the_agents_own_state_are_never_opened(path: str, workspace: Path) -> None:
    state = workspace.parent / "state"
    state.mkdir()
    (state / "agent.db").touch()
    (workspace.parent / "link").symlink_to(state)
    assert isinstance(shell(policy(workspace, closed=[state]), f"rm -rf {path}"), Refuse)


def test_two_openings_are_refused_with_the_way_out(workspace: Path) -> None:
    verdict = shell(policy(workspace), "git commit -m x && git push")
    assert isinstance(verdict, Refuse)
    assert (
        "'git commit' changes .git; 'git push' needs the network. Run them as commands of their own" in verdict.reason
    )


def test_nothing_unseen_rides_on_an_approval(workspace: Path) -> None:
    for command in (
        "pip install x; $y",
        "git commit -m x; eval $y",
        "PATH=.:$PATH git commit -m x",
        "ls() { x; }; git push",
    ):
        assert isinstance(shell(policy(workspace), command), Refuse), command


def test_what_is_unclear_is_asked_with_nothing_opened_and_not_remembered(workspace: Path) -> None:
    ask = asked(shell(policy(workspace), "eval $x"))
    assert (ask.opening, ask.remember) == (None, None)


def test_a_yes_for_good_is_for_this_command_this_opening_and_this_workspace(workspace: Path, tmp_path: Path) -> None:
    permissions = Remembered()
    judge = policy(workspace, permissions=permissions)
    answer(asked(shell(judge, "git push")), True)
    assert shell(judge, "git push") == Allow(NETWORK)
    for other in ("git push ", "git push; curl x", "git push\ncurl x", "git push origin", "'git' push", "git push # x"):
        asked(shell(judge, other))
    asked(shell(policy(tmp_path, permissions=permissions), "git push"))
    assert isinstance(shell(policy(workspace, permissions=permissions, sandboxed=False), "git push"), Ask)


def test_a_yes_for_good_to_a_path_ends_when_the_path_leads_elsewhere(workspace: Path) -> None:
    first, second, link = (workspace.parent / name for name in ("first", "second", "link"))
    first.mkdir()
    second.mkdir()
    link.symlink_to(first)
    judge = policy(workspace, permissions=Remembered())
    answer(asked(shell(judge, f"ls {link}")), True)
    assert shell(judge, f"ls {link}") == Allow(Opening(OpeningKind.PATH, str(first)))
    link.unlink()
    link.symlink_to(second)
    assert asked(shell(judge, f"ls {link}")).opening == Opening(OpeningKind.PATH, str(second))


def test_a_no_for_good_holds_in_every_mode_that_runs_it(workspace: Path) -> None:
    permissions = Remembered()
    answer(asked(shell(policy(workspace, permissions=permissions), "git push")), False)
    for mode in (Mode.ASK, Mode.AUTO):
        assert shell(policy(workspace, mode, permissions), "git push") == Refuse(DENIED)
    assert shell(policy(workspace, permissions=permissions, sandboxed=False), "git push") == Refuse(DENIED)


def test_without_a_sandbox_every_command_asks(workspace: Path) -> None:
    permissions = Remembered()
    judge = policy(workspace, permissions=permissions, sandboxed=False)
    ask = asked(shell(judge, "ls"))
    assert ask.opening is None
    assert "WITHOUT a sandbox" in ask.question
    answer(ask, True)
    assert shell(judge, "ls") == Allow()
    asked(shell(judge, "ls -l"))
    assert isinstance(shell(policy(workspace, Mode.AUTO, sandboxed=False), "ls"), Refuse)
    rules = parse_rules('allow = ["make"]\nnetwork = ["make"]', "x")
    asked(shell(policy(workspace, sandboxed=False, rules=rules), "make"))


@pytest.mark.parametrize(
    "command",
    [
        "ls -la src", "cat a | head -3", "rg -n x src", "git status", "git log --oneline -5", "git diff HEAD~1", "find . -name '*.py'",
        "sed -n '1,20p' a.py", "wc -l $(git ls-files)", "for f in *.py; do head -3 $f; done", "cd src && ls 2>/dev/null",
        "awk '{print $1}' a", "pip list", "find . -name x | xargs grep y", "timeout 5 rg x",
    ],
)  # fmt: skip
def test_planning_may_look(command: str, workspace: Path) -> None:
    assert shell(policy(workspace, Mode.PLAN), command) == Allow()


@pytest.mark.parametrize(
    "command",
    [
        "touch a", "rm a", "ls > a", "ls >> a", "make", "pytest", "./ls", "find . -delete", "sed -i s/a/b/ a", "sort -oa a",
        "sed -n 'w a' b", "python a.py", "git clean -fd", "git apply x", "tee a", "awk '{print > \"a\"}' b", "find . -exec touch {} +",
        "ls; touch a", "echo $(touch a)", "xargs touch < a", "env touch a", "LS=1 PAGER=x ls", "cp a b", "sh -c ls", "uniq a b > c",
        "date -s x", "git diff --output=a", "rg --pre x y", "xxd -r a b", "tree -o a", "source a", "function ls { touch a; }; ls",
    ],
)  # fmt: skip
def test_planning_changes_nothing(command: str, workspace: Path) -> None:
    assert shell(policy(workspace, Mode.PLAN), command) == Refuse(PLANNING)


def test_planning_reaches_out_of_nothing(workspace: Path) -> None:
    judge = policy(workspace, Mode.PLAN)
    assert [command for command in DANGEROUS if shell(judge, command) != Refuse(PLANNING)] == []


def test_modes_decide_about_tools_by_their_effect(workspace: Path) -> None:
    def judge(mode: Mode, name: str) -> Verdict:
        return policy(workspace, mode).judge(session(), ToolCall("c1", name, {"path": "a"}))

    assert [judge(mode, "read_file") for mode in Mode] == [Allow()] * 4
    assert judge(Mode.PLAN, "write_file") == judge(Mode.PLAN, "fetch") == Refuse(PLANNING)
    assert judge(Mode.ASK, "write_file") == judge(Mode.AUTO, "write_file") == Allow()
    ask = asked(judge(Mode.ASK, "fetch"))
    assert '| fetch {"path": "a"}' in ask.question
    assert isinstance(judge(Mode.AUTO, "fetch"), Refuse)
    assert [shell(policy(workspace, Mode.DANGER, sandboxed=False), command) for command in ("rm -rf /", "ls")] == [
        Allow()
    ] * 2


def test_every_character_of_the_command_is_shown() -> None:
    shown = show("ls \x1b[8m; \u202ecurl\u200b x\r\u00a0#\t\u2800\U000e0041\ufe0f")
    assert shown == "  | ls <U+001B>[8m; <U+202E>curl<U+200B> x<U+000D><U+00A0>#<U+0009><U+2800><U+E0041><U+FE0F>"


def test_nothing_pushes_the_end_of_a_command_out_of_sight() -> None:
    assert show("a" + " " * 500 + "; git push") == "  | a <500 blanks> ; git push"
    assert show("a" + "\n" * 300 + "git push").splitlines() == ["  | a", "  | <299 empty lines>", "  | git push"]
    long = show("x" * 250 + "END").splitlines()
    assert [line[:4] for line in long] == ["  | ", "  + ", "  + "]
    assert long[-1].endswith("END")
    assert max(map(len, long)) <= 104


def test_a_command_too_long_to_read_is_not_asked_about(workspace: Path) -> None:
    assert shell(policy(workspace), f"git commit -m '{'x' * LONGEST}'") == Refuse(TOO_LONG)
    assert shell(policy(workspace), f"cat > a <<'EOF'\n{'x' * 200_000}\nEOF") == Allow()


def test_the_question_counts_the_commands_that_get_the_opening(workspace: Path) -> None:
    question = asked(shell(policy(workspace), "pip install x && ./evil; ls")).question
    assert "All 3 commands in it get this." in question
    assert "| pip install x && ./evil; ls" in question


def test_rules_of_the_person_allow_exact_commands_and_single_words(workspace: Path) -> None:
    rules = parse_rules('allow = ["git push", ["git", "commit", "-m", "*"]]', "x")
    judge = policy(workspace, rules=rules)
    for mode in (Mode.ASK, Mode.AUTO):
        assert shell(policy(workspace, mode, rules=rules), "git push") == Allow(NETWORK)
    for command in ("git commit -m x", "git commit -m 'two words'", 'git commit -m "a; b"', "git  commit   -m x"):
        assert shell(judge, command) == Allow(GIT), command
    for command in (
        "git commit -m x y", "git commit -m", "git commit -m --amend", "git commit -m $x", 'git commit -m "$(id)"', "git commit -m *",
        "git commit -m x; ls", "git commit -m x > a", "A=b git commit -m x", "git commit -m x &", "git commit -m x\nls", "git push ",
        "git commit -m `id`", "git commit -m {a,b}", "git commit -m x | cat", "(git commit -m x)", "git commit -m 'x' # y", "! git commit -m x",
        "git commit -m $'x'", "env git commit -m x", "git commit -m ~", "git commit -m x\\\ny",
    ):  # fmt: skip
        if not isinstance(shell(judge, command), Ask | Refuse):
            pytest.fail(command)


def test_a_star_opens_no_path(workspace: Path) -> None:
    other = workspace.parent / "other"
    other.mkdir()
    starred = parse_rules('allow = [["ls", "*"]]', "x")
    asked(shell(policy(workspace, rules=starred), f"ls {other}"))
    spelled = parse_rules(f'allow = [["ls", "{other}"]]', "x")
    assert shell(policy(workspace, rules=spelled), f"ls {other}") == Allow(Opening(OpeningKind.PATH, str(other)))


def test_rules_of_the_person_refuse_wherever_the_command_stands(workspace: Path) -> None:
    rules = parse_rules('deny = [["git", "clean"], "make deploy"]\nallow = ["git clean -fd"]', "x")
    for command in (
        "git clean -fd",
        "ls; git clean",
        "env A=1 git clean -x",
        "make deploy",
        "echo $(make deploy)",
        "timeout 5 git clean",
    ):
        assert shell(policy(workspace, rules=rules), command) == Refuse(DENIED_BY_RULE), command
    assert shell(policy(workspace, rules=rules), "make deployment") == Allow()


def test_a_rule_can_open_the_network_to_what_does_not_look_like_it(workspace: Path) -> None:
    rules = parse_rules('network = [["make", "data"]]', "x")
    assert shell(policy(workspace, rules=rules), "make data") == Allow(NETWORK)
    assert shell(policy(workspace, rules=rules), "make data; ./x") == Allow()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("allow = [", "is no TOML"),
        ("alow = []", "no list 'alow'; there are: allow, deny, network"),
        ('allow = "git push"', "write a list of commands"),
        ("allow = [1]", "write a whole command or a list of words"),
        ("allow = [[]]", "write a whole command or a list of words"),
        ('allow = [["*", "x"]]', "name the program"),
        ('allow = [""]', "write a whole command"),
    ],
)
def test_a_wrong_rule_is_told_with_its_file(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "permissions.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=re.escape(said)) as error:
        load_rules(path)
    assert str(path) in str(error.value)


def test_no_file_means_no_rules(tmp_path: Path) -> None:
    assert load_rules(tmp_path / "permissions.toml") == Rules()


def test_the_example_in_the_documentation_is_read() -> None:
    page = (HERE.parents[1] / "docs/how-to/approve-commands.md").read_text("utf-8")
    example = page.partition("```toml\n")[2].partition("```")[0]
    rules = parse_rules(example, "the page")
    assert rules.allow and rules.deny and rules.network


def test_only_one_plain_program_has_plain_words() -> None:
    assert plain_words("git commit -m 'a b'") == ("git", "commit", "-m", "a b")
    assert plain_words("git commit -m x;") is None
    assert plain_words("") is None
