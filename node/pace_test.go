package node

import (
	"testing"
	"time"
)

func TestPacer(t *testing.T) {
	p := newPacer[string](1000)
	now := time.Now()
	for _, c := range []struct {
		key   string
		bytes int
		later time.Duration // than the one before
		want  time.Duration
	}{
		{"a", 110, 0, 100 * time.Millisecond},
		{"b", 510, 0, 500 * time.Millisecond},
		{"a", 100, 50 * time.Millisecond, 150 * time.Millisecond}, // asked for too early
		{"a", 100, 155 * time.Millisecond, 95 * time.Millisecond}, // a little late, which is made up for
		{"a", 100, time.Second, 90 * time.Millisecond},            // what was not used before is gone
		{"a", 5, time.Second, 0},
	} {
		now = now.Add(c.later)
		if got := p.wait(c.key, c.bytes, now); got.Round(time.Millisecond) != c.want {
			t.Errorf("%d bytes of %s have to wait %v, want %v", c.bytes, c.key, got, c.want)
		}
	}
}
