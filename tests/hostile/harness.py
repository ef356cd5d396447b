"""What the cases stand on: the target under test, the expectations, and ALIVE.

A case is a function that takes a Target.  It returns words about what it saw,
raises Wrong when that is not allowed, or Skip.  Expected answers are written in
the shorthand of labels (iscsi.Pdu.label) with * as in file names:

    LS 0207     Login Response with that status      RJ 04   Reject, reason 04
    GOOD, BUSY  SCSI status                          CLOSE   end of connection
    CC 5/24/00  CHECK CONDITION, key/ASC/ASCQ        TMF 1   task response
    LOGOUT 0    Logout Response                      SILENCE nothing at all
"""

import fnmatch
import itertools
import os
import struct
import threading
import time

from iscsi import (
    Closed, Connection, Identity, Login, NOP_IN, READ, read10, Session,
    Silent, TEST_UNIT_READY, USUAL_KEYS, WRITE, write10, Wrong)

REFUSED = ("LS 02*", "LS 03*", "CLOSE")
REJECTED = ("RJ *", "CLOSE")
DATA_ERROR = ("RJ *", "CC b/*", "CLOSE")

INITIATOR = "iqn.2024-01.org.example:hostile"
WITNESS = "iqn.2024-01.org.example:witness"
NEWCOMER = "iqn.2024-01.org.example:newcomer"

# Blocks that cases may write; the witness's lie behind them.
CASE_BLOCKS = 2048
WITNESS_LBA = 4096
WITNESS_BLOCKS = 16
LUN_BLOCKS_MIN = WITNESS_LBA + 2 * WITNESS_BLOCKS


class Skip(Exception):
    """The case cannot run here; the text says what is missing."""


CASES = []


def case(function=None, *, needs=(), slow=False, ends_sessions=False):
    """Register a case.
    needs           "chap": the portal asks for CHAP; "open": it does not
    slow            waits for the target's timers: runs at the end, beside the
                    other slow ones
    ends_sessions   the witness is expected to lose its session"""
    def register(f):
        f.needs = (needs,) if isinstance(needs, str) else needs
        f.slow, f.ends_sessions = slow, ends_sessions
        CASES.append(f)
        return f
    return register(function) if function else register


def matches(label, wanted):
    return any(fnmatch.fnmatchcase(label, w) for w in wanted)


def expect(seen, *wanted):
    """One label, or all of a list, must be among the wanted."""
    labels = [seen] if isinstance(seen, str) else list(seen)
    if not labels:
        labels = ["SILENCE"]
    words = ", ".join(counted(labels))
    if not all(matches(label, wanted) for label in labels):
        raise Wrong("%s; allowed: %s" % (words, " | ".join(wanted)))
    return words


def counted(labels):
    """["GOOD", "GOOD", "CLOSE"] becomes ["2 GOOD", "CLOSE"]."""
    runs = [(label, len(list(same))) for label, same
            in itertools.groupby(labels)]
    return [label if n == 1 else "%d %s" % (n, label) for label, n in runs]


def answer(conn, timeout=None):
    """The label of the next PDU of a connection that is not yet a session,
    or CLOSE or SILENCE."""
    try:
        return conn.recv(timeout).label()
    except Closed:
        return "CLOSE"
    except Silent:
        return "SILENCE"


