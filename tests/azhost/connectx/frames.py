"""Ethernet frames for the tests: building, and checking what came back."""

import socket
import struct

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
ETHERTYPE_VLAN = 0x8100
TCP = 6
UDP = 17
ICMP = 1

PEER_MAC = bytes.fromhex("0200000000aa")


def checksum(data):
    """The Internet checksum (RFC 1071) of data, 0 if data includes a right one."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def with_checksum(pseudo, header, offset, payload):
    """header + payload with the checksum at offset of header filled in."""
    blank = header[:offset] + b"\0\0" + header[offset + 2 :]
    value = checksum(pseudo + blank + payload)
    return header[:offset] + struct.pack("!H", value) + header[offset + 2 :] + payload


def transport(proto, pseudo, sport, dport, payload, flags=0x02, seq=1):
    if proto == UDP:
        header = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
        return with_checksum(pseudo + struct.pack("!I", 8 + len(payload)), header, 6, payload)
    if proto == TCP:
        header = struct.pack("!HHIIBBHHH", sport, dport, seq, 0, 0x50, flags, 1024, 0, 0)
        return with_checksum(pseudo + struct.pack("!I", 20 + len(payload)), header, 16, payload)
    return payload


def ethernet(dst, ethertype, payload, src=PEER_MAC, vlan=None):
    tag = b"" if vlan is None else struct.pack("!HH", ETHERTYPE_VLAN, vlan)
    return dst + src + tag + struct.pack("!H", ethertype) + payload


def ipv4(dst, proto=UDP, sip="10.0.0.1", dip="10.0.0.2", sport=1000, dport=2000, payload=b"",
         vlan=None, flags=0x02, ident=1, fragment=0):
    ends = socket.inet_aton(sip) + socket.inet_aton(dip)
    l4 = transport(proto, ends + struct.pack("!HBB", 0, 0, proto), sport, dport, payload, flags)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(l4), ident, fragment, 64, proto, 0) + ends
    return ethernet(dst, ETHERTYPE_IPV4, with_checksum(b"", header, 10, b"") + l4, vlan=vlan)


def ipv6(dst, proto=UDP, sip="fd00::1", dip="fd00::2", sport=1000, dport=2000, payload=b"",
         vlan=None, flags=0x02):
    ends = socket.inet_pton(socket.AF_INET6, sip) + socket.inet_pton(socket.AF_INET6, dip)
    l4 = transport(proto, ends + struct.pack("!I", proto), sport, dport, payload, flags)
    header = struct.pack("!IHBB", 6 << 28, len(l4), proto, 64) + ends
    return ethernet(dst, ETHERTYPE_IPV6, header + l4, vlan=vlan)


def swapped(frame):
    """The frame as macswap sends it back."""
    return frame[6:12] + frame[:6] + frame[12:]


def checksums_good(frame):
    """(IPv4 header, TCP or UDP) of an untagged IPv4 frame."""
    header = frame[14:34]
    proto = frame[23]
    length = struct.unpack("!H", frame[16:18])[0]
    l4 = frame[34 : 14 + length]
    pseudo = frame[26:34] + struct.pack("!HBBI", 0, 0, proto, len(l4))
    return checksum(header) == 0, checksum(pseudo + l4) == 0
