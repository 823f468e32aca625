package history

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// Kind is what a call asked for.
type Kind uint8

const (
	// Get reads a key.
	Get Kind = iota + 1
	// Put writes a key; with If set it is a compare-and-swap.
	Put
	// Delete removes a key; with If set only in version Expected.
	Delete
)

var kindNames = []string{Get: "get", Put: "put", Delete: "delete"}

func (k Kind) String() string { return name(kindNames, int(k), "Kind") }

// MarshalText writes the kind's name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the kind's name.
func (k *Kind) UnmarshalText(b []byte) error {
	i, err := parse(kindNames, string(b), "kind of call")
	*k = Kind(i)
	return err
}

// Outcome is what the caller knows about the effect of a call.
type Outcome uint8

const (
	// Unknown: the call may take effect once at any time after its beginning, or
	// never. It is the zero value: a call that never returned is Unknown.
	Unknown Outcome = iota
	// OK: the write took effect and Version is the write's; or the read found Value in Version.
	OK
	// NotFound: the key did not exist, so a Get found and a Delete removed nothing.
	NotFound
	// Mismatch: the condition did not hold; Version is the one the key had, 0 if
	// it did not exist.
	Mismatch
	// NotApplied: the call had no effect and never will, and tells nothing of the key.
	NotApplied
)

var outcomeNames = []string{Unknown: "unknown", OK: "ok", NotFound: "not-found", Mismatch: "mismatch", NotApplied: "not-applied"}

func (o Outcome) String() string { return name(outcomeNames, int(o), "Outcome") }

// MarshalText writes the outcome's name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the outcome's name.
func (o *Outcome) UnmarshalText(b []byte) error {
	i, err := parse(outcomeNames, string(b), "outcome")
	*o = Outcome(i)
	return err
}

func name(names []string, i int, kind string) string {
	if i < len(names) && names[i] != "" {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", kind, i)
}

func parse(names []string, s, what string) (int, error) {
	if i := slices.Index(names, s); i >= 0 && s != "" {
		return i, nil
	}
	return 0, fmt.Errorf("%s %q: want one of %q", what, s, slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" }))
}

// Fingerprint stands for a value. Different values of a history are taken to
// have different ones: among a million values two meet with probability below 1e-7.
type Fingerprint uint64

// Of is the fingerprint of a value.
func Of(value []byte) Fingerprint { return Fingerprint(xxhash.Sum64(value)) }

func (f Fingerprint) String() string { return fmt.Sprintf("%016x", uint64(f)) }

// MarshalText writes 16 hexadecimal digits.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads 16 hexadecimal digits.
func (f *Fingerprint) UnmarshalText(b []byte) error {
	v, err := strconv.ParseUint(string(b), 16, 64)
	if err != nil || len(b) != 16 {
		return fmt.Errorf("value fingerprint %q: want 16 hexadecimal digits", b)
	}
	*f = Fingerprint(v)
	return nil
}

// Op is one call. Times are nanoseconds of one monotonic clock since the
// history began.
type Op struct {
	Client   int         `json:"client"` // from 0; a client's calls may overlap
	Kind     Kind        `json:"op"`
	Key      string      `json:"key"`
	If       bool        `json:"if,omitempty"`       // Put, Delete: only if the key has version Expected
	Expected uint64      `json:"expected,omitempty"` // 0: only if the key does not exist
	Value    Fingerprint `json:"value"`              // Put: what it writes. Get: what it read
	Call     int64       `json:"call"`
	Return   int64       `json:"return,omitempty"` // nothing if Unknown
	Outcome  Outcome     `json:"outcome"`
	Version  uint64      `json:"version,omitempty"` // OK, Mismatch
}

// Valid reports what is wrong with o, if anything.
func (o *Op) Valid() error {
	switch {
	case o.Kind < Get || o.Kind > Delete:
		return fmt.Errorf("call of %v: want get, put or delete", o.Kind)
	case o.Outcome > NotApplied:
		return fmt.Errorf("%v of %q ended with %v, which is no outcome", o.Kind, o.Key, o.Outcome)
	case o.Call < 0:
		return fmt.Errorf("%v of %q began at %d: want 0 or later", o.Kind, o.Key, o.Call)
	case o.Outcome != Unknown && o.Return < o.Call:
		return fmt.Errorf("%v of %q ended at %d, before it began at %d", o.Kind, o.Key, o.Return, o.Call)
	case o.Outcome == OK && o.Version == 0:
		return fmt.Errorf("%v of %q is ok and has version 0: versions count from 1", o.Kind, o.Key)
	case o.Outcome != OK && o.Outcome != Mismatch && o.Version != 0:
		return fmt.Errorf("%v of %q ended with %v and has version %d: only ok and mismatch tell one", o.Kind, o.Key, o.Outcome, o.Version)
	case o.Outcome == NotFound && o.Kind == Put:
		return fmt.Errorf("put of %q ended with not-found, which no put does", o.Key)
	case o.If && o.Kind == Get:
		return fmt.Errorf("get of %q has a condition, which no get has", o.Key)
	case o.Outcome == Mismatch && !o.If:
		return fmt.Errorf("%v of %q ended with mismatch and had no condition", o.Kind, o.Key)
	}
	return nil
}

func (o *Op) String() string {
	s := fmt.Sprintf("client %d  %d..%d  %v %q", o.Client, o.Call, o.Return, o.Kind, o.Key)
	if o.Outcome == Unknown {
		s = fmt.Sprintf("client %d  %d..  %v %q", o.Client, o.Call, o.Kind, o.Key)
	}
	if o.If {
		s += fmt.Sprintf(" if version %d", o.Expected)
	}
	if o.Kind == Put {
		s += " value " + o.Value.String()
	}
	s += " -> " + o.Outcome.String()
	if o.Outcome == OK || o.Outcome == Mismatch {
		s += fmt.Sprintf(" version %d", o.Version)
	}
	if o.Kind == Get && o.Outcome == OK {
		s += " value " + o.Value.String()
	}
	return s
}
