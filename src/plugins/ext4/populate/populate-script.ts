/**
 * The program that `populate.ts` runs with python3, behind `walk-script.ts`, `library-script.ts` and
 * `volume-script.ts`: `FROM FILE fresh|used carried|epoch` writes every file of the folder FROM into the ext4 in FILE
 * through libext2fs, the library of mke2fs, debugfs and e2fsck. Nothing is mounted, and no kernel decides on anything: the
 * same tree into the same image gives the same bytes, as names are taken in their order, inodes and blocks are given out
 * in a row, blocks of zeros are holes, and the file system's own times are the clock in E2FSPROGS_FAKE_TIME, which is
 * libext2fs's too.
 *
 * `fresh`: where the root has more than lost+found it prints `occupied NAME` and changes nothing; `used`: all files
 * that are there are freed first. `epoch`: access times are the clock as well. It also prints `progress BYTES` and, at
 * the end, `done BYTES`.
 */
export const POPULATE_SCRIPT = `
# Namespaces of attributes that every file system has; others are a file system's own (btrfs.compression).
GENERAL = (b"user.", b"trusted.", b"security.", b"system.posix_acl_")

PIECE_BYTES = 1 << 20
ALIGNMENT = 65536  # the largest block of ext4: pieces begin where blocks do
REPORT_BYTES = 4 << 20

MOST_LINKS = 65000
# Types of directory entries, by those of inodes.
ENTRY_TYPES = {0o10: 1, 0o04: 2, 0o02: 3, 0o06: 4, 0o01: 5, 0o14: 6, 0o12: 7}


class Folder:
    """One that is being written: its blocks are, when all that is in it has its inode."""

    def __init__(self, inode, parent, old_blocks):
        self.inode, self.parent = inode, parent or self
        self.old_blocks = old_blocks
        self.names = []  # (inode's number, its mode, name)
        self.folders = 0


class Writer:
    def __init__(self, volume):
        self.volume = volume
        self.linked = {}  # inode of the source -> [number, how many names]
        self.done = self.told = 0
        self.zeros = bytes(volume.block_size)

    def enter(self, name, info, parent, _folders):
        volume = self.volume
        if name is None:
            number = ROOT
        else:
            number = volume.lost_and_found if name == LOST_AND_FOUND and parent.inode.number == ROOT else None
        if number is None:
            inode = Inode(volume)
            inode.take(True)
            inode.begin(info.st_mode)
            inode.map_by_extents()
            inode.write()
            old_blocks = 0
        else:
            inode = Inode(volume, number).read()
            old_blocks = inode.get("I", 0x4) // volume.block_size
        if parent:
            parent.folders += 1
            parent.names.append((inode.number, info.st_mode, name))
        return Folder(inode, parent, old_blocks)

    def visit(self, name, info, parent, folders):
        known = self.linked.get(info.st_ino) if info.st_nlink > 1 else None
        if known:
            if known[1] == MOST_LINKS:
                raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))
            known[1] += 1
            parent.names.append((known[0], info.st_mode, name))
            return
        inode = Inode(self.volume)
        inode.take(False)
        parent.names.append((inode.number, info.st_mode, name))
        if info.st_nlink > 1:
            self.linked[info.st_ino] = [inode.number, 1]
        inode.begin(info.st_mode)
        if stat.S_ISREG(info.st_mode):
            self.write_file(inode, name, info, folders[0])
            return
        if stat.S_ISLNK(info.st_mode):
            self.write_link(inode, os.readlink(name, dir_fd=folders[0]))
        elif stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
            major, minor = os.major(info.st_rdev), os.minor(info.st_rdev)
            # old_encode_dev and new_encode_dev of the kernel.
            if major < 256 and minor < 256:
                inode.set("II", 0x28, major << 8 | minor, 0)
            else:
                inode.set("II", 0x28, 0, minor & 0xFF | major << 8 | (minor & ~0xFF) << 12)
            inode.write()
        else:
            inode.write()
        # There is no descriptor of such a file that takes attributes; through /proc its path is short.
        self.copy_attributes(inode, b"/proc/self/fd/%d/%s" % (folders[0], name))
        inode.read().carry(info, 0, 0)
        inode.write()

    def leave(self, folder, info, folders):
        if folder.inode.number == ROOT:
            self.keep_lost_and_found(folder)
        self.write_directory(folder)
        self.copy_attributes(folder.inode, folders[0])
        folder.inode.read().carry(info, *read_flags(folders[0]))
        folder.inode.write()

    def keep_lost_and_found(self, root):
        """Where the source has none, the one that mke2fs made stays."""
        number = self.volume.lost_and_found
        if number is None or any(name == LOST_AND_FOUND for _, _, name in root.names):
            return
        inode = Inode(self.volume, number).read()
        root.names.append((number, stat.S_IFDIR, LOST_AND_FOUND))
        root.folders += 1
        self.write_directory(Folder(inode, root, inode.get("I", 0x4) // self.volume.block_size))

    def write_directory(self, folder):
        volume, inode = self.volume, folder.inode
        blocks = self.directory_blocks(folder)
        while len(blocks) < folder.old_blocks:
            blocks.append(self.directory_block([]))
        for number, block in enumerate(blocks):
            place = c_uint64()
            map_block(volume.handle, inode.number, inode.bytes, None, ALLOCATE, number, None, byref(place))
            write_directory_block(volume.handle, place, block, 0, inode.number)
        inode.read()
        inode.set("I", 0x20, inode.get("I", 0x20) & ~INDEX_FLAG)
        inode.set_size(len(blocks) * volume.block_size)
        links = folder.folders + 2
        inode.set_links(links if links < MOST_LINKS else 1)
        inode.write()

    def directory_blocks(self, folder):
        room = self.volume.block_size - (12 if self.volume.checksums else 0)
        entries = [(folder.inode.number, stat.S_IFDIR, b"."), (folder.parent.inode.number, stat.S_IFDIR, b"..")]
        entries += sorted(folder.names, key=lambda entry: entry[2])
        blocks, used = [], 0
        block = []
        for entry in entries:
            length = 8 + len(entry[2]) + 3 & ~3
            if used + length > room:
                blocks.append(self.directory_block(block))
                block, used = [], 0
            block.append(entry)
            used += length
        blocks.append(self.directory_block(block))
        return blocks

    def directory_block(self, entries):
        """directory.rst; the last entry reaches to the end, or to the checksum."""
        size = self.volume.block_size
        end = size - (12 if self.volume.checksums else 0)
        block, at = bytearray(size), 0
        for number, (inode, mode, name) in enumerate(entries or [(0, 0, b"")]):
            length = 8 + len(name) + 3 & ~3
            if number == len(entries or [0]) - 1:
                length = end - at
            kind = ENTRY_TYPES.get(mode >> 12, 0) if self.volume.has_types else 0
            struct.pack_into("<IHBB", block, at, inode, min(length, 0xFFFF), len(name), kind)
            block[at + 8 : at + 8 + len(name)] = name
            at += length
        if end < size:
            struct.pack_into("<IHBB", block, end, 0, 12, 0, 0xDE)
        return bytes(block)

    def write_link(self, inode, target):
        inode.set_size(len(target))
        if len(target) < FAST_SYMLINK_BYTES:
            inode.set("%ds" % len(target), 0x28, target)
            inode.write()
            return
        if len(target) >= self.volume.block_size:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))  # as the kernel has it
        inode.map_by_extents()
        inode.write()
        self.write_content(inode, [(0, target)])

    def write_file(self, inode, name, info, folder):
        inode.map_by_extents()
        inode.write()
        data = os.open(name, READ, dir_fd=folder)
        try:
            if info.st_size:
                self.write_content(inode, pieces(data, info))
            self.copy_attributes(inode, data)
            inode.read().carry(info, *read_flags(data))
            inode.set_size(info.st_size)
            inode.write()
        finally:
            os.close(data)

    def write_content(self, inode, content):
        """Blocks of zeros are holes, whatever they are in the source."""
        size = self.volume.block_size
        file = c_void_p()
        open_file(self.volume.handle, inode.number, FILE_WRITE, byref(file))
        written = c_uint()
        for offset, piece in content:
            for start, end in ranges(piece, self.zeros):
                seek_file(file, offset + start, 0, None)
                part = piece[start:end] if end - start < len(piece) else piece
                write_file(file, part, len(part), byref(written))
                if written.value != len(part):
                    raise OSError(errno.EIO, "it was not written")
            self.count(len(piece))
        close_file(file)

    def count(self, size):
        self.done += size
        if self.done - self.told >= REPORT_BYTES:
            self.told = self.done
            say("progress", str(self.done))

    def copy_attributes(self, inode, source):
        """A descriptor, or a path whose last name is not followed. ACLs are attributes too."""
        follow = isinstance(source, int)
        names = sorted(map(os.fsencode, os.listxattr(source, follow_symlinks=follow)))
        if not names:
            return
        handle = c_void_p()
        open_attributes(self.volume.handle, inode.number, byref(handle))
        for name in names:
            if not name.startswith(GENERAL):
                self.volume.notes.add("the attribute %s" % printable(name))
                continue
            value = os.getxattr(source, name, follow_symlinks=follow)
            set_attribute(handle, name, value, len(value))
        close_attributes(byref(handle))

    def finish(self):
        for number, names in self.linked.values():
            if names > 1:
                inode = Inode(self.volume, number).read()
                inode.set_links(names)
                inode.write()


def pieces(data, info):
    """(offset, content) of what is no hole."""
    offset = 0
    while offset < info.st_size:
        try:
            offset = os.lseek(data, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return  # a hole up to the end
            raise
        end = os.lseek(data, offset, os.SEEK_HOLE)
        offset, end = offset // ALIGNMENT * ALIGNMENT, -(-end // ALIGNMENT) * ALIGNMENT
        while offset < min(end, info.st_size):
            content = os.pread(data, min(PIECE_BYTES, end - offset), offset)
            if not content:
                raise OSError(errno.EIO, "it is shorter than it says")
            yield offset, content
            offset += len(content)


def ranges(piece, zeros):
    """Where blocks lie that are not all zeros; neighbours are one."""
    size, start = len(zeros), None
    for at in range(0, len(piece), size):
        block = piece[at : at + size]
        if block == zeros[: len(block)]:
            if start is not None:
                yield start, at
                start = None
        elif start is None:
            start = at
    if start is not None:
        yield start, len(piece)


def main():
    source, target, state, access_times = sys.argv[1:]
    try:
        volume = Volume(os.fsencode(target), access_times == "carried")
        if state == "fresh" and volume.other is not None:
            say("occupied", printable(volume.other))
            return
        if state == "used":
            volume.clear()
        writer = Writer(volume)
        walk([os.open(source, FOLDER)], writer)
        writer.finish()
        volume.close()
    except Refused as error:
        fail(error, b"")
    volume.notes.tell()
    say("done", str(writer.done))


main()
`;
