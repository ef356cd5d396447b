"""The servers that are measured: lunet; tgt; the floor, which sleeps ("floor")
or spins ("spin"), and which, spinning, with a disk in memory ("disk") shows what
is left when the data does not fit the cache.

They are started on core 1, filled, and stopped in between, so that one that
spins takes nothing from the others."""
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile

SERVER_CORE = "1"
HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "iqn.2026-01.org.example:bench"


def scheduling(given):
    """Words in front of a program, so that nothing runs in its place."""
    return ["chrt", "--fifo", "40"] if given.real_time else []


class Server:
    """Anything that prints lines and then "ready", and may be reached."""

    def __init__(self, name, given, words):
        self.name = name
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *scheduling(given), *words],
            text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.errors)
        self.pids = [self.process.pid]
        self.url = None
        for line in self.process.stdout:
            if line.startswith("iscsi://") and self.url is None:
                self.url = line[len("iscsi://"):].strip()
            if line.startswith("ready"):
                self.url = self.url or f"{line.split()[1]}/{NAME}/0"
                break
        else:
            self.errors.seek(0)
            raise SystemExit(f"bench/run: {name} does not start: "
                             f"{self.errors.read().strip()}")
        with open(f"/proc/{self.pids[0]}/task/{self.pids[0]}/children") as f:
            self.pids += [int(pid) for pid in f.read().split()]
        # Whoever starts a server for us is no part of it.
        self.pid = self.pids[-1]

    def load(self, words):
        """Run a client with the place to connect to behind its words."""
        self.signal(signal.SIGCONT)
        try:
            return subprocess.run([*words, *self.url.rsplit("/", 2)],
                                  capture_output=True, text=True)
        finally:
            self.signal(signal.SIGSTOP)

    def signal(self, number):
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def leave(self):
        self.signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def lunet(name, given, build, store):
    return Server(name, given, [
        os.path.join(build, "src/daemon/lunet"), "serve", "--listen",
        "127.0.0.1:0", "--name", NAME, "--reactors", "1", store])


def floor(name, given, *words):
    return Server(name, given,
                  [os.path.join(given.build, "bench/floor"), "0", *words])


def tgt(name, given):
    server = Server(name, given, [
        os.path.join(HERE, "../tools/tgt-serve"), "serve", "--listen",
        "127.0.0.1:0", "--name", NAME, f"ram:{given.size}"])
    # It offers no digests before it is told to; tgt-serve gives its process
    # number to tgtd as the port of the control socket.
    for key in "HeaderDigest", "DataDigest":
        subprocess.run(["tgtadm", "-C", str(server.pids[0] % 32000), "--lld",
                        "iscsi", "--op", "update", "--mode", "target",
                        "--tid", "1", "-n", key, "-v", "CRC32C"], check=True)
    return server


def mebibytes(size):
    return int(size[:-1]) * {"M": 1, "G": 1024}[size[-1]]


def start(name, given):
    if name == "lunet":
        return lunet(name, given, given.build, f"ram:{given.size}")
    if name == "other":
        return lunet(name, given, given.against, f"ram:{given.size}")
    if name == "floor":
        return floor(name, given)
    if name == "spin":
        return floor(name, given, "spin")
    if name == "disk":
        return floor(name, given, "spin", str(mebibytes(given.size)))
    if name == "tgt":
        return tgt(name, given)
    raise SystemExit(f"bench/run: server {name}: there is none")


@contextlib.contextmanager
def all_of(given):
    """Those that were asked for and can be had, with disks that are full,
    because a hole reads faster than data."""
    names = given.servers.split(",")
    if given.against:
        names.insert(1, "other")
    if "tgt" in names and shutil.which("tgtd") is None:
        print("tgt is not installed and is left out")
        names.remove("tgt")
    running = []
    try:
        for name in names:
            running.append(start(name, given))
            if given.empty:
                continue
            done = running[-1].load(
                [os.path.join(given.build, "bench/load"), "-F", "-m", "write",
                 "-b", "131072", "-s", "0.1", "-w", "0"])
            if done.returncode != 0:
                raise SystemExit(f"bench/run: {name}: {done.stderr.strip()}")
        yield running
    finally:
        for server in running:
            server.leave()


@contextlib.contextmanager
def idle_one(given):
    server = lunet("lunet", given, given.build, "null:1G")
    try:
        yield server
    finally:
        server.leave()
