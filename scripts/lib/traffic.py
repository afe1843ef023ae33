#!/usr/bin/env python3
"""Kernel traffic for the demo and the tests: servers and clients that count what they see.

usage: traffic.py serve   --address A [--tcp PORT,...] [--udp PORT,...]
       traffic.py connect HOST PORT [--source A] [--timeout S]
       traffic.py ask     HOST PORT [--source A] [--timeout S] [--count N]
       traffic.py hold    HOST PORT [--source A] [--interval S]
       traffic.py churn   HOST PORT [--source A] [--count N] [--parallel N] [--pause S]
                             [--timeout S]
       traffic.py knock   HOST PORT[,PORT...] [--source A] [--interval S]
       traffic.py ping    HOST [--source A] [--interval S]

serve    echoes TCP streams and UDP datagrams; says "ready" when it listens
connect  one TCP connection: opens it, sends a line, waits for its echo
ask      UDP datagrams, one after the other, each of which should be echoed
hold     one TCP connection that sends a numbered line every interval and checks each echo
churn    opens, uses and closes many TCP connections
knock    goes on trying ports, TCP and UDP, that nobody should reach: any answer counts, a refusal
         too; each try is one packet

ping     ICMP echoes; at the end waits for those still out, and counts the answers that its own socket
         had no room for, which ping(8) calls lost. Needs root

serve, hold, knock and ping go on until a line (or the end) comes on standard input. Each ends with one
line of JSON: what was counted.
"""

import argparse
import asyncio
import collections
import json
import os
import socket
import struct
import sys
import time

# Of linux/icmp.h and asm-generic/socket.h; the module socket has no names for them.
SOL_RAW, ICMP_FILTER, ECHO_REPLY, ECHO_REQUEST = 255, 1, 0, 8
SO_RCVBUFFORCE, SO_MEMINFO = 33, 55


def close_reset(writer):
    """Ends the connection without waiting for the other side."""
    writer.transport.abort()


