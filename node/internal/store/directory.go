package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// The names in a data directory.
const (
	identityName = "RINGWARD"
	lockName     = "LOCK"
	genesisName  = "genesis"
	removedName  = "removed"
	logName      = "log"
	contentsName = "contents"

	maxBoot = 1<<shard.BootBits - 1
)

// identity is who a data directory is. The file is the first that a
// directory gets, and what makes it one: everything else is made after it.
type identity struct {
	Node nodeName `json:"node"`
	Boot uint64   `json:"boot"`
	// Seed goes into the checksums of the log; see frame.go.
	Seed uint64 `json:"seed,string"`
	// Retired says why the directory is not to be opened any more; empty: it may be.
	Retired string `json:"retired,omitempty"`
	// Drains says that the node wants to hold nothing any more.
	Drains bool `json:"drains,omitempty"`
}

// nodeName is a node id as people read it.
type nodeName shard.NodeID

func (n nodeName) MarshalText() ([]byte, error) { return []byte(shard.NodeID(n).String()), nil }

func (n *nodeName) UnmarshalText(b []byte) error {
	id, err := shard.ParseNodeID(string(b))
	*n = nodeName(id)
	return err
}

func newIdentity(random io.Reader) (identity, error) {
	var b [16]byte
	for {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return identity{}, fmt.Errorf("make a node id: %w", err)
		}
		// Zero names no node.
		if node := binary.BigEndian.Uint64(b[:]); node != 0 {
			return identity{Node: nodeName(node), Seed: binary.BigEndian.Uint64(b[8:])}, nil
		}
	}
}

// readIdentity changes nothing. It returns ok false for a directory that does not
// exist, is empty, or was left by an Open that did not get as far as the identity.
func readIdentity(fs vfs.FS, dir string) (id identity, ok bool, err error) {
	names, err := fs.List(dir)
	if oserror.IsNotExist(err) {
		return identity{}, false, nil
	}
	if err != nil {
		return identity{}, false, err
	}
	path := fs.PathJoin(dir, identityName)
	if !slices.Contains(names, identityName) {
		for _, name := range names {
			// lost+found: the root of a file system that was made for the directory.
			if !slices.Contains([]string{lockName, identityName + newSuffix, "lost+found"}, name) {
				return identity{}, false, fmt.Errorf("%s is not a data directory of ringward: it holds %q and no file %s", dir, name, identityName)
			}
		}
		return identity{}, false, nil
	}
	err = readDocument(fs, path, "identity", &id)
	if err == nil && (id.Node == 0 || id.Boot == 0 || id.Boot > maxBoot) {
		err = &DamageError{File: path, Reason: fmt.Sprintf("node %v with boot count %d: want a node above 0 and a count of 1 to %d",
			shard.NodeID(id.Node), id.Boot, maxBoot)}
	}
	return id, true, err
}

// openIdentity takes the directory for this process, makes its identity if
// it has none, and counts the boot, all durably.
func openIdentity(fs vfs.FS, dir string, random io.Reader) (id identity, lock io.Closer, err error) {
	// Looked at twice: before the lock, so that a directory which is refused is not
	// touched; and under it, for what is true.
	_, exists, err := readIdentity(fs, dir)
	if err != nil {
		return identity{}, nil, err
	}
	if !exists {
		if err := makeDir(fs, dir); err != nil {
			return identity{}, nil, err
		}
	}
	if lock, err = fs.Lock(fs.PathJoin(dir, lockName)); err != nil {
		return identity{}, nil, fmt.Errorf("cannot lock %s; is another process using it? %w", dir, err)
	}
	if id, err = bootIdentity(fs, dir, random); err != nil {
		lock.Close()
		return identity{}, nil, err
	}
	return id, lock, nil
}

func bootIdentity(fs vfs.FS, dir string, random io.Reader) (identity, error) {
	id, exists, err := readIdentity(fs, dir)
	if err != nil {
		return identity{}, err
	}
	if id.Retired != "" {
		return identity{}, fmt.Errorf("%s is retired: %s", dir, id.Retired)
	}
	if !exists {
		if id, err = newIdentity(random); err != nil {
			return identity{}, err
		}
	}
	if id.Boot == maxBoot {
		return identity{}, fmt.Errorf("%s was opened %d times, which is the limit: give the node a new directory", dir, id.Boot)
	}
	id.Boot++
	return id, writeDocument(fs, fs.PathJoin(dir, identityName), "identity", id)
}

// readGenesis returns nil where there is none.
func readGenesis(fs vfs.FS, dir string) (*sequencer.Genesis, error) {
	path := fs.PathJoin(dir, genesisName)
	g := &sequencer.Genesis{}
	err := readDocument(fs, path, "genesis", g)
	switch {
	case oserror.IsNotExist(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if err := g.Valid(); err != nil {
		return nil, &DamageError{File: path, Reason: err.Error()}
	}
	return g, nil
}

// readRemoved returns none where there is no file.
func readRemoved(fs vfs.FS, dir string) (nodes []nodeName, err error) {
	path := fs.PathJoin(dir, removedName)
	switch err := readDocument(fs, path, "removed nodes", &nodes); {
	case oserror.IsNotExist(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return nodes, nil
}

// sameGenesis tells whether the node has accepted g before; an error refuses g.
func sameGenesis(accepted, g *sequencer.Genesis) (bool, error) {
	if accepted == nil {
		return false, nil
	}
	a, err := json.Marshal(accepted)
	if err != nil {
		return false, err
	}
	b, err := json.Marshal(g)
	switch {
	case err != nil:
		return false, err
	case bytes.Equal(a, b):
		return true, nil
	case accepted.Cluster == g.Cluster:
		return false, fmt.Errorf("the node belongs to cluster %q already, and this genesis of it differs from the one that it accepted", g.Cluster)
	}
	return false, fmt.Errorf("the node belongs to cluster %q: it refuses the genesis of cluster %q", accepted.Cluster, g.Cluster)
}
