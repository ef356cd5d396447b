"""CHAP: what may be said instead of a secret (RFC 7143 9.2, 12.1; RFC 1994).

All cases need a portal that asks for CHAP, and its --user and --secret.
"""

import base64
import os

from harness import answer, case, expect, REFUSED
from iscsi import (
    binary_value, chap_response, Closed, FULL_FEATURE, pairs, T, Wrong)

DENIED = ("LS 0201", "LS 0200", "LS 0202", "LS 0207", "CLOSE")


def offered(t, methods="CHAP"):
    """A login whose security stage is open: AuthMethod is agreed."""
    login = t.start()
    keys = t.identity().leading_keys()
    keys["AuthMethod"] = methods
    got = login.need(login.request(keys, transit=False))
    agreed = dict(pairs(got.data)).get("AuthMethod")
    if agreed != "CHAP":
        raise Wrong("AuthMethod=%s answered %r" % (methods, agreed))
    return login


def challenged(t, algorithms="5"):
    """...and the target has sent its challenge: login, algorithm, identifier,
    challenge."""
    login = offered(t)
    return (login, *login.challenge(algorithms))


def right(t, algorithm, identifier, challenge):
    return chap_response(algorithm, identifier, t.secret, challenge)


def tried(t, make_response, user=None):
    """Answer a challenge with CHAP_R=make_response(right response).  What the
    target says is not read yet: it may take its time before it says no, and
    many tries wait for that together."""
    login, algorithm, identifier, challenge = challenged(t)
    response = make_response(right(t, algorithm, identifier, challenge))
    login.send(login.request([
        ("CHAP_N", t.user if user is None else user), ("CHAP_R", response)]))
    return login


def said(logins, *allowed):
    """All answers, counted."""
    labels = sorted(answer(login) for login in logins)
    return expect(labels, *allowed)


def respond(t, make_response, user=None):
    return answer(tried(t, make_response, user))


def hexed(data):
    return "0x" + data.hex()


def based(data):
    return "0b" + base64.b64encode(data).decode()


# -- who ---------------------------------------------------------------------


@case(needs="chap")
def right_response_is_accepted(t):
    """F17, RFC 7143 12.1.3: so that the refusals below mean something."""
    return expect(respond(t, hexed), "LS 0000")


# [RFC7143 6.3.2-3, 12.1.3-4]
@case(needs="chap")
def wrong_secret(t):
    """F15, RFC 7143 11.13.5: status 0201."""
    return expect(respond(t, lambda r: hexed(os.urandom(len(r)))),
                  "LS 0201", "CLOSE")


@case(needs="chap")
def unknown_user_with_the_right_secret(t):
    """F15, RFC 7143 12.1.3: name and secret belong together."""
    return expect(respond(t, hexed, user="nobody"), "LS 0201", "CLOSE")


@case(needs="chap")
def user_names_of_odd_lengths(t):
    """F17, RFC 7143 12.1.3: CHAP_N of 0, 255, 256, 1024 and 7000 bytes."""
    return said([tried(t, hexed, user="u" * size)
                 for size in (0, 255, 256, 1024, 7000)], *DENIED)


@case(needs="chap")
def user_name_with_something_more(t):
    """F17, RFC 7143 12.1.3: prefixes and extensions of the name."""
    name = t.user.encode()
    users = (name[:-1], name + b"x", name + b" ", b" " + name,
             name.upper() + b"X", b"%s%n", b"\xff\xfe", b"*")
    return said([tried(t, hexed, user=user) for user in users], *DENIED)


@case(needs="chap")
def hundred_failures_at_once(t):
    """F15, RFC 7143 9.2: the server and others stay well."""
    return said([tried(t, lambda r: hexed(bytes(len(r))))
                 for _ in range(100)], *DENIED)


# -- the response ------------------------------------------------------------


@case(needs="chap")
def response_of_wrong_length(t):
    """F17, RFC 7143 12.1.3: 0 to 4000 bytes where the digest has 16."""
    sizes = (0, 1, 15, 17, 20, 32, 63, 64, 65, 128, 255, 256, 1024, 4000)
    return said([tried(t, lambda r: hexed((r * 300)[:size]))
                 for size in sizes], *DENIED)


