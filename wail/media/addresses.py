"""Keeping a downloader on the public internet: other addresses are refused when their name is resolved.

yt-dlp follows redirects, page links and playlists wherever they lead. Every connection of Python's own sockets asks
`socket.getaddrinfo` first, for a bare address too, and connects to what that call returned, so this is the one door.
Sockets that do not pass it (libcurl, ffmpeg) must not be used beside it.
"""

import ipaddress
import socket
from typing import Any

NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet; an IPv6 address is judged by the IPv4 address inside it."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def refuse_private_addresses() -> None:
    """From now on this process resolves no name to a private, loopback, link-local or reserved address.

    Call it in a process that only downloads: it cannot be taken back.
    """
    resolve = socket.getaddrinfo

    def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
        found = resolve(host, *args, **kwargs)
        for *_, address in found:
            if not is_public(str(address[0])):
                name = host.decode() if isinstance(host, bytes) else host
                raise OSError(f"the address {address[0]} of {name} is not a public one and refused")
        return found

    socket.getaddrinfo = guarded
