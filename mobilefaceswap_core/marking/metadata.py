"""Stating in the file, for people and machines, that its faces were swapped: XMP, PNG text, MP4 tags.

The XMP packet uses IPTC's ``DigitalSourceType``, which platforms read to label media made with AI.
Source: IPTC Photo Metadata Standard 2025.1; XMP Specification Part 3 (where each format keeps a packet).
"""

from __future__ import annotations

import mmap
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from ..errors import ImageError, OptionError
from ..files.formats import SIGNATURE_BYTES, format_of, format_of_content

SOFTWARE = "MobileFaceSwap in PyTorch"
DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
STATEMENT = "AI-modified: faces in this media were swapped by software."
XMP_KEYWORD = "XML:com.adobe.xmp"
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MP4_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_GIF_XMP = b"\x21\xff\x0bXMP DataXMP"
# GIF readers skip an extension in sub-blocks; this ramp ends it wherever they land in the packet (XMP part 3, 1.1.2).
_GIF_TRAILER = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_DC = "http://purl.org/dc/elements/1.1/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_MAX_PACKET = 1 << 20
_XMP_CLOSE = b"</x:xmpmeta>"
_MAX_SCAN = 64 << 20  # bytes looked at, at either end of a file


def xmp_packet(*, model: str, version: str) -> str:
    """The XMP packet of a swapped image or clip."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}">'
        f'<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="{_IPTC}" xmlns:xmp="{_XMP}" xmlns:dc="{_DC}"'
        f' Iptc4xmpExt:DigitalSourceType="{DIGITAL_SOURCE_TYPE}"'
        f" Iptc4xmpExt:AISystemUsed={quoteattr(model)} Iptc4xmpExt:AISystemVersionUsed={quoteattr(version)}"
        f" xmp:CreatorTool={quoteattr(f'{SOFTWARE} {version}')}>"
        f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(STATEMENT)}</rdf:li></rdf:Alt></dc:description>'
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def metadata_text(*, model: str, version: str) -> dict[str, str]:
    """What a file carries as text: PNG keywords, EXIF description or MP4 tags, and the XMP packet.

    Returns:
        ``Software``, ``Comment``, ``Model`` and the packet under :data:`XMP_KEYWORD`: the form that
        ``images.write_image(text=...)`` takes.
    """
    return {
        "Software": f"{SOFTWARE} {version}",
        "Comment": STATEMENT,
        "Model": model,
        XMP_KEYWORD: xmp_packet(model=model, version=version),
    }


def clip_tags(*, model: str, version: str) -> dict[str, str]:
    """The tags of a clip that players show; ``title`` stays the clip's own."""
    return {
        "comment": STATEMENT,
        "encoded_by": f"{SOFTWARE} {version}",
        "model": model,
        "digital_source_type": DIGITAL_SOURCE_TYPE,
    }


def embed_metadata(data: bytes, *, model: str, version: str) -> bytes:
    """Put the statement into an encoded PNG, JPEG, WebP or GIF (still or animated) without touching a pixel.

    An XMP packet that is there already is replaced; other metadata stay.

    Raises:
        OptionError: a format without a place for it (BMP), or one that only :func:`~mobilefaceswap_core.files.images.write_image`
            can write it to (TIFF).
        ImageError: the file is damaged.
    """
    packet = xmp_packet(model=model, version=version).encode()
    row = format_of_content(data[:SIGNATURE_BYTES])
    name = "" if row is None else row.name
    try:
        if name == "PNG":
            return _into_png(data, metadata_text(model=model, version=version))
        if name == "JPEG":
            return _into_jpeg(data, packet)
        if name == "WebP":
            return _into_webp(data, packet)
        if name == "GIF":
            return _into_gif(data, packet)
    except (struct.error, IndexError) as error:
        raise ImageError(f"The file is damaged ({error}); metadata were not added. Write it again.") from error
    raise OptionError("This format has no place for the statement; wanted PNG, JPEG, WebP or GIF.")


