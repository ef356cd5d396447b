"""Task management: wrong, late, early or too much (RFC 7143 11.5, 11.6)."""

import random

from harness import await_r2t, case, decides, expect, outcome, REJECTED
from iscsi import (
    Closed, NO_TAG, TASK_RESPONSE, TEST_UNIT_READY, WRITE, write10, Wrong)

ABORT_TASK, ABORT_TASK_SET, CLEAR_ACA, CLEAR_TASK_SET = 1, 2, 3, 4
LUN_RESET, WARM_RESET, COLD_RESET, REASSIGN = 5, 6, 7, 8
NOT_DONE = ("TMF 1", "TMF 2", "TMF 5", "TMF 6", "TMF 255")


def writer(t, **keys):
    """A session whose writes wait for an R2T."""
    return t.session({"ImmediateData": "No", **keys})


def waiting(t, s, lba, byte, count=1):
    """Writes that have their R2T and wait for data; the blocks hold byte."""
    t.fill(s, lba, count, byte)
    commands = [s.command(write10(lba + i, 1), t.block_bytes, WRITE)
                for i in range(count)]
    s.send(*commands)
    return commands, [await_r2t(s, c) for c in commands]


# -- ABORT TASK --------------------------------------------------------------


@case
def abort_of_a_task_that_never_was(t):
    """F34, RFC 7143 11.6.1: unknown tag, RefCmdSN long past: 1."""
    s = t.session()
    s.send(s.task(ABORT_TASK, 0xDEAD, refcmdsn=s.cmdsn - 100))
    return outcome(s, "TMF 1", "TMF 255")


@case
def abort_of_a_task_that_is_done(t):
    """F34, RFC 7143 11.6.1: its status was sent already."""
    s = t.session()
    command = s.command(TEST_UNIT_READY)
    s.send(command)
    s.status(command)
    s.send(s.task(ABORT_TASK, command.itt, refcmdsn=command.cmdsn))
    return outcome(s, "TMF 1")


@case
def abort_of_a_write_that_waits_for_data(t):
    """F34, RFC 7143 11.5.1: done; late data is dropped, nothing is written."""
    s = writer(t)
    (command,), (r2t,) = waiting(t, s, 200, 0xA1)
    s.send(s.task(ABORT_TASK, command.itt, refcmdsn=command.cmdsn))
    seen = outcome(s, "TMF 0", "TASK ABORTED")
    s.send(s.data_out(command, 0, b"\xee" * t.block_bytes, r2t.ttt))
    late = outcome(s, "SILENCE", *REJECTED)
    t.must_hold(t.session(), 200, 1, 0xA1)
    return "%s, then %s" % (seen, late)


# [RFC7143 10.7-2]
@case
def abort_and_data_in_one_segment(t):
    """F34, RFC 7143 11.5.1: the data comes right behind the abort."""
    s = writer(t)
    (command,), (r2t,) = waiting(t, s, 200, 0xA2)
    s.send(s.task(ABORT_TASK, command.itt, refcmdsn=command.cmdsn),
           s.data_out(command, 0, b"\xee" * t.block_bytes, r2t.ttt))
    seen = outcome(s, "TMF 0", "TASK ABORTED", *REJECTED)
    t.must_hold(t.session(), 200, 1, 0xA2)
    return seen


@case
def data_and_abort_in_one_segment(t):
    """F34, RFC 7143 11.6.1: the abort comes too late; done or not there, and
    the block is the old or the new one."""
    s = writer(t)
    (command,), (r2t,) = waiting(t, s, 200, 0xA3)
    s.send(s.data_out(command, 0, b"\xee" * t.block_bytes, r2t.ttt),
           s.task(ABORT_TASK, command.itt, refcmdsn=command.cmdsn))
    seen = outcome(s, "GOOD", "TMF 0", "TMF 1")
    if len(set(t.read(s, 200, 1))) != 1:
        raise Wrong("block is torn")
    return seen


