"""Login: stages, versions, identities, and what is no login at all
(RFC 7143 6.3, 11.12, 11.13).
"""

import random
import time

from harness import answer, case, expect, outcome, REFUSED, REJECTED
from iscsi import (
    Closed, F, FULL_FEATURE, LOGIN, NO_TAG, OPCODE_NAMES, OPERATIONAL, Pdu,
    READ, read10, Refused, REQUESTS, SECURITY, Session, Silent, T,
    TEST_UNIT_READY, text, USUAL_KEYS, WRITE, write10, Wrong)

ANY_LOGIN = ("LS *", "RJ *", "CLOSE")


def leading(target, extra=(), drop=()):
    """The keys of a first request, some changed or left out."""
    keys = target.identity().leading_keys()
    keys["AuthMethod"] = "CHAP,None" if target.user else "None"
    for key in drop:
        del keys[key]
    return text(keys) + text(list(extra))


def security(target, data, **kwargs):
    """Send one first request with this data: the answer's label."""
    login = target.start()
    login.send(login.request(data, **kwargs))
    return answer(login)


def operational(target, data, **kwargs):
    login = target.at_operational()
    login.send(login.request(data, nsg=FULL_FEATURE, **kwargs))
    return answer(login)


def changed_leading(target, key, value):
    """The first request with one key's value changed."""
    keys = target.identity().leading_keys()
    keys["AuthMethod"] = "CHAP,None" if target.user else "None"
    keys[key] = value
    return security(target, text(keys))


def whole_login(login):
    """Go on to the full feature phase: "LS 0000" when it is reached, else the
    refusal.  A target may say no in any answer up to the last."""
    # Keys of the whole session belong to its first connection (13).
    keys = {} if login.tsih else USUAL_KEYS
    try:
        login.pass_security()
        login.pass_operational(keys)
    except Refused as e:
        return e.args[0]
    except Closed:
        return "CLOSE"
    return "LS 0000"


# -- stages and bits ---------------------------------------------------------


# [RFC7143 9.2-11]
@case(needs="chap")
def full_feature_is_asked_for_without_authentication(t):
    """F22, RFC 7143 6.3.2: 0 to 3 with AuthMethod=None where CHAP is needed."""
    keys = t.identity().leading_keys()
    keys["AuthMethod"] = "None"
    return expect(security(t, text(keys), nsg=FULL_FEATURE), *REFUSED)


@case(needs="chap")
def operational_stage_first_does_not_go_around_chap(t):
    """F22, RFC 7143 6.3: CSG=1 in the first request of a CHAP portal."""
    return expect(security(t, text(t.identity().leading_keys()),
                           csg=OPERATIONAL, nsg=FULL_FEATURE), *REFUSED)


@case(needs="chap")
def operational_stage_after_authmethod_does_not_go_around_chap(t):
    """F22, RFC 7143 6.3: AuthMethod=CHAP agreed, then CSG=1 without CHAP."""
    login = t.start()
    login.need(login.request(leading(t), transit=False))
    login.send(login.request(csg=OPERATIONAL, nsg=FULL_FEATURE))
    return expect(answer(login), *REFUSED)


@case(needs="chap")
def transit_is_not_granted_before_chap_is_done(t):
    """F22, RFC 7143 6.3: T=1 with AuthMethod=CHAP; the answer has T=0."""
    login = t.start()
    got = login.exchange(login.request(leading(t), nsg=FULL_FEATURE))
    if got.label() == "LS 0000" and got.flags & T:
        raise Wrong("transit to stage %d granted" % (got.flags & 3))
    return expect(got.label(), "LS 0000", *REFUSED)


@case(needs="open")
def security_to_full_feature_in_one_step_is_legal(t):
    """F22, RFC 7143 6.3: 0 to 3 without authentication."""
    login = t.start()
    got = login.exchange(login.request(leading(t), nsg=FULL_FEATURE))
    return expect(got.label(), "LS 0000", *REFUSED)


# [RFC7143 6.3-4]
@case
def first_request_in_the_full_feature_stage(t):
    """F22, RFC 7143 11.12.3: CSG=3 is no stage of a login request."""
    return expect(security(t, leading(t), csg=3, nsg=3), *REFUSED)


