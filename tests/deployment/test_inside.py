"""The container from inside, as an intruder would find it."""

import io
import re
import tarfile

import pytest
import testinfra
from testinfra.host import Host

from harness.engine import engine
from tests.deployment.conftest import Site

pytestmark = pytest.mark.engine

PKI = "/etc/httpd/pki"
MODULES = {
    "allowmethods", "authn_core", "authz_core", "core", "headers", "http", "http2", "log_config", "logio", "lua",
    "mpm_event", "reqtimeout", "so", "ssl", "unixd", "version", "watchdog",
}  # fmt: skip


@pytest.fixture(scope="module")
def host(site: Site) -> Host:
    return testinfra.get_host(f"docker://{site.container.id}")


def status(host: Host, field: str, process: str = "1") -> str:
    """A line of proc_pid_status(5)."""
    found = re.search(rf"^{field}:\s+(.*)$", host.file(f"/proc/{process}/status").content_string, re.MULTILINE)
    assert found
    return found[1]


def test_no_process_is_root_or_has_a_capability(host: Host) -> None:
    processes = [line for line in host.check_output("ls /proc").split() if line.isdigit()]
    assert "1" in processes
    assert host.file("/proc/1/comm").content_string.strip() == "apache2"
    for process in processes:
        if host.file(f"/proc/{process}/status").exists:
            assert "0" not in status(host, "Uid", process).split()
            assert {int(status(host, field, process), 16) for field in ("CapEff", "CapPrm", "CapBnd")} == {0}
    assert status(host, "NoNewPrivs") == "1"


def test_only_the_run_directory_is_writable(host: Host, site: Site) -> None:
    mounts = [line.split() for line in host.file("/proc/mounts").content_string.splitlines()]
    options = {fields[1]: fields[3].split(",")[0] for fields in mounts}
    assert options["/"] == "ro"
    assert options[PKI] == "ro"
    assert options["/run"] == "rw"
    writable = {target for target, option in options.items() if option == "rw"}
    # What the engine mounts: its own files for the name service, and the kernel's file systems.
    kernel = ("/proc", "/dev", "/sys", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts")
    assert {target for target in writable if not target.startswith(kernel)} == {"/run"}
    for folder in ("/", "/etc/httpd/conf", "/srv/www", PKI, "/tmp", "/var/log"):
        assert host.run(f"touch {folder}/x").rc != 0, folder


def test_the_key_is_its_owners_alone(host: Host) -> None:
    key = host.file(f"{PKI}/server.key")
    assert key.mode == 0o600
    assert host.file(PKI).mode == 0o700
    assert key.uid == int(status(host, "Uid").split()[0])
    assert {file.rpartition("/")[2] for file in host.file(PKI).listdir()} == {
        "ca.crt", "crl.pem", "server.crt", "server.key",
    }  # fmt: skip


def test_the_authoritys_key_is_nowhere(host: Host, site: Site) -> None:
    found = host.run("grep -rlsI -e '-----BEGIN .*PRIVATE KEY' / --exclude-dir=proc --exclude-dir=sys")
    assert found.stdout.split() == [f"{PKI}/server.key"]
    assert host.file(f"{PKI}/server.key").content == (site.pki.server / "server.key").read_bytes()


def test_no_layer_of_the_image_holds_a_key_or_a_certificate_of_ours(site: Site) -> None:
    image = engine().images.get(str(site.container.attrs["Image"]))
    with tarfile.open(fileobj=io.BytesIO(b"".join(image.save()))) as saved:
        layers = [saved.extractfile(name) for name in saved.getnames() if name.endswith("layer.tar")]
        files = []
        for layer in layers:
            with tarfile.open(fileobj=layer) as archive:
                files += [entry.name for entry in archive if entry.isfile()]
    assert "etc/httpd/conf/httpd.conf" in files
    kept = [name for name in files if re.search(r"\.(key|pfx|p12|pem|crt|csr)$", name)]
    assert not [name for name in kept if not name.startswith("usr/share/")]
    assert "PRIVATE" not in str(image.history())


def test_only_the_modules_of_the_configuration_are_loaded(host: Host) -> None:
    listed = host.check_output("apache2 -f /etc/httpd/conf/httpd.conf -M 2>/dev/null")
    assert set(re.findall(r"^ (\w+)_module", listed, re.MULTILINE)) == MODULES


def test_it_listens_on_one_port_and_the_host_publishes_it_on_127_0_0_1_only(host: Host, site: Site) -> None:
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in host.file(table).content_string.splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                listening.add(int(fields[1].rpartition(":")[2], 16))
    assert listening == {8443}
    bindings = site.container.attrs["NetworkSettings"]["Ports"]
    assert [binding["HostIp"] for ports in bindings.values() for binding in ports or []] == ["127.0.0.1"]


def test_both_logs_go_to_the_engine_and_hold_no_secret(host: Host, site: Site) -> None:
    for descriptor in ("1", "2"):
        assert host.check_output(f"readlink /proc/1/fd/{descriptor}").startswith("pipe:")
    assert "PRIVATE" not in site.log()
    assert "PRIVATE" not in host.file("/proc/1/environ").content_string
