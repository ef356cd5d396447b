"""What is untimely: CmdSN outside the window, tags in use, connections that end
in the middle (RFC 7143 4.2.2, 11.2.1.8).
"""

import random

from harness import await_r2t, case, decides, expect, outcome, REJECTED, Skip
from iscsi import (
    Closed, NO_TAG, NOP_IN, READ, read10, Silent, TEST_UNIT_READY, WRITE,
    write10, Wrong)

# -- CmdSN and window --------------------------------------------------------


def numbered(s, cmdsn, cdb=TEST_UNIT_READY):
    """A command that says another CmdSN than is due; does not count."""
    command = s.command(cdb)
    s.cmdsn = s.cmdsn - 1 & 0xFFFFFFFF
    command.cmdsn = cmdsn
    return command


@case
def cmdsn_that_was_used_already(t):
    """F31, RFC 7143 4.2.2.1: outside the window, silently ignored."""
    s = t.session()
    for back in (1, 2, 100, 0x7FFFFFFF):
        s.send(numbered(s, s.cmdsn - back))
    words = outcome(s, "SILENCE", "CLOSE")
    if not s.conn.is_closed:
        expect(s.run(TEST_UNIT_READY)[0], "GOOD")
    return words


@case
def cmdsn_beyond_the_window(t):
    """F31, RFC 7143 4.2.2.1: above MaxCmdSN, silently ignored."""
    s = t.session()
    s.ping()
    for ahead in (1, 2, 100, 0x7FFFFF00):
        s.send(numbered(s, s.maxcmdsn + ahead))
    words = outcome(s, "SILENCE", "CLOSE")
    if not s.conn.is_closed:
        expect(s.run(TEST_UNIT_READY)[0], "GOOD")
    return words


@case
def window_does_not_move_for_commands_outside(t):
    """F31, RFC 7143 4.2.2.1: ExpCmdSN and MaxCmdSN stay."""
    s = t.session()
    s.ping()
    before = s.target_expcmdsn, s.maxcmdsn
    s.send(numbered(s, s.cmdsn - 1), numbered(s, s.maxcmdsn + 5))
    s.ping()
    if (s.target_expcmdsn, s.maxcmdsn) != before:
        raise Wrong("window %08x..%08x, was %08x..%08x" % (
            s.target_expcmdsn, s.maxcmdsn, *before))
    return "window stays"


# [RFC7143 4.2.2.1-8]
@case
def gap_in_cmdsn_is_held_open_and_then_closed(t):
    """F32, RFC 7143 4.2.2.1: commands wait for the missing one, then run in
    order."""
    s = t.session()
    first = s.command(TEST_UNIT_READY)
    later = [s.command(TEST_UNIT_READY) for _ in range(6)]
    s.send(*reversed(later))
    outcome(s, "SILENCE")
    s.send(first)
    for command in [first] + later:
        pdu = s.recv()
        if pdu.itt != command.itt:
            raise Wrong("%s for ITT %08x, %08x was next"
                        % (pdu.label(), pdu.itt, command.itt))
        expect(pdu.label(), "GOOD")
    return "7 commands in order"


@case
def gap_with_a_full_window(t):
    """F32, RFC 7143 4.2.2.1: all of the window but its first; then that."""
    s = t.session()
    s.ping()
    room = min((s.maxcmdsn - s.cmdsn & 0xFFFFFFFF) + 1, 4096)
    first = s.command(TEST_UNIT_READY)
    later = [s.command(TEST_UNIT_READY) for _ in range(room - 1)]
    s.send(*later)
    outcome(s, "SILENCE")
    s.send(first)
    for command in [first] + later:
        expect(s.status(command).label(), "GOOD", "TASK SET FULL", "BUSY")
    return "window of %d" % room


@case
def gap_that_nobody_closes(t):
    """F32, RFC 7143 4.2.2.1: 100 sessions go away with a gap held open."""
    for _ in range(100):
        s = t.session()
        s.command(TEST_UNIT_READY)
        s.send(*[s.command(write10(0, 8), 8 * t.block_bytes, WRITE)
                 for _ in range(8)])
        s.close()
    return "100 gone"


