"""Too much of everything: connections, sessions, tasks, data that never comes,
peers that do not read (performance-reliability F12 to F14, F30, F42)."""

import random
import struct
import time

from harness import await_r2t, case, decides, expect, outcome, REJECTED
from iscsi import (
    Closed, FULL_FEATURE, inquiry, READ, read10, Silent, TASK_RESPONSE,
    TEST_UNIT_READY, USUAL_KEYS, WRITE, write10, Wrong)


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


# -- somebody stalls, others go on -------------------------------------------


def with_waiting_writes(t):
    """A session with a window of writes that wait for their data."""
    s = t.session({"ImmediateData": "No"})
    s.ping()
    room = min((s.maxcmdsn - s.cmdsn & 0xFFFFFFFF) + 1, 32)
    s.send(*[s.command(write10(8 * i, 8), 8 * t.block_bytes, WRITE)
             for i in range(room)])
    s.recv()
    return s


def with_unread_data(t, identity=None):
    """A session that asked for 32 MiB and takes nothing of it."""
    s = t.session(identity=identity, receive_buffer=4096)
    s.ping()
    room = min((s.maxcmdsn - s.cmdsn & 0xFFFFFFFF) + 1, 32)
    blocks = 1024 * 1024 // t.block_bytes
    s.send(*[s.command(read10(0, blocks), 1 << 20, READ)
             for _ in range(room)])
    time.sleep(0.1)
    return s


def others_are_served(t):
    """A new session, and commands that read, write and need the unit for
    themselves."""
    b = t.block_bytes
    s = t.session()
    t.fill(s, 1000, 1, 0x51)
    compare = struct.pack(">BBQxxxBBB", 0x89, 0, 1000, 1, 0, 0)
    register = struct.pack(">BBBxxIB", 0x5F, 6, 0, 24, 0)
    for cdb, edtl, flags, data in (
            (inquiry(), 96, READ, b""),
            (bytes([0x1A, 0, 0x3F, 0, 255, 0]), 255, READ, b""),
            (struct.pack(">BBBxxxIxx", 0xA0, 0, 0, 256), 256, READ, b""),
            (compare, 2 * b, WRITE, b"\x51" * b + b"\x52" * b),
            (struct.pack(">BBxxxxxHB", 0x5E, 0, 256, 0), 256, READ, b""),
            (register, 24, WRITE, bytes(8) + b"hostile!" + bytes(8)),
            (register, 24, WRITE, bytes(24)),
            (bytes([0x35]) + bytes(9), 0, 0, b"")):
        label, _, _ = s.run(cdb, edtl, flags, data)
        expect(label, "GOOD", "CC 5/20/00")
    t.witness.check()
    return s


@case
def others_are_served_while_writes_wait_for_data(t):
    """F30: commands that need the unit for themselves do not wait for a peer
    that sends nothing."""
    with_waiting_writes(t)
    others_are_served(t)
    return "served"


@case
def others_are_served_while_data_is_not_fetched(t):
    """F12: commands that need the unit for themselves do not wait for a peer
    that reads nothing."""
    with_unread_data(t)
    others_are_served(t)
    return "served"


@case
def lun_reset_while_writes_of_another_wait(t):
    """F34, RFC 7143 4.2.3: answered although the other sends nothing."""
    with_waiting_writes(t)
    s = t.session()
    s.send(s.task(5))
    words = outcome(s, "TMF 0")
    others_are_served(t)
    return words


@case
def lun_reset_while_another_does_not_fetch_its_data(t):
    """F12, F34, RFC 7143 4.2.3: answered although the other reads nothing."""
    with_unread_data(t)
    s = t.session()
    s.send(s.task(5))
    words = outcome(s, "TMF 0")
    others_are_served(t)
    return words


@case
def session_with_unread_data_is_reinstated(t):
    """F12, F36, RFC 7143 6.3.5: the old one cannot be told anything."""
    identity = t.identity()
    with_unread_data(t, identity)
    s = t.session(identity=identity)
    s.ping()
    return "reinstated"


def nothing_follows(t, function):
    """Reads that nobody fetches, then a function that ends them: once it is
    answered, nothing of them may come any more (SAM-5 7.1)."""
    s = with_unread_data(t)
    s.send(s.task(function))
    t.witness.check()
    while True:
        pdu = s.recv()
        if decides(pdu):
            expect(pdu.label(), "TMF 0", "GOOD", "TASK ABORTED")
        if pdu.opcode == TASK_RESPONSE:
            break
    s.ping()
    return "TMF 0"


# [RFC7143 11.5.1-3]
@case
def nothing_follows_abort_task_set(t):
    """F12, F34, RFC 7143 11.6.1: status that was sent before comes before its
    answer, everything else not at all."""
    return nothing_follows(t, 2)


# [RFC7143 11.5.1-3]
@case
def nothing_follows_lun_reset(t):
    """F12, F34, RFC 7143 11.6.1: the same for LUN RESET."""
    return nothing_follows(t, 5)


