"""Login text: pairs, sizes, continuation, and the values of each key
(RFC 7143 6.1, 6.2, 13).
"""

import os
import random

from cases_login import (
    ANY_LOGIN, changed_leading, leading, operational, security)
from harness import answer, case, expect, REFUSED
from iscsi import (
    C, Closed, FULL_FEATURE, LOGIN_RESPONSE, pairs, Session, Silent, T, text,
    USUAL_KEYS, Wrong)

# -- text format -------------------------------------------------------------


@case
def duplicate_key_in_one_request(t):
    """F18, RFC 7143 6.3: renegotiation must end the login."""
    return expect(operational(
        t, b"MaxBurstLength=65536\0MaxBurstLength=131072\0"), *REFUSED)


@case
def duplicate_key_with_the_same_value(t):
    """F18, RFC 7143 6.3: the same again is renegotiation too."""
    return expect(operational(t, b"InitialR2T=Yes\0InitialR2T=Yes\0"),
                  *REFUSED)


# [RFC7143 13.5-2]
@case
def duplicate_initiator_name(t):
    """F18, RFC 7143 6.3: declared twice in one request."""
    return expect(security(t, leading(
        t, [("InitiatorName", "iqn.1999-01.some:body")])), *REFUSED)


@case
def duplicate_session_type(t):
    """F18, RFC 7143 6.3: declared twice in one request."""
    return expect(security(t, leading(
        t, [("SessionType", "Discovery")])), *REFUSED)


@case
def duplicate_declaration_of_the_segment_size(t):
    """F18, RFC 7143 6.3: MaxRecvDataSegmentLength twice in one login."""
    return expect(operational(
        t, b"MaxRecvDataSegmentLength=65536\0"
        b"MaxRecvDataSegmentLength=512\0"), *REFUSED)


# [RFC7143 6.3-10]
@case
def key_is_negotiated_again_in_the_next_request(t):
    """F18, RFC 7143 6.3: settled in one request, offered again in the next."""
    login = t.at_operational()
    login.need(login.request({"MaxBurstLength": "65536"}, transit=False))
    login.send(login.request({"MaxBurstLength": "131072"},
                             nsg=FULL_FEATURE))
    return expect(answer(login), *REFUSED)


@case
def key_without_equals_sign(t):
    """F18, RFC 7143 6.1: "MaxBurstLength" alone."""
    return expect(operational(t, b"MaxBurstLength\0"), *REFUSED)


@case
def value_without_key(t):
    """F18, RFC 7143 6.1: "=65536"."""
    return expect(operational(t, b"=65536\0"), *REFUSED)


@case
def equals_sign_alone(t):
    """F18, RFC 7143 6.1: "="."""
    return expect(operational(t, b"=\0"), *REFUSED)


@case
def nothing_but_nul_bytes(t):
    """F18, RFC 7143 6.1: 1, 4 and 8192 of them."""
    seen = [expect(operational(t, bytes(n)), "LS 0000", *REFUSED)
            for n in (1, 4, 8192)]
    return ", ".join(seen)


@case
def empty_pairs_between_keys(t):
    """F18, RFC 7143 6.1: NUL after NUL between two pairs."""
    return expect(operational(
        t, b"\0\0InitialR2T=Yes\0\0\0ImmediateData=No\0\0"),
        "LS 0000", *REFUSED)


@case
def nul_inside_a_key(t):
    """F18, RFC 7143 6.1: "Header NUL Digest=None"."""
    return expect(operational(t, b"Header\0Digest=None\0"), *REFUSED)


@case
def nul_inside_a_value(t):
    """F18, RFC 7143 6.1: "MaxBurstLength=65 NUL 536"."""
    return expect(operational(t, b"MaxBurstLength=65\x00536\0"), *REFUSED)


@case
def last_pair_has_no_nul(t):
    """F18, RFC 7143 6.1: every pair ends with NUL, the last one too."""
    return expect(operational(t, b"InitialR2T=Yes"), "LS 0000", *REFUSED)


