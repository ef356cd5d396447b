"""PDUs in the full feature phase that are malformed or misplaced (RFC 7143 11):
opcodes, reserved bits, AHS, lengths, digests, NOP-Out, Logout, SNACK.
"""

import random
import socket
import struct

from harness import (
    await_r2t, case, DATA_ERROR, decides, expect, outcome, REJECTED, Skip)
from iscsi import (
    Closed, COMMAND, F, inquiry, NO_TAG, NOP_IN, Pdu, READ, read10, REQUESTS,
    Silent, TASK, TEST_UNIT_READY, WRITE, write10, Wrong)

# -- opcodes and reserved bits -----------------------------------------------


def every_opcode(t, opcodes, immediate=False):
    """Each is rejected or ends the connection; a new session then."""
    tally = {}
    s = t.session()
    for op in opcodes:
        pdu = s.number(Pdu(op, flags=F), immediate=True)
        if not immediate:
            pdu.byte0 = op
            pdu.cmdsn = s.cmdsn
        pdu.lun = s.lun
        s.send(pdu)
        seen = outcome(s, *REJECTED)
        tally[seen] = tally.get(seen, 0) + 1
        if s.conn.is_closed:
            s = t.session()
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


UNDEFINED = [op for op in range(64) if op not in REQUESTS and op < 0x20
             or op in range(0x27, 0x31) or op in range(0x33, 0x3F)]
OF_TARGETS = [op for op in range(0x20, 0x40) if op not in UNDEFINED]


@case
def undefined_opcodes(t):
    """F23, RFC 7143 11.2.1.2: every opcode that has no meaning."""
    return every_opcode(t, UNDEFINED)


@case
def undefined_opcodes_as_immediate(t):
    """F23, RFC 7143 11.2.1.2: the same with the I bit."""
    return every_opcode(t, UNDEFINED, immediate=True)


# [RFC7143 11.2.1.2-1b]
@case
def opcodes_of_targets(t):
    """F23, RFC 7143 11.2.1.2: NOP-In, R2T, Reject and the like from an
    initiator."""
    return every_opcode(t, OF_TARGETS)


@case
def reserved_bit_7_of_the_opcode_byte(t):
    """F23, RFC 7143 11.2.1: it is reserved; ignored or rejected."""
    s = t.session()
    ping = s.nop(b"x")
    ping.byte0 |= 0x80
    s.send(ping)
    return outcome(s, "NOP-IN", *REJECTED)


@case
def reject_carries_the_header_that_was_bad(t):
    """F23, RFC 7143 11.17: the data segment begins with it."""
    s = t.session()
    bad = s.number(Pdu(0x1F, flags=F), immediate=True)
    s.send(bad)
    try:
        pdu = s.recv()
    except Closed:
        return "CLOSE"
    expect(pdu.label(), "RJ *")
    if pdu.data[:48] != bytes(bad.header):
        raise Wrong("%s with %d bytes that are not the header"
                    % (pdu.label(), len(pdu.data)))
    if pdu.itt != NO_TAG:
        raise Wrong("%s with ITT %08x" % (pdu.label(), pdu.itt))
    return pdu.label()


@case
def undefined_opcodes_in_bulk(t):
    """F42, RFC 7143 11.17: 500 at once; each rejected, or the end."""
    s = t.session()
    pdus = []
    for _ in range(500):
        pdus.append(s.number(Pdu(0x1D, flags=F), immediate=True))
    s.send(*pdus)
    for n in range(500):
        try:
            expect(s.recv().label(), "RJ *")
        except Closed:
            return "CLOSE after %d" % n
    s.ping()
    return "500 rejected"


@case
def reserved_bits_of_a_command_are_ignored(t):
    """F39, RFC 7143 11.2: a receiver does not look at reserved fields."""
    s = t.session()
    command = s.command(TEST_UNIT_READY)
    command.flags |= 0x18
    command.byte3 = 0xFF
    s.send(command)
    return outcome(s, "GOOD", *REJECTED)


