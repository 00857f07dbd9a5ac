"""`verify --record` and `compare`: the differences that a reviewer sees, and when they fail a run."""

from pathlib import Path

import pytest

from tests.command import completed
from tests.configurations.corpus import HERE

pytestmark = pytest.mark.engine
SOUND = (HERE / "correct" / "required_snippet.conf").read_text()
CHECK = "SSLCARevocationCheck chain"
FEW = ("-k", "valid.p256 or absent.none or revocation.revoked_leaf")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "site.conf").write_text(SOUND)
    return tmp_path / "site.conf"


def recorded(config: Path) -> Path:
    """The record of a run that keeps every promise."""
    record = config.with_name("who.txt")
    done = completed("verify", config, "--record", record, *FEW)
    assert done.returncode == 0, done.stdout + done.stderr
    return record


def weaken(config: Path, line: str, by: str) -> None:
    assert line in config.read_text()
    config.write_text(config.read_text().replace(line, by))


def test_a_record_is_written_once_and_is_the_same_after_every_run(config: Path) -> None:
    record = recorded(config)
    first = record.read_text()
    assert first.splitlines() == [
        "https://www.example.test:443/ absent.none TLS 1.2: refused in the handshake",
        "https://www.example.test:443/ absent.none TLS 1.3: refused in the handshake",
        "https://www.example.test:443/ revocation.revoked_leaf TLS 1.2: refused in the handshake",
        "https://www.example.test:443/ revocation.revoked_leaf TLS 1.3: refused in the handshake",
        "https://www.example.test:443/ valid.p256 TLS 1.2: admitted as itself (2xx)",
        "https://www.example.test:443/ valid.p256 TLS 1.3: admitted as itself (2xx)",
    ]
    assert completed("verify", config, "--record", record, *FEW).returncode == 0
    assert record.read_text() == first


def test_a_difference_fails_a_run_that_keeps_every_promise_and_is_shown(config: Path) -> None:
    record = recorded(config)
    weaken(config, CHECK, "SSLCARevocationCheck leaf")
    record.write_text(record.read_text().replace("revoked_leaf TLS 1.3: refused", "revoked_leaf TLS 1.3: admitted"))
    before = record.read_text()
    done = completed("verify", config, "--record", record, *FEW)
    assert (done.returncode, "FAIL, 1 error" in done.stdout, "PASS" in done.stdout) == (1, True, False)
    assert "-https://www.example.test:443/ revocation.revoked_leaf TLS 1.3: admitted" in done.stdout
    assert "+https://www.example.test:443/ revocation.revoked_leaf TLS 1.3: refused" in done.stdout
    assert record.read_text() == before


def test_a_site_that_newly_stands_open_is_a_difference(config: Path) -> None:
    record = recorded(config)
    beside = "<VirtualHost *:443>\n ServerName beside.test\n DocumentRoot /var/www/html\n SSLEngine on\n" + (
        " SSLCertificateFile /etc/ssl/example/b.crt\n SSLCertificateKeyFile /etc/ssl/example/b.key\n</VirtualHost>\n"
    )
    config.write_text(SOUND + beside)
    done = completed("verify", config, "--record", record, *FEW)
    assert done.returncode == 1
    assert "+https://beside.test:443/ absent.none TLS 1.3: admitted as nobody (2xx)" in done.stdout


def test_the_message_shows_a_newly_admitted_client(config: Path) -> None:
    record = recorded(config)
    record.write_text(record.read_text() + "https://www.example.test:443/ zzz TLS 1.3: refused in the handshake\n")
    weaken(config, CHECK, "SSLCARevocationCheck none")
    done = completed("verify", config, "--record", record, *FEW)
    shown = "`+https://www.example.test:443/ revocation.revoked_leaf TLS 1.2: admitted as itself (2xx)`"
    message = f"Differs from the record {record} in 5 lines, such as {shown}."
    # A long path is wrapped within itself.
    assert "".join(message.split()) in "".join(done.stdout.split())


def test_an_inconclusive_run_neither_writes_a_record_nor_matches_one(config: Path) -> None:
    weaken(config, "SSLVerifyClient require", "SSLVerifyClient require\n    RewriteEngine on\n    RewriteRule .* - [F]")
    record = config.with_name("who.txt")
    done = completed("verify", config, "--record", record, *FEW)
    assert (done.returncode, record.exists()) == (3, False), done.stdout
    assert "neither written nor compared" in " ".join(done.stdout.split())
    record.write_text("")
    assert completed("verify", config, "--record", record, *FEW).returncode == 3
    assert record.read_text() == ""


def test_an_impossible_record_is_refused_before_the_run(tmp_path: Path) -> None:
    done = completed("verify", "--reference", "--record", tmp_path / "none" / "who.txt")
    assert (done.returncode, "does not exist" in done.stderr) == (2, True)


def test_a_policy_with_a_wrong_key_is_exit_code_2_with_line_and_suggestion(config: Path) -> None:
    policy = config.with_name("policy.toml")
    policy.write_text('[[site]]\nurl = "https://*/*"\nadmitt = "clients"\n')
    done = completed("verify", config, "--policy", policy)
    assert done.returncode == 2
    assert f"{policy}:3: there is no key `admitt`. Did you mean `admit`?" in done.stderr


def test_two_equal_configurations_have_no_difference(config: Path) -> None:
    done = completed("compare", config, config)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stdout
    assert "PASS" in done.stdout


def test_a_newly_admitted_client_is_named_and_fails(config: Path) -> None:
    new = config.with_name("new.conf")
    new.write_text(SOUND.replace(CHECK, "SSLCARevocationCheck leaf"))
    done = completed("compare", config, new)
    assert done.returncode == 1
    assert done.stdout.splitlines()[:3] == [
        "Newly admitted:",
        "  https://www.example.test:443/",
        "    revocation.revoked_intermediate".ljust(80),
    ]
    # The other way round it is a hole that was closed: shown, and no failure.
    back = completed("compare", new, config)
    assert (back.returncode, "No longer admitted:" in back.stdout) == (0, True), back.stdout


def test_a_rule_for_another_subject_admits_some_clients_and_refuses_others(config: Path) -> None:
    rule = "Require expr \"%{{SSL_CLIENT_S_DN_OU}} == '{}'\""
    old, new = config, config.with_name("new.conf")
    for file, unit in ((old, "Operations"), (new, "Sales")):
        file.write_text(SOUND.replace("Require all granted", rule.format(unit)))
    done = completed("compare", old, new)
    assert done.returncode == 1
    newly, no_longer = done.stdout.split("No longer admitted:")
    assert "valid.p256 as the new rules want it" in " ".join(newly.split())
    assert "valid.p256 as the old rules want it" in " ".join(no_longer.split())


def test_names_that_only_one_of_them_asks_for_are_not_taken_for_the_same(config: Path) -> None:
    rule = "Require expr \"%{{SSL_CLIENT_SAN_Email_0}} == '{}@example.test'\""
    old, new = config, config.with_name("new.conf")
    for file, user in ((old, "alice"), (new, "bob")):
        file.write_text(SOUND.replace("Require all granted", rule.format(user)))
    done = completed("compare", old, new)
    assert done.returncode == 3, done.stdout
    assert "valid.p256 with other names in subjectAltName" in " ".join(done.stdout.split())