@case
def same_cmdsn_twice_while_held(t):
    """F31, RFC 7143 4.2.2.1: two commands with one future CmdSN; one runs."""
    s = t.session()
    first = s.command(TEST_UNIT_READY)
    one = s.command(TEST_UNIT_READY)
    two = numbered(s, one.cmdsn)
    s.send(one, two, first)
    answered = 0
    s.send(s.nop(b"end"))
    while True:
        try:
            pdu = s.recv()
        except Closed:
            return "CLOSE"
        if pdu.opcode == NOP_IN:
            break
        answered += decides(pdu) and not pdu.label().startswith("RJ")
    if answered > 2:
        raise Wrong("%d commands ran for 2 numbers" % answered)
    s.ping()
    return "%d ran before the ping" % answered


# [RFC7143 4.2.2.1-2t]
@case
def immediate_command_does_not_count(t):
    """F31, RFC 7143 4.2.2.1: an immediate command carries CmdSN and does not
    use it up; wrong numbers in it do no harm."""
    s = t.session()
    for cmdsn in (s.cmdsn, s.cmdsn, s.cmdsn - 1):
        command = s.command(TEST_UNIT_READY, immediate=True)
        command.cmdsn = cmdsn
        s.send(command)
        outcome(s, "GOOD", "SILENCE", *REJECTED)
        if s.conn.is_closed:
            return "CLOSE"
    expect(s.run(TEST_UNIT_READY)[0], "GOOD")
    return "GOOD"


@case
def more_commands_than_the_window_at_once(t):
    """F31, RFC 7143 4.2.2.1: twice the window; those beyond it when they
    arrive are ignored, all others run."""
    s = t.session()
    s.ping()
    room = (s.maxcmdsn - s.cmdsn & 0xFFFFFFFF) + 1
    if room > 4096:
        raise Skip("window of %d" % room)
    commands = [s.command(TEST_UNIT_READY) for _ in range(2 * room)]
    s.send(*commands)
    ran = 0
    try:
        while True:
            pdu = s.recv(0.3)
            expect(pdu.label(), "GOOD", "TASK SET FULL", "BUSY")
            ran += 1
    except Silent:
        pass
    except Closed:
        return "CLOSE"
    if ran < room:
        raise Wrong("%d of a window of %d ran" % (ran, room))
    return "window of %d, %d of %d ran" % (room, ran, len(commands))


@case
def window_goes_on_without_commands(t):
    """F31, RFC 7143 4.2.2.1: 400 pings and texts that are not immediate, in
    normal and discovery sessions; each opens the window for another."""
    for discovery in (False, True):
        s = t.session(discovery=discovery)
        for i in range(400):
            if i and (s.maxcmdsn - s.cmdsn & 0xFFFFFFFF) >= 1 << 31:
                raise Wrong("window is closed after %d requests" % i)
            if i % 2 and not discovery:
                s.send(s.nop(b"x", immediate=False))
            else:
                s.send(s.text({"SendTargets": "All" if discovery else ""},
                              immediate=False))
            expect(s.recv().label(), "NOP-IN", "TEXT RESPONSE", "RJ *")
    return "800 answered"


# [RFC7143 7.3-2]
@case
def cmdsn_of_a_rejected_request_is_still_due(t):
    """F31, RFC 7143 11.17: it does not count as received; the same CmdSN plugs
    the gap."""
    s = t.session()
    bad = s.text(final=True, more=True, immediate=False)
    behind = s.command(TEST_UNIT_READY)
    s.send(bad, behind)
    seen = outcome(s, *REJECTED)
    if s.conn.is_closed:
        return seen
    plug = numbered(s, bad.cmdsn)
    s.send(plug)
    for command in (plug, behind):
        expect(s.status(command).label(), "GOOD")
    expect(s.run(TEST_UNIT_READY)[0], "GOOD")
    return seen + ", gap plugged"


