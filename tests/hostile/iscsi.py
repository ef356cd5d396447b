"""A raw iSCSI initiator that obeys only when told to (RFC 7143).

Pdu         48 bytes of header, AHS and data, with names for the fields; any
            byte of it may be set to anything before it is sent
Connection  a TCP connection that sends and receives PDUs, with digests when
            they were agreed; knows nothing of sessions
Session     a logged-in connection: counts CmdSN and StatSN, takes commands

Whatever a well-behaved peer must never send raises Wrong: StatSN that jumps,
Data-In beyond what was asked, segments longer than we declared.  The end of
the connection raises Closed, no answer in time raises Silent.
"""

import base64
import ctypes
import hashlib
import os
import select
import socket
import struct
import time

NOP_OUT, COMMAND, TASK, LOGIN, TEXT, DATA_OUT, LOGOUT = range(7)
SNACK = 0x10
NOP_IN, RESPONSE, TASK_RESPONSE, LOGIN_RESPONSE = 0x20, 0x21, 0x22, 0x23
TEXT_RESPONSE, DATA_IN, LOGOUT_RESPONSE = 0x24, 0x25, 0x26
R2T, ASYNC, REJECT = 0x31, 0x32, 0x3F

REQUESTS = (NOP_OUT, COMMAND, TASK, LOGIN, TEXT, DATA_OUT, LOGOUT, SNACK)
OPCODE_NAMES = {
    0x00: "NOP-Out", 0x01: "SCSI Command", 0x02: "Task Request",
    0x03: "Login Request", 0x04: "Text Request", 0x05: "Data-Out",
    0x06: "Logout Request", 0x10: "SNACK Request", 0x20: "NOP-In",
    0x21: "SCSI Response", 0x22: "Task Response", 0x23: "Login Response",
    0x24: "Text Response", 0x25: "Data-In", 0x26: "Logout Response",
    0x31: "R2T", 0x32: "Async Message", 0x3F: "Reject",
}

F = T = 0x80            # final, transit
C = 0x40                # continue
READ, WRITE = 0x40, 0x20
SECURITY, OPERATIONAL, FULL_FEATURE = 0, 1, 3
NO_TAG = 0xFFFFFFFF
LOGIN_BYTES_MAX = 8192  # MaxRecvDataSegmentLength until it is negotiated


class Wrong(Exception):
    """The target did what it must not; the text says what was seen."""


class Refused(Wrong):
    """A login was refused; args are the label and where."""

    def __str__(self):
        return "login refused: %s" % self.args[0]


class Closed(Exception):
    """The target ended the connection."""


class Silent(Exception):
    """Nothing came in time."""


# -- CRC32C (RFC 7143 13.1): ISA-L when it is there, else a table ------------


def _crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ 0x82F63B78 if n & 1 else n >> 1
        table.append(n)
    return table


def _crc_python(data, table=tuple(_crc_table())):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _crc_isal():
    try:
        function = ctypes.CDLL("libisal.so.2").crc32_iscsi
    except (OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_uint]
    function.restype = ctypes.c_uint
    return lambda data: function(
        bytes(data), len(data), 0xFFFFFFFF) ^ 0xFFFFFFFF


crc32c = _crc_isal() or _crc_python
assert crc32c(b"123456789") == _crc_python(b"123456789") == 0xE3069283


def digest(data):
    """Four bytes as they go on the wire."""
    return struct.pack("<I", crc32c(data))


# -- PDUs --------------------------------------------------------------------


def _byte(offset):
    def get(self):
        return self.header[offset]

    def put(self, value):
        self.header[offset] = value
    return property(get, put)


def _word(offset):
    def get(self):
        return struct.unpack_from(">I", self.header, offset)[0]

    def put(self, value):
        struct.pack_into(">I", self.header, offset, value & 0xFFFFFFFF)
    return property(get, put)


def _half(offset):
    def get(self):
        return struct.unpack_from(">H", self.header, offset)[0]

    def put(self, value):
        struct.pack_into(">H", self.header, offset, value & 0xFFFF)
    return property(get, put)


