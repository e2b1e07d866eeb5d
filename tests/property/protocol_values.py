"""Strategies that make PDUs and commands of every kind."""

from __future__ import annotations

from hypothesis import strategies as st

from dcmsend.protocol import (
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    AsynchronousOperationsWindow,
    CCancelRQ,
    CEchoRQ,
    CEchoRSP,
    CFindRQ,
    CFindRSP,
    ContextResult,
    CStoreRQ,
    CStoreRSP,
    NActionRQ,
    NActionRSP,
    NEventReportRQ,
    NEventReportRSP,
    PDataTF,
    PresentationContext,
    PresentationDataValue,
    ReleaseRP,
    ReleaseRQ,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentity,
    UserInformation,
)

__all__ = ["associate_acs", "associate_rqs", "commands", "data_pdus", "pdus"]

octets = st.integers(0, 255)
uint16s = st.integers(0, 0xFFFF)
uids = st.lists(st.integers(0, 10**14), min_size=2, max_size=4).map(lambda numbers: ".".join(map(str, numbers)))
optional_uids = st.none() | uids
# any bytes that do not end with padding; those that are no text become surrogates, as on a command line
titles = (
    st.binary(min_size=1, max_size=16)
    .filter(lambda title: title[-1:] not in b"\0 ")
    .map(lambda title: title.decode("utf-8", "surrogateescape"))
)
names = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=16).filter(
    lambda text: text.rstrip(" ") == text
)
comments = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=64).filter(
    lambda text: text.rstrip(" ") == text
)

windows = st.builds(AsynchronousOperationsWindow, uint16s, uint16s)
roles = st.builds(RoleSelection, uids, st.booleans(), st.booleans())
extended = st.builds(SOPClassExtendedNegotiation, uids, st.binary(max_size=20))
common = st.builds(SOPClassCommonExtendedNegotiation, uids, uids, st.lists(uids, max_size=3).map(tuple))
identities = st.builds(UserIdentity, octets, st.binary(max_size=30), st.binary(max_size=30), st.booleans())
user_informations = st.builds(
    UserInformation,
    st.integers(0, 0xFFFFFFFF),
    st.just("") | uids,
    names,
    st.none() | windows,
    st.lists(roles, max_size=2).map(tuple),
    st.lists(extended, max_size=2).map(tuple),
    st.lists(common, max_size=2).map(tuple),
    st.none() | identities,
    st.none() | st.binary(max_size=20),
)
proposals = st.builds(PresentationContext, octets, uids, st.lists(uids, max_size=3).map(tuple))
results = st.builds(ContextResult, octets, octets, st.just("") | uids)
associate_rqs = st.builds(
    AssociateRQ, titles, titles, st.lists(proposals, max_size=4).map(tuple), user_informations, uids, uint16s
)
associate_acs = st.builds(
    AssociateAC,
    st.just("") | titles,
    st.just("") | titles,
    st.lists(results, max_size=4).map(tuple),
    user_informations,
    uids,
    uint16s,
)
fragments = st.builds(PresentationDataValue, octets, st.booleans(), st.booleans(), st.binary(max_size=40))
data_pdus = st.builds(PDataTF, st.lists(fragments, min_size=1, max_size=4).map(tuple))
pdus = st.one_of(
    associate_rqs,
    associate_acs,
    st.builds(AssociateRJ, octets, octets, octets),
    data_pdus,
    st.builds(ReleaseRQ),
    st.builds(ReleaseRP),
    st.builds(Abort, octets, octets),
)
optional_comments = st.none() | comments
optional_uint16s = st.none() | uint16s
tags = st.lists(st.integers(0, 0xFFFFFFFF), max_size=4).map(tuple)
normalized_responses = (
    uint16s, uint16s, optional_uids, optional_uids, optional_uint16s, st.booleans(), optional_comments,
    optional_uint16s,
)  # fmt: skip
commands = st.one_of(
    st.builds(CStoreRQ, uint16s, uids, uids, uint16s, st.booleans()),
    st.builds(
        CStoreRSP,
        uint16s,
        uint16s,
        optional_uids,
        optional_uids,
        optional_comments,
        tags,
        optional_uint16s,
    ),
    st.builds(CEchoRQ, uint16s, uids),
    st.builds(CEchoRSP, uint16s, uint16s, optional_uids),
    st.builds(CFindRQ, uint16s, uids, uint16s, st.booleans()),
    st.builds(
        CFindRSP, uint16s, uint16s, optional_uids, st.booleans(), optional_comments, tags, optional_uint16s
    ),
    st.builds(CCancelRQ, uint16s),
    st.builds(NActionRQ, uint16s, uids, uids, uint16s, st.booleans()),
    st.builds(NActionRSP, *normalized_responses),
    st.builds(NEventReportRQ, uint16s, uids, uids, uint16s, st.booleans()),
    st.builds(NEventReportRSP, *normalized_responses),
)
