"""Network: reaching anything that listens, or being reached."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Need, Proof

__all__ = ["NETWORK"]

NETWORK: Final = (
    Attempt(
        "tcp",
        "connect to a service of the host",
        """
        import socket

        def attempt(planted):
            with socket.create_connection(("127.0.0.1", planted["tcp_port"]), 2) as connection:
                connection.sendall(planted["mark"].encode())
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "tcp_over_ipv6",
        "the same, over the younger protocol",
        """
        import socket

        def attempt(planted):
            with socket.create_connection(("::1", planted["tcp6_port"]), 2) as connection:
                connection.sendall(planted["mark"].encode())
        """,
        proof=Proof.SEEN,
        needs=frozenset({Need.IPV6}),
    ),
    Attempt(
        "tcp_by_asyncio",
        "the same, from an event loop",
        """
        import asyncio

        async def say(planted):
            _, writer = await asyncio.open_connection("127.0.0.1", planted["tcp_port"])
            writer.write(planted["mark"].encode())
            await writer.drain()
            writer.close()

        def attempt(planted):
            asyncio.run(say(planted))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "http",
        "fetch a page",
        """
        import urllib.request

        def attempt(planted):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{planted['tcp_port']}/{planted['mark']}", timeout=0.3)
            except (TimeoutError, ConnectionError):
                pass
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "multipath_tcp",
        "connect with a protocol that filters may not know",
        """
        import socket

        def attempt(planted):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as connection:
                connection.connect(("127.0.0.1", planted["tcp_port"]))
                connection.sendall(planted["mark"].encode())
        """,
        proof=Proof.SEEN,
        needs=frozenset({Need.MPTCP}),
    ),
    Attempt(
        "tcp_fast_open",
        "connect by sending",
        """
        import socket

        def attempt(planted):
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            connection.sendto(planted["mark"].encode(), socket.MSG_FASTOPEN, ("127.0.0.1", planted["tcp_port"]))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "udp",
        "send a datagram",
        """
        import socket

        def attempt(planted):
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sender.sendto(planted["mark"].encode(), ("127.0.0.1", planted["udp_port"]))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "raw_packets",
        "send packets of one's own making",
        """
        import socket

        def attempt(planted):
            return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).fileno() >= 0
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "listening_to_the_wire",
        "read every packet of the machine",
        """
        import socket

        def attempt(planted):
            return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)).fileno() >= 0
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "interfaces",
        "list the machine's network interfaces",
        """
        import socket

        def attempt(planted):
            return any(name != "lo" for _, name in socket.if_nameindex()) or bool(netlink())

        def netlink():
            return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).fileno() >= 0
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "machine_sockets",
        "open a socket to the machine's hypervisor, which no namespace covers",
        """
        import socket

        def attempt(planted):
            return socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).fileno() >= 0
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.VSOCK}),
    ),
    Attempt(
        "kernel_ciphers",
        "reach the kernel's cipher code by a socket",
        """
        import socket

        def attempt(planted):
            cipher = socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)
            cipher.bind(("hash", "sha256"))
            return True
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.AF_ALG}),
    ),
    Attempt(
        "listening",
        "be a service that others can reach",
        """
        import socket

        def attempt(planted):
            server = socket.create_server(("127.0.0.1", planted["free_port"]))
            server.settimeout(1.5)
            connection, _ = server.accept()
            connection.sendall(planted["mark"].encode())
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "unix_stream",
        "connect to a socket in the file system, as a database's or a container engine's",
        """
        import socket

        def attempt(planted):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(planted["unix_stream"])
            connection.sendall(planted["mark"].encode())
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "unix_datagram",
        "send to a socket in the file system, as a system log's",
        """
        import socket

        def attempt(planted):
            sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            sender.sendto(planted["mark"].encode(), planted["unix_datagram"])
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "unix_stream_through_proc",
        "reach such a socket through another process's root folder",
        """
        import socket

        def attempt(planted):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(f"/proc/{planted['victim_pid']}/cwd/stream")
            connection.sendall(planted["mark"].encode())
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "abstract_stream",
        "connect to a socket that has no file",
        r"""
        import socket

        def attempt(planted):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect("\0" + planted["abstract_stream"])
            connection.sendall(planted["mark"].encode())
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "abstract_datagram",
        "send to a socket that has no file",
        r"""
        import socket

        def attempt(planted):
            sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            sender.sendto(planted["mark"].encode(), "\0" + planted["abstract_datagram"])
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "redirected_pair",
        "turn one end of a socket pair, which event loops need, to a socket of the host",
        r"""
        import socket

        def attempt(planted):
            for address in (planted["unix_datagram"], "\0" + planted["abstract_datagram"]):
                near, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
                near.connect(address)
                near.send(planted["mark"].encode())
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "addressed_pair",
        "send from a socket pair to an address",
        r"""
        import socket

        def attempt(planted):
            for address in (planted["unix_datagram"], "\0" + planted["abstract_datagram"]):
                near, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
                near.sendto(planted["mark"].encode(), address)
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "message_from_a_pair",
        "the same with the call that takes the address inside a structure",
        r"""
        import socket

        def attempt(planted):
            for address in (planted["unix_datagram"], "\0" + planted["abstract_datagram"]):
                near, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
                near.sendmsg([planted["mark"].encode()], [], 0, address)
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "socket_in_a_host_folder",
        "leave a listening socket in a folder of the host",
        """
        import socket

        def attempt(planted):
            near, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            near.bind(os.path.join(planted["drop"], planted["mark"]))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "inherited_connections",
        "speak on connections that the host left open",
        """
        def attempt(planted):
            for fd in sockets():
                try:
                    os.write(fd, planted["mark"].encode())
                except OSError:
                    continue
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "identity_of_the_host_process",
        "learn who is at the other end of the channel",
        """
        import socket, struct

        def attempt(planted):
            for fd in sockets():
                found = socket.socket(fileno=os.dup(fd)).getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                if struct.unpack("iII", found)[0]:
                    return True
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "tcp_by_32_bit_calls",
        "connect with the calls of another architecture, which filters may forget",
        r"""
        import mmap, socket, struct

        def attempt(planted):
            # ebx, ecx from the stack frame of a function of two integers: socketcall(rdi, rsi)
            code = bytes.fromhex("53b86600000089fb89f1cd805bc3")
            page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            page.write(code)
            call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint, ctypes.c_uint)(
                ctypes.addressof(ctypes.c_char.from_buffer(page))
            )
            low = LIBC.mmap
            low.restype = ctypes.c_void_p
            room = low(None, 4096, 3, 0x22 | 0x40, -1, 0)  # below 4 GiB, where such calls can point
            ctypes.memmove(room, struct.pack("III", socket.AF_INET, socket.SOCK_STREAM, 0), 12)
            fd = done(call(1, room))
            with socket.socket(fileno=fd) as connection:
                return connection.fileno() >= 0
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.X86_64, Need.IA32}),
    ),
)
