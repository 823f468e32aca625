package sim

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Occurrences is a set of numbers of faults, as ranges that rise and do not touch.
type Occurrences []Range

// Range is the numbers from First to Last; endless: all from First on.
type Range struct{ First, Last int }

const endless = math.MaxInt

// AllBut is the set of all numbers but the given ones, which must rise.
func AllBut(kept []int) Occurrences {
	var set Occurrences
	next := 0
	for _, n := range kept {
		if n > next {
			set = append(set, Range{next, n - 1})
		}
		next = n + 1
	}
	return append(set, Range{next, endless})
}

// Has reports whether n is in the set.
func (o Occurrences) Has(n int) bool {
	for _, r := range o {
		if n <= r.Last {
			return n >= r.First
		}
	}
	return false
}

// String writes the set as ParseOccurrences reads it: 3,5-8,12-
func (o Occurrences) String() string {
	words := make([]string, len(o))
	for i, r := range o {
		words[i] = strconv.Itoa(r.First)
		switch {
		case r.Last == endless:
			words[i] += "-"
		case r.Last > r.First:
			words[i] += "-" + strconv.Itoa(r.Last)
		}
	}
	return strings.Join(words, ",")
}

// ParseOccurrences reads numbers and ranges of them, rising; the last range may have no end.
func ParseOccurrences(s string) (Occurrences, error) {
	var set Occurrences
	for word := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(word, "-")
		r := Range{}
		var err error
		if r.First, err = strconv.Atoi(first); err != nil || r.First < 0 {
			return nil, fmt.Errorf("%q: want numbers of faults and ranges of them, as in 3,5-8,12-", word)
		}
		switch {
		case !isRange:
			r.Last = r.First
		case last == "":
			r.Last = endless
		default:
			if r.Last, err = strconv.Atoi(last); err != nil || r.Last < r.First {
				return nil, fmt.Errorf("%q: want a range that rises, as in 5-8", word)
			}
		}
		if n := len(set); n > 0 && r.First <= set[n-1].Last {
			return nil, fmt.Errorf("%q does not come after %q: want numbers that rise", word, set[n-1:])
		}
		set = append(set, r)
	}
	return set, nil
}