class Target:
    """The portal, and helpers that open connections to it.  close_all() ends
    what a case left open."""

    def __init__(self, address, name, lun, user=None, secret=None):
        self.address, self.name, self.lun = address, name, lun
        self.user, self.secret = user, secret
        self.opened = []
        self.block_bytes, self.blocks = 512, 0
        self.witness = None

    def clone(self):
        """For another thread: same target, connections of its own."""
        twin = Target(self.address, self.name, self.lun, self.user,
                      self.secret)
        twin.block_bytes, twin.blocks = self.block_bytes, self.blocks
        twin.witness = self.witness
        return twin

    def close_all(self):
        for conn in self.opened:
            conn.close()
        self.opened.clear()

    def keep(self, conn):
        self.opened.append(conn)
        return conn

    # Opening.

    def connect(self, **kwargs):
        return self.keep(Connection(self.address, **kwargs))

    def identity(self, initiator=INITIATOR, isid=None):
        return Identity(initiator, self.name, isid, self.user, self.secret)

    def start(self, identity=None, **kwargs):
        """A connection about to log in; nothing is sent yet."""
        return self.keep(Login(
            self.address, identity or self.identity(), **kwargs))

    def at_operational(self, discovery=False, extra=(), **kwargs):
        """Security is behind it, the next request is an operational one."""
        login = self.start(**kwargs)
        login.pass_security(discovery, extra)
        return login

    def session(self, keys=None, discovery=False, identity=None, **kwargs):
        """A session in full feature phase, unit attentions cleared."""
        wanted = {} if discovery else dict(USUAL_KEYS)
        wanted.update(keys or {})
        login = self.at_operational(discovery, identity=identity, **kwargs)
        login.pass_operational(wanted)
        s = Session(login, self.lun, wanted)
        if not discovery:
            self.get_ready(s)
        return s

    def get_ready(self, s):
        for _ in range(8):
            label, _, _ = s.run(TEST_UNIT_READY)
            if label == "GOOD":
                return
            if not label.startswith("CC 6/"):
                raise Wrong("TEST UNIT READY: %s" % label)
        raise Wrong("unit attentions without end")

    # Reading and writing as one should.

    def read(self, s, lba, blocks=1):
        size = blocks * self.block_bytes
        label, data, _ = s.run(read10(lba, blocks), size, READ)
        if label != "GOOD" or len(data) != size:
            raise Wrong("READ of %d blocks at %d: %s, %d bytes"
                        % (blocks, lba, label, len(data)))
        return data

    def write(self, s, lba, data):
        blocks = len(data) // self.block_bytes
        label, _, _ = s.run(write10(lba, blocks), len(data), WRITE, data)
        if label != "GOOD":
            raise Wrong("WRITE of %d blocks at %d: %s" % (blocks, lba, label))

    def fill(self, s, lba, blocks, byte):
        self.write(s, lba, bytes([byte]) * (blocks * self.block_bytes))

    def must_hold(self, s, lba, blocks, byte):
        """Nobody has written there since fill()."""
        data = self.read(s, lba, blocks)
        want = bytes([byte]) * len(data)
        if data != want:
            at = next(i for i in range(len(data)) if data[i] != byte)
            raise Wrong("medium changed: block %d, byte %d is %02x, was %02x"
                        % (lba + at // self.block_bytes,
                           at % self.block_bytes, data[at], byte))


def outcome(s, *wanted, wait=2.0):
    """What a session sees after something hostile was sent: all labels until
    a ping sent behind it is answered and something decisive was seen, or the
    connection ends.  R2T and Data-In without status decide nothing."""
    ping = s.nop(b"barrier")
    s.send(ping)
    seen, has_pong = [], False
    deadline = time.monotonic() + wait
    while True:
        try:
            pdu = s.recv(max(0.0, deadline - time.monotonic()))
        except Closed:
            seen.append("CLOSE")
            break
        except Silent:
            if not has_pong:
                seen.append("SILENCE, NOP-Out not answered")
            break
        if pdu.opcode == NOP_IN and pdu.itt == ping.itt:
            has_pong = True
        elif decides(pdu):
            seen.append(pdu.label())
        if has_pong and (seen or "SILENCE" in wanted):
            break
    return expect(seen, *wanted)


def decides(pdu):
    label = pdu.label()
    return label not in ("R2T", "DATA-IN") and not label.startswith("ASYNC")


def await_r2t(s, command, timeout=2.0):
    """The R2T of a command, when nothing else comes before it."""
    while True:
        for r2t in s.r2ts:
            if r2t.itt == command.itt:
                s.r2ts.remove(r2t)
                return r2t
        pdu = s.recv(timeout)
        if pdu.opcode != 0x31:
            raise Wrong("%s instead of an R2T" % pdu.label())


# -- ALIVE -------------------------------------------------------------------


