"""
A machine to do as a paper says, and throw away: this one's own files under a layer that takes all changes, with a systemd, processes
and a network of its own, which reaches nobody. Needs root, and neither containers nor images.

    with Machine(folder) as machine:
        shell = machine.shell()
        shell.do("systemctl start nginx")       # what it printed; AssertionError unless every command of it succeeds

Whatever happens to the test, nothing of it is left: its first process dies with the test, and all others with that one.
"""

import atexit
import concurrent.futures
import ctypes
import os
import pathlib
import signal
import subprocess
import threading
import time

import programs
from processes import wait_until

# Two systems of control groups; systemd finds out by itself which one it is given.
UNIFIED = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
GROUPS = pathlib.Path("/sys/fs/cgroup" if UNIFIED else "/sys/fs/cgroup/systemd")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What container managers do before they start a first process. The upper layer is in memory, for one disk can't be both layers.
BOOT = r"""
set -eu
cd "$1"
mount --make-rprivate /
mkdir layers
mount -t tmpfs -o size=4g tmpfs layers
mkdir layers/upper layers/work layers/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$PWD/layers/upper,workdir=$PWD/layers/work" layers/root
cd layers/root
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
if [ "$2" = unified ]; then
  mount -t cgroup2 cgroup2 sys/fs/cgroup
else
  mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
  mkdir sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
fi
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
ip link set lo up
exec env -i container=other PATH="$PATH" chroot . /lib/systemd/systemd --unit=basic.target
"""


class Machine:
    def __init__(self, scratch):
        self.folder = pathlib.Path(scratch) / "machine"
        self.group = GROUPS / f"store-tests-{os.getpid()}"

    def __enter__(self):
        programs.install_missing("systemd", "iproute2")
        self.folder.mkdir()
        self.group.mkdir()
        # unittest leaves its cleanups undone when it is interrupted.
        atexit.register(self.__exit__)
        log = self.folder / "boot.log"
        command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--ipc", "--uts", "--cgroup"]
        command += ["sh", "-c", BOOT, "sh", self.folder, "unified" if UNIFIED else "legacy"]
        try:
            with open(log, "wb") as output:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={"PATH": PATH},
                    preexec_fn=self._join,
                    start_new_session=True,
                )
            self.first = wait_until("the machine has begun", self._first, 30, self.process, log)
            wait_until("the machine is up", lambda: self._state() in ("running", "degraded"), 60, self.process, log)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _join(self):
        (self.group / "cgroup.procs").write_text("0")
        # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)

    def _first(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        begun = children and pathlib.Path(f"/proc/{children[0]}/comm").read_text().strip() == "systemd"
        return int(children[0]) if begun else None

    def _state(self):
        return subprocess.run(self.command("systemctl", "is-system-running"), capture_output=True, text=True).stdout.strip()

    def __exit__(self, *_):
        if getattr(self, "process", None):
            # unshare takes everything with it.
            self.process.kill()
            self.process.wait()
        # The kernel is still at it for a moment.
        wait_until("the machine's control groups are gone", self._forget, 30)

    def _forget(self):
        if not self.group.exists():
            return True
        for group in sorted([self.group, *(path for path in self.group.rglob("*") if path.is_dir())], reverse=True):
            group.rmdir()
        return True

    def command(self, *words):
        """What runs these words as root on the machine."""
        enter = ["nsenter", "--target", str(self.first), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"]
        bare = ["env", "-i", f"PATH={PATH}", "HOME=/root", "USER=root", "LANG=C.UTF-8", "TERM=dumb"]
        return [*enter, *bare, *map(str, words)]

    def path(self, absolute):
        """Where a file of the machine is from here."""
        return pathlib.Path(f"/proc/{self.first}/root{absolute}")

    def in_its_network(self, make):
        """What make returns, called where sockets are the machine's."""

        def there():
            with open(f"/proc/{self.first}/ns/net") as network:
                # CLONE_NEWNET; of this thread only.
                if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), 0x40000000) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            return make()

        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            return thread.submit(there).result()

    def shell(self, **variables):
        return Shell(self, variables)


class Shell:
    """A root's shell on a machine, which keeps its variables and its folder from one text to the next."""

    END = "--- done ---"

    def __init__(self, machine, variables):
        self.machine = machine
        self.process = subprocess.Popen(
            machine.command("env", *(f"{name}={value}" for name, value in variables.items()), "bash"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.process.stdin.write("set -euo pipefail\n")

    def do(self, text, seconds=120, where="the test"):
        script = self.machine.path("/run/typed")
        script.write_text(text)
        # By itself on standard input it would be read by what it starts.
        self.process.stdin.write(f". /run/typed </dev/null; echo '{self.END}'\n")
        self.process.stdin.flush()
        late = threading.Timer(seconds, self.process.kill)
        late.start()
        begun = time.monotonic()
        said = []
        for line in self.process.stdout:
            if line.endswith(f"{self.END}\n"):
                said.append(line.removesuffix(f"{self.END}\n"))
                late.cancel()
                return "".join(said)
            said.append(line)
        late.cancel()
        raise AssertionError(f"{where}: failed after {time.monotonic() - begun:.0f} s:\n{text}\nIt said:\n{''.join(said)}")

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
