"""Command lines taken apart into what bash would run."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from flow.policies.shell_grammar import MOST_COMMANDS, Command, read_script
from flow.policies.shell_words import UNKNOWN


def texts(command: Command) -> list[str]:
    return [word.text for word in command.words]


def programs(text: str) -> list[list[str]]:
    return [texts(command) for command in read_script(text).commands if command.words]


@pytest.mark.parametrize(
    "text",
    [
        "a; b", "a && b", "a || b", "a | b", "a |& b", "a & b", "a\nb", "(a; b)", "{ a; b; }", "if a; then b; fi",
        "while a; do b; done", "! a; b", "a <(b)", "a > >(b)", 'a "$(b)"', "a `b`", "x=$(a); b", "a <<E\n$(b)\nE",
        "case x in y) a;; z) b;; esac", "a ${x:-$(b)}", "for i in 1; do a; b; done", "export X=$(b); a", "a <<E && b\nE",
    ],
)  # fmt: skip
def test_no_command_hides_in_the_structure(text: str) -> None:
    found = [words[0] for words in programs(text)]
    assert {"a", "b"} <= set(found)


@pytest.mark.skipif(not shutil.which("bash"), reason="compares with bash")
@pytest.mark.parametrize(
    "word",
    [
        "curl", "'curl'", '"cu"rl', "c''url", "\\curl", "c\\url", "$'\\x63url'", "$'\\143\\u0075rl'", '"a b"', "a\\ b", "'a\"b'",
        '"a\\"b"', '"a\\b"', "$'a\\tb\\'c'", '"\\$x"', "''", "a'b'\"c\"d", "é", "'$(x)'", "a=b", "--x='y z'", '"a\\\nb"',
    ],
)  # fmt: skip
def test_a_word_is_what_bash_makes_of_it(word: str) -> None:
    printed = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, text=True, check=True).stdout
    (command,) = read_script(f"printf %s {word}").commands
    assert texts(command) == ["printf", "%s", printed]
    assert command.words[2].is_known


@pytest.mark.parametrize(
    "word", ["$x", "a$x", "${x:-curl}", "$(echo curl)", "`x`", "/usr/bin/c*l", "{curl,x}", "c?rl", "${x@P}"]
)
def test_what_only_running_can_tell_is_not_guessed(word: str) -> None:
    words = [command.words[0] for command in read_script(f"true; {word} b").commands if command.words]
    broken = read_script(f"true; {word} b").is_broken
    assert broken or any(not each.is_known for each in words)


def test_variables_with_plain_values_are_followed() -> None:
    assert ["git", "push", "x"] in programs("c='git push'; $c x")
    assert ["echo", "ab c"] in programs('x=b; echo "a$x c"')
    assert UNKNOWN in programs("for c in a b; do $c; done")[0][0]


def test_the_folder_of_each_command_is_followed() -> None:
    folders = {
        texts(command)[0]: command.folder
        for command in read_script("a; (cd x && b); cd y; c; cd $z; d").commands
        if command.words
    }
    assert folders == {"a": ".", "b": "./x", "c": "./y", "cd": "./y", "d": None}


def test_what_a_shell_reads_is_kept() -> None:
    assert read_script("sh <<'E'\ncurl x\nE").commands[-1].given == "curl x\n"
    assert read_script("sh <<< 'curl x'").commands[-1].given == "curl x"
    assert read_script("echo 'curl x' | sh").commands[-1].given == "curl x"
    assert read_script("base64 -d x | sh").commands[-1].piped == "base64"


@pytest.mark.parametrize(
    "text", ["a\rb", "a \x0b b", "a\x00", "cu\\\nrl x", "[[ -v 'x[$(a)]' ]]", "echo ${x@P}", "echo ${!x}"]
)
def test_what_cannot_be_seen_through_is_said(text: str) -> None:
    assert read_script(text).doubts


def test_more_commands_than_are_looked_at_are_a_doubt() -> None:
    assert not read_script(";".join(["true"] * MOST_COMMANDS)).doubts
    assert read_script(";".join(["true"] * (MOST_COMMANDS + 1))).doubts


def test_deep_nesting_is_a_doubt_and_no_crash() -> None:
    assert read_script("(" * 3000 + "a" + ")" * 3000).doubts
    assert read_script("echo " + "$(" * 2000 + "a" + ")" * 2000).doubts


@pytest.mark.parametrize(
    "text", ["", " ", "#", "'", '"', "$(", "<<", "<<E", "|", "&&", ")", "}", "\ud800", "if", "a <", "(((", "${"]
)
def test_any_text_can_be_read(text: str) -> None:
    """Without an exception, and the same way each time."""
    assert read_script(text) == read_script(text)