async def until_told():
    """Until there is a line on standard input, or its end."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.readline()


# --- serve ---

class EchoDatagrams(asyncio.DatagramProtocol):
    def __init__(self, port, seen):
        self.port, self.seen, self.transport = port, seen, None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.seen[f"udp/{self.port}"] += 1
        self.transport.sendto(data, addr)


async def serve(arguments):
    seen = collections.Counter()
    loop = asyncio.get_running_loop()

    async def echo(reader, writer):
        seen[f"tcp/{writer.get_extra_info('sockname')[1]}"] += 1
        try:
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
            writer.close()
        except OSError:
            close_reset(writer)

    for port in arguments.tcp:
        await asyncio.start_server(echo, arguments.address, port, backlog=1024)
    for port in arguments.udp:
        await loop.create_datagram_endpoint(lambda port=port: EchoDatagrams(port, seen),
                                            local_addr=(arguments.address, port))
    print("ready", flush=True)
    await until_told()
    return dict(seen)


# --- clients ---

def local(arguments):
    return (arguments.source, 0) if arguments.source else None


async def exchange(arguments, port, line):
    """Opens, sends, reads the echo, closes. Returns the seconds that took; raises otherwise."""
    start = time.monotonic()
    reader, writer = await asyncio.open_connection(arguments.host, port,
                                                   local_addr=local(arguments))
    try:
        writer.write(line)
        if await reader.readline() != line:
            raise ConnectionError("no echo")
        writer.close()
        await writer.wait_closed()
    except BaseException:
        close_reset(writer)
        raise
    return time.monotonic() - start


def name_of(error):
    if isinstance(error, asyncio.TimeoutError):
        return "timeout"
    return type(error).__name__


async def connect(arguments):
    try:
        seconds = await asyncio.wait_for(exchange(arguments, arguments.port, b"hello\n"),
                                         arguments.timeout)
    except OSError as error:
        return {"passed": False, "error": name_of(error)}
    return {"passed": True, "ms": round(seconds * 1000, 2)}


class Answers(asyncio.DatagramProtocol):
    def __init__(self):
        self.queue = asyncio.Queue()

    def datagram_received(self, data, addr):
        self.queue.put_nowait(data)

    def error_received(self, exc):
        self.queue.put_nowait(None)


async def ask(arguments):
    transport, answers = await asyncio.get_running_loop().create_datagram_endpoint(
        Answers, remote_addr=(arguments.host, arguments.port), local_addr=local(arguments))
    received = 0
    for number in range(arguments.count):
        text = b"datagram %d" % number
        transport.sendto(text)
        try:
            received += await asyncio.wait_for(answers.queue.get(), arguments.timeout) == text
        except asyncio.TimeoutError:
            pass
    transport.close()
    return {"sent": arguments.count, "received": received}


async def hold(arguments):
    reader, writer = await asyncio.wait_for(
        asyncio.open_connection(arguments.host, arguments.port, local_addr=local(arguments)), 5)
    told = asyncio.create_task(until_told())
    sent, longest, error = 0, 0.0, None
    print("ready", flush=True)
    while not told.done() and not error:
        line = b"line %d\n" % sent
        start = time.monotonic()
        try:
            writer.write(line)
            sent += 1
            if await asyncio.wait_for(reader.readline(), 20) != line:
                error = "no echo"
        except OSError as what:
            error = name_of(what)
        longest = max(longest, time.monotonic() - start)
        await asyncio.sleep(arguments.interval)
    close_reset(writer)
    return {"exchanges": sent, "longest_ms": round(longest * 1000, 1), "error": error}


async def churn(arguments):
    done, failed, slowest = 0, collections.Counter(), 0.0
    left = arguments.count
    start = time.monotonic()

    async def client():
        nonlocal done, left, slowest
        while left > 0:
            left -= 1
            try:
                seconds = await asyncio.wait_for(exchange(arguments, arguments.port, b"x\n"),
                                                 arguments.timeout)
                slowest = max(slowest, seconds)
                done += 1
            except OSError as error:
                failed[name_of(error)] += 1
            await asyncio.sleep(arguments.pause)

    await asyncio.gather(*(client() for _ in range(arguments.parallel)))
    return {"done": done, "failed": dict(failed), "slowest_ms": round(slowest * 1000, 1),
            "seconds": round(time.monotonic() - start, 1)}


async def knock(arguments):
    tried = 0
    passed = collections.Counter()
    told = asyncio.create_task(until_told())
    loop = asyncio.get_running_loop()

    async def knock_once(port):
        try:
            await asyncio.wait_for(exchange(arguments, port, b"x\n"), 0.3)
            passed[f"tcp/{port}"] += 1
        except ConnectionRefusedError:
            passed[f"tcp/{port}"] += 1
        except OSError:
            pass
        transport, answers = await loop.create_datagram_endpoint(
            Answers, remote_addr=(arguments.host, port), local_addr=local(arguments))
        transport.sendto(b"x")
        await asyncio.sleep(0.1)
        if not answers.queue.empty():
            passed[f"udp/{port}"] += 1
        transport.close()

    while not told.done():
        await asyncio.gather(*(knock_once(port) for port in arguments.ports))
        tried += 2 * len(arguments.ports)
        await asyncio.sleep(arguments.interval)
    return {"tried": tried, "passed": dict(passed)}


def open_ping(source):
    """Answers alone come in, and there is room for those of a long pause."""
    end = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    end.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("=I", ~(1 << ECHO_REPLY) & 0xffffffff))
    end.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
    if source:
        end.bind((source, 0))
    end.setblocking(False)
    return end


def echo_request(number):
    """The number is in the payload, too: a sequence number has 16 bits."""
    def packet(checksum):
        return struct.pack("!BBHHHQ", ECHO_REQUEST, 0, checksum, os.getpid() & 0xffff,
                           number & 0xffff, number)
    total = sum(struct.unpack("!8H", packet(0)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return packet(~total & 0xffff)


def answers_in(end):
    """The numbers of the answers that are there."""
    while True:
        try:
            data = end.recv(2048)
        except BlockingIOError:
            return
        echo = data[(data[0] & 15) * 4:]
        if len(echo) >= 16:
            _, _, _, ident, _, number = struct.unpack("!BBHHHQ", echo[:16])
            if ident == os.getpid() & 0xffff:
                yield number


async def ping(arguments):
    loop = asyncio.get_running_loop()
    end = open_ping(arguments.source)
    answered = bytearray()
    last, longest = time.monotonic(), 0.0

    def take():
        nonlocal last, longest
        for number in answers_in(end):
            if number < len(answered):
                answered[number] = 1
            longest = max(longest, time.monotonic() - last)
            last = time.monotonic()

    loop.add_reader(end, take)
    told = asyncio.create_task(until_told())
    begin = time.monotonic()
    while not told.done():
        if len(answered) * arguments.interval <= time.monotonic() - begin:
            answered.append(0)
            try:
                end.sendto(echo_request(len(answered) - 1), (arguments.host, 0))
            except OSError:  # no room, or no way: it was not sent
                answered.pop()
                begin += arguments.interval
        await asyncio.sleep(arguments.interval / 2)
    for _ in range(40):  # those still out
        if all(answered[-1000:]):
            break
        await asyncio.sleep(0.05)
    drops = struct.unpack("=9I", end.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36))[8]
    return {"sent": len(answered), "received": sum(answered), "overflowed": drops,
            "longest_ms": round(longest * 1000, 1)}


def ports(text):
    return [int(port) for port in text.split(",") if port]


def arguments_of(argv):
    parser = argparse.ArgumentParser(usage=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("serve")
    command.add_argument("--address", required=True)
    command.add_argument("--tcp", type=ports, default=[])
    command.add_argument("--udp", type=ports, default=[])
    for name, options in {
        "connect": {"timeout": 1.0}, "ask": {"timeout": 1.0, "count": 10},
        "hold": {"interval": 0.02}, "churn": {"timeout": 10.0, "count": 1000, "parallel": 20,
                                              "pause": 0.0},
        "knock": {"interval": 0.1}, "ping": {"interval": 0.01},
    }.items():
        command = commands.add_parser(name)
        command.add_argument("host")
        if name == "knock":
            command.add_argument("ports", type=ports)
        elif name != "ping":
            command.add_argument("port", type=int)
        command.add_argument("--source")
        for option, default in options.items():
            command.add_argument(f"--{option}", type=type(default), default=default)
    return parser.parse_args(argv)


def main():
    arguments = arguments_of(sys.argv[1:])
    run = {"serve": serve, "connect": connect, "ask": ask, "hold": hold, "churn": churn,
           "knock": knock, "ping": ping}[arguments.command]
    print(json.dumps(asyncio.run(run(arguments))), flush=True)


if __name__ == "__main__":
    main()