def read_metadata(path: Path) -> dict[str, str]:
    """The statement in a file's XMP packet: ``source_type``, ``software``, ``model``, ``version``; empty without one."""
    for packet in _packets(path):
        if b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:  # entities could expand without end
            continue
        try:
            root = ElementTree.fromstring(packet)
        except ElementTree.ParseError:
            continue
        found: dict[str, str] = {}
        for element in root.iter(f"{{{_RDF}}}Description"):
            for key, name in (
                ("source_type", f"{{{_IPTC}}}DigitalSourceType"),
                ("model", f"{{{_IPTC}}}AISystemUsed"),
                ("version", f"{{{_IPTC}}}AISystemVersionUsed"),
                ("software", f"{{{_XMP}}}CreatorTool"),
            ):
                child = element.find(name)  # both XMP spellings: attribute and element
                value = element.get(name) or (child.text if child is not None else None)
                if value:
                    found.setdefault(key, value.strip())
        if found.get("source_type"):
            return found
    return {}


def _packets(path: Path) -> Iterator[bytes]:
    """Every XMP packet near the beginning or the end of a file."""
    if path.stat().st_size == 0:
        return
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        spans = [(0, min(len(data), _MAX_SCAN)), (max(_MAX_SCAN, len(data) - _MAX_SCAN), len(data))]
        for first, last in spans:
            # From each closing tag back to the last opening one: a file full of tags is still read only once.
            end = data.find(_XMP_CLOSE, first, last)
            while end >= 0:
                start = data.rfind(b"<x:xmpmeta", max(first, end - _MAX_PACKET), end)
                if start >= 0:
                    yield data[start : end + len(_XMP_CLOSE)]
                first = end + len(_XMP_CLOSE)
                end = data.find(_XMP_CLOSE, first, last)


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _into_png(data: bytes, text: dict[str, str]) -> bytes:
    keywords = [key.encode() for key in text]
    chunks, at = [data[:8]], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data) or (at == 8) != (kind == b"IHDR"):
            raise struct.error(f"the chunk at byte {at} is cut or out of place")
        ours = kind in (b"tEXt", b"iTXt", b"zTXt") and data[at + 8 : end].split(b"\0", 1)[0] in keywords
        if not ours:
            chunks.append(data[at:end])
        if kind == b"IHDR":
            for key, value in text.items():
                chunks.append(_png_chunk(b"iTXt", key.encode() + b"\0\0\0\0\0" + value.encode()))
        at = end
    if at == 8:
        raise struct.error("nothing follows the signature")
    return b"".join(chunks)


def _into_jpeg(data: bytes, packet: bytes) -> bytes:
    head, at = [data[:2]], 2
    while data[at] == 0xFF and 0xE0 <= data[at + 1] <= 0xEF:  # application segments come first
        (length,) = struct.unpack_from(">H", data, at + 2)
        if not (data[at + 1] == 0xE1 and data[at + 4 :].startswith(_JPEG_XMP)):
            head.append(data[at : at + 2 + length])
        at += 2 + length
    body = _JPEG_XMP + packet
    ours = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    # JFIF and EXIF want to be first, in that order; everything else may follow.
    first = [s for s in head[1:] if s[1] == 0xE0 or s[4:].startswith(b"Exif\0")]
    rest = [s for s in head[1:] if not (s[1] == 0xE0 or s[4:].startswith(b"Exif\0"))]
    return b"".join([head[0], *first, ours, *rest, data[at:]])