@case
def reserved_bits_of_a_nop_are_ignored(t):
    """F42, RFC 7143 11.18: byte 1 without F, bytes 2 and 3, words 32 to 47."""
    s = t.session()
    ping = s.nop(b"x")
    ping.flags = 0xFF
    ping.byte2 = ping.byte3 = 0xFF
    ping.header[32:48] = b"\xff" * 16
    s.send(ping)
    return outcome(s, "NOP-IN", *REJECTED)


@case
def final_bit_is_missing(t):
    """F42, RFC 7143 11.2.1.3: F=0 on NOP-Out, Task and Logout requests."""
    seen = []
    for make, good in ((lambda s: s.nop(b"x"), "NOP-IN"),
                       (lambda s: s.task(1), "TMF *"),
                       (lambda s: s.logout(1, cid=0x5555), "LOGOUT 1")):
        s = t.session()
        pdu = make(s)
        pdu.flags &= 0x7F
        s.send(pdu)
        seen.append(outcome(s, good, *REJECTED))
    return ", ".join(seen)


@case
def every_request_with_random_fields(t):
    """F23, RFC 7143 11: 40 sessions, each sends up to 20 requests of random
    content with true lengths."""
    total = 0
    for _ in range(40):
        s = t.session()
        for _ in range(20):
            raw = bytearray(random.randbytes(48))
            op = random.choice([o for o in REQUESTS if o != COMMAND])
            raw[0] = op | random.choice((0, 0x40))
            size = random.choice((0, 0, 4, 64))
            raw[4:8] = b"\0" + size.to_bytes(3, "big")
            if op == TASK and raw[1] & 0x7F in (6, 7):
                raw[1] ^= 8         # resets have cases of their own
            s.conn.send_raw(bytes(raw) + random.randbytes(size))
            total += 1
        s.conn.half_close()
        s.conn.timeout = 2
        try:
            while True:
                s.conn.recv()
        except Closed:
            pass
        except Silent:
            raise Wrong("neither answered nor closed") from None
        s.close()
    return "%d requests" % total


# -- additional header segments ----------------------------------------------


def with_ahs(t, ahs, words=None, cdb=TEST_UNIT_READY):
    s = t.session()
    command = s.command(cdb, ahs=ahs)
    command.declared_ahs_words = words
    s.send(command)
    return outcome(s, "GOOD", "CC *", *REJECTED)


@case
def ahs_of_unknown_types(t):
    """F24, RFC 7143 11.2.2.1: types 0, 3 to 63, and reserved bits."""
    tally = {}
    for kind in (0, 3, 4, 31, 63, 64, 127, 128, 192, 255):
        seen = with_ahs(t, struct.pack(">HB", 5, kind) + bytes(5))
        tally[seen] = tally.get(seen, 0) + 1
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


@case
def ahs_of_1020_bytes_of_noise(t):
    """F24, RFC 7143 11.2.1.5: as many as TotalAHSLength can say."""
    return with_ahs(t, random.randbytes(1020))


@case
def ahs_length_beyond_the_total(t):
    """F24, RFC 7143 11.2.2.2: AHSLength ffff in 8 bytes."""
    return ", ".join((
        with_ahs(t, struct.pack(">HB", 0xFFFF, 1) + bytes(5)),
        with_ahs(t, struct.pack(">HB", 6, 1) + bytes(5)),
        with_ahs(t, struct.pack(">HB", 0xFFFD, 2) + bytes(5))))


@case
def ahs_length_zero(t):
    """F24, RFC 7143 11.2.2.2: nothing but a header, again and again."""
    return ", ".join((
        with_ahs(t, bytes(4)), with_ahs(t, bytes(1020)),
        with_ahs(t, struct.pack(">HB", 0, 1) + b"\0"),
        with_ahs(t, (struct.pack(">HB", 0, 2) + b"\0") * 255)))


@case
def extended_cdb_of_260_bytes(t):
    """F24, RFC 7143 11.2.2.3: opcode 7f and the longest CDB."""
    cdb = bytes([0x7F, 0, 0, 0, 0, 0, 0, 252]) + bytes(8)
    return with_ahs(t, struct.pack(">HB", 245, 1) + b"\0" + bytes(244),
                    cdb=cdb)