@case
def first_request_in_the_reserved_stage_2(t):
    """F22, RFC 7143 11.12.3: CSG=2 is reserved."""
    return expect(security(t, leading(t), csg=2, nsg=3), *REFUSED)


@case
def transit_to_the_reserved_stage_2(t):
    """F22, RFC 7143 11.12.3: NSG=2 is reserved."""
    return expect(security(t, leading(t), nsg=2), *REFUSED)


@case
def transit_to_reserved_stage_2_from_operational(t):
    """F22, RFC 7143 11.12.3: NSG=2 is reserved, in the second stage too."""
    login = t.at_operational()
    login.send(login.request(nsg=2))
    return expect(answer(login), *REFUSED)


@case
def transit_to_the_same_stage(t):
    """F22, RFC 7143 11.12.3: CSG=NSG=0 with T=1; the target must not move."""
    login = t.start()
    got = login.exchange(login.request(leading(t), nsg=SECURITY))
    if got.label() == "LS 0000" and got.flags & T:
        raise Wrong("granted a transit from stage 0 to stage 0")
    return expect(got.label(), "LS 0000", *REFUSED)


# [RFC7143 6.3-5]
@case
def transit_backwards(t):
    """F22, RFC 7143 6.3: stages move forward only; CSG=1 NSG=0."""
    login = t.at_operational()
    login.send(login.request(nsg=SECURITY))
    return expect(answer(login), *REFUSED)


@case
def current_stage_falls_back_to_security(t):
    """F22, RFC 7143 6.3: the operational stage was reached, then CSG=0."""
    login = t.at_operational()
    login.send(login.request(leading(t), csg=SECURITY))
    return expect(answer(login), *REFUSED)


@case
def current_stage_runs_ahead_to_full_feature(t):
    """F22, RFC 7143 6.3: a request with CSG=3 in the operational stage."""
    login = t.at_operational()
    login.send(login.request(csg=3, nsg=3))
    return expect(answer(login), *REFUSED)


# [RFC7143 11.12.2-1t]
@case
def t_and_c_in_one_request(t):
    """F22, RFC 7143 11.12.2: C=1 demands T=0; it must not finish the login."""
    login = t.at_operational()
    got = login.exchange(login.request(nsg=FULL_FEATURE, more=True))
    if got.label() == "LS 0000" and got.flags & T:
        raise Wrong("login completed by a request with T and C")
    return expect(got.label(), "LS 0000", *REFUSED)


@case
def next_stage_without_transit_is_ignored(t):
    """F22, RFC 7143 11.12.3: NSG is reserved when T=0."""
    login = t.at_operational()
    pdu = login.request(transit=False)
    pdu.flags |= FULL_FEATURE
    got = login.exchange(pdu)
    if got.label() == "LS 0000" and got.flags & T:
        raise Wrong("transit without T")
    return expect(got.label(), "LS 0000", *REFUSED)


@case
def every_combination_of_the_flags_byte(t):
    """F22, RFC 7143 11.12: 256 values of byte 1, each answered or closed."""
    full = 0
    for flags in range(256):
        login = t.start()
        pdu = login.request(leading(t))
        pdu.flags = flags
        login.send(pdu)
        label = answer(login)
        expect(label, *ANY_LOGIN)
        full += label == "LS 0000"
        login.close()
    return "256 answered, %d with success" % full


@case
def reserved_bits_of_the_flags_byte_are_ignored(t):
    """F22, RFC 7143 11.12: bits 2 and 3 of byte 1 are reserved."""
    login = t.start()
    pdu = login.request(leading(t))
    pdu.flags |= 0x30
    login.send(pdu)
    return expect(answer(login), "LS 0000", *REFUSED)


@case
def login_without_the_immediate_bit(t):
    """F22, RFC 7143 11.12: the I bit of a Login Request is set."""
    login = t.start()
    pdu = login.request(leading(t))
    pdu.byte0 = LOGIN
    login.send(pdu)
    return expect(answer(login), "LS 0000", "RJ 04", *REFUSED)