@case
def nothing_follows_abort_task(t):
    """F12, F34, RFC 7143 11.6.1: each of 32 unread reads is aborted; nothing
    of a task comes behind the answer that it is aborted or does not exist."""
    s = with_unread_data(t)
    tasks = {}
    for itt in sorted(s.expected_in):
        task = s.task(1, itt, refcmdsn=s.cmdsn - len(s.expected_in))
        tasks[task.itt] = itt
        s.send(task)
    gone, labels = set(), {}
    while len(gone) < len(tasks):
        pdu = s.recv()
        if pdu.opcode == TASK_RESPONSE:
            gone.add(tasks[pdu.itt])
            label = expect(pdu.label(), "TMF 0", "TMF 1")
            labels[label] = labels.get(label, 0) + 1
        elif pdu.itt in gone:
            raise Wrong("%s of a task whose abort was answered"
                        % pdu.label())
    s.ping()
    return ", ".join("%d %s" % (n, k) for k, n in sorted(labels.items()))


@case
def echoes_that_nobody_fetches(t):
    """F42: 20 sessions, each 200 pings with 8 KiB; gone without a look."""
    for i in range(20):
        s = t.session(receive_buffer=4096)
        s.conn.timeout = 0.2
        try:
            for _ in range(200):
                s.send(s.nop(bytes(8192)))
        except Silent:
            pass
        s.conn.reset() if i % 2 else s.close()
    return "20 sessions gone"


@case
def answers_of_all_kinds_that_nobody_fetches(t):
    """F42: pings, texts, tasks, rejects and inquiries, 300 of each, from 10
    sessions that do not read."""
    for i in range(10):
        s = t.session(receive_buffer=4096)
        s.conn.timeout = 0.2
        try:
            for _ in range(300):
                s.send(s.nop(bytes(400)), s.text({"SendTargets": ""}),
                       s.task(1, 0xDEAD), s.snack(0),
                       s.command(inquiry(), 96, READ, immediate=True))
        except Silent:
            pass
        s.conn.reset() if i % 2 else s.close()
    return "10 sessions gone"


@case
def gone_while_resets_are_carried_out(t):
    """F34: 40 sessions that send tasks, reads and resets and are gone before
    any answer."""
    for i in range(40):
        s = t.session({"ImmediateData": "No"})
        s.send(*[s.command(write10(8 * j, 8), 8 * t.block_bytes, WRITE)
                 for j in range(8)],
               *[s.command(read10(0, 256), 256 * t.block_bytes, READ)
                 for j in range(8)],
               s.task(2), s.task(5), s.task(1, s.next_itt - 9), s.task(5))
        s.conn.reset() if i % 2 else s.close()
    return "40 gone"


@case
def gone_with_requests_held_behind_a_gap(t):
    """F32: pings with data, texts, tasks, writes and a logout that wait for a
    CmdSN, 40 times."""
    for i in range(40):
        s = t.session()
        s.command(TEST_UNIT_READY)      # never sent
        size = 8 * t.block_bytes
        s.send(s.nop(bytes(4000), immediate=False),
               s.text({"SendTargets": ""}, immediate=False),
               s.task(2, immediate=False),
               s.command(write10(0, 8), size, WRITE, bytes(size)),
               s.command(write10(0, 8), size, WRITE),
               s.logout(immediate=False))
        if i % 4 == 0:
            s.ping()
        s.conn.reset() if i % 2 else s.close()
    return "40 gone"


@case
def abort_while_data_arrives(t):
    """F34: 60 writes of 256 KiB; the abort comes in the middle of a Data-Out,
    whose rest follows."""
    size = 256 * 1024
    s = t.session({"ImmediateData": "No"})
    for _ in range(60):
        command = s.command(write10(0, size // t.block_bytes), size, WRITE)
        s.send(command)
        r2t = await_r2t(s, command)
        piece = min(size, s.target_data_max, r2t.r2t_length)
        s.send(s.data_out(command, 0, bytes(piece // 2), r2t.ttt,
                          final=False),
               s.task(1, command.itt, refcmdsn=command.cmdsn),
               s.data_out(command, piece // 2, bytes(piece // 2), r2t.ttt, 1))
        outcome(s, "TMF 0", "TMF 1", "GOOD", "TASK ABORTED", *REJECTED)
        s.r2ts.clear()
        if s.conn.is_closed:
            s = t.session({"ImmediateData": "No"})
    return "60 aborted"


@case
def gone_while_data_arrives(t):
    """F10: 40 writes of 256 KiB, cut in the middle of a large Data-Out."""
    size = 256 * 1024
    for i in range(40):
        s = t.session({"ImmediateData": "No"})
        command = s.command(write10(0, size // t.block_bytes), size, WRITE)
        s.send(command)
        r2t = await_r2t(s, command)
        piece = min(size, s.target_data_max, r2t.r2t_length)
        raw = s.data_out(command, 0, bytes(piece), r2t.ttt).encode()
        s.conn.send_raw(raw[:random.randrange(1, len(raw))])
        if i % 3 == 0:
            t.witness.check()
        s.conn.reset() if i % 2 else s.close()
    return "40 gone"


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
