"""What the checklists are written in: one initiator port, and CDBs.

    with Target("ram:16M") as target:
        a = Nexus(target.urls[0])
        a.good(read10(0, 1), 512)
        a.refused("CC 5/21/00", read10(99999999, 1), 512)

It stands on the raw initiator of tests/hostile, which checks every PDU that it
gets.  Labels are those of iscsi.Pdu.label: GOOD, RESERVATION CONFLICT,
CC 5/24/00 (sense key, ASC, ASCQ).
"""
import os
import re
import struct
import sys

from e2e import TOP, Daemon, Failed, free_port

sys.path.insert(0, os.path.join(TOP, "tests", "hostile"))

import iscsi  # noqa: E402
from iscsi import (  # noqa: E402,F401
    READ, TEST_UNIT_READY, USUAL_KEYS, WRITE, Closed, Identity, Login,
    Refused, Session, Silent, Wrong, read10, read16, write10, write16)

INITIATOR = "iqn.2026-01.org.example:one"
BASE = "iqn.2026-01.org.example.checklist"
OTHER = "iqn.2026-01.org.example:two"
URL = re.compile(r"^iscsi://\[?(.+?)\]?:(\d+)/([^/]+)/(\d+)$")
TIMEOUT = 30.0          # for machines that are busy
ABORT_TASK, ABORT_TASK_SET, CLEAR_TASK_SET = 1, 2, 4
LUN_RESET, WARM_RESET, COLD_RESET, QUERY_TASK = 5, 6, 7, 9


class Answer:
    """How a command ended."""

    def __init__(self, label, data, pdu):
        self.label, self.data, self.pdu = label, data, pdu

    @property
    def sense(self):
        """Sense data as they came, without their length."""
        if len(self.pdu.data) < 2:
            return b""
        return self.pdu.data[2:2 + be(self.pdu.data, 0, 2)]

    @property
    def information(self):
        """The INFORMATION field; None when it is not VALID (SPC-4 4.5.2.1)."""
        sense = self.sense
        if sense and sense[0] & 0x7F in (0x70, 0x71):
            return be(sense, 3, 4) if sense[0] & 0x80 else None
        at = 8                              # descriptor format
        while at + 12 <= len(sense):
            if sense[at] == 0:
                return be(sense, at + 4, 8) if sense[at + 2] & 0x80 else None
            at += 2 + sense[at + 1]
        return None

    @property
    def residual(self):
        """Underflow is positive, overflow negative (RFC 7143 11.4.5.1)."""
        if self.pdu.flags & 0x02:
            return self.pdu.residual
        return -self.pdu.residual if self.pdu.flags & 0x04 else 0


