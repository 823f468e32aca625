package sequencer

import (
	"reflect"
	"strings"
	"testing"

	"github.com/ringward/ringward/shard"
)

func TestRegisterApply(t *testing.T) {
	for _, c := range []struct {
		name     string
		before   *Register
		command  shard.Command
		want     string
		replaced bool // another value than before
	}{
		{"a decision", &Register{Chain: chainOf(1, "abc"), Activated: 1}, Reconfigure(configuration(2, "bc"), Reason{}), "1(abc),2(bc) activated 1", true},
		{"a decision before the last one was ACTIVE", &Register{Chain: chainOf(1, "abc", "bc"), Activated: 1}, Reconfigure(configuration(3, "c"), Reason{}), "1(abc),2(bc),3(c) activated 1", true},
		{"one that comes too late", &Register{Chain: chainOf(1, "abc", "bc"), Activated: 1}, Reconfigure(configuration(2, "ab"), Reason{}), "1(abc),2(bc) activated 1", false},
		{"the same again", &Register{Chain: chainOf(1, "abc", "bc"), Activated: 1}, Reconfigure(configuration(2, "bc"), Reason{}), "1(abc),2(bc) activated 1", false},
		{"one that leaves out an epoch", &Register{Chain: chainOf(1, "abc"), Activated: 1}, Reconfigure(configuration(3, "bc"), Reason{}), "1(abc) activated 1", false},
		{"ACTIVE", &Register{Chain: chainOf(1, "abc", "bc"), Activated: 1}, Activated(configuration(2, "bc"), Outcome{}), "2(bc) activated 2", true},
		{"ACTIVE, and superseded since", &Register{Chain: chainOf(1, "abc", "bc", "c"), Activated: 1}, Activated(configuration(2, "bc"), Outcome{}), "2(bc),3(c) activated 2", true},
		{"ACTIVE again", &Register{Chain: chainOf(2, "bc", "c"), Activated: 2}, Activated(configuration(2, "bc"), Outcome{}), "2(bc),3(c) activated 2", false},
		{"ACTIVE, an older one", &Register{Chain: chainOf(3, "c"), Activated: 3}, Activated(configuration(2, "bc"), Outcome{}), "3(c) activated 3", false},
		{"ACTIVE, one that was not decided", &Register{Chain: chainOf(1, "abc", "bc"), Activated: 1}, Activated(configuration(3, "c"), Outcome{}), "1(abc),2(bc) activated 1", false},
		{"a learner", &Register{Chain: chainOf(1, "ab"), Activated: 1}, Recruit(configuration(1, "ab"), id("c")), "1(ab) activated 1 learner c", true},
		{"another learner", &Register{Chain: chainOf(1, "ab"), Activated: 1, Learner: id("c")}, Recruit(configuration(1, "ab"), id("d")), "1(ab) activated 1 learner d", true},
		{"the same learner", &Register{Chain: chainOf(1, "ab"), Activated: 1, Learner: id("c")}, Recruit(configuration(1, "ab"), id("c")), "1(ab) activated 1 learner c", false},
		{"no learner any more", &Register{Chain: chainOf(1, "ab"), Activated: 1, Learner: id("c")}, Recruit(configuration(1, "ab"), 0), "1(ab) activated 1", true},
		{"a learner beside an older configuration", &Register{Chain: chainOf(1, "ab", "a"), Activated: 1}, Recruit(configuration(1, "ab"), id("c")), "1(ab),2(a) activated 1", false},
		{"a learner that is a member", &Register{Chain: chainOf(1, "ab"), Activated: 1, Learner: id("c")}, Recruit(configuration(1, "ab"), id("b")), "1(ab) activated 1 learner c", false},
		{"a learner that becomes a member", &Register{Chain: chainOf(1, "ab"), Activated: 1, Learner: id("c")}, Reconfigure(configuration(2, "abc"), Reason{}), "1(ab),2(abc) activated 1", true},
		{"a learner of a shard that shrinks", &Register{Chain: chainOf(1, "ab"), Activated: 1, Learner: id("c")}, Reconfigure(configuration(2, "a"), Reason{}), "1(ab),2(a) activated 1 learner c", true},
		{"a ruling", &Register{Chain: chainOf(1, "abc"), Activated: 1}, Adopt(ruling(1, "abc", "bc")), "1(abc),2(bc) activated 1", true},
		{"a ruling upon what was pending", &Register{Chain: chainOf(1, "abc", "ab"), Activated: 1}, Adopt(ruling(1, "abc", "ab", "b")), "1(abc),2(ab),3(b) activated 1", true},
		{"a ruling from where all were ACTIVE later", &Register{Chain: chainOf(1, "abc", "ab"), Activated: 1}, Adopt(ruling(2, "ab", "b")), "1(abc),2(ab),3(b) activated 1", true},
		{"a ruling where the register went another way", &Register{Chain: chainOf(1, "abc", "ac"), Activated: 1}, Adopt(ruling(1, "abc", "ab", "b")), "1(abc),2(ac) activated 1", false},
		{"a ruling that the register is beyond", &Register{Chain: chainOf(2, "ab", "b"), Activated: 2}, Adopt(ruling(1, "abc", "ab")), "2(ab),3(b) activated 2", false},
		{"a ruling that leaves out an epoch", &Register{Chain: chainOf(1, "abc"), Activated: 1}, Adopt(ruling(3, "ab", "b")), "1(abc) activated 1", false},
		{"a learner that is ruled to be a member", &Register{Chain: chainOf(1, "ab"), Activated: 1, Learner: id("c")}, Adopt(ruling(1, "ab", "abc", "bc")), "1(ab),2(abc),3(bc) activated 1", true},
		{"ACTIVE, another one of that epoch", &Register{Chain: chainOf(1, "abc", "bc"), Activated: 1}, Activated(configuration(2, "ab"), Outcome{}), "1(abc),2(bc) activated 1", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := describe(c.before)
			after := apply(t, c.before, c.command)
			if got := describe(after); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if (after != c.before) != c.replaced {
				t.Errorf("another value: %v, want %v", after != c.before, c.replaced)
			}
			if got := describe(c.before); got != was {
				t.Errorf("the register it came from changed from %s to %s", was, got)
			}
			again, err := DecodeRegister(after.Append(nil))
			if err != nil || !reflect.DeepEqual(again, after) {
				t.Errorf("comes back as %+v, %v", again, err)
			}
		})
	}
}

