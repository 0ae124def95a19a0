/**
 * An ext4 file system that is written to, in python, upon `library-script.ts`: its inodes, and what is in it. Offsets are
 * those of the kernel's Documentation/filesystems/ext4 (super.rst, inodes.rst).
 */
export const VOLUME_SCRIPT = `
EPOCH_NS = int(os.environ["E2FSPROGS_FAKE_TIME"]) * 10**9  # the clock of libext2fs too

ROOT, LOST_AND_FOUND = 2, b"lost+found"
PROJECT_QUOTA_AT, ORPHAN_FILE_AT = 0x26C, 0x280  # of the superblock
# Features (super.rst): incompatible ones, and read-only compatible ones.
FILETYPE, EXTENTS = 0x2, 0x40
BIGALLOC, METADATA_CSUM, PROJECT = 0x200, 0x400, 0x2000
INDEX_FLAG, EXTENTS_FLAG, INLINE_FLAG = 0x1000, 0x80000, 0x10000000
FAST_SYMLINK_BYTES = 60
EMPTY_EXTENTS = struct.pack("<HHHHI", 0xF30A, 0, 4, 0, 0)


class Inode:
    """An inode's bytes, as in inodes.rst of the kernel's Documentation/filesystems/ext4."""

    def __init__(self, volume, number=None):
        self.volume = volume
        self.bytes = ctypes.create_string_buffer(volume.inode_size)
        if number is None:
            found = c_uint32()
            new_inode(volume.handle, ROOT, 0, None, byref(found))
            number = found.value
        self.number = number

    def take(self, is_folder):
        count_inode(self.volume.handle, self.number, 1, is_folder)

    def read(self):
        read_inode(self.volume.handle, self.number, self.bytes, len(self.bytes))
        return self

    def write(self):
        write_inode(self.volume.handle, self.number, self.bytes, len(self.bytes))

    def get(self, form, at):
        return struct.unpack_from("<" + form, self.bytes, at)[0]

    def set(self, form, at, *values):
        struct.pack_into("<" + form, self.bytes, at, *values)

    def begin(self, mode):
        """As a file without content."""
        ctypes.memset(self.bytes, 0, len(self.bytes))
        self.set("H", 0x0, mode)
        self.set("H", 0x1A, 1)
        if len(self.bytes) > 128:
            self.set("H", 0x80, 32)  # i_extra_isize: up to i_projid

    def map_by_extents(self):
        if self.volume.extents:
            self.set("I", 0x20, EXTENTS_FLAG)
            self.set("12s", 0x28, EMPTY_EXTENTS)

    def set_size(self, size):
        self.set("I", 0x4, size & 0xFFFFFFFF)
        self.set("I", 0x6C, size >> 32)

    def set_links(self, links):
        self.set("H", 0x1A, links)

    def carry(self, info, flags, project):
        """Owner, mode and times of info; the file system's own times are the step's clock."""
        self.set("H", 0x0, info.st_mode)
        for low, high, owner in [(0x2, 0x78, info.st_uid), (0x18, 0x7A, info.st_gid)]:
            self.set("H", low, owner & 0xFFFF)
            self.set("H", high, owner >> 16)
        self.set_time(0x8, 0x8C, info.st_atime_ns if self.volume.keeps_access_times else EPOCH_NS)
        self.set_time(0xC, 0x84, EPOCH_NS)
        self.set_time(0x10, 0x88, info.st_mtime_ns)
        self.set_time(0x90, 0x94, EPOCH_NS)
        self.set("I", 0x20, (self.get("I", 0x20) & ~CARRIED) | flags)
        if project:
            if self.volume.projects:
                self.set("I", 0x9C, project)
            else:
                self.volume.notes.add("the project id")

    def set_time(self, at, extra_at, time_ns):
        """Two bits of the second word go on where 32 bits of signed seconds end."""
        seconds, nanoseconds = divmod(time_ns, 10**9)
        large = len(self.bytes) > 128
        seconds = min(max(seconds, -(2**31)), 2**34 - 2**31 - 1 if large else 2**31 - 1)
        low = (seconds + 2**31) % 2**32 - 2**31
        if large or at != 0x90:
            self.set("i", at, low)
        if large:
            self.set("I", extra_at, nanoseconds << 2 | (seconds - low) >> 32)


class Volume:
    """The file system that is written to."""

    def __init__(self, path, keeps_access_times):
        handle = c_void_p()
        manager = c_void_p.in_dll(LIBRARY, "unix_io_manager")
        open_file_system(path, OPEN_FLAGS, 0, 0, manager, byref(handle))
        self.handle = handle
        read_bitmaps(handle)
        opened = Opened.from_address(handle.value)
        superblock = ctypes.string_at(opened.superblock, 1024)
        self.inode_map, self.block_size = opened.inode_map, opened.block_size
        self.inodes, self.first_inode = word(superblock, 0x0), max(word(superblock, 0x54), 11)
        self.inode_size = struct.unpack_from("<H", superblock, 0x58)[0]
        incompatible, compatible = word(superblock, 0x60), word(superblock, 0x64)
        self.has_types, self.extents = incompatible & FILETYPE, incompatible & EXTENTS
        self.checksums, self.projects = compatible & METADATA_CSUM, compatible & PROJECT
        self.cluster = 1 << word(superblock, 0x1C) - word(superblock, 0x18) if compatible & BIGALLOC else 1
        self.given_back = bytearray((word(superblock, 0x4) | word(superblock, 0x150) << 32) // self.cluster + 1)
        self.give_back_visitor = BLOCK_VISITOR(lambda _handle, block, *_rest: self.give_back(block[0]))
        self.own = {word(superblock, PROJECT_QUOTA_AT), word(superblock, ORPHAN_FILE_AT)}
        self.lost_and_found = self.other = None
        self.keeps_access_times = keeps_access_times
        self.notes = Notes()
        self.look()

    def look(self):
        """What is in the root."""

        def see(_directory, kind, entry, _offset, _size, _buffer, _private):
            number, length = struct.unpack("<IxxB", ctypes.string_at(entry, 7))
            name = ctypes.string_at(entry + 8, length)
            if name == LOST_AND_FOUND:
                self.lost_and_found = number
            elif name not in (b".", b".."):
                self.other = name
            return 0

        iterate_directory(self.handle, ROOT, 0, None, ENTRY_VISITOR(see), None)

    def clear(self):
        """Frees every file, the root and lost+found excepted: both are written anew into the blocks that they have."""
        kept = self.own | {self.lost_and_found}
        number = self.first_inode
        found = c_uint32()
        while number <= self.inodes:
            try:
                find_first_inode(self.inode_map, number, self.inodes, byref(found))
            except Refused:
                break  # no more
            number = found.value
            if number not in kept:
                self.free(Inode(self, number).read())
            number += 1
        for number in {ROOT, self.lost_and_found} - {None}:
            self.drop_attributes(Inode(self, number).read())

    def free(self, inode):
        self.drop_attributes(inode)
        kind = stat.S_IFMT(inode.get("H", 0x0))
        is_fast_link = inode.get("I", 0x4) < FAST_SYMLINK_BYTES and not inode.get("I", 0x20) & EXTENTS_FLAG
        has_blocks = kind in (stat.S_IFREG, stat.S_IFDIR) or kind == stat.S_IFLNK and not is_fast_link
        if has_blocks and not inode.get("I", 0x20) & INLINE_FLAG:
            # Not ext2fs_punch, which refuses the last block of a file system (1.47.0).
            iterate_blocks(self.handle, inode.number, READ_ONLY, None, self.give_back_visitor, None)
        ctypes.memset(inode.bytes, 0, len(inode.bytes))
        inode.write()
        count_inode(self.handle, inode.number, -1, kind == stat.S_IFDIR)

    def give_back(self, block):
        """Once for each cluster: files share blocks of attributes, and blocks of a file their clusters."""
        cluster = block // self.cluster
        if not self.given_back[cluster]:
            self.given_back[cluster] = 1
            count_block(self.handle, block, -1)
        return 0

    def drop_attributes(self, inode):
        block = inode.get("I", 0x68) | inode.get("H", 0x76) << 32
        if not block:
            return
        self.give_back(block)
        inode.set("I", 0x68, 0)
        inode.set("H", 0x76, 0)
        count_less(self.handle, inode.bytes, 1)
        inode.write()

    def close(self):
        close_file_system(self.handle, NO_SYNC)


def word(superblock, at):
    return struct.unpack_from("<I", superblock, at)[0]
`;