# -- versions, ISID, TSIH, CID -----------------------------------------------


# [RFC7143 11.12.4.2-2]
@case
def only_version_1_is_offered(t):
    """F22, RFC 7143 11.12.4: Version-min 1 is more than we have."""
    login = t.start()
    pdu = login.request(leading(t))
    pdu.version_max = pdu.version_min = 1
    login.send(pdu)
    return expect(answer(login), "LS 0205", "CLOSE")


# [RFC7143 11.12.4.1-2, 11.13.1-1, 11.13.2-1]
@case
def versions_0_to_255_are_offered(t):
    """F22, RFC 7143 11.12.4: version 0 is among them."""
    login = t.start()
    pdu = login.request(leading(t))
    pdu.version_max = 255
    got = login.exchange(pdu)
    if got.label() == "LS 0000" and got.byte3:
        raise Wrong("Version-active %d" % got.byte3)
    return expect(got.label(), "LS 0000")


@case
def lowest_version_above_the_highest(t):
    """F22, RFC 7143 11.12.4: Version-min 1, Version-max 0."""
    login = t.start()
    pdu = login.request(leading(t))
    pdu.version_min = 1
    login.send(pdu)
    return expect(answer(login), *REFUSED)


# [RFC7143 11.12.6-4]
@case
def tsih_of_no_session(t):
    """F22, RFC 7143 6.3.1: a TSIH that nobody has."""
    return expect(whole_login(t.start(tsih=0x7777)), "LS 020a", "CLOSE")


# [RFC7143 4.4.3-1, 11.12.6-4]
@case
def tsih_of_a_session_with_another_isid(t):
    """F22, RFC 7143 6.3.1: TSIH lives, ISID differs."""
    s = t.session()
    words = expect(whole_login(t.start(tsih=s.tsih)), "LS 020a", "CLOSE")
    s.ping()
    return words


@case
def second_connection_where_one_is_the_maximum(t):
    """F22, RFC 7143 6.3.1, 13.2: MaxConnections=1, TSIH and ISID are right."""
    s = t.session({"MaxConnections": "1"})
    identity = t.identity(isid=s.isid)
    login = t.start(identity, tsih=s.tsih, cid=7)
    words = expect(whole_login(login), *REFUSED)
    s.ping()
    return words


@case
def connection_is_reinstated_at_erl_0(t):
    """F37, RFC 7143 6.3.4: same TSIH, ISID and CID; done or refused, but only
    one of the two connections lives afterwards."""
    s = t.session()
    login = t.start(t.identity(isid=s.isid), tsih=s.tsih, cid=s.cid)
    words = whole_login(login)
    if words != "LS 0000":
        s.ping()
        return expect(words, *REFUSED)
    if not s.conn.wait_closed():
        raise Wrong("old and new connection both live")
    new = Session(login, t.lun, USUAL_KEYS)
    new.ping()
    return "reinstated, old connection closed"


# [RFC7143 6.3.5-1, 7.1.5-3, 7.15-2]
@case
def session_is_reinstated(t):
    """F36, RFC 7143 6.3.5: same ISID, TSIH 0; the old session ends first."""
    s = t.session()
    new = t.session(identity=t.identity(isid=s.isid))
    if not s.conn.wait_closed():
        raise Wrong("old session still has its connection")
    new.ping()
    return "old connection closed"


# [RFC7143 7.14-2]
@case
def session_is_reinstated_with_writes_in_flight(t):
    """F36, RFC 7143 6.3.5: its tasks end before the login completes."""
    s = t.session({"ImmediateData": "No"})
    t.fill(s, 100, 16, 0x11)
    for i in range(8):
        s.send(s.command(write10(100 + 2 * i, 2), 2 * t.block_bytes, WRITE))
    new = t.session(identity=t.identity(isid=s.isid))
    t.must_hold(new, 100, 16, 0x11)
    if not s.conn.wait_closed():
        raise Wrong("old session still has its connection")
    return "eight writes ended, nothing written"


