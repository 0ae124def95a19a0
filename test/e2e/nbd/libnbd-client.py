"""A client on libnbd, told what to do by libnbd.test.ts: URI in, one JSON object of what it saw out.

The export's content is fixed there: 1 MiB of 0x11, a hole of 1 MiB, 1 MiB of 0x22, and a hole to the end at 8 MiB.
"""

import errno
import json
import sys

import nbd

MIB = 1024 * 1024
seen = {}


def connect(contexts=("base:allocation", "x-tplgraph:dirty")):
    h = nbd.NBD()
    for context in contexts:
        h.add_meta_context(context)
    h.connect_uri(sys.argv[1])
    # The server is to refuse what is wrong, and not the library.
    h.set_strict_mode(h.get_strict_mode() & ~(nbd.STRICT_COMMANDS | nbd.STRICT_FLAGS | nbd.STRICT_BOUNDS))
    return h


def status(h, length, offset, flags=0):
    contexts = {}
    h.block_status(length, offset, lambda name, at, entries, error: contexts.update({name: [at, *entries]}), flags)
    return contexts


def pieces(h, length, offset, flags=0):
    kinds = {nbd.READ_DATA: "data", nbd.READ_HOLE: "hole", nbd.READ_ERROR: "error"}
    got = []
    data = h.pread_structured(
        length, offset, lambda buf, at, kind, error: got.append([kinds[kind], at, len(buf)]), flags
    )
    return sorted(got, key=lambda piece: piece[1]), sorted(set(data))


def refused(call):
    try:
        call()
    except nbd.Error as error:
        return errno.errorcode[error.errnum]
    return None


h = connect()
seen["contexts"] = [h.can_meta_context("base:allocation"), h.can_meta_context("x-tplgraph:dirty")]
seen["structured"] = h.get_structured_replies_negotiated()
seen["status"] = status(h, 8 * MIB, 0)
seen["status_one"] = status(h, 8 * MIB - 1000, 1000, nbd.CMD_FLAG_REQ_ONE)
seen["read"] = pieces(h, 4 * MIB, 0)
seen["read_df"] = pieces(h, 4 * MIB, 0, nbd.CMD_FLAG_DF)
seen["past_end"] = refused(lambda: h.pread(2, 8 * MIB - 1))
seen["too_long"] = refused(lambda: status(h, 8 * MIB + 1, 0))

h.zero(MIB, 0, nbd.CMD_FLAG_FAST_ZERO)
seen["fast_zero"] = status(h, 2 * MIB, 0)["base:allocation"]
seen["slow_zero"] = refused(lambda: h.zero(MIB, 2 * MIB + 1, nbd.CMD_FLAG_FAST_ZERO))
seen["kept_fast_zero"] = refused(lambda: h.zero(MIB, 2 * MIB, nbd.CMD_FLAG_FAST_ZERO | nbd.CMD_FLAG_NO_HOLE))
h.zero(MIB, 0, nbd.CMD_FLAG_NO_HOLE | nbd.CMD_FLAG_FUA)
seen["kept_zero"] = [status(h, 2 * MIB, 0)["base:allocation"], pieces(h, MIB, 0)[1]]
h.trim(MIB, 2 * MIB)
seen["trimmed"] = status(h, 8 * MIB, 0)
h.cache(8 * MIB, 0)

# Multi-conn: what one connection wrote and another flushed is there for a third.
others = [connect() for _ in range(2)]
h.pwrite(b"x" * 4096, 5 * MIB)
others[0].flush()
seen["multi_conn"] = [h.can_multi_conn(), bytes(others[1].pread(4096, 5 * MIB)) == b"x" * 4096]
plain = connect(contexts=())
seen["no_context"] = refused(lambda: status(plain, 1, 0))
for handle in (h, plain, *others):
    handle.shutdown()
print(json.dumps(seen))