@case(needs="chap")
def base64_response_of_wrong_length(t):
    """F17, RFC 7143 6.1: 0 to 5000 bytes, decoded only after a look at the
    length."""
    sizes = (0, 1, 15, 17, 47, 48, 63, 64, 72, 79, 80, 256, 1024, 5000)
    return said([tried(t, lambda r: based((r * 400)[:size]))
                 for size in sizes], *DENIED)


@case(needs="chap")
def hex_response_with_odd_digits(t):
    """F17, RFC 7143 6.1: one digit less, one more, no prefix, others'."""
    logins = []
    for make in (lambda r: hexed(r)[:-1],
                 lambda r: hexed(r) + "0",
                 lambda r: hexed(r) + "zz",
                 lambda r: "0x",
                 lambda r: "0x0x" + r.hex(),
                 lambda r: "0x" + " " + r.hex(),
                 lambda r: "0x" + r.hex()[:16] + " " + r.hex()[16:],
                 lambda r: "0x" + "g" * 32,
                 lambda r: "0x-" + r.hex(),
                 lambda r: "0b" + r.hex(),
                 lambda r: "", lambda r: "0", lambda r: "x"):
        logins.append(tried(t, make))
    return said(logins, *DENIED)


@case(needs="chap")
def hex_response_in_capital_letters(t):
    """F17, RFC 7143 6.1: 0X and A to F say the same."""
    return expect(respond(t, lambda r: "0X" + r.hex().upper()), "LS 0000")


@case(needs="chap")
def base64_response_is_accepted(t):
    """F17, RFC 7143 6.1: the other form of a binary value."""
    return expect(respond(t, based), "LS 0000")


@case(needs="chap")
def hex_response_with_leading_zeros(t):
    """F17, RFC 7143 6.1: zeros before the right digits make it longer; taken
    as the same number or refused."""
    return expect(respond(t, lambda r: "0x0000" + r.hex()),
                  "LS 0000", *DENIED)


@case(needs="chap")
def base64_response_with_garbage(t):
    """F17, RFC 7143 6.1: bad letters, bad padding, none at all."""
    logins = []
    for make in (lambda r: "0b", lambda r: "0b====", lambda r: "0b!!!!",
                 lambda r: "0b" + "A" * 23, lambda r: "0b=" + "A" * 23,
                 lambda r: based(r) + "=",
                 lambda r: based(r) + "AAAA",
                 lambda r: "0b" + "\xff" * 24, lambda r: "0b" + "A" * 8000):
        logins.append(tried(t, make))
    return said(logins, *DENIED)


@case(needs="chap")
def response_of_another_login(t):
    """F16, RFC 7143 9.2.1: a response fits one challenge only."""
    _, algorithm, identifier, challenge = challenged(t)
    old = right(t, algorithm, identifier, challenge)
    return expect(respond(t, lambda r: hexed(old)), *DENIED)


@case(needs="chap")
def second_try_on_the_same_connection(t):
    """F15, RFC 7143 11.13.5: after a refusal nothing is accepted any more."""
    login, algorithm, identifier, challenge = challenged(t)
    good = right(t, algorithm, identifier, challenge)
    bad = login.request({"CHAP_N": t.user, "CHAP_R": hexed(bytes(16))})
    again = login.request({"CHAP_N": t.user, "CHAP_R": hexed(good)})
    login.send_raw(bad.encode() + again.encode())
    expect(answer(login), *DENIED)
    return "then " + expect(answer(login), *REFUSED)


# -- the algorithm -----------------------------------------------------------


