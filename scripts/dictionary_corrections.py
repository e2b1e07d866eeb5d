"""Corrections that the table generator makes to pydicom's data dictionaries, and the reasons.

They rest on DCMTK 3.6.7's dictionary files: `tests/dicom/test_data_dictionary.py` compares every entry.
"""

from __future__ import annotations

# pydicom's words for a VR that depends on other elements -> DCMTK's two letters.
AMBIGUOUS_VRS = {
    "US or SS": "xs",
    "OB or OW": "ox",
    "OB_OW": "ox",
    "US or OW": "lt",
    "US or SS or OW": "lt",
}

# tag: (VR, keyword).  Pixel Data has a name of its own; offsets of a DICOMDIR are numbers, whatever DCMTK does to them.
ELEMENTS = {
    0x00060001: ("SQ", "CurrentFrameFunctionalGroupsSequence"),  # PS3.22, not in PS3.6's table
    0x7FE00010: ("px", "PixelData"),
    0xFFFEE000: ("na", "Item"),
    0xFFFEE00D: ("na", "ItemDelimitationItem"),
    0xFFFEE0DD: ("na", "SequenceDelimitationItem"),
}

# Private creators that are spelled in two ways by one vendor -> the spelling pydicom has.
PRIVATE_CREATOR_ALIASES = {
    "PHILIPS IMAGING DD 001": "Philips Imaging DD 001",
    "PHILIPS MR IMAGING DD 001": "Philips MR Imaging DD 001",
}

# (creator, group): low bytes of the element numbers -> VR.
PRIVATE_ELEMENTS = {
    # Number of Stack Slices is SS under (2001,xx2D), too.
    ("Philips MR Imaging DD 001", 0x2005): ((0x2D,), "SS"),
    # GE's ultrasound devices put encapsulated pixel data there; DCMTK reads it as such.
    ("GEMS_Ultrasound_MovieGroup_001", 0x7FE1): ((0x60,), "px"),
    # Here the sources disagree about the length of a value, or whether it is text.  UN is always safe: no byte changes.
    ("CARDIO-D.R. 1.0", 0x0029): ((0x02, 0x03), "UN"),
    ("DLX_LKUP_01", 0x6000): ((0x01, 0x02), "UN"),
    ("ELSCINT1", 0x01F1): ((0x26,), "UN"),
    ("GEMS_GENIE_1", 0x0013): ((0x1C, 0x1D), "UN"),
    ("GEMS_IDEN_01", 0x0009): ((0xE8,), "UN"),
    ("INTEGRIS 1.0", 0x0041): ((0x20, 0x30, 0x40, 0x41), "UN"),
    ("SIEMENS CM VA0  CMS", 0x6021): ((0x10,), "UN"),
    ("SIEMENS CT VA0  COAD", 0x0019): ((0xA3, 0xA6, 0xA7, 0xA8), "UN"),
    ("SIEMENS CT VA0  GEN", 0x0019): ((0x44, 0x45), "UN"),
    ("SIEMENS CT VA0  GEN", 0x0021): ((0x20,), "UN"),
    ("SIEMENS CT VA0  RAW", 0x0021): ((0x40, 0x41, 0x42, 0x43, 0x44), "UN"),
    ("SIEMENS MED", 0x0009): ((0x30, 0x31, 0x40), "UN"),
    ("SIEMENS MED", 0x7001): ((0x10,), "UN"),
    ("SIEMENS MED", 0x7003): ((0x10,), "UN"),
    ("SIEMENS MED", 0x7005): ((0x10,), "UN"),
    ("SIEMENS MR VA0  COAD", 0x0019): ((0xA0,), "UN"),
    ("SIEMENS MR VA0  GEN", 0x0021): ((0x50,), "UN"),
    ("SIEMENS RA GEN", 0x0011): ((0x40,), "UN"),
    ("SIEMENS RA GEN", 0x0019): ((0x50, 0x64), "UN"),
    ("SIEMENS RA PLANE A", 0x0019): ((0x20, 0x9A, 0x9C, 0xA0, 0xA2), "UN"),
    ("SIEMENS RA PLANE B", 0x0019): (
        (0x48, 0x4A, 0x5C, 0x5E, 0x60, 0x62, 0x64, 0x66, 0x68, 0x6A, 0x6C, 0x6E, 0x70, 0x78, 0x9E, 0xA8),
        "UN",
    ),
    ("SIEMENS SMS-AX  ORIGINAL IMAGE INFO 1.0", 0x0025): ((0x14,), "UN"),
    ("TOSHIBA_MEC_CT_1.0", 0x0019): ((0x0C,), "UN"),
}