class Pdu:
    """One PDU.  The declared lengths follow data and ahs unless set by hand:
    declared_data and declared_ahs_words may lie."""

    def __init__(self, opcode=0, immediate=False, flags=0, data=b"", ahs=b""):
        self.header = bytearray(48)
        self.header[0] = opcode | (0x40 if immediate else 0)
        self.header[1] = flags
        self.data = bytes(data)
        self.ahs = bytes(ahs)
        self.declared_data = None
        self.declared_ahs_words = None
        self.padding = b"\0"

    byte0, flags, byte2, byte3 = _byte(0), _byte(1), _byte(2), _byte(3)
    itt, word20 = _word(16), _word(20)
    ttt = edtl = referenced_itt = snack_tag = _word(20)
    cid = _half(20)                             # login and logout requests
    cmdsn = statsn = _word(24)
    expstatsn = expcmdsn = _word(28)
    maxcmdsn = refcmdsn = _word(32)
    datasn = r2tsn = status_word = _word(36)    # login response: class, detail
    offset = begrun = _word(40)
    residual = r2t_length = runlength = _word(44)
    tsih = _half(14)
    version_max, version_min = _byte(2), _byte(3)

    @property
    def opcode(self):
        return self.header[0] & 0x3F

    @property
    def name(self):
        return OPCODE_NAMES.get(self.opcode, "opcode %02x" % self.opcode)

    @property
    def is_final(self):
        return bool(self.flags & F)

    @property
    def lun(self):
        return bytes(self.header[8:16])

    @lun.setter
    def lun(self, value):
        self.header[8:16] = lun_bytes(value)

    @property
    def isid(self):
        return bytes(self.header[8:14])

    @isid.setter
    def isid(self, value):
        self.header[8:14] = value

    @property
    def cdb(self):
        return bytes(self.header[32:48])

    @cdb.setter
    def cdb(self, value):
        self.header[32:48] = bytes(value)[:16].ljust(16, b"\0")

    def encode(self, header_digest=False, data_digest=False):
        ahs = self.ahs + bytes(-len(self.ahs) % 4)
        words = self.declared_ahs_words
        self.header[4] = len(ahs) // 4 if words is None else words
        length = self.declared_data
        length = len(self.data) if length is None else length
        self.header[5:8] = struct.pack(">I", length)[1:]
        head = bytes(self.header) + ahs
        body = self.data + self.padding * (-len(self.data) % 4)
        if header_digest:
            head += digest(head)
        if data_digest and body:
            body += digest(body)
        return head + body

    def label(self):
        """What this answer says, in the words of the expectations."""
        op = self.opcode
        if op == REJECT:
            return "RJ %02x" % self.byte2
        if op == LOGIN_RESPONSE:
            return "LS %04x" % (self.status_word >> 16)
        if op == TASK_RESPONSE:
            return "TMF %d" % self.byte2
        if op == LOGOUT_RESPONSE:
            return "LOGOUT %d" % self.byte2
        if op == ASYNC:
            return "ASYNC %d" % self.header[36]
        if op == RESPONSE and self.byte2:
            return "TARGET FAILURE"
        if op == RESPONSE and self.byte3 == 2:
            return "CC %x/%02x/%02x" % self.sense()
        if op == RESPONSE or op == DATA_IN and self.flags & 1:
            return STATUS_NAMES.get(self.byte3, "STATUS %02x" % self.byte3)
        return self.name.upper()

    def sense(self):
        """(key, asc, ascq) of a SCSI Response; zeros when there is none."""
        if len(self.data) < 2:
            return 0, 0, 0
        length = struct.unpack_from(">H", self.data)[0]
        if length > len(self.data) - 2:
            raise Wrong("sense length %d in a data segment of %d"
                        % (length, len(self.data)))
        sense = self.data[2:2 + length].ljust(18, b"\0")
        if sense[0] & 0x7F in (0x72, 0x73):
            return sense[1] & 15, sense[2], sense[3]
        return sense[2] & 15, sense[12], sense[13]


