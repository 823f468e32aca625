package shard

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/ringward/ringward/shard/mutant"
)

// Contents is where one shard's applied state lies, in the order of its keys. The Machine writes
// through it; what was written since the last Commit is seen by Get, and lost
// together if it does not come to a Commit. Errors are those of the disk, and fatal.
type Contents interface {
	// Get returns a copy of the value, or ok false.
	Get(key []byte) (value []byte, ok bool, err error)
	// Set may keep the value, which must not change any more, but not the key.
	Set(key, value []byte) error
	Delete(key []byte) error
	// Scan calls f with all keys that begin with prefix, in order.
	Scan(prefix []byte, f func(key, value []byte) error) error
	// Clear deletes all keys.
	Clear() error
	// Commit makes the writes since the last one visible, all or none, also
	// after a crash. It does not make them durable: the log does.
	Commit() error
}

// Register is the part of the replicated state that package sequencer owns: the
// configuration register of the next shard. A Register is a value; Apply returns a new one.
type Register interface {
	// Apply carries out a CommandRegister. A command whose condition does not
	// hold changes nothing and returns the register as it is.
	Apply(command []byte) (Register, error)
	// Append encodes the register.
	Append(b []byte) []byte
}

// Keys of the contents. A user's key follows its prefix.
var (
	keyPrefix     = []byte{'k'}
	sessionPrefix = []byte{'s'}
	appliedKey    = []byte{'a'}
	registerKey   = []byte{'r'}
)

// Machine folds the history of one shard into its contents. All replicas of a
// shard that applied the same entries hold the same contents.
type Machine struct {
	contents Contents
	applied  Seqno
	hash     uint64 // of the history up to applied
	initial  Register
	decode   func([]byte) (Register, error)
	register Register
	sessions map[SessionID]*session
	dirty    map[SessionID]bool // sessions changed since the last Commit
	key      []byte             // reused
}

// OpenMachine reads the state back from its contents. Where they are empty, the
// register is initial; else decode reads it.
func OpenMachine(c Contents, initial Register, decode func([]byte) (Register, error)) (*Machine, error) {
	m := &Machine{contents: c, initial: initial, decode: decode}
	return m, m.load()
}

// forget makes the machine one of empty contents.
func (m *Machine) forget() {
	m.applied, m.hash, m.register = 0, 0, m.initial
	m.sessions, m.dirty = map[SessionID]*session{}, map[SessionID]bool{}
}

// load reads the state from the contents.
func (m *Machine) load() error {
	m.forget()
	var err error
	if m.applied, m.hash, err = AppliedPosition(m.contents); err != nil {
		return err
	}
	if b, ok, err := m.contents.Get(registerKey); err != nil {
		return err
	} else if ok {
		if m.register, err = m.decode(b); err != nil {
			return err
		}
	}
	return m.contents.Scan(sessionPrefix, func(key, value []byte) error {
		if len(key) != len(sessionPrefix)+8 {
			return fmt.Errorf("session key of %d bytes", len(key))
		}
		id := SessionID(binary.BigEndian.Uint64(key[len(sessionPrefix):]))
		m.sessions[id], err = decodeSession(value)
		return err
	})
}

// AppliedPosition is the position up to which the history was applied to c when it was
// committed last, and the history's hash there: both zero where c is empty.
func AppliedPosition(c Contents) (Seqno, uint64, error) {
	b, ok, err := c.Get(appliedKey)
	if err != nil || !ok {
		return 0, 0, err
	}
	return decodePosition(b)
}

func decodePosition(b []byte) (Seqno, uint64, error) {
	d := NewDecoder(b)
	seqno, hash := Seqno(d.Uvarint()), d.Uint64()
	if err := d.Done(); err != nil {
		return 0, 0, fmt.Errorf("applied position: %w", err)
	}
	return seqno, hash, nil
}

// Applied is the position up to which the history is applied, and its hash there.
func (m *Machine) Applied() (Seqno, uint64) { return m.applied, m.hash }

// Register is the configuration register as of Applied.
func (m *Machine) Register() Register { return m.register }

// Sessions lists the open sessions with the entries that used them last, in
// rising order of session.
func (m *Machine) Sessions() []Idle {
	idle := make([]Idle, 0, len(m.sessions))
	for _, id := range slices.Sorted(maps.Keys(m.sessions)) {
		idle = append(idle, Idle{Session: id, LastUsed: m.sessions[id].lastUsed})
	}
	return idle
}

// Apply carries out one entry, the one after Applied. Its effects are visible
// after Commit. An error is the disk's, or says that the history is broken.
func (m *Machine) Apply(e Entry) (Result, error) {
	if e.Seqno() != m.applied+1 || !e.Follows(m.hash) {
		return Result{}, fmt.Errorf("entry %d does not continue the history applied up to %d", e.Seqno(), m.applied)
	}
	c, err := DecodeCommand(e.Command())
	if err != nil {
		return Result{}, fmt.Errorf("entry %d: %w", e.Seqno(), err)
	}
	result, err := m.command(e.Seqno(), c)
	if err != nil {
		return Result{}, fmt.Errorf("entry %d: %w", e.Seqno(), err)
	}
	m.applied, m.hash = e.Seqno(), e.Hash()
	return result, nil
}