# [RFC7143 12.1.3-2]
@case(needs="chap")
def algorithm_lists_without_ours(t):
    """F17, RFC 7143 12.1.3: numbers that are none, or nearly 5."""
    logins = []
    for algorithms in ("0", "1,2,3", "", ",", "-5", "5x", "x5", "256",
                       "261", "65541", "4294967301", "18446744073709551621",
                       "0x", "999999999999999999999999999", "5 ",
                       ",".join(["99"] * 2000)):
        login = offered(t)
        login.send(login.request({"CHAP_A": algorithms}, transit=False))
        logins.append(login)
    return said(logins, *DENIED)


@case(needs="chap")
def algorithm_list_with_ours_at_the_end(t):
    """F17, RFC 7143 12.1.3: 99,98,5 leaves MD5."""
    login = offered(t)
    algorithm, identifier, challenge = login.challenge("99,98,5")
    if algorithm != 5:
        raise Wrong("CHAP_A=%d of 99,98,5" % algorithm)
    login.send(login.request({
        "CHAP_N": t.user,
        "CHAP_R": hexed(right(t, 5, identifier, challenge))}))
    return expect(answer(login), "LS 0000")


@case(needs="chap")
def algorithm_that_repeats_itself(t):
    """F17, RFC 7143 12.1.3: 5,5,5 and 500 times 5."""
    seen = []
    for count in (3, 500):
        login = offered(t)
        login.send(login.request(
            {"CHAP_A": ",".join(["5"] * count)}, transit=False))
        seen.append(expect(answer(login), "LS 0000", *DENIED))
    return ", ".join(seen)


# [RFC7143 9.2-1]
@case(needs="chap")
def response_made_with_another_algorithm(t):
    """F17, RFC 7143 12.1.3: SHA-1 of the right secret where MD5 is agreed."""
    login, _, identifier, challenge = challenged(t, "5")
    login.send(login.request({
        "CHAP_N": t.user,
        "CHAP_R": hexed(right(t, 6, identifier, challenge))}))
    return expect(answer(login), *DENIED)


@case(needs="chap")
def every_algorithm_that_the_target_knows(t):
    """F17, RFC 7143 12.1.3: each of 5, 6, 7, 8 is refused or works."""
    known = []
    for number in (5, 6, 7, 8):
        login = offered(t)
        got = login.exchange(login.request(
            {"CHAP_A": str(number)}, transit=False))
        if got.label() != "LS 0000":
            expect(got.label(), *DENIED)
            continue
        keys = dict(pairs(got.data))
        response = right(t, number, int(keys["CHAP_I"], 0),
                         binary_value(keys["CHAP_C"]))
        login.send(login.request({
            "CHAP_N": t.user, "CHAP_R": hexed(response)}))
        expect(answer(login), "LS 0000")
        known.append(str(number))
    return ", ".join(known)


# -- the order ---------------------------------------------------------------


@case(needs="chap")
def response_before_any_challenge(t):
    """F17, RFC 7143 12.1.3: CHAP_N and CHAP_R where CHAP_A is due."""
    login = offered(t)
    login.send(login.request({"CHAP_N": t.user, "CHAP_R": hexed(bytes(16))}))
    return expect(answer(login), *DENIED)


@case(needs="chap")
def everything_in_the_first_request(t):
    """F17, RFC 7143 12.1.3: AuthMethod, CHAP_A, CHAP_N, CHAP_R at once."""
    login = t.start()
    keys = t.identity().leading_keys()
    keys.update({"AuthMethod": "CHAP", "CHAP_A": "5", "CHAP_N": t.user,
                 "CHAP_R": hexed(bytes(16))})
    got = login.exchange(login.request(keys))
    if got.label() == "LS 0000" and got.flags & T:
        raise Wrong("security stage left without a response")
    return expect(got.label(), "LS 0000", *DENIED)


@case(needs="chap")
def nothing_where_the_response_is_due(t):
    """F17, RFC 7143 12.1.3: an empty request that asks to move on."""
    login, *_ = challenged(t)
    got = login.exchange(login.request())
    if got.label() == "LS 0000" and got.flags & T:
        raise Wrong("security stage left without a response")
    return expect(got.label(), "LS 0000", *DENIED)


