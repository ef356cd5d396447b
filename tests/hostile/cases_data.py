"""Data-Out that lies, and lengths that disagree with the CDB
(RFC 7143 11.3, 11.4, 11.7).
"""

import random

from harness import (
    await_r2t, case, DATA_ERROR, decides, expect, outcome, REJECTED, Skip)
from iscsi import (
    Closed, inquiry, NO_TAG, READ, read10, TEST_UNIT_READY, WRITE, write10,
    write16, Wrong)

OLD, NEW = 0xC1, 0xEE


# -- solicited data ----------------------------------------------------------

LBA, BLOCKS, AROUND = 404, 8, 4


class Transfer:
    """A write of 8 blocks that waits for its data, between blocks that nobody
    writes.  over() says how it ended and that they are as before."""

    def __init__(self, t, **keys):
        self.t = t
        self.size = BLOCKS * t.block_bytes
        self.s = t.session({"ImmediateData": "No", **keys})
        t.fill(self.s, LBA - AROUND, BLOCKS + 2 * AROUND, OLD)
        self.command = self.s.command(
            write10(LBA, BLOCKS), self.size, WRITE)
        self.s.send(self.command)
        self.r2t = await_r2t(self.s, self.command)

    def data(self, offset, size, **kwargs):
        kwargs.setdefault("ttt", self.r2t.ttt)
        return self.s.data_out(self.command, offset, bytes([NEW]) * size,
                               **kwargs)

    def over(self, *wanted):
        words = outcome(self.s, *wanted)
        check = self.t.session()
        self.t.must_hold(check, LBA - AROUND, AROUND, OLD)
        self.t.must_hold(check, LBA + BLOCKS, AROUND, OLD)
        return words

    def untouched(self, *wanted):
        """over(), and the blocks themselves are the old ones."""
        words = self.over(*wanted)
        self.t.must_hold(self.t.session(), LBA, BLOCKS, OLD)
        return words


@case
def data_as_it_should_be(t):
    """F28, RFC 7143 11.7: so that the refusals below mean something."""
    x = Transfer(t)
    half = x.size // 2
    x.s.send(x.data(0, half, final=False),
             x.data(half, x.size - half, datasn=1))
    words = x.over("GOOD")
    t.must_hold(t.session(), LBA, BLOCKS, NEW)
    return words


@case
def data_with_a_wrong_transfer_tag(t):
    """F28, RFC 7143 11.7.4: TTTs that were not given, one bit off or far."""
    seen = []
    for change in (1, 0x100, 0x80000000, 0xFFFF):
        x = Transfer(t)
        x.s.send(x.data(0, x.size, ttt=x.r2t.ttt ^ change))
        seen.append(x.untouched("SILENCE", *DATA_ERROR))
    return ", ".join(seen)


@case
def data_with_the_tag_of_unsolicited_data(t):
    """F29, RFC 7143 11.7.4: TTT ffffffff where an R2T is outstanding."""
    x = Transfer(t)
    x.s.send(x.data(0, x.size, ttt=NO_TAG))
    return x.untouched(*DATA_ERROR)


# [RFC7143 4.2.5.3-1t]
@case
def data_with_the_tag_of_another_command(t):
    """F28, RFC 7143 11.7.4: two writes wait, the TTTs are swapped."""
    s = t.session({"ImmediateData": "No"})
    t.fill(s, 420, 4, OLD)
    one = s.command(write10(420, 1), t.block_bytes, WRITE)
    two = s.command(write10(422, 1), t.block_bytes, WRITE)
    s.send(one, two)
    r1, r2 = await_r2t(s, one), await_r2t(s, two)
    if r1.ttt == r2.ttt:
        raise Skip("both have the same TTT")
    s.send(s.data_out(one, 0, bytes([NEW]) * t.block_bytes, r2.ttt))
    words = outcome(s, "SILENCE", *DATA_ERROR)
    t.must_hold(t.session(), 420, 4, OLD)
    return words


@case
def data_with_an_unknown_task_tag(t):
    """F28, RFC 7143 11.7: an ITT that names no task."""
    x = Transfer(t)
    pdu = x.data(0, x.size)
    pdu.itt = 0xBEEF
    x.s.send(pdu)
    return x.untouched("SILENCE", *DATA_ERROR)