@case
def equals_signs_in_a_value(t):
    """F18, RFC 7143 6.1: the first one divides, the rest is value."""
    return expect(operational(t, b"X-org.example.a=b=c=d==\0"),
                  "LS 0000", *REFUSED)


def not_understood(t, key, value=b"v"):
    """An unknown key is answered NotUnderstood, under its own name."""
    login = t.at_operational()
    got = login.exchange(login.request(key + b"=" + value + b"\0",
                                       nsg=FULL_FEATURE))
    label = got.label()
    if label == "LS 0000":
        found = dict(pairs(got.data)).get(key.decode("latin-1"))
        if found != "NotUnderstood":
            raise Wrong("unknown key answered %r" % found)
    return label


# [RFC7143 6.2-7]
@case
def unknown_key_is_not_understood(t):
    """F18, RFC 7143 6.2: key=NotUnderstood, and the login goes on."""
    return expect(not_understood(t, b"NobodyKnowsThis"), "LS 0000")


@case
def unknown_vendor_key_is_not_understood(t):
    """F18, RFC 7143 6.1: X- keys."""
    return expect(not_understood(t, b"X-org.example.hostile"), "LS 0000")


@case
def unknown_key_of_63_bytes(t):
    """F18, RFC 7143 6.1: the longest name that a key may have."""
    return expect(not_understood(t, b"X-" + b"k" * 61), "LS 0000")


@case
def unknown_keys_of_64_and_255_and_8000_bytes(t):
    """F18, RFC 7143 6.1: too long for a key's name."""
    seen = [expect(operational(t, b"k" * n + b"=v\0"), "LS 0000", *REFUSED)
            for n in (64, 65, 255, 256, 1024, 8000)]
    return ", ".join(seen)


@case
def key_of_8190_bytes_without_equals_sign(t):
    """F18, RFC 7143 6.1: one long word."""
    return expect(operational(t, b"k" * 8190 + b"\0"), *REFUSED)


@case
def value_that_fills_the_request(t):
    """F18, RFC 7143 6.1: 8192 bytes, nearly all of them one value."""
    data = b"X-org.example.v="
    data += b"v" * (8192 - len(data) - 1) + b"\0"
    return expect(operational(t, data), "LS 0000", *REFUSED)


@case
def value_above_8192_bytes_in_continued_parts(t):
    """F18, RFC 7143 6.1: a value is at most 8192 bytes."""
    login = t.at_operational()
    data = b"X-org.example.v=" + b"v" * 9000 + b"\0"
    login.send(login.request(data[:8000], transit=False, more=True))
    label = answer(login)
    if label == "LS 0000":
        login.send(login.request(data[8000:], nsg=FULL_FEATURE))
        label = answer(login)
    return expect(label, "LS 0000", *REFUSED)


@case
def values_of_255_256_and_4000_bytes_for_known_keys(t):
    """F18, RFC 7143 6.1: simple values have at most 255 bytes."""
    count = 0
    for key in (b"InitiatorAlias", b"MaxBurstLength", b"HeaderDigest",
                b"InitialR2T", b"ErrorRecoveryLevel"):
        for size in (255, 256, 4000):
            expect(operational(t, key + b"=" + b"9" * size + b"\0"),
                   "LS 0000", *REFUSED)
            count += 1
    return "%d values" % count


@case
def key_names_with_odd_bytes(t):
    """F18, RFC 7143 6.1: spaces, control bytes, 8 bits, format directives."""
    for key in (b"Header Digest", b" HeaderDigest", b"HeaderDigest ",
                b"headerdigest", b"\x01\x02", b"\xff\xfe", b"%s%n%x",
                b"1abc", b"a,b", b"a\nb", b"../x"):
        expect(operational(t, key + b"=None\0"), "LS 0000", *REFUSED)
    return "11 names"


@case
def format_directives_in_values(t):
    """F18, RFC 7143 6.1: they reach logs and aliases as bytes."""
    return expect(operational(
        t, b"InitiatorAlias=%s%s%s%s%n%n%n%08x\0"), "LS 0000", *REFUSED)


@case
def alias_with_broken_utf8(t):
    """F18, RFC 7143 13.7: bytes that are no UTF-8."""
    return expect(operational(t, b"InitiatorAlias=\xc3\x28\xf0\x80\x80\0"),
                  "LS 0000", *REFUSED)


