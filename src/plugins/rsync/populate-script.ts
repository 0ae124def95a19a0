/**
 * The program that `populate.ts` runs with python3: Node has none of the calls that it needs (openat, mknod, xattrs,
 * ioctl, nanoseconds). `tree FROM TO` copies every file of FROM into TO, which holds nothing but lost+found; `flags
 * FROM TO` carries what rsync leaves behind, inode flags (chattr) and project ids.
 *
 * It prints a line for each event: `progress BYTES`, `note TEXT`, `done BYTES`, and, before it ends with status 1,
 * `error ERRNO PATH: REASON`. Both trees are walked by directory descriptors, one name at a time, so that no path is
 * too long and no symlink of FROM is ever followed. FROM must not change meanwhile; nobody else may write to TO.
 */
export const POPULATE_SCRIPT = String.raw`import array
import errno
import fcntl
import os
import stat
import struct
import sys

# linux/fs.h: FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR.
GETFLAGS, SETFLAGS = 0x80086601, 0x40086602
FSGETXATTR, FSSETXATTR = 0x801C581F, 0x401C5820
# struct fsxattr: xflags, extsize, nextents, projid, cowextsize, 8 bytes of padding.
FSXATTR = struct.Struct("=IIIII8x")

# What chattr sets and ext4 keeps; the rest says how a file is stored (extents, an index, inline data).
# s, u, S, i, a, d, A, j, D, T, P of chattr(1).
CARRIED = 0x1 | 0x2 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x4000 | 0x10000 | 0x20000 | 0x20000000
SEALING = 0x10 | 0x20  # i and a: nothing can be linked or renamed afterwards

# Namespaces of attributes that every file system has; others are a file system's own (btrfs.compression).
GENERAL = ("user.", "trusted.", "security.", "system.posix_acl_")

UNSUPPORTED = {errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL}

READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NOATIME | os.O_CLOEXEC
FOLDER = READ | os.O_DIRECTORY
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

WHOLE_BYTES = 1 << 20  # files up to this size are read in one piece
REPORT_BYTES = 4 << 20


class Failure(Exception):
    def __init__(self, error, name):
        self.error, self.name = error, name


def walk(source, target, visitor):
    """Depth first, with two open folders at a time: .. leads back, as neither tree changes under us."""
    device = os.fstat(source).st_dev
    levels = [(b"", os.fstat(source), visitor.entries(source))]
    while levels:
        name, info, entries = levels[-1]
        below = None
        for entry in entries:
            try:
                below = visitor.visit(entry, source, target, device)
            except OSError as error:
                raise Failure(error, b"/".join([level[0] for level in levels] + [entry.name])) from error
            if below:
                break
        if below:
            entry_name, entry_info = below
            source = descend(source, entry_name)
            target = descend(target, entry_name)
            levels.append((entry_name, entry_info, visitor.entries(source)))
            continue
        try:
            if len(levels) == 1:
                visitor.finish()
            visitor.leave(source, target, info)
        except OSError as error:
            raise Failure(error, b"/".join(level[0] for level in levels)) from error
        levels.pop()
        if levels:
            source, target = descend(source, b".."), descend(target, b"..")


def descend(folder, name):
    below = os.open(name, FOLDER, dir_fd=folder)
    os.close(folder)
    return below


def listing(folder):
    """By inode: that is the order of the inode table, and mostly that of the data."""
    with os.scandir(folder) as entries:
        found = [Entry(os.fsencode(entry.name), entry.inode()) for entry in entries]
    found.sort(key=lambda entry: entry.inode)
    return iter(found)


class Entry:
    __slots__ = ("name", "inode")

    def __init__(self, name, inode):
        self.name, self.inode = name, inode


class Copier:
    entries = staticmethod(listing)

    def __init__(self, source, root):
        self.root = root
        self.taken = set(os.listdir(source))  # names that the root will have
        self.staging = None
        self.staging_name = None
        self.staged = {}  # inode of a file with several names -> its flags and project
        self.done = self.told = 0
        self.notes = Notes()

    def visit(self, entry, source, target, device):
        name = entry.name
        info = os.stat(name, dir_fd=source, follow_symlinks=False)
        if info.st_dev != device:
            return None
        if stat.S_ISDIR(info.st_mode):
            try:
                os.mkdir(name, 0o700, dir_fd=target)
            except FileExistsError:
                # mke2fs made this one; it keeps its blocks.
                if name != b"lost+found" or not os.path.sameopenfile(target, self.root):
                    raise
            return name, info
        if info.st_nlink > 1:
            self.link(name, info, source, target)
        else:
            self.create(name, info, source, name, target)
        return None

    def leave(self, source, target, info):
        os.fchown(target, info.st_uid, info.st_gid)
        os.fchmod(target, stat.S_IMODE(info.st_mode))
        copy_xattrs(source, target, self.notes)
        os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))
        carry_flags(source, target, self.notes)

    def link(self, name, info, source, target):
        """The first name is made in a folder of ours, where all others find it by a short path."""
        if self.staging is None:
            self.staging_name = next(name for name in staging_names() if name not in self.taken)
            os.mkdir(self.staging_name, 0o700, dir_fd=self.root)
            self.staging = os.open(self.staging_name, FOLDER, dir_fd=self.root)
        place = b"%d" % info.st_ino
        if info.st_ino not in self.staged:
            self.staged[info.st_ino] = self.create(name, info, source, place, self.staging, seal=False)
        os.link(place, name, src_dir_fd=self.staging, dst_dir_fd=target, follow_symlinks=False)

    def create(self, name, info, source, new_name, target, seal=True):
        """Returns what carry_flags is to do when every name of the file is there, where seal is False."""
        mode = info.st_mode
        if stat.S_ISREG(mode):
            return self.create_file(name, info, source, new_name, target, seal)
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(name, dir_fd=source), new_name, dir_fd=target)
        else:
            os.mknod(new_name, mode, info.st_rdev, dir_fd=target)
        os.chown(new_name, info.st_uid, info.st_gid, dir_fd=target, follow_symlinks=False)
        if not stat.S_ISLNK(mode):
            os.chmod(new_name, stat.S_IMODE(mode), dir_fd=target)
        # There is no descriptor of such a file that takes attributes; through /proc its path is short.
        place = b"/proc/self/fd/%d/%s"
        copy_xattrs(place % (source, name), place % (target, new_name), self.notes)
        os.utime(new_name, ns=(info.st_atime_ns, info.st_mtime_ns), dir_fd=target, follow_symlinks=False)
        return None

    def create_file(self, name, info, source, new_name, target, seal):
        data = os.open(name, READ, dir_fd=source)
        try:
            copy = os.open(new_name, CREATE, 0o600, dir_fd=target)
            try:
                self.copy_data(data, copy, info)
                os.fchown(copy, info.st_uid, info.st_gid)
                os.fchmod(copy, stat.S_IMODE(info.st_mode))
                copy_xattrs(data, copy, self.notes)
                os.utime(copy, ns=(info.st_atime_ns, info.st_mtime_ns))
                if seal:
                    carry_flags(data, copy, self.notes)
                    return None
                return read_flags(data)
            finally:
                os.close(copy)
        finally:
            os.close(data)

    def copy_data(self, data, copy, info):
        size = info.st_size
        if size == 0:
            return
        if size <= WHOLE_BYTES and info.st_blocks * 512 >= size:
            content = os.read(data, size)
            if len(content) == size:
                write_all(copy, content, 0)
                self.count(size)
                return
        os.ftruncate(copy, size)
        offset = 0
        while offset < size:
            try:
                offset = os.lseek(data, offset, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    break  # a hole up to the end
                raise
            end = os.lseek(data, offset, os.SEEK_HOLE)
            while offset < end:
                content = os.pread(data, min(WHOLE_BYTES, end - offset), offset)
                if not content:
                    raise OSError(errno.EIO, "it is shorter than it says")
                write_all(copy, content, offset)
                offset += len(content)
                self.count(len(content))

    def count(self, size):
        self.done += size
        if self.done - self.told >= REPORT_BYTES:
            self.told = self.done
            say("progress", str(self.done))

    def finish(self):
        """Every name is there: the folder of ours goes, before the root gets its times."""
        if self.staging is None:
            return
        for inode, flags in self.staged.items():
            place = b"%d" % inode
            if not flags:
                os.unlink(place, dir_fd=self.staging)
                continue
            file = os.open(place, READ, dir_fd=self.staging)
            os.unlink(place, dir_fd=self.staging)  # before it cannot be unlinked any more
            write_flags(file, flags, self.notes)
            os.close(file)
        os.close(self.staging)
        os.rmdir(self.staging_name, dir_fd=self.root)


class FlagCarrier:
    """For a tree that is there already: what is missing in it was left out on purpose."""

    entries = staticmethod(listing)

    def __init__(self):
        self.notes = Notes()

    def visit(self, entry, source, target, device):
        name = entry.name
        info = os.stat(name, dir_fd=source, follow_symlinks=False)
        if info.st_dev != device or not (stat.S_ISDIR(info.st_mode) or stat.S_ISREG(info.st_mode)):
            return None
        try:
            there = os.stat(name, dir_fd=target, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if stat.S_IFMT(there.st_mode) != stat.S_IFMT(info.st_mode):
            return None
        if stat.S_ISDIR(info.st_mode):
            return name, info
        data = os.open(name, READ, dir_fd=source)
        flags = read_flags(data)
        os.close(data)
        if flags:
            copy = os.open(name, READ, dir_fd=target)
            write_flags(copy, flags, self.notes)
            os.close(copy)
        return None

    def leave(self, source, target, info):
        carry_flags(source, target, self.notes)

    def finish(self):
        pass


class Notes:
    """What could not be carried, counted: told once at the end."""

    def __init__(self):
        self.counts = {}

    def add(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def tell(self):
        for what, count in self.counts.items():
            say("note", "%s of %d files: not carried, the target's file system cannot hold it" % (what, count))


def read_flags(file):
    """(flags, project) of an open file, or None where there is nothing to carry."""
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
    return (flags, project) if flags or project else None


def write_flags(file, carried, notes):
    flags, project = carried
    if project:
        block = bytearray(FSXATTR.size)
        try:
            fcntl.ioctl(file, FSGETXATTR, block)
            xflags, extsize, nextents, _, cow = FSXATTR.unpack(block)
            fcntl.ioctl(file, FSSETXATTR, FSXATTR.pack(xflags, extsize, nextents, project, cow))
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            notes.add("the project id")
    if not flags:
        return
    word = array.array("i", [0])
    fcntl.ioctl(file, GETFLAGS, word)
    # Those that make a file unchangeable come last, with all others there already.
    for wanted in (flags & ~SEALING, flags):
        now = (word[0] & 0xFFFFFFFF & ~CARRIED) | wanted
        try:
            fcntl.ioctl(file, SETFLAGS, array.array("I", [now]))
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            notes.add("some of the attributes of chattr")


def carry_flags(source, target, notes):
    carried = read_flags(source)
    if carried:
        write_flags(target, carried, notes)


def copy_xattrs(source, target, notes):
    """Both: a descriptor, or a path whose last name is not followed. ACLs are attributes too."""
    follow = isinstance(source, int)
    for name in os.listxattr(source, follow_symlinks=follow):
        value = os.getxattr(source, name, follow_symlinks=follow)
        try:
            os.setxattr(target, name, value, follow_symlinks=follow)
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP and not name.startswith(GENERAL):
                notes.add("the attribute %s" % ascii(name))
            elif error.errno == errno.ENOSPC and room_left(target):
                raise OSError(errno.E2BIG, name) from error
            else:
                raise


def room_left(target):
    """Whether it was the inode that had no room for an attribute, not the file system."""
    at = target if isinstance(target, int) else os.path.dirname(target)
    return os.statvfs(at).f_bfree > 0


def write_all(file, content, offset):
    done = os.pwrite(file, content, offset)
    while done < len(content):
        done += os.pwrite(file, content[done:], offset + done)


def staging_names():
    number = 0
    while True:
        yield ".links-%d" % number
        number += 1


def printable(name):
    return ascii(name.decode("utf-8", "surrogateescape"))[1:-1]


def say(kind, text):
    sys.stdout.write("%s %s\n" % (kind, text))
    sys.stdout.flush()


def main():
    what, source, target = sys.argv[1:]
    root = os.open(target, FOLDER)
    visitor = Copier(source, root) if what == "tree" else FlagCarrier()
    try:
        walk(os.open(source, FOLDER), os.dup(root), visitor)
    except Failure as failure:
        number = failure.error.errno
        say("error", "%s %s: %s" % (errno.errorcode.get(number, number), printable(failure.name), failure.error.strerror))
        sys.exit(1)
    visitor.notes.tell()
    say("done", str(getattr(visitor, "done", 0)))


main()
`;
