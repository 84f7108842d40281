"""Settings and where each comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from boot.settings import SETTINGS, load_settings, variable_of
from core.errors import UsageError


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return {"config": tmp_path / "config.toml", "dotenv": tmp_path / ".env"}


def load(files: dict[str, Path], environment: dict[str, str] | None = None, **flags: object):  # type: ignore[no-untyped-def]
    variables = {"AGENT_CONFIG": str(files["config"])} | (environment or {})
    return load_settings(flags, variables, files["dotenv"])


def test_later_sources_win_and_each_value_knows_its_origin(files: dict[str, Path]) -> None:
    files["config"].write_text('model = "of the file"\nmax_steps = 5\ntemperature = 0.5\nenable_shell = false\n')
    files["dotenv"].write_text("# a comment\nexport AGENT_MAX_STEPS='6'\nOTHER_KEY=x\nAGENT_LOG_LEVEL=debug\n")
    settings = load(files, {"AGENT_MODEL": "of the environment"}, max_steps=7)
    assert (settings.model, settings.max_steps, settings.temperature) == ("of the environment", 7, 0.5)
    assert (settings.enable_shell, settings.log_level) == (False, "DEBUG")
    assert settings.origin["model"] == "environment AGENT_MODEL"
    assert settings.origin["max_steps"] == "--max-steps"
    assert settings.origin["log_level"] == str(files["dotenv"])
    assert settings.origin["temperature"] == str(files["config"])
    assert settings.origin["api_key"] == "default"


def test_without_anything_there_are_defaults(files: dict[str, Path]) -> None:
    settings = load(files)
    assert (settings.model, settings.max_steps, settings.enable_shell) == (None, 20, True)
    assert settings.workspace_folder == settings.home_folder
    assert load(files, {"AGENT_HOME": "", "AGENT_MAX_STEPS": ""}) == settings
    assert settings.home_folder.name == "workspace"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("max_steps", value) for value in ("0", "-1", "two", "1.5")),
        *(("temperature", value) for value in ("hot", "-0.1", "2.1", "nan")),
        *(("idle_timeout_s", value) for value in ("0", "-5", "inf", "soon")),
        ("enable_shell", "perhaps"),
        ("log_level", "loud"),
    ],
)
def test_a_bad_value_is_told_with_its_source(files: dict[str, Path], name: str, value: str) -> None:
    with pytest.raises(UsageError, match=rf"environment {variable_of(name)}: {name} cannot be {value!r}: expected"):
        load(files, {variable_of(name): value})


def test_an_unknown_setting_in_a_file_is_told_with_what_there_is(files: dict[str, Path]) -> None:
    files["config"].write_text("max_stepps = 3\n")
    with pytest.raises(UsageError, match=r"config.toml: no setting 'max_stepps'; there are: .*max_steps"):
        load(files)


@pytest.mark.parametrize("text", ["model = ", "\xff\xfe"])
def test_a_broken_config_file_is_told(files: dict[str, Path], text: str) -> None:
    files["config"].write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"cannot read the config file .*config\.toml"):
        load(files)


def test_a_file_of_the_project_being_worked_on_is_never_read(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / ".env").write_text("AGENT_MODEL_URL=http://evil.example/v1\n")
    (project / "config.toml").write_text('model_url = "http://evil.example/v1"\n')
    monkeypatch.chdir(project)
    assert load(files, workspace=str(project)).model_url is None


def test_a_switch_reads_what_people_write(files: dict[str, Path]) -> None:
    for text, value in (("1", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False), ("off", False)):
        assert load(files, {"AGENT_ENABLE_SHELL": text}).enable_shell is value


def test_an_error_does_not_show_a_secret(files: dict[str, Path]) -> None:
    assert SETTINGS["api_key"].metadata["secret"]
    files["dotenv"].write_text("AGENT_API_KEY=sk-very-secret\nAGENT_MAX_STEPS=no\n")
    with pytest.raises(UsageError) as caught:
        load(files)
    assert "very-secret" not in str(caught.value)
