"""The facts of tunnels."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.detectors._facts import Fact, Notes, Table
from pipeline.shell.calls import Call, Script

__all__ = ["TABLE", "Reader"]

# Nats: a program or option that has no other use than a way in from outside stands above 6.2 (a score of 70) by itself;
# what people at work also use (a port forwarded to oneself, an overlay network, a proxy) stands below 5.3 (a score of
# 50). Of the development recordings none of 2,260 innocent command logs of agents shows one of the first kind; of
# 10,624 one-liners of system administrators five are ssh -R.
TABLE = Table(
    looks=[
        Fact("fetch", 1.6, "fetches or installs a tunnel program", "T1105"),
        Fact("local", 1.0, "forwards a local port through ssh", "T1572"),
        Fact("quiet", 0.6, "keeps an ssh session open for its sharing", "T1021.004"),
    ],
    acts=[
        Fact("reverse", 7.0, "opens a port outside into this sandbox", "T1572"),
        Fact("reverse_inside", 4.4, "opens a port of an internal host into this sandbox", "T1572"),
        Fact("socks", 3.8, "opens a proxy through ssh", "T1090"),
        Fact("device", 4.6, "opens a network device through ssh", "T1572"),
        Fact("unseen", 4.2, "keeps an ssh session open without command or forward in sight", "T1572"),
        Fact("configured", 6.4, "writes a remote forward into the configuration of ssh", "T1572"),
        Fact("service", 6.4, "opens this sandbox to the outside by a tunnel service", "T1572", 5.6),
        Fact("program", 6.0, "starts a tunnel program", "T1572", 5.0),
        Fact("relay", 5.0, "relays between two network ends", "T1090"),
        Fact("overlay", 4.2, "joins an overlay network", "T1572", 3.0),
        Fact("proxy", 3.2, "starts a proxy", "T1090"),
        Fact("covert", 6.6, "opens a tunnel over DNS or ICMP", "T1071.004"),
        Fact("set_up", 2.2, "prepares a tunnel program", "T1572", 2.2),
        Fact("forwarding", 1.4, "lets this machine forward traffic", "T1090", 1.4),
    ],
)
Reader = Callable[[Notes, Script, Call], None]
"""Notes what a call of a script does."""
