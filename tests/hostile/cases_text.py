"""Text requests, discovery sessions, and what does not belong there
(RFC 7143 6.2, 11.10, 11.11, Appendix C).
"""

import random

from harness import case, expect, outcome, REJECTED
from iscsi import (
    Closed, DATA_OUT, F, inquiry, NO_TAG, pairs, Pdu, READ, read10,
    TEST_UNIT_READY, TEXT_RESPONSE, WRITE, write10, Wrong)

TEXT = "TEXT RESPONSE"


def ask(s, keys=b"", **kwargs):
    """One text request and its answer."""
    s.send(s.text(keys, **kwargs))
    return s.recv()


def names(pdu):
    return [v for k, v in pairs(pdu.data) if k == "TargetName"]


# -- SendTargets -------------------------------------------------------------


# [RFC7143 4.3-1, C-2, C-5, C-6]
@case
def send_targets_all_in_discovery(t):
    """F40, RFC 7143 Appendix C: so that the refusals below mean something."""
    pdu = ask(t.session(discovery=True), {"SendTargets": "All"})
    if t.name not in names(pdu):
        raise Wrong("%s without our target" % pdu.label())
    return "%d targets" % len(names(pdu))


# [RFC7143 11.11.6-1]
@case
def send_targets_in_segments_of_512_bytes(t):
    """F40, RFC 7143 6.2: the answer keeps to what we declared, in parts with
    C and a valid TTT if need be."""
    s = t.session({"MaxRecvDataSegmentLength": "512"}, discovery=True)
    request = s.text({"SendTargets": "All"})
    s.send(request)
    data, parts = b"", 0
    while True:
        pdu = s.recv()
        data, parts = data + pdu.data, parts + 1
        expect(pdu.label(), TEXT)
        if pdu.flags & F:
            break
        if pdu.ttt == NO_TAG:
            raise Wrong("more to come, but TTT is ffffffff")
        again = s.text(ttt=pdu.ttt)
        again.itt = request.itt
        s.send(again)
    if t.name.encode() not in data:
        raise Wrong("our target is not named")
    return "%d parts" % parts


# [RFC7143 C-4, C-9]
@case
def send_targets_of_its_own_in_a_normal_session(t):
    """F40, RFC 7143 Appendix C: an empty value asks for this target."""
    pdu = ask(t.session(), {"SendTargets": ""})
    if pdu.opcode == TEXT_RESPONSE and set(names(pdu)) != {t.name}:
        raise Wrong("names %s" % names(pdu))
    return expect(pdu.label(), TEXT)


# [RFC7143 C-6]
@case
def send_targets_all_in_a_normal_session(t):
    """F40, RFC 7143 Appendix C: All must not be supported there."""
    pdu = ask(t.session(), {"SendTargets": "All"})
    if pdu.opcode == TEXT_RESPONSE and names(pdu):
        raise Wrong("names %s" % names(pdu))
    return expect(pdu.label(), TEXT, "RJ *")


# [RFC7143 C-7, C-10]
@case
def send_targets_of_names_that_do_not_exist(t):
    """F40, RFC 7143 Appendix C: unknown, too long, no names."""
    s = t.session(discovery=True)
    for name in ("iqn.1999-01.no:such", "x", "all", "*", "iqn." + "n" * 220,
                 "n" * 4000, "%s%n", "\xff\xfe", "All,All", t.name + "x",
                 t.name[:-1]):
        pdu = ask(s, {"SendTargets": name})
        expect(pdu.label(), TEXT, "RJ *")
        if pdu.opcode == TEXT_RESPONSE and names(pdu):
            raise Wrong("SendTargets=%s names %s" % (name[:40], names(pdu)))
    return "11 answered, nobody named"


@case
def send_targets_twice_in_one_request(t):
    """F40, RFC 7143 6.2: All and a name at once; answered once or rejected."""
    s = t.session(discovery=True)
    s.send(s.text([("SendTargets", "All"), ("SendTargets", t.name)]))
    return outcome(s, TEXT, *REJECTED)


@case
def send_targets_five_hundred_times(t):
    """F40, RFC 7143 11.10: one after the other, nothing piles up."""
    s = t.session(discovery=True)
    for _ in range(500):
        expect(ask(s, {"SendTargets": "All"}).label(), TEXT)
    return "500 answered"


# -- continuation ------------------------------------------------------------


@case
def continued_text_without_data(t):
    """F41, RFC 7143 11.10.2: C=1 and 0 bytes (it killed SPDK once)."""
    for discovery in (False, True):
        s = t.session(discovery=discovery)
        s.send(s.text(final=False, more=True))
        outcome(s, TEXT, *REJECTED)
    return "answered"


