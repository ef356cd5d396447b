"""Persistent reservations for the tests with raw PDUs, on tests/hostile/iscsi.py.

    with Host(portal, target, 0) as host:
        host.register(0, 0xa, APTPL)
        host.reserve(5, 0xa)

A Host is one initiator port: name and ISID follow from its number, so that after
a new login it is the same one.  Methods for commands return the label of the
answer: "GOOD", "RESERVATION CONFLICT", "CC 5/26/00".
"""
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "hostile"))

import iscsi  # noqa: E402
from e2e import Daemon, free_port, wait_until  # noqa: E402

APTPL, ALL_TG_PT, SPEC_I_PT = 1, 4, 8
(REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT,
 REGISTER_AND_IGNORE, REGISTER_AND_MOVE) = range(8)
TYPES = (1, 3, 5, 6, 7, 8)
BLOCK = 512
LIST = ">QQIBBH"    # both keys, obsolete, flags of byte 20, reserved
CONFLICT = "RESERVATION CONFLICT"
TARGET = "iqn.2026-01.org.example:disk"
UUID = "5b1f8c9e-0d2a-4c31-a764-1099ee42730f"


def name_of(number):
    return f"iqn.2026-01.org.example:host{number}"


def isid_of(number):
    return b"\x80" + number.to_bytes(5, "big")


def transport_id(number):
    """Of the initiator port of a Host."""
    text = f"{name_of(number)},i,0x{isid_of(number).hex()}".encode() + b"\0"
    text += bytes(-len(text) % 4)
    return struct.pack(">BBH", 0x45, 0, len(text)) + text


def name_id(number):
    """Of all initiator ports of a Host's name (format 00b)."""
    text = name_of(number).encode() + b"\0"
    text += bytes(-len(text) % 4)
    return struct.pack(">BBH", 0x05, 0, len(text)) + text


def move_list(key, new_key, to, port=1, flags=0):
    """The list of REGISTER AND MOVE; flags 1: APTPL, 2: UNREG."""
    identity = transport_id(to)
    return struct.pack(">QQBBHI", key, new_key, 0, flags, port,
                       len(identity)) + identity


def good(label):
    assert label == "GOOD", label


class Host:
    def __init__(self, portal, target, number, lun=0, ready=True,
                 timeout=20.0):
        address, port = portal.rsplit(":", 1)
        login = iscsi.Login((address.strip("[]"), int(port)), iscsi.Identity(
            name_of(number), target, isid=isid_of(number)), timeout=timeout)
        login.pass_security()
        login.pass_operational(iscsi.USUAL_KEYS)
        self.session = iscsi.Session(login, iscsi.lun_bytes(lun),
                                     iscsi.USUAL_KEYS)
        self.number = number
        if ready:
            self.attentions()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.session.close()

    def attentions(self):
        """What waits to be told, as labels; nothing waits afterwards."""
        told = []
        while True:
            label, _, _ = self.session.run(iscsi.TEST_UNIT_READY)
            if not label.startswith("CC 6/"):
                return told
            told.append(label)

    # PERSISTENT RESERVE OUT

    def out(self, action, type_=0, key=0, new_key=0, flags=0, more=b""):
        parameters = struct.pack(LIST, key, new_key, 0, flags, 0, 0)
        return self.out_list(action, type_, parameters + more)

    def out_list(self, action, type_, parameters):
        cdb = struct.pack(">BBBHIB", 0x5F, action, type_, 0, len(parameters),
                          0)
        return self.session.run(cdb, len(parameters), iscsi.WRITE,
                                parameters)[0]

    def register(self, key, new_key, flags=0):
        return self.out(REGISTER, 0, key, new_key, flags)

    def reserve(self, type_, key):
        return self.out(RESERVE, type_, key)

    def release(self, type_, key):
        return self.out(RELEASE, type_, key)

    # PERSISTENT RESERVE IN

    def answer(self, action, room=8192):
        cdb = struct.pack(">BBBIHB", 0x5E, action, 0, 0, room, 0)
        label, data, _ = self.session.run(cdb, room, iscsi.READ)
        if label != "GOOD":
            raise iscsi.Wrong(f"PERSISTENT RESERVE IN: {label}")
        return data

    def generation(self):
        return struct.unpack_from(">I", self.answer(0))[0]

    def keys(self):
        data = self.answer(0)
        count = struct.unpack_from(">I", data, 4)[0] // 8
        return list(struct.unpack_from(f">{count}Q", data, 8))

    def reservation(self):
        """(key, type), or None."""
        data = self.answer(1)
        if len(data) == 8:
            return None
        return struct.unpack_from(">Q", data, 8)[0], data[21]

    def capabilities(self):
        return self.answer(2)

    def full_status(self):
        """All that is registered, without PRGENERATION: (key, is holder,
        type, relative target port, TransportID)."""
        data, at, rows = self.answer(3), 8, []
        if len(data) - 8 != struct.unpack_from(">I", data, 4)[0]:
            raise iscsi.Wrong("READ FULL STATUS: lengths do not match")
        while at < len(data):
            key, flags, kind, port, size = struct.unpack_from(
                ">Q4xBB4xHI", data, at)
            rows.append((key, flags & 1, kind, port,
                         data[at + 24:at + 24 + size]))
            at += 24 + size
        return rows

    # The medium

    def write(self, lba=0, byte=0x5A):
        return self.session.run(iscsi.write10(lba, 1), BLOCK, iscsi.WRITE,
                                bytes([byte]) * BLOCK)[0]

    def read(self, lba=0):
        """The block, or the label of the refusal."""
        label, data, _ = self.session.run(iscsi.read10(lba, 1), BLOCK,
                                          iscsi.READ)
        return data if label == "GOOD" else label


# -- a daemon with a state folder of the test's own --------------------------------

class Keeping(Daemon):
    """One LUN at one portal for each portal group 1, 2 ..."""

    def __init__(self, state, groups=1, before=()):
        ports = [free_port() for _ in range(groups)]
        super().__init__("".join(
            f'portal "127.0.0.1:{port}" {{ group = {group} }}\n'
            for group, port in enumerate(ports, 1)) +
            f'target {TARGET} {{\n\tlun 0 {{ store = "ram:16M"\n'
            f"\t\tuuid = {UUID} }}\n}}\n")
        self.portals = [f"127.0.0.1:{port}" for port in ports]
        self.state = state
        self.command[self.command.index("--state") + 1] = state
        self.command[:0] = before

    @property
    def kept(self):
        return os.path.join(self.state, "reservations", UUID)

    def host(self, number, group=1, **how):
        return Host(self.portals[group - 1], TARGET, number, **how)

    def crash(self):
        """As a loss of power, for all that is in the process."""
        self.process.kill()
        self.process.wait()
        # The kernel takes its time to let go of the sockets of a ring.
        wait_until(self.is_gone, what="the end of the sockets")
        self.start()

    def is_gone(self):
        with socket.socket(socket.AF_UNIX) as s:
            if s.connect_ex(self.rpc) == 0:
                return False
        for portal in self.portals:
            host, port = portal.split(":")
            with socket.socket() as s:
                if s.connect_ex((host, int(port))) == 0:
                    return False
        return True