@case
def expstatsn_is_nonsense(t):
    """F31, RFC 7143 4.2.2.2: numbers that were never sent or long past."""
    s = t.session()
    for delta in (1000, 0x7FFFFFFF, 0x80000000, -1, -1000):
        ping = s.nop(b"x")
        ping.expstatsn = s.expstatsn + delta
        s.send(ping)
        outcome(s, "NOP-IN", *REJECTED)
        if s.conn.is_closed:
            s = t.session()
    return "5 answered"


# -- tags --------------------------------------------------------------------


# [RFC7143 7.3-1]
@case
def task_tag_is_in_use(t):
    """F33, RFC 7143 11.2.1.8: a second command with the ITT of a write that
    waits for its data."""
    s = t.session({"ImmediateData": "No"})
    t.fill(s, 20, 1, 0x66)
    one = s.command(write10(20, 1), t.block_bytes, WRITE)
    s.send(one)
    await_r2t(s, one)
    two = s.command(TEST_UNIT_READY)
    two.itt = one.itt
    s.send(two)
    words = outcome(s, *REJECTED)
    t.must_hold(t.session(), 20, 1, 0x66)
    return words


@case
def task_tag_is_in_use_by_several(t):
    """F33, RFC 7143 11.2.1.8: 16 writes with one ITT in one segment."""
    s = t.session({"ImmediateData": "No"})
    commands = [s.command(write10(20, 1), t.block_bytes, WRITE)
                for _ in range(16)]
    for command in commands:
        command.itt = 0x77
    s.send(*commands)
    return outcome(s, *REJECTED)


# [RFC7143 11.2.1.8-2t]
@case
def reserved_task_tag_on_a_command(t):
    """F33, RFC 7143 11.2.1.8: ITT ffffffff."""
    s = t.session()
    command = s.command(TEST_UNIT_READY)
    command.itt = NO_TAG
    s.send(command)
    return outcome(s, *REJECTED)


@case
def reserved_task_tag_on_other_requests(t):
    """F33, RFC 7143 11.2.1.8: ITT ffffffff on Text, Task, Logout requests."""
    seen = []
    for make in (lambda s: s.text({"SendTargets": ""}), lambda s: s.task(1),
                 lambda s: s.logout(1, cid=0x5555)):
        s = t.session()
        pdu = make(s)
        pdu.itt = NO_TAG
        s.send(pdu)
        seen.append(outcome(s, "TEXT RESPONSE", "TMF *", "LOGOUT *",
                            "SILENCE", *REJECTED))
    return ", ".join(seen)


@case
def task_tags_of_all_kinds(t):
    """F33, RFC 7143 11.2.1.8: any value but ffffffff is the initiator's."""
    s = t.session()
    for itt in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE):
        command = s.command(TEST_UNIT_READY)
        command.itt = itt
        s.send(command)
        expect(s.status(command).label(), "GOOD")
    return "5 served"


# -- connections that end in the middle --------------------------------------


def write_at(t, s, lba, byte, blocks=1):
    return s.command(write10(lba, blocks), blocks * t.block_bytes, WRITE,
                     bytes([byte]) * (blocks * t.block_bytes))


def cut_everywhere(t, end, places):
    """A write with immediate data, cut at each place: the block is the old
    one, because not all of it came."""
    s = t.session()
    t.fill(s, 30, 1, 0x88)
    for cut in places:
        s = t.session()
        raw = write_at(t, s, 30, 0x99).encode()
        s.conn.send_raw(raw[:min(cut, len(raw) - 1)])
        getattr(s.conn, end)()
        if end == "half_close" and not s.conn.wait_closed():
            raise Wrong("byte %d and FIN: left open" % cut)
        s.close()
    t.must_hold(t.session(), 30, 1, 0x88)
    return "%d places" % len(places)


@case
def reset_at_every_byte_of_a_header(t):
    """F10, RFC 7143 11.3: RST after 0 to 48 bytes of a write."""
    return cut_everywhere(t, "reset", range(49))


@case
def reset_inside_immediate_data(t):
    """F10, RFC 7143 11.3: RST at every eighth byte of the data."""
    return cut_everywhere(t, "reset", range(49, 48 + t.block_bytes, 8))


