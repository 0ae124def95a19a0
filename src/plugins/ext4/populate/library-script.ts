/**
 * The functions of libext2fs that `populate-script.ts` calls, in python: its interface is e2fsprogs' ext2fs.h, and has
 * been the same since 1.43, as long as the library is called libext2fs.so.2.
 */
export const LIBRARY_SCRIPT = `
import ctypes
from ctypes import byref, c_char_p, c_int, c_int64, c_long, c_size_t, c_uint, c_uint32, c_uint64, c_ulong, c_void_p

# libext2fs: EXT2_FLAG_RW and EXT2_FLAG_64BITS, EXT2_FILE_WRITE, BMAP_ALLOC, EXT2_FLAG_FLUSH_NO_SYNC: what is scratch
# until it is sealed need not get to the machine's disk.
OPEN_FLAGS, FILE_WRITE, ALLOCATE, NO_SYNC = 0x1 | 0x20000, 0x1, 0x1, 0x1
READ_ONLY = 0x8  # BLOCK_FLAG_READ_ONLY

LIBRARY = ctypes.CDLL("libext2fs.so.2")
ERRORS = ctypes.CDLL("libcom_err.so.2")
LIBRARY.initialize_ext2_error_table()
ERRORS.error_message.argtypes, ERRORS.error_message.restype = [c_long], c_char_p
# What the library says of a full file system, and of attributes that go nowhere.
FULL, NO_ROOM_FOR_ATTRIBUTE = "Could not allocate ", "Insufficient space to store extended attribute"


def function(name, *types):
    """Of libext2fs; its errors are raised."""
    call = getattr(LIBRARY, "ext2fs_" + name)
    call.argtypes, call.restype = types, c_long

    def checked(*arguments):
        code = call(*arguments)
        if code:
            text = ERRORS.error_message(code).decode()
            word = "ENOSPC" if text.startswith(FULL) else "E2BIG" if text.startswith(NO_ROOM_FOR_ATTRIBUTE) else "EXT2"
            raise Refused(word, text)

    return checked


ENTRY_VISITOR = ctypes.CFUNCTYPE(c_int, c_uint32, c_int, c_void_p, c_int, c_int, c_void_p, c_void_p)
BLOCK_VISITOR = ctypes.CFUNCTYPE(c_int, c_void_p, ctypes.POINTER(c_uint64), c_int64, c_uint64, c_int, c_void_p)

open_file_system = function("open", c_char_p, c_int, c_int, c_uint, c_void_p, c_void_p)
read_bitmaps = function("read_bitmaps", c_void_p)
close_file_system = function("close2", c_void_p, c_int)
iterate_directory = function("dir_iterate2", c_void_p, c_uint32, c_int, c_void_p, ENTRY_VISITOR, c_void_p)
new_inode = function("new_inode", c_void_p, c_uint32, c_int, c_void_p, c_void_p)
read_inode = function("read_inode_full", c_void_p, c_uint32, c_void_p, c_int)
write_inode = function("write_inode_full", c_void_p, c_uint32, c_void_p, c_int)
find_first_inode = function("find_first_set_inode_bitmap2", c_void_p, c_uint32, c_uint32, c_void_p)
iterate_blocks = function("block_iterate3", c_void_p, c_uint32, c_int, c_void_p, BLOCK_VISITOR, c_void_p)
map_block = function("bmap2", c_void_p, c_uint32, c_void_p, c_void_p, c_int, c_uint64, c_void_p, c_void_p)
write_directory_block = function("write_dir_block4", c_void_p, c_uint64, c_char_p, c_int, c_uint32)
open_file = function("file_open", c_void_p, c_uint32, c_int, c_void_p)
seek_file = function("file_llseek", c_void_p, c_uint64, c_int, c_void_p)
write_file = function("file_write", c_void_p, c_char_p, c_uint, c_void_p)
close_file = function("file_close", c_void_p)
open_attributes = function("xattrs_open", c_void_p, c_uint32, c_void_p)
set_attribute = function("xattr_set", c_void_p, c_char_p, c_char_p, c_size_t)
close_attributes = function("xattrs_close", c_void_p)
count_less = function("iblk_sub_blocks", c_void_p, c_void_p, c_uint64)
count_inode = LIBRARY.ext2fs_inode_alloc_stats2
count_inode.argtypes, count_inode.restype = [c_void_p, c_uint32, c_int, c_int], None
count_block = LIBRARY.ext2fs_block_alloc_stats2
count_block.argtypes, count_block.restype = [c_void_p, c_uint64, c_int], None


class Opened(ctypes.Structure):
    """The beginning of struct struct_ext2_filsys (ext2fs.h)."""

    _fields_ = [
        ("magic", c_long), ("io", c_void_p), ("flags", c_int), ("name", c_void_p), ("superblock", c_void_p),
        ("block_size", c_uint), ("fragment_size", c_int), ("groups", c_uint32), ("descriptor_blocks", c_ulong),
        ("descriptors", c_void_p), ("inode_blocks", c_uint), ("inode_map", c_void_p), ("block_map", c_void_p),
    ]
`;
