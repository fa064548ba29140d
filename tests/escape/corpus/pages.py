"""Pages: two workers that may read the same file share its pages, and one tells the other a number through them."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Need, Proof

__all__ = ["PAGES"]

# Ten bits, each the state of one of ten files that both may read; the texts below add `is_cached`.
_PAGE_CACHE: Final = """
import mmap

def neighbour(planted):
    files = [os.open(path, os.O_RDONLY) for path in shared_files(10, {skip})]
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        for bit, fd in enumerate(files):
            if planted["number"] >> bit & 1:
                os.pread(fd, 4096, 0)
            else:
                {evict}
        time.sleep(0.05)

def evicted_by_mapping(fd):
    MADV_PAGEOUT, size = 21, ctypes.c_size_t(os.fstat(fd).st_size)
    LIBC.mmap.restype = ctypes.c_void_p
    place = ctypes.c_void_p(LIBC.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0))
    ctypes.string_at(place, 1)
    LIBC.madvise(place, size, MADV_PAGEOUT)
    LIBC.munmap(place, size)

def attempt(planted):
    time.sleep(0.3)
    files = [os.open(path, os.O_RDONLY) for path in shared_files(10, {skip})]
    return sum(bool(is_cached(fd)) << bit for bit, fd in enumerate(files))
"""

PAGES: Final = (
    Attempt(
        "sleep_on_a_shared_page",
        "wait for, and wake, whoever waits on a page that both may only read",
        """
        def word(index):
            # Two thousand words, the neighbour sleeping on one.
            fd = os.open(shared_files(1, 12)[0], os.O_RDONLY)
            LIBC.mmap.restype = ctypes.c_void_p
            place = LIBC.mmap(None, ctypes.c_size_t(4096), 1, 1, fd, 0)
            return place + 4 * index

        def neighbour(planted):
            address = word(planted["number"])
            FUTEX_WAIT = 0
            value = ctypes.c_uint32.from_address(address).value
            done(syscall("futex", ctypes.c_void_p(address), FUTEX_WAIT, value, (ctypes.c_int64 * 2)(2, 0), None, 0))

        def attempt(planted):
            begin, FUTEX_WAKE = word(0), 1

            def sleeper():
                for index in range(1024):
                    if done(syscall("futex", ctypes.c_void_p(begin + 4 * index), FUTEX_WAKE, 1, None, None, 0)):
                        return index

            return until(sleeper)
        """,
        proof=Proof.PASSED,
    ),
    Attempt(
        "sleep_by_the_younger_calls",
        "the same with the calls that filters may not know yet",
        """
        def word(index):
            fd = os.open(shared_files(1, 13)[0], os.O_RDONLY)
            LIBC.mmap.restype = ctypes.c_void_p
            return LIBC.mmap(None, ctypes.c_size_t(4096), 1, 1, fd, 0) + 4 * index

        def neighbour(planted):
            address = word(planted["number"])
            value = ctypes.c_uint32.from_address(address).value
            limit = time.clock_gettime(time.CLOCK_MONOTONIC) + 2
            done(
                syscall(
                    "futex_wait", ctypes.c_void_p(address), value, 0xFFFFFFFF, 2, (ctypes.c_int64 * 2)(int(limit), 0), 1
                )
            )

        def attempt(planted):
            begin = word(0)

            def sleeper():
                for index in range(1024):
                    if done(syscall("futex_wake", ctypes.c_void_p(begin + 4 * index), 0xFFFFFFFF, 1, 2)):
                        return index

            return until(sleeper)
        """,
        proof=Proof.PASSED,
        needs=frozenset({Need.FUTEX2}),
    ),
    Attempt(
        "sleep_ended_by_a_dying_thread",
        "have the kernel itself wake the neighbour, as it does when a thread ends",
        """
        import threading

        def word(index):
            fd = os.open(shared_files(1, 14)[0], os.O_RDONLY)
            LIBC.mmap.restype = ctypes.c_void_p
            return LIBC.mmap(None, ctypes.c_size_t(4096), 1, 1, fd, 0) + 4 * index

        def neighbour(planted):
            def die():
                syscall("set_tid_address", ctypes.c_void_p(word(planted["number"])))
                syscall("exit", 0)

            # As _thread starts them: nobody waits for the end that these never tell.
            import _thread
            for _ in range(8):
                time.sleep(0.1)
                _thread.start_new_thread(die, ())
            linger()

        def attempt(planted):
            address, FUTEX_WAIT, woken = word(0), 0, []

            def sleep(index):
                value = ctypes.c_uint32.from_address(address + 4 * index).value
                limit = (ctypes.c_int64 * 2)(1, 0)
                if syscall("futex", ctypes.c_void_p(address + 4 * index), FUTEX_WAIT, value, limit, None, 0) == 0:
                    woken.append(index)

            # The number is one of thirty-two: each candidate takes a thread.
            for index in range(32):
                threading.Thread(target=sleep, args=(1 + index * 31,), daemon=True).start()
            return until(lambda: woken, 0.9) and woken[0]
        """,
        proof=Proof.PASSED,
    ),
    Attempt(
        "cached_pages_by_reading_without_waiting",
        "see which pages of shared files the neighbour has let go",
        _PAGE_CACHE.format(skip=16, evict="os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)")
        + """
def is_cached(fd):
    try:
        return os.preadv(fd, [bytearray(1)], 0, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
""",
        proof=Proof.PASSED,
        needs=frozenset({Need.PAGE_CACHE}),
    ),
    Attempt(
        "cached_pages_by_faults",
        "the same, by counting what had to be fetched",
        _PAGE_CACHE.format(skip=32, evict="os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)")
        + """
import resource

def is_cached(fd):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_inblock
    os.pread(fd, 1, 0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_inblock == before
""",
        proof=Proof.PASSED,
        needs=frozenset({Need.PAGE_CACHE}),
    ),
    Attempt(
        "cached_pages_by_a_map",
        "the same, by the kernel's map of them",
        _PAGE_CACHE.format(skip=48, evict="os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)")
        + """
def is_cached(fd):
    LIBC.mmap.restype = ctypes.c_void_p
    place = LIBC.mmap(None, ctypes.c_size_t(4096), 1, 1, fd, 0)
    room = ctypes.create_string_buffer(1)
    done(syscall("mincore", ctypes.c_void_p(place), 4096, room))
    return room.raw[0] & 1
""",
        proof=Proof.PASSED,
        needs=frozenset({Need.PAGE_CACHE, Need.ROOT}),
    ),
    Attempt(
        "cached_pages_by_statistics",
        "the same, by the kernel's count of them",
        _PAGE_CACHE.format(skip=64, evict="os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)")
        + """
def is_cached(fd):
    counts = (ctypes.c_uint64 * 5)()
    done(syscall("cachestat", fd, (ctypes.c_uint64 * 2)(0, 4096), counts, 0))
    return counts[0]
""",
        proof=Proof.PASSED,
        needs=frozenset({Need.PAGE_CACHE, Need.CACHESTAT}),
    ),
    Attempt(
        "pages_pushed_out",
        "let shared pages go by advice on memory",
        _PAGE_CACHE.format(skip=80, evict="evicted_by_mapping(fd)")
        + """
import resource

def is_cached(fd):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_inblock
    os.pread(fd, 1, 0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_inblock == before
""",
        proof=Proof.PASSED,
        needs=frozenset({Need.PAGE_CACHE, Need.ROOT}),
    ),
)
