package store

import (
	"io"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const writeCategory = vfs.WriteCategoryUnspecified

// syncDir makes the names in a directory durable.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		d.Close()
		return err
	}
	return d.Close()
}

// makeDir makes a directory with all its parents, durably.
func makeDir(fs vfs.FS, dir string) error {
	if err := fs.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	// All of them: one that exists may be left from an attempt that did not come this far.
	for child, parent := dir, fs.PathDir(dir); parent != child; child, parent = parent, fs.PathDir(parent) {
		err := syncDir(fs, parent)
		// A directory that the node may not read is none that it has made.
		if err != nil && !oserror.IsPermission(err) {
			return err
		}
	}
	return nil
}

// readFile reads a file, or the first limit bytes of it.
func readFile(fs vfs.FS, path string, limit int64) ([]byte, error) {
	f, err := fs.Open(path, vfs.SequentialReadsOption)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(info.Size(), limit))
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, err
	}
	return b, nil
}

// replaceFile puts a small file in place, durably: it is there whole, or as it was.
func replaceFile(fs vfs.FS, path string, b []byte) error {
	next := path + newSuffix
	f, err := fs.Create(next, writeCategory)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := fs.Rename(next, path); err != nil {
		return err
	}
	return syncDir(fs, fs.PathDir(path))
}

// newSuffix marks a file that is being written, before it gets its name.
const newSuffix = ".new"
