"""Several connections in a session, by those who may and those who may not
(RFC 7143 6.3.3, 6.3.4, 7.2, 11.14).
"""

import time

from cases_login import whole_login
from harness import await_r2t, case, expect, outcome, Skip
from iscsi import (
    ASYNC, Closed, LOGOUT_RESPONSE, Session, TEST_UNIT_READY, WRITE, write10,
    Wrong)

MORE = {"MaxConnections": "4"}
OF_A_CONNECTION = {"HeaderDigest": "None", "DataDigest": "None",
                   "MaxRecvDataSegmentLength": "262144"}


class Sibling(Session):
    """Another connection of a session: CmdSN and ITT are the leader's."""

    def __init__(self, leader, login, lun, keys):
        self.leader = leader
        super().__init__(login, lun, keys)

    def agreed(self, key, default):
        return self.answers.get(key) or self.leader.agreed(key, default)

    def __getattribute__(self, name):
        if name in ("cmdsn", "next_itt"):
            return getattr(object.__getattribute__(self, "leader"), name)
        return object.__getattribute__(self, name)

    def __setattr__(self, name, value):
        if name not in ("cmdsn", "next_itt"):
            object.__setattr__(self, name, value)
        elif "keys" in self.__dict__:       # the login has no say
            setattr(self.leader, name, value)


def several(t, keys=None):
    """A session that may have connections; Skip where there is one only."""
    wanted = dict(MORE)
    wanted.update(keys or {})
    s = t.session(wanted)
    if s.agreed_number("MaxConnections", 1) < 4:
        raise Skip("one connection for each session")
    return s


def start_join(t, s, cid):
    """The login of another connection, up to its last request."""
    login = t.start(t.identity(isid=s.isid), tsih=s.tsih, cid=cid)
    login.cmdsn = s.cmdsn
    login.pass_security()
    return login


def join(t, s, cid, keys=OF_A_CONNECTION):
    login = start_join(t, s, cid)
    login.pass_operational(keys)
    if login.tsih != s.tsih:
        raise Wrong("TSIH %04x in the answer, %04x was asked for"
                    % (login.tsih, s.tsih))
    return Sibling(s, login, t.lun, keys)


def expect_cleared(s, *others):
    """RFC 7143 11.14.5: a command of a connection that ended was ended with
    it; the session is told, once."""
    expect(s.run(TEST_UNIT_READY)[0], "CC 6/47/7f")
    for one in [s, *others]:
        expect(one.run(TEST_UNIT_READY)[0], "GOOD")


@case
def connections_up_to_the_maximum_and_one_more(t):
    """F22, RFC 7143 6.3.3, 13.2: four are agreed on."""
    s = several(t)
    others = [join(t, s, 10 + i) for i in range(3)]
    login = start_join(t, s, 77)
    login.send(login.request(OF_A_CONNECTION, nsg=3))
    words = expect(login.recv().label(), "LS 0206")
    for one in [s, *others]:
        expect(one.run(TEST_UNIT_READY)[0], "GOOD")
    return words


# [RFC7143 4.2.2.1-6, 4.2.5.1-1]
@case
def commands_of_four_connections_run_in_order(t):
    """RFC 7143 4.2.2.1: what comes early waits for the other connection."""
    s = several(t)
    all_of_them = [s] + [join(t, s, 10 + i) for i in range(3)]
    commands = [one.command(TEST_UNIT_READY) for one in all_of_them]
    for one, command in reversed(list(zip(all_of_them, commands))):
        if one is s:
            time.sleep(0.05)
        one.send(command)
        if one is not s and one.conn.has_input():
            raise Wrong("an answer before its turn")
    for one, command in zip(all_of_them, commands):
        expect(one.status(command).label(), "GOOD")
    return "four in order"


@case
def join_by_another_initiator_is_refused(t):
    """RFC 7143 6.3.3: TSIH and ISID of a session of somebody else."""
    s = several(t)
    login = t.start(t.identity(initiator="iqn.2026-01.test:somebody-else",
                               isid=s.isid), tsih=s.tsih, cid=9)
    words = expect(whole_login(login), "LS 020a", "CLOSE")
    s.ping()
    return words


# [RFC7143 13-1]
@case
def join_with_a_leading_key_is_refused(t):
    """RFC 7143 13: keys that only the leading connection may negotiate."""
    s = several(t)
    for key, value in (("MaxConnections", "8"), ("MaxBurstLength", "1024"),
                       ("ErrorRecoveryLevel", "2"), ("InitialR2T", "Yes")):
        login = start_join(t, s, 9)
        login.send(login.request({key: value}, nsg=3))
        expect(login.recv().label(), "LS 0200")
    s.ping()
    return "initiator error"


