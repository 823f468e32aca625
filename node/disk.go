package node

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A disk may hang: an fsync or a read does not return, and no error comes. The others notice by the node's heartbeats, which say for how long its log
// has not moved, and go on without it. The node itself cannot go on: it may not answer, and whoever waits for the disk
// cannot be interrupted. So the file system below the store is watched, and where an operation does not return for too long, the node stops,
// says which, and leaves behind what waits.

// watchedDisk is a file system that knows which operations are under way.
type watchedDisk struct {
	vfs.FS
	patience int // looks after which an operation that is still under way hangs
	fail     func(error)

	mu       sync.Mutex
	underWay map[*diskOp]struct{}
	written  map[string]*watchedFile // by the names that they have now

	hung  chan struct{} // closed when an operation hangs
	err   error         // which; valid once hung is closed
	close sync.Once
	ended chan struct{} // closed by end
}

// diskOp is one operation. It is counted how often it was seen and not for how long it lasts: a process that was stopped, with all its machine or
// alone, sees the disk again before it could accuse it.
type diskOp struct {
	what, name string
	began      time.Time
	looks      int
}

// diskLooks is how often the disk is looked at within the time that an operation may take, and diskLook the longest time between two looks.
const (
	diskLooks = 10
	diskLook  = time.Second
)

// watchDisk calls fail once, when an operation has not returned for timeout.
func watchDisk(fs vfs.FS, timeout time.Duration, fail func(error)) *watchedDisk {
	every := min(timeout/diskLooks, diskLook)
	d := &watchedDisk{
		FS: fs, patience: int((timeout + every - 1) / every), fail: fail, underWay: map[*diskOp]struct{}{}, written: map[string]*watchedFile{},
		hung: make(chan struct{}), ended: make(chan struct{}),
	}
	go d.run(every, timeout)
	return d
}

func (d *watchedDisk) run(every, timeout time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-d.ended:
			return
		case <-ticker.C:
		}
		if op := d.look(); op != nil {
			d.err = fmt.Errorf("the disk hangs: %s of %s has not returned for %v, and disk-timeout is %v",
				op.what, op.name, time.Since(op.began).Round(time.Millisecond), timeout)
			d.fail(d.err) // before anybody goes on without what hangs
			close(d.hung)
			return
		}
	}
}

// look returns the oldest operation that hangs, nil where none does.
func (d *watchedDisk) look() (hangs *diskOp) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for op := range d.underWay {
		op.looks++
		if op.looks > d.patience && (hangs == nil || op.began.Before(hangs.began)) {
			hangs = op
		}
	}
	return hangs
}

// end ends the watch.
func (d *watchedDisk) end() { d.close.Do(func() { close(d.ended) }) }

// waitFor returns when f has, with its error; or when the disk hangs, which f may wait for: then f is left behind. Once it hangs, f is
// not begun, since something else may be in the store still.
func (d *watchedDisk) waitFor(f func() error) error {
	select {
	case <-d.hung:
		return d.err
	default:
	}
	returned := make(chan error, 1)
	go func() { returned <- f() }()
	select {
	case err := <-returned:
		return err
	case <-d.hung:
		return errors.Join(d.err, errors.New("what waits for the disk is left behind"))
	}
}

// closed forgets a file that is written no more.
func (d *watchedDisk) closed(f *watchedFile) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.written[f.name] == f {
		delete(d.written, f.name)
	}
}

// begin notes an operation on a file, or on a name; the function it returns notes the end.
func (d *watchedDisk) begin(what string, file *watchedFile, name string) (end func()) {
	op := &diskOp{what: what, name: name, began: time.Now()}
	d.mu.Lock()
	defer d.mu.Unlock()
	if file != nil {
		op.name = file.name
	}
	d.underWay[op] = struct{}{}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.underWay, op)
	}
}

// opens watches what opens a file, and the file.
func (d *watchedDisk) opens(what, name string, open func() (vfs.File, error)) (vfs.File, error) {
	defer d.begin(what, nil, name)()
	f, err := open()
	if err != nil {
		return nil, err
	}
	return &watchedFile{File: f, disk: d, name: name}, nil
}