class Witness:
    """A well-behaved initiator that stays logged in all the time and verifies
    what it wrote before it writes again.  A thread of its own answers pings
    during long cases."""

    def __init__(self, target):
        self.target = target
        self.round = 0
        self.content = None
        self.session = None
        self.lock = threading.RLock()
        self.login()
        threading.Thread(target=self._keep, daemon=True).start()

    def _keep(self):
        while True:
            time.sleep(0.5)
            with self.lock:
                try:
                    self.session.idle()
                except (Wrong, Closed, Silent, OSError, ValueError):
                    pass        # the next check() will meet it again

    def login(self):
        with self.lock:
            self._login()

    def _login(self):
        if self.session:
            self.session.close()
        # Not kept by the target's list: it outlives the cases.
        before = list(self.target.opened)
        self.session = self.target.session(
            identity=self.target.identity(WITNESS))
        self.target.opened[:] = before

    def pattern(self):
        size = WITNESS_BLOCKS * self.target.block_bytes
        unit = struct.pack(">Q", self.round * 0x9E3779B97F4A7C15 % 2**64)
        return unit * (size // 8)

    def check(self):
        """Raises Wrong, Closed or Silent when it was disturbed."""
        with self.lock:
            self._check()

    def _check(self):
        if self.content is not None:
            self._verify()
        self.round += 1
        content = self.pattern()
        self._patient(write10(WITNESS_LBA, WITNESS_BLOCKS), len(content),
                      WRITE, content)
        self.content = content
        self._verify()

    def _verify(self):
        got = self._patient(read10(WITNESS_LBA, WITNESS_BLOCKS),
                            len(self.content), READ)
        if got != self.content:
            raise Wrong("witness reads what it did not write")

    def _patient(self, cdb, edtl, flags, data=b""):
        """Unit attentions are no disturbance (SAM-5 5.14), however many."""
        for _ in range(100):
            label, got, _ = self.session.run(cdb, edtl, flags, data)
            if label == "GOOD":
                return got
            if not label.startswith("CC 6/"):
                break
        raise Wrong("witness got %s" % label)


class Process:
    """The server as /proc shows it.  Memory files (a ram: LUN) are no part of
    RssAnon, so writing to the LUN does not count as growth.

    File descriptors must be back after each case, within two seconds.  Memory
    may be kept in pools for a while: after a case it is below peak_kib, and at
    the end it must be back."""

    def __init__(self, pid, slack_kib, peak_kib):
        self.pid, self.slack_kib, self.peak_kib = pid, slack_kib, peak_kib
        self.base_fds = self._settled_fds()
        self.base_kib = self.rss_kib()

    def _settled_fds(self):
        """What is left of connections that ended just now goes first."""
        least, until = self.fds(), time.monotonic() + 0.3
        while time.monotonic() < until:
            time.sleep(0.01)
            least = min(least, self.fds())
        return least

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def rss_kib(self):
        with open("/proc/%d/status" % self.pid) as lines:
            for line in lines:
                if line.startswith("State:") and "Z" in line.split()[1]:
                    raise ProcessLookupError
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
        raise ProcessLookupError

    def check(self):
        """What is wrong counts from here on: one leak fails one case."""
        deadline = time.monotonic() + 2.0
        try:
            while self.fds() > self.base_fds and time.monotonic() < deadline:
                time.sleep(0.005)
            fds, kib = self.fds(), self.rss_kib()
        except (ProcessLookupError, FileNotFoundError):
            raise Wrong("process %d is gone" % self.pid) from None
        before, self.base_fds = self.base_fds, fds
        if fds > before:
            raise Wrong("%d file descriptors, %d before" % (fds, before))
        if kib > self.base_kib + self.peak_kib:
            raise Wrong("RssAnon is %d KiB, it began with %d"
                        % (kib, self.base_kib))

    def check_memory(self, seconds):
        """At the end: words, or Wrong."""
        deadline = time.monotonic() + seconds
        while self.rss_kib() > self.base_kib + self.slack_kib:
            if time.monotonic() > deadline:
                raise Wrong("RssAnon is %d KiB, it began with %d"
                            % (self.rss_kib(), self.base_kib))
            time.sleep(0.1)
        return "RssAnon is %d KiB, it began with %d" % (
            self.rss_kib(), self.base_kib)


def check_alive(target, witness, process, ends_sessions=False):
    """ALIVE: the witness works, a new login works, the process is well."""
    try:
        witness.check()
    except (Closed, Silent) as e:
        if not ends_sessions:
            raise Wrong("witness: %s" % e) from None
        witness.login()
        witness.check()
    try:
        s = target.session(identity=target.identity(NEWCOMER))
        s.send(s.logout())
        expect(s.recv().label(), "LOGOUT 0")
        if not s.conn.wait_closed(1.0):
            raise Wrong("logout leaves the connection open")
    except (Closed, Silent, OSError) as e:
        raise Wrong("new login: %s" % e) from None
    finally:
        target.close_all()
    if process:
        process.check()
