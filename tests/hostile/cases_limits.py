"""Too much of everything: connections, sessions, tasks, data that never comes,
peers that do not read (performance-reliability F12 to F14, F30, F42)."""

import random
import time

from harness import await_r2t, case, decides, expect, outcome, REJECTED
from iscsi import (
    Closed, FULL_FEATURE, inquiry, READ, read10, Silent, TEST_UNIT_READY,
    USUAL_KEYS, WRITE, write10, Wrong)


@case
def five_hundred_silent_connections(t):
    """F14: they stay; a login beside them works, they are let go after."""
    conns = [t.connect() for _ in range(500)]
    s = t.session()
    t.read(s, 0, 8)
    t.witness.check()
    for conn in conns:
        conn.close()
    return "500 beside a working session"


@case
def thousand_connections_that_come_and_go(t):
    """F14: connect and close, half of them with RST."""
    for i in range(1000):
        conn = t.connect()
        conn.reset() if i % 2 else conn.close()
    return "1000 gone"


@case
def hundred_logins_that_stop_half_way(t):
    """F13: each is past the security stage and gone."""
    for i in range(100):
        login = t.at_operational()
        login.reset() if i % 2 else login.close()
    return "100 gone"


@case
def two_hundred_logins_that_are_cut_off(t):
    """F13: the last request is sent and nobody waits for the answer."""
    for _ in range(200):
        login = t.at_operational()
        login.send(login.request(USUAL_KEYS, nsg=FULL_FEATURE))
        login.reset()
    return "200 gone"


@case
def hundred_sessions_at_once(t):
    """F14: all read and write, then all go without a word."""
    sessions = [t.session() for _ in range(100)]
    for i, s in enumerate(sessions):
        t.fill(s, i, 1, i)
    for i, s in enumerate(sessions):
        t.must_hold(s, i, 1, i)
        s.conn.reset()
    return "100 sessions"


@case
def sessions_that_only_log_in(t):
    """F14: 300 one after the other, none logs out."""
    for _ in range(300):
        login = t.at_operational()
        login.pass_operational(USUAL_KEYS)
        login.reset()
    return "300 sessions"


@case
def slow_reader(t):
    """F12: 64 MiB of reads are asked for and nobody fetches them; others do
    not notice."""
    s = t.session(receive_buffer=4096)
    s.ping()
    room = (s.maxcmdsn - s.cmdsn & 0xFFFFFFFF) + 1
    blocks = 1024 * 1024 // t.block_bytes
    s.conn.timeout = 1.0
    try:
        s.send(*[s.command(read10(0, blocks), 1 << 20, READ)
                 for _ in range(min(room, 64))])
    except Silent:
        pass
    worst = 0.0
    for _ in range(20):
        began = time.monotonic()
        t.witness.check()
        worst = max(worst, time.monotonic() - began)
    if worst > 1.0:
        raise Wrong("witness waited %.1f s" % worst)
    return "witness waited %.0f ms at most" % (worst * 1000)


@case
def slow_reader_is_served_when_it_reads(t):
    """F12: the same, and then everything is fetched and right."""
    s = t.session(receive_buffer=4096)
    t.fill(s, 0, 256, 0x5D)
    size = 256 * t.block_bytes
    commands = [s.command(read10(0, 256), size, READ) for _ in range(8)]
    s.send(*commands)
    t.witness.check()
    for command in commands:
        expect(s.status(command).label(), "GOOD")
        if bytes(s.data_in[command.itt]) != b"\x5d" * size:
            raise Wrong("wrong data")
    return "8 reads"


@case
def writes_whose_data_never_comes(t):
    """F30: a full window of them, then RST; nothing is written or kept."""
    for _ in range(5):
        s = t.session({"ImmediateData": "No"})
        s.ping()
        room = min((s.maxcmdsn - s.cmdsn & 0xFFFFFFFF) + 1, 128)
        s.send(*[s.command(write10(0, 1024), 1024 * t.block_bytes, WRITE)
                 for _ in range(room)])
        s.recv()
        s.conn.reset()
    return "5 windows of %d" % room