@case
def session_is_reinstated_two_hundred_times(t):
    """F36, RFC 7143 6.3.5: nothing piles up."""
    isid = b"\x80HOSTI"
    for _ in range(200):
        login = t.at_operational(identity=t.identity(isid=isid))
        login.pass_operational(USUAL_KEYS)
        t.opened[:-2] = []
    return "200 logins with one ISID"


@case
def reinstatement_during_login(t):
    """F36, RFC 7143 6.3.5: two half-done logins with one ISID, both go on."""
    one = t.start(t.identity(isid=b"\x80HALF."))
    two = t.start(t.identity(isid=b"\x80HALF."))
    for login in (one, two):
        login.pass_security()
    ends = []
    for login in (one, two):
        try:
            login.pass_operational(USUAL_KEYS)
            ends.append("in")
        except (Refused, Closed):
            ends.append("refused")
    if "in" not in ends:
        raise Wrong("both logins were refused")
    if ends == ["in", "in"] and not one.wait_closed():
        raise Wrong("two sessions with one ISID")
    return ", ".join(ends)


@case
def session_of_another_initiator_is_not_taken_over(t):
    """F22, RFC 7143 6.3.1: ISID and TSIH of the witness, our own name."""
    w = t.witness.session
    for tsih, cid in ((w.tsih, w.cid), (w.tsih, 9), (0, w.cid)):
        login = t.start(t.identity(isid=w.isid), tsih=tsih, cid=cid)
        expect(whole_login(login), *(REFUSED if tsih else ANY_LOGIN))
        login.close()
    t.witness.check()
    return "refused, the witness still has it"


# [RFC7143 11.12.6-4]
@case
def every_tsih_near_the_real_one(t):
    """F22, RFC 7143 6.3.1: 64 handles around a living session's."""
    s = t.session()
    for delta in range(-32, 32):
        tsih = s.tsih + delta & 0xFFFF
        if tsih == 0:
            continue
        login = t.start(tsih=tsih)
        expect(whole_login(login), *REFUSED)
        login.close()
    s.ping()
    return "63 refused"


@case
def isid_types_of_all_kinds(t):
    """F22, RFC 7143 11.12.5: T bits 00, 01, 10 and the reserved 11."""
    seen = []
    for first in (0x00, 0x40, 0x80, 0xC0):
        login = t.start(t.identity(isid=bytes([first, 1, 2, 3, 4, 5])))
        login.send(login.request(leading(t)))
        seen.append(expect(answer(login), "LS 0000", *REFUSED))
    return ", ".join(seen)


def changed_in_second_request(t, change):
    login = t.at_operational()
    pdu = login.request(nsg=FULL_FEATURE)
    change(pdu)
    login.send(pdu)
    return answer(login)


@case
def isid_changes_during_login(t):
    """F22, RFC 7143 11.12.5: it is part of the session's name."""
    def change(pdu):
        pdu.isid = b"\x80other"
    return expect(changed_in_second_request(t, change), *REFUSED)


# [RFC7143 11.12.6-3t]
@case
def tsih_changes_during_login(t):
    """F22, RFC 7143 11.12.6: 0 first, then something else."""
    def change(pdu):
        pdu.tsih = 0x4321
    return expect(changed_in_second_request(t, change), *REFUSED)


@case
def cid_changes_during_login(t):
    """F22, RFC 7143 11.12.7: it belongs to the connection."""
    def change(pdu):
        pdu.cid = 0x4321
    return expect(changed_in_second_request(t, change), "LS 0000", *REFUSED)


@case
def itt_changes_during_login(t):
    """F22, RFC 7143 11.12: one task tag for one login."""
    def change(pdu):
        pdu.itt = 0x999
    return expect(changed_in_second_request(t, change), "LS 0000", *REFUSED)


@case
def cmdsn_changes_during_login(t):
    """F22, RFC 7143 11.12.8: requests of one login have one CmdSN."""
    def change(pdu):
        pdu.cmdsn += 1000
    return expect(changed_in_second_request(t, change), "LS 0000", *REFUSED)


@case
def expstatsn_is_nonsense_during_login(t):
    """F22, RFC 7143 11.12.9: ExpStatSN far off."""
    def change(pdu):
        pdu.expstatsn = 0xDEADBEEF
    return expect(changed_in_second_request(t, change), "LS 0000", *REFUSED)


