"""Options of the three sources: what the settings must be together, where secrets come from, what is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.errors import SettingsError
from lakehouse_assets.settings import Settings, load_settings
from lakehouse_assets.sources.kinesis_options import kinesis_options
from lakehouse_assets.sources.places import destination
from lakehouse_assets.sources.postgres_options import postgres_options
from lakehouse_assets.sources.sftp_options import sftp_options
from lakehouse_assets_tests.secret_file import secret_file

HOST = {"postgres_host": "db.example.org", "postgres_database": "shop", "postgres_user": "reader"}


def settings(home: Path, **values: object) -> Settings:
    return Settings.model_validate({"home": home} | values)


def sftp_settings(home: Path, **values: object) -> Settings:
    (home / "known_hosts").write_text("sftp.example.org ssh-ed25519 AAAA\n")
    known = {"sftp_host": "sftp.example.org", "sftp_user": "lake", "sftp_known_hosts": home / "known_hosts"}
    return settings(home, **(known | values))


def test_sftp_with_a_password(tmp_path: Path) -> None:
    options = sftp_options(sftp_settings(tmp_path, sftp_password="planted", sftp_folder="/out"))
    assert options.password is not None
    assert options.password.get_secret_value() == "planted"
    assert (options.host, options.port, options.user, options.folder) == ("sftp.example.org", 22, "lake", "/out")
    assert (options.settle_seconds, options.timeout_seconds, options.key_file) == (60, 30, None)
    assert "planted" not in repr(options) + str(options)


def test_sftp_with_a_key(tmp_path: Path) -> None:
    key = secret_file(tmp_path, "a key")
    options = sftp_options(sftp_settings(tmp_path, sftp_key_file=key))
    assert (options.key_file, options.password) == (key, None)


def test_sftp_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    key = secret_file(tmp_path, "a key", 0o644)
    with pytest.raises(SettingsError, match=r"LAKEHOUSE_SFTP_KEY_FILE: .* \(mode 0644\)"):
        sftp_options(sftp_settings(tmp_path, sftp_key_file=key))


@pytest.mark.parametrize("absent", ["sftp_user", "sftp_known_hosts"])
def test_sftp_by_halves_is_refused(tmp_path: Path, absent: str) -> None:
    with pytest.raises(SettingsError, match="needs LAKEHOUSE_SFTP_USER and LAKEHOUSE_SFTP_KNOWN_HOSTS"):
        sftp_options(sftp_settings(tmp_path, sftp_password="planted", **{absent: None}))


def test_sftp_with_key_and_password_or_none_of_them_is_refused(tmp_path: Path) -> None:
    both = sftp_settings(tmp_path, sftp_password="planted", sftp_key_file=secret_file(tmp_path, "a key"))
    for wrong in (both, sftp_settings(tmp_path)):
        with pytest.raises(SettingsError, match=r"Either LAKEHOUSE_SFTP_KEY_FILE or LAKEHOUSE_SFTP_PASSWORD"):
            sftp_options(wrong)


def test_sftp_without_the_pinned_key_is_refused(tmp_path: Path) -> None:
    wrong = sftp_settings(tmp_path, sftp_password="planted", sftp_known_hosts=tmp_path / "absent")
    with pytest.raises(SettingsError, match=r"LAKEHOUSE_SFTP_KNOWN_HOSTS: .*absent is no file"):
        sftp_options(wrong)


def test_postgres_from_its_parts(tmp_path: Path) -> None:
    options = postgres_options(settings(tmp_path, **HOST, postgres_password_file=secret_file(tmp_path, "pla@nted")))
    url = options.url.render_as_string(hide_password=False)
    assert url == "postgresql+psycopg://reader:pla%40nted@db.example.org:5432/shop"
    assert (options.schema, options.table) == ("public", "users")
    assert (options.safety_seconds, options.lookback_seconds, options.timeout_seconds) == (30, 3600, 60)
    assert options.reconcile_days == 7
    assert "nted" not in repr(options) + str(options)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgres_from_a_url_with_and_without_its_password(tmp_path: Path, scheme: str) -> None:
    whole = postgres_options(settings(tmp_path, postgres_url=f"{scheme}://reader:planted@db:6000/shop?sslmode=require"))
    parts = postgres_options(
        settings(tmp_path, postgres_url=f"{scheme}://reader@db:6000/shop?sslmode=require", postgres_password="planted")
    )
    expected = "postgresql+psycopg://reader:planted@db:6000/shop?sslmode=require"
    assert [each.url.render_as_string(hide_password=False) for each in (whole, parts)] == [expected, expected]


@pytest.mark.parametrize("url", ["mysql://reader:planted@db/shop", "planted", "://planted", "sqlite:///planted.db"])
def test_url_of_something_else_is_refused_without_showing_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match=r"LAKEHOUSE_POSTGRES_URL is no URL of Postgres") as refused:
        postgres_options(settings(tmp_path, postgres_url=url))
    assert "planted" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            HOST | {"postgres_url": "postgresql://db/shop"},
            "_URL and LAKEHOUSE_POSTGRES_HOST are both",
        ),
        (HOST | {"postgres_user": None}, "needs LAKEHOUSE_POSTGRES_DATABASE and LAKEHOUSE_POSTGRES_USER"),
        (HOST | {"postgres_database": None}, "needs LAKEHOUSE_POSTGRES_DATABASE and LAKEHOUSE_POSTGRES_USER"),
        ({"postgres_url": "postgresql://a:b@db/shop", "postgres_password": "c"}, "URL holds a password and"),
        ({"postgres_url": "postgresql://a@db/shop?password=planted"}, r"has its password behind the `\?`"),
    ],
)
def test_postgres_settings_that_do_not_go_together_are_refused(
    tmp_path: Path, values: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        postgres_options(settings(tmp_path, **values))
    assert "planted" not in str(refused.value)


def test_kinesis(tmp_path: Path) -> None:
    options = kinesis_options(settings(tmp_path, kinesis_stream="clicks", kinesis_endpoint_url="http://127.0.0.1:1"))
    assert (options.stream, options.region, options.endpoint_url) == ("clicks", None, "http://127.0.0.1:1")
    assert (options.batch_bytes, options.batch_seconds) == (16_777_216, 60)
    assert (options.lag_warn_percent, options.timeout_seconds) == (75, 30)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kinesis_stream": ""}, "LAKEHOUSE_KINESIS_STREAM is empty"),
        ({"kinesis_stream": "a", "kinesis_endpoint_url": "localhost:1"}, "localhost:1 is no http or https address"),
        ({"kinesis_stream": "a", "kinesis_endpoint_url": "http://a:planted@localhost:1"}, "holds an `@`"),
    ],
)
def test_kinesis_settings_that_cannot_be_are_refused(tmp_path: Path, values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        kinesis_options(settings(tmp_path, **values))
    assert "planted" not in str(refused.value)


def test_landing_and_ledger_are_below_the_home_unless_the_ledger_is_elsewhere(tmp_path: Path) -> None:
    usual = destination(settings(tmp_path))
    assert (usual.landing, usual.locks) == (tmp_path / "landing", tmp_path / "lakehouse")
    assert str(usual.ledger) == f"sqlite:///{tmp_path}/lakehouse/ingestion.db"
    other = destination(
        settings(tmp_path, ingestion_database_file=secret_file(tmp_path, "postgresql://a:planted@db/l"))
    )
    assert other.ledger.password == "planted"
    assert "planted" not in repr(other) + str(other)


def test_address_of_the_ledger_that_is_none_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="LAKEHOUSE_INGESTION_DATABASE is no SQLAlchemy URL") as refused:
        destination(settings(tmp_path, ingestion_database="planted"))
    assert "planted" not in str(refused.value)


SECRETS = [
    "LAKEHOUSE_SFTP_PASSWORD",
    "LAKEHOUSE_POSTGRES_URL",
    "LAKEHOUSE_POSTGRES_PASSWORD",
    "LAKEHOUSE_INGESTION_DATABASE",
    "LAKEHOUSE_ALERT_WEBHOOK",
    "LAKEHOUSE_ALERT_SMTP_PASSWORD",
]


def test_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, f"planted-{name}")
    read = load_settings()
    assert read.sftp_password is not None
    assert read.sftp_password.get_secret_value() == "planted-LAKEHOUSE_SFTP_PASSWORD"
    assert "planted" not in repr(read) + str(read) + str(read.model_dump()) + read.model_dump_json()


def test_error_about_a_setting_shows_its_value_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, f"planted-{name}")
    monkeypatch.setenv("LAKEHOUSE_SFTP_PORT", "70000")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "LAKEHOUSE_SFTP_PORT: Input should be less than or equal to 65535, got '70000'" in str(refused.value)
    assert "planted" not in str(refused.value) + repr(refused.value.__cause__)


def test_secret_of_the_wrong_kind_is_not_shown() -> None:
    """Only a caller can bring this about, not the environment; the text is made in one place for both."""
    from pydantic import ValidationError

    from lakehouse_assets import settings as module

    with pytest.raises(ValidationError) as wrong:
        Settings.model_validate({"sftp_password": 4711, "sftp_port": "x"})
    texts = [module._text(fault["loc"], fault["msg"], fault["input"]) for fault in wrong.value.errors()]
    assert ["4711" in text for text in texts] == [False, False]
    assert "4711" not in str(wrong.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LAKEHOUSE_SFTP_PORT", "0"),
        ("LAKEHOUSE_SFTP_SETTLE_SECONDS", "-1"),
        ("LAKEHOUSE_SFTP_TIMEOUT_SECONDS", "0"),
        ("LAKEHOUSE_POSTGRES_PORT", "65536"),
        ("LAKEHOUSE_POSTGRES_SAFETY_SECONDS", "-1"),
        ("LAKEHOUSE_POSTGRES_LOOKBACK_SECONDS", "-1"),
        ("LAKEHOUSE_POSTGRES_TABLE", ""),
        ("LAKEHOUSE_POSTGRES_RECONCILE_DAYS", "-1"),
        ("LAKEHOUSE_KINESIS_BATCH_BYTES", "10"),
        ("LAKEHOUSE_KINESIS_EVERY_MINUTES", "60"),
        ("LAKEHOUSE_KINESIS_LAG_WARN_PERCENT", "101"),
    ],
)
def test_setting_out_of_bounds_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=rf"^Wrong settings: {variable}: .*Nothing was started"):
        load_settings()
