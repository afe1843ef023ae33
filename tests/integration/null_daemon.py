"""One accelnetd whose ports carry no traffic, for tests of what is said to it."""

import os
import sys
import tempfile

import tap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
import lab  # pylint: disable=wrong-import-position


def main(cases):
    """`cases(daemon).all()`: what is done with it, in this order; a case is named by its text."""
    with tempfile.TemporaryDirectory(prefix="accelnet-") as folder:
        daemon = lab.Daemon(folder, "net_null0,no-rx=1", "net_null1,no-rx=1")
        daemon.start()
        try:
            tap.main([(case.__doc__, case) for case in cases(daemon).all()])
        finally:
            daemon.stop()
