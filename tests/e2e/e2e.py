"""What the tests with real clients share: targets that start and stop, clients
that are run, and verdicts.

    @test
    def a_sentence_that_is_true():
        with Target("ram:64M") as target:
            run("iscsi-inq", target.urls[0])

    main()

A test fails by an exception; need() skips it where a program is missing.  A
Target that is left must have been healthy to the end: status 0, no sanitizer
report, its descriptors closed.

Environment: LUNET, the program to test (default: the one of LUNET_BUILD);
LUNET_BUILD, the build folder; LUNET_SANITIZED, set when it has sanitizers.
"""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get("LUNET_BUILD", os.path.join(TOP, "build"))
IS_SANITIZED = "LUNET_SANITIZED" in os.environ
START_SECONDS_MAX = 20
STOP_SECONDS_MAX = 30
URL = re.compile(r"^iscsi://(.+)/([^/]+)/(\d+)$")

tests = []


class Skip(Exception):
    pass


class Failed(Exception):
    pass


def test(function):
    tests.append(function)
    return function


def main():
    """Run the tests of this program and leave with their verdict."""
    failed = skipped = 0
    for function in tests:
        name = function.__name__
        try:
            function()
            print(f"ok {name}", flush=True)
        except Skip as missing:
            skipped += 1
            print(f"skip {name}: {missing}", flush=True)
        except (Failed, AssertionError) as why:
            failed += 1
            place = traceback.extract_tb(why.__traceback__)[1]
            print(f"FAIL {name}: line {place.lineno}: "
                  f"{why or place.line}", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL {name}:\n{traceback.format_exc()}", flush=True)
    sys.exit(1 if failed else 77 if skipped == len(tests) else 0)


# -- programs -----------------------------------------------------------------

def program(name):
    """Path of one of our own programs in the build folder."""
    if name == "lunet" and os.environ.get("LUNET"):
        return os.environ["LUNET"]
    for folder, _, files in os.walk(BUILD):
        if name in files and os.access(os.path.join(folder, name), os.X_OK):
            return os.path.join(folder, name)
    raise Failed(f"no {name} in {BUILD}: build first")


PACKAGES = {
    "iscsi-ls": "libiscsi-bin", "iscsi-inq": "libiscsi-bin",
    "iscsi-readcapacity16": "libiscsi-bin", "iscsi-test-cu": "libiscsi-bin",
    "qemu-img": "qemu-utils", "qemu-io": "qemu-utils", "tshark": "tshark",
    "dumpcap": "tshark", "verify_load": "libiscsi-dev, then build again",
}


def need(*names):
    """Skip the test unless these programs are there."""
    for name in names:
        if not shutil.which(name):
            raise Skip(f"{name} (package {PACKAGES.get(name, name)})")


def run(*command, status=0, seconds=120, stdin=None):
    """Run a client to its end; its output, stderr included.  status None
    allows any."""
    try:
        done = subprocess.run(
            [str(c) for c in command], input=stdin, text=True,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=seconds, errors="replace")
    except subprocess.TimeoutExpired as e:
        raise Failed(f"{' '.join(map(str, command))}: not done after "
                     f"{seconds} s\n{last_lines(e.stdout or '')}") from None
    if status is not None and done.returncode != status:
        raise Failed(f"{' '.join(map(str, command))}: status "
                     f"{done.returncode}\n{last_lines(done.stdout)}")
    return done.stdout


def last_lines(text, count=25):
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return "\n".join(text.rstrip().split("\n")[-count:])


def verify_load():
    path = os.path.join(BUILD, "tests", "e2e", "verify_load")
    if not os.path.exists(path):
        raise Skip(f"verify_load (package {PACKAGES['verify_load']})")
    return path


def wait_until(fact, seconds=10, what="it"):
    """Poll until fact() is true; its value."""
    end = time.monotonic() + seconds
    while True:
        value = fact()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"{what} did not happen within {seconds} s")
        time.sleep(0.05)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def scratch():
    """A folder that is gone afterwards."""
    path = tempfile.mkdtemp(prefix="lunet-e2e-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def write_file(folder, name, text, mode=0o644):
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


# -- processes that serve -------------------------------------------------------

class Server:
    """A process under test.  Used with `with`; leaving checks its health."""

    def __init__(self, command, environment=None):
        self.command = [str(c) for c in command]
        self.environment = {**os.environ, **(environment or {})}
        self.environment.setdefault("ASAN_OPTIONS", "detect_leaks=1")
        self.folder = tempfile.mkdtemp(prefix="lunet-e2e-")
        self.process = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self):
        with open(self.path("out"), "w") as out, \
                open(self.path("log"), "w") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=out,
                stderr=log, env=self.environment)
        wait_until(self.is_ready, START_SECONDS_MAX,
                   f"{os.path.basename(self.command[0])} getting ready")

    def is_ready(self):
        if self.process.poll() is not None:
            raise Failed(f"{' '.join(self.command)}: status "
                         f"{self.process.returncode}\n{self.log()}")
        return self.says_ready()

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        with open(self.path("out")) as f:
            return f.read()

    def log(self):
        with open(self.path("log"), errors="replace") as f:
            return f.read()

    def expect_log(self, pattern):
        """The log has a line that matches, now or within two seconds."""
        try:
            return wait_until(lambda: re.search(pattern, self.log(), re.M),
                              2, "the log line")
        except Failed:
            raise Failed(f"no line like /{pattern}/ in the log:\n"
                         f"{last_lines(self.log())}") from None

    def rss_kib(self):
        """Resident memory, without what is shared with files: a ram: store
        counts, libraries do not."""
        with open(f"/proc/{self.pid}/status") as f:
            facts = dict(line.split(":", 1) for line in f)
        return int(facts["VmRSS"].split()[0])

    def anonymous_kib(self):
        with open(f"/proc/{self.pid}/status") as f:
            facts = dict(line.split(":", 1) for line in f)
        return int(facts["RssAnon"].split()[0])

    def fd_count(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self, signo=signal.SIGTERM):
        """Ask it to leave; status and seconds it took."""
        started = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signo)
        try:
            status = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed(f"signal {signo}: still there after "
                         f"{STOP_SECONDS_MAX} s\n{last_lines(self.log())}") \
                from None
        return status, time.monotonic() - started

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, kind, value, trace):
        try:
            is_running = self.process.poll() is None
            status, _ = self.stop()
            if status != 0 and (kind is None or not is_running):
                raise Failed(
                    f"{'left' if is_running else 'died'} with status "
                    f"{status}\n{last_lines(self.log(), 40)}")
            if "Sanitizer" in self.log() or "runtime error:" in self.log():
                raise Failed(f"sanitizer report:\n{last_lines(self.log(), 60)}")
        finally:
            self.remove()

    def remove(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Target(Server):
    """`lunet serve`, on a free port of 127.0.0.1 unless listen says where."""

    def __init__(self, *stores, listen=("127.0.0.1:0",), options=(),
                 environment=None):
        super().__init__([], environment)
        self.command = [program("lunet"), "serve"]
        for address in listen:
            self.command += ["--listen", address]
        self.command += [str(o) for o in options]
        self.command += [str(s) for s in stores]

    def says_ready(self):
        return self.output().endswith("ready\n")

    @property
    def urls(self):
        return [line for line in self.output().split("\n") if URL.match(line)]

    @property
    def portal(self):
        return URL.match(self.urls[0]).group(1)

    @property
    def name(self):
        return URL.match(self.urls[0]).group(2)


class Daemon(Server):
    """`lunetd -c FILE`, with a state folder and a socket of its own.  It says
    READY=1 to systemd, which here is us."""

    def __init__(self, configuration, options=(), environment=None):
        super().__init__([], environment)
        self.rpc = self.path("lunetd.sock")
        self.configuration = write_file(self.folder, "lunet.conf",
                                        configuration)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.path("notify"))
        self.notify.setblocking(False)
        self.environment["NOTIFY_SOCKET"] = self.path("notify")
        self.command = [program("lunetd"), "-c", self.configuration,
                        "--state", self.path("state"), "--rpc", self.rpc,
                        "--foreground", *options]

    def says_ready(self):
        try:
            while True:
                if b"READY=1" in self.notify.recv(4096):
                    return True
        except BlockingIOError:
            return False

    def lunet(self, *words, status=0):
        """What the command lunet says to this daemon."""
        return run(program("lunet"), *words, "--rpc", self.rpc,
                   status=status)

    def remove(self):
        self.notify.close()
        super().remove()


def url_with(url, user=None, secret=None, target_user=None,
             target_secret=None):
    """The URL with CHAP names and secrets as libiscsi writes them."""
    login = f"{user}%{secret}@" if user else ""
    query = f"?target_user={target_user}&target_password={target_secret}" \
        if target_user else ""
    return url.replace("iscsi://", f"iscsi://{login}") + query
