"""Persistent reservations for the tests with raw PDUs, on tests/hostile/iscsi.py.

    with Host(portal, target, 0) as host:
        host.register(0, 0xa, APTPL)
        host.reserve(5, 0xa)

A Host is one initiator port: name and ISID follow from its number, so that after
a new login it is the same one.  Methods for commands return the label of the
answer: "GOOD", "RESERVATION CONFLICT", "CC 5/26/00".
"""
import os
import struct
import sys

sys.path.insert(0, os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "hostile"))

import iscsi  # noqa: E402

APTPL, ALL_TG_PT, SPEC_I_PT = 1, 4, 8
(REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT,
 REGISTER_AND_IGNORE, REGISTER_AND_MOVE) = range(8)
TYPES = (1, 3, 5, 6, 7, 8)
BLOCK = 512
LIST = ">QQIBBH"    # both keys, obsolete, flags of byte 20, reserved


def name_of(number):
    return f"iqn.2026-01.org.example:host{number}"


def isid_of(number):
    return b"\x80" + number.to_bytes(5, "big")


def transport_id(number):
    """Of the initiator port of a Host."""
    text = f"{name_of(number)},i,0x{isid_of(number).hex()}".encode() + b"\0"
    text += bytes(-len(text) % 4)
    return struct.pack(">BBH", 0x45, 0, len(text)) + text


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
