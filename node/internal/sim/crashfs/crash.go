package crashfs

import (
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
)

// Kept says what a power failure leaves of what was not synced.
type Kept uint8

// What may be kept.
const (
	Nothing    Kept = iota
	FirstPart       // of each file up to some byte, of each directory up to some change
	AnyPart         // any sectors of each file, any changes of each directory
	Everything      // as if all had been synced
	KeptWays        // how many there are
)

// chance is the randomness of what is kept of one file.
func chance(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// chance is the randomness of one operation that fails.
func (f *FS) chance(name string) *rand.Rand {
	f.faults++
	return chance(f.seed+f.faults, name)
}

// Copy is the same file system, with all that the system has in memory and nobody who uses it: so it is when the
// process dies and the system goes on.
func (f *FS) Copy() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.copied()
}

func (f *FS) copied() *FS {
	return &FS{root: f.root.copied(map[*inode]*inode{}), locked: map[string]bool{}}
}

// Crash is what is left of it after a failure of the power. It stays as it is, for those who still use it.
func (f *FS) Crash(seed uint64, kept Kept) *FS { return CrashAll(seed, kept, f)[0] }

// CrashAll is what is left of several after a failure of the power that they share: nothing that one has on disk comes after something that
// another has not.
func CrashAll(seed uint64, kept Kept, all ...*FS) []*FS {
	left := make([]*FS, len(all))
	for _, f := range all {
		f.mu.Lock()
		defer f.mu.Unlock()
	}
	for i, f := range all {
		left[i] = f.copied()
		left[i].root.crash("/", seed+uint64(i), kept, map[*inode]bool{})
	}
	return left
}

// crash reduces n, and what it names, to what a crash leaves.
func (n *inode) crash(name string, seed uint64, kept Kept, seen map[*inode]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	r := chance(seed, name)
	if n.names == nil {
		n.keep(r, kept)
		n.data, n.sectors = slices.Clone(n.disk), make([]sectorState, (len(n.disk)+sector-1)/sector)
		return
	}
	var survive []map[string]*inode
	switch kept {
	case FirstPart:
		survive = n.changes[:r.IntN(len(n.changes)+1)]
	case AnyPart:
		for _, c := range n.changes {
			if r.IntN(2) == 0 {
				survive = append(survive, c)
			}
		}
	case Everything:
		survive = n.changes
	}
	n.settle(survive)
	n.names = maps.Clone(n.durable)
	for _, child := range slices.Sorted(maps.Keys(n.names)) {
		n.names[child].crash(path.Join(name, child), seed, kept, seen)
	}
}

// keep brings to disk what a crash leaves of a file's dirty sectors.
func (n *inode) keep(r *rand.Rand, kept Kept) {
	if kept == Nothing {
		return
	}
	first := len(n.data)
	if kept == FirstPart {
		begin := slices.Index(n.sectors, dirty) * sector
		if begin < 0 {
			return
		}
		first = begin + r.IntN(len(n.data)-begin+1)
	}
	for s, state := range n.sectors {
		switch begin := s * sector; {
		case state != dirty || begin >= first || kept == AnyPart && r.IntN(2) == 0:
		case begin+sector <= first || first == len(n.data):
			n.flush(s)
		default: // torn
			n.extend(first)
			copy(n.disk[begin:first], n.data[begin:first])
		}
	}
}

// Flip changes one bit of one file whose name begins with under, on disk and in memory. It reports which file and
// which byte; ok is false where there are none.
func (f *FS) Flip(r *rand.Rand, under string) (name string, at int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	files := map[string]*inode{}
	var walk func(dir string, n *inode)
	walk = func(dir string, n *inode) {
		for _, base := range slices.Sorted(maps.Keys(n.names)) {
			child, full := n.names[base], path.Join(dir, base)
			if child.names != nil {
				walk(full, child)
			} else if len(child.disk) > 0 && strings.HasPrefix(full, under) {
				names, files[full] = append(names, full), child
			}
		}
	}
	walk("/", f.root)
	if len(names) == 0 {
		return "", 0, false
	}
	name = names[r.IntN(len(names))]
	n := files[name]
	at, bit := r.IntN(len(n.disk)), byte(1)<<r.IntN(8)
	n.disk[at] ^= bit
	if at < len(n.data) {
		n.data[at] ^= bit
	}
	return name, at, true
}