@case
def data_for_a_read(t):
    """F28, RFC 7143 11.7: the task is there, but it wants no data."""
    x = Transfer(t)
    read = x.s.command(read10(LBA, BLOCKS), x.size, READ)
    x.s.send(read, x.s.data_out(read, 0, bytes(x.size), NO_TAG))
    return x.untouched("GOOD", "SILENCE", *DATA_ERROR)


@case
def data_with_another_lun(t):
    """F28, RFC 7143 11.7.4: LUN differs from that of the R2T."""
    x = Transfer(t)
    pdu = x.data(0, x.size)
    pdu.lun = 77
    x.s.send(pdu)
    return x.over("GOOD", *DATA_ERROR)


# [RFC7143 4.2.2.4-1r]
@case
def datasn_starts_at_one(t):
    """F28, RFC 7143 11.7.5: each burst begins with 0."""
    x = Transfer(t)
    x.s.send(x.data(0, x.size, datasn=1))
    return x.untouched(*DATA_ERROR)


# [RFC7143 4.2.2.4-1r, 7.9-2]
@case
def datasn_has_a_gap(t):
    """F28, RFC 7143 11.7.5, 7.8: 0, then 2."""
    x = Transfer(t)
    half = x.size // 2
    x.s.send(x.data(0, half, final=False),
             x.data(half, x.size - half, datasn=2))
    return x.over(*DATA_ERROR)


# [RFC7143 4.2.2.4-1r]
@case
def datasn_is_repeated(t):
    """F28, RFC 7143 11.7.5: 0, then 0 again."""
    x = Transfer(t)
    half = x.size // 2
    x.s.send(x.data(0, half, final=False),
             x.data(half, x.size - half, datasn=0))
    return x.over(*DATA_ERROR)


@case
def datasn_is_far_off(t):
    """F28, RFC 7143 11.7.5: ffffffff and 80000000."""
    seen = []
    for datasn in (0xFFFFFFFF, 0x80000000):
        x = Transfer(t)
        x.s.send(x.data(0, x.size, datasn=datasn))
        seen.append(x.untouched(*DATA_ERROR))
    return ", ".join(seen)


@case
def offset_beyond_what_was_asked(t):
    """F28, RFC 7143 11.7.5: Buffer Offset at the end, behind it and far
    behind."""
    seen = []
    for offset in (BLOCKS * t.block_bytes, BLOCKS * t.block_bytes + 4,
                   1 << 20, 0x7FFFFFFC, 0x80000000, 0xFFFFFE00, 0xFFFFFFFC):
        x = Transfer(t)
        x.s.send(x.data(offset, t.block_bytes))
        seen.append(x.untouched(*DATA_ERROR))
    return ", ".join(seen)


@case
def offset_plus_length_wraps(t):
    """F28, RFC 7143 11.7.5: offset + length is 2^32 or a little more."""
    seen = []
    for offset in ((1 << 32) - 512, (1 << 32) - 4, (1 << 32) - 1024):
        x = Transfer(t)
        x.s.send(x.data(offset, 1024))
        seen.append(x.untouched(*DATA_ERROR))
    return ", ".join(seen)


# [RFC7143 11.8-5t]
@case
def offset_leaves_a_hole(t):
    """F28, RFC 7143 11.7.5: DataPDUInOrder=Yes and the first quarter is left
    out."""
    x = Transfer(t)
    quarter = x.size // 4
    x.s.send(x.data(quarter, 3 * quarter))
    return x.over(*DATA_ERROR)


# [RFC7143 11.8-5t]
@case
def data_arrives_backwards(t):
    """F28, RFC 7143 13.18: DataPDUInOrder=Yes and the halves are swapped."""
    x = Transfer(t)
    half = x.size // 2
    x.s.send(x.data(half, half, final=False), x.data(0, half, datasn=1))
    return x.over(*DATA_ERROR)


