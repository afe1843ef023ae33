"""The host's side of a VF's wire: the rings of azhost/wire/ring.h and the memory of vfproto.h."""

import ctypes
import mmap
import os
import struct

MAGIC = 0x617A7231
HEADER = 192
FILLER = 0xFFFFFFFF
SIZE = 2 << 20
SHARED = 128  # struct vf_shared
PAGE = 4096

COUNTERS = ["delivered", "consumed", "no_buffer", "dropped", "to_kernel", "sent", "kernel_sent",
            "wire_full"]


class _Ring:
    def __init__(self, memory, offset):
        self.memory = memory
        self.data = offset + HEADER
        self.head = ctypes.c_uint32.from_buffer(memory, offset + 64)
        self.pushed = ctypes.c_uint64.from_buffer(memory, offset + 72)
        self.tail = ctypes.c_uint32.from_buffer(memory, offset + 128)
        self.asleep = ctypes.c_uint32.from_buffer(memory, offset + 132)
        self.taken = ctypes.c_uint64.from_buffer(memory, offset + 136)
        struct.pack_into("<II", memory, offset, MAGIC, SIZE)

    @staticmethod
    def record(length):
        return 8 + (length + 7 & ~7)


class Producer(_Ring):
    """The ring to the guest. Stores are in order on x86, where these tests run."""

    def __init__(self, memory, offset, event):
        super().__init__(memory, offset)
        self.event = event

    def put(self, frame):
        head = self.head.value
        at = head % SIZE
        need = self.record(len(frame))
        skip = SIZE - at if at + need > SIZE else 0
        if (head - self.tail.value & 0xFFFFFFFF) + skip + need > SIZE:
            return False
        if skip:
            struct.pack_into("<II", self.memory, self.data + at, FILLER, 0)
            head += skip
            at = 0
        start = self.data + at + 8
        self.memory[start : start + len(frame)] = frame
        struct.pack_into("<II", self.memory, self.data + at, len(frame), 0)
        self.pushed.value += 1
        self.head.value = head + need & 0xFFFFFFFF
        if self.asleep.value:
            self.asleep.value = 0
            os.eventfd_write(self.event, 1)
        return True


class Consumer(_Ring):
    """The ring from the guest."""

    def get(self):
        tail = self.tail.value
        while tail != self.head.value:
            at = tail % SIZE
            length = struct.unpack_from("<I", self.memory, self.data + at)[0]
            if length == FILLER:
                tail = tail + (SIZE - at) & 0xFFFFFFFF
                continue
            start = self.data + at + 8
            frame = bytes(self.memory[start : start + length])
            self.taken.value += 1
            self.tail.value = tail + self.record(length) & 0xFFFFFFFF
            return frame
        return None


class Wire:
    """Memory and descriptors of one VF's wire."""

    def __init__(self):
        ring = HEADER + SIZE + PAGE - 1 & ~(PAGE - 1)
        self.to_guest_offset = PAGE
        self.to_host_offset = PAGE + ring
        self.bytes = PAGE + 2 * ring
        self.fd = os.memfd_create("azhost-test-wire")
        os.ftruncate(self.fd, self.bytes)
        self.memory = mmap.mmap(self.fd, self.bytes)
        self.wake_guest = os.eventfd(0, os.EFD_NONBLOCK)
        self.wake_host = os.eventfd(0, os.EFD_NONBLOCK)
        self.to_guest = Producer(self.memory, self.to_guest_offset, self.wake_guest)
        self.to_host = Consumer(self.memory, self.to_host_offset)

    def counters(self):
        return dict(zip(COUNTERS, struct.unpack_from(f"<{len(COUNTERS)}Q", self.memory, 0)))
