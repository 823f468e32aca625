package sequencer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringward/ringward/shard"
)

func TestNewRing(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 7, 64, 1000, MaxShards} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := NewRing(n)
			if err := r.Valid(); err != nil {
				t.Fatal(err)
			}
			if len(r) != n {
				t.Fatalf("%d shards", len(r))
			}
			// Slices are of equal width, but for what does not divide.
			width := ^uint64(0)/uint64(n) + 1
			for i, s := range r {
				to := uint64(0)
				if i+1 < n {
					to = r[i+1].From
				}
				if got := to - s.From; n > 1 && (got > width || got < width-uint64(n)) {
					t.Fatalf("slice of shard %d is %d wide, want %d", s.Shard, got, width)
				}
			}
		})
	}
}

func TestRingOwner(t *testing.T) {
	r := Ring{{Shard: 7, From: 0}, {Shard: 3, From: 1 << 62}, {Shard: 9, From: 1 << 63}}
	for i := range 3000 {
		key := fmt.Appendf(nil, "key-%d", i)
		h, want := Hash(key), shard.ID(0)
		for _, s := range r {
			if s.From <= h {
				want = s.Shard
			}
		}
		if got := r.Owner(key); got != want {
			t.Fatalf("%s, at %x, belongs to %d, want %d", key, h, got, want)
		}
	}
	// A slice begins with its From.
	key := []byte("k")
	exact := Ring{{Shard: 1, From: 0}, {Shard: 2, From: Hash(key)}, {Shard: 3, From: Hash(key) + 1}}
	if got := exact.Owner(key); got != 2 {
		t.Errorf("a key at the beginning of a slice belongs to %d, want 2", got)
	}
	if got := NewRing(1).Owner(key); got != 1 {
		t.Errorf("a ring of one gives %d", got)
	}
}

func TestRingNeighbours(t *testing.T) {
	r := Ring{{Shard: 7}, {Shard: 3, From: 5}, {Shard: 9, From: 8}}
	for s, want := range map[shard.ID][2]shard.ID{7: {9, 3}, 3: {7, 9}, 9: {3, 7}, 4: {0, 0}} {
		if got := [2]shard.ID{r.Sequencer(s), r.Next(s)}; got != want {
			t.Errorf("around %d stand %v, want %v", s, got, want)
		}
	}
	one := NewRing(1)
	if one.Next(1) != 1 || one.Sequencer(1) != 1 {
		t.Error("the shard of a ring of one does not sequence itself")
	}
}

func TestRingValid(t *testing.T) {
	for _, c := range []struct {
		name string
		r    Ring
		want string // empty: valid
	}{
		{"one", Ring{{1, 0}}, ""},
		{"any order of shards", Ring{{9, 0}, {1, 5}}, ""},
		{"none", Ring{}, "ring of 0 shards"},
		{"too many", make(Ring, MaxShards+1), "ring of 65537 shards"},
		{"shard 0", Ring{{0, 0}}, "shard 0"},
		{"a shard twice", Ring{{1, 0}, {1, 5}}, "twice"},
		{"the first keys left out", Ring{{1, 1}}, "begins at 1"},
		{"an empty slice", Ring{{1, 0}, {2, 5}, {3, 5}}, "not after"},
		{"slices that fall", Ring{{1, 0}, {2, 5}, {3, 4}}, "not after"},
	} {
		t.Run(c.name, func(t *testing.T) {
			switch err := c.r.Valid(); {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// genesis is a valid one of three shards.
func genesis() *Genesis {
	g := &Genesis{Cluster: "c", Ring: NewRing(3)}
	for i, members := range []string{"ab", "bc", "ca"} {
		g.Initial = append(g.Initial, shard.Configuration{Shard: shard.ID(i + 1), Epoch: 1, Members: ids(members)})
	}
	return g
}

func TestGenesis(t *testing.T) {
	g := genesis()
	if err := g.Valid(); err != nil {
		t.Fatal(err)
	}
	if c, ok := g.Configuration(2); !ok || names(c.Members) != "bc" {
		t.Errorf("configuration of 2: %v %v", c, ok)
	}
	if c, ok := g.Configuration(4); ok {
		t.Errorf("configuration of 4: %v", c)
	}
	// A shard keeps the register of the one after it.
	for s, want := range map[shard.ID]string{1: "1(bc) activated 1", 2: "1(ca) activated 1", 3: "1(ab) activated 1"} {
		if got := describe(g.InitialRegister(s)); got != want {
			t.Errorf("register that %d begins with: %s, want %s", s, got, want)
		}
	}
}

func TestGenesisValid(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Genesis)
		want   string
	}{
		{"no name", func(g *Genesis) { g.Cluster = "" }, "without a cluster id"},
		{"a bad ring", func(g *Genesis) { g.Ring[1].From = 0 }, "not after"},
		{"a configuration missing", func(g *Genesis) { g.Initial = g.Initial[:2] }, "2 configurations for 3 shards"},
		{"another order", func(g *Genesis) { g.Initial[0], g.Initial[1] = g.Initial[1], g.Initial[0] }, "where shard 1 epoch 1 is due"},
		{"another epoch", func(g *Genesis) { g.Initial[2].Epoch = 2 }, "where shard 3 epoch 1 is due"},
		{"a bad configuration", func(g *Genesis) { g.Initial[2].Members = nil }, "0 members"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := genesis()
			c.change(g)
			if err := g.Valid(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}