def _into_webp(data: bytes, packet: bytes) -> bytes:
    chunks: list[tuple[bytes, bytes]] = []
    at, end = 12, 8 + struct.unpack_from("<I", data, 4)[0]
    while at + 8 <= min(end, len(data)):
        (length,) = struct.unpack_from("<I", data, at + 4)
        chunks.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + (length & 1)
    if chunks[0][0] == b"VP8X":
        extended = bytearray(chunks.pop(0)[1])
    else:
        extended = bytearray(10)
        extended[4:7], extended[7:10] = _webp_canvas(*chunks[0])
        if chunks[0][0] == b"VP8L" and chunks[0][1][4] & 0x10:
            extended[0] |= 0x10  # the lossless stream says it has transparency
    extended[0] |= 0x04
    kept = [(b"VP8X", bytes(extended)), *(c for c in chunks if c[0] != b"XMP "), (b"XMP ", packet)]
    body = b"".join(k + struct.pack("<I", len(v)) + v + b"\0" * (len(v) & 1) for k, v in kept)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _webp_canvas(kind: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Width - 1 and height - 1 as three bytes each, from a simple WebP's only chunk."""
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", body, 1)
        width, height = bits & 0x3FFF, bits >> 14 & 0x3FFF
    else:
        width, height = ((v & 0x3FFF) - 1 for v in struct.unpack_from("<HH", body, 6))
    return struct.pack("<I", width)[:3], struct.pack("<I", height)[:3]


def _into_gif(data: bytes, packet: bytes) -> bytes:
    table = 3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0
    at = 13 + table
    old = data.find(_GIF_XMP)
    if old >= 0:
        end = data.find(_GIF_TRAILER, old) + len(_GIF_TRAILER)
        data = data[:old] + data[end:]
    ours = _GIF_XMP + packet + _GIF_TRAILER
    # GIF87a knows no extensions.
    return b"GIF89a" + data[6:at] + ours + data[at:]


def append_xmp_box(path: Path, *, model: str, version: str) -> None:
    """Append the packet to an MP4 or MOV, in place: a top-level box at the end moves no other box, so no offset changes.

    Raises:
        ImageError: the boxes do not add up to the file; nothing was written.
    """
    size, at = path.stat().st_size, 0
    with path.open("r+b") as stream:
        while at < size:
            stream.seek(at)
            head = stream.read(16)
            if len(head) < 8:
                raise ImageError(f"The clip is damaged at byte {at}; metadata were not added. Write it again.")
            length = struct.unpack_from(">I", head)[0]
            if length == 1 and len(head) == 16:
                length = struct.unpack_from(">Q", head, 8)[0]
            if length < 8 or at + length > size:
                raise ImageError(f"The clip is damaged at byte {at}; metadata were not added. Write it again.")
            at += length
        body = _MP4_XMP_UUID + xmp_packet(model=model, version=version).encode()
        stream.seek(size)
        stream.write(struct.pack(">I4s", len(body) + 8, b"uuid") + body)


def is_tagged(path: Path) -> bool:
    """Whether a clip's container states, among its tags, that it is synthetic; WebM and Matroska write their names in capitals.

    Requires PyAV.

    Raises:
        VideoError: it cannot be opened.
    """
    from ..files.media import open_media

    with open_media(path) as clip:
        tags = {name.lower(): value for name, value in clip.metadata.items()}
        return tags.get("digital_source_type") == DIGITAL_SOURCE_TYPE


def tag_clip(source: Path, destination: Path, *, model: str, version: str) -> None:
    """Copy a clip and add the tags that players show: ``title`` stays, ``comment`` and ``encoded_by`` are set.

    No packet is decoded or changed; streams keep their tags and dispositions, the clip its chapters. Requires PyAV.

    Raises:
        VideoError: the clip cannot be opened.
        ValueError: it holds a stream that cannot be copied.
    """
    import av

    from ..files.media import file_url, open_media

    row = format_of(source)
    muxer = row.muxer if row is not None and row.muxer else "mp4"
    options = {"movflags": "use_metadata_tags+faststart"}
    with open_media(source) as clip, av.open(file_url(destination), "w", format=muxer, options=options) as copy:
        copy.metadata.update({**clip.metadata, **clip_tags(model=model, version=version)})
        copied = [stream for stream in clip.streams if stream.discard != av.stream.Discard.all]  # the rest are chapters
        streams = {}
        for stream in copied:
            streams[stream.index] = copy.add_stream_from_template(stream)
            streams[stream.index].metadata.update(stream.metadata)
            streams[stream.index].disposition = stream.disposition
        if chapters := clip.chapters():
            copy.set_chapters(chapters)
        for packet in clip.demux(*copied):
            if packet.dts is None:
                continue
            packet.stream = streams[packet.stream.index]
            copy.mux(packet)
