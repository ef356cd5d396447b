"""Third-party copies from an initiator's side: CDBs, parameter lists and answers
of EXTENDED COPY, POPULATE TOKEN and their like (SPC-4, SBC-3), over the raw
initiator of tests/hostile.
"""
import os
import struct
import sys

from e2e import TOP, Failed

sys.path.insert(0, os.path.join(TOP, "tests", "hostile"))
from iscsi import READ, WRITE, Identity, Login, Session  # noqa: E402

BLOCK = 512
ZERO_TOKEN = struct.pack(">IHH", 0xFFFF0001, 0, 0x1F8) + bytes(504)
SELF = 0xFFFF


class Host:
    """A session with a target; commands go to any of its LUNs."""

    def __init__(self, portal, target, name="iqn.2026-01.org.example:host",
                 isid=None):
        address, port = portal.rsplit(":", 1)
        identity = Identity(name, target, isid=isid)
        login = Login((address.strip("[]"), int(port)), identity,
                      timeout=60.0)
        keys = {"MaxRecvDataSegmentLength": "262144"}
        login.pass_security()
        login.pass_operational(keys)
        self.session = Session(login, 0, keys)
        self.settled = set()

    def close(self):
        self.session.conn.close()

    def run(self, lun, cdb, read_bytes=0, data=b""):
        """(status, Data-In); unit attentions are taken first."""
        if lun not in self.settled:
            self.settled.add(lun)
            while self.session.run(bytes(16), lun=lun)[0] != "GOOD":
                pass
        if data:
            label, got, _ = self.session.run(cdb, len(data), WRITE, data,
                                             lun=lun)
        else:
            label, got, _ = self.session.run(cdb, read_bytes,
                                             READ if read_bytes else 0,
                                             lun=lun)
        return label, got

    def good(self, lun, cdb, read_bytes=0, data=b""):
        label, got = self.run(lun, cdb, read_bytes, data)
        if label != "GOOD":
            raise Failed(f"LUN {lun}: {cdb.hex()}: {label}")
        return got

    # The medium.

    def write(self, lun, lba, data):
        cdb = struct.pack(">BBQIBB", 0x8A, 0, lba, len(data) // BLOCK, 0, 0)
        self.good(lun, cdb, data=data)

    def read(self, lun, lba, blocks):
        cdb = struct.pack(">BBQIBB", 0x88, 0, lba, blocks, 0, 0)
        return self.good(lun, cdb, blocks * BLOCK)

    def flush(self, lun):
        self.good(lun, struct.pack(">BBQIBB", 0x91, 0, 0, 0, 0, 0))

    def vpd(self, lun, page):
        return self.good(lun, struct.pack(">BBBHB", 0x12, 1, page, 1024, 0) +
                         bytes(10), 1024)

    def naa(self, lun):
        """The NAA designation descriptor of page 83."""
        page = self.vpd(lun, 0x83)
        at = 4
        while at < len(page):
            if page[at + 1] & 0x3F == 3:
                return page[at:at + 4 + page[at + 3]]
            at += 4 + page[at + 3]
        raise Failed(f"LUN {lun} has no NAA")

    # EXTENDED COPY.

    def cscd(self, lun, block=BLOCK):
        return cscd(self.naa(lun), block)

    def extended_copy(self, lun, cscds, segments, list_id=1, lid4=False,
                      usage=0):
        data = copy_list(cscds, segments, list_id, lid4, usage)
        return self.run(lun, copy_cdb(lid4, len(data)), data=data)[0]

    def copy_status(self, lun, list_id, lid4=False):
        if lid4:
            cdb = struct.pack(">BBIIIBB", 0x84, 5, list_id, 0, 512, 0, 0)
        else:
            cdb = struct.pack(">BBB7xIBB", 0x84, 0, list_id, 512, 0, 0)
        return self.run(lun, cdb, 512)

    # Tokens.

    def populate(self, lun, ranges, list_id=1, timeout=0, rod_type=None):
        descriptors = range_list(ranges)
        data = struct.pack(
            ">HBBII2xH", 14 + len(descriptors), 2 if rod_type else 0, 0,
            timeout, rod_type or 0, len(descriptors)) + descriptors
        cdb = struct.pack(">BB4xIIBB", 0x83, 0x10, list_id, len(data), 0, 0)
        return self.run(lun, cdb, data=data)[0]

    def use(self, lun, token, ranges, offset=0, list_id=2, delete=False):
        data = use_list(token, ranges, offset, delete)
        cdb = struct.pack(">BB4xIIBB", 0x83, 0x11, list_id, len(data), 0, 0)
        return self.run(lun, cdb, data=data)[0]

    def token_information(self, lun, list_id):
        """(service action, operation status, transfer count in blocks, SCSI
        status, token or None)"""
        cdb = struct.pack(">BBIIIBB", 0x84, 7, list_id, 0, 1024, 0, 0)
        got = self.good(lun, cdb, 1024)
        action, state = got[4] & 0x1F, got[5] & 0x7F
        if got[15] != 0xF1 or struct.unpack_from(">I", got)[0] + 4 != len(got):
            raise Failed(f"RECEIVE ROD TOKEN INFORMATION: {got[:32].hex()}")
        count, = struct.unpack_from(">Q", got, 16)
        at = 32 + got[13]
        length, = struct.unpack_from(">I", got, at)
        token = got[at + 6:at + 6 + 512] if length else None
        if length not in (0, 514) or token is not None and len(token) != 512:
            raise Failed(f"a token of {length} bytes")
        return action, state, count, got[12], token

    def make_token(self, lun, ranges, list_id=1, timeout=0):
        label = self.populate(lun, ranges, list_id, timeout)
        if label != "GOOD":
            raise Failed(f"POPULATE TOKEN: {label}")
        action, state, count, status, token = self.token_information(
            lun, list_id)
        wanted = (0x10, 1, sum(n for _, n in ranges), 0)
        if (action, state, count, status) != wanted or token is None:
            raise Failed(f"{(action, state, count, status)}, not {wanted}")
        return token


def cscd(designation, block=BLOCK, nul=False):
    body = designation.ljust(24, b"\0")[:24]
    return struct.pack(">BBH", 0xE4, 0x20 if nul else 0, 0) + body + \
        struct.pack(">I", block)


def segment(source, destination, blocks, source_lba, destination_lba,
            dc=False, kind=2):
    return struct.pack(">BBHHHHHQQ", kind, 2 if dc else 0, 24, source,
                       destination, 0, blocks, source_lba, destination_lba)


def copy_list(cscds, segments, list_id=1, lid4=False, usage=0):
    cscd_bytes, segment_bytes = b"".join(cscds), b"".join(segments)
    if lid4:
        head = struct.pack(">BBH11xBB3xI18xHHH", 1, usage << 3, 0x20, 0, 0xFF,
                           list_id, len(cscd_bytes), len(segment_bytes), 0)
    else:
        head = struct.pack(">BBH4xII", list_id, usage << 3, len(cscd_bytes),
                           len(segment_bytes), 0)
    return head + cscd_bytes + segment_bytes


def copy_cdb(lid4, length):
    return struct.pack(">BB8xIBB", 0x83, 1 if lid4 else 0, length, 0, 0)


def range_list(ranges):
    return b"".join(struct.pack(">QI4x", lba, n) for lba, n in ranges)


def use_list(token, ranges, offset=0, delete=False):
    descriptors = range_list(ranges)
    return struct.pack(">HB5xQ", 534 + len(descriptors), 2 if delete else 0,
                       offset) + token + \
        struct.pack(">6xH", len(descriptors)) + descriptors
