"""Errors in a policy: each message has the line, and a suggestion."""

from pathlib import Path

import pytest

from harness.verify.policy import PolicyError, read

ACCEPT = '[[accept]]\nfinding = "a.b"\nreason = "r"\n'
GOOD = '# A comment.\n[[site]]\nurl = "https://localhost/"\nadmit = "clients"\n'


def policy(folder: Path, text: str) -> Path:
    (folder / "policy.toml").write_text(text)
    return folder / "policy.toml"


def test_every_key_is_read(tmp_path: Path) -> None:
    text = 'authority = "CN=a"\nsubject = "OU=b,O=c"\nrevocation = "soft"\ntls = ["1.3", "1.2"]\n'
    (promise,) = read(policy(tmp_path, GOOD + text)).promises
    assert (promise.url, promise.admit, promise.line) == ("https://localhost/", "clients", 3)
    assert (promise.authority, promise.revocation, promise.tls) == ("CN=a", "soft", ("1.2", "1.3"))
    assert {value for _, value in promise.subject} == {"b", "c"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + 'revokation = "chain"\n', ":5: there is no key `revokation`. Did you mean `revocation`?"),
        (GOOD + "colour = 1\n", ":5: there is no key `colour`. There is: url, admit"),
        (GOOD + "[sites]\n", ":5: there is no key `sites`. Did you mean `site`?"),
        (GOOD + GOOD.replace("clients", "client"), ':8: `admit` must be one of "anyone", "clients", "nobody"'),
        (GOOD.replace("clients", "client"), 'not \'client\'. Did you mean "clients"?'),
        (GOOD + 'tls = ["1.1"]\n', ':5: `tls` must be a list of "1.2" and "1.3"'),
        (GOOD + "tls = []\n", ":5: `tls` must be"),
        (GOOD + 'tls = "1.3"\n', ":5: `tls` must be"),
        (GOOD + 'subject = "Operations"\n', ":5: `subject` must be attributes"),
        (GOOD + 'authority = ""\n', ":5: `authority` must be"),
        (GOOD + "revocation = true\n", ":5: `revocation` must be one of"),
        (GOOD.replace("https://", ""), ":3: `url` must be a URL with a scheme"),
        (GOOD.replace("clients", "nobody") + 'subject = "O=c"\n', ":5: `subject` says which clients are admitted"),
        (GOOD.replace("https", "http") + 'tls = ["1.3"]\n', ":5: `tls` needs a URL that begins with https."),
        ('[[site]]\nadmit = "anyone"\n', ":1: this [[site]] lacks `url`."),
        ('[[site]]\nurl = "https://a/"\n', ":1: this [[site]] lacks `admit`."),
        ("", ":1: a policy is a list of [[site]] and [[accept]] entries"),
        ("site = 3\n", ":1: `site` is a list of entries: write [[site]]."),
        ('[[accept]]\nreason = "r"\n', ":1: this [[accept]] lacks `finding`."),
        (GOOD + '[[accept]]\nfinding = "a.b"\n', ":5: this [[accept]] lacks `reason`."),
        (ACCEPT + "line = 0\n", ":4: `line` must be the number of a line, not 0."),
        (ACCEPT + "line = 3\n", ":1: this [[accept]] needs both `file` and `line`, or neither."),
        (ACCEPT + "fil = 3\n", ":4: there is no key `fil`. Did you mean `file`?"),
        (GOOD + "tls = [\n", "is not TOML"),
    ],
)  # fmt: skip
def test_an_error_is_reported_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(policy(tmp_path, text))
    assert words in str(caught.value)


def test_a_file_that_is_not_text_is_no_policy(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match="cannot be read"):
        read(tmp_path / "policy.toml")
