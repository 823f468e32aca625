package node

import (
	"testing"

	"github.com/ringward/ringward/shard"
)

func TestSuspicions(t *testing.T) {
	suspected, trusted := shard.EventSuspected, shard.EventTrusted
	type event struct {
		kind  shard.EventKind
		node  shard.NodeID
		boot  uint64 // of the node as it is known then
		wrong bool
	}
	for name, events := range map[string][]event{
		"it was alive all the while":             {{suspected, 2, 3, false}, {trusted, 2, 3, true}},
		"it restarted":                           {{suspected, 2, 3, false}, {trusted, 2, 4, false}},
		"it was never heard of and starts":       {{suspected, 2, 0, false}, {trusted, 2, 1, false}},
		"again and again":                        {{suspected, 2, 1, false}, {trusted, 2, 1, true}, {suspected, 2, 1, false}, {trusted, 2, 1, true}},
		"of two one restarted":                   {{suspected, 2, 1, false}, {suspected, 3, 1, false}, {trusted, 2, 2, false}, {trusted, 3, 1, true}},
		"other events are none":                  {{shard.EventWedged, 2, 1, false}, {trusted, 2, 1, false}},
		"it is taken out of its chains for good": {{suspected, 2, 1, false}},
	} {
		t.Run(name, func(t *testing.T) {
			s := suspicions{boots: map[shard.NodeID]uint64{}}
			var all, wrong uint64
			for i, e := range events {
				if got := s.follow(shard.Event{Kind: e.kind, Node: e.node}, e.boot); got != e.wrong {
					t.Errorf("event %d: wrong is %v, want %v", i, got, e.wrong)
				}
				if e.kind == suspected {
					all++
				}
				if e.wrong {
					wrong++
				}
			}
			if s.all != all || s.wrong != wrong {
				t.Errorf("counts %d and %d wrong, want %d and %d", s.all, s.wrong, all, wrong)
			}
		})
	}
}

// TestStreams: of a node that comes back the new streams may open before the old ones have closed.
func TestStreams(t *testing.T) {
	var s streams
	if got := s.of(2); got != (sender{}) {
		t.Errorf("of a stranger: %+v", got)
	}
	s.opened(2, 1)
	s.opened(2, 1)
	if left := s.closed(2); left != 1 {
		t.Errorf("%d streams are left, want 1", left)
	}
	s.opened(2, 2)
	if left := s.closed(2); left != 1 {
		t.Errorf("%d streams are left, want the new one", left)
	}
	if left := s.closed(2); left != 0 {
		t.Errorf("%d streams are left, want none", left)
	}
	if got := s.of(2); got != (sender{boot: 2}) {
		t.Errorf("at the end: %+v", got)
	}
}