# [RFC7143 9.2-3]
@case(needs="chap")
def name_without_response(t):
    """F17, RFC 7143 12.1.3: CHAP_N alone."""
    login, *_ = challenged(t)
    login.send(login.request({"CHAP_N": t.user}))
    return expect(answer(login), *DENIED)


# [RFC7143 9.2-3]
@case(needs="chap")
def response_without_name(t):
    """F17, RFC 7143 12.1.3: CHAP_R alone, and right."""
    login, algorithm, identifier, challenge = challenged(t)
    login.send(login.request({
        "CHAP_R": hexed(right(t, algorithm, identifier, challenge))}))
    return expect(answer(login), *DENIED)


@case(needs="chap")
def name_and_response_twice(t):
    """F18, RFC 7143 6.3: a wrong and a right pair in one request."""
    login, algorithm, identifier, challenge = challenged(t)
    good = hexed(right(t, algorithm, identifier, challenge))
    login.send(login.request([
        ("CHAP_N", t.user), ("CHAP_R", hexed(bytes(16))),
        ("CHAP_N", t.user), ("CHAP_R", good)]))
    return expect(answer(login), *DENIED)


@case(needs="chap")
def second_algorithm_after_the_challenge(t):
    """F17, RFC 7143 12.1.3: CHAP_A again where CHAP_R is due."""
    login, *_ = challenged(t)
    login.send(login.request({"CHAP_A": "5"}, transit=False))
    return expect(answer(login), *DENIED)


@case(needs="chap")
def chap_begins_anew_after_success(t):
    """F17, RFC 7143 12.1.3: CHAP_A once more in the operational stage."""
    login = t.at_operational()
    login.send(login.request({"CHAP_A": "5"}, nsg=FULL_FEATURE))
    return expect(answer(login), "LS 0000", *DENIED)


@case(needs="chap")
def target_keys_from_the_initiator(t):
    """F16, RFC 7143 12.1.3: a challenge where CHAP_A is due."""
    login = offered(t)
    login.send(login.request(
        {"CHAP_A": "5", "CHAP_I": "1", "CHAP_C": "0x" + "11" * 16},
        transit=False))
    return expect(answer(login), "LS 0000", *DENIED)


# -- methods -----------------------------------------------------------------


@case(needs="chap")
def only_no_authentication_is_offered(t):
    """F17, RFC 7143 12: AuthMethod=None where CHAP is needed."""
    login = t.start()
    keys = t.identity().leading_keys()
    keys["AuthMethod"] = "None"
    login.send(login.request(keys))
    return expect(answer(login), *DENIED)


@case(needs="chap")
def no_authentication_is_preferred(t):
    """F17, RFC 7143 12: None,CHAP; the target insists on CHAP."""
    offered(t, "None,CHAP")
    return "AuthMethod=CHAP"


@case(needs="chap")
def authentication_methods_that_nobody_has(t):
    """F17, RFC 7143 12: Kerberos, SRP, empty, 500 names."""
    logins = []
    for methods in ("KRB5", "SRP,SPKM1", "", ",", "chap", "CHAPS", "CHAP=CHAP",
                    ",".join("M%d" % i for i in range(500))):
        login = t.start()
        keys = t.identity().leading_keys()
        keys["AuthMethod"] = methods
        login.send(login.request(keys))
        logins.append((methods, login))
    for methods, login in logins:
        try:
            pdu = login.recv()
        except Closed:
            continue
        if pdu.label() == "LS 0000" and pdu.flags & T:
            raise Wrong("AuthMethod=%s leads on" % methods[:20])
        expect(pdu.label(), "LS 0000", *DENIED)
    return "8 led nowhere"


@case(needs="chap")
def authmethod_is_not_mentioned(t):
    """F17, RFC 7143 12: a first request without it that asks to move on."""
    login = t.start()
    got = login.exchange(login.request(t.identity().leading_keys()))
    if got.label() == "LS 0000" and got.flags & T:
        raise Wrong("security stage left without authentication")
    return expect(got.label(), "LS 0000", *DENIED)