class Nexus:
    """A session: an initiator port and a target port.  lun may be given to
    each command; without it, it is that of the URL."""

    def __init__(self, url, initiator=INITIATOR, isid=None, keys=None,
                 user=None, secret=None, is_ready=True):
        address, port, target, lun = URL.match(url).groups()
        self.url, self.lun = url, int(lun)
        self.identity = Identity(initiator, target, isid, user, secret)
        self.isid = self.identity.isid
        wanted = {**USUAL_KEYS, **(keys or {})}
        login = Login((address, int(port)), self.identity, timeout=TIMEOUT)
        login.pass_security()
        login.pass_operational(wanted)
        self.s = Session(login, self.lun, wanted)
        if is_ready:
            self.attentions()

    # Commands.

    def send(self, cdb, size=0, data=b"", lun=None):
        """Run a command to its end: size bytes are expected, data is sent."""
        flags = (READ if size else 0) | (WRITE if data else 0)
        label, got, pdu = self.s.run(cdb, size or len(data), flags, data,
                                     self.lun if lun is None else lun)
        return Answer(label, got, pdu)

    def good(self, cdb, size=0, data=b"", lun=None):
        """It must end GOOD; the data that came."""
        answer = self.send(cdb, size, data, lun)
        if answer.label != "GOOD":
            raise Failed(f"{cdb.hex()}: {answer.label}, wanted GOOD")
        return answer.data

    def refused(self, label, cdb, size=0, data=b"", lun=None):
        """It must end like this and bring nothing."""
        answer = self.send(cdb, size, data, lun)
        if answer.label != label:
            raise Failed(f"{cdb.hex()}: {answer.label}, wanted {label}")
        if answer.data:
            raise Failed(f"{cdb.hex()}: {label}, but {len(answer.data)} bytes")
        return answer

    def attentions(self, lun=None):
        """All unit attentions that wait, in order; the unit must be ready
        then."""
        seen = []
        while True:
            label = self.send(TEST_UNIT_READY, lun=lun).label
            if label == "GOOD":
                return seen
            if not label.startswith("CC 6/") or len(seen) > 8:
                raise Failed(f"TEST UNIT READY: {label} after {seen}")
            seen.append(label[5:])

    def read(self, lba, blocks=1, block_bytes=512):
        return self.good(read16(lba, blocks), blocks * block_bytes)

    def write(self, lba, data, block_bytes=512):
        self.good(write16(lba, len(data) // block_bytes), data=data)

    def holds(self, lba, data):
        got = self.read(lba, len(data) // 512)
        if got != data:
            raise Failed(f"block {lba}: {got[:8].hex()}..., "
                         f"wanted {data[:8].hex()}...")

    # Commands that are under way.

    def start(self, cdb, size=0, data=b"", edtl=None, lun=None, flags=None):
        """Send and do not wait.  With edtl, data for a write follows later."""
        if flags is None:
            flags = WRITE if edtl or data else READ if size else 0
        command = self.s.command(cdb, edtl or size or len(data), flags, data,
                                 lun=self.lun if lun is None else lun)
        self.s.send(command)
        return command

    def await_r2t(self, command):
        while True:
            for r2t in self.s.r2ts:
                if r2t.itt == command.itt:
                    self.s.r2ts.remove(r2t)
                    return r2t
            pdu = self.s.recv(TIMEOUT)
            if pdu.opcode != iscsi.R2T:
                raise Failed(f"{pdu.label()} instead of an R2T")

    def give(self, command, r2t, data):
        """Data that an R2T asked for."""
        self.s.send(self.s.data_out(
            command, r2t.offset, data[r2t.offset:r2t.offset + r2t.r2t_length],
            r2t.ttt))

    def label_of(self, command):
        return self.s.status(command, TIMEOUT).label()

    def manage(self, function, referenced=None, lun=None):
        """A task management function; the label of its answer.  Statuses of
        commands that come before it are collected in self.ended."""
        tag = referenced.itt if referenced else iscsi.NO_TAG
        refcmdsn = referenced.cmdsn if referenced else 0
        request = self.s.task(function, tag, self.lun if lun is None else lun,
                              refcmdsn)
        self.s.send(request)
        self.ended = []
        while True:
            pdu = self.s.recv(TIMEOUT)
            if pdu.opcode == iscsi.TASK_RESPONSE:
                return pdu.label()
            self.ended.append(pdu.label())

    def ping(self):
        self.s.ping(TIMEOUT)

    def logout(self):
        self.s.send(self.s.logout())
        label = self.s.recv(TIMEOUT).label()
        self.s.close()
        return label

    def cut(self):
        """The connection is lost."""
        self.s.conn.reset()

    def close(self):
        self.s.close()


def on_lun(url, lun):
    return f"{url.rsplit('/', 1)[0]}/{lun}"


class Serving(Daemon):
    """lunetd with one portal, or more, and these targets.  With has_groups,
    each portal is of a group of its own: a target port by itself."""

    def __init__(self, targets, portals=1, more="", has_groups=False):
        self.ports = [free_port() for _ in range(portals)]
        super().__init__(more + "".join(
            f'portal "127.0.0.1:{port}" '
            f'{{ {f"group = {n}" if has_groups else ""} }}\n'
            for n, port in enumerate(self.ports, 1)) +
            "".join(f"target {BASE}:{name} {{ {what} }}\n"
                    for name, what in targets.items()))

    @staticmethod
    def name(target):
        return f"{BASE}:{target}"

    def url(self, target, lun=0, portal=0):
        return f"iscsi://127.0.0.1:{self.ports[portal]}/{BASE}:{target}/{lun}"


# -- numbers in parameter data ---------------------------------------------------

def be(data, at, count):
    return int.from_bytes(data[at:at + count], "big")


def bits(value):
    return [n for n in range(8 * len(value))
            if value[n // 8] >> 7 - n % 8 & 1]


# -- CDBs: what is not in tests/hostile ------------------------------------------

def cdb(opcode, *fields):
    """(byte, count, value) fields in a CDB as long as its opcode says."""
    length = {0: 6, 1: 10, 2: 10, 4: 16, 5: 12}[opcode >> 5]
    out = bytearray(length)
    out[0] = opcode
    for at, count, value in fields:
        out[at:at + count] = value.to_bytes(count, "big")
    return bytes(out)


def inquiry(size=255, page=None):
    return cdb(0x12, (1, 1, 0 if page is None else 1), (2, 1, page or 0),
               (3, 2, size))


def vpd(nexus, page, lun=None):
    """A page of vital product data, checked and whole."""
    data = nexus.good(inquiry(4096, page), 4096, lun=lun)
    if data[1] != page or len(data) != 4 + be(data, 2, 2):
        raise Failed(f"VPD {page:02x}: {len(data)} bytes, {data[:8].hex()}")
    return data


T10, EUI, NAA, RELATIVE_PORT, PORT_GROUP, NAME = 1, 2, 3, 4, 5, 8
OF_UNIT, OF_PORT = 0, 1


def designators(nexus, lun=None):
    """[(association, type, code set, bytes)] of page 83."""
    page, at, out = vpd(nexus, 0x83, lun=lun), 4, []
    while at < len(page):
        head, length = page[at:at + 4], page[at + 3]
        out.append((head[1] >> 4 & 3, head[1] & 15, head[0] & 15,
                    page[at + 4:at + 4 + length]))
        at += 4 + length
    assert at == len(page), "the last designator is cut"
    return out


def request_sense(descriptor=False):
    return cdb(0x03, (1, 1, int(descriptor)), (4, 1, 252))


def mode_sense6(page, subpage=0, size=255, control=0, no_descriptor=True):
    return cdb(0x1A, (1, 1, 8 if no_descriptor else 0),
               (2, 1, control << 6 | page), (3, 1, subpage), (4, 1, size))


def mode_sense10(page, subpage=0, size=4096, control=0):
    return cdb(0x5A, (1, 1, 8), (2, 1, control << 6 | page),
               (3, 1, subpage), (7, 2, size))


def mode_select6(data, save=False):
    return cdb(0x15, (1, 1, 0x11 if save else 0x10), (4, 1, len(data)))


def mode_page(nexus, page, control=0, lun=None):
    """One mode page: (DEVICE-SPECIFIC PARAMETER, the page)."""
    data = nexus.good(mode_sense10(page, control=control), 4096, lun=lun)
    return data[3], data[8 + be(data, 6, 2):]


def log_sense(page, subpage=0, size=4096, control=1):
    return cdb(0x4D, (2, 1, control << 6 | page), (3, 1, subpage),
               (7, 2, size))


def read_capacity10():
    return cdb(0x25)


def read_capacity16(size=32):
    return cdb(0x9E, (1, 1, 0x10), (10, 4, size))


def get_lba_status(lba, size=4096):
    return cdb(0x9E, (1, 1, 0x12), (2, 8, lba), (10, 4, size))


def report_luns(select=0, size=65536):
    return cdb(0xA0, (2, 1, select), (6, 4, size))


def luns(nexus, select=0, lun=None, size=1 << 18):
    """LUNs as numbers, or as bytes where they are no simple ones."""
    data = nexus.good(report_luns(select, size), size, lun=lun)
    out = []
    for at in range(8, 8 + be(data, 0, 4), 8):
        entry = data[at:at + 8]
        method, flat = entry[0] >> 6, be(entry, 0, 2) & 0x3FFF
        out.append(flat if method in (0, 1) and not any(entry[2:])
                   else entry)
    return out


def rsoc(options=0, opcode=0, action=0, size=65536, timeouts=False):
    return cdb(0xA3, (1, 1, 0x0C), (2, 1, options | (timeouts and 0x80)),
               (3, 1, opcode), (4, 2, action), (6, 4, size))


def command_table(nexus, lun=None):
    """{(opcode, service action or None): CDB length}."""
    data = nexus.good(rsoc(), 65536, lun=lun)
    return {(data[at], be(data, at + 2, 2) if data[at + 5] & 1 else None):
            be(data, at + 6, 2) for at in range(4, 4 + be(data, 0, 4), 8)}


def report_task_functions(extended=True):
    return cdb(0xA3, (1, 1, 0x0D), (2, 1, 0x80 if extended else 0),
               (6, 4, 16))


def report_target_ports(extended=False, size=4096):
    return cdb(0xA3, (1, 1, 0x0A | (0x20 if extended else 0)), (6, 4, size))


def ports(nexus, extended=False):
    """{target port group: (access state, preferred)} as REPORT TARGET PORT
    GROUPS tells."""
    data = nexus.good(report_target_ports(extended), 4096)
    if len(data) != 4 + be(data, 0, 4) or \
            extended != bool(data[4] & 0x70 == 0x10):
        raise Failed(f"REPORT TARGET PORT GROUPS: {data.hex()}")
    at, out = 8 if extended else 4, {}
    while at < len(data):
        out[be(data, at + 2, 2)] = (data[at] & 15, data[at] >> 7)
        at += 8 + 4 * data[at + 7]
    return out


def set_target_ports(*states):
    """(CDB, parameter list) for (group, state)."""
    data = bytes(4) + b"".join(struct.pack(">BxH", state, group)
                               for group, state in states)
    return cdb(0xA4, (1, 1, 0x0A), (6, 4, len(data))), data


def synchronize_cache(lba=0, blocks=0, is_long=False):
    if is_long:
        return cdb(0x91, (2, 8, lba), (10, 4, blocks))
    return cdb(0x35, (2, 4, lba), (7, 2, blocks))


def start_stop(start=True, eject=False, condition=0):
    return cdb(0x1B, (4, 1, condition << 4 | (2 if eject else 0) | start))


def verify16(lba, blocks, compare=1):
    return cdb(0x8F, (1, 1, compare << 1), (2, 8, lba), (10, 4, blocks))


def verify10(lba, blocks, compare=1):
    return cdb(0x2F, (1, 1, compare << 1), (2, 4, lba), (7, 2, blocks))


def write_verify16(lba, blocks, compare=0):
    return cdb(0x8E, (1, 1, compare << 1), (2, 8, lba), (10, 4, blocks))


def or_write16(lba, blocks):
    return cdb(0x8B, (2, 8, lba), (10, 4, blocks))


def compare_and_write(lba, blocks):
    return cdb(0x89, (2, 8, lba), (13, 1, blocks))


def write_same16(lba, blocks, unmap=False, no_data=False):
    return cdb(0x93, (1, 1, (8 if unmap else 0) | no_data), (2, 8, lba),
               (10, 4, blocks))


def write_same10(lba, blocks, unmap=False):
    return cdb(0x41, (1, 1, 8 if unmap else 0), (2, 4, lba),
               (7, 2, blocks))


def unmap(*ranges):
    """(CDB, parameter list) for ranges of (lba, blocks)."""
    data = struct.pack(">HHI", 6 + 16 * len(ranges), 16 * len(ranges), 0)
    data += b"".join(struct.pack(">QII", *r, 0) for r in ranges)
    return cdb(0x42, (7, 2, len(data))), data


# -- reservations ----------------------------------------------------------------

(REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT,
 REGISTER_AND_IGNORE, REGISTER_AND_MOVE) = range(8)
(WRITE_EXCLUSIVE, EXCLUSIVE_ACCESS, WRITE_EXCLUSIVE_RO, EXCLUSIVE_ACCESS_RO,
 WRITE_EXCLUSIVE_AR, EXCLUSIVE_ACCESS_AR) = 1, 3, 5, 6, 7, 8
CONFLICT = "RESERVATION CONFLICT"


def pr_in(action, size=4096):
    return cdb(0x5E, (1, 1, action), (7, 2, size))


def pr_out(action, kind=0, key=0, action_key=0, flags=0, more=b""):
    """(CDB, parameter list); flags: 8 SPEC_I_PT, 4 ALL_TG_PT, 1 APTPL."""
    data = struct.pack(">QQ4xBxxx", key, action_key, flags) + more
    return cdb(0x5F, (1, 1, action), (2, 1, kind), (5, 4, len(data))), data


def pr(nexus, action, kind=0, key=0, action_key=0, flags=0, wanted="GOOD"):
    command, data = pr_out(action, kind, key, action_key, flags)
    label = nexus.send(command, data=data).label
    if label != wanted:
        raise Failed(f"PERSISTENT RESERVE OUT {action} {kind} {key:x} "
                     f"{action_key:x}: {label}, wanted {wanted}")


def keys(nexus):
    """(PRGENERATION, sorted keys)."""
    data = nexus.good(pr_in(0), 4096)
    return be(data, 0, 4), sorted(
        be(data, at, 8) for at in range(8, 8 + be(data, 4, 4), 8))


def reservation(nexus):
    """(key, type), or None."""
    data = nexus.good(pr_in(1), 4096)
    if be(data, 4, 4) == 0:
        return None
    return be(data, 8, 8), data[21] & 15


def reserve6():
    return cdb(0x16)


def release6():
    return cdb(0x17)
