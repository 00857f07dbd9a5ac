"""Which virtual hosts speak TLS without `SSLEngine on`? As httpd 2.4.71 was measured."""

import pytest

from harness.httpd.directive import parse
from harness.httpd.layout import ConfigurationError
from harness.httpd.site import sites

HOST = """\
# In file: /x
#   1:
Listen 443
#   2:
<VirtualHost *:443>
#   3:
  {}
#   4:
  SSLVerifyClient require
</VirtualHost>
"""


def test_a_host_with_a_name_takes_over_tls_from_the_listener() -> None:
    (site,) = sites(parse(HOST.format("ServerName a.test"), {})).places
    assert (site.url, site.tls) == ("https://a.test:443/", True)


def test_a_host_without_a_name_of_its_own_speaks_http() -> None:
    with pytest.raises(ConfigurationError, match="SSLEngine on"):
        sites(parse(HOST.format("ServerAlias a.test"), {}))
