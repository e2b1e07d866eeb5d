"""The transfer syntaxes of the generated table; UIDs without the prefix 1.2.840.10008. but for private ones.

Names and losses were observed with DCMTK 3.6.7; `tests/dicom/test_transfer_syntax.py` observes them again.
"""

from __future__ import annotations

# Transfer syntaxes known to DCMTK 3.6.7: display name, flags.  n native (uncompressed), i implicit VR, b big endian,
# d deflated (whole data set), e encapsulated pixel data, l lossy as DCMTK counts it, r retired.
# Processes 15, 28 and 29 of lossless JPEG (4.58, 4.65, 4.66) are counted lossy there.
TRANSFER_SYNTAXES = {
    "1.2": ("Little Endian Implicit", "ni"),
    "1.2.1": ("Little Endian Explicit", "n"),
    "1.2.2": ("Big Endian Explicit", "nbr"),
    "1.2.1.99": ("Deflated Explicit VR Little Endian", "d"),
    "1.2.4.50": ("JPEG Baseline", "el"),
    "1.2.4.51": ("JPEG Extended, Process 2+4", "el"),
    "1.2.4.52": ("JPEG Extended, Process 3+5", "elr"),
    "1.2.4.53": ("JPEG Spectral Selection, Non-hierarchical, Process 6+8", "elr"),
    "1.2.4.54": ("JPEG Spectral Selection, Non-hierarchical, Process 7+9", "elr"),
    "1.2.4.55": ("JPEG Full Progression, Non-hierarchical, Process 10+12", "elr"),
    "1.2.4.56": ("JPEG Full Progression, Non-hierarchical, Process 11+13", "elr"),
    "1.2.4.57": ("JPEG Lossless, Non-hierarchical, Process 14", "e"),
    "1.2.4.58": ("JPEG Lossless, Non-hierarchical, Process 15", "elr"),
    "1.2.4.59": ("JPEG Extended, Hierarchical, Process 16+18", "elr"),
    "1.2.4.60": ("JPEG Extended, Hierarchical, Process 17+19", "elr"),
    "1.2.4.61": ("JPEG Spectral Selection, Hierarchical, Process 20+22", "elr"),
    "1.2.4.62": ("JPEG Spectral Selection, Hierarchical, Process 21+23", "elr"),
    "1.2.4.63": ("JPEG Full Progression, Hierarchical, Process 24+26", "elr"),
    "1.2.4.64": ("JPEG Full Progression, Hierarchical, Process 25+27", "elr"),
    "1.2.4.65": ("JPEG Lossless, Hierarchical, Process 28", "elr"),
    "1.2.4.66": ("JPEG Lossless, Hierarchical, Process 29", "elr"),
    "1.2.4.70": ("JPEG Lossless, Non-hierarchical, 1st Order Prediction", "e"),
    "1.2.4.80": ("JPEG-LS Lossless", "e"),
    "1.2.4.81": ("JPEG-LS Lossy (Near-lossless)", "el"),
    "1.2.4.90": ("JPEG 2000 (Lossless only)", "e"),
    "1.2.4.91": ("JPEG 2000 (Lossless or Lossy)", "el"),
    "1.2.4.92": ("JPEG 2000 Part 2 Multicomponent Image Compression (Lossless only)", "e"),
    "1.2.4.93": ("JPEG 2000 Part 2 Multicomponent Image Compression (Lossless or Lossy)", "el"),
    "1.2.4.94": ("JPIP Referenced", "l"),
    "1.2.4.95": ("JPIP Referenced Deflate", "dl"),
    "1.2.4.100": ("MPEG2 Main Profile @ Main Level", "el"),
    "1.2.4.101": ("MPEG2 Main Profile @ High Level", "el"),
    "1.2.4.102": ("MPEG-4 AVC/H.264 High Profile / Level 4.1", "el"),
    "1.2.4.103": ("MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", "el"),
    "1.2.4.104": ("MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", "el"),
    "1.2.4.105": ("MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", "el"),
    "1.2.4.106": ("MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", "el"),
    "1.2.4.107": ("HEVC/H.265 Main Profile / Level 5.1", "el"),
    "1.2.4.108": ("HEVC/H.265 Main 10 Profile / Level 5.1", "el"),
    "1.2.5": ("RLE Lossless", "e"),
}

# Not in PS3.6; GE's, with big endian pixel data in an otherwise little endian data set.
PRIVATE_TRANSFER_SYNTAXES = {
    "1.2.840.113619.5.2": ("Private GE Little Endian Implicit with big endian pixel data", "i"),
}

# Transfer syntaxes that DCMTK 3.6.7 refuses to send, named in its style.  SMPTE ST 2110 has no pixel data in the data
# set; with "e" it is proposed alone, as it should be.
YOUNGER_TRANSFER_SYNTAXES = {
    "1.2.1.98": ("Encapsulated Uncompressed Explicit VR Little Endian", "e"),
    "1.2.4.100.1": ("Fragmentable MPEG2 Main Profile @ Main Level", "el"),
    "1.2.4.101.1": ("Fragmentable MPEG2 Main Profile @ High Level", "el"),
    "1.2.4.102.1": ("Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1", "el"),
    "1.2.4.103.1": ("Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", "el"),
    "1.2.4.104.1": ("Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", "el"),
    "1.2.4.105.1": ("Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", "el"),
    "1.2.4.106.1": ("Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", "el"),
    "1.2.4.110": ("JPEG XL Lossless", "e"),
    "1.2.4.111": ("JPEG XL JPEG Recompression", "el"),
    "1.2.4.112": ("JPEG XL", "el"),
    "1.2.4.201": ("High-Throughput JPEG 2000 (Lossless only)", "e"),
    "1.2.4.202": ("High-Throughput JPEG 2000 with RPCL Options (Lossless only)", "e"),
    "1.2.4.203": ("High-Throughput JPEG 2000 (Lossless or Lossy)", "el"),
    "1.2.4.204": ("JPIP HTJ2K Referenced", "l"),
    "1.2.4.205": ("JPIP HTJ2K Referenced Deflate", "dl"),
    "1.2.7.1": ("SMPTE ST 2110-20 Uncompressed Progressive Active Video", "e"),
    "1.2.7.2": ("SMPTE ST 2110-20 Uncompressed Interlaced Active Video", "e"),
    "1.2.7.3": ("SMPTE ST 2110-30 PCM Digital Audio", "e"),
    "1.2.8.1": ("Deflated Image Frame Compression", "e"),
}

# Transfer syntax UIDs of PS3.6 that do not describe a data set as PS3.5 lays it out; DCMTK does not know them either.
NOT_A_DATA_SET_ENCODING = {
    "1.2.6.1",  # RFC 2557 MIME encapsulation, retired
    "1.2.6.2",  # XML encoding, retired
    "1.20",  # Papyrus 3, retired
}
