package sqlite

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// remote returns the name of the file system of dir if it is one of another
// machine.
func remote(dir string) (string, error) {
	if _, err := os.Stat(dir); err != nil {
		return "", err
	}
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(dir) + `\`)
	if err != nil {
		return "", err
	}
	if windows.GetDriveType(root) == windows.DRIVE_REMOTE {
		return "a network drive", nil
	}
	return "", nil
}