# [RFC7143 11.3.5-1t]
@case
def extended_cdb_of_every_length(t):
    """F24, RFC 7143 11.2.2.3: 1 to 40 bytes behind the first 16."""
    s = t.session()
    for size in range(1, 41):
        ahs = struct.pack(">HBB", size + 1, 1, 0) + bytes(size)
        s.send(s.command(bytes([0x7F]) + bytes(15), ahs=ahs))
        outcome(s, "CC *", *REJECTED)
        if s.conn.is_closed:
            s = t.session()
    return "40 answered"


@case
def extended_cdb_for_a_command_of_six_bytes(t):
    """F24, RFC 7143 11.2.2.3: more CDB than TEST UNIT READY has."""
    return with_ahs(t, struct.pack(">HBB", 17, 1, 0) + bytes(16))


@case
def two_extended_cdbs(t):
    """F24, RFC 7143 11.2.2.3: of the same type, twice."""
    one = struct.pack(">HBB", 9, 1, 0) + bytes(8)
    return with_ahs(t, one + one)


@case
def bidirectional_read_length_for_a_plain_command(t):
    """F24, RFC 7143 11.2.2.4: an AHS that a READ does not have."""
    s = t.session()
    ahs = struct.pack(">HBBI", 5, 2, 0, 0xFFFFFFFF)
    s.send(s.command(read10(0, 1), t.block_bytes, READ, ahs=ahs))
    return outcome(s, "GOOD", "CC *", *REJECTED)


@case
def ahs_on_other_requests(t):
    """F24, RFC 7143 11.2.2: on NOP-Out, Text, Task and Logout requests."""
    seen = []
    for make in (lambda s: s.nop(b"x"), lambda s: s.text(),
                 lambda s: s.task(1), lambda s: s.logout(1, cid=0x5555)):
        s = t.session()
        pdu = make(s)
        pdu.ahs = random.randbytes(64)
        s.send(pdu)
        seen.append(outcome(s, "NOP-IN", "TEXT RESPONSE", "TMF *",
                            "LOGOUT 1", *REJECTED))
    return ", ".join(seen)


@case
def ahs_on_data_out(t):
    """F24, RFC 7143 11.2.2: additional headers on a piece of data."""
    s = t.session({"ImmediateData": "No"})
    command = s.command(write10(0, 1), t.block_bytes, WRITE)
    s.send(command)
    r2t = await_r2t(s, command)
    pdu = s.data_out(command, 0, bytes(t.block_bytes), r2t.ttt)
    pdu.ahs = random.randbytes(128)
    s.send(pdu)
    return outcome(s, "GOOD", *DATA_ERROR)


# -- lengths -----------------------------------------------------------------


def too_long(t, make, size):
    """Declare size bytes, send a little of them: refused before the rest."""
    s = t.session()
    pdu = make(s)
    pdu.data = b""
    pdu.declared_data = size
    s.send(pdu)
    s.conn.send_raw(bytes(65536))
    seen = []
    try:
        while True:
            pdu = s.recv(2.0)
            if decides(pdu):
                seen.append(pdu.label())
    except Closed:
        seen.append("CLOSE")
    except Silent:
        seen.append("left open")
    return expect(seen, "RJ *", "CC b/*", "CLOSE")


MAKERS = {
    "NOP-Out": lambda s: s.nop(),
    "SCSI Command": lambda s: s.command(
        write10(0, 1), 512, WRITE),
    "Text": lambda s: s.text(),
    "Task": lambda s: s.task(1),
    "Logout": lambda s: s.logout(),
    "Data-Out": lambda s: s.data_out(s.command(TEST_UNIT_READY), 0, b""),
    "SNACK": lambda s: s.snack(0),
    "unknown": lambda s: s.number(Pdu(0x1E, flags=F), immediate=True),
}


@case
def segments_of_16_mib(t):
    """F25, RFC 7143 13.12: the largest length that 24 bits can say, on every
    kind of request; never buffered."""
    return ", ".join("%s: %s" % (name, too_long(t, make, (1 << 24) - 1))
                     for name, make in MAKERS.items())