STATUS_NAMES = {
    0x00: "GOOD", 0x04: "CONDITION MET", 0x08: "BUSY",
    0x18: "RESERVATION CONFLICT", 0x28: "TASK SET FULL",
    0x30: "ACA ACTIVE", 0x40: "TASK ABORTED",
}


def lun_bytes(lun):
    """Eight bytes as SAM-5 4.7 wants them; bytes pass through."""
    if isinstance(lun, bytes):
        return lun
    if lun < 256:
        return bytes([0, lun]) + bytes(6)
    return struct.pack(">H", 0x4000 | lun) + bytes(6)


def text(keys):
    """Text pairs: bytes as they are, a dict or a list of pairs joined."""
    if isinstance(keys, bytes):
        return keys
    pairs = keys.items() if isinstance(keys, dict) else keys
    out = b""
    for key, value in pairs:
        out += _bytes(key) + b"=" + _bytes(value) + b"\0"
    return out


def _bytes(value):
    return value if isinstance(value, bytes) else str(value).encode()


def pairs(data):
    """The opposite, for answers: a list of (key, value) strings."""
    out = []
    for item in data.split(b"\0"):
        if item:
            key, _, value = item.decode("latin-1").partition("=")
            out.append((key, value))
    return out


# -- connections -------------------------------------------------------------