@case
def abort_of_a_task_that_has_not_arrived(t):
    """F34, RFC 7143 11.5.1, 11.6.1: RefCmdSN in the window; 0, and what comes
    with that CmdSN later is not carried out."""
    s = t.session()
    t.fill(s, 201, 1, 0xA4)
    command = s.command(write10(201, 1), t.block_bytes, WRITE,
                        b"\xee" * t.block_bytes)
    task = s.task(ABORT_TASK, command.itt, refcmdsn=command.cmdsn)
    s.send(task)
    seen = outcome(s, "TMF 0")
    s.send(command)
    late = outcome(s, "SILENCE")
    expect(s.run(TEST_UNIT_READY)[0], "GOOD")
    t.must_hold(s, 201, 1, 0xA4)
    return "%s, then %s" % (seen, late)


@case
def abort_of_a_held_command(t):
    """F34, RFC 7143 11.5.1: it arrived, but waits for the CmdSN before it."""
    s = t.session()
    t.fill(s, 202, 1, 0xA5)
    first = s.command(TEST_UNIT_READY)
    held = s.command(write10(202, 1), t.block_bytes, WRITE,
                     b"\xee" * t.block_bytes)
    s.send(held, s.task(ABORT_TASK, held.itt, refcmdsn=held.cmdsn))
    seen = outcome(s, "TMF 0", "TMF 1", "TASK ABORTED")
    s.send(first)
    outcome(s, "GOOD", "TASK ABORTED")
    if "TMF 0" in seen:
        t.must_hold(s, 202, 1, 0xA5)
    expect(s.run(TEST_UNIT_READY)[0], "GOOD")
    return seen


@case
def refcmdsn_beyond_the_window(t):
    """F34, RFC 7143 11.5.5: neither a past nor a possible command."""
    s = t.session()
    s.ping()
    seen = []
    for ahead in (1, 1000, 0x7FFFFFFF):
        s.send(s.task(ABORT_TASK, 0xDEAD, refcmdsn=s.maxcmdsn + ahead))
        seen.append(outcome(s, "TMF 1", "TMF 255", *REJECTED))
    return ", ".join(seen)


@case
def refcmdsn_of_another_command(t):
    """F34, RFC 7143 11.5.5: the ITT is right and RefCmdSN is not."""
    s = writer(t)
    (command,), _ = waiting(t, s, 200, 0xA6)
    s.send(s.task(ABORT_TASK, command.itt, refcmdsn=command.cmdsn - 7))
    seen = outcome(s, "TMF *", "TASK ABORTED", *REJECTED)
    t.must_hold(t.session(), 200, 1, 0xA6)
    return seen


@case
def abort_of_itself(t):
    """F34, RFC 7143 11.5.4: Referenced Task Tag is its own ITT."""
    s = t.session()
    task = s.task(ABORT_TASK)
    task.referenced_itt = task.itt
    s.send(task)
    return outcome(s, "TMF *", *REJECTED)


@case
def abort_of_the_reserved_tag(t):
    """F34, RFC 7143 11.5.4: Referenced Task Tag ffffffff."""
    s = t.session()
    s.send(s.task(ABORT_TASK, NO_TAG, refcmdsn=s.cmdsn - 1))
    return outcome(s, *NOT_DONE, *REJECTED)


@case
def abort_with_the_tag_of_the_task(t):
    """F33, RFC 7143 11.2.1.8: the abort's own ITT is that of the write."""
    s = writer(t)
    (command,), _ = waiting(t, s, 200, 0xA7)
    task = s.task(ABORT_TASK, command.itt, refcmdsn=command.cmdsn)
    task.itt = command.itt
    s.send(task)
    seen = outcome(s, "TMF *", "TASK ABORTED", *REJECTED)
    t.must_hold(t.session(), 200, 1, 0xA7)
    return seen


