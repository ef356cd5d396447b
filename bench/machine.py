"""The machine that is measured on, whether it is ours alone, and what others
take of it meanwhile."""
import contextlib
import datetime
import fcntl
import os
import platform
import subprocess
import tempfile

BUSY_LOAD = 0.7
HERE = os.path.dirname(os.path.abspath(__file__))


@contextlib.contextmanager
def alone():
    """Two runs at once would measure each other."""
    path = os.path.join(tempfile.gettempdir(), "lunet-bench.lock")
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another run holds {path}: waiting", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def priority(given):
    """With --urgent: before everything else that wants our cores.  Where the
    scheduler shares time between groups, nice counts only inside of one."""
    if not given.urgent:
        yield
        return
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    group_nice(-20)
    try:
        yield
    finally:
        group_nice(0)
        os.setpriority(os.PRIO_PROCESS, 0, before)


def group_nice(nice):
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w") as f:
        f.write(str(nice))


def said_by(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, cwd=HERE,
                              check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def describe(given):
    changed = said_by("git", "status", "--porcelain", "-uno", "--", "../src")
    return {
        "about": "lunet bench",
        "date": datetime.datetime.now().isoformat(timespec="seconds"),
        "commit": said_by("git", "rev-parse", "--short", "HEAD") +
        ("+" if changed else ""),
        "processor": processor(),
        "cores": os.cpu_count(),
        "is_virtual": "hypervisor" in open("/proc/cpuinfo").read(),
        "kernel": platform.release(),
        "tgt": said_by("dpkg-query", "-W", "-f", "${Version}", "tgt"),
        "load": os.getloadavg()[0],
        "pairs": given.pairs,
        "seconds": given.seconds,
        "size": given.size,
        "is_filled": not given.empty,
        "is_urgent": given.urgent,
    }


def warn():
    load = os.getloadavg()[0]
    if load > BUSY_LOAD:
        print(f"the machine is busy (load {load:.1f}): IOPS and latencies "
              "say little, CPU per I/O a little more; --urgent goes before "
              "other work", flush=True)


class Strain:
    """What /proc/stat counts, for the time that was stolen from us, and how
    much of both cores was used at all."""

    def __init__(self):
        with open("/proc/stat") as f:
            ticks = [int(n) for n in f.readline().split()[1:]]
        self.total = sum(ticks[:8])
        self.idle = ticks[3] + ticks[4]
        self.stolen = ticks[7]

    def since(self, before):
        total = max(1, self.total - before.total)
        return {
            "machine_busy": round(1 - (self.idle - before.idle) / total, 3),
            "machine_steal":
                round((self.stolen - before.stolen) / total, 4),
            "machine_load": os.getloadavg()[0],
        }
