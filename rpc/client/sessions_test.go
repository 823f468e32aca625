package client

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ringward/ringward/shard"
)

// openings collects the sessions asked for, for the test to open.
type openings struct {
	sessions
	asked []func(shard.SessionID, error)
}

func newOpenings() *openings {
	o := &openings{}
	o.open = func(opened func(shard.SessionID, error)) bool {
		o.asked = append(o.asked, opened)
		return true
	}
	return o
}

// enqueue begins a write that has to wait.
func (o *openings) enqueue(t *testing.T) *ticket {
	t.Helper()
	p, ticket := o.begin()
	if ticket == nil {
		t.Fatalf("begin gave %+v at once", p.identity)
	}
	return ticket
}

// fill opens session 7 and takes all places of its window.
func (o *openings) fill(t *testing.T) []place {
	t.Helper()
	first := o.enqueue(t)
	o.asked[0](7, nil)
	places := []place{granted(t, first).place}
	for len(places) < shard.MaxUnanswered {
		p, ticket := o.begin()
		if ticket != nil {
			t.Fatalf("no place after %d", len(places))
		}
		places = append(places, p)
	}
	return places
}

func granted(t *testing.T, ticket *ticket) grant {
	t.Helper()
	select {
	case g := <-ticket.granted:
		return g
	default:
		t.Fatal("not granted")
		return grant{}
	}
}

func waits(t *testing.T, ticket *ticket) {
	t.Helper()
	select {
	case g := <-ticket.granted:
		t.Fatalf("granted %+v", g)
	default:
	}
}

func TestASessionIsOpenedOnceForThoseWhoWait(t *testing.T) {
	o := newOpenings()
	a, b := o.enqueue(t), o.enqueue(t)
	if len(o.asked) != 1 {
		t.Fatalf("%d sessions asked for, want 1", len(o.asked))
	}
	o.asked[0](7, nil)
	if id := granted(t, a).place.identity; id != (shard.Identity{Session: 7, Op: 1, Oldest: 1}) {
		t.Errorf("the first got %+v", id)
	}
	if id := granted(t, b).place.identity; id.Op != 2 {
		t.Errorf("the second got %+v", id)
	}
	if p, ticket := o.begin(); ticket != nil || p.identity.Op != 3 {
		t.Errorf("with a session open the third got %+v, %v", p.identity, ticket)
	}
}

func TestAllWhoWaitHearThatNoSessionOpens(t *testing.T) {
	o := newOpenings()
	a, b := o.enqueue(t), o.enqueue(t)
	failure := errors.New("no")
	o.asked[0](0, failure)
	for _, ticket := range []*ticket{a, b} {
		if g := granted(t, ticket); g.err != failure {
			t.Errorf("granted %+v, want the failure", g)
		}
	}
	o.enqueue(t)
	if len(o.asked) != 2 {
		t.Errorf("the next write asked %d times, want again", len(o.asked)-1)
	}
}

func TestAnUnwantedOpeningIsTakenUpByWhoCameMeanwhile(t *testing.T) {
	o := newOpenings()
	a := o.enqueue(t)
	if !o.struggle(errors.New("refused")) {
		t.Error("nobody is said to wait while one does")
	}
	if why := o.leave(a); !strings.Contains(why.Error(), "refused") {
		t.Errorf("the one who left waited for %q, want why there is no session", why)
	}
	if o.struggle(errors.New("refused")) {
		t.Error("somebody is said to wait when none does")
	}
	b := o.enqueue(t)
	o.asked[0](0, fmt.Errorf("open: %w", errUnwanted))
	waits(t, b)
	if len(o.asked) != 2 {
		t.Fatalf("asked %d times, want 2", len(o.asked))
	}
	o.asked[1](7, nil)
	granted(t, b)
}

func TestPlacesGoInTheOrderOfAsking(t *testing.T) {
	o := newOpenings()
	places := o.fill(t)
	a, b, c := o.enqueue(t), o.enqueue(t), o.enqueue(t)
	o.end(places[1]) // not the oldest: no room yet
	waits(t, a)
	o.end(places[0]) // room for two
	if x, y := granted(t, a).place.identity.Op, granted(t, b).place.identity.Op; x >= y {
		t.Errorf("the first got op %d, the second %d", x, y)
	}
	waits(t, c)
	if _, ticket := o.begin(); ticket == nil {
		t.Error("one who came later was let past one who waits")
	}
}

func TestWhoLeavesHoldsNobodyUp(t *testing.T) {
	o := newOpenings()
	places := o.fill(t)
	a, b, c := o.enqueue(t), o.enqueue(t), o.enqueue(t)
	if why := o.leave(a); !strings.Contains(why.Error(), "4096") { // before a place was given to it
		t.Errorf("it waited for %q, want the limit", why)
	}
	o.end(places[0]) // goes to b
	o.leave(b)       // gives it back without taking it
	waits(t, c)      // b's op is settled, but op 2 still spans the window
	o.end(places[1])
	if id := granted(t, c).place.identity; id.Op != shard.MaxUnanswered+2 || id.Oldest != 3 {
		t.Errorf("got %+v, want op %d, oldest 3", id, shard.MaxUnanswered+2)
	}
	for _, p := range places[2:] {
		o.end(p)
	}
	o.end(place{o.current, shard.Identity{Op: shard.MaxUnanswered + 2}})
	if n := o.current.Unsettled(); n != 0 {
		t.Errorf("%d ops are unsettled after all have ended", n)
	}
}

func TestExpiryOpensAnotherSession(t *testing.T) {
	o := newOpenings()
	o.enqueue(t)
	o.asked[0](7, nil)
	old := o.current
	o.expire(old)
	a := o.enqueue(t)
	if len(o.asked) != 2 {
		t.Fatalf("%d sessions asked for, want 2", len(o.asked))
	}
	o.expire(old) // another write of the same session hears of it later
	o.end(place{old, shard.Identity{Op: 1}})
	waits(t, a)
	o.asked[1](9, nil)
	if id := granted(t, a).place.identity; id != (shard.Identity{Session: 9, Op: 1, Oldest: 1}) {
		t.Errorf("got %+v, want the first op of session 9", id)
	}
	o.expire(old)
	if o.current == nil || o.current.ID() != 9 {
		t.Error("the expiry of an old session ended the new one")
	}
}