# [RFC7143 6.2-11]
@case
def reserved_answers_as_offers(t):
    """F18, RFC 7143 6.2: NotUnderstood, Irrelevant, Reject as a first offer."""
    for value in (b"NotUnderstood", b"Irrelevant", b"Reject"):
        for key in (b"MaxBurstLength", b"InitialR2T", b"HeaderDigest",
                    b"X-org.example.k"):
            expect(operational(t, key + b"=" + value + b"\0"),
                   "LS 0000", *REFUSED)
    return "12 offers"


@case
def two_thousand_unknown_keys(t):
    """F19, RFC 7143 6.2: 4 bytes in, 16 bytes out each; bounded or refused."""
    login = t.at_operational()
    login.send(login.request(b"a=b\0" * 2048, nsg=FULL_FEATURE))
    return bounded_answers(login)


@case
def two_thousand_different_unknown_keys(t):
    """F19, RFC 7143 6.2: none of them is a duplicate."""
    login = t.at_operational()
    data = b"".join(b"%03x=\0" % i for i in range(1600))
    login.send(login.request(data, nsg=FULL_FEATURE))
    return bounded_answers(login)


def bounded_answers(login):
    """Collect login answers: each at most 8192, all at most 64 KiB."""
    total = 0
    for _ in range(16):
        try:
            pdu = login.recv()
        except Closed:
            return "CLOSE after %d bytes" % total
        label = expect(pdu.label(), "LS 0000", *REFUSED)
        total += len(pdu.data)
        if total > 65536:
            raise Wrong("%d bytes of answer" % total)
        if label != "LS 0000" or not pdu.flags & C:
            return "%s, %d bytes of answer" % (label, total)
        login.expstatsn = pdu.statsn + 1
        login.send(login.request(transit=False))
    raise Wrong("answers without end")


# -- sizes and continuation --------------------------------------------------


@case
def payload_of_8189_to_8192_bytes_without_nul(t):
    """F20, RFC 7143 6.1: full segments that are one unterminated word."""
    for size in (8189, 8190, 8191, 8192):
        expect(operational(t, b"X" * size), *REFUSED)
        expect(security(t, b"X" * size), *REFUSED)
    return "8 refused"


@case
def payload_of_8192_bytes_that_ends_in_a_key(t):
    """F20, RFC 7143 6.1: legal keys, then a name cut off at the last byte."""
    data = leading(t)
    data += b"X-a=" + b"v" * (8192 - len(data) - 18) + b"\0MaxBurstLengt"
    return expect(security(t, data), *REFUSED)


@case
def payload_of_8193_bytes(t):
    """F20, RFC 7143 13.12: more than a segment may have during login."""
    data = leading(t)
    data += b"X-a=" + b"v" * (8193 - len(data) - 5) + b"\0"
    return expect(security(t, data), "RJ *", *REFUSED)


@case
def payload_of_64_kib_and_16_mib(t):
    """F25, RFC 7143 13.12: only the length says so, the data never comes."""
    for size in (65536, (1 << 24) - 1):
        login = t.start()
        pdu = login.request(leading(t))
        pdu.declared_data = size
        login.send(pdu)
        login.send_raw(bytes(16384))
        expect(answer(login), "RJ *", *REFUSED)
    return "refused before the data came"


@case
def empty_operational_request(t):
    """F20, RFC 7143 6.3: 0 bytes are as legal as any."""
    return expect(operational(t, b""), "LS 0000")


@case
def text_is_cut_in_two_at_every_place(t):
    """F20, RFC 7143 6.2: C=1 divides pairs anywhere, also inside a key; the
    login must succeed."""
    data = leading(t)
    for cut in range(1, len(data), 3):
        login = t.start()
        login.need(login.request(data[:cut], transit=False, more=True))
        login.need(login.request(data[cut:], transit=False))
        login.close()
    return "%d bytes, every third place" % len(data)