@case
def join_does_not_acknowledge_commands(t):
    """RFC 7143 4.2.2.1: the answers of the login phase do not move the
    window of the session."""
    s = several(t)
    s.ping()
    login = t.start(t.identity(isid=s.isid), tsih=s.tsih, cid=9)
    login.cmdsn = s.cmdsn + 100     # it says more than it has sent
    got = login.need(login.request(list(
        login.identity.leading_keys().items()) + [
            ("AuthMethod", "CHAP,None" if t.user else "None")],
        transit=not t.user))
    if (got.maxcmdsn - (got.expcmdsn - 1)) & 0xFFFFFFFF < 1 << 31:
        raise Wrong("ExpCmdSN %d, MaxCmdSN %d in a login response"
                    % (got.expcmdsn, got.maxcmdsn))
    login.close()
    expect(s.run(TEST_UNIT_READY)[0], "GOOD")
    return "a pair to be ignored"


# [RFC7143 6.3.4-1]
@case
def connection_is_reinstated_while_another_goes_on(t):
    """F37, RFC 7143 6.3.4: same ISID, TSIH and CID."""
    s = several(t, {"ImmediateData": "No"})
    old = join(t, s, 9)
    t.fill(s, 300, 8, 0x33)
    write = old.command(write10(300, 8), 8 * t.block_bytes, WRITE)
    old.send(write)
    r2t = await_r2t(old, write)
    new = join(t, s, 9)
    if not old.conn.wait_closed():
        raise Wrong("the old connection is still open")
    # Data for the task of the old connection finds nobody.
    new.send(new.data_out(write, 0, b"\xee" * r2t.r2t_length, r2t.ttt))
    outcome(new, "SILENCE")
    expect_cleared(new, s)
    t.must_hold(new, 300, 8, 0x33)
    t.must_hold(s, 300, 8, 0x33)
    return "its task ended, the other connection goes on"


# [RFC7143 4.2.1-2t, 6.3.4-1]
@case
def only_connection_is_reinstated(t):
    """F37, RFC 7143 6.3.4: the session outlives its only connection."""
    s = several(t)
    new = join(t, s, s.cid)
    if not s.conn.wait_closed():
        raise Wrong("the old connection is still open")
    expect(new.run(TEST_UNIT_READY)[0], "GOOD")     # no unit attention
    return "same session"


@case
def connection_is_reinstated_a_hundred_times(t):
    """F37, RFC 7143 6.3.4: nothing piles up."""
    s = several(t)
    for _ in range(100):
        one = join(t, s, 9)
        one.send(one.command(TEST_UNIT_READY))
    s.send(s.nop(b"x"))
    one = join(t, s, 9)
    one.ping()
    return "a hundred times"


@case
def two_logins_race_for_one_cid(t):
    """RFC 7143 6.3.4: both at once; one of them is there afterwards."""
    s = several(t)
    logins = [start_join(t, s, 9) for _ in range(8)]
    for login in logins:
        login.send(login.request(OF_A_CONNECTION, nsg=3))
    alive = []
    for login in logins:
        try:
            got = login.recv()
            login.expstatsn = got.statsn + 1
            if got.label() == "LS 0000":
                alive.append(Sibling(s, login, t.lun, OF_A_CONNECTION))
        except Closed:
            pass
    lives = 0
    for one in alive:
        try:
            one.ping()
            lives += 1
        except (Closed, OSError):
            pass
    s.ping()
    if lives != 1:
        raise Wrong("%d connections have the CID" % lives)
    return "one of eight"


@case
def session_ends_while_connections_join(t):
    """RFC 7143 6.3.3: logout of the session, joins in the middle."""
    for _ in range(20):
        s = several(t)
        logins = [start_join(t, s, 9 + i) for i in range(2)]
        s.send(s.logout())
        for login in logins:
            login.send(login.request(OF_A_CONNECTION, nsg=3))
        for login in logins:
            try:
                expect(login.recv().label(), "LS 020a", "LS 0000", "LS 0206")
            except Closed:
                pass
            login.close()
        s.close()
    return "twenty times"


# [RFC7143 7.1.4-1]
@case
def join_that_is_cut_leaves_the_session_alone(t):
    """RFC 7143 6.3.3: the connection ends at each step of its login."""
    s = several(t)
    for step in range(3):
        login = t.start(t.identity(isid=s.isid), tsih=s.tsih, cid=9)
        if step:
            login.pass_security()
        if step == 2:
            login.send(login.request(OF_A_CONNECTION, nsg=3))
        login.close()
    s.ping()
    one = join(t, s, 9)
    expect(one.run(TEST_UNIT_READY)[0], "GOOD")
    return "three steps"


