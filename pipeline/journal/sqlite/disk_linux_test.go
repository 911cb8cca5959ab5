package sqlite

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestOnlyDisksOfThisMachineAreTaken(t *testing.T) {
	if err := checkDisk(t.TempDir()); err != nil {
		t.Errorf("checkDisk of the directory of this test = %v; want nil", err)
	}
	for magic, want := range map[uint32]string{
		0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB", 0x01021997: "9P", 0x65735546: "FUSE",
		unix.EXT4_SUPER_MAGIC: "", unix.XFS_SUPER_MAGIC: "", unix.BTRFS_SUPER_MAGIC: "", unix.TMPFS_MAGIC: "", unix.OVERLAYFS_SUPER_MAGIC: "",
	} {
		if got := networks[magic]; got != want {
			t.Errorf("file system %#x is called %q, want %q", magic, got, want)
		}
	}
}