# [RFC7143 11.8-5t]
@case
def data_overlaps(t):
    """F28, RFC 7143 11.7.5: the second part begins inside the first."""
    x = Transfer(t)
    half = x.size // 2
    x.s.send(x.data(0, half, final=False),
             x.data(half - 512, half, final=False, datasn=1),
             x.data(x.size - 512, 512, datasn=2))
    return x.over(*DATA_ERROR)


@case
def same_data_twice(t):
    """F28, RFC 7143 11.7.5: the first half comes again and again."""
    x = Transfer(t)
    half = x.size // 2
    x.s.send(*[x.data(0, half, final=False, datasn=i) for i in range(4)])
    return x.over(*DATA_ERROR)


@case
def more_data_than_asked(t):
    """F28, RFC 7143 11.8.4: one segment that is longer than the R2T."""
    x = Transfer(t)
    extra = min(x.size + 512, x.s.target_data_max)
    x.s.send(x.data(0, extra))
    return x.over(*DATA_ERROR)


@case
def one_byte_more_than_asked(t):
    """F28, RFC 7143 11.8.4: all that was asked, then one byte."""
    x = Transfer(t)
    x.s.send(x.data(0, x.size, final=False), x.data(x.size, 1, datasn=1))
    return x.over(*DATA_ERROR)