func (m *Machine) command(seqno Seqno, c Command) (Result, error) {
	switch c.Kind {
	case CommandPut, CommandDelete:
		return m.write(seqno, c)
	case CommandOpenSession:
		if len(m.sessions) >= MaxSessions {
			return Result{Status: Overloaded, Reason: fmt.Sprintf("%d sessions are open on this shard, the limit is %d", len(m.sessions), MaxSessions)}, nil
		}
		id := SessionID(seqno)
		m.sessions[id] = &session{lastUsed: seqno, floor: 1}
		m.dirty[id] = true
		return Result{Status: OK, Version: seqno}, nil
	case CommandExpireSessions:
		for _, idle := range c.Expired {
			if s := m.sessions[idle.Session]; s != nil && s.lastUsed == idle.LastUsed {
				delete(m.sessions, idle.Session)
				m.dirty[idle.Session] = true
			}
		}
		return Result{Status: OK}, nil
	case CommandRegister:
		r, err := m.register.Apply(c.Value)
		if err != nil {
			return Result{}, err
		}
		m.register = r
		return Result{Status: OK}, m.contents.Set(registerKey, r.Append(nil))
	}
	return Result{}, fmt.Errorf("command of unknown kind %d", c.Kind)
}

// write carries out a put or a delete, once per identity.
func (m *Machine) write(seqno Seqno, c Command) (Result, error) {
	id := c.Identity
	if id.Session == 0 {
		return m.update(seqno, c)
	}
	s := m.sessions[id.Session]
	if s == nil {
		if !mutant.On(mutant.ExpiredSessionReopens) {
			return Result{Status: SessionExpired}, nil
		}
		s = &session{floor: 1}
		m.sessions[id.Session] = s
	}
	s.lastUsed = seqno
	m.dirty[id.Session] = true
	if mutant.On(mutant.ResultsForgottenEarly) {
		s.forget(id.Op)
	}
	s.forget(min(id.Oldest, id.Op))
	if r, ok := s.answered(id); ok && !(mutant.On(mutant.DuplicateCheckAtHead) && seqno-r.Version < 8) {
		return r, nil
	}
	if len(s.results) >= MaxUnanswered {
		return Result{Status: Overloaded, Reason: fmt.Sprintf("session has %d unanswered writes, the limit is %d", len(s.results), MaxUnanswered)}, nil
	}
	r, err := m.update(seqno, c)
	if err == nil {
		s.record(id.Op, r)
	}
	return r, err
}

func (m *Machine) update(seqno Seqno, c Command) (Result, error) {
	key := m.userKey(c.Key)
	if c.If.Set || c.Kind == CommandDelete {
		version, _, err := m.get(key)
		switch {
		case err != nil:
			return Result{}, err
		case c.If.Set && version != c.If.Version:
			return Result{Status: VersionMismatch, Version: version}, nil
		case c.Kind == CommandDelete && version == 0:
			return Result{Status: NotFound}, nil
		}
	}
	if c.Kind == CommandDelete {
		return Result{Status: OK, Version: seqno}, m.contents.Delete(key)
	}
	value := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(c.Value)), uint64(seqno))
	return Result{Status: OK, Version: seqno}, m.contents.Set(key, append(value, c.Value...))
}

// userKey is the key of the contents for a user's key, until the next call.
func (m *Machine) userKey(key []byte) []byte {
	m.key = append(append(m.key[:0], keyPrefix...), key...)
	return m.key
}

// get reads a stored key: version 0 where there is none.
func (m *Machine) get(key []byte) (Seqno, []byte, error) {
	v, ok, err := m.contents.Get(key)
	if err != nil || !ok {
		return 0, nil, err
	}
	if len(v) < 8 {
		return 0, nil, fmt.Errorf("value of %q has %d bytes, want at least 8", key, len(v))
	}
	return Seqno(binary.BigEndian.Uint64(v)), v[8:], nil
}

// Commit makes what was applied visible, together with its position.
func (m *Machine) Commit() error {
	if mutant.On(mutant.SessionsNotStored) {
		clear(m.dirty)
	}
	for id := range m.dirty {
		key := binary.BigEndian.AppendUint64(slices.Clone(sessionPrefix), uint64(id))
		var err error
		if s := m.sessions[id]; s != nil {
			err = m.contents.Set(key, appendSession(nil, s))
		} else {
			err = m.contents.Delete(key)
		}
		if err != nil {
			return err
		}
	}
	clear(m.dirty)
	if mutant.On(mutant.PositionApart) {
		if err := m.contents.Commit(); err != nil {
			return err
		}
	}
	position := binary.BigEndian.AppendUint64(binary.AppendUvarint(nil, uint64(m.applied)), m.hash)
	if err := m.contents.Set(appliedKey, position); err != nil {
		return err
	}
	return m.contents.Commit()
}

// Read answers a get from the applied state.
func (m *Machine) Read(key []byte) (Result, error) {
	version, value, err := m.get(m.userKey(key))
	switch {
	case err != nil:
		return Result{}, err
	case version == 0:
		return Result{Status: NotFound}, nil
	}
	return Result{Status: OK, Version: version, Value: value}, nil
}