@case
def segments_one_byte_beyond_what_was_declared(t):
    """F25, RFC 7143 13.12: MaxRecvDataSegmentLength + 1."""
    limit = t.session().target_data_max
    if limit >= (1 << 24) - 1:
        raise Skip("the target takes all that can be said")
    return ", ".join("%s: %s" % (name, too_long(t, make, limit + 1))
                     for name, make in MAKERS.items())


@case
def segment_of_exactly_what_was_declared(t):
    """F25, RFC 7143 13.12: MaxRecvDataSegmentLength itself is legal."""
    s = t.session()
    size = min(s.target_data_max, 1 << 20)
    ping = s.nop(random.randbytes(size))
    s.send(ping)
    pdu = s.recv()
    if pdu.opcode != NOP_IN or not ping.data.startswith(pdu.data):
        raise Wrong("%s, %d bytes" % (pdu.label(), len(pdu.data)))
    s.ping()
    return "%d bytes echoed of %d" % (len(pdu.data), size)


@case
def data_where_none_belongs(t):
    """F25, RFC 7143 11.5, 11.14, 11.16: Task, Logout and SNACK requests with
    100 bytes of data."""
    seen = []
    for make in (lambda s: s.task(1), lambda s: s.snack(0),
                 lambda s: s.logout(1, cid=0x5555)):
        s = t.session()
        pdu = make(s)
        pdu.data = bytes(100)
        s.send(pdu)
        seen.append(outcome(s, "TMF *", "LOGOUT *", *REJECTED))
    return ", ".join(seen)


@case
def padding_that_is_not_zero(t):
    """F25, RFC 7143 11.2.3: senders should, receivers need not care."""
    s = t.session()
    for size in (1, 2, 3):
        ping = s.nop(b"abc"[:size])
        ping.padding = b"\xff"
        s.send(ping)
        pdu = s.recv()
        if pdu.label() != "NOP-IN" or pdu.data != ping.data:
            raise Wrong("%s %r" % (pdu.label(), pdu.data))
    return "3 answered"


# -- digests -----------------------------------------------------------------


def digested(t, header="None", data="None", **keys):
    """A session with digests, or Skip."""
    s = t.session({"HeaderDigest": header, "DataDigest": data, **keys})
    for key, wanted in (("HeaderDigest", header), ("DataDigest", data)):
        if s.agreed(key, "None") != wanted:
            raise Skip("target does not agree to %s=%s" % (key, wanted))
    return s


def spoiled(pdu, at, header_digest, data_digest):
    raw = bytearray(pdu.encode(header_digest, data_digest))
    raw[at] ^= 0x01
    return bytes(raw)


@case
def good_digests_work(t):
    """F26, RFC 7143 13.1: all four combinations read and write."""
    for header in ("None", "CRC32C"):
        for data in ("None", "CRC32C"):
            s = digested(t, header, data)
            t.fill(s, 60, 8, 0x44)
            t.must_hold(s, 60, 8, 0x44)
            for size in (0, 1, 2, 3, 4, 5):
                s.send(s.nop(b"12345"[:size]))
                expect(s.recv().label(), "NOP-IN")
    return "4 combinations"


# [RFC7143 7.8-1]
@case
def bad_header_digest(t):
    """F26, RFC 7143 7.7: at ERL 0 the stream cannot be trusted any more."""
    s = digested(t, header="CRC32C")
    s.conn.send_raw(spoiled(s.nop(b"x"), 48, True, False))
    return expect(outcome(s, "CLOSE"), "CLOSE")


@case
def bit_flipped_in_a_header(t):
    """F26, RFC 7143 7.7: each of the 48 bytes, the digest is the old one."""
    for at in range(48):
        s = digested(t, header="CRC32C")
        s.conn.send_raw(spoiled(s.nop(), at, True, False))
        if at in range(4, 8):       # a length lies: more bytes are awaited
            s.conn.send_raw(bytes(200000))
        s.conn.half_close()
        if not s.conn.wait_closed():
            raise Wrong("byte %d: left open" % at)
        s.close()
    return "48 closed"