@case
def fin_at_every_byte_of_a_header(t):
    """F10, RFC 7143 11.3: FIN after 0 to 48 bytes of a write."""
    return cut_everywhere(t, "half_close", range(49))


@case
def fin_inside_immediate_data(t):
    """F10, RFC 7143 11.3: FIN at every 16th byte of the data."""
    return cut_everywhere(t, "half_close", range(49, 48 + t.block_bytes, 16))


@case
def reset_inside_solicited_data(t):
    """F10, RFC 7143 11.7: RST in a Data-Out at every 128th byte, for a write
    of 8 blocks; what did not come whole is not written."""
    s = t.session()
    t.fill(s, 300, 8, 0x8A)
    size = 8 * t.block_bytes
    for cut in range(1, 48 + size, 128):
        s = t.session({"ImmediateData": "No"})
        command = s.command(write10(300, 8), size, WRITE)
        s.send(command)
        r2t = await_r2t(s, command)
        raw = s.data_out(command, 0, b"\x9a" * size, r2t.ttt).encode()
        s.conn.send_raw(raw[:min(cut, len(raw) - 1)])
        s.conn.reset()
    data = t.read(t.session(), 300, 8)
    for i in range(0, size, t.block_bytes):
        block = data[i:i + t.block_bytes]
        if len(set(block)) != 1:
            raise Wrong("block %d is torn" % (300 + i // t.block_bytes))
    return "no block is torn"


@case
def gone_before_the_answer(t):
    """F10, RFC 7143 4.2: 100 writes and reads whose sender does not wait."""
    for i in range(100):
        s = t.session()
        if i % 2:
            s.send(write_at(t, s, 40, i))
        else:
            s.send(s.command(read10(0, 256), 256 * t.block_bytes, READ))
        s.conn.reset()
    return "100 gone"


@case
def gone_in_the_middle_of_large_reads(t):
    """F10, RFC 7143 11.7: 20 sessions ask for 1 MiB eight times, read a bit
    and reset."""
    blocks = 1024 * 1024 // t.block_bytes
    for _ in range(20):
        s = t.session()
        s.send(*[s.command(read10(0, blocks), 1 << 20, READ)
                 for _ in range(8)])
        s.recv()
        s.conn.reset()
    return "20 gone"


@case
def half_close_with_reads_outstanding(t):
    """F10, RFC 7143 4.2: FIN right behind 8 reads; served or not, but ended."""
    s = t.session()
    s.send(*[s.command(read10(0, 64), 64 * t.block_bytes, READ)
             for _ in range(8)])
    s.conn.half_close()
    got = 0
    try:
        while True:
            got += s.recv(2.0).flags & 1
    except Closed:
        return "CLOSE after %d reads" % got
    except Silent:
        raise Wrong("left open after FIN") from None


@case
def half_close_of_an_idle_session(t):
    """F11, RFC 7143 4.2: FIN and nothing else."""
    s = t.session()
    s.conn.half_close()
    if not s.conn.wait_closed():
        raise Wrong("left open after FIN")
    return "CLOSE"


@case
def pdus_in_single_bytes(t):
    """F10, RFC 7143 4.2: a write and a ping, each byte in a segment of its
    own; they are served."""
    s = t.session()
    command = write_at(t, s, 30, 0x9B)
    for byte in command.encode():
        s.conn.send_raw(bytes([byte]))
    expect(s.status(command).label(), "GOOD")
    s.ping()
    t.must_hold(s, 30, 1, 0x9B)
    return "GOOD"


@case
def pdus_in_segments_of_odd_sizes(t):
    """F10, RFC 7143 4.2: 20 writes in one stream that is cut at random."""
    s = t.session()
    commands = [write_at(t, s, 30 + i, i + 1) for i in range(20)]
    stream = b"".join(c.encode() for c in commands)
    at = 0
    while at < len(stream):
        size = random.randrange(1, 200)
        s.conn.send_raw(stream[at:at + size])
        at += size
    for command in commands:
        expect(s.status(command).label(), "GOOD")
    for i in range(20):
        t.must_hold(s, 30 + i, 1, i + 1)
    return "20 written"