// TestRegisterIsAValue: decisions from one register do not share its memory.
func TestRegisterIsAValue(t *testing.T) {
	before := &Register{Chain: append(make(shard.Chain, 0, 8), chainOf(1, "abc")...), Activated: 1}
	a := apply(t, before, Reconfigure(configuration(2, "bc"), Reason{}))
	b := apply(t, before, Reconfigure(configuration(2, "ab"), Reason{}))
	if describe(a) != "1(abc),2(bc) activated 1" || describe(b) != "1(abc),2(ab) activated 1" {
		t.Errorf("%s and %s", describe(a), describe(b))
	}
}

func TestRegisterRefuses(t *testing.T) {
	r := &Register{Chain: chainOf(1, "abc"), Activated: 1}
	other := configuration(2, "bc")
	other.Shard = 3
	for name, c := range map[string]struct {
		command []byte
		want    string
	}{
		"nothing":               {nil, "ends in the middle"},
		"an unknown kind":       {shard.AppendConfiguration([]byte{9}, configuration(2, "bc")), "unknown kind 9"},
		"another shard":         {Reconfigure(other, Reason{}).Value, "shard 3"},
		"nobody as members":     {Reconfigure(shard.Configuration{Shard: 2, Epoch: 2}, Reason{}).Value, "0 members"},
		"a byte too many":       {append(Reconfigure(configuration(2, "bc"), Reason{}).Value, 0), "left over"},
		"too many suspicions":   {Reconfigure(configuration(2, "bc"), Reason{Suspicions: make([]Suspicion, MaxSuspicions+1)}).Value, "17 suspicions: want at most 16"},
		"a flag that is none":   {append(shard.AppendConfiguration([]byte{cmdActivated}, configuration(2, "bc")), 2, 0, 0, 0, 0), "flag 2"},
		"no reason":             {shard.AppendConfiguration([]byte{cmdReconfigure}, configuration(2, "bc")), "ends in the middle"},
		"a command that ends":   {Reconfigure(configuration(2, "bc"), Reason{}).Value[:5], "in"},
		"more members than fit": {[]byte{1, 2, 2, 200, 1}, "list of 200"},
	} {
		if next, err := r.Apply(c.command); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v %v, want an error with %q", name, next, err, c.want)
		}
	}
}