class Connection:
    def __init__(self, address, timeout=3.0, receive_buffer=None):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.timeout = timeout
        self.sock.settimeout(timeout)
        self.sock.connect(address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.header_digest = self.data_digest = False
        self.buffer = bytearray()
        self.is_closed = False
        self.recv_data_max = LOGIN_BYTES_MAX    # what we declared

    def send_raw(self, data):
        """A target that hung up already is seen when receiving."""
        try:
            self.sock.settimeout(self.timeout)
            self.sock.sendall(data)
        except socket.timeout:
            raise Silent("target takes no more bytes") from None
        except OSError:
            pass

    def send(self, pdu):
        self.send_raw(pdu.encode(self.header_digest, self.data_digest))

    def _read(self, count, deadline):
        while len(self.buffer) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Silent("no answer")
            self.sock.settimeout(left)
            try:
                piece = self.sock.recv(1 << 18)
            except socket.timeout:
                raise Silent("no answer") from None
            except OSError:
                piece = b""
            if not piece:
                self.is_closed = True
                raise Closed("connection closed")
            self.buffer += piece
        return self.buffer

    def recv(self, timeout=None):
        deadline = time.monotonic() + (
            self.timeout if timeout is None else timeout)
        head = self._read(48, deadline)
        ahs_bytes = head[4] * 4
        data_bytes = int.from_bytes(head[5:8], "big")
        if data_bytes > self.recv_data_max:
            raise Wrong("data segment of %d, we declared %d"
                        % (data_bytes, self.recv_data_max))
        start = 48 + ahs_bytes + (4 if self.header_digest else 0)
        end = start + data_bytes + -data_bytes % 4
        whole = end + (4 if self.data_digest and data_bytes else 0)
        raw = bytes(self._read(whole, deadline)[:whole])
        del self.buffer[:whole]
        if self.header_digest and raw[start - 4:start] != digest(
                raw[:start - 4]):
            raise Wrong("bad header digest from the target")
        if whole != end and raw[end:whole] != digest(raw[start:end]):
            raise Wrong("bad data digest from the target")
        pdu = Pdu()
        pdu.header[:] = raw[:48]
        pdu.ahs = raw[48:48 + ahs_bytes]
        pdu.data = raw[start:start + data_bytes]
        return pdu

    def wait_closed(self, timeout=2.0):
        """Does the target end the connection?  PDUs before that are read."""
        deadline = time.monotonic() + timeout
        try:
            while time.monotonic() < deadline:
                self.recv(deadline - time.monotonic())
        except Closed:
            return True
        except Silent:
            pass
        return False

    def has_input(self, timeout=0.0):
        return bool(self.buffer) or bool(
            select.select([self.sock], [], [], timeout)[0])

    def half_close(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def reset(self):
        """End with RST instead of FIN."""
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.close()

    def close(self):
        self.is_closed = True
        self.sock.close()


# -- login -------------------------------------------------------------------


class Identity:
    """Who logs in to what."""

    def __init__(self, initiator, target, isid=None, user=None, secret=None):
        self.initiator, self.target = initiator, target
        self.isid = isid or b"\x80" + os.urandom(5)
        self.user, self.secret = user, secret

    def leading_keys(self, discovery=False):
        keys = {"InitiatorName": self.initiator}
        if discovery:
            keys["SessionType"] = "Discovery"
        else:
            keys["SessionType"] = "Normal"
            keys["TargetName"] = self.target
        return keys


CHAP_HASHES = {5: hashlib.md5, 6: hashlib.sha1, 7: hashlib.sha256,
               8: hashlib.sha3_256}


def chap_response(algorithm, identifier, secret, challenge):
    """RFC 1994: hash of identifier, secret and challenge."""
    return CHAP_HASHES[algorithm](
        bytes([identifier & 255]) + secret + challenge).digest()


def binary_value(value):
    """A hex or base64 constant (RFC 7143 6.1) as bytes."""
    if value[:2].lower() == "0b":
        return base64.b64decode(value[2:])
    if value[:2].lower() != "0x":
        raise Wrong("binary value %r has no prefix" % value[:40])
    digits = value[2:]
    return bytes.fromhex("0" * (len(digits) % 2) + digits)


class Login(Connection):
    """A connection in the login phase: one ITT, one ISID, one CID."""

    def __init__(self, address, identity, tsih=0, cid=0, **kwargs):
        super().__init__(address, **kwargs)
        self.identity, self.tsih, self.cid = identity, tsih, cid
        self.itt, self.cmdsn, self.expstatsn = 0x10, 1, 0
        self.csg = SECURITY
        self.answers = {}

    def request(self, keys=b"", csg=None, nsg=OPERATIONAL, transit=True,
                more=False):
        csg = self.csg if csg is None else csg
        flags = csg << 2 | (nsg if transit else 0)
        flags |= (T if transit else 0) | (C if more else 0)
        pdu = Pdu(LOGIN, immediate=True, flags=flags, data=text(keys))
        pdu.isid, pdu.tsih, pdu.cid = self.identity.isid, self.tsih, self.cid
        pdu.itt, pdu.cmdsn = self.itt, self.cmdsn
        pdu.expstatsn = self.expstatsn
        return pdu

    def exchange(self, pdu):
        """Send, and receive one answer that must be a PDU."""
        self.send(pdu)
        answer = self.recv()
        if answer.opcode == LOGIN_RESPONSE:
            self.expstatsn = answer.statsn + 1
            self.answers.update(pairs(answer.data))
            if (answer.status_word >> 16) == 0 and answer.flags & T:
                self.csg = answer.flags & 3
                self.tsih = answer.tsih or self.tsih
        return answer

    def need(self, pdu):
        """Exchange, and anything but success is Wrong."""
        answer = self.exchange(pdu)
        if answer.label() != "LS 0000":
            raise Refused(answer.label())
        return answer

    def pass_security(self, discovery=False, extra=()):
        """The whole security stage as it should be, to the operational."""
        keys = list(self.identity.leading_keys(discovery).items())
        method = "CHAP,None" if self.identity.user else "None"
        keys += [("AuthMethod", method), *extra]
        if method == "None":
            self.need(self.request(keys))
        else:
            answer = self.need(self.request(keys, transit=False))
            if dict(pairs(answer.data)).get("AuthMethod") == "CHAP":
                self.chap()
            else:
                self.need(self.request())
        if self.csg != OPERATIONAL:
            raise Wrong("target stays in stage %d" % self.csg)

    def challenge(self, algorithms="5"):
        """Ask for CHAP; returns algorithm, identifier, challenge."""
        answer = self.need(self.request(
            {"CHAP_A": algorithms}, transit=False))
        keys = dict(pairs(answer.data))
        if not {"CHAP_A", "CHAP_I", "CHAP_C"} <= set(keys):
            raise Wrong("no challenge in %s" % sorted(keys))
        return (int(keys["CHAP_A"], 0), int(keys["CHAP_I"], 0),
                binary_value(keys["CHAP_C"]))

    def chap(self):
        algorithm, identifier, challenge = self.challenge("5")
        response = chap_response(
            algorithm, identifier, self.identity.secret, challenge)
        self.need(self.request({"CHAP_N": self.identity.user,
                                "CHAP_R": "0x" + response.hex()}))

    def pass_operational(self, keys=()):
        """To the full feature phase; more rounds when the target wants."""
        answer = self.need(self.request(keys, nsg=FULL_FEATURE))
        rounds = 0
        while not answer.flags & T:
            rounds += 1
            if rounds > 8:
                raise Wrong("target never leaves the operational stage")
            answer = self.need(self.request(nsg=FULL_FEATURE))
        return answer


# -- sessions ----------------------------------------------------------------

# What a session of the tests offers unless a case wants otherwise.
USUAL_KEYS = {
    "HeaderDigest": "None", "DataDigest": "None",
    "MaxRecvDataSegmentLength": "262144",
    "InitialR2T": "Yes", "ImmediateData": "Yes",
    "MaxBurstLength": "262144", "FirstBurstLength": "65536",
    "MaxOutstandingR2T": "1", "MaxConnections": "1",
    "DataPDUInOrder": "Yes", "DataSequenceInOrder": "Yes",
    "DefaultTime2Wait": "2", "DefaultTime2Retain": "0",
    "ErrorRecoveryLevel": "0",
}


class Session:
    """Full feature phase.  Answers to NOP-In pings by itself."""

    def __init__(self, login, lun, keys):
        self.conn, self.lun = login, lun
        self.isid, self.tsih = login.identity.isid, login.tsih
        self.cid = login.cid
        self.cmdsn, self.expstatsn = login.cmdsn, login.expstatsn
        self.maxcmdsn = None
        self.next_itt = 0x1000
        self.answers = login.answers
        self.keys = dict(keys)
        self.r2ts = []
        self.data_in = {}           # ITT: bytearray as it arrived
        self.datasn = {}
        self.expected_in = {}       # ITT: EDTL of reads
        login.recv_data_max = int(
            self.keys.get("MaxRecvDataSegmentLength", LOGIN_BYTES_MAX))
        login.header_digest = self.agreed("HeaderDigest", "None") == "CRC32C"
        login.data_digest = self.agreed("DataDigest", "None") == "CRC32C"

    def agreed(self, key, default):
        return self.answers.get(key, default)

    def agreed_number(self, key, default):
        value = self.answers.get(key, "")
        return int(value) if value.isdecimal() else default

    @property
    def target_data_max(self):
        """The target's MaxRecvDataSegmentLength."""
        return self.agreed_number("MaxRecvDataSegmentLength", 8192)

    # Requests, ready to be bent and sent.

    def number(self, pdu, immediate=False):
        """Give it ITT, CmdSN, ExpStatSN."""
        pdu.itt, self.next_itt = self.next_itt, self.next_itt + 1
        pdu.cmdsn, pdu.expstatsn = self.cmdsn, self.expstatsn
        if immediate:
            pdu.byte0 |= 0x40
        else:
            self.cmdsn = self.cmdsn + 1 & 0xFFFFFFFF
        return pdu

    def command(self, cdb, edtl=0, flags=0, data=b"", lun=None, ahs=b"",
                immediate=False, final=True, attr=1):
        pdu = Pdu(COMMAND, flags=flags | (F if final else 0) | attr,
                  data=data, ahs=ahs)
        pdu.lun = self.lun if lun is None else lun
        self.number(pdu, immediate)
        pdu.edtl, pdu.cdb = edtl, cdb
        if flags & READ:
            self.expected_in[pdu.itt] = edtl
        return pdu

    def data_out(self, command, offset, data, ttt=NO_TAG, datasn=0,
                 final=True):
        pdu = Pdu(DATA_OUT, flags=F if final else 0, data=data)
        pdu.lun, pdu.itt, pdu.ttt = command.lun, command.itt, ttt
        pdu.expstatsn = self.expstatsn
        pdu.datasn, pdu.offset = datasn, offset
        return pdu

    def task(self, function, referenced=NO_TAG, lun=None, refcmdsn=0,
             immediate=True):
        pdu = Pdu(TASK, flags=F | function)
        pdu.lun = self.lun if lun is None else lun
        self.number(pdu, immediate)
        pdu.referenced_itt, pdu.refcmdsn = referenced, refcmdsn
        return pdu

    def nop(self, data=b"", immediate=True):
        pdu = self.number(Pdu(NOP_OUT, flags=F, data=data), immediate)
        pdu.lun, pdu.ttt = self.lun, NO_TAG
        return pdu

    def text(self, keys=b"", final=True, more=False, ttt=NO_TAG,
             immediate=True):
        pdu = Pdu(TEXT, flags=(F if final else 0) | (C if more else 0),
                  data=text(keys))
        self.number(pdu, immediate)
        pdu.ttt = ttt
        return pdu

    def logout(self, reason=0, cid=None, immediate=True):
        pdu = Pdu(LOGOUT, flags=F | reason)
        self.number(pdu, immediate)
        pdu.cid = self.cid if cid is None else cid
        return pdu

    def snack(self, kind, itt=NO_TAG, begrun=0, runlength=0):
        pdu = Pdu(SNACK, flags=F | kind)
        pdu.lun, pdu.itt, pdu.snack_tag = self.lun, itt, NO_TAG
        pdu.expstatsn = self.expstatsn
        pdu.begrun, pdu.runlength = begrun, runlength
        return pdu

    # Sending and receiving.

    def send(self, *pdus):
        """All in one write."""
        self.conn.send_raw(b"".join(
            p.encode(self.conn.header_digest, self.conn.data_digest)
            for p in pdus))

    def recv(self, timeout=None):
        """The next PDU that is no ping, checked and counted."""
        while True:
            pdu = self.conn.recv(timeout)
            self._count(pdu)
            if pdu.opcode == NOP_IN and pdu.itt == NO_TAG:
                if pdu.ttt != NO_TAG:
                    self._answer_ping(pdu)
                continue
            if pdu.opcode == DATA_IN:
                self._take_data_in(pdu)
            if pdu.opcode == R2T:
                self.r2ts.append(pdu)
            return pdu

    def _count(self, pdu):
        op = pdu.opcode
        if op == DATA_IN and not pdu.flags & 1:
            has_statsn = False
        else:
            has_statsn = op != R2T and not (op == NOP_IN and
                                            pdu.itt == NO_TAG)
        if has_statsn:
            if pdu.statsn != self.expstatsn:
                raise Wrong("StatSN %08x in %s, %08x was next"
                            % (pdu.statsn, pdu.name, self.expstatsn))
            self.expstatsn = self.expstatsn + 1 & 0xFFFFFFFF
        after = pdu.maxcmdsn
        if self.maxcmdsn is not None and (
                after - self.maxcmdsn & 0xFFFFFFFF) >= 1 << 31:
            raise Wrong("MaxCmdSN moved back from %08x to %08x"
                        % (self.maxcmdsn, after))
        self.maxcmdsn = after
        self.target_expcmdsn = pdu.expcmdsn

    def _answer_ping(self, ping):
        pdu = Pdu(NOP_OUT, immediate=True, flags=F)
        pdu.lun, pdu.itt, pdu.ttt = ping.lun, NO_TAG, ping.ttt
        pdu.cmdsn, pdu.expstatsn = self.cmdsn, self.expstatsn
        self.send(pdu)

    def _take_data_in(self, pdu):
        room = self.expected_in.get(pdu.itt)
        if room is None:
            raise Wrong("Data-In for a command that reads nothing")
        got = self.data_in.setdefault(pdu.itt, bytearray())
        if pdu.datasn != self.datasn.get(pdu.itt, 0):
            raise Wrong("DataSN %d, %d was next"
                        % (pdu.datasn, self.datasn.get(pdu.itt, 0)))
        self.datasn[pdu.itt] = pdu.datasn + 1
        if pdu.offset != len(got):
            raise Wrong("Data-In offset %d, %d was next"
                        % (pdu.offset, len(got)))
        if len(got) + len(pdu.data) > room:
            raise Wrong("Data-In of %d bytes, EDTL is %d"
                        % (len(got) + len(pdu.data), room))
        got += pdu.data

    def status(self, command, timeout=None):
        """Read until this command has its status; other PDUs are Wrong.
        Returns the SCSI Response or the Data-In with status."""
        while True:
            pdu = self.recv(timeout)
            if pdu.opcode == R2T:
                continue
            if pdu.opcode == DATA_IN and pdu.itt == command.itt:
                if pdu.flags & 1:
                    return pdu
                continue
            if pdu.opcode == RESPONSE and pdu.itt == command.itt:
                return pdu
            raise Wrong("%s instead of a SCSI Response" % pdu.label())

    def run(self, cdb, edtl=0, flags=0, data=b"", lun=None):
        """A whole command as it should be: (label, Data-In, response).
        Data that does not go as immediate data follows R2Ts."""
        first = data
        if not (self.agreed("ImmediateData", "Yes") == "Yes"):
            first = b""
        limit = min(self.target_data_max,
                    self.agreed_number("FirstBurstLength", 65536))
        first = first[:limit]
        command = self.command(cdb, edtl, flags, first, lun=lun)
        self.r2ts.clear()
        self.send(command)
        while True:
            pdu = self.recv()
            if pdu.opcode == R2T and pdu.itt == command.itt:
                self._serve_r2t(command, pdu, data)
            elif pdu.opcode == RESPONSE or pdu.flags & 1:
                break
            elif pdu.opcode != DATA_IN:
                raise Wrong("%s instead of a SCSI Response" % pdu.label())
        got = bytes(self.data_in.pop(command.itt, b""))
        self.expected_in.pop(command.itt, None)
        return pdu.label(), got, pdu

    def _serve_r2t(self, command, r2t, data):
        at, end, datasn = r2t.offset, r2t.offset + r2t.r2t_length, 0
        if end > len(data):
            raise Wrong("R2T for %d..%d of %d bytes" % (at, end, len(data)))
        while at < end:
            piece = data[at:min(end, at + self.target_data_max)]
            self.send(self.data_out(
                command, at, piece, r2t.ttt, datasn,
                final=at + len(piece) == end))
            at, datasn = at + len(piece), datasn + 1

    def ping(self, timeout=None):
        """A NOP-Out and its NOP-In; other PDUs before it are Wrong."""
        nop = self.nop(b"ping")
        self.send(nop)
        pdu = self.recv(timeout)
        if pdu.opcode != NOP_IN or pdu.itt != nop.itt or pdu.data != b"ping":
            raise Wrong("%s instead of the NOP-In" % pdu.label())

    def idle(self):
        """Answer the pings that came while nothing was going on."""
        while self.conn.has_input():
            pdu = self.conn.recv()
            self._count(pdu)
            if pdu.opcode == ASYNC:
                continue
            if pdu.opcode != NOP_IN or pdu.itt != NO_TAG:
                raise Wrong("%s, and nothing was asked" % pdu.label())
            if pdu.ttt != NO_TAG:
                self._answer_ping(pdu)

    def close(self):
        self.conn.close()


# -- CDBs --------------------------------------------------------------------


def read10(lba, blocks):
    return struct.pack(">BBIBHB", 0x28, 0, lba, 0, blocks, 0)


def write10(lba, blocks):
    return struct.pack(">BBIBHB", 0x2A, 0, lba, 0, blocks, 0)


def read16(lba, blocks):
    return struct.pack(">BBQIBB", 0x88, 0, lba, blocks, 0, 0)


def write16(lba, blocks):
    return struct.pack(">BBQIBB", 0x8A, 0, lba, blocks, 0, 0)


TEST_UNIT_READY = bytes(6)


def inquiry(allocation=96, page=None):
    return struct.pack(">BBBHB", 0x12, 0 if page is None else 1,
                       page or 0, allocation, 0)