# [RFC7143 11.14-3]
@case
def connection_logs_another_one_out(t):
    """RFC 7143 11.14: close the connection, CID of another."""
    s = several(t)
    other = join(t, s, 9)
    logout = s.logout(reason=1, cid=9)
    s.send(logout)
    got = s.recv()
    if got.opcode != LOGOUT_RESPONSE or got.byte2:
        raise Wrong("%s instead of a Logout Response" % got.label())
    if not other.conn.wait_closed():
        raise Wrong("the other connection is still open")
    join(t, s, 9).ping()
    expect(s.run(TEST_UNIT_READY)[0], "GOOD")   # it had nothing to do
    return "closed, then answered"


@case
def connection_that_writes_is_logged_out_by_another(t):
    """RFC 7143 11.14.5: what it did has ended when the answer leaves."""
    s = several(t, {"ImmediateData": "No"})
    other = join(t, s, 9)
    write = other.command(write10(300, 8), 8 * t.block_bytes, WRITE)
    other.send(write)
    await_r2t(other, write)
    s.send(s.logout(reason=1, cid=9))
    expect(s.recv().label(), "LOGOUT 0")
    expect_cleared(s)
    return "told once"


@case
def connection_logs_itself_out_and_others_stay(t):
    """RFC 7143 11.14: close the connection, its own CID."""
    s = several(t, {"ImmediateData": "No"})
    other = join(t, s, 9)
    third = join(t, s, 10)
    s.send(s.logout(reason=1))
    expect(s.recv().label(), "LOGOUT 0")
    if not s.conn.wait_closed():
        raise Wrong("the connection is still open")
    expect(other.run(TEST_UNIT_READY)[0], "GOOD")
    write = third.command(write10(300, 8), 8 * t.block_bytes, WRITE)
    third.send(write)
    await_r2t(third, write)
    third.send(third.logout(reason=1, cid=10))
    expect(third.recv().label(), "LOGOUT 0")
    expect_cleared(other)
    return "the other goes on"


# [RFC7143 11.14-3, 11.15-1t]
@case
def last_connection_ends_the_session(t):
    """RFC 7143 8.3: close the connection, and there is no other."""
    s = several(t)
    s.send(s.logout(reason=1))
    expect(s.recv().label(), "LOGOUT 0")
    login = t.start(t.identity(isid=s.isid), tsih=s.tsih, cid=9)
    words = expect(whole_login(login), "LS 020a")
    return words


@case
def logout_of_the_session_closes_all(t):
    """RFC 7143 11.14: close the session."""
    s = several(t)
    others = [join(t, s, 9 + i) for i in range(3)]
    s.send(s.logout(reason=0))
    for one in [s, *others]:
        if not one.conn.wait_closed():
            raise Wrong("a connection is still open")
    return "four closed"


# [RFC7143 4.2.6-1, 4.2.6-2, 7.1.4.3-4b]
@case
def connection_that_breaks_the_rules_is_announced_to_another(t):
    """RFC 7143 11.9.1 event 2: we drop one, the other is told."""
    s = several(t)
    other = join(t, s, 9)
    bad = other.nop(b"")
    bad.byte0 = 0x03                # a login request, here
    other.send(bad)
    if not other.conn.wait_closed():
        raise Wrong("the connection is still open")
    got = s.recv()
    if got.opcode != ASYNC:
        raise Wrong("%s instead of an Asynchronous Message" % got.label())
    event, cid = got.header[36], int.from_bytes(got.header[38:40], "big")
    if (event, cid) != (2, 9):
        raise Wrong("event %d of CID %d" % (event, cid))
    s.ping()
    return "dropped, and said so"


# [RFC7143 7.14-2]
@case
def session_is_reinstated_that_has_four_connections(t):
    """F36, RFC 7143 6.3.5: all of them end."""
    s = several(t)
    others = [join(t, s, 9 + i) for i in range(3)]
    new = t.session(MORE, identity=t.identity(isid=s.isid))
    for one in [s, *others]:
        if not one.conn.wait_closed():
            raise Wrong("a connection of the old session is open")
    new.ping()
    join(t, new, 9).ping()
    return "four closed"


@case
def lost_connection_with_writes_leaves_nothing_behind(t):
    """F10, RFC 7143 7.2: its tasks end, the others go on."""
    s = several(t, {"ImmediateData": "No"})
    t.fill(s, 400, 16, 0x44)
    other = join(t, s, 9)
    for i in range(8):
        other.send(other.command(write10(400 + 2 * i, 2),
                                 2 * t.block_bytes, WRITE))
    s.ping()
    other.close()
    join(t, s, 9)                   # when all of it is gone
    expect_cleared(s)
    for _ in range(3):
        t.must_hold(s, 400, 16, 0x44)
    new = join(t, s, 9)
    t.fill(new, 400, 16, 0x45)
    t.must_hold(s, 400, 16, 0x45)
    return "nothing was written"