@case
def abort_twice_in_one_segment(t):
    """F34, RFC 7143 11.6.1: the second finds nothing, or the same."""
    s = writer(t)
    (command,), _ = waiting(t, s, 200, 0xA8)
    one, two = [s.task(ABORT_TASK, command.itt, refcmdsn=command.cmdsn)
                for _ in range(2)]
    s.send(one, two)
    seen = {pdu.itt: pdu.label() for pdu in (s.recv(), s.recv())}
    return "%s, %s" % (expect(seen[one.itt], "TMF 0"),
                       expect(seen[two.itt], "TMF 0", "TMF 1"))


def label_of(s):
    while True:
        pdu = s.recv()
        if decides(pdu):
            return pdu.label()


@case
def abort_with_another_lun(t):
    """F34, RFC 7143 11.5.3: the write is on our LUN, the abort names others."""
    s = writer(t)
    (command,), _ = waiting(t, s, 200, 0xA9)
    seen = []
    for lun in (99, b"\xff" * 8):
        s.send(s.task(ABORT_TASK, command.itt, lun=lun,
                      refcmdsn=command.cmdsn))
        seen.append(outcome(s, "TMF *", "TASK ABORTED", *REJECTED))
        if s.conn.is_closed:
            break
    t.must_hold(t.session(), 200, 1, 0xA9)
    return ", ".join(seen)


@case
def abort_of_tasks_of_another_session(t):
    """F34, RFC 7143 11.5.1: a tag means something in its own session only."""
    victim = writer(t)
    (command,), (r2t,) = waiting(t, victim, 200, 0xAA)
    s = t.session()
    for tag in range(command.itt - 4, command.itt + 5):
        s.send(s.task(ABORT_TASK, tag, refcmdsn=s.cmdsn - 1))
        outcome(s, "TMF *")
    victim.send(victim.data_out(
        command, 0, b"\xab" * t.block_bytes, r2t.ttt))
    expect(victim.status(command).label(), "GOOD")
    t.must_hold(s, 200, 1, 0xAB)
    return "the other's write went through"


@case
def abort_storm(t):
    """F34, RFC 7143 11.5: 200 writes, each aborted at once; no block is
    changed, the window is whole again."""
    s = writer(t)
    t.fill(s, 256, 64, 0xAC)
    for round_ in range(20):
        commands = [s.command(write10(256 + i, 1), t.block_bytes, WRITE)
                    for i in range(10)]
        tasks = [s.task(ABORT_TASK, c.itt, refcmdsn=c.cmdsn)
                 for c in commands]
        mixed = [p for pair in zip(commands, tasks) for p in pair]
        s.send(*mixed)
        answered = 0
        while answered < len(tasks):
            pdu = s.recv()
            answered += pdu.opcode == TASK_RESPONSE
            if decides(pdu):
                expect(pdu.label(), "TMF 0", "TMF 1", "TASK ABORTED")
        s.r2ts.clear()
    t.must_hold(s, 256, 64, 0xAC)
    return "200 aborted"


# -- task sets and resets ----------------------------------------------------


def all_of(t, function, *wanted):
    """32 waiting writes, then a function that ends them all."""
    s = writer(t)
    s.ping()
    room = (s.maxcmdsn - s.cmdsn & 0xFFFFFFFF) + 1
    count = min(32, room)
    commands, r2ts = waiting(t, s, 256, 0xB0, count)
    task = s.task(function)
    s.send(task)
    seen = set()
    while True:
        pdu = s.recv()
        if decides(pdu):
            seen.add(expect(pdu.label(), *wanted))
        if pdu.opcode == TASK_RESPONSE:
            break
    s.send(*[s.data_out(c, 0, b"\xee" * t.block_bytes, r.ttt)
             for c, r in zip(commands, r2ts)])
    late = outcome(s, "SILENCE", *REJECTED)
    check = t.session()
    if "TMF 0" in seen:
        t.must_hold(check, 256, count, 0xB0)
    return "%d waiting: %s; late data: %s" % (
        count, ", ".join(sorted(seen)), late)


@case
def abort_task_set_with_writes_in_flight(t):
    """F34, RFC 7143 11.5.1, 4.2.3.3: all end, nothing is written later."""
    return all_of(t, ABORT_TASK_SET, "TMF 0", "TASK ABORTED")


