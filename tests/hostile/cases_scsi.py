"""LUNs of all shapes and CDBs of all sorts (SAM-5 4.7, SPC-4, SBC-3)."""

import random
import struct

from cases_data import NEW, OLD
from harness import case, expect
from iscsi import (
    Closed, inquiry, READ, read10, read16, Silent, TEST_UNIT_READY, WRITE,
    write10, write16, Wrong)

# -- LUNs --------------------------------------------------------------------


@case
def luns_that_do_not_exist(t):
    """F39, SAM-5 4.7: CHECK CONDITION, logical unit not supported."""
    seen = []
    for lun in (99, 255, b"\x40\x63" + bytes(6), b"\x7f\xff" + bytes(6)):
        s = t.session()
        label, _, _ = s.run(TEST_UNIT_READY, lun=lun)
        seen.append(expect(label, "CC 5/25/00"))
    return ", ".join(seen)


@case
def luns_of_odd_shapes(t):
    """F39, SAM-5 4.7: second levels, extended and well-known forms, ones,
    noise; nothing is read through them."""
    s = t.session()
    shapes = [b"\0\0\0\1" + bytes(4), bytes(7) + b"\1", b"\xc1\1" + bytes(6),
              b"\xff" * 8, b"\xd2" + b"\xff" * 7, b"\x80" + bytes(7),
              b"\x01\0" + bytes(6), b"\x3f\0" + bytes(6)]
    shapes += [random.randbytes(8) for _ in range(50)]
    for lun in shapes:
        label, got, _ = s.run(read10(0, 1), t.block_bytes, READ, lun=lun)
        expect(label, "CC 5/25/00", "CC 5/20/00")
    return "%d shapes" % len(shapes)


@case
def inquiry_of_a_lun_that_does_not_exist(t):
    """F39, SPC-4 6.6: answered with qualifier 3, or CHECK CONDITION."""
    label, got, _ = t.session().run(inquiry(96), 96, READ, lun=99)
    if label == "GOOD" and got[0] >> 5 != 3:
        raise Wrong("INQUIRY byte 0 is %02x" % got[0])
    return expect(label, "GOOD", "CC 5/25/00")


@case
def report_luns_of_all_kinds(t):
    """F39, SPC-4 6.33: 256 SELECT REPORT values, allocation 0 to 4 GiB."""
    s = t.session()
    for select in range(256):
        cdb = struct.pack(">BBBxxxIxx", 0xA0, 0, select, 4096)
        expect(s.run(cdb, 4096, READ)[0], "GOOD", "CC 5/24/00")
    for allocation in (0, 1, 7, 8, 15, 16, 17, 65535, 0xFFFFFFFF):
        cdb = struct.pack(">BBBxxxIxx", 0xA0, 0, 0, allocation)
        expect(s.run(cdb, 4096, READ)[0], "GOOD", "CC 5/24/00")
    return "265 answered"


def run(s, cdb, edtl, flags, data, *allowed):
    """Session.run(), and whatever is wrong names the CDB."""
    try:
        label, got, pdu = s.run(cdb, edtl, flags, data)
        expect(label, *allowed)
    except (Wrong, Closed, Silent) as e:
        raise type(e)("%s, EDTL %d: %s" % (cdb.hex(), edtl, e)) from None
    return label, got, pdu


# -- ranges ------------------------------------------------------------------


def cdb16(opcode, lba, blocks, byte1=0):
    return struct.pack(">BBQIBB", opcode, byte1, lba, blocks, 0, 0)


def cdb10(opcode, lba, blocks, byte1=0):
    return struct.pack(">BBIBHB", opcode, byte1, lba, 0, blocks, 0)


def cdb12(opcode, lba, blocks, byte1=0):
    return struct.pack(">BBIIBB", opcode, byte1, lba, blocks, 0, 0)


OUT_OF_RANGE = ("CC 5/21/00", "CC 5/24/00", "CC 5/20/00", "CC 5/26/*")