# [RFC7143 6.2-2]
@case
def answer_to_a_continued_request_is_empty(t):
    """F20, RFC 7143 6.2: until the last part, the answer has no keys."""
    login = t.start()
    got = login.need(login.request(leading(t)[:20], transit=False, more=True))
    if got.data:
        raise Wrong("%d bytes of answer to half a text" % len(got.data))
    if got.flags & T:
        raise Wrong("transit in the middle of a text")
    return "LS 0000, no data"


@case
def continuation_without_end(t):
    """F20, RFC 7143 6.2: full parts with C=1 until the target has enough."""
    login = t.at_operational()
    login.timeout = 5
    part = b"X-org.example.v=" + b"v" * 8175 + b"\0"
    for n in range(1, 300):
        login.send(login.request(part, transit=False, more=True))
        label = answer(login)
        if label != "LS 0000":
            return "%s after %d KiB" % (expect(label, *REFUSED), n * 8)
    raise Wrong("2 MiB of login text taken")


@case
def continuation_without_data_and_without_end(t):
    """F20, RFC 7143 6.2: empty parts with C=1; refused, or answered for as
    long as the login timer lets."""
    login = t.at_operational()
    for n in range(1, 2000):
        login.send(login.request(transit=False, more=True))
        label = answer(login)
        if label != "LS 0000":
            return "%s after %d parts" % (expect(label, *REFUSED), n)
    return "2000 empty parts answered"


@case
def login_without_transit_and_without_end(t):
    """F20, RFC 7143 6.3: empty requests that never ask to move on."""
    login = t.at_operational()
    for n in range(1, 2000):
        login.send(login.request(transit=False))
        label = answer(login)
        if label != "LS 0000":
            return "%s after %d requests" % (expect(label, *REFUSED), n)
    return "2000 empty requests answered"


@case
def continued_one_byte_at_a_time(t):
    """F20, RFC 7143 6.2: a text in as many parts as it has bytes; a bound on
    their number is fine."""
    login = t.at_operational()
    for byte in text({"InitiatorAlias": "a" * 200}):
        login.send(login.request(bytes([byte]), transit=False, more=True))
        label = answer(login)
        if label != "LS 0000":
            return expect(label, *REFUSED)
    return expect(answer_after(login), "LS 0000")


def answer_after(login):
    login.send(login.request(nsg=FULL_FEATURE))
    return answer(login)


@case
def ahs_on_a_login_request(t):
    """F24, RFC 7143 11.2.2: additional headers where none belong."""
    for words in (1, 16, 255):
        login = t.start()
        pdu = login.request(leading(t))
        pdu.ahs = os.urandom(words * 4)
        login.send(pdu)
        expect(answer(login), *ANY_LOGIN)
    return "3 answered"


# -- keys and values ---------------------------------------------------------

NUMERIC = {     # key: lowest, highest legal value (RFC 7143 13)
    "MaxConnections": (1, 65535),
    "MaxRecvDataSegmentLength": (512, (1 << 24) - 1),
    "MaxBurstLength": (512, (1 << 24) - 1),
    "FirstBurstLength": (512, (1 << 24) - 1),
    "DefaultTime2Wait": (0, 3600),
    "DefaultTime2Retain": (0, 3600),
    "MaxOutstandingR2T": (1, 65535),
    "ErrorRecoveryLevel": (0, 2),
}
STRANGE_NUMBERS = (
    "0", "1", "-1", "+5", "511", "513", "65536", "16777215", "16777216",
    "2147483647", "2147483648", "4294967295", "4294967296", "4294967808",
    "18446744073709551616", "99999999999999999999999999", "", "0x", "0xZZ",
    "0x200", "0X200", "0x1000000", "0x100000200", "0512", "00000000000512",
    "512 ", " 512", "512,1024", "512~1024", "5e3", "512.0", "abc", "0b0200",
    "\u0665\u0661\u0662", "512\t", "512;", "--512", "0x-200")


