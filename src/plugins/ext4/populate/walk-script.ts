/**
 * The part that the python programs on file trees have in common: Node has none of the calls that they need (openat,
 * xattrs, ioctl, nanoseconds). A tree is walked by directory descriptors, one name at a time, so that no path is too
 * long and no symlink is ever followed. It must not change meanwhile.
 *
 * They print a line for each event: `note TEXT`, and, before they end with status 1, `error CODE PATH: REASON`.
 */
export const WALK_SCRIPT = String.raw`import array
import errno
import fcntl
import os
import stat
import struct
import sys

# linux/fs.h: FS_IOC_GETFLAGS, FS_IOC_FSGETXATTR.
GETFLAGS, FSGETXATTR = 0x80086601, 0x801C581F
# struct fsxattr: xflags, extsize, nextents, projid, cowextsize, 8 bytes of padding.
FSXATTR = struct.Struct("=IIIII8x")

# What chattr sets and ext4 keeps; the rest says how a file is stored (extents, an index, inline data).
# s, u, S, i, a, d, A, j, D, T, P of chattr(1).
CARRIED = 0x1 | 0x2 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x4000 | 0x10000 | 0x20000 | 0x20000000

UNSUPPORTED = {errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL}

READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NOATIME | os.O_CLOEXEC
FOLDER = READ | os.O_DIRECTORY


class Level:
    """A folder on the way from the root to where the walk is."""

    def __init__(self, name, info, made, folder):
        self.name, self.info, self.made = name, info, made
        self.names = iter(sorted(map(os.fsencode, os.listdir(folder))))


def walk(folders, visitor):
    """Visits the tree at the first of the descriptors, in the order of the bytes of its names; the others follow it.

    Only the folders of one level are open: .. leads back, as no tree changes under us. visitor.enter says what is made of
    a folder, or None to leave it out; it gets that back for what is in it.
    """
    root = os.fstat(folders[0])
    levels = [Level(b"", root, visitor.enter(None, root, None, folders), folders[0])]
    name = None
    try:
        while levels:
            level = levels[-1]
            name = next(level.names, None)
            if name is None:
                visitor.leave(level.made, level.info, folders)
                levels.pop()
                if levels:
                    folders = [descend(folder, b"..") for folder in folders]
                continue
            info = os.stat(name, dir_fd=folders[0], follow_symlinks=False)
            if info.st_dev != root.st_dev:
                continue
            if not stat.S_ISDIR(info.st_mode):
                visitor.visit(name, info, level.made, folders)
                continue
            made = visitor.enter(name, info, level.made, folders)
            if made is not None:
                folders = [descend(folder, name) for folder in folders]
                levels.append(Level(name, info, made, folders[0]))
                name = None
    except (OSError, Refused) as error:
        path = b"/".join([level.name for level in levels[1:]] + ([name] if name else []))
        fail(error, path)


class Refused(Exception):
    """An error that has no number of the kernel's; code is a word like one of errno's."""

    def __init__(self, code, text):
        self.code, self.text = code, text


def fail(error, path):
    code = error.code if isinstance(error, Refused) else errno.errorcode.get(error.errno, error.errno)
    text = error.text if isinstance(error, Refused) else error.strerror
    say("error", "%s %s: %s" % (code, printable(path), text))
    sys.exit(1)


def descend(folder, name):
    below = os.open(name, FOLDER, dir_fd=folder)
    os.close(folder)
    return below


def read_flags(file):
    """(flags, project) of an open file, zeros where its file system has none."""
    flags, project = 0, 0
    try:
        word = array.array("i", [0])
        fcntl.ioctl(file, GETFLAGS, word)
        flags = (word[0] & 0xFFFFFFFF) & CARRIED
        block = bytearray(FSXATTR.size)
        fcntl.ioctl(file, FSGETXATTR, block)
        project = FSXATTR.unpack(block)[3]
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    return flags, project


class Notes:
    """What could not be carried, counted: told once at the end."""

    def __init__(self):
        self.counts = {}

    def add(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def tell(self):
        for what, count in self.counts.items():
            say("note", "%s of %d files: not carried, the target's file system cannot hold it" % (what, count))


def printable(name):
    return ascii(name.decode("utf-8", "surrogateescape"))[1:-1]


def say(kind, text):
    sys.stdout.write("%s %s\n" % (kind, text))
    sys.stdout.flush()
`;