@case
def reserved_task_tag_in_login(t):
    """F33, RFC 7143 11.2.1.8: ITT ffffffff."""
    login = t.start()
    pdu = login.request(leading(t))
    pdu.itt = NO_TAG
    login.send(pdu)
    return expect(answer(login), *ANY_LOGIN)


# [RFC7143 11.12.7-2]
@case
def highest_connection_id(t):
    """F22, RFC 7143 11.12.7: CID ffff is as good as any."""
    s = t.session(cid=0xFFFF)
    s.ping()
    s.send(s.logout(reason=1))
    return expect(s.recv().label(), "LOGOUT 0")


# [RFC7143 4.2.2.1-3t, 4.2.2.1-9, 11.12.8-1]
@case
def cmdsn_starts_anywhere(t):
    """F22, RFC 7143 4.2.2.1: the first CmdSN is the initiator's choice, and
    counting goes on across 2^32."""
    login = t.start()
    login.cmdsn = 0xFFFFFFFE
    login.pass_security()
    login.pass_operational(USUAL_KEYS)
    s = Session(login, t.lun, USUAL_KEYS)
    t.get_ready(s)
    for _ in range(6):
        t.read(s, 0)
    return "CmdSN went from fffffffe to %08x" % s.cmdsn


# -- keys that must be there -------------------------------------------------


# [RFC7143 6.3-2t]
@case
def no_initiator_name(t):
    """F18, RFC 7143 13.5: it comes in the first request."""
    return expect(security(t, leading(t, drop=["InitiatorName"])),
                  "LS 0207", "CLOSE")


# [RFC7143 6.3-3t]
@case
def no_target_name_in_a_normal_session(t):
    """F18, RFC 7143 13.4: it comes in the first request."""
    return expect(security(t, leading(t, drop=["TargetName"])),
                  "LS 0207", "CLOSE")


@case
def no_keys_at_all(t):
    """F20, RFC 7143 13.5: a first request of 0 bytes."""
    return expect(security(t, b""), "LS 0207", "CLOSE")


@case
def target_name_that_does_not_exist(t):
    """F18, RFC 7143 11.13.5: status 0203."""
    return expect(changed_leading(t, "TargetName", "iqn.1999-01.no:such"),
                  "LS 0203", "LS 0202", "CLOSE")


# [RFC7143 6.3-2t]
@case
def initiator_name_comes_too_late(t):
    """F18, RFC 7143 13.5: only in the second request."""
    login = t.start()
    login.send(login.request(leading(t, drop=["InitiatorName"]),
                             transit=False))
    return expect(answer(login), "LS 0207", *REFUSED)


# [RFC7143 13.5-2]
@case
def initiator_name_changes_during_login(t):
    """F18, RFC 7143 6.3: another name once one is known."""
    login = t.at_operational()
    login.send(login.request({"InitiatorName": "iqn.1999-01.some:body"},
                             nsg=FULL_FEATURE))
    return expect(answer(login), *REFUSED)


# [RFC7143 13.4-2]
@case
def target_name_changes_during_login(t):
    """F18, RFC 7143 6.3: another target once one was named."""
    login = t.at_operational()
    login.send(login.request({"TargetName": "iqn.1999-01.other:disk"},
                             nsg=FULL_FEATURE))
    return expect(answer(login), *REFUSED)


@case
def session_type_changes_during_login(t):
    """F18, RFC 7143 13.21: Normal first, Discovery later."""
    login = t.at_operational()
    login.send(login.request({"SessionType": "Discovery"},
                             nsg=FULL_FEATURE))
    return expect(answer(login), *REFUSED)


@case
def session_types_that_do_not_exist(t):
    """F18, RFC 7143 11.13.5: status 0209, or another refusal."""
    seen = []
    for kind in ("Bogus", "", "normal", "Discovery,Normal", "N" * 4000):
        seen.append(expect(changed_leading(t, "SessionType", kind), *REFUSED))
    return ", ".join(seen)