def numeric(t, key):
    """Every strange number ends in a refusal, or in Reject or a legal value
    and a session that reads blocks as before."""
    low, high = NUMERIC[key]
    tally = {}
    for value in STRANGE_NUMBERS:
        login = t.at_operational()
        offer = {k: v for k, v in USUAL_KEYS.items() if k != key}
        offer[key] = value
        login.send(login.request(offer, nsg=FULL_FEATURE))
        label = answer_keys(login)
        word = "%s=%r: %s" % (key, value, label)
        if label != "LS 0000":
            if label == "SILENCE" or not label.startswith(("LS 0", "CLOSE")):
                raise Wrong(word)
            tally[label] = tally.get(label, 0) + 1
            login.close()
            continue
        got = login.answers.get(key)
        if key != "MaxRecvDataSegmentLength":
            check_number(word, got, low, high)
        elif got is not None and got != "Reject":
            check_number(word, got, low, high)
        if login.csg == FULL_FEATURE:
            use(t, login, offer, key, word)
        tally["taken"] = tally.get("taken", 0) + 1
        login.close()
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


def answer_keys(login):
    """Like answer(), and notes the keys."""
    try:
        pdu = login.recv()
    except Closed:
        return "CLOSE"
    except Silent:
        return "SILENCE"
    if pdu.opcode == LOGIN_RESPONSE:
        login.expstatsn = pdu.statsn + 1
        login.answers.update(pairs(pdu.data))
        if pdu.flags & T and not pdu.status_word >> 16:
            login.csg = pdu.flags & 3
            login.tsih = pdu.tsih
    return pdu.label()


def check_number(word, got, low, high):
    if got in ("Reject", "Irrelevant", "NotUnderstood"):
        return
    if got is None:
        raise Wrong(word + ", key not answered")
    if not got.isdigit() or not low <= int(got) <= high:
        raise Wrong("%s, answer %r" % (word, got))


def use(t, login, offer, key, word):
    """The session reads and writes; with MaxRecvDataSegmentLength, segments
    keep to a number that is legal and, if ours was, to ours."""
    if key == "MaxRecvDataSegmentLength":
        offered = offer[key]
        legal = offered.isascii() and offered.isdigit() and (
            512 <= int(offered) < 1 << 24 and offered[0] != "0")
        offer = dict(offer)
        offer[key] = offered if legal else str((1 << 24) - 1)
    s = Session(login, t.lun, offer)
    try:
        t.get_ready(s)
        t.fill(s, 8, 16, 0x21)
        t.must_hold(s, 8, 16, 0x21)
    except (Wrong, Silent, Closed) as e:
        raise Wrong("%s, then: %s" % (word, e)) from None


def _numeric_case(key):
    def f(t):
        return numeric(t, key)
    f.__name__ = "strange_numbers_for_" + key
    f.__doc__ = "F21, RFC 7143 13: %d values no number should have." % len(
        STRANGE_NUMBERS)
    case(f)


for _key in NUMERIC:
    _numeric_case(_key)

BOOLEANS = ("InitialR2T", "ImmediateData", "DataPDUInOrder",
            "DataSequenceInOrder")
STRANGE_BOOLEANS = ("yes", "YES", "no", "1", "0", "true", "", "Yes,No", "No ",
                    " Yes", "Maybe", "Yes\tNo", "Y" * 4000, "\xff")


def boolean(t, key):
    tally = {}
    for value in STRANGE_BOOLEANS:
        login = t.at_operational()
        login.send(login.request({key: value}, nsg=FULL_FEATURE))
        label = expect(answer_keys(login), "LS 0000", *REFUSED)
        if label == "LS 0000":
            label = "=" + login.answers.get(key, "(nothing)")
            expect(label, "=Yes", "=No", "=Reject")
        tally[label] = tally.get(label, 0) + 1
        login.close()
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


def _boolean_case(key):
    def f(t):
        return boolean(t, key)
    f.__name__ = "strange_booleans_for_" + key
    f.__doc__ = "F21, RFC 7143 6.2.2: neither Yes nor No."
    case(f)


for _key in BOOLEANS:
    _boolean_case(_key)

STRANGE_LISTS = ("", ",", ",,,,", "Foo", "Foo,Bar,None", "none", "None,",
                 ",None", "None,None,None", "CRC32C ", "crc32c", "NONE",
                 ",".join("X-m%d" % i for i in range(500)),
                 "None=None", "NoneNone", "N" * 300)