@case
def clear_task_set_with_writes_in_flight(t):
    """F34, RFC 7143 11.5.1: all of all sessions; allowed to be unsupported."""
    return all_of(t, CLEAR_TASK_SET, "TMF 0", "TMF 5", "TASK ABORTED")


@case
def lun_reset_with_writes_in_flight(t):
    """F34, RFC 7143 11.5.1: nothing is written later."""
    return all_of(t, LUN_RESET, "TMF 0", "TASK ABORTED")


# [RFC7143 11.9.1-7]
@case
def lun_reset_ends_writes_of_another_session(t):
    """F34, RFC 7143 11.5.1, SAM-5: their tasks end, they are told by unit
    attention."""
    victim = writer(t)
    (command,), (r2t,) = waiting(t, victim, 200, 0xB1)
    s = t.session()
    s.send(s.task(LUN_RESET))
    expect(outcome(s, "TMF 0"), "TMF 0")
    victim.send(victim.data_out(
        command, 0, b"\xee" * t.block_bytes, r2t.ttt))
    late = outcome(victim, "SILENCE", "CC 6/*", "TASK ABORTED", *REJECTED)
    t.must_hold(t.session(), 200, 1, 0xB1)
    if not victim.conn.is_closed:
        label, _, _ = victim.run(TEST_UNIT_READY)
        expect(label, "CC 6/29/*", "CC 6/2f/*", "GOOD")
        return "late data: %s, then %s" % (late, label)
    return "late data: %s" % late


@case
def lun_resets_from_two_sessions_at_once(t):
    """F34, RFC 7143 11.5.1: 20 each, in one segment each; all are answered."""
    sessions = t.session(), t.session()
    for s in sessions:
        s.send(*[s.task(LUN_RESET) for _ in range(20)])
    for s in sessions:
        for _ in range(20):
            expect(label_of(s), "TMF 0", "RJ 06")
    return "40 resets"


@case
def unit_attentions_do_not_pile_up(t):
    """F34, SAM-5 5.14: 20 resets are one unit attention for another nexus."""
    other, s = t.session(), t.session()
    for _ in range(20):
        s.send(s.task(LUN_RESET))
        expect(label_of(s), "TMF 0")
    count = 0
    while other.run(TEST_UNIT_READY)[0].startswith("CC 6/"):
        count += 1
        if count > 2:
            raise Wrong("more than 2 unit attentions after 20 resets")
    return "%d unit attention" % count


@case
def reset_and_commands_in_one_segment(t):
    """F34, RFC 7143 11.5.1: writes before and behind a LUN RESET."""
    s = t.session()
    before = [s.command(write10(210 + i, 1), t.block_bytes, WRITE,
                        bytes(t.block_bytes)) for i in range(8)]
    task = s.task(LUN_RESET)
    behind = [s.command(TEST_UNIT_READY) for _ in range(8)]
    s.send(*before, task, *behind)
    seen, got = set(), 0
    while got < 9:
        pdu = s.recv()
        if decides(pdu):
            seen.add(expect(pdu.label(), "GOOD", "TMF 0", "TASK ABORTED",
                            "CC 6/*"))
            got += pdu.itt in {c.itt for c in behind} | {task.itt}
    return ", ".join(sorted(seen))


@case
def functions_for_a_lun_that_does_not_exist(t):
    """F34, RFC 7143 11.6.1: 2, LUN does not exist."""
    seen = []
    for function in (ABORT_TASK_SET, CLEAR_TASK_SET, LUN_RESET):
        for lun in (99, b"\xff" * 8, b"\x40\x63" + bytes(6)):
            s = t.session()
            s.send(s.task(function, lun=lun))
            seen.append(outcome(s, "TMF 2", "TMF 5", *REJECTED))
    return ", ".join(seen)


@case
def clear_aca_where_there_is_none(t):
    """F34, RFC 7143 11.5.1: done, or not supported."""
    s = t.session()
    s.send(s.task(CLEAR_ACA))
    return outcome(s, "TMF 0", "TMF 5", "TMF 255")