@case
def initiator_name_of_223_bytes(t):
    """F18, RFC 7143 4.2.7.1: the longest legal name."""
    name = "iqn.2024-01.org.example:" + "n" * 199
    return expect(changed_leading(t, "InitiatorName", name),
                  "LS 0000", "LS 0202")


@case
def initiator_names_that_are_too_long(t):
    """F18, RFC 7143 4.2.7.1: 224, 255, 256 and 7000 bytes."""
    seen = []
    for size in (224, 255, 256, 7000):
        name = ("iqn.2024-01.org.example:" + "n" * 7000)[:size]
        seen.append(expect(
            changed_leading(t, "InitiatorName", name), *REFUSED))
    return ", ".join(seen)


@case
def target_names_that_are_too_long(t):
    """F18, RFC 7143 4.2.7.1: 224, 256 and 7000 bytes."""
    seen = []
    for size in (224, 256, 7000):
        name = ("iqn.2024-01.org.example:" + "n" * 7000)[:size]
        seen.append(expect(changed_leading(t, "TargetName", name), *REFUSED))
    return ", ".join(seen)


@case
def initiator_names_that_are_no_names(t):
    """F18, RFC 7143 4.2.7: empty, one byte, control and 8-bit bytes, paths,
    format directives.  A lenient target may take them as they are."""
    for name in (b"", b"x", b"iqn.", b"\x01\x02\x7f", b"\xff\xfe\xc0\x80",
                 b"../../../etc/passwd", b"%s%s%s%n%n", b"iqn\nFAKE LOG LINE",
                 b"iqn.2024-01.a:b c", b"eui.", b"eui.zz", b"naa."):
        keys = text({"InitiatorName": name, "TargetName": t.name,
                     "SessionType": "Normal", "AuthMethod": "None"})
        expect(security(t, keys), "LS 0000", *REFUSED)
    return "12 names"


@case
def empty_initiator_name(t):
    """F18, RFC 7143 13.5: "InitiatorName=" names nobody."""
    return expect(changed_leading(t, "InitiatorName", ""), *REFUSED)


@case
def empty_target_name(t):
    """F18, RFC 7143 13.4: "TargetName=" names nothing."""
    return expect(changed_leading(t, "TargetName", ""), *REFUSED)


# -- what is no login --------------------------------------------------------


# [RFC7143 4.2.4-4]
@case
def first_pdu_is_another_request(t):
    """F23, RFC 7143 6.3: NOP-Out, SCSI Command, Task, Text, Data-Out, Logout,
    SNACK before any login."""
    seen = []
    for op in REQUESTS:
        if op == LOGIN:
            continue
        conn = t.connect()
        pdu = Pdu(op, flags=F)
        pdu.itt = 1
        conn.send(pdu)
        seen.append("%s: %s" % (OPCODE_NAMES[op], expect(
            answer(conn), "LS 02*", *REJECTED)))
    return ", ".join(seen)


@case
def first_pdu_has_an_opcode_of_no_request(t):
    """F23, RFC 7143 11.2.1.2: all 56 others, the target's own included."""
    for op in range(64):
        if op in REQUESTS:
            continue
        conn = t.connect()
        pdu = Pdu(op, immediate=True, flags=F)
        pdu.itt = 1
        conn.send(pdu)
        expect(answer(conn), "LS 02*", *REJECTED)
        conn.close()
    return "56 refused"


# [RFC7143 4.2.4-4]
@case
def first_bytes_are_another_protocol(t):
    """F23, RFC 7143 6.3: HTTP, TLS, SSH, SMB, zeros, ones, noise."""
    seen = []
    for data in (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + bytes(64),
                 bytes.fromhex("16030100c8010000c40303") + bytes(300),
                 b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n" + bytes(64),
                 b"\0\0\0\x85\xffSMBr" + bytes(128),
                 bytes(48), b"\xff" * 48, b"\xff" * 100000,
                 bytes(range(256)) * 4):
        conn = t.connect()
        conn.send_raw(data)
        conn.half_close()
        label = answer(conn)
        seen.append(expect(label, "LS 02*", *REJECTED))
    return ", ".join(seen)


