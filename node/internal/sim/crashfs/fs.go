// Package crashfs is a file system in memory that keeps, when the power fails, what a real one may keep.
//
// Of a file that is what was synced, and of the rest any part: a first part, cut anywhere, or any of its sectors. Of a
// directory it is the names as they were when it was synced last, and of the changes since then a first part, or
// any of them; a rename is one change. When a sync fails, what it should have written is on disk
// or not, and no later sync writes it, as on Linux, where the pages count as clean then; reading still shows it, as long as
// the system runs. A write that fails may have written a first part.
//
// Everything that is left to chance comes from a seed and the path of the file, so it depends neither on the order
// in which files are looked at nor on files that happen to be there besides.
package crashfs

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Op is what is done to a file or to a directory.
type Op uint8

// The operations that a Fault is asked about.
const (
	Read   Op = iota // of the bytes of a file
	Write            // of bytes
	Sync             // of a file
	Create           // of a file, under a new name
	Rename           // and reuse
	Remove
	SyncNames // of a directory
)

// FS is a file system. It may be used by many goroutines.
type FS struct {
	mu     sync.Mutex
	root   *inode
	locked map[string]bool
	fault  func(op Op, name string) error
	// seed and faults decide how much of an operation that fails takes effect.
	seed   uint64
	faults uint64
}

var _ vfs.FS = (*FS)(nil)

// New returns an empty file system.
func New() *FS { return &FS{root: newDir(), locked: map[string]bool{}} }

// Fault sets what is asked before each operation; its error is what the operation returns. It is called without any
// lock held, by whoever does the operation. The seed decides how much of a failing write or sync reaches the file.
func (f *FS) Fault(seed uint64, fault func(op Op, name string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seed, f.fault = seed, fault
}

func (f *FS) before(op Op, name string) error {
	f.mu.Lock()
	fault := f.fault
	f.mu.Unlock()
	if fault == nil {
		return nil
	}
	if err := fault(op, name); err != nil {
		return &os.PathError{Op: [...]string{"read", "write", "sync", "create", "rename", "remove", "sync"}[op], Path: name, Err: err}
	}
	return nil
}

func split(name string) []string {
	return strings.FieldsFunc(path.Clean("/"+name), func(r rune) bool { return r == '/' })
}

// find returns what has a name, nil if nothing has. It is called with mu held, like all that begin with a small letter.
func (f *FS) find(name string) *inode {
	n := f.root
	for _, part := range split(name) {
		if n == nil || n.names == nil {
			return nil
		}
		n = n.names[part]
	}
	return n
}

// parent returns the directory that a name is in, and the last part of the name.
func (f *FS) parent(op, name string) (*inode, string, error) {
	d := f.find(path.Dir(path.Clean("/" + name)))
	if d == nil || d.names == nil {
		return nil, "", &os.PathError{Op: op, Path: name, Err: os.ErrNotExist}
	}
	return d, path.Base(name), nil
}

// Create implements vfs.FS.
func (f *FS) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.before(Create, name); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d, base, err := f.parent("create", name)
	if err != nil {
		return nil, err
	}
	n := &inode{}
	d.change(map[string]*inode{base: n})
	return &file{fs: f, name: name, n: n, writes: true}, nil
}

// Link implements vfs.FS.
func (f *FS) Link(oldname, newname string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, base, err := f.parent("link", newname)
	n := f.find(oldname)
	switch {
	case err != nil:
		return err
	case n == nil:
		return &os.LinkError{Op: "link", Old: oldname, New: newname, Err: os.ErrNotExist}
	case d.names[base] != nil:
		return &os.LinkError{Op: "link", Old: oldname, New: newname, Err: os.ErrExist}
	}
	d.change(map[string]*inode{base: n})
	return nil
}

func (f *FS) open(name string, writes bool) (vfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.find(name)
	if n == nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	}
	return &file{fs: f, name: name, n: n, writes: writes}, nil
}

// Open implements vfs.FS.
func (f *FS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	h, err := f.open(name, false)
	if err == nil {
		for _, o := range opts {
			o.Apply(h)
		}
	}
	return h, err
}