func TestDecodeRegisterRefuses(t *testing.T) {
	for name, r := range map[string]*Register{
		"no chain":                 {Activated: 1},
		"never ACTIVE":             {Chain: chainOf(2, "ab")},
		"ACTIVE before it decided": {Chain: chainOf(2, "ab"), Activated: 3},
		"a member that learns":     {Chain: chainOf(2, "ab"), Activated: 2, Learner: id("b")},
		"too many decisions":       {Chain: chainOf(65, "ab"), Activated: 65, Decisions: decisionsOf(1, 65)},
		"decisions with a gap":     {Chain: chainOf(4, "ab"), Activated: 4, Decisions: append(decisionsOf(1, 2), decisionsOf(4, 4)...)},
		"an older decision":        {Chain: chainOf(4, "ab"), Activated: 4, Decisions: decisionsOf(1, 3)},
		"another decision":         {Chain: chainOf(4, "ba"), Activated: 4, Decisions: decisionsOf(1, 4)},
		"another shard's decision": {Chain: chainOf(1, "ab"), Activated: 1, Decisions: []Decision{{Configuration: shard.Configuration{Shard: 3, Epoch: 1, Members: ids("ab")}}}},
	} {
		if got, err := DecodeRegister(r.Append(nil)); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// decisionsOf makes decisions of consecutive epochs.
func decisionsOf(first, last shard.Epoch) (all []Decision) {
	for e := first; e <= last; e++ {
		all = append(all, Decision{Configuration: configuration(e, "ab")})
	}
	return all
}

// TestRegisterRemembers: the last decisions are kept, and a register that knows more does not change one that knows less.
func TestRegisterRemembers(t *testing.T) {
	r := &Register{Chain: chainOf(1, "ab"), Activated: 1}
	var before *Register
	for e := shard.Epoch(2); e <= 100; e++ {
		before, r = r, apply(t, r, Reconfigure(configuration(e, "ab"), Reason{At: uint64(e), By: id("c"), Suspicions: []Suspicion{{By: id("a"), Of: id("d"), Silent: 7}}}))
		r = apply(t, r, Activated(configuration(e, "ab"), Outcome{HasBase: true, Base: 9, Wedge: uint64(e)}))
		r = apply(t, r, Served(configuration(e, "ba"), 3)) // not what was decided
		r = apply(t, r, Served(configuration(e, "ab"), uint64(2*e)))
		r = apply(t, r, Served(configuration(e, "ab"), 5)) // comes too late
	}
	all := r.Decisions
	if len(all) != MaxDecisions || all[0].Configuration.Epoch != 100-MaxDecisions+1 || all[MaxDecisions-1].Configuration.Epoch != 100 {
		t.Fatalf("remembers %d decisions: %+v", len(all), all)
	}
	for _, d := range all {
		e := uint64(d.Configuration.Epoch)
		want := Decision{
			Configuration: configuration(shard.Epoch(e), "ab"), Reason: Reason{At: e, By: id("c"), Suspicions: []Suspicion{{By: id("a"), Of: id("d"), Silent: 7}}},
			Active: true, Outcome: Outcome{HasBase: true, Base: 9, Wedge: e}, Served: 2 * e,
		}
		if !reflect.DeepEqual(d, want) {
			t.Errorf("%+v, want %+v", d, want)
		}
	}
	if last := before.Decisions[MaxDecisions-1]; last.Configuration.Epoch != 99 || !last.Active || last.Served != 198 {
		t.Errorf("the register before ends with %+v", last)
	}
	if again, err := DecodeRegister(r.Append(nil)); err != nil || !reflect.DeepEqual(again, r) {
		t.Errorf("comes back as %+v, %v", again, err)
	}
}

func FuzzDecodeRegister(f *testing.F) {
	f.Add((&Register{Chain: chainOf(1, "abc"), Activated: 1}).Append(nil))
	f.Add((&Register{Chain: chainOf(3, "abc", "bc"), Activated: 3, Learner: id("d")}).Append(nil))
	f.Add((&Register{Chain: chainOf(3, "ab"), Activated: 3, Decisions: []Decision{
		{Configuration: configuration(2, "a"), Reason: Reason{At: 5, By: id("c"), Stood: 1, Suspicions: []Suspicion{{By: id("a"), Of: id("b"), Silent: 7}}}},
		{Configuration: configuration(3, "ab"), Reason: Reason{At: 6, By: id("c")}, Active: true, Outcome: Outcome{HasBase: true, Base: 4, Persisted: 1, AllActive: 2}, Served: 3},
	}}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRegister(b)
		if err != nil {
			return
		}
		if again, err := DecodeRegister(r.Append(nil)); err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v comes back as %+v, %v", r, again, err)
		}
	})
}

// FuzzRegisterApply: whatever a command holds, the register stays one that can be read back, with consecutive epochs.
func FuzzRegisterApply(f *testing.F) {
	f.Add(Reconfigure(configuration(3, "c"), Reason{}).Value)
	f.Add(Activated(configuration(2, "bc"), Outcome{}).Value)
	f.Add(Served(configuration(2, "bc"), 7).Value)
	f.Add(Activated(configuration(2, "bc"), Outcome{HasBase: true, Base: 7, Persisted: 1, Wedge: 2, Inherit: 3, AllActive: 4}).Value)
	f.Add(Reconfigure(configuration(3, "c"), Reason{At: 1, By: id("a"), Stood: 2, Suspicions: []Suspicion{{By: id("c"), Of: id("b")}}}).Value)
	f.Fuzz(func(t *testing.T, b []byte) {
		next, err := (&Register{Chain: chainOf(1, "abc", "bc"), Activated: 1}).Apply(b)
		if err != nil {
			return
		}
		if _, err := DecodeRegister(next.Append(nil)); err != nil {
			t.Errorf("%s: %v", describe(next.(*Register)), err)
		}
	})
}
