package crashfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// sectorState says what is on disk of a sector of a file.
type sectorState uint8

const (
	clean sectorState = iota // what was written
	dirty                    // what was there before; the next sync writes it
	lost                     // what was there before, or anything else; no sync writes it
)

// inode is a file or a directory, apart from its name.
type inode struct {
	// A directory: what reading shows, what is on disk for certain, and the changes between the two in their order.
	names   map[string]*inode // nil: a file
	durable map[string]*inode
	changes []map[string]*inode // nil: the name goes

	// A file.
	data, disk []byte
	sectors    []sectorState // of data
}

func newDir() *inode { return &inode{names: map[string]*inode{}, durable: map[string]*inode{}} }

// change gives or takes names, in one step.
func (n *inode) change(c map[string]*inode) {
	apply(n.names, c)
	n.changes = append(n.changes, c)
}

func apply(names, change map[string]*inode) {
	for name, n := range change {
		if n == nil {
			delete(names, name)
		} else {
			names[name] = n
		}
	}
}

func (n *inode) writeAt(b []byte, at int) {
	if end := at + len(b); end > len(n.data) {
		n.data = append(n.data, make([]byte, end-len(n.data))...)
		n.sectors = append(n.sectors, make([]sectorState, (end+sector-1)/sector-len(n.sectors))...)
	}
	copy(n.data[at:], b)
	for s := at / sector; s*sector < at+len(b); s++ {
		n.sectors[s] = dirty
	}
}

// flush brings one sector to disk.
func (n *inode) flush(s int) {
	begin, end := s*sector, min((s+1)*sector, len(n.data))
	n.extend(end)
	copy(n.disk[begin:end], n.data[begin:end])
}

// extend makes the file on disk at least so long; what it does not hold reads as zero.
func (n *inode) extend(size int) {
	if size > len(n.disk) {
		n.disk = append(n.disk, make([]byte, size-len(n.disk))...)
	}
}

func (n *inode) sync() {
	if n.names != nil {
		n.settle(n.changes)
		return
	}
	for s, state := range n.sectors {
		if state == dirty {
			n.flush(s)
			n.sectors[s] = clean
		}
	}
	n.extend(len(n.data))
}

// settle makes changes of names durable, and forgets all others.
func (n *inode) settle(changes []map[string]*inode) {
	for _, c := range changes {
		apply(n.durable, c)
	}
	n.changes = nil
}

// file is an open file or directory.
type file struct {
	fs     *FS
	name   string
	n      *inode
	pos    int64
	writes bool
}

var _ vfs.File = (*file)(nil)

func (h *file) Close() error { return nil }

func (h *file) Read(b []byte) (int, error) {
	n, err := h.ReadAt(b, h.pos)
	h.pos += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (h *file) ReadAt(b []byte, at int64) (int, error) {
	if err := h.fs.before(Read, h.name); err != nil {
		return 0, err
	}
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if at >= int64(len(h.n.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.n.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *file) Write(b []byte) (int, error) {
	n, err := h.WriteAt(b, h.pos)
	h.pos += int64(n)
	return n, err
}

func (h *file) WriteAt(b []byte, at int64) (int, error) {
	err := h.fs.before(Write, h.name)
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if !h.writes {
		return 0, &os.PathError{Op: "write", Path: h.name, Err: errors.New("not opened for writing")}
	}
	if err != nil {
		b = b[:h.fs.chance(h.name).IntN(len(b)+1)]
	}
	h.n.writeAt(b, int(at))
	return len(b), err
}

func (h *file) Sync() error {
	op := Sync
	if h.n.names != nil {
		op = SyncNames
	}
	err := h.fs.before(op, h.name)
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err == nil {
		h.n.sync()
		return nil
	}
	r := h.fs.chance(h.name)
	for s, state := range h.n.sectors {
		if state == dirty {
			if r.IntN(2) == 0 {
				h.n.flush(s)
			}
			h.n.sectors[s] = lost
		}
	}
	return err
}

func (h *file) SyncData() error { return h.Sync() }

// SyncTo makes nothing durable, which it may.
func (h *file) SyncTo(int64) (bool, error) { return false, nil }

func (h *file) Preallocate(int64, int64) error { return nil }

func (h *file) Prefetch(int64, int64) error { return nil }

func (h *file) Fd() uintptr { return vfs.InvalidFd }

func (h *file) Stat() (vfs.FileInfo, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	return info{name: path.Base(h.name), size: int64(len(h.n.data)), dir: h.n.names != nil}, nil
}

// info is what Stat tells. Nobody needs the time of a change, and it would come from a clock.
type info struct {
	name string
	size int64
	dir  bool
}

func (i info) Name() string           { return i.name }
func (i info) Size() int64            { return i.size }
func (i info) IsDir() bool            { return i.dir }
func (i info) ModTime() time.Time     { return time.Time{} }
func (i info) Sys() any               { return nil }
func (i info) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }

func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

// copied is a copy of n as it is; seen holds those that exist already, since a file may have several names.
func (n *inode) copied(seen map[*inode]*inode) *inode {
	if n == nil {
		return nil
	}
	if c := seen[n]; c != nil {
		return c
	}
	c := &inode{data: slices.Clone(n.data), disk: slices.Clone(n.disk), sectors: slices.Clone(n.sectors)}
	seen[n] = c
	all := func(from map[string]*inode) map[string]*inode {
		if from == nil {
			return nil
		}
		to := make(map[string]*inode, len(from))
		for name, child := range from {
			to[name] = child.copied(seen)
		}
		return to
	}
	c.names, c.durable = all(n.names), all(n.durable)
	for _, change := range n.changes {
		c.changes = append(c.changes, all(change))
	}
	return c
}