@case
def task_reassign_at_erl_0(t):
    """F37, RFC 7143 11.6.1: allegiance reassignment is not supported."""
    s = writer(t)
    (command,), _ = waiting(t, s, 200, 0xB2)
    s.send(s.task(REASSIGN, command.itt, refcmdsn=command.cmdsn))
    return outcome(s, "TMF 4", "TMF 5", "TMF 3", "TMF 255", *REJECTED)


@case(ends_sessions=True)
def target_warm_reset(t):
    """F34, RFC 7143 11.5.1: done, not supported or not authorized."""
    s = t.session()
    s.send(s.task(WARM_RESET))
    return outcome(s, "TMF 0", "TMF 5", "TMF 6", "TMF 255", "CLOSE")


# [RFC7143 11.5.1-12]
@case(ends_sessions=True)
def target_cold_reset(t):
    """F34, RFC 7143 11.5.1: done (then all sessions end), not supported or
    not authorized."""
    s, other = t.session(), t.session()
    s.send(s.task(COLD_RESET))
    seen = outcome(s, "TMF 0", "TMF 5", "TMF 6", "TMF 255", "CLOSE")
    if "TMF 0" in seen or "CLOSE" in seen:
        other.send(other.nop(b"x"))
        expect(outcome(other, "CLOSE"), "CLOSE")
    return seen


# -- what is no function -----------------------------------------------------


@case
def functions_that_do_not_exist(t):
    """F34, RFC 7143 11.5.1, RFC 7144: 0 and 9 to 127, answered with 5 or 255
    or rejected."""
    tally = {}
    s = t.session()
    for function in (0, *range(9, 128)):
        s.send(s.task(function))
        seen = outcome(s, "TMF 5", "TMF 255", *REJECTED)
        tally[seen] = tally.get(seen, 0) + 1
        if s.conn.is_closed:
            s = t.session()
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


@case
def task_request_is_not_immediate(t):
    """F34, RFC 7143 4.2.2.1: it waits for its turn in CmdSN."""
    s = t.session()
    first = s.command(TEST_UNIT_READY)
    task = s.task(ABORT_TASK, 0xDEAD, immediate=False)
    task.refcmdsn = first.cmdsn - 50
    s.send(task)
    outcome(s, "SILENCE")
    s.send(first)
    expect(s.status(first).label(), "GOOD")
    return expect(s.recv().label(), "TMF 1", "TMF 255")


@case
def flood_of_task_requests(t):
    """F42, RFC 7143 4.2.2.1: 1000 immediate ones; each answered or rejected
    as too many."""
    s = t.session()
    s.send(*[s.task(ABORT_TASK, 0xDEAD, refcmdsn=s.cmdsn - 9)
             for _ in range(1000)])
    tally = {}
    for _ in range(1000):
        try:
            label = expect(s.recv().label(), "TMF 1", "TMF 255", "RJ 06")
        except Closed:
            return "CLOSE after %s" % tally
        tally[label] = tally.get(label, 0) + 1
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


@case
def random_task_requests(t):
    """F34, RFC 7143 11.5: 300 with random tags, LUNs and RefCmdSN beside
    writes that wait; the session keeps its count."""
    s = writer(t)
    t.fill(s, 256, 16, 0xB3)
    for _ in range(300):
        if random.random() < 0.3:
            s.send(s.command(write10(256 + random.randrange(16), 1),
                             t.block_bytes, WRITE))
        function = random.choice((1, 1, 1, 2, 3, 4, 5, 8, 9))
        task = s.task(function, s.next_itt - random.randrange(1, 30),
                      refcmdsn=s.cmdsn - random.randrange(-3, 40))
        if random.random() < 0.2:
            task.lun = random.randbytes(8)
        s.send(task)
        outcome(s, "TMF *", "TASK ABORTED", "CC 6/*", "SILENCE", *REJECTED)
        if s.conn.is_closed:
            s = writer(t)
    s.close()
    t.must_hold(t.session(), 256, 16, 0xB3)
    return "300 answered, nothing written"
