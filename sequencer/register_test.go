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
		{"a decision", &Register{chainOf(1, "abc"), 1}, Reconfigure(configuration(2, "bc")), "1(abc),2(bc) activated 1", true},
		{"a decision before the last one was ACTIVE", &Register{chainOf(1, "abc", "bc"), 1}, Reconfigure(configuration(3, "c")), "1(abc),2(bc),3(c) activated 1", true},
		{"one that comes too late", &Register{chainOf(1, "abc", "bc"), 1}, Reconfigure(configuration(2, "ab")), "1(abc),2(bc) activated 1", false},
		{"the same again", &Register{chainOf(1, "abc", "bc"), 1}, Reconfigure(configuration(2, "bc")), "1(abc),2(bc) activated 1", false},
		{"one that leaves out an epoch", &Register{chainOf(1, "abc"), 1}, Reconfigure(configuration(3, "bc")), "1(abc) activated 1", false},
		{"ACTIVE", &Register{chainOf(1, "abc", "bc"), 1}, Activated(configuration(2, "bc")), "2(bc) activated 2", true},
		{"ACTIVE, and superseded since", &Register{chainOf(1, "abc", "bc", "c"), 1}, Activated(configuration(2, "bc")), "2(bc),3(c) activated 2", true},
		{"ACTIVE again", &Register{chainOf(2, "bc", "c"), 2}, Activated(configuration(2, "bc")), "2(bc),3(c) activated 2", false},
		{"ACTIVE, an older one", &Register{chainOf(3, "c"), 3}, Activated(configuration(2, "bc")), "3(c) activated 3", false},
		{"ACTIVE, one that was not decided", &Register{chainOf(1, "abc", "bc"), 1}, Activated(configuration(3, "c")), "1(abc),2(bc) activated 1", false},
		{"ACTIVE, another one of that epoch", &Register{chainOf(1, "abc", "bc"), 1}, Activated(configuration(2, "ab")), "1(abc),2(bc) activated 1", false},
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
	a := apply(t, before, Reconfigure(configuration(2, "bc")))
	b := apply(t, before, Reconfigure(configuration(2, "ab")))
	if describe(a) != "1(abc),2(bc) activated 1" || describe(b) != "1(abc),2(ab) activated 1" {
		t.Errorf("%s and %s", describe(a), describe(b))
	}
}

func TestRegisterRefuses(t *testing.T) {
	r := &Register{chainOf(1, "abc"), 1}
	other := configuration(2, "bc")
	other.Shard = 3
	for name, c := range map[string]struct {
		command []byte
		want    string
	}{
		"nothing":               {nil, "ends in the middle"},
		"an unknown kind":       {append([]byte{9}, Reconfigure(configuration(2, "bc")).Value[1:]...), "unknown kind 9"},
		"another shard":         {Reconfigure(other).Value, "shard 3"},
		"nobody as members":     {Reconfigure(shard.Configuration{Shard: 2, Epoch: 2}).Value, "0 members"},
		"a byte too many":       {append(Reconfigure(configuration(2, "bc")).Value, 0), "left over"},
		"a command that ends":   {Reconfigure(configuration(2, "bc")).Value[:5], "in"},
		"more members than fit": {[]byte{1, 2, 2, 200, 1}, "list of 200"},
	} {
		if next, err := r.Apply(c.command); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v %v, want an error with %q", name, next, err, c.want)
		}
	}
}

func TestDecodeRegisterRefuses(t *testing.T) {
	for name, r := range map[string]*Register{
		"no chain":                 {nil, 1},
		"never ACTIVE":             {chainOf(2, "ab"), 0},
		"ACTIVE before it decided": {chainOf(2, "ab"), 3},
	} {
		if got, err := DecodeRegister(r.Append(nil)); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func FuzzDecodeRegister(f *testing.F) {
	f.Add((&Register{chainOf(1, "abc"), 1}).Append(nil))
	f.Add((&Register{chainOf(3, "abc", "bc"), 3}).Append(nil))
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
	f.Add(Reconfigure(configuration(3, "c")).Value)
	f.Add(Activated(configuration(2, "bc")).Value)
	f.Fuzz(func(t *testing.T, b []byte) {
		next, err := (&Register{chainOf(1, "abc", "bc"), 1}).Apply(b)
		if err != nil {
			return
		}
		if _, err := DecodeRegister(next.Append(nil)); err != nil {
			t.Errorf("%s: %v", describe(next.(*Register)), err)
		}
	})
}
