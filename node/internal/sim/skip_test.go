package sim

import (
	"slices"
	"testing"
)

func TestOccurrences(t *testing.T) {
	for _, c := range []struct {
		text string
		has  []int // of the first ten
	}{
		{"3", []int{3}},
		{"0,2-4", []int{0, 2, 3, 4}},
		{"1,5-", []int{1, 5, 6, 7, 8, 9}},
		{"0-", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
	} {
		set, err := ParseOccurrences(c.text)
		if err != nil || set.String() != c.text {
			t.Errorf("%q: got %q, %v", c.text, set, err)
		}
		var has []int
		for n := range 10 {
			if set.Has(n) {
				has = append(has, n)
			}
		}
		if !slices.Equal(has, c.has) {
			t.Errorf("%q has %v, want %v", c.text, has, c.has)
		}
	}
	for _, bad := range []string{"", "x", "-3", "3-1", "4,2", "2-,5", "1,1", "1,,2", "3-x"} {
		if set, err := ParseOccurrences(bad); err == nil {
			t.Errorf("%q was read as %v", bad, set)
		}
	}
	for want, kept := range map[string][]int{"0-": nil, "1-": {0}, "0-2,4,7-": {3, 5, 6}} {
		if got := AllBut(kept).String(); got != want {
			t.Errorf("all but %v: got %q, want %q", kept, got, want)
		}
	}
}