@case
def reads_beyond_the_end(t):
    """F39, SBC-3 4.21: the block behind the last, and wraps at 2^32, 2^64."""
    s = t.session()
    n, b = t.blocks, t.block_bytes
    for cdb in (read10(min(n, 0xFFFFFFFF), 1), read10(n - 1, 2),
                read10(0xFFFFFFFF, 1), read10(0xFFFFFFFF, 65535),
                cdb12(0xA8, 0xFFFFFFFF, 0xFFFFFFFF), cdb12(0xA8, 0, n + 1),
                read16(n, 1), read16(n - 1, 2), read16(2**32, 1),
                read16(2**63, 1), read16(2**64 - 1, 1), read16(2**64 - 1, 2),
                read16(2**64 - 8, 16), read16(2**64 - n, n),
                read16(2**55, 1), read16(2**64 // b, 1),
                read16(0, n + 1), read16(1, 0xFFFFFFFF)):
        _, got, _ = run(s, cdb, b, READ, b"", *OUT_OF_RANGE)
        if got:
            raise Wrong("%d bytes from beyond the end" % len(got))
    return "18 refused"


@case
def writes_beyond_the_end(t):
    """F39, SBC-3 4.21: the same for writes; the last block is not changed."""
    s = t.session()
    n, b = t.blocks, t.block_bytes
    t.fill(s, n - 1, 1, OLD)
    t.fill(s, 0, 1, OLD)
    for cdb in (write10(min(n, 0xFFFFFFFF), 1), write10(n - 1, 2),
                write10(0xFFFFFFFF, 65535), cdb12(0xAA, n - 1, 0xFFFFFFFF),
                write16(n, 1), write16(n - 1, 2), write16(2**64 - 1, 2),
                write16(2**64 - 1, 1), write16(2**64 // b, 1),
                cdb16(0x8E, n, 1), cdb16(0x8E, 2**64 - 1, 2),
                cdb16(0x8B, 2**64 - 1, 2)):
        run(s, cdb, b, WRITE, bytes([NEW]) * b, *OUT_OF_RANGE)
    t.must_hold(s, n - 1, 1, OLD)
    t.must_hold(s, 0, 1, OLD)
    return "12 refused"


@case
def other_ranges_beyond_the_end(t):
    """F39, SBC-3: VERIFY, PRE-FETCH, SYNCHRONIZE CACHE, WRITE SAME, GET LBA
    STATUS, COMPARE AND WRITE with LBA + length past the end or 2^64."""
    s = t.session()
    n, b = t.blocks, t.block_bytes
    for cdb, flags, size in (
            (cdb10(0x2F, n, 1), 0, 0), (cdb16(0x8F, 2**64 - 1, 2), 0, 0),
            (cdb10(0x34, n, 1), 0, 0), (cdb16(0x90, 2**64 - 1, 2), 0, 0),
            (cdb10(0x35, n, 1), 0, 0), (cdb16(0x91, 2**64 - 1, 2), 0, 0),
            (cdb10(0x41, n, 1), WRITE, b), (cdb10(0x41, n - 1, 2), WRITE, b),
            (cdb16(0x93, 2**64 - 1, 2), WRITE, b),
            (cdb16(0x93, n - 1, 0xFFFFFFFF), WRITE, b),
            (struct.pack(">BBQIBB", 0x9E, 0x12, n, 512, 0, 0), READ, 512),
            (struct.pack(">BBQxxxBBB", 0x89, 0, n, 1, 0, 0), WRITE, 2 * b),
            (struct.pack(">BBQxxxBBB", 0x89, 0, n - 1, 2, 0, 0),
             WRITE, 4 * b)):
        run(s, cdb, size, flags, bytes(size) if flags & WRITE else b"",
            "GOOD" if cdb[0] in (0x34, 0x90, 0x35, 0x91) else "CC 5/*",
            *OUT_OF_RANGE)
    return "13 refused"


@case
def transfer_length_zero(t):
    """F39, SBC-3 5: no block is no error."""
    s = t.session()
    for cdb in (read10(0, 0), write10(0, 0), read16(0, 0), write16(0, 0),
                cdb12(0xA8, 0, 0), cdb12(0xAA, 0, 0), cdb10(0x2F, 0, 0)):
        run(s, cdb, 0, 0, b"", "GOOD")
    return "7 GOOD"


@case
def longest_transfers(t):
    """F39, SBC-3 5: READ 10 of 65535 blocks and READ 16 of all there is, with
    an EDTL of one block."""
    s = t.session()
    for cdb in (read10(0, min(65535, t.blocks)), read16(0, t.blocks)):
        label, got, pdu = s.run(cdb, t.block_bytes, READ)
        expect(label, "GOOD", "CC 5/*")
    return label


# -- parameter lists that lie ------------------------------------------------


def lists(t, makers, allowed=("CC *", "GOOD", "RESERVATION CONFLICT")):
    """Each (cdb, data, EDTL) is answered; the session goes on."""
    s = t.session()
    tally = {}
    for cdb, data, edtl in makers:
        label, _, _ = run(s, cdb, edtl, WRITE if edtl else 0,
                          data[:edtl].ljust(edtl, b"\0"), *allowed)
        tally[label] = tally.get(label, 0) + 1
    s.ping()
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


@case
def unmap_lists_that_lie(t):
    """F39, SBC-3 5.28: lengths that disagree, descriptors cut in two, blocks
    beyond the end, more descriptors than there are."""
    def cdb(length):
        return struct.pack(">BBxxxxBHB", 0x42, 0, 0, length, 0)

    def unmap(data_length, block_length, *descriptors):
        out = struct.pack(">HHxxxx", data_length, block_length)
        for lba, blocks in descriptors:
            out += struct.pack(">QIxxxx", lba, blocks)
        return out
    return lists(t, [
        (cdb(0), b"", 0), (cdb(1), b"\0", 1), (cdb(7), bytes(7), 7),
        (cdb(8), unmap(6, 0), 8),
        (cdb(24), unmap(22, 16, (t.blocks, 1)), 24),
        (cdb(24), unmap(22, 16, (2**64 - 1, 2)), 24),
        (cdb(24), unmap(22, 16, (t.blocks - 1, 0xFFFFFFFF)), 24),
        (cdb(24), unmap(22, 15, (500, 1)), 24),
        (cdb(24), unmap(0xFFFF, 0xFFF0, (500, 1)), 24),
        (cdb(24), unmap(22, 0xFFF0, (500, 1)), 24),
        (cdb(24), unmap(0, 16, (500, 1)), 24),
        (cdb(20), unmap(22, 16, (500, 1)), 20),
        (cdb(65535), unmap(22, 16, (500, 1)), 24),
        (cdb(24), unmap(22, 16, (500, 1)), 512),
        (cdb(4104), unmap(4102, 4096, *[(500, 1)] * 256), 4104)])


@case
def write_same_of_all_kinds(t):
    """F39, SBC-3 5.49: all flags of byte 1, at one block, with and without
    data."""
    makers = []
    for byte1 in range(256):
        makers.append((cdb16(0x93, 500, 1, byte1), bytes(t.block_bytes),
                       t.block_bytes))
        makers.append((cdb10(0x41, 500, 1, byte1), bytes(t.block_bytes),
                       t.block_bytes))
        makers.append((cdb16(0x93, 500, 1, byte1), b"", 0))
    return lists(t, makers)


@case
def compare_and_write_of_all_lengths(t):
    """F39, SBC-3 5.2: 0, 1, 2, 255 blocks with too little and too much data."""
    b = t.block_bytes
    makers = []
    for blocks in (0, 1, 2, 255):
        cdb = struct.pack(">BBQxxxBBB", 0x89, 0, 500, blocks, 0, 0)
        for edtl in (0, b, 2 * b, 3 * b, 4 * b):
            makers.append((cdb, bytes(edtl), edtl))
    return lists(t, makers)


@case
def mode_select_lists_that_lie(t):
    """F39, SPC-4 6.10: every page with every length byte, block descriptors
    that are longer than the list."""
    makers = []
    for page in (0x00, 0x02, 0x08, 0x0A, 0x1C, 0x3F, 0x48, 0x7F, 0xFF):
        for length in (0, 1, 9, 10, 18, 22, 255):
            data = bytes(4) + bytes([page, length]) + bytes(18)
            for given in (0, 1, 4, 5, 6, 16, 24):
                makers.append((bytes([0x15, 0x10, 0, 0, given, 0]),
                               data, given))
    for descriptor in (8, 16, 255):
        data = bytes([0, 0, 0, descriptor]) + bytes(20)
        makers.append((bytes([0x15, 0x10, 0, 0, 24, 0]), data, 24))
        data = bytes(6) + struct.pack(">H", descriptor * 257) + bytes(16)
        makers.append((struct.pack(">BBxxxxxHB", 0x55, 0x10, 24, 0), data,
                       24))
    words = lists(t, makers)
    restore_mode(t)
    return words


def restore_mode(t):
    """The caching page back to its default values."""
    s = t.session()
    label, page, _ = s.run(bytes([0x1A, 8, 0x88, 0, 64, 0]), 64, READ)
    if label == "GOOD" and len(page) > 4:
        data = bytes(4) + bytes([page[4] & 0x3F]) + page[5:]
        s.run(bytes([0x15, 0x10, 0, 0, len(data), 0]), len(data), WRITE, data)


@case
def persistent_reserve_out_lists_that_lie(t):
    """F39, SPC-4 6.16: every action with too short, too long and random
    lists; keys that nobody registered."""
    makers = []
    for action in range(32):
        if action in (0, 6):        # these would register
            continue
        for length, edtl in ((0, 0), (8, 8), (23, 23), (24, 24), (25, 25),
                             (24, 0), (0xFFFFFFFF, 24), (65535, 512)):
            for kind in (1, 0x0F):
                cdb = struct.pack(">BBBxxIB", 0x5F, action, kind, length, 0)
                makers.append((cdb, b"\x5a" * 16 + bytes(496), edtl))
    return lists(t, makers)


@case
def transport_ids_that_lie(t):
    """F39, SPC-4 6.16.3, 7.6.4: SPEC_I_PT with names without end, without
    ",i,0x", of lengths that disagree; none of them registers anybody."""
    makers = []
    names = (b"iqn.2024-01.a:b", b"iqn.2024-01.a:b,i,0x", b"x" * 200,
             b",i,0x", b"\xff" * 60, b"", b"iqn.a,i,0xzz", b"iqn.a,i,0x1234567"
             b"89012345678901234567890")
    for name in names:
        for stated in (0, len(name), len(name) + 4, 1000, 0xFFFF):
            for protocol in (0x05, 0x45, 0x85, 0x0F):
                transport = bytes([protocol, 0]) + struct.pack(
                    ">H", stated) + name
                body = (bytes(8) + b"hostile!" + bytes(4) + b"\x08\0\0\0" +
                        struct.pack(">I", len(transport)) + transport)
                cdb = struct.pack(">BBBxxIB", 0x5F, 0, 0, len(body), 0)
                makers.append((cdb, body, len(body)))
                body = body[:24] + struct.pack(">I", 0xFFFFFFF0) + body[28:]
                makers.append((cdb, body, len(body)))
    try:
        return lists(t, makers, ("CC 5/*",))
    finally:
        clear_registration(t)


def clear_registration(t):
    """REGISTER AND IGNORE with key 0."""
    s = t.session()
    s.run(struct.pack(">BBBxxIB", 0x5F, 6, 0, 24, 0), 24, WRITE, bytes(24))


@case
def extended_copy_lists_that_lie(t):
    """F39, SPC-4 6.4: lengths of targets, segments and inline data that do
    not fit, both list formats, POPULATE TOKEN and WRITE USING TOKEN."""
    makers = []
    for action in (0x00, 0x01, 0x10, 0x11, 0x1C):
        for length, data in (
                (0, b""), (1, b"\0"), (15, bytes(15)), (16, bytes(16)),
                (16, b"\0\0\xff\xff" + b"\xff" * 12),
                (16, b"\xff" * 16), (48, b"\0\0\0\x20" + bytes(44)),
                (80, b"\0\0\0\x20" + bytes(4) + b"\xff" * 72),
                (512, b"\xff" * 512), (512, random.randbytes(512)),
                (0xFFFFFFFF, bytes(512))):
            cdb = struct.pack(">BBQIBB", 0x83, action, 0, length, 0, 0)
            makers.append((cdb, data, len(data)))
    return lists(t, makers)


@case
def other_lists_that_lie(t):
    """F39, SPC-4, SBC-3: SET TARGET PORT GROUPS, SEND DIAGNOSTIC, WRITE
    BUFFER, LOG SELECT, SET IDENTIFYING INFORMATION, ORWRITE, WRITE ATOMIC."""
    b = t.block_bytes
    makers = []
    for cdb, edtl in (
            (struct.pack(">BBxxxxIxB", 0xA4, 0x0A, 0xFFFF, 0), 512),
            (struct.pack(">BBxxxxIxB", 0xA4, 0x0A, 3, 0), 3),
            (struct.pack(">BBxxxxIxB", 0xA4, 0x06, 8, 0), 8),
            (struct.pack(">BBBHB", 0x1D, 0x10, 0, 0xFFFF, 0), 512),
            (struct.pack(">BBBHB", 0x1D, 0x04, 0, 0, 0), 0),
            (bytes([0x3B, 2, 0, 0xFF, 0xFF, 0xFF, 0, 2, 0, 0]), 512),
            (bytes([0x3B, 5, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0]), 512),
            (bytes([0x4C, 0, 0xC0, 0, 0, 0, 0, 2, 0, 0]), 512),
            (bytes([0x4C, 2, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0]), 512),
            (cdb16(0x8B, 500, 2), b), (cdb16(0x9C, 500, 0xFFFF), b),
            (bytes([0x3B, 0x1F, 0, 0, 0, 0, 0, 0, 4, 0]), 4)):
        for fill in (b"\0", b"\xff", b"\x5a"):
            makers.append((cdb, fill * edtl, edtl))
    return lists(t, makers, ("CC *", "GOOD"))


# -- commands that answer with data ------------------------------------------


def reads(t, cdbs, edtl=4096):
    s = t.session()
    tally = {}
    for cdb in cdbs:
        label, got, _ = run(s, cdb, edtl, READ, b"", "GOOD", "CC *")
        tally[label] = tally.get(label, 0) + 1
    s.ping()
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


@case
def inquiry_of_every_page(t):
    """F39, SPC-4 6.6: 256 pages, EVPD on and off, allocation 0 to 65535."""
    cdbs = []
    for page in range(256):
        for evpd in (0, 1, 2, 3):
            cdbs.append(struct.pack(">BBBHB", 0x12, evpd, page, 4096, 0))
        for allocation in (0, 1, 3, 5, 65535):
            cdbs.append(struct.pack(">BBBHB", 0x12, 1, page, allocation, 0))
    return reads(t, cdbs)


@case
def mode_sense_of_every_page(t):
    """F39, SPC-4 6.11: all pages, control values and allocation lengths."""
    cdbs = []
    for byte2 in range(256):
        for sub in (0, 1, 0xFF):
            cdbs.append(bytes([0x1A, 0, byte2, sub, 255, 0]))
            cdbs.append(bytes([0x5A, 0x10, byte2, sub, 0, 0, 0, 16, 0, 0]))
        for allocation in (0, 1, 3, 4, 5):
            cdbs.append(bytes([0x1A, 8, byte2, 0, allocation, 0]))
    return reads(t, cdbs)


@case
def log_sense_of_every_page(t):
    """F39, SPC-4 6.8: all pages, subpages 00 and ff, parameter pointers."""
    cdbs = []
    for byte2 in range(256):
        for sub, pointer in ((0, 0), (0xFF, 0), (0, 0xFFFF)):
            cdbs.append(struct.pack(">BBBBxHHB", 0x4D, 0, byte2, sub,
                                    pointer, 512, 0))
    return reads(t, cdbs)


@case
def report_supported_opcodes_of_every_kind(t):
    """F39, SPC-4 6.35: all opcodes, options, service actions."""
    cdbs = []
    for options in range(8):
        for opcode in range(0, 256, 1 if options < 3 else 32):
            for action in (0, 0x10, 0xFFFF):
                cdbs.append(struct.pack(">BBBBHIxB", 0xA3, 0x0C, options,
                                        opcode, action, 4096, 0))
    for allocation in (0, 1, 3, 4, 5, 0xFFFFFFFF):
        cdbs.append(struct.pack(">BBBBHIxB", 0xA3, 0x0C, 0, 0, 0,
                                allocation, 0))
    return reads(t, cdbs, 65536)


@case
def service_actions_of_every_number(t):
    """F39, SPC-4: MAINTENANCE IN, SERVICE ACTION IN 16, PERSISTENT RESERVE
    IN, RECEIVE COPY RESULTS, READ BUFFER, READ DEFECT DATA; short and long
    allocations."""
    cdbs = []
    for action in range(32):
        for allocation in (0, 1, 7, 8, 4096, 0xFFFFFFFF):
            cdbs.append(struct.pack(">BBxxxxIxB", 0xA3, action, allocation,
                                    0))
            cdbs.append(cdb16(0x9E, 0, allocation, action))
            cdbs.append(cdb16(0x84, 0, allocation, action))
        for allocation in (0, 1, 7, 8, 65535):
            cdbs.append(struct.pack(">BBxxxxxHB", 0x5E, action, allocation,
                                    0))
        cdbs.append(bytes([0x3C, action, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                           0xFF, 0]))
        cdbs.append(struct.pack(">BBBxxxxHB", 0x37, 0, action, 65535, 0))
        cdbs.append(bytes([0xB7, action, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF,
                           0, 0]))
    return reads(t, cdbs)


@case
def allocation_lengths_of_small_commands(t):
    """F39, SPC-4: REQUEST SENSE, READ CAPACITY 10 and 16 with EDTL and
    allocation of 0 to 40 bytes."""
    s = t.session()
    for size in range(41):
        for cdb in (bytes([3, 0, 0, 0, size, 0]), bytes([0x25]) + bytes(9),
                    cdb16(0x9E, 0, size, 0x10)):
            _, got, _ = run(s, cdb, size, READ if size else 0, b"", "GOOD")
            if len(got) > size:
                raise Wrong("%d bytes of %d" % (len(got), size))
    return "123 answered"


@case
def control_byte_of_every_value(t):
    """F39, SAM-5 5.2: NACA, LINK, vendor bits."""
    s = t.session()
    for control in range(256):
        run(s, bytes(5) + bytes([control]), 0, 0, b"", "GOOD", "CC 5/24/00")
    return "256 answered"


# -- fuzz --------------------------------------------------------------------

# Opcodes whose success outlives the command, or that write where LBA says.
LASTING = {
    0x04, 0x07, 0x0A, 0x15, 0x16, 0x17, 0x1B, 0x1D, 0x1E, 0x2A, 0x2E, 0x3B,
    0x3F, 0x41, 0x42, 0x48, 0x4C, 0x51, 0x53, 0x55, 0x56, 0x57, 0x5F, 0x7F,
    0x83, 0x86, 0x89, 0x8A, 0x8B, 0x8D, 0x8E, 0x93, 0x9A, 0x9C, 0x9D, 0x9F,
    0xA4, 0xAA, 0xAE, 0xB6}


def fuzz(t, count, opcodes):
    """Random CDBs, reading; every one has an answer and the session lives."""
    s = t.session()
    tally = {}
    for _ in range(count):
        cdb = bytearray(random.randbytes(16))
        cdb[0] = random.choice(opcodes)
        if random.random() < 0.5:       # small numbers reach further
            for i in range(2, 16):
                if random.random() < 0.7:
                    cdb[i] = 0
        edtl = random.choice((0, 1, 36, 512, 4096))
        label, _, _ = run(s, bytes(cdb), edtl, READ if edtl else 0, b"",
                          "GOOD", "CONDITION MET", "CC *")
        kind = label.split("/")[0]
        tally[kind] = tally.get(kind, 0) + 1
    s.ping()
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


@case
def random_cdbs_of_all_opcodes(t):
    """F39, SPC-4: 1500, but for those whose success would last."""
    return fuzz(t, 1500, [o for o in range(256) if o not in LASTING])


@case
def random_cdbs_of_data_commands(t):
    """F39, SPC-4, SBC-3: 1500 of the opcodes that have most to parse."""
    return fuzz(t, 1500, [0x12, 0x1A, 0x5A, 0x4D, 0x5E, 0x9E, 0xA0, 0xA3,
                          0x84, 0x3C, 0x28, 0x88, 0x2F, 0x8F, 0x03])


@case
def every_opcode_with_zeros_and_ones(t):
    """F39, SPC-4 4.3: unknown ones are 5/20/00."""
    s = t.session()
    tally = {}
    for opcode in range(256):
        if opcode in LASTING:
            continue
        for fill in (b"\0", b"\xff"):
            label, _, _ = run(s, bytes([opcode]) + fill * 15, 4096, READ, b"",
                              "GOOD", "CONDITION MET", "CC *")
            tally[label] = tally.get(label, 0) + 1
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


@case
def random_writes_beyond_the_end(t):
    """F39, SBC-3: 600 writing CDBs with random fields, all beyond the last
    block, with random lengths and data."""
    s = t.session()
    t.fill(s, t.blocks - 8, 8, OLD)
    tally = {}
    for _ in range(600):
        lba = random.choice((t.blocks, 2**32 - 1, 2**63, 2**64 - 1,
                             t.blocks + random.getrandbits(30)))
        if random.random() < 0.5:
            op = random.choice((0x8A, 0x8B, 0x8E, 0x93, 0x9C))
            cdb = cdb16(op, lba, random.getrandbits(32) | 1,
                        random.getrandbits(8))
        else:
            op = random.choice((0x2A, 0x2E, 0x41))
            cdb = cdb10(op, min(lba, 0xFFFFFFFF),
                        random.getrandbits(16) | 1, random.getrandbits(8))
        edtl = random.choice((0, 1, 100, 512, 4096, 8192))
        label, _, _ = run(s, cdb, edtl, WRITE if edtl else 0,
                          random.randbytes(edtl), "CC 5/*")
        tally[label] = tally.get(label, 0) + 1
    t.must_hold(s, t.blocks - 8, 8, OLD)
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


@case
def random_headers_of_commands(t):
    """F39, RFC 7143 11.3: 300 TEST UNIT READYs with 1 to 3 random bytes in
    the header, lengths left true."""
    s = t.session()
    for _ in range(300):
        pdu = s.command(TEST_UNIT_READY)
        raw = bytearray(pdu.encode())
        for _ in range(random.randrange(1, 4)):
            at = random.choice([i for i in range(1, 32)
                                if i not in (4, 5, 6, 7)])
            raw[at] = random.getrandbits(8)
        s.conn.send_raw(bytes(raw))
        ping = s.nop(b"", immediate=True)
        s.send(ping)
        try:
            while s.conn.recv(2.0).itt != ping.itt:
                pass
        except Closed:
            pass
        except Silent:
            raise Wrong("ping not answered after %s" % raw.hex()) from None
        s.close()
        s = t.session()
    return "300 answered"