@case
def header_digest_covers_the_ahs(t):
    """F26, RFC 7143 11.2: a bit flipped in the AHS."""
    s = digested(t, header="CRC32C")
    command = s.command(TEST_UNIT_READY,
                        ahs=struct.pack(">HBB", 9, 1, 0) + bytes(8))
    s.conn.send_raw(spoiled(command, 52, True, False))
    return outcome(s, "CLOSE")


@case
def bad_data_digest_of_immediate_data(t):
    """F27, RFC 7143 7.8: Reject 02 and CHECK CONDITION, or the end; nothing
    is written."""
    s = digested(t, data="CRC32C")
    t.fill(s, 40, 4, 0x55)
    command = s.command(write10(40, 4), 4 * t.block_bytes, WRITE,
                        bytes(4 * t.block_bytes))
    s.conn.send_raw(spoiled(command, 48 + 100, False, True))
    seen = outcome(s, "RJ 02", "CC b/47/05", "CC b/*", "CLOSE")
    t.must_hold(t.session(), 40, 4, 0x55)
    return seen


@case
def bad_data_digest_of_solicited_data(t):
    """F27, RFC 7143 7.8: the same for Data-Out after R2T."""
    s = digested(t, data="CRC32C", ImmediateData="No")
    t.fill(s, 40, 4, 0x56)
    command = s.command(write10(40, 4), 4 * t.block_bytes, WRITE)
    s.send(command)
    r2t = await_r2t(s, command)
    pdu = s.data_out(command, 0, bytes(4 * t.block_bytes), r2t.ttt)
    s.conn.send_raw(spoiled(pdu, 48 + 2000, False, True))
    seen = outcome(s, "RJ 02", "CC b/47/05", "CC b/*", "CLOSE")
    t.must_hold(t.session(), 40, 4, 0x56)
    return seen


# [RFC7143 7.8-2]
@case
def bad_data_digest_of_a_ping(t):
    """F27, RFC 7143 7.8: Reject 02, or the end, but no echo."""
    s = digested(t, data="CRC32C")
    s.conn.send_raw(spoiled(s.nop(b"hello"), 50, False, True))
    return outcome(s, "RJ 02", "CLOSE")


@case
def bad_data_digest_of_a_text_request(t):
    """F27, RFC 7143 7.8: its keys are not to be trusted."""
    s = digested(t, data="CRC32C")
    s.conn.send_raw(spoiled(
        s.text({"SendTargets": ""}), 50, False, True))
    return outcome(s, "RJ 02", "CLOSE")


@case
def digest_cut_short(t):
    """F10, RFC 7143 11.2: FIN and RST inside header digest and data digest."""
    for cut in (48, 49, 51, 52, 60, 101, 103):
        for end in ("half_close", "reset"):
            s = digested(t, "CRC32C", "CRC32C")
            raw = s.nop(bytes(48)).encode(True, True)
            s.conn.send_raw(raw[:cut])
            getattr(s.conn, end)()
            s.close()
    return "14 cut"


# -- NOP-Out -----------------------------------------------------------------


# [RFC7143 11.18.1-4t]
@case
def ping_that_wants_no_answer(t):
    """F42, RFC 7143 11.18: ITT and TTT ffffffff."""
    s = t.session()
    ping = s.nop(b"x")
    ping.itt = NO_TAG
    s.send(ping)
    return outcome(s, "SILENCE")


@case
def ping_without_answer_that_is_not_immediate(t):
    """F42, RFC 7143 11.18: ITT ffffffff demands the I bit."""
    s = t.session()
    ping = s.nop(b"", immediate=False)
    ping.itt = NO_TAG
    s.send(ping)
    return outcome(s, "SILENCE", *REJECTED)


# [RFC7143 11.19-4]
@case
def ping_answers_a_question_that_was_never_asked(t):
    """F42, RFC 7143 11.18.2: TTTs that the target did not give."""
    seen = []
    for ttt in (0, 1, 0x12345678, 0xFFFFFFFE):
        s = t.session()
        ping = s.nop(b"x")
        ping.itt, ping.ttt = NO_TAG, ttt
        s.send(ping)
        seen.append(outcome(s, "SILENCE", *REJECTED))
    return ", ".join(seen)