// OpenReadWrite implements vfs.FS.
func (f *FS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	h, err := f.open(name, true)
	if errors.Is(err, os.ErrNotExist) {
		h, err = f.Create(name, category)
	}
	return h, err
}

// OpenDir implements vfs.FS.
func (f *FS) OpenDir(name string) (vfs.File, error) { return f.open(name, false) }

// Remove implements vfs.FS.
func (f *FS) Remove(name string) error {
	if err := f.before(Remove, name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d, base, err := f.parent("remove", name)
	if err != nil {
		return err
	}
	switch n := d.names[base]; {
	case n == nil:
		return &os.PathError{Op: "remove", Path: name, Err: os.ErrNotExist}
	case len(n.names) > 0:
		return &os.PathError{Op: "remove", Path: name, Err: errors.New("directory not empty")}
	}
	d.change(map[string]*inode{base: nil})
	return nil
}

// RemoveAll implements vfs.FS.
func (f *FS) RemoveAll(name string) error {
	if err := f.before(Remove, name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if d, base, err := f.parent("remove", name); err == nil && d.names[base] != nil {
		d.change(map[string]*inode{base: nil})
	}
	return nil
}

// Rename implements vfs.FS. Between two directories it would not be one change, so it is refused.
func (f *FS) Rename(oldname, newname string) error {
	if err := f.before(Rename, newname); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d, from, err := f.parent("rename", oldname)
	if err != nil {
		return err
	}
	n := d.names[from]
	switch {
	case n == nil:
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: os.ErrNotExist}
	case f.find(path.Dir(newname)) != d:
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: errors.New("not in one directory")}
	}
	d.change(map[string]*inode{from: nil, path.Base(newname): n})
	return nil
}

// ReuseForWrite implements vfs.FS.
func (f *FS) ReuseForWrite(oldname, newname string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.Rename(oldname, newname); err != nil {
		return nil, err
	}
	return f.open(newname, true)
}

// MkdirAll implements vfs.FS.
func (f *FS) MkdirAll(name string, _ os.FileMode) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.root
	for _, part := range split(name) {
		next := d.names[part]
		if next == nil {
			next = newDir()
			d.change(map[string]*inode{part: next})
		}
		if next.names == nil {
			return &os.PathError{Op: "mkdir", Path: name, Err: errors.New("not a directory")}
		}
		d = next
	}
	return nil
}

// Lock implements vfs.FS.
func (f *FS) Lock(name string) (io.Closer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, base, err := f.parent("lock", name)
	if err != nil {
		return nil, err
	}
	if f.locked[name] {
		return nil, fmt.Errorf("%s is locked", name)
	}
	if d.names[base] == nil {
		d.change(map[string]*inode{base: {}})
	}
	f.locked[name] = true
	return lock{f, name}, nil
}

type lock struct {
	fs   *FS
	name string
}

func (l lock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locked, l.name)
	return nil
}

// List implements vfs.FS.
func (f *FS) List(dir string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.find(dir)
	if d == nil || d.names == nil {
		return nil, &os.PathError{Op: "list", Path: dir, Err: os.ErrNotExist}
	}
	return slices.Sorted(maps.Keys(d.names)), nil
}

// Stat implements vfs.FS.
func (f *FS) Stat(name string) (vfs.FileInfo, error) {
	h, err := f.open(name, false)
	if err != nil {
		return nil, err
	}
	return h.Stat()
}

// PathBase implements vfs.FS.
func (f *FS) PathBase(name string) string { return path.Base(name) }

// PathJoin implements vfs.FS.
func (f *FS) PathJoin(elem ...string) string { return path.Join(elem...) }

// PathDir implements vfs.FS.
func (f *FS) PathDir(name string) string { return path.Dir(name) }

// GetDiskUsage implements vfs.FS. There is room: that there is none shows at a write.
func (f *FS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: 1 << 40, TotalBytes: 1 << 40}, nil
}

// Unwrap implements vfs.FS.
func (f *FS) Unwrap() vfs.FS { return nil }
