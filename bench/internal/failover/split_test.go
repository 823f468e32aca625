package failover

import (
	"testing"
	"time"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
)

var fault = time.UnixMicro(1_700_000_000_000_000)

// decision is one that was proposed so many milliseconds after the fault.
func decision(epoch uint64, at int, members ...uint64) *adminpb.Decision {
	return &adminpb.Decision{
		Configuration: &kvpb.Configuration{Shard: 1, Epoch: epoch, Members: members}, AtUs: uint64(fault.Add(time.Duration(at) * millisecond).UnixMicro()),
	}
}

// early is a decision that was proposed a little earlier.
func early(d *adminpb.Decision) *adminpb.Decision {
	d.AtUs -= 400
	return d
}

func TestWithout(t *testing.T) {
	for _, test := range []struct {
		name   string
		told   []*adminpb.Decision
		epoch  uint64 // 0: none
		member bool
	}{
		{"nothing is told", nil, 0, true},
		{"the first without it", []*adminpb.Decision{decision(4, -900, 1, 2), decision(5, 7, 1), decision(6, 900, 1, 2), decision(7, 950, 1)}, 5, true},
		{"another one is dropped first", []*adminpb.Decision{decision(4, 5, 2, 3), decision(5, 9, 3)}, 5, true},
		{"it was dropped before", []*adminpb.Decision{decision(4, -5, 1), decision(5, 800, 1, 2)}, 0, false},
		{"it was dropped before, and again later", []*adminpb.Decision{decision(4, -5, 1), decision(5, 800, 1, 2), decision(6, 900, 1)}, 6, false},
		{"it was taken back in time", []*adminpb.Decision{decision(4, -50, 1), decision(5, -5, 1, 2), decision(6, 12, 1)}, 6, true},
		{"only growth", []*adminpb.Decision{decision(4, 5, 1, 2, 3)}, 0, true},
		{"its clock is rounded", []*adminpb.Decision{early(decision(4, 0, 1))}, 4, true},
	} {
		d, member := without(test.told, 2, fault)
		if d.GetConfiguration().GetEpoch() != test.epoch || member != test.member {
			t.Errorf("%s: epoch %d, member %v; want %d, %v", test.name, d.GetConfiguration().GetEpoch(), member, test.epoch, test.member)
		}
	}
}

// TestSplit: the parts add up to the pause, and only the decision that ended it is divided.
func TestSplit(t *testing.T) {
	acks := func(all ...int) (d []time.Duration) {
		for _, a := range all {
			d = append(d, time.Duration(a)*millisecond)
		}
		return d
	}
	d := decision(5, 10, 1)
	d.StoodUs, d.PersistedUs, d.WedgeUs, d.InheritUs = 4000, 3000, 2000, 1000
	d.Suspicions = []*adminpb.Suspicion{{By: 1, Of: 2, SilentUs: 5000}, {By: 3, Of: 2}}
	s, again := newSplit(d, fault, acks(1, 2, 20, 21, 500))
	want := Split{Epoch: 5, Evidence: true, Detection: 6, Decision: 7, Wedge: 2, Activation: 1, Resume: 4}
	if s == nil || *s != want || again != 20*millisecond {
		t.Errorf("split %+v, again after %v; want %+v, 20ms", s, again, want)
	}
	if s, _ := newSplit(d, fault, acks(1, 2, 12, 20)); s != nil {
		t.Errorf("writes were acknowledged until shortly before: split %+v", s)
	}
	if s, again := newSplit(d, fault, acks(1, 2, 15, 17)); s == nil || s.Wedge != 2 || s.Activation != 0 || s.Resume != 0 || again != 15*millisecond {
		t.Errorf("the new head took a little longer than the whole: split %+v after %v", s, again)
	}
	if s, _ := newSplit(d, fault, acks(1, 2, 14)); s == nil || s.Wedge != 1 || s.Activation != 0 || s.Resume != 0 {
		t.Errorf("to wedge took longer than the whole: split %+v", s)
	}
	if s, _ := newSplit(d, fault, acks(1, 2)); s != nil {
		t.Errorf("no write was acknowledged again: split %+v", s)
	}
	// What nobody knows counts to what follows it.
	d.StoodUs, d.PersistedUs, d.WedgeUs, d.InheritUs = 0, 0, 0, 0
	if s, again := newSplit(d, fault, acks(2, 20)); s == nil || s.Detection != 10 || s.Resume != 10 || again != 20*millisecond {
		t.Errorf("little is known: %+v after %v", s, again)
	}
	// A clock that seems to have known before the fault.
	d.StoodUs = 50_000
	if s, _ := newSplit(d, fault, acks(20)); s == nil || s.Detection != 0 || s.Detection+s.Decision+s.Wedge+s.Activation+s.Resume != 20 {
		t.Errorf("suspected before: %+v", s)
	}
}