@case
def connection_ends_inside_the_first_header(t):
    """F10, RFC 7143 6.3: 0 to 47 bytes, then FIN or RST."""
    for size in range(48):
        for end in ("half_close", "reset"):
            conn = t.connect()
            conn.send_raw(login_bytes(t)[:size])
            getattr(conn, end)()
            if end == "half_close" and not conn.wait_closed(2.0):
                raise Wrong("%d bytes and FIN: left open" % size)
            conn.close()
    return "96 connections"


def login_bytes(t):
    login = t.start()
    raw = login.request(leading(t)).encode()
    login.close()
    return raw


@case
def connection_ends_inside_the_login_text(t):
    """F10, RFC 7143 6.3: the text promised, cut at every seventh byte."""
    raw = login_bytes(t)
    for size in range(48, len(raw), 7):
        conn = t.connect()
        conn.send_raw(raw[:size])
        conn.half_close()
        if not conn.wait_closed(2.0):
            raise Wrong("%d bytes and FIN: left open" % size)
        conn.close()
    return "%d connections" % len(range(48, len(raw), 7))


@case
def login_is_sent_byte_by_byte(t):
    """F13, RFC 7143 6.3: TCP may cut anywhere; the login must succeed."""
    login = t.start()
    for byte in login.request(leading(t), transit=False).encode():
        login.send_raw(bytes([byte]))
    return expect(answer(login), "LS 0000")


@case
def half_close_after_the_login_request(t):
    """F10, RFC 7143 6.3: answered or not, but ended."""
    login = t.start()
    login.send(login.request(leading(t)))
    login.half_close()
    if not login.wait_closed():
        raise Wrong("connection without a sender is kept")
    return "CLOSE"


# [RFC7143 7.12-1, 11.13.5-3t]
@case
def refused_login_ends_the_connection(t):
    """F22, RFC 7143 11.13.5: a status class other than 0 is followed by
    close."""
    login = t.start(tsih=0x7777)
    expect(whole_login(login), *REFUSED)
    if not login.is_closed and not login.wait_closed():
        raise Wrong("refused, and left open")
    login = t.start()
    login.send(login.request(leading(t, drop=["InitiatorName"])))
    expect(answer(login), *REFUSED)
    if not login.is_closed and not login.wait_closed():
        raise Wrong("refused, and left open")
    return "CLOSE, twice"


# [RFC7143 11.13.5-3t]
@case
def another_login_follows_a_refused_one(t):
    """F22, RFC 7143 11.13.5: in the same segment; it must not succeed."""
    login = t.start()
    bad = login.request(leading(t, drop=["InitiatorName"]))
    good = login.request(leading(t))
    login.send_raw(bad.encode() + good.encode())
    expect(answer(login), *REFUSED)
    return "then " + expect(answer(login), *REFUSED)


# [RFC7143 4.2.4-5]
@case
def scsi_command_in_the_middle_of_login(t):
    """F23, RFC 7143 6.3: only login requests until it is done."""
    login = t.at_operational()
    pdu = Pdu(1, flags=F | READ)
    pdu.itt, pdu.edtl, pdu.cdb = 5, 512, read10(0, 1)
    login.send(pdu)
    return expect(answer(login), "LS 02*", *REJECTED)


# [RFC7143 4.2.4-5]
@case
def text_request_in_the_middle_of_login(t):
    """F23, RFC 7143 6.3: SendTargets before the login is done."""
    login = t.at_operational()
    pdu = Pdu(4, immediate=True, flags=F, data=b"SendTargets=All\0")
    pdu.itt, pdu.ttt = 5, NO_TAG
    login.send(pdu)
    return expect(answer(login), "LS 02*", *REJECTED)


# [RFC7143 4.2.4-5]
@case
def logout_in_the_middle_of_login(t):
    """F23, RFC 7143 6.3: nothing is there to log out of."""
    login = t.at_operational()
    pdu = Pdu(6, immediate=True, flags=F)
    pdu.itt = 5
    login.send(pdu)
    return expect(answer(login), "LS 02*", *REJECTED)


