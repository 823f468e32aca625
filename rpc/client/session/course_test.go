package session

import (
	"slices"
	"testing"

	"github.com/ringward/ringward/shard"
)

func TestPick(t *testing.T) {
	const none = ""
	members, all := []string{"a", "b", none}, []string{"a", "b", "c", "d", "e"}
	for _, test := range []struct {
		name  string
		write bool
		bad   []string
		want  []string // any of them; over many turns each of them
	}{
		{"a write", true, nil, []string{"a"}},
		{"a read", false, nil, []string{"a", "b"}},
		{"a write past a bad head", true, []string{"a"}, []string{"b"}},
		{"a read past a bad member", false, []string{"b"}, []string{"a"}},
		{"no member left", true, []string{"a", "b"}, []string{"c", "d", "e"}},
		{"no member left for a read", false, []string{"a", "b", "d"}, []string{"c", "e"}},
		{"all are bad", true, all, all},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen := map[string]int{}
			for turn := range uint64(30) {
				seen[Pick(members, all, test.write, turn, func(n string) bool { return !slices.Contains(test.bad, n) })]++
			}
			for _, n := range test.want {
				if seen[n] == 0 {
					t.Errorf("%s was never picked", n)
				}
				delete(seen, n)
			}
			if len(seen) > 0 {
				t.Errorf("picked %v as well, want only %v", seen, test.want)
			}
		})
	}
}

// TestCourse tells what happened to one operation at the head, and looks where it goes next, after which pause, and
// what is in doubt if it ends there.
func TestCourse(t *testing.T) {
	const head, other = "head", "other"
	answer := func(status shard.Status, news bool) func(c *Course[string]) Verdict {
		return func(c *Course[string]) Verdict { return c.Answer(head, status, news) }
	}
	unanswered := func(c *Course[string]) Verdict { c.Unanswered(head); return Retry }
	unreached := func(c *Course[string]) Verdict { return c.Unreached(head, false) }
	for _, test := range []struct {
		name    string
		kind    shard.RequestKind
		happens func(c *Course[string]) Verdict
		verdict Verdict
		next    string
		pause   int
		doubt   bool
	}{
		{"a write, refused", shard.Put, answer(shard.Refused, false), Retry, head, 1, false},
		{"a write, refused with news", shard.Put, answer(shard.Refused, true), Retry, head, 0, false},
		{"a write, overloaded", shard.Put, answer(shard.Overloaded, false), Retry, head, overloadPauses, false},
		{"a write, overloaded with news", shard.Delete, answer(shard.Overloaded, true), Retry, head, overloadPauses, false},
		{"a write without an answer", shard.Delete, unanswered, Retry, other, 0, true},
		{"a write that reached nobody", shard.Put, unreached, Retry, other, 0, false},
		{"a write of unknown outcome", shard.Put, answer(shard.OutcomeUnknown, false), Retry, other, 0, true},
		{"a write of unknown outcome with news", shard.Put, answer(shard.OutcomeUnknown, true), Retry, head, 0, true},
		{"a write, done", shard.Put, answer(shard.VersionMismatch, false), Done, head, 0, false},
		{"a write of an expired session", shard.Put, answer(shard.SessionExpired, false), Renew, head, 0, false},
		{"a write that is forgotten", shard.Put, answer(shard.OpForgotten, false), Lost, head, 0, true},
		{"a read, refused", shard.Get, answer(shard.Refused, false), Retry, head, 0, false},
		{"a read without an answer", shard.Get, unanswered, Retry, other, 0, false},
		{"a read that finds nothing", shard.Get, answer(shard.NotFound, false), Done, head, 0, false},
		{"a session, refused", shard.OpenSession, answer(shard.Refused, false), Retry, head, 1, false},
		{"a session without an answer", shard.OpenSession, unanswered, Retry, other, 0, false},
		{"a session, opened", shard.OpenSession, answer(shard.OK, false), Done, head, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := NewCourse[string](test.kind)
			c.Name(shard.Identity{Session: 1, Op: 1, Oldest: 1})
			next := func() string {
				return c.Next([]string{head, other}, []string{head, other}, 0, func(string) bool { return false })
			}
			if n := next(); n != head {
				t.Fatalf("the first attempt goes to %s", n)
			}
			verdict := test.happens(&c)
			doubt, pause, n := c.InDoubt(), c.Pause(), next()
			if verdict != test.verdict || n != test.next || pause != test.pause || doubt != test.doubt || c.Attempts() != 2 {
				t.Errorf("verdict %v, then %s after pause %d, in doubt %v, attempts %d; want %v, %s, %d, %v, 2",
					verdict, n, pause, doubt, c.Attempts(), test.verdict, test.next, test.pause, test.doubt)
			}
		})
	}
}

// TestPausesGrow: a second failure waits, a suspect is passed over, and another identity begins without doubt.
func TestPausesGrow(t *testing.T) {
	c := NewCourse[string](shard.Put)
	c.Name(shard.Identity{Session: 1, Op: 1, Oldest: 1})
	for want := range 4 {
		if n := c.Pause(); n != want {
			t.Errorf("pause %d, want %d", n, want)
		}
	}
	if n := c.Next([]string{"a", "b"}, []string{"a", "b"}, 0, func(n string) bool { return n == "a" }); n != "b" {
		t.Errorf("a suspect head leads to %s, want b", n)
	}
	c.Unanswered("b")
	if c.Name(shard.Identity{Session: 2, Op: 1, Oldest: 1}); c.InDoubt() {
		t.Error("a write under a new identity is in doubt before it was sent")
	}
}