@case
def continued_text_without_data_and_without_end(t):
    """F41, RFC 7143 11.10.2: 2000 empty parts; answered or refused."""
    s = t.session()
    request = s.text(final=False, more=True)
    for n in range(2000):
        s.send(request)
        try:
            pdu = s.recv()
        except Closed:
            return "CLOSE after %d" % n
        label = expect(pdu.label(), TEXT, "RJ *")
        if label != TEXT:
            return "%s after %d" % (label, n)
        again = s.text(final=False, more=True, ttt=pdu.ttt)
        again.itt = request.itt
        request = again
    return "2000 answered"


@case
def continued_text_without_end(t):
    """F41, RFC 7143 6.2: full parts with C=1; refused within 2 MiB."""
    s = t.session()
    part = b"X-org.example.k=" + b"v" * 8000 + b"\0"
    ttt, itt = NO_TAG, None
    for n in range(1, 260):
        request = s.text(part, final=False, more=True, ttt=ttt)
        itt = itt or request.itt
        request.itt = itt
        s.send(request)
        try:
            pdu = s.recv()
        except Closed:
            return "CLOSE after %d KiB" % (8 * n)
        label = expect(pdu.label(), TEXT, "RJ *")
        if label != TEXT:
            return "%s after %d KiB" % (label, 8 * n)
        ttt = pdu.ttt
    raise Wrong("2 MiB of text taken")


@case
def continued_text_is_put_together(t):
    """F41, RFC 7143 6.2: SendTargets=All in two parts, cut inside the key."""
    s = t.session(discovery=True)
    request = s.text(b"SendTar", final=False, more=True)
    s.send(request)
    pdu = s.recv()
    expect(pdu.label(), TEXT)
    if pdu.data:
        raise Wrong("%d bytes of answer to half a key" % len(pdu.data))
    again = s.text(b"gets=All\0", ttt=pdu.ttt)
    again.itt = request.itt
    s.send(again)
    pdu = s.recv()
    if t.name not in names(pdu):
        raise Wrong("%s without our target" % pdu.label())
    return "named"


@case
def f_and_c_in_one_text_request(t):
    """F41, RFC 7143 11.10.2: C=1 demands F=0."""
    s = t.session()
    s.send(s.text({"SendTargets": ""}, final=True, more=True))
    return outcome(s, TEXT, *REJECTED)


@case
def text_that_is_not_final_and_not_continued(t):
    """F41, RFC 7143 11.10.1: F=0, C=0: the target answers with a TTT."""
    s = t.session()
    s.send(s.text({"SendTargets": ""}, final=False))
    return outcome(s, TEXT, *REJECTED)


@case
def transfer_tag_that_was_never_given(t):
    """F41, RFC 7143 11.10.4: TTTs out of thin air."""
    seen = []
    for ttt in (0, 1, 0x12345678, 0xFFFFFFFE):
        s = t.session()
        s.send(s.text({"SendTargets": ""}, ttt=ttt))
        seen.append(outcome(s, TEXT, *REJECTED))
    return ", ".join(seen)


@case
def transfer_tag_is_wrong_in_a_continuation(t):
    """F41, RFC 7143 11.10.4: the second part names another TTT."""
    s = t.session(discovery=True)
    request = s.text(b"SendTar", final=False, more=True)
    s.send(request)
    pdu = s.recv()
    expect(pdu.label(), TEXT)
    again = s.text(b"gets=All\0", ttt=pdu.ttt ^ 0x10)
    again.itt = request.itt
    s.send(again)
    return outcome(s, TEXT, *REJECTED)


@case
def task_tag_changes_in_a_continuation(t):
    """F41, RFC 7143 11.10.3: the second part has another ITT."""
    s = t.session(discovery=True)
    s.send(s.text(b"SendTar", final=False, more=True))
    pdu = s.recv()
    expect(pdu.label(), TEXT)
    s.send(s.text(b"gets=All\0", ttt=pdu.ttt))
    return outcome(s, TEXT, *REJECTED)


@case
def continuation_is_begun_anew(t):
    """F41, RFC 7143 11.10.4: TTT ffffffff in the middle resets; what follows
    is an exchange of its own."""
    s = t.session(discovery=True)
    s.send(s.text(b"SendTar", final=False, more=True))
    expect(s.recv().label(), TEXT)
    s.send(s.text({"SendTargets": "All"}))
    return outcome(s, TEXT, *REJECTED)


