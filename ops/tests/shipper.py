"""
The real shipper: rsyslog and its helper, started by ops/rsyslog/run with ops/rsyslog/store.conf.

    shipper = Shipper(folder, elastic.url, password="…")    # a folder of the test's own
    shipper.start()                                         # after stop() or kill() it goes on where it was
    shipper.store_log                                       # the file to be written to: STORE_LOG_FILE of a store
    shipper.proxy_log, shipper.postgresql_logs              # likewise, and a folder
    shipper.log                                             # the file with what rsyslog says
    shipper.kill(); shipper.stop()
"""

import atexit
import os
import pathlib
import signal
import subprocess

from processes import end, wait_until
from rulebook import OPS


class Shipper:
    def __init__(self, scratch, elasticsearch_url, password="", **settings):
        self.folder = pathlib.Path(scratch) / "shipper"
        self.logs = self.folder / "logs"
        self.store_log = self.logs / "store.log"
        self.proxy_log = self.logs / "proxy.json"
        self.postgresql_logs = self.logs / "postgresql"
        self.log = self.folder / "output.log"
        self.environment = {
            "PATH": os.environ["PATH"],
            "ELASTICSEARCH_URL": elasticsearch_url,
            "ELASTICSEARCH_PASSWORD": password,
            "STORE_LOG_FILES": f"{self.store_log}*",
            "PROXY_LOG_FILES": f"{self.proxy_log}*",
            "POSTGRESQL_LOG_FILES": f"{self.postgresql_logs}/*.json",
            "STORE_SHIPPER_DATA": str(self.folder / "data"),
            **settings,
        }
        self.process = None

    def start(self):
        self.postgresql_logs.mkdir(parents=True, exist_ok=True)
        pid = self.folder / "data/pid"
        pid.unlink(missing_ok=True)
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(
                [OPS / "rsyslog/run"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
            )
        atexit.register(self.stop)
        wait_until("rsyslog is up", pid.exists, 30, self.process, self.log)
        return self

    def stop(self):
        if self.process:
            end(self.process)

    def kill(self):
        """At once, with its helper, as a machine that loses its power does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
