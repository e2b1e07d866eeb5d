"""The golden bytes' meaning: for each vector the value it stands for."""

from __future__ import annotations

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
    Command,
    ContextResult,
    CStoreRQ,
    CStoreRSP,
    NActionRQ,
    NActionRSP,
    NEventReportRQ,
    NEventReportRSP,
    PDataTF,
    Pdu,
    PresentationContext,
    PresentationDataValue,
    ReleaseRP,
    ReleaseRQ,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentity,
    UserInformation,
    encode_command,
)

__all__ = ["COMMANDS", "PDUS"]

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
PUSH = "1.2.840.10008.1.20.1"
PUSH_INSTANCE = "1.2.840.10008.1.20.1.1"
INSTANCE = "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
DCMTK = UserInformation(16384, "1.2.276.0.7230010.3.0.3.6.7", "OFFIS_DCMTK_367")

STORE_REQUEST = CStoreRQ(1, CT, INSTANCE)

PDUS: dict[str, Pdu] = {
    "associate_rq_dcmtk": AssociateRQ(
        "ANY-SCP",
        "DCMSEND",
        (PresentationContext(1, CT, (EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT_LITTLE)),),
        DCMTK,
    ),
    "associate_rq_all_items": AssociateRQ(
        "STORE SCP",
        "A234567890123456",
        (
            PresentationContext(1, "1.2.840.10008.1.1", (IMPLICIT_LITTLE,)),
            PresentationContext(255, MR, ("1.2.840.10008.1.2.4.90",)),
        ),
        UserInformation(
            max_length=0,
            implementation_class_uid="2.25.7",
            implementation_version_name="V 1",
            asynchronous_operations_window=AsynchronousOperationsWindow(max_invoked=8, max_performed=0),
            role_selections=(RoleSelection(MR, scu_role=False, scp_role=True),),
            sop_class_extended_negotiations=(SOPClassExtendedNegotiation(MR, bytes((2, 0, 3, 0, 1, 0))),),
            common_extended_negotiations=(
                SOPClassCommonExtendedNegotiation(
                    MR, "1.2.840.10008.4.2", ("1.2.840.10008.5.1.4.1.1.4.1", "1.2.3.4")
                ),
            ),
            user_identity=UserIdentity(2, b"alice", b"secret", response_requested=True),
        ),
    ),
    "associate_ac_dcmtk": AssociateAC("ANY-SCP", "DCMSEND", (ContextResult(1, 0, EXPLICIT_LITTLE),), DCMTK),
    "associate_ac_all_items": AssociateAC(
        "B",
        "A",
        (
            ContextResult(1, 0, IMPLICIT_LITTLE),
            ContextResult(3, 1, IMPLICIT_LITTLE),
            ContextResult(5, 2, IMPLICIT_LITTLE),
            ContextResult(7, 3, IMPLICIT_LITTLE),
            ContextResult(9, 4, IMPLICIT_LITTLE),
        ),
        UserInformation(
            max_length=131072,
            implementation_class_uid="2.25.9",
            implementation_version_name="V2",
            asynchronous_operations_window=AsynchronousOperationsWindow(max_invoked=1, max_performed=16),
            role_selections=(RoleSelection(MR, scu_role=True, scp_role=False),),
            sop_class_extended_negotiations=(SOPClassExtendedNegotiation(MR, bytes((2,))),),
            user_identity_response=b"okay",
        ),
    ),
    "associate_rj": AssociateRJ(2, 3, 2),
    "p_data_tf_dcmtk": PDataTF((PresentationDataValue(1, True, True, encode_command(STORE_REQUEST)),)),
    "p_data_tf_two_values": PDataTF(
        (PresentationDataValue(3, False, False, b"abcd"), PresentationDataValue(3, False, True, b"ef"))
    ),
    "release_rq": ReleaseRQ(),
    "release_rp": ReleaseRP(),
    "abort": Abort(2, 6),
}

COMMANDS: dict[str, Command] = {
    "c_store_rsp_dcmtk": CStoreRSP(1, 0x0000, CT, INSTANCE),
    "c_store_rsp_all_fields": CStoreRSP(
        65535, 0xA900, "1.2.3", "1.25", "wrong", (0x00080018, 0x7FE00010), 0x1234
    ),
    "c_echo_rq": CEchoRQ(258),
    "c_echo_rsp": CEchoRSP(258, 0x0122),
    "c_find_rq": CFindRQ(4, FIND, 2),
    "c_find_rsp_match": CFindRSP(4, 0xFF00, FIND, has_data_set=True),
    "c_find_rsp_all_fields": CFindRSP(4, 0xA700, FIND, False, "wrong", (0x00080018, 0x0020000E), 0x1234),
    "c_cancel_rq": CCancelRQ(4),
    "n_action_rq": NActionRQ(5, PUSH, PUSH_INSTANCE),
    "n_action_rsp": NActionRSP(5, 0x0213, PUSH, PUSH_INSTANCE, 1, False, "busy", 7),
    "n_event_report_rq": NEventReportRQ(6, PUSH, PUSH_INSTANCE, 2),
    "n_event_report_rsp": NEventReportRSP(6, 0x0000, PUSH, PUSH_INSTANCE, 2),
}