@case
def ping_with_both_tags(t):
    """F42, RFC 7143 11.18: ITT of its own and a TTT."""
    s = t.session()
    ping = s.nop(b"x")
    ping.ttt = 0x4242
    s.send(ping)
    return outcome(s, "NOP-IN", "SILENCE", *REJECTED)


@case
def ping_data_of_many_sizes(t):
    """F42, RFC 7143 11.18, 11.19: it comes back, as much as we can take."""
    s = t.session({"MaxRecvDataSegmentLength": "4096"})
    for size in (0, 1, 2, 3, 4, 5, 511, 512, 4095, 4096, 4097, 8192):
        if size > s.target_data_max:
            continue
        ping = s.nop(random.randbytes(size))
        s.send(ping)
        pdu = s.recv()
        if pdu.label() != "NOP-IN" or pdu.data != ping.data[:4096]:
            raise Wrong("%d bytes sent, %s with %d"
                        % (size, pdu.label(), len(pdu.data)))
    return "up to 4096 bytes echoed"


@case
def ping_to_a_lun_that_does_not_exist(t):
    """F42, RFC 7143 11.18: LUN means nothing in a ping of ours."""
    s = t.session()
    ping = s.nop(b"x")
    ping.lun = b"\xff" * 8
    s.send(ping)
    return outcome(s, "NOP-IN", *REJECTED)


@case
def flood_of_immediate_pings(t):
    """F42, RFC 7143 4.2.2.1: 2000 without reading; each answered or rejected
    as too many."""
    s = t.session()
    s.send(*[s.nop(b"flood") for _ in range(2000)])
    tally = {}
    for _ in range(2000):
        try:
            label = expect(s.recv().label(), "NOP-IN", "RJ 06")
        except Closed:
            return "CLOSE after %s" % tally
        tally[label] = tally.get(label, 0) + 1
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


@case
def flood_of_pings_with_large_data(t):
    """F42, RFC 7143 11.18: 200 times 64 KiB, read late."""
    s = t.session()
    size = min(s.target_data_max, 65536)
    s.conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    s.conn.timeout = 1.0
    sent = 0
    try:
        for _ in range(200):
            s.send(s.nop(bytes(size)))
            sent += 1
    except Silent:
        return "target stops reading after %d" % sent
    for n in range(sent):
        try:
            expect(s.recv().label(), "NOP-IN", "RJ 06")
        except Closed:
            return "CLOSE after %d" % n
    return "%d answered" % sent


@case
def flood_of_immediate_commands(t):
    """F42, RFC 7143 4.2.2.1: 500 immediate commands; each has an answer."""
    s = t.session()
    commands = [s.command(inquiry(), 96, READ, immediate=True)
                for _ in range(500)]
    s.send(*commands)
    tally, left = {}, 500
    while left:
        try:
            pdu = s.recv()
        except Closed:
            return "CLOSE after %s" % tally
        if decides(pdu):
            label = expect(pdu.label(), "GOOD", "BUSY", "TASK SET FULL",
                           "RJ 06", "RJ 0a")
            tally[label] = tally.get(label, 0) + 1
            left -= 1
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


# -- Logout ------------------------------------------------------------------


@case
def logout_of_the_session(t):
    """F37, RFC 7143 11.14: reason 0; answered, then closed."""
    s = t.session()
    s.send(s.logout(0))
    expect(s.recv().label(), "LOGOUT 0")
    return "LOGOUT 0" + (", CLOSE" if s.conn.wait_closed() else ", left open")


@case
def logout_of_a_connection_that_does_not_exist(t):
    """F37, RFC 7143 11.15.1: reason 1 with another CID is answered 1."""
    s = t.session()
    s.send(s.logout(1, cid=0x5555))
    seen = outcome(s, "LOGOUT 1", *REJECTED)
    if not s.conn.is_closed:
        s.ping()
    return seen


