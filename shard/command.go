package shard

import (
	"encoding/binary"
	"fmt"
)

// CommandKind says what a command does. The values are on disk.
type CommandKind uint8

const (
	// CommandPut sets a key's value.
	CommandPut CommandKind = 1
	// CommandDelete removes a key.
	CommandDelete CommandKind = 2
	// CommandOpenSession opens a client's session. Its id is the seqno of the entry.
	CommandOpenSession CommandKind = 3
	// CommandExpireSessions ends the named sessions, those which were used since excepted.
	CommandExpireSessions CommandKind = 4
	// CommandRegister changes the configuration register; Value is for the
	// package sequencer to read.
	CommandRegister CommandKind = 5
)

// SessionID is the seqno of the entry that opened the session; zero is no session.
type SessionID uint64

// Identity is under which name a client asks for a write, so that a retry is known as one.
type Identity struct {
	// Session is the client's, on this shard. Zero: the write has no identity,
	// and must not be retried when its outcome is unknown.
	Session SessionID
	// Op numbers the client's writes of this session from 1.
	Op uint64
	// Oldest is the lowest op the client has not seen answered; at most Op.
	// The results of lower ones are forgotten.
	Oldest uint64
}

// Condition is what a write asks of the key's version before it. The zero value asks nothing.
type Condition struct {
	Set     bool
	Version Seqno // 0: the key must not exist
}

// Command is what an entry does to the replicated state.
type Command struct {
	Kind     CommandKind
	Identity Identity  // CommandPut, CommandDelete
	If       Condition // CommandPut, CommandDelete
	Key      []byte    // CommandPut, CommandDelete
	Value    []byte    // CommandPut, CommandRegister
	Expired  []Idle    // CommandExpireSessions
}

// Idle names a session and the entry that used it last: an expiry of a session that
// was used after that does nothing.
type Idle struct {
	Session  SessionID
	LastUsed Seqno
}

// AppendCommand encodes c.
func AppendCommand(b []byte, c Command) []byte {
	b = append(b, byte(c.Kind))
	switch c.Kind {
	case CommandPut, CommandDelete:
		b = binary.AppendUvarint(b, uint64(c.Identity.Session))
		b = binary.AppendUvarint(b, c.Identity.Op)
		b = binary.AppendUvarint(b, c.Identity.Oldest)
		// One number holds the condition: 0 for none, else the version plus one.
		cond := uint64(0)
		if c.If.Set {
			// No key ever has a version near the largest number: capped, it stays a condition that fails.
			cond = uint64(min(c.If.Version, MaxSeqno)) + 1
		}
		b = binary.AppendUvarint(b, cond)
		b = AppendBytes(b, c.Key)
		if c.Kind == CommandPut {
			b = AppendBytes(b, c.Value)
		}
	case CommandRegister:
		b = AppendBytes(b, c.Value)
	case CommandExpireSessions:
		b = binary.AppendUvarint(b, uint64(len(c.Expired)))
		for _, s := range c.Expired {
			b = binary.AppendUvarint(b, uint64(s.Session))
			b = binary.AppendUvarint(b, uint64(s.LastUsed))
		}
	}
	return b
}

// DecodeCommand reads what AppendCommand wrote. The result aliases b.
func DecodeCommand(b []byte) (Command, error) {
	d := NewDecoder(b)
	c := Command{Kind: CommandKind(d.Byte())}
	switch c.Kind {
	case CommandPut, CommandDelete:
		c.Identity = Identity{Session: SessionID(d.Uvarint()), Op: d.Uvarint(), Oldest: d.Uvarint()}
		if cond := d.Uvarint(); cond > 0 {
			c.If = Condition{Set: true, Version: Seqno(cond - 1)}
		}
		c.Key = d.Bytes()
		if c.Kind == CommandPut {
			c.Value = d.Bytes()
		}
	case CommandOpenSession:
	case CommandRegister:
		c.Value = d.Bytes()
	case CommandExpireSessions:
		for range d.Count(2) {
			c.Expired = append(c.Expired, Idle{Session: SessionID(d.Uvarint()), LastUsed: Seqno(d.Uvarint())})
		}
	default:
		d.Fail(fmt.Errorf("unknown kind %d", c.Kind))
	}
	if err := d.Done(); err != nil {
		return Command{}, fmt.Errorf("command: %w", err)
	}
	return c, nil
}

// Status is how an operation ended. The values are on disk: results are part of a session.
type Status uint8

const (
	// OK: applied, or read.
	OK Status = 1
	// NotFound: the key does not exist; Version is 0.
	NotFound Status = 2
	// VersionMismatch: the condition did not hold; Version is the key's version.
	VersionMismatch Status = 3
	// SessionExpired: the write names a session that is not open; nothing was applied.
	SessionExpired Status = 4
	// OpForgotten: the write names an op below the oldest unanswered one that the
	// client stated before; its result is no longer known.
	OpForgotten Status = 5
	// Refused: the replica does not serve this now; nothing was applied. The
	// refusal carries what it knows of the configurations.
	Refused Status = 6
	// OutcomeUnknown: the write was accepted, and the replica was wedged before it
	// learned whether it is persistent.
	OutcomeUnknown Status = 7
	// Overloaded: a limit on work in progress is reached; nothing was applied.
	Overloaded Status = 8
)

func (s Status) String() string {
	names := [...]string{OK: "ok", NotFound: "not found", VersionMismatch: "version mismatch",
		SessionExpired: "session expired", OpForgotten: "op forgotten", Refused: "refused",
		OutcomeUnknown: "outcome unknown", Overloaded: "overloaded"}
	if int(s) < len(names) && names[s] != "" {
		return names[s]
	}
	return fmt.Sprintf("Status(%d)", uint8(s))
}

// Result answers one operation.
type Result struct {
	Status Status
	// Version of the key: the seqno of the write that made its value.
	// CommandOpenSession answers with the id of the session here.
	Version Seqno
	// Value of a read; aliases nothing.
	Value []byte
	// Chain comes with Refused and OutcomeUnknown: the newest configurations
	// known, possibly none.
	Chain Chain
	// Reason says which limit or state refused the operation, and its value.
	Reason string
}

// Token is what the caller of an operation wants back with its result.
type Token any

// Reply is a result on its way to its caller.
type Reply struct {
	Token  Token
	Result Result
}
