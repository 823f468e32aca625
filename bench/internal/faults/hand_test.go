package faults

import (
	"strings"
	"testing"
)

// TestHandHitsOne: what hits all nodes is nothing to do to one.
func TestHandHitsOne(t *testing.T) {
	for _, k := range []Kind{KillAll, StopAll} {
		heal, err := NewHand(nil).Inflict(Fault{Kind: k}, nil)
		if err == nil || !strings.Contains(err.Error(), string(k)+": hits all nodes") || heal(t.Context()) != nil {
			t.Errorf("%s: error %v", k, err)
		}
	}
}