@case
def logout_for_recovery_at_erl_0(t):
    """F37, RFC 7143 11.15.1: reason 2 is answered 2 below ERL 2."""
    seen = []
    for cid in (None, 0x5555):
        s = t.session()
        s.send(s.logout(2, cid=cid))
        seen.append(outcome(s, "LOGOUT 2", "LOGOUT 1", *REJECTED))
    return ", ".join(seen)


@case
def logout_for_reasons_that_do_not_exist(t):
    """F37, RFC 7143 11.14.1: 3, 4, 64, 127."""
    seen = []
    for reason in (3, 4, 64, 127):
        s = t.session()
        s.send(s.logout(reason))
        seen.append(outcome(s, "LOGOUT *", *REJECTED))
    return ", ".join(seen)


@case
def logout_twice_at_once(t):
    """F37, RFC 7143 11.14: the second comes after the end."""
    s = t.session()
    s.send(s.logout(0), s.logout(0))
    expect(s.recv().label(), "LOGOUT 0")
    if not s.conn.wait_closed():
        raise Wrong("left open")
    return "LOGOUT 0, CLOSE"


# [RFC7143 11.14-1t]
@case
def commands_after_logout(t):
    """F37, RFC 7143 11.14: a write in the same segment is not carried out."""
    s = t.session()
    t.fill(s, 24, 1, 0x77)
    s.send(s.logout(0), s.command(
        write10(24, 1), t.block_bytes, WRITE, bytes(t.block_bytes)))
    expect(s.recv().label(), "LOGOUT 0")
    s.conn.wait_closed()
    t.must_hold(t.session(), 24, 1, 0x77)
    return "not written"


# [RFC7143 11.14-3]
@case
def logout_with_writes_that_wait_for_data(t):
    """F37, RFC 7143 11.14: tasks end, the answer comes, nothing is written."""
    s = t.session({"ImmediateData": "No"})
    t.fill(s, 24, 8, 0x78)
    s.send(*[s.command(write10(24 + i, 1), t.block_bytes, WRITE)
             for i in range(8)])
    s.send(s.logout(0))
    seen = []
    try:
        while not seen or not seen[-1].startswith("LOGOUT"):
            pdu = s.recv()
            if decides(pdu):
                seen.append(pdu.label())
    except Closed:
        seen.append("CLOSE")
    t.must_hold(t.session(), 24, 8, 0x78)
    return expect(seen, "LOGOUT 0", "CLOSE", "TASK ABORTED", "CC b/*")


@case
def logout_waits_for_its_turn(t):
    """F37, RFC 7143 11.14: not immediate, behind commands of the session."""
    s = t.session()
    commands = [s.command(TEST_UNIT_READY) for _ in range(4)]
    s.send(*commands, s.logout(0, immediate=False))
    seen = []
    while len(seen) < 5:
        seen.append(s.recv().label())
    if seen[-1] != "LOGOUT 0":
        raise Wrong(", ".join(seen))
    return expect(seen, "GOOD", "LOGOUT 0")


# -- SNACK -------------------------------------------------------------------


# [RFC7143 7.1.4-2]
@case
def snack_of_every_type_at_erl_0(t):
    """F23, RFC 7143 11.16: there is no recovery to ask for."""
    tally = {}
    s = t.session()
    for kind in range(16):
        s.send(s.snack(kind, itt=0x1000 + kind, runlength=1))
        seen = outcome(s, *REJECTED)
        tally[seen] = tally.get(seen, 0) + 1
        if s.conn.is_closed:
            s = t.session()
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


@case
def snack_for_data_of_a_running_command(t):
    """F23, RFC 7143 11.16: with the ITT of a write that waits."""
    s = t.session({"ImmediateData": "No"})
    command = s.command(write10(0, 1), t.block_bytes, WRITE)
    s.send(command)
    r2t = await_r2t(s, command)
    pdu = s.snack(0, itt=command.itt, runlength=0xFFFFFFFF)
    pdu.snack_tag = r2t.ttt
    s.send(pdu)
    return outcome(s, "CC *", *REJECTED)