def choice(t, key):
    """The answer is Reject or a member of what was offered."""
    tally = {}
    for value in STRANGE_LISTS:
        login = t.at_operational()
        login.send(login.request({key: value}, nsg=FULL_FEATURE))
        label = expect(answer_keys(login), "LS 0000", *REFUSED)
        if label == "LS 0000":
            got = login.answers.get(key)
            if got != "Reject" and got not in value.split(","):
                raise Wrong("%s=%r answered %r" % (key, value[:40], got))
            label = "=" + got
        tally[label] = tally.get(label, 0) + 1
        login.close()
    return ", ".join("%d %s" % (n, k) for k, n in sorted(tally.items()))


# [RFC7143 6.2.1-3]
@case
def strange_lists_for_HeaderDigest(t):
    """F21, RFC 7143 6.2.1: nothing known, empty items, 500 items."""
    return choice(t, "HeaderDigest")


@case
def strange_lists_for_DataDigest(t):
    """F21, RFC 7143 6.2.1: nothing known, empty items, 500 items."""
    return choice(t, "DataDigest")


@case(needs="open")
def strange_lists_for_AuthMethod(t):
    """F21, RFC 7143 12: nothing known, empty items, 500 items."""
    for value in STRANGE_LISTS:
        expect(changed_leading(t, "AuthMethod", value), "LS 0000", *REFUSED)
    return "%d lists" % len(STRANGE_LISTS)


@case
def first_burst_above_max_burst(t):
    """F21, RFC 7143 13.14: FirstBurstLength must not exceed MaxBurstLength."""
    login = t.at_operational()
    login.send(login.request({
        "InitialR2T": "No", "MaxBurstLength": "512",
        "FirstBurstLength": "65536"}, nsg=FULL_FEATURE))
    label = expect(answer_keys(login), "LS 0000", *REFUSED)
    if label != "LS 0000":
        return label
    first = login.answers.get("FirstBurstLength")
    burst = login.answers.get("MaxBurstLength")
    if first == "Reject" or burst == "Reject":
        return "Reject"
    if int(first) > int(burst):
        raise Wrong("FirstBurstLength=%s, MaxBurstLength=%s" % (first, burst))
    return "FirstBurstLength=%s, MaxBurstLength=%s" % (first, burst)


@case
def first_burst_above_max_burst_in_the_other_order(t):
    """F21, RFC 7143 13.14: FirstBurstLength comes first."""
    login = t.at_operational()
    login.send(login.request([
        ("FirstBurstLength", "16777215"), ("MaxBurstLength", "512")],
        nsg=FULL_FEATURE))
    label = expect(answer_keys(login), "LS 0000", *REFUSED)
    first = login.answers.get("FirstBurstLength", "Reject")
    burst = login.answers.get("MaxBurstLength", "Reject")
    if label == "LS 0000" and first.isdigit() and burst.isdigit():
        if int(first) > int(burst):
            raise Wrong("FirstBurstLength=%s, MaxBurstLength=%s"
                        % (first, burst))
    return label


@case
def smallest_values_of_everything_still_serve(t):
    """F21, RFC 7143 13: 512-byte segments and bursts, one R2T at a time."""
    s = t.session({
        "MaxRecvDataSegmentLength": "512", "MaxBurstLength": "512",
        "FirstBurstLength": "512", "MaxOutstandingR2T": "1"})
    t.fill(s, 32, 40, 0x33)
    t.must_hold(s, 32, 40, 0x33)
    return "40 blocks written and read"


@case
def largest_values_of_everything_still_serve(t):
    """F21, RFC 7143 13: 2^24-1 wherever that is legal."""
    most = str((1 << 24) - 1)
    s = t.session({
        "MaxRecvDataSegmentLength": most, "MaxBurstLength": most,
        "FirstBurstLength": most, "MaxOutstandingR2T": "65535",
        "InitialR2T": "No"})
    t.fill(s, 32, 1024, 0x34)
    t.must_hold(s, 32, 1024, 0x34)
    return "1024 blocks written and read"


