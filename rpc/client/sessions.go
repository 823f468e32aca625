package client

import (
	"cmp"
	"container/list"
	"errors"
	"fmt"
	"sync"

	"github.com/ringward/ringward/rpc/client/session"
	"github.com/ringward/ringward/shard"
)

// sessions gives the writes of one shard their identities. There is one open session
// at most; it is opened when the first write wants an identity, once for
// all that wait. Writes that find its window full wait in the order they came.
type sessions struct {
	// open begins to ask the shard for a new session, and calls opened once, from
	// another goroutine, when it has one, or with errUnwanted, or when it learns that there will
	// be none. It is called with mu held. It returns false, and does nothing, when the
	// client is closed.
	open func(opened func(shard.SessionID, error)) bool

	mu sync.Mutex
	// current is nil before the first write, while a session is being opened, and
	// after one has expired.
	current *session.Session
	opening bool
	// trouble is what the last attempt at opening a session came to, nil before there
	// was one.
	trouble error
	// waiting holds a *ticket for each write without an identity. While it is
	// not empty, either a session is being opened or the window is full.
	waiting list.List
}

// place is a write's place in the window of a session. Whoever holds one settles it once.
type place struct {
	session  *session.Session
	identity shard.Identity
}

// ticket is what a write waits on for its place.
type ticket struct {
	granted chan grant // holds one, so that granting never waits
	element *list.Element
}

type grant struct {
	place place
	err   error // no session can be opened
}

// begin returns a place if one is free, else a ticket to wait on. A caller that stops
// waiting gives its ticket to leave.
func (s *sessions) begin() (place, *ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		// While somebody waits the window is full, so nobody is let past.
		if id, ok := s.current.Begin(); ok {
			return place{s.current, id}, nil
		}
	}
	t := &ticket{granted: make(chan grant, 1)}
	t.element = s.waiting.PushBack(t)
	s.want()
	return place{}, t
}

// leave takes back a ticket, and says what it waited for. A place that was granted
// meanwhile is free again.
func (s *sessions) leave(t *ticket) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	why := fmt.Errorf("the session has %d unanswered writes, the limit", shard.MaxUnanswered)
	if s.current == nil {
		why = fmt.Errorf("no session: %w", cmp.Or(s.trouble, errNotYet))
	}
	s.waiting.Remove(t.element)
	select {
	case g := <-t.granted:
		if g.err == nil {
			s.settle(g.place)
		}
	default:
	}
	return why
}

var errNotYet = errors.New("no answer yet")

// struggle notes why opening a session takes long, and reports whether somebody
// still waits for it.
func (s *sessions) struggle(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = err
	return s.waiting.Len() > 0
}

// end settles the op of a place: its caller will not send it again.
func (s *sessions) end(p place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(p)
}

// expire forgets a session that the shard no longer knows. Places in it stay
// valid to settle.
func (s *sessions) expire(gone *session.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == gone {
		s.current = nil
		s.want()
	}
}

// settle needs mu.
func (s *sessions) settle(p place) {
	p.session.Settle(p.identity.Op)
	if p.session == s.current {
		s.admit()
	}
}

// admit gives places to those who wait, as far as the window goes. Needs mu and a session.
func (s *sessions) admit() {
	for s.waiting.Len() > 0 {
		id, ok := s.current.Begin()
		if !ok {
			return
		}
		s.grant(grant{place: place{s.current, id}})
	}
}

// grant answers the first ticket. Needs mu.
func (s *sessions) grant(g grant) {
	s.waiting.Remove(s.waiting.Front()).(*ticket).granted <- g
}

// want opens a session if somebody waits for one. Needs mu.
func (s *sessions) want() {
	if s.current != nil || s.opening || s.waiting.Len() == 0 {
		return
	}
	s.trouble = nil
	s.opening = s.open(s.opened)
}

func (s *sessions) opened(id shard.SessionID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening = false
	switch {
	case err == nil:
		s.current = session.New(id)
		s.admit()
	case errors.Is(err, errUnwanted):
		s.want() // but for those who came in this moment
	default:
		for s.waiting.Len() > 0 {
			s.grant(grant{err: err})
		}
	}
}

// errUnwanted ends the opening of a session that nobody waits for any more.
var errUnwanted = errors.New("nobody waits for it")