@case(needs="chap")
def authmethod_changes_to_none_after_the_challenge(t):
    """F18, RFC 7143 6.3: renegotiated in the middle of CHAP."""
    login, *_ = challenged(t)
    login.send(login.request({"AuthMethod": "None"}))
    return expect(answer(login), *DENIED)


# -- the challenge, and the other direction ----------------------------------


# [RFC7143 9.2.1-11]
@case(needs="chap")
def challenges_never_repeat(t):
    """F16, RFC 7143 9.2.1: 64 of them, each of 16 bytes or more."""
    seen = set()
    for _ in range(64):
        login, _, identifier, challenge = challenged(t)
        if len(challenge) < 16:
            raise Wrong("challenge of %d bytes" % len(challenge))
        seen.add(challenge)
        login.close()
    if len(seen) < 64:
        raise Wrong("%d different ones" % len(seen))
    return "64 different ones of %d bytes" % len(challenge)


# [RFC7143 9.2.1-12]
@case(needs="chap")
def reflected_challenge(t):
    """F16, RFC 7143 9.2.1: its own challenge comes back as ours; it must end
    the login and not answer."""
    login, algorithm, identifier, challenge = challenged(t)
    good = right(t, algorithm, identifier, challenge)
    got = login.exchange(login.request({
        "CHAP_N": t.user, "CHAP_R": hexed(good),
        "CHAP_I": str(identifier), "CHAP_C": hexed(challenge)}))
    if "CHAP_R" in dict(pairs(got.data)):
        raise Wrong("answers its own challenge")
    return expect(got.label(), *DENIED)


@case(needs="chap")
def challenge_of_another_login_is_reflected(t):
    """F16, RFC 7143 9.2.1: the oracle across two connections; no answer
    before we have proved who we are."""
    _, _, identifier, challenge = challenged(t)
    login, *_ = challenged(t)
    got = login.exchange(login.request({
        "CHAP_N": t.user, "CHAP_R": hexed(bytes(16)),
        "CHAP_I": str(identifier), "CHAP_C": hexed(challenge)}))
    if "CHAP_R" in dict(pairs(got.data)):
        raise Wrong("answers a challenge of somebody unproven")
    return expect(got.label(), *DENIED)


def mutual(t, identifier, challenge):
    """Right response and this challenge to the target, to be answered."""
    login, algorithm, its, c = challenged(t)
    keys = [("CHAP_N", t.user), ("CHAP_R", hexed(right(t, algorithm, its, c)))]
    if identifier is not None:
        keys.append(("CHAP_I", identifier))
    if challenge is not None:
        keys.append(("CHAP_C", challenge))
    login.send(login.request(keys))
    return login


@case(needs="chap")
def mutual_challenge_of_every_length(t):
    """F17, RFC 7143 12.1.3: 0 to 3500 bytes; 1024 is the most."""
    return said([mutual(t, "7", hexed(os.urandom(size)))
                 for size in (0, 1, 15, 16, 255, 256, 1024, 1025, 3500)],
                "LS 0000", *DENIED)


@case(needs="chap")
def mutual_challenge_that_is_no_number(t):
    """F17, RFC 7143 6.1: neither hex nor base64."""
    challenges = ("", "0x", "0b", "0xzz", "0b!!", "hello", "12345", "0x123",
                  "\xff" * 32)
    return said([mutual(t, "7", c) for c in challenges], "LS 0000", *DENIED)


@case(needs="chap")
def mutual_identifier_that_is_no_byte(t):
    """F17, RFC 7143 12.1.3: CHAP_I is one byte."""
    identifiers = ("256", "-1", "0x100", "", "4294967296", "x", "1,2")
    return said([mutual(t, i, hexed(os.urandom(16))) for i in identifiers],
                *DENIED)


@case(needs="chap")
def mutual_identifier_without_challenge(t):
    """F17, RFC 7143 12.1.3: CHAP_I without CHAP_C, and the other way round."""
    return said([mutual(t, "7", None),
                 mutual(t, None, hexed(os.urandom(16)))], *DENIED)