@case
def less_data_than_asked(t):
    """F28, RFC 7143 11.7.1: F=1 although half is missing; an error, or the
    target asks for the rest."""
    x = Transfer(t)
    x.s.send(x.data(0, x.size // 2))
    return x.over("SILENCE", *DATA_ERROR)


@case
def final_bit_of_the_last_data_is_missing(t):
    """F28, RFC 7143 11.7.1: everything is there, F=0."""
    x = Transfer(t)
    x.s.send(x.data(0, x.size, final=False))
    return x.over("GOOD", "SILENCE", *DATA_ERROR)


@case
def data_after_the_final_bit(t):
    """F28, RFC 7143 11.7.1: half with F=1, then the other half."""
    x = Transfer(t)
    half = x.size // 2
    x.s.send(x.data(0, half), x.data(half, half, datasn=1))
    return x.over("GOOD", *DATA_ERROR)


@case
def data_after_the_status(t):
    """F28, RFC 7143 11.7: the write is done, its data comes once more."""
    x = Transfer(t)
    x.s.send(x.data(0, x.size))
    expect(x.s.status(x.command).label(), "GOOD")
    t.fill(t.session(), LBA, BLOCKS, OLD)
    x.s.send(x.data(0, x.size))
    return x.untouched("SILENCE", *REJECTED)


# [RFC7143 11.7.7-1t]
@case
def data_in_a_thousand_empty_segments(t):
    """F28, RFC 7143 11.7: DataSegmentLength 0, DataSN counts on."""
    x = Transfer(t)
    x.s.send(*[x.data(0, 0, final=False, datasn=i) for i in range(1000)])
    words = x.untouched("SILENCE", *DATA_ERROR)
    return words


@case
def data_in_single_bytes(t):
    """F28, RFC 7143 11.7: 512 segments of one byte; slow, and legal."""
    s = t.session({"ImmediateData": "No"})
    t.fill(s, 430, 1, OLD)
    command = s.command(write10(430, 1), t.block_bytes, WRITE)
    s.send(command)
    r2t = await_r2t(s, command)
    size = t.block_bytes
    s.send(*[s.data_out(command, i, bytes([NEW]), r2t.ttt, i,
                        final=i == size - 1) for i in range(size)])
    words = outcome(s, "GOOD", *DATA_ERROR)
    if words == "GOOD":
        t.must_hold(t.session(), 430, 1, NEW)
    return words


@case
def data_of_odd_lengths(t):
    """F28, RFC 7143 11.2.3: segments of 1, 3, 5, 7 ... bytes, padded."""
    s = t.session({"ImmediateData": "No"})
    t.fill(s, 430, 1, OLD)
    command = s.command(write10(430, 1), t.block_bytes, WRITE)
    s.send(command)
    r2t = await_r2t(s, command)
    pdus, at, size = [], 0, 1
    while at < t.block_bytes:
        size = min(size + 2, t.block_bytes - at)
        pdus.append(s.data_out(command, at, bytes([NEW]) * size, r2t.ttt,
                               len(pdus), final=at + size == t.block_bytes))
        at += size
    s.send(*pdus)
    words = outcome(s, "GOOD", *DATA_ERROR)
    if words == "GOOD":
        t.must_hold(t.session(), 430, 1, NEW)
    return words


@case
def random_data_out(t):
    """F28, RFC 7143 11.7: 60 writes, each with 1 to 6 segments of random
    offsets, lengths, numbers and flags; nothing outside is written."""
    for _ in range(60):
        x = Transfer(t)
        for _ in range(random.randrange(1, 7)):
            pdu = x.data(random.choice((0, 512, 1024, x.size - 512, x.size,
                                        random.getrandbits(32))),
                         random.choice((0, 1, 512, 1024, x.size)),
                         datasn=random.choice((0, 1, 2, 0xFFFFFFFF)),
                         final=random.random() < 0.3)
            if random.random() < 0.2:
                pdu.ttt = random.getrandbits(32)
            x.s.send(pdu)
        x.over("SILENCE", "GOOD", *DATA_ERROR)
        t.close_all()
    return "60 writes"


# -- unsolicited data --------------------------------------------------------


def unsolicited(t, keys, edtl_blocks, immediate, rest=(), final=True,
                lba=440):
    """A write with unsolicited data: the label; blocks around are as before.
    rest: (offset, bytes, final) of Data-Out segments."""
    s = t.session(keys)
    around = edtl_blocks + 8
    t.fill(s, lba - 4, around, OLD)
    command = s.command(write10(lba, edtl_blocks),
                        edtl_blocks * t.block_bytes, WRITE,
                        bytes([NEW]) * immediate, final=final)
    pdus = [s.data_out(command, offset, bytes([NEW]) * size, datasn=i,
                       final=last)
            for i, (offset, size, last) in enumerate(rest)]
    s.send(command, *pdus)
    return s, command


def unsolicited_outcome(t, s, edtl_blocks, *wanted, lba=440):
    words = outcome(s, *wanted)
    check = t.session()
    t.must_hold(check, lba - 4, 4, OLD)
    t.must_hold(check, lba + edtl_blocks, 4, OLD)
    return words


@case
def immediate_data_where_it_is_forbidden(t):
    """F29, RFC 7143 13.11: ImmediateData=No."""
    s, _ = unsolicited(t, {"ImmediateData": "No"}, 4, 4 * t.block_bytes)
    return unsolicited_outcome(t, s, 4, *DATA_ERROR)


@case
def immediate_data_beyond_the_first_burst(t):
    """F29, RFC 7143 13.14: FirstBurstLength=512, 2048 bytes come."""
    s, _ = unsolicited(t, {"FirstBurstLength": "512"}, 4, 2048)
    if s.agreed_number("FirstBurstLength", 512) > 512:
        raise Skip("FirstBurstLength is %s" % s.agreed(
            "FirstBurstLength", "?"))
    return unsolicited_outcome(t, s, 4, *DATA_ERROR)


@case
def immediate_data_beyond_the_edtl(t):
    """F29, RFC 7143 11.3.4: one block announced and written, four come."""
    s, _ = unsolicited(t, {}, 1, 4 * t.block_bytes)
    return unsolicited_outcome(t, s, 1, *DATA_ERROR)


@case
def immediate_data_of_odd_length(t):
    """F29, RFC 7143 11.3: 100 bytes now, an R2T must ask for the rest."""
    s, command = unsolicited(t, {}, 4, 100)
    r2t = await_r2t(s, command)
    if r2t.offset != 100:
        raise Wrong("R2T at %d, 100 bytes came" % r2t.offset)
    return unsolicited_outcome(t, s, 4, "SILENCE")


# [RFC7143 11.8-1]
@case
def unsolicited_data_where_it_is_forbidden(t):
    """F29, RFC 7143 13.10: InitialR2T=Yes, and the command says F=0."""
    s, _ = unsolicited(t, {"InitialR2T": "Yes"}, 8, t.block_bytes,
                       [(512, 512, True)], final=False)
    return unsolicited_outcome(t, s, 8, *DATA_ERROR)


@case
def unsolicited_data_behind_a_final_command(t):
    """F29, RFC 7143 11.3.1: F=1 says that none follows; it does."""
    s, _ = unsolicited(t, {"InitialR2T": "No"}, 8, 0,
                       [(0, 4096, True)], final=True)
    return unsolicited_outcome(t, s, 8, *DATA_ERROR)


@case
def unsolicited_data_beyond_the_first_burst(t):
    """F29, RFC 7143 13.14: FirstBurstLength=4096; 8192 bytes come."""
    s, _ = unsolicited(
        t, {"InitialR2T": "No", "FirstBurstLength": "4096"}, 16, 0,
        [(0, 4096, False), (4096, 4096, True)], final=False)
    if s.agreed_number("FirstBurstLength", 4096) > 4096:
        raise Skip("FirstBurstLength is larger")
    return unsolicited_outcome(t, s, 16, *DATA_ERROR)


@case
def unsolicited_data_beyond_the_edtl(t):
    """F29, RFC 7143 11.3.4: 8 blocks announced, 16 come."""
    s, _ = unsolicited(
        t, {"InitialR2T": "No"}, 8, 0,
        [(0, 4096, False), (4096, 4096, True)], final=False)
    return unsolicited_outcome(t, s, 8, *DATA_ERROR)


@case
def unsolicited_data_as_it_should_be(t):
    """F29, RFC 7143 11.7: InitialR2T=No, immediate and unsolicited data."""
    s, command = unsolicited(
        t, {"InitialR2T": "No"}, 8, 512,
        [(512, 1024, False), (1536, 8 * t.block_bytes - 1536, True)],
        final=False)
    if s.agreed("InitialR2T", "Yes") == "Yes":
        raise Skip("target insists on InitialR2T=Yes")
    words = unsolicited_outcome(t, s, 8, "GOOD")
    t.must_hold(t.session(), 440, 8, NEW)
    return words


@case
def unsolicited_data_with_a_hole(t):
    """F28, RFC 7143 11.7.5: InitialR2T=No, the second segment is missing."""
    s, _ = unsolicited(
        t, {"InitialR2T": "No"}, 8, 0,
        [(0, 512, False), (2048, 2048, True)], final=False)
    if s.agreed("InitialR2T", "Yes") == "Yes":
        raise Skip("target insists on InitialR2T=Yes")
    return unsolicited_outcome(t, s, 8, *DATA_ERROR)


@case
def unsolicited_data_overtakes_its_command(t):
    """F28, RFC 7143 4.2.2.1: Data-Out first, the command behind it."""
    s = t.session({"InitialR2T": "No"})
    t.fill(s, 440, 8, OLD)
    command = s.command(write10(440, 8), 8 * t.block_bytes, WRITE,
                        final=False)
    s.send(s.data_out(command, 0, bytes(8 * t.block_bytes)))
    words = outcome(s, "SILENCE", *REJECTED)
    s.send(command)
    return words


@case
def unsolicited_data_for_a_command_that_fails(t):
    """F28, RFC 7143 11.7: beyond the end of the medium; the data that follows
    the CHECK CONDITION is dropped and the session goes on."""
    s = t.session({"InitialR2T": "No"})
    size = 8 * t.block_bytes
    command = s.command(write10(t.blocks, 8), size, WRITE, final=False)
    s.send(command, s.data_out(command, 0, bytes(size)))
    words = outcome(s, "CC 5/21/00", *DATA_ERROR)
    if not s.conn.is_closed:
        t.read(s, 0, 1)
    return words


@case
def write_flag_without_data_and_without_final(t):
    """F29, RFC 7143 11.3.1: a READ says F=0; it has no data to follow."""
    s = t.session()
    s.send(s.command(read10(0, 1), t.block_bytes, READ, final=False))
    return outcome(s, "GOOD", *DATA_ERROR)


# -- EDTL and the CDB --------------------------------------------------------


def residual(t, cdb, edtl, flags, data=b"", lun=None, immediate=True):
    """Run it: (label, bytes that came, overflow, underflow)."""
    s = t.session({} if immediate else {"ImmediateData": "No"})
    label, got, pdu = s.run(cdb, edtl, flags, data, lun=lun)
    over = pdu.residual if pdu.flags & 4 else 0
    under = pdu.residual if pdu.flags & 2 else 0
    if pdu.flags & 6 == 6:
        raise Wrong("overflow and underflow at once")
    return label, len(got), over, under


def must_be(seen, *wanted):
    if seen not in wanted:
        raise Wrong("%s, %d bytes, overflow %d, underflow %d; allowed: %s"
                    % (*seen, " | ".join(str(w) for w in wanted)))
    return "%s, %d bytes, overflow %d, underflow %d" % seen


# [RFC7143 11.4.5.2-1]
@case
def read_of_more_than_was_announced(t):
    """F38, RFC 7143 11.4.5.1: EDTL 4 blocks, READ of 8: overflow of 4."""
    b = t.block_bytes
    return must_be(residual(t, read10(0, 8), 4 * b, READ),
                   ("GOOD", 4 * b, 4 * b, 0))


# [RFC7143 11.4.5.2-3]
@case
def read_of_less_than_was_announced(t):
    """F38, RFC 7143 11.4.5.1: EDTL 16 blocks, READ of 8: underflow of 8."""
    b = t.block_bytes
    return must_be(residual(t, read10(0, 8), 16 * b, READ),
                   ("GOOD", 8 * b, 0, 8 * b))


@case
def read_with_nothing_announced(t):
    """F38, RFC 7143 11.4.5.1: EDTL 0 with R=1: all of it is overflow."""
    b = t.block_bytes
    return must_be(residual(t, read10(0, 8), 0, READ), ("GOOD", 0, 8 * b, 0))


@case
def read_with_neither_flag(t):
    """F38, RFC 7143 11.3.1, 11.4.5.1: R=0, W=0, EDTL 0; the device has 8
    blocks to send: overflow, or refused."""
    label, got, over, under = residual(t, read10(0, 8), 0, 0)
    if got or label == "GOOD" and over != 8 * t.block_bytes:
        raise Wrong("%s, %d bytes, overflow %d" % (label, got, over))
    return expect(label, "GOOD", "CC *") + ", overflow %d" % over


@case
def read_of_one_block_with_four_gib_announced(t):
    """F38, RFC 7143 11.4.5.1: EDTL ffffffff."""
    b = t.block_bytes
    return must_be(residual(t, read10(0, 1), 0xFFFFFFFF, READ),
                   ("GOOD", b, 0, 0xFFFFFFFF - b))


@case
def read_that_ends_inside_a_block(t):
    """F38, RFC 7143 11.4.5.1: EDTL of one block and 100 bytes."""
    b = t.block_bytes
    return must_be(residual(t, read10(0, 2), b + 100, READ),
                   ("GOOD", b + 100, b - 100, 0))


@case
def read_with_edtl_one(t):
    """F38, RFC 7143 11.4.5.1: a single byte of a block."""
    return must_be(residual(t, read10(0, 1), 1, READ),
                   ("GOOD", 1, t.block_bytes - 1, 0))


# [RFC7143 11.4.5.2-1]
@case
def write_of_more_than_was_announced(t):
    """F38, RFC 7143 11.4.5.1: EDTL 4 blocks, WRITE of 8: overflow of 4, and
    no more than 4 are written; or refused."""
    b = t.block_bytes
    s = t.session()
    t.fill(s, 460, 16, OLD)
    label, _, pdu = s.run(write10(460, 8), 4 * b, WRITE, bytes([NEW]) * 4 * b)
    t.must_hold(s, 464, 12, OLD)
    over = pdu.residual if pdu.flags & 4 else 0
    if label == "GOOD" and over != 4 * b:
        raise Wrong("GOOD with overflow %d" % over)
    return "%s, overflow %d" % (expect(label, "GOOD", "CC *"), over)


@case
def write_of_less_than_was_announced(t):
    """F38, RFC 7143 11.4.5.1: EDTL 16 blocks, WRITE of 8: underflow of 8,
    and only 8 are asked for or written."""
    b = t.block_bytes
    s = t.session({"ImmediateData": "No"})
    t.fill(s, 460, 16, OLD)
    label, _, pdu = s.run(write10(460, 8), 16 * b, WRITE,
                          bytes([NEW]) * 16 * b)
    t.must_hold(s, 468, 8, OLD)
    under = pdu.residual if pdu.flags & 2 else 0
    if label == "GOOD" and under != 8 * b:
        raise Wrong("GOOD with underflow %d" % under)
    return "%s, underflow %d" % (expect(label, "GOOD", "CC *"), under)


@case
def write_with_nothing_announced(t):
    """F38, RFC 7143 11.4.5.1: EDTL 0 with W=1; nothing is written."""
    s = t.session()
    t.fill(s, 460, 8, OLD)
    label, _, pdu = s.run(write10(460, 8), 0, WRITE)
    t.must_hold(s, 460, 8, OLD)
    return expect(label, "GOOD", "CC *") + (
        ", overflow %d" % pdu.residual if pdu.flags & 4 else "")


@case
def write_of_one_block_with_four_gib_announced(t):
    """F38, RFC 7143 11.4.5.1: EDTL ffffffff; only one block is asked for."""
    b = t.block_bytes
    s = t.session({"ImmediateData": "No"})
    t.fill(s, 460, 2, OLD)
    command = s.command(write10(460, 1), 0xFFFFFFFF, WRITE)
    s.send(command)
    r2t = await_r2t(s, command)
    if r2t.offset or r2t.r2t_length > 262144:
        raise Wrong("R2T for %d..+%d" % (r2t.offset, r2t.r2t_length))
    if r2t.r2t_length != b:
        return "R2T for %d bytes" % r2t.r2t_length
    s.send(s.data_out(command, 0, bytes(b), r2t.ttt))
    pdu = s.status(command)
    return must_be((pdu.label(), 0, 0, pdu.residual if pdu.flags & 2 else 0),
                   ("GOOD", 0, 0, 0xFFFFFFFF - b))


@case
def sixty_four_writes_of_four_gib(t):
    """F38, RFC 7143 11.3.4: EDTL ffffffff each; no memory is taken for what
    is only announced."""
    s = t.session({"ImmediateData": "No"})
    s.ping()
    room = min((s.maxcmdsn - s.cmdsn & 0xFFFFFFFF) + 1, 64)
    s.send(*[s.command(write16(0, 0x7FFFFF), 0xFFFFFFFF, WRITE)
             for _ in range(room)])
    return outcome(s, "SILENCE", "CC 5/*", "BUSY", "TASK SET FULL", *REJECTED)


# [RFC7143 11.4.5.2-4]
@case
def no_data_command_with_data_announced(t):
    """F38, RFC 7143 11.4.5.1: TEST UNIT READY, R=1, EDTL 4096."""
    return must_be(residual(t, TEST_UNIT_READY, 4096, READ),
                   ("GOOD", 0, 0, 4096))


@case
def no_data_command_with_data_sent(t):
    """F38, RFC 7143 11.4.5.1: TEST UNIT READY with 512 bytes of immediate
    data."""
    return must_be(residual(t, TEST_UNIT_READY, 512, WRITE, bytes(512)),
                   ("GOOD", 0, 0, 512))


@case
def no_data_command_with_four_gib_announced(t):
    """F38, RFC 7143 11.4.5.1: TEST UNIT READY, W=1, EDTL ffffffff."""
    s = t.session({"ImmediateData": "No"})
    s.send(s.command(TEST_UNIT_READY, 0xFFFFFFFF, WRITE))
    return outcome(s, "GOOD", "CC *", *REJECTED)


# [RFC7143 11.4.5.2-2]
@case
def inquiry_of_more_than_was_announced(t):
    """F38, RFC 7143 11.4.5.1: allocation 255, EDTL 5."""
    label, got, over, under = residual(t, inquiry(255), 5, READ)
    if label != "GOOD" or got != 5 or under or not over:
        raise Wrong("%s, %d bytes, overflow %d, underflow %d"
                    % (label, got, over, under))
    return "5 bytes, overflow %d" % over


# [RFC7143 11.4.5.2-3]
@case
def inquiry_with_more_room_than_it_fills(t):
    """F38, RFC 7143 11.4.5.1: allocation and EDTL 65535."""
    label, got, over, under = residual(t, inquiry(65535), 65535, READ)
    if label != "GOOD" or got + under != 65535 or over:
        raise Wrong("%s, %d bytes, overflow %d, underflow %d"
                    % (label, got, over, under))
    return "%d bytes, underflow %d" % (got, under)


def honest(t, cdb, edtl, flags, data=b""):
    """The command cannot do what its CDB says, because the flags forbid it: it
    is refused, or GOOD says by a residual that not all was moved."""
    s = t.session()
    command = s.command(cdb, edtl, flags, data)
    s.send(command)
    try:
        pdu = s.status(command)
    except Closed:
        return "CLOSE"
    label = expect(pdu.label(), "GOOD", "CC *")
    if label == "GOOD" and not pdu.flags & 0x1E:
        raise Wrong("GOOD without residual")
    words = [name for bit, name in (
        (4, "overflow %d" % pdu.residual), (2, "underflow %d" % pdu.residual),
        (16, "read overflow"), (8, "read underflow")) if pdu.flags & bit]
    return " ".join([label] + words)


@case
def read_with_the_write_flag(t):
    """F38, RFC 7143 11.3.1: W=1 for a READ; no Data-In, refused or residual."""
    return honest(t, read10(0, 1), t.block_bytes, WRITE, bytes(t.block_bytes))


@case
def write_with_the_read_flag(t):
    """F38, RFC 7143 11.3.1: R=1 for a WRITE; nothing is written, refused or
    residual."""
    t.fill(t.session(), 460, 4, OLD)
    words = honest(t, write10(460, 4), 4 * t.block_bytes, READ)
    t.must_hold(t.session(), 460, 4, OLD)
    return words


@case
def both_flags(t):
    """F38, RFC 7143 11.3.1, 11.4.5: R=1 and W=1 for READ, TEST UNIT READY and
    WRITE, which are not bidirectional."""
    return ", ".join((
        honest(t, read10(0, 1), t.block_bytes, READ | WRITE),
        honest(t, TEST_UNIT_READY, t.block_bytes, READ | WRITE),
        expect(t.session().run(write10(460, 1), t.block_bytes, READ | WRITE,
                               bytes(t.block_bytes))[0], "GOOD", "CC *")))


@case
def neither_flag_with_data_announced(t):
    """F38, RFC 7143 11.3.4: R=0, W=0, EDTL 4096 and 4096 bytes of data; they
    are not written, and not in silence."""
    t.fill(t.session(), 460, 8, OLD)
    words = honest(t, write10(460, 8), 4096, 0, bytes(4096))
    t.must_hold(t.session(), 460, 8, OLD)
    return words


@case
def task_attributes_of_all_kinds(t):
    """F39, RFC 7143 11.3.1: 0 to 4 and the reserved 5, 6, 7."""
    seen = []
    for attr in range(8):
        s = t.session()
        s.send(s.command(TEST_UNIT_READY, attr=attr))
        seen.append(outcome(s, "GOOD", "CC 5/*", "CC b/*", *REJECTED))
    return ", ".join(seen)


@case
def head_of_queue_and_ordered_storm(t):
    """F39, SAM-5 8: 64 writes and reads with mixed attributes."""
    s = t.session()
    s.ping()
    room = min((s.maxcmdsn - s.cmdsn & 0xFFFFFFFF) + 1, 64)
    commands = []
    for i in range(room):
        if i % 2:
            commands.append(s.command(
                read10(470, 4), 4 * t.block_bytes, READ, attr=i % 4))
        else:
            commands.append(s.command(
                write10(470, 1), t.block_bytes, WRITE, bytes(t.block_bytes),
                attr=i % 4))
    s.send(*commands)
    left = room
    while left:
        pdu = s.recv()
        if decides(pdu):
            expect(pdu.label(), "GOOD", "TASK SET FULL", "BUSY")
            left -= 1
    return "%d done" % room