@case
def target_only_keys_from_an_initiator(t):
    """F18, RFC 7143 13: TargetAlias, TargetAddress, TargetPortalGroupTag."""
    seen = []
    for key, value in (("TargetAlias", "mine"),
                       ("TargetAddress", "127.0.0.1:3260,1"),
                       ("TargetPortalGroupTag", "1")):
        login = t.at_operational()
        login.send(login.request({key: value}, nsg=FULL_FEATURE))
        seen.append(expect(answer_keys(login), "LS 0000", *REFUSED))
        if login.answers.get(key) == "mine":
            raise Wrong("%s echoed as the target's own" % key)
    return ", ".join(seen)


# [RFC7143 C-1t]
@case
def send_targets_during_login(t):
    """F18, RFC 7143 Appendix C: a key of the full feature phase; no names
    before that."""
    login = t.at_operational()
    login.send(login.request({"SendTargets": "All"}, nsg=FULL_FEATURE))
    label = expect(answer_keys(login), "LS 0000", *REFUSED)
    if "TargetName" in login.answers:
        raise Wrong("names targets during login")
    return label


@case
def chap_keys_in_the_operational_stage(t):
    """F18, RFC 7143 12.1.3: CHAP belongs to the security stage."""
    seen = [expect(operational(t, data), "LS 0000", *REFUSED) for data in (
        b"CHAP_A=5\0", b"CHAP_N=x\0CHAP_R=0x00\0", b"CHAP_I=1\0CHAP_C=0x11\0")]
    return ", ".join(seen)


@case
def authmethod_in_the_operational_stage(t):
    """F18, RFC 7143 12: AuthMethod is settled when this stage begins."""
    return expect(operational(t, b"AuthMethod=None\0"), "LS 0000", *REFUSED)


@case
def operational_keys_in_the_security_stage(t):
    """F18, RFC 7143 6.3.2: MaxBurstLength before its stage."""
    return expect(security(t, leading(
        t, [("MaxBurstLength", "65536"), ("HeaderDigest", "None")])),
        "LS 0000", *REFUSED)


# [RFC7143 6.2-13, 13.25-1..4]
@case
def obsolete_marker_keys(t):
    """F18, RFC 7143 13.25: OFMarker, IFMarkInt and others are obsolete."""
    login = t.at_operational()
    login.send(login.request([
        ("OFMarker", "Yes"), ("IFMarker", "Yes"), ("OFMarkInt", "1~65535"),
        ("IFMarkInt", "2048")], nsg=FULL_FEATURE))
    label = expect(answer_keys(login), "LS 0000", *REFUSED)
    for key in ("OFMarker", "IFMarker"):
        if login.answers.get(key) == "Yes":
            raise Wrong("%s=Yes agreed" % key)
    return label


@case
def keys_of_later_standards(t):
    """F18, RFC 7144 and 7145: any answer that is one of the offered."""
    login = t.at_operational()
    login.send(login.request([
        ("iSCSIProtocolLevel", "31"), ("TaskReporting", "FastAbort,RFC3720"),
        ("RDMAExtensions", "Yes"), ("NodeArchitecture", "x"),
        ("TargetRecvDataSegmentLength", "0")], nsg=FULL_FEATURE))
    label = expect(answer_keys(login), "LS 0000", *REFUSED)
    if login.answers.get("RDMAExtensions") == "Yes":
        raise Wrong("RDMA over TCP agreed")
    return label


@case
def random_text(t):
    """F18, RFC 7143 6.1: 200 deterministic mixtures of keys and noise."""
    words = [b"HeaderDigest", b"MaxBurstLength", b"=", b"=", b"\0", b"\0",
             b"None", b"CRC32C", b"65536", b",", b"Yes", b"No", b"0x", b"~",
             b"\xff", b"Reject", b"InitiatorName", b"X-" + b"x" * 80]
    taken = 0
    for _ in range(200):
        data = b"".join(random.choice(words)
                        for _ in range(random.randrange(1, 60)))
        label = operational(t, data[:8192])
        taken += expect(label, "LS 0000", *REFUSED) == "LS 0000"
        t.close_all()
    return "200 answered, %d with success" % taken
