"""A private BIND: an authoritative name server and resolver for the zone `test`, and no other."""

import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.update

from tests.servers import daemons

_CONFIGURATION = """
options {
  directory "@DIR@";
  listen-on port @PORT@ { 127.0.0.1; };
  listen-on-v6 { none; };
  pid-file "named.pid";
  session-keyfile "session.key";
  recursion yes;
  allow-recursion { 127.0.0.0/8; };
  dnssec-validation no;
  empty-zones-enable no;
  max-cache-ttl 1;
  max-ncache-ttl 1;
};
controls { };
zone "test" { type primary; file "test.zone"; allow-update { 127.0.0.1; }; };
zone "broken" { type primary; file "missing.zone"; };
zone "." { type primary; file "root.zone"; };
"""
_TOP = "$TTL 1\n@ SOA ns.test. postmaster.test. 1 3600 600 86400 1\n@ NS ns.test.\n"
# What the providers publish, as far as the tests need it.
_ROOT = """
test. NS ns.test.
ns.test. A 127.0.0.1
_spf.google.com. TXT "v=spf1 ip4:192.0.2.0/24 ~all"
spf.protection.outlook.com. TXT "v=spf1 ip4:198.51.100.0/24 -all"
zohomail.com. TXT "v=spf1 ip4:203.0.113.0/24 -all"
zohomail.eu. TXT "v=spf1 ip4:203.0.113.0/25 -all"
zoho.in. TXT "v=spf1 ip4:203.0.113.128/25 -all"
"""


@dataclass(frozen=True, slots=True)
class Bind:
    """A name server on a free port of 127.0.0.1."""

    port: int
    process: subprocess.Popen[bytes]

    def add(self, name: str, kind: str, text: str) -> None:
        """Add a record of the zone `test` (RFC 2136)."""
        update = dns.update.UpdateMessage("test.")
        update.add(name, 1, kind, text)
        answer = dns.query.tcp(update, "127.0.0.1", timeout=10, port=self.port)
        assert answer.rcode() == dns.rcode.NOERROR, answer


def start(folder: Path, records: Iterable[str], others: Iterable[str] = ()) -> Bind:
    """Serve the given records of the zone `test`, and `others`, each as in a zone file."""
    folder.chmod(0o755)
    port = daemons.free_port()
    configuration = _CONFIGURATION.replace("@DIR@", str(folder)).replace("@PORT@", str(port))
    (folder / "named.conf").write_text(configuration, "ascii")
    root = "\n".join([_TOP + _ROOT, *others, ""])
    (folder / "root.zone").write_text(root, "ascii")
    zone = "\n".join(["ns A 127.0.0.1", *records, ""])
    (folder / "test.zone").write_text(_TOP + zone, "ascii")
    command = ["/usr/sbin/named", "-g", "-c", folder / "named.conf"]
    process = daemons.start(command, folder / "log")
    daemons.wait_for("127.0.0.1", port)
    _wait_for_zone(port)
    return Bind(port, process)


def _wait_for_zone(port: int) -> None:
    """It listens before it has read its zones."""
    question = dns.message.make_query("test.", "SOA")
    ends = time.monotonic() + 20
    while dns.query.udp(question, "127.0.0.1", timeout=5, port=port).rcode() != dns.rcode.NOERROR:
        assert time.monotonic() < ends, "the name server does not serve its zone"
        time.sleep(0.02)