@case
def two_text_exchanges_at_once(t):
    """F41, RFC 7143 11.10: one is in progress, another begins."""
    s = t.session(discovery=True)
    s.send(s.text(b"SendTar", final=False, more=True),
           s.text({"SendTargets": "All"}), s.text({"SendTargets": "All"}))
    return outcome(s, TEXT, *REJECTED)


@case
def answer_is_not_fetched(t):
    """F41, RFC 7143 11.11: a long answer is begun and left, 50 times."""
    s = t.session({"MaxRecvDataSegmentLength": "512"}, discovery=True)
    for _ in range(50):
        expect(ask(s, {"SendTargets": "All"}).label(), TEXT, "RJ *")
    return "50 begun"


# -- keys in full feature phase ----------------------------------------------


# [RFC7143 6.3-6, 6.4-6]
@case
def login_keys_in_the_full_feature_phase(t):
    """F18, RFC 7143 13: what is settled at login is not negotiable later."""
    for key, value in (("MaxBurstLength", "512"), ("HeaderDigest", "CRC32C"),
                       ("ErrorRecoveryLevel", "2"), ("InitialR2T", "No"),
                       ("MaxConnections", "4"), ("AuthMethod", "None"),
                       ("SessionType", "Discovery"), ("CHAP_A", "5"),
                       ("MaxOutstandingR2T", "8"),
                       ("InitiatorName", "iqn.1999-01.some:body"),
                       ("TargetName", "iqn.1999-01.some:disk")):
        s = t.session()
        s.send(s.text({key: value}))
        outcome(s, TEXT, *REJECTED)
        if not s.conn.is_closed:
            t.read(s, 0, 8)
    return "11 keys, the session reads as before"


@case
def segment_size_is_declared_anew(t):
    """F21, RFC 7143 13.12: MaxRecvDataSegmentLength may change; answers keep
    to the larger of both until it is known which holds."""
    s = t.session({"MaxRecvDataSegmentLength": "65536"})
    expect(ask(s, {"MaxRecvDataSegmentLength": "4096"}).label(), TEXT, "RJ *")
    t.fill(s, 50, 64, 0x2D)
    t.must_hold(s, 50, 64, 0x2D)
    return "read after the change"


@case
def strange_segment_sizes_are_declared(t):
    """F21, RFC 7143 13.12: 0, 511, 2^24, words; the session still reads."""
    for value in ("0", "1", "511", "16777216", "4294967296", "-1", "",
                  "abc", "0x", "99999999999999999999"):
        s = t.session({"MaxRecvDataSegmentLength": "65536"})
        s.send(s.text({"MaxRecvDataSegmentLength": value}))
        outcome(s, TEXT, *REJECTED)
        if not s.conn.is_closed:
            t.fill(s, 50, 16, 0x2E)
            t.must_hold(s, 50, 16, 0x2E)
    return "10 values"


@case
def unknown_keys_in_text(t):
    """F19, RFC 7143 6.2: NotUnderstood, in bounds."""
    s = t.session()
    pdu = ask(s, {"X-org.example.k": "v"})
    if pdu.opcode == TEXT_RESPONSE and dict(pairs(pdu.data)).get(
            "X-org.example.k") != "NotUnderstood":
        raise Wrong("answered %r" % pdu.data[:60])
    return expect(pdu.label(), TEXT, "RJ *")


@case
def two_thousand_unknown_keys_in_text(t):
    """F19, RFC 7143 6.2: 8 KiB in, 32 KiB out if one lets it."""
    s = t.session({"MaxRecvDataSegmentLength": "8192"})
    s.send(s.text(b"a=b\0" * 2048))
    return outcome(s, TEXT, *REJECTED)


@case
def text_that_is_no_pair(t):
    """F18, RFC 7143 6.1: no "=", no key, no NUL, only NULs, 8192 letters."""
    for data in (b"SendTargets\0", b"=All\0", b"=\0", b"SendTargets=All",
                 bytes(64), b"X" * 8192, b"k" * 64 + b"=v\0",
                 b"Send\0Targets=All\0", b"\xff" * 100):
        for discovery in (False, True):
            s = t.session(discovery=discovery)
            s.send(s.text(data))
            outcome(s, TEXT, *REJECTED)
    return "18 answered"


@case
def empty_text(t):
    """F41, RFC 7143 11.10: F=1 and no data."""
    s = t.session()
    s.send(s.text())
    return outcome(s, TEXT, *REJECTED)


