package shard

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
)

// applier feeds a machine one command after the other.
type applier struct {
	t        *testing.T
	contents *contents
	machine  *Machine
}

func newApplier(t *testing.T) *applier {
	a := &applier{t: t, contents: newContents()}
	a.reopen()
	return a
}

// reopen brings the machine up from its contents.
func (a *applier) reopen() {
	a.t.Helper()
	var err error
	if a.machine, err = OpenMachine(a.contents, testRegister(""), decodeTestRegister); err != nil {
		a.t.Fatal(err)
	}
}

func (a *applier) entry(c Command) Entry {
	seqno, hash := a.machine.Applied()
	return NewEntry(1, seqno+1, hash, AppendCommand(nil, c))
}

func (a *applier) apply(c Command) Result {
	a.t.Helper()
	r, err := a.machine.Apply(a.entry(c))
	if err == nil {
		err = a.machine.Commit()
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return r
}

func put(k, v string) Command {
	return Command{Kind: CommandPut, Key: []byte(k), Value: []byte(v)}
}

func as(session SessionID, op, oldest uint64, c Command) Command {
	c.Identity = Identity{Session: session, Op: op, Oldest: oldest}
	return c
}

func when(version Seqno, c Command) Command {
	c.If = Condition{Set: true, Version: version}
	return c
}

func del(k string) Command { return Command{Kind: CommandDelete, Key: []byte(k)} }

func expire(s SessionID, lastUsed Seqno) Command {
	return Command{Kind: CommandExpireSessions, Expired: []Idle{{Session: s, LastUsed: lastUsed}}}
}

// TestMachine runs commands against one machine, reopening it from its contents before each: what is not in them does not count.
func TestMachine(t *testing.T) {
	open := Command{Kind: CommandOpenSession}
	type step struct {
		c    Command
		want string // the result
	}
	for _, c := range []struct {
		name  string
		steps []step
		reads map[string]string
	}{
		{"puts and deletes", []step{
			{put("k", "v1"), "ok version=1"},
			{put("k", "v2"), "ok version=2"},
			{put("l", ""), "ok version=3"},
			{del("k"), "ok version=4"},
			{del("k"), "not found"},
		}, map[string]string{"k": "not found", "l": "ok version=3 value="}},

		{"conditions", []step{
			{when(0, put("k", "v1")), "ok version=1"},
			{when(0, put("k", "v2")), "version mismatch version=1"},
			{when(1, put("k", "v3")), "ok version=3"},
			{when(1, put("k", "v4")), "version mismatch version=3"},
			{when(^Seqno(0), put("k", "v5")), "version mismatch version=3"},
			{when(2, del("k")), "version mismatch version=3"},
			{when(3, del("k")), "ok version=7"},
			{when(0, del("k")), "not found"},
			{when(7, del("k")), "version mismatch"},
		}, map[string]string{"k": "not found"}},

		{"exactly once", []step{
			{open, "ok version=1"},
			{as(1, 1, 1, put("k", "v1")), "ok version=2"},
			{as(1, 2, 1, put("k", "v2")), "ok version=3"},
			{as(1, 1, 1, put("k", "v1")), "ok version=2"},
			{as(1, 2, 1, put("k", "v2")), "ok version=3"},
			{when(2, as(1, 3, 1, put("k", "v3"))), "version mismatch version=3"},
			{del("k"), "ok version=7"},
			{when(2, as(1, 3, 1, put("k", "v3"))), "version mismatch version=3"},
		}, map[string]string{"k": "not found"}},

		{"what the client has seen is forgotten, and never applied again", []step{
			{open, "ok version=1"},
			{as(1, 1, 1, put("k", "v1")), "ok version=2"},
			{as(1, 2, 2, put("k", "v2")), "ok version=3"},
			{as(1, 1, 1, put("k", "v1")), "op forgotten"},
			{as(1, 2, 2, put("k", "v2")), "ok version=3"},
			{as(1, 9, 9, put("k", "v9")), "ok version=6"},
			{as(1, 5, 5, put("k", "v5")), "op forgotten"},
			{as(1, 0, 0, put("k", "v0")), "op forgotten"},
		}, map[string]string{"k": "ok version=6 value=v9"}},

		{"ops out of order", []step{
			{open, "ok version=1"},
			{as(1, 3, 1, put("k", "v3")), "ok version=2"},
			{as(1, 1, 1, put("k", "v1")), "ok version=3"},
			{as(1, 3, 1, put("k", "v3")), "ok version=2"},
			{as(1, 2, 2, put("k", "v2")), "ok version=5"},
			{as(1, 1, 1, put("k", "v1")), "op forgotten"},
			{as(1, 3, 1, put("k", "v3")), "ok version=2"},
		}, map[string]string{"k": "ok version=5 value=v2"}},

		{"an oldest op beyond the op itself forgets nothing that it should not", []step{
			{open, "ok version=1"},
			{as(1, 1, 5, put("k", "v1")), "ok version=2"},
			{as(1, 1, 1, put("k", "v1")), "ok version=2"},
			{as(1, 2, 2, put("k", "v2")), "ok version=4"},
		}, map[string]string{"k": "ok version=4 value=v2"}},

		{"sessions are apart", []step{
			{open, "ok version=1"},
			{open, "ok version=2"},
			{as(1, 1, 1, put("k", "v1")), "ok version=3"},
			{as(2, 1, 1, put("k", "v2")), "ok version=4"},
			{as(1, 1, 1, put("k", "v1")), "ok version=3"},
			{as(3, 1, 1, put("k", "v3")), "session expired"},
		}, map[string]string{"k": "ok version=4 value=v2"}},

		{"expiry", []step{
			{open, "ok version=1"},
			{as(1, 1, 1, put("k", "v1")), "ok version=2"},
			{expire(1, 1), "ok"},
			{as(1, 2, 1, put("k", "v2")), "ok version=4"},
			{expire(1, 4), "ok"},
			{as(1, 3, 1, put("k", "v3")), "session expired"},
			{as(1, 2, 1, put("k", "v2")), "session expired"},
			{expire(1, 4), "ok"},
			{expire(9, 0), "ok"},
			{open, "ok version=10"},
		}, map[string]string{"k": "ok version=4 value=v2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newApplier(t)
			for i, s := range c.steps {
				if got := describeResult(a.apply(s.c)); got != s.want {
					t.Fatalf("command %d: %s, want %s", i+1, got, s.want)
				}
				a.reopen()
			}
			for k, want := range c.reads {
				r, err := a.machine.Read([]byte(k))
				if got := describeResult(r); err != nil || got != want {
					t.Errorf("%s reads %s %v, want %s", k, got, err, want)
				}
			}
		})
	}
}

func TestMachineLimits(t *testing.T) {
	a := newApplier(t)
	a.apply(Command{Kind: CommandOpenSession})
	for op := range uint64(MaxUnanswered) {
		if r, err := a.machine.Apply(a.entry(as(1, op+1, 1, put("k", "v")))); err != nil || r.Status != OK {
			t.Fatalf("op %d: %s %v", op+1, describeResult(r), err)
		}
	}
	// One more is not applied and not recorded: it may come again when there is room.
	over := as(1, MaxUnanswered+1, 1, put("k", "over"))
	if r := a.apply(over); r.Status != Overloaded || !strings.Contains(r.Reason, fmt.Sprint(MaxUnanswered)) {
		t.Errorf("beyond the limit: %s", describeResult(r))
	}
	if r := a.apply(as(1, 1, 1, put("k", "v"))); r.Status != OK || r.Version != 2 {
		t.Errorf("a retry at the limit: %s", describeResult(r))
	}
	over.Identity.Oldest = 2
	if r := a.apply(over); r.Status != OK {
		t.Errorf("with room for it: %s", describeResult(r))
	}
}

func TestMachineSessionLimit(t *testing.T) {
	a := newApplier(t)
	a.apply(Command{Kind: CommandOpenSession})
	for i := range SessionID(MaxSessions - 1) {
		a.machine.sessions[1000+i] = &session{floor: 1}
	}
	if r := a.apply(Command{Kind: CommandOpenSession}); r.Status != Overloaded || !strings.Contains(r.Reason, fmt.Sprint(MaxSessions)) {
		t.Errorf("beyond the limit: %s", describeResult(r))
	}
	a.apply(expire(1, 1))
	if r := a.apply(Command{Kind: CommandOpenSession}); r.Status != OK {
		t.Errorf("with room for it: %s", describeResult(r))
	}
}

func TestMachineRegister(t *testing.T) {
	a := newApplier(t)
	a.apply(Command{Kind: CommandRegister, Value: []byte("one ")})
	a.apply(Command{Kind: CommandRegister, Value: []byte("two")})
	a.reopen()
	if got := a.machine.Register(); got != testRegister("one two") {
		t.Errorf("register %q", got)
	}
}

func TestMachineSessions(t *testing.T) {
	a := newApplier(t)
	a.apply(Command{Kind: CommandOpenSession})
	a.apply(Command{Kind: CommandOpenSession})
	a.apply(as(1, 1, 1, put("k", "v")))
	want := []Idle{{1, 3}, {2, 2}}
	for range 2 {
		if got := a.machine.Sessions(); !reflect.DeepEqual(got, want) {
			t.Errorf("sessions %v, want %v", got, want)
		}
		a.reopen()
	}
}

// TestMachineRefuses: what cannot be applied changes nothing, and is not passed over.
func TestMachineRefuses(t *testing.T) {
	a := newApplier(t)
	a.apply(put("k", "v"))
	before := maps.Clone(a.contents.kv)
	next := a.entry(put("k", "w"))
	seqno, hash := a.machine.Applied()
	for name, e := range map[string]Entry{
		"the same entry again":       NewEntry(1, seqno, 0, next.Command()),
		"one too far":                NewEntry(1, seqno+2, hash, next.Command()),
		"another history":            NewEntry(1, seqno+1, hash+1, next.Command()),
		"not a command":              NewEntry(1, seqno+1, hash, []byte{99}),
		"a register's bad command":   a.entry(Command{Kind: CommandRegister, Value: []byte("bad")}),
		"a command with a byte more": NewEntry(1, seqno+1, hash, append(AppendCommand(nil, put("k", "w")), 0)),
	} {
		if r, err := a.machine.Apply(e); err == nil {
			t.Errorf("%s: %s", name, describeResult(r))
		}
	}
	if err := a.machine.Commit(); err != nil || !reflect.DeepEqual(a.contents.kv, before) {
		t.Errorf("the contents changed, %v", err)
	}
	if _, err := a.machine.Apply(next); err != nil {
		t.Errorf("the right entry afterwards: %v", err)
	}
}

func TestOpenMachineRefuses(t *testing.T) {
	sessionKey := append([]byte("s"), make([]byte, 8)...)
	for name, c := range map[string]struct{ key, value []byte }{
		"a short position": {appliedKey, []byte{1}},
		"a long position":  {appliedKey, make([]byte, 20)},
		"a session key":    {[]byte("sx"), appendSession(nil, &session{floor: 1})},
		"a session":        {sessionKey, []byte{1}},
		"a register":       {registerKey, []byte("unreadable")},
	} {
		t.Run(name, func(t *testing.T) {
			contents := newContents()
			contents.kv[string(c.key)] = c.value
			if m, err := OpenMachine(contents, testRegister(""), func([]byte) (Register, error) { return nil, errors.New("unreadable") }); err == nil {
				t.Errorf("opened: %+v", m)
			}
		})
	}
	contents := newContents()
	contents.kv["kx"] = []byte{1, 2, 3}
	m, err := OpenMachine(contents, testRegister(""), decodeTestRegister)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := m.Read([]byte("x")); err == nil {
		t.Errorf("a value without a version reads %s", describeResult(r))
	}
}

// TestMachineCommit: what is not committed is not there after a crash, and comes with the replay.
func TestMachineCommit(t *testing.T) {
	a := newApplier(t)
	a.apply(Command{Kind: CommandOpenSession})
	flushed := a.contents.clone()
	e := a.entry(as(1, 1, 1, put("k", "v")))
	if _, err := a.machine.Apply(e); err != nil {
		t.Fatal(err)
	}
	a.contents = flushed
	a.reopen()
	if seqno, _ := a.machine.Applied(); seqno != 1 {
		t.Errorf("applied up to %d, want 1", seqno)
	}
	if r, err := a.machine.Apply(e); err != nil || r.Version != 2 {
		t.Errorf("replayed: %s %v", describeResult(r), err)
	}
}

// failing is contents on a disk that fails at the given call, and at all later ones.
type failing struct {
	*contents
	calls int
}

var errDisk = errors.New("the disk failed")

func (f *failing) fail() error {
	if f.calls--; f.calls < 0 {
		return errDisk
	}
	return nil
}

func (f *failing) Get(key []byte) ([]byte, bool, error) {
	if err := f.fail(); err != nil {
		return nil, false, err
	}
	return f.contents.Get(key)
}

func (f *failing) Set(key, value []byte) error {
	return errors.Join(f.fail(), f.contents.Set(key, value))
}

func (f *failing) Delete(key []byte) error { return errors.Join(f.fail(), f.contents.Delete(key)) }

func (f *failing) Scan(prefix []byte, visit func(key, value []byte) error) error {
	return errors.Join(f.fail(), f.contents.Scan(prefix, visit))
}

func (f *failing) Clear() error { return errors.Join(f.fail(), f.contents.Clear()) }

func (f *failing) Commit() error { return f.fail() }

// TestMachineOnAFailingDisk: whichever call fails, the failure comes out, and nothing is taken for done.
func TestMachineOnAFailingDisk(t *testing.T) {
	run := func(c Contents) error {
		m, err := OpenMachine(c, testRegister(""), decodeTestRegister)
		if err != nil {
			return err
		}
		for _, c := range []Command{
			{Kind: CommandOpenSession}, as(1, 1, 1, put("k", "v")), when(2, put("k", "w")), del("k"),
			{Kind: CommandRegister, Value: []byte("r")}, expire(1, 2),
		} {
			seqno, hash := m.Applied()
			if _, err := m.Apply(NewEntry(1, seqno+1, hash, AppendCommand(nil, c))); err != nil {
				if now, _ := m.Applied(); now != seqno {
					t.Errorf("applied up to %d, and %d failed: %v", now, seqno+1, err)
				}
				return err
			}
			if err := m.Commit(); err != nil {
				return err
			}
		}
		_, err = m.Read([]byte("k"))
		return err
	}
	count := &failing{contents: newContents(), calls: 1000}
	if err := run(count); err != nil {
		t.Fatal(err)
	}
	for calls := range 1000 - count.calls {
		if err := run(&failing{contents: newContents(), calls: calls}); !errors.Is(err, errDisk) {
			t.Errorf("call %d fails, and what comes out is %v", calls+1, err)
		}
	}
}