// creates is opens for a file that is written, and may be renamed meanwhile.
func (d *watchedDisk) creates(what, name, as string, open func() (vfs.File, error)) (vfs.File, error) {
	f, err := d.opens(what, name, open)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	w := f.(*watchedFile)
	w.name, d.written[as] = as, w
	return w, nil
}

// renamed keeps up with the name of a file that is written.
func (d *watchedDisk) renamed(from, to string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w := d.written[from]; w != nil {
		delete(d.written, from)
		w.name, d.written[to] = to, w
	}
}

func (d *watchedDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.creates("create", name, name, func() (vfs.File, error) { return d.FS.Create(name, c) })
}

func (d *watchedDisk) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	return d.opens("open", name, func() (vfs.File, error) { return d.FS.Open(name, o...) })
}

func (d *watchedDisk) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return d.opens("open", name, func() (vfs.File, error) { return d.FS.OpenReadWrite(name, c, o...) })
}

func (d *watchedDisk) OpenDir(name string) (vfs.File, error) {
	return d.opens("open", name, func() (vfs.File, error) { return d.FS.OpenDir(name) })
}

func (d *watchedDisk) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.creates("rename", from, to, func() (vfs.File, error) { return d.FS.ReuseForWrite(from, to, c) })
}

func (d *watchedDisk) Link(from, to string) error {
	defer d.begin("link", nil, from)()
	return d.FS.Link(from, to)
}

func (d *watchedDisk) Rename(from, to string) error {
	defer d.begin("rename", nil, from)()
	err := d.FS.Rename(from, to)
	if err == nil {
		d.renamed(from, to)
	}
	return err
}

func (d *watchedDisk) Remove(name string) error {
	defer d.begin("remove", nil, name)()
	return d.FS.Remove(name)
}

func (d *watchedDisk) List(dir string) ([]string, error) {
	defer d.begin("list", nil, dir)()
	return d.FS.List(dir)
}

func (d *watchedDisk) Stat(name string) (vfs.FileInfo, error) {
	defer d.begin("stat", nil, name)()
	return d.FS.Stat(name)
}

func (d *watchedDisk) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	defer d.begin("statfs", nil, path)()
	return d.FS.GetDiskUsage(path)
}

// Unwrap implements vfs.FS.
func (d *watchedDisk) Unwrap() vfs.FS { return d.FS }

// watchedFile is a file, or a directory, of a watchedDisk.
type watchedFile struct {
	vfs.File
	disk *watchedDisk
	name string // guarded by disk.mu
}

func (f *watchedFile) begin(what string) (end func()) { return f.disk.begin(what, f, "") }

func (f *watchedFile) Read(p []byte) (int, error) {
	defer f.begin("read")()
	return f.File.Read(p)
}

func (f *watchedFile) ReadAt(p []byte, at int64) (int, error) {
	defer f.begin("read")()
	return f.File.ReadAt(p, at)
}

func (f *watchedFile) Write(p []byte) (int, error) {
	defer f.begin("write")()
	return f.File.Write(p)
}

func (f *watchedFile) WriteAt(p []byte, at int64) (int, error) {
	defer f.begin("write")()
	return f.File.WriteAt(p, at)
}

func (f *watchedFile) Preallocate(at, length int64) error {
	defer f.begin("preallocation")()
	return f.File.Preallocate(at, length)
}

func (f *watchedFile) Sync() error {
	defer f.begin("fsync")()
	return f.File.Sync()
}

func (f *watchedFile) SyncData() error {
	defer f.begin("fsync")()
	return f.File.SyncData()
}

func (f *watchedFile) SyncTo(length int64) (bool, error) {
	defer f.begin("fsync")()
	return f.File.SyncTo(length)
}

func (f *watchedFile) Close() error {
	defer f.begin("close")()
	f.disk.closed(f)
	return f.File.Close()
}