@case
def command_in_the_same_segment_as_the_last_login_request(t):
    """F23, RFC 7143 6.3: it may be served after the login or refused, but it
    must not be lost in a half-made session."""
    login = t.at_operational()
    last = login.request(USUAL_KEYS, nsg=FULL_FEATURE)
    command = Pdu(1, flags=F | 1)
    command.itt, command.cmdsn, command.cdb = 5, login.cmdsn, TEST_UNIT_READY
    login.send_raw(last.encode() + command.encode())
    expect(answer(login), "LS 0000", *REFUSED)
    return expect(answer(login), "GOOD", "CC 6/*", *REJECTED)


@case
def pipelined_login_requests(t):
    """F22, RFC 7143 6.3: a login has one request in flight; the second is
    served in order or refused."""
    login = t.start()
    one = login.request(leading(t), transit=False)
    two = login.request(transit=False)
    login.send_raw(one.encode() + two.encode())
    expect(answer(login), "LS 0000", *REFUSED)
    return expect(answer(login), "LS 0000", *REFUSED)


# [RFC7143 4.2.4-3]
@case
def login_in_the_full_feature_phase(t):
    """F22, RFC 7143 11.12: the phase is over."""
    s = t.session()
    pdu = Pdu(LOGIN, immediate=True, flags=T | 1 << 2 | 3,
              data=leading(t))
    pdu.isid, pdu.itt, pdu.cmdsn = s.isid, 0x77, s.cmdsn
    pdu.expstatsn = s.expstatsn
    s.send(pdu)
    return outcome(s, "LS 02*", *REJECTED)


@case
def random_bytes_as_pdus(t):
    """F23, RFC 7143 11.2: 200 connections that send deterministic noise."""
    for _ in range(200):
        conn = t.connect()
        conn.send_raw(random.randbytes(random.randrange(48, 600)))
        conn.half_close()
        expect(answer(conn), *ANY_LOGIN)
        conn.close()
    return "200 refused"


@case
def random_bytes_in_a_login_header(t):
    """F22, RFC 7143 11.12: a legal request with 1 to 4 bytes of its header
    replaced, 300 times."""
    taken = 0
    for _ in range(300):
        login = t.start()
        pdu = login.request(leading(t))
        raw = bytearray(pdu.encode())
        for _ in range(random.randrange(1, 5)):
            raw[random.randrange(48)] = random.randrange(256)
        login.send_raw(raw)
        login.half_close()
        label = expect(answer(login), *ANY_LOGIN)
        taken += label == "LS 0000"
        login.close()
    return "300 ended, %d with success" % taken


# -- the target's timers -----------------------------------------------------

LOGIN_SECONDS_MAX = 32


def until_closed(conn, poke=None):
    """Seconds until the target ends the connection; poke is called each
    half second."""
    began = time.monotonic()
    while time.monotonic() - began < LOGIN_SECONDS_MAX:
        if poke:
            poke()
        try:
            conn.recv(0.5)
        except Closed:
            return "CLOSE after %.0f s" % (time.monotonic() - began)
        except Silent:
            pass
    raise Wrong("still open after %d s" % LOGIN_SECONDS_MAX)


@case(slow=True)
def connection_that_says_nothing(t):
    """F13, RFC 7143 6.3: closed by the login timer."""
    return until_closed(t.connect())


@case(slow=True)
def login_that_comes_byte_by_byte_slowly(t):
    """F13, RFC 7143 6.3: two bytes a second do not restart the timer."""
    login = t.start()
    raw = iter(login.request(leading(t)).encode())
    return until_closed(login, lambda: login.send_raw(
        bytes([next(raw, 0)])))


@case(slow=True)
def login_that_stops_after_the_security_stage(t):
    """F13, RFC 7143 6.3: half a login is closed by the timer."""
    return until_closed(t.at_operational())


@case(slow=True)
def login_kept_busy_with_empty_requests(t):
    """F13, RFC 7143 6.3: an answer each second does not restart the timer."""
    login = t.at_operational()

    def poke():
        login.send(login.request(transit=False))
        time.sleep(1)
    return until_closed(login, poke)
