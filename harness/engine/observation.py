"""Which directives and modules does the verifier add to a configuration, so that the log shows each decision?"""

from harness.httpd.directive import COMMAND_LINE, Directive, walk
from harness.httpd.log import ACCESS, INSTEAD
from harness.httpd.log_line import FORMAT
from harness.httpd.trace import LOG_LEVEL

RUNTIME_FOLDER = "/run/mtls-harness"
"""A folder that httpd may write to, in every image."""
_MODULES = ("headers", "log_config")
_DIRECTIVES = (
    f"DefaultRuntimeDir {RUNTIME_FOLDER}",
    f"PidFile {RUNTIME_FOLDER}/httpd.pid",
    "ErrorLog /proc/self/fd/2",
    f'ErrorLogFormat "{FORMAT}"',
    # The reason of a refusal appears at `info`. `debug` adds the serial number of every certificate that is verified.
    *LOG_LEVEL,
    # GlobalLog covers every virtual host, in addition to the host's own logs.
    f'GlobalLog /proc/self/fd/1 "{ACCESS} %{{c}}L %{{X-MTLS-Probe}}i %>s %{{X-MTLS-Passed}}i '
    "%{SSL_CLIENT_VERIFY}x %{SSL_CLIENT_M_SERIAL}x %{SSL_VERSION_INTERFACE}x %{SSL_VERSION_LIBRARY}x "
    '%{REDIRECT_STATUS}e %<f"',
    # A log of its own, because httpd truncates what is longer than some 200 characters: the file of an ErrorDocument.
    f"""GlobalLog /proc/self/fd/1 "{INSTEAD} %{{X-MTLS-Probe}}i %f" "expr=-n req('X-MTLS-Instead')\"""",
    # mod_headers sets this in the last phase before the response: only if every guard admitted the request. An
    # ErrorDocument passes guards of its own. They say nothing about the original request, and must not unset its mark.
    """RequestHeader set X-MTLS-Passed passed "expr=-z reqenv('REDIRECT_STATUS')\"""",
    """RequestHeader set X-MTLS-Instead passed "expr=-n reqenv('REDIRECT_STATUS')\"""",
)
# A probe chooses the client address by a header: every peer is a trusted proxy. Rules about addresses use that address,
# and not one of the engine's network.
_ADDRESS_MODULE = "remoteip"
_ADDRESS_DIRECTIVES = ("RemoteIPHeader X-MTLS-Address", "RemoteIPInternalProxy 0.0.0.0/1 128.0.0.0/1")
_OWN_ADDRESS_DIRECTIVES = {"remoteipheader", "remoteipproxyprotocol"}


_LOG_LEVELS = {"loglevel", "logleveloverride"}


def log_levels(configuration: Directive) -> list[Directive]:
    """The configuration's own log levels: those that do not begin a line of it by their name, but by a variable's."""
    return [entry for entry in walk(configuration) if entry.kind in _LOG_LEVELS and entry.file != COMMAND_LINE]


def modules(*, addresses: bool) -> tuple[str, ...]:
    """The modules that the directives below need; `addresses` if probes choose their client address."""
    return (*_MODULES, _ADDRESS_MODULE) if addresses else _MODULES


def directives(*, addresses: bool) -> tuple[str, ...]:
    """The directives to append to the configuration; `addresses` if probes choose their client address."""
    return (*_DIRECTIVES, *_ADDRESS_DIRECTIVES) if addresses else _DIRECTIVES


def sets_client_address(configuration: Directive) -> bool:
    """Whether the configuration has its own source of client addresses (mod_remoteip), which then stays in force."""
    return any(entry.kind in _OWN_ADDRESS_DIRECTIVES for entry in walk(configuration))