@case
def random_text_requests(t):
    """F18, RFC 7143 11.10: 300 deterministic mixtures, flags and all."""
    s = t.session(discovery=True)
    words = [b"SendTargets", b"=", b"All", b"\0", b"\0", b"X-a", b"\xff",
             b"MaxRecvDataSegmentLength", b"512", b"NotUnderstood", b","]
    for _ in range(300):
        data = b"".join(random.choice(words)
                        for _ in range(random.randrange(0, 40)))
        pdu = s.text(data, immediate=random.random() < 0.5)
        pdu.flags = random.choice((0x80, 0x00, 0x40, 0xC0, 0xFF))
        s.send(pdu)
        seen = outcome(s, TEXT, *REJECTED)
        if s.conn.is_closed:
            s = t.session(discovery=True)
        elif seen.startswith("RJ") and not pdu.byte0 & 0x40:
            s.cmdsn = pdu.cmdsn     # not received, 11.17
    return "300 answered"


@case
def flood_of_text_requests(t):
    """F42, RFC 7143 4.2.2.1: 300 immediate ones in a row, read late."""
    s = t.session(discovery=True)
    s.send(*[s.text({"SendTargets": "All"}) for _ in range(300)])
    tally = {}
    for _ in range(300):
        try:
            label = expect(s.recv().label(), TEXT, "RJ *")
        except Closed:
            return "CLOSE after %s" % tally
        tally[label] = tally.get(label, 0) + 1
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


# -- discovery sessions ------------------------------------------------------


def in_discovery(t, make, *wanted):
    s = t.session(discovery=True)
    pdu = make(s)
    s.expected_in.clear()       # data would be Wrong
    s.send(pdu)
    return outcome(s, *wanted)


# [RFC7143 4.3-2]
@case
def scsi_commands_in_a_discovery_session(t):
    """F40, RFC 7143 4.3: no LUN is reachable from there."""
    seen = []
    for cdb, edtl, flags, data in (
            (TEST_UNIT_READY, 0, 0, b""), (inquiry(), 96, READ, b""),
            (read10(0, 1), t.block_bytes, READ, b""),
            (write10(0, 1), t.block_bytes, WRITE, bytes(t.block_bytes))):
        seen.append(in_discovery(
            t, lambda s: s.command(cdb, edtl, flags, data), *REJECTED))
    return ", ".join(seen)


# [RFC7143 4.3-2]
@case
def task_requests_in_a_discovery_session(t):
    """F40, RFC 7143 4.3: nothing to abort, nothing to reset."""
    seen = []
    for function in (1, 2, 5):
        seen.append(in_discovery(
            t, lambda s: s.task(function), "TMF 1", "TMF 2", "TMF 5",
            "TMF 6", "TMF 255", *REJECTED))
    return ", ".join(seen)


# [RFC7143 4.3-2]
@case
def data_out_in_a_discovery_session(t):
    """F40, RFC 7143 4.3: data for nobody."""
    def make(s):
        pdu = Pdu(DATA_OUT, flags=F, data=bytes(512))
        pdu.itt, pdu.ttt, pdu.expstatsn = 5, NO_TAG, s.expstatsn
        return pdu
    return in_discovery(t, make, "SILENCE", *REJECTED)


# [RFC7143 7.4.3-1]
@case
def ping_in_a_discovery_session(t):
    """F40, RFC 7143 4.3: a NOP-Out is answered or rejected."""
    return in_discovery(t, lambda s: s.nop(b"x"), "NOP-IN", *REJECTED)


# [RFC7143 4.3-2]
@case
def snack_in_a_discovery_session(t):
    """F40, RFC 7143 11.16: nothing to be sent again."""
    return in_discovery(t, lambda s: s.snack(0), *REJECTED)


# [RFC7143 4.3-1]
@case
def logout_in_a_discovery_session(t):
    """F40, RFC 7143 11.14.1: reason 0 closes it."""
    s = t.session(discovery=True)
    s.send(s.logout(0))
    expect(s.recv().label(), "LOGOUT 0")
    if not s.conn.wait_closed():
        raise Wrong("left open")
    return "LOGOUT 0, CLOSE"


@case
def discovery_with_a_target_name(t):
    """F40, RFC 7143 13.4: TargetName in a discovery login is not needed; taken
    or refused."""
    login = t.start()
    keys = dict(login.identity.leading_keys(True), TargetName=t.name)
    keys["AuthMethod"] = "CHAP,None" if t.user else "None"
    return expect(login.exchange(login.request(keys)).label(),
                  "LS 0000", "LS 02*")


@case
def hundred_discovery_sessions_at_once(t):
    """F14, RFC 7143 4.3: each asks for everything and stays."""
    sessions = [t.session(discovery=True) for _ in range(100)]
    for s in sessions:
        s.send(s.text({"SendTargets": "All"}))
    for s in sessions:
        expect(s.recv().label(), TEXT)
    return "100 answered"
