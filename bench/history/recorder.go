package history

import (
	"sync"
	"time"
)

// Recorder gathers the calls of all clients of one run.
type Recorder struct {
	fresh bool
	begin time.Time // carries the monotonic clock that all times are read from

	mu   sync.Mutex
	logs []*Log
}

// NewRecorder begins a history now. Fresh says that none of its keys exists yet;
// otherwise nothing is taken for known about a key before the first call on it.
func NewRecorder(fresh bool) *Recorder {
	return &Recorder{fresh: fresh, begin: time.Now()}
}

// Client adds a client.
func (r *Recorder) Client() *Log {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := &Log{client: len(r.logs), begin: r.begin}
	r.logs = append(r.logs, l)
	return l
}

// History returns what was recorded until now. Calls under way are Unknown.
func (r *Recorder) History() *History {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := &History{Fresh: r.fresh}
	for _, l := range r.logs {
		l.mu.Lock()
		h.Ops = append(h.Ops, l.ops...)
		l.mu.Unlock()
	}
	return h
}

// Log records the calls of one client. Its lock is for History, and for the
// calls that one client has under way at once.
type Log struct {
	client int
	begin  time.Time

	mu  sync.Mutex
	ops []Op
}

// Call names a call of a Log between its beginning and its end.
type Call int

// Invoke records that a call begins: immediately before the call itself. It
// needs Kind, Key, and where they apply If, Expected and Value.
func (l *Log) Invoke(o Op) Call {
	o.Client, o.Outcome, o.Return, o.Version = l.client, Unknown, 0, 0
	l.mu.Lock()
	defer l.mu.Unlock()
	o.Call = int64(time.Since(l.begin))
	l.ops = append(l.ops, o)
	return Call(len(l.ops) - 1)
}

// Return records how a call ended: immediately after it did. Version belongs to OK
// and Mismatch, read to a Get that is OK. A call of outcome Unknown has no end, and need not be returned.
func (l *Log) Return(c Call, outcome Outcome, version uint64, read Fingerprint) {
	now := int64(time.Since(l.begin))
	l.mu.Lock()
	defer l.mu.Unlock()
	o := &l.ops[c]
	if outcome == Unknown {
		return
	}
	o.Outcome, o.Return = outcome, now
	if outcome == OK || outcome == Mismatch {
		o.Version = version
	}
	if o.Kind == Get && outcome == OK {
		o.Value = read
	}
}