@case
def unsolicited_data_that_never_comes(t):
    """F30: InitialR2T=No, F=0, and then nothing, in 64 commands."""
    s = t.session({"InitialR2T": "No"})
    s.ping()
    room = min((s.maxcmdsn - s.cmdsn & 0xFFFFFFFF) + 1, 64)
    s.send(*[s.command(write10(0, 64), 64 * t.block_bytes, WRITE, final=False)
             for _ in range(room)])
    return outcome(s, "SILENCE", "CC b/*", "BUSY", "TASK SET FULL", *REJECTED)


@case
def window_filled_with_large_reads(t):
    """F42: as many 1 MiB reads as the window has; all are served."""
    s = t.session()
    s.ping()
    room = min((s.maxcmdsn - s.cmdsn & 0xFFFFFFFF) + 1, 128)
    blocks = 1024 * 1024 // t.block_bytes
    commands = [s.command(read10(0, blocks), 1 << 20, READ)
                for _ in range(room)]
    s.send(*commands)
    left = room
    while left:
        pdu = s.recv()
        if decides(pdu):
            expect(pdu.label(), "GOOD", "BUSY", "TASK SET FULL")
            s.data_in.pop(pdu.itt, None)
            left -= 1
    return "%d reads of 1 MiB" % room


@case
def reads_and_writes_while_a_session_is_bombed(t):
    """F42: 30 rounds; between bursts of 50 inquiries of one session another
    one reads at once."""
    bomber = t.session()
    worst = 0.0
    for _ in range(30):
        commands = [bomber.command(inquiry(), 96, READ) for _ in range(50)]
        bomber.send(*commands)
        began = time.monotonic()
        t.witness.check()
        worst = max(worst, time.monotonic() - began)
        for command in commands:
            expect(bomber.status(command).label(), "GOOD", "BUSY",
                   "TASK SET FULL")
    if worst > 1.0:
        raise Wrong("witness waited %.1f s" % worst)
    return "witness waited %.0f ms at most" % (worst * 1000)


@case
def everything_at_once(t):
    """F42: pings, texts, tasks, writes without data, bad tags and a cut, 40
    sessions of it."""
    for _ in range(40):
        s = t.session({"ImmediateData": "No"})
        makers = (
            lambda: s.nop(bytes(random.randrange(0, 600))),
            lambda: s.nop(b"", immediate=False),
            lambda: s.text({"SendTargets": ""}),
            lambda: s.task(1, s.next_itt - 5, refcmdsn=s.cmdsn - 1),
            lambda: s.task(2),
            lambda: s.command(write10(0, 8), 8 * t.block_bytes, WRITE),
            lambda: s.command(read10(0, 8), 8 * t.block_bytes, READ),
            lambda: s.data_out(s.command(TEST_UNIT_READY), 0, bytes(512), 7))
        pdus = [random.choice(makers)() for _ in range(40)]
        raw = b"".join(p.encode() for p in pdus)
        s.conn.send_raw(raw[:random.randrange(len(raw))])
        if random.random() < 0.5:
            s.conn.reset()
        else:
            s.conn.half_close()
            if not s.conn.wait_closed(3.0):
                raise Wrong("left open after FIN")
    return "40 sessions"


# -- the target's timers -----------------------------------------------------


@case(slow=True)
def write_whose_data_never_comes_leaves_the_session_alone(t):
    """F30: for 15 seconds; commands of the same session go on."""
    s = t.session({"ImmediateData": "No"})
    command = s.command(write10(0, 1), t.block_bytes, WRITE)
    s.send(command)
    await_r2t(s, command)
    for _ in range(15):
        time.sleep(1)
        try:
            s.ping()
        except Closed:
            return "CLOSE"
        except Wrong as e:
            return str(e)
    return "served beside it for 15 s"


@case(slow=True)
def header_that_stops_in_the_middle(t):
    """F11: 24 bytes of a command and then nothing, for 15 seconds."""
    s = t.session()
    s.conn.send_raw(s.command(TEST_UNIT_READY).encode()[:24])
    time.sleep(15)
    return "open" if not s.conn.has_input(0) else "CLOSE"


@case(slow=True)
def five_hundred_silent_connections_are_let_go(t):
    """F13: all of them by the login timer."""
    conns = [t.connect() for _ in range(500)]
    deadline = time.monotonic() + 32
    for conn in conns:
        if not conn.wait_closed(max(0.0, deadline - time.monotonic())):
            raise Wrong("still open after 32 s")
    return "all closed"
