package chart

import (
	"math"
	"strconv"
)

// Scale maps values to places along an axis.
type Scale struct {
	low, high float64
	log       bool
}

// Linear is a scale from low to a round number at or above high.
func Linear(low, high float64) Scale {
	if !(high > low) {
		high = low + 1
	}
	step := niceStep(high - low)
	return Scale{low: low, high: low + step*math.Ceil((high-low)/step-1e-9)}
}

// Span is a scale from low to high exactly.
func Span(low, high float64) Scale {
	if !(high > low) {
		high = low + 1
	}
	return Scale{low: low, high: high}
}

// Log is a logarithmic scale; both ends are above 0.
func Log(low, high float64) Scale {
	if !(low > 0) {
		low = math.SmallestNonzeroFloat32
	}
	if !(high > low) {
		high = low * 10
	}
	return Scale{low: low, high: high, log: true}
}

// at is where a value lies, 0 to 1; values beyond the ends lie at the ends.
func (s Scale) at(v float64) float64 {
	v = min(max(v, s.low), s.high)
	if s.log {
		return math.Log(v/s.low) / math.Log(s.high/s.low)
	}
	return (v - s.low) / (s.high - s.low)
}

// maxTicks is how many ticks an axis has at most, about.
const maxTicks = 6

// niceStep divides a span into a few steps of 1, 2 or 5 times a power of ten.
func niceStep(span float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(span/maxTicks)))
	for _, m := range []float64{1, 2, 5} {
		if span/(m*power) <= maxTicks {
			return m * power
		}
	}
	return 10 * power
}

// ticks are the values that an axis names.
func (s Scale) ticks() (all []float64) {
	if !s.log {
		step := niceStep(s.high - s.low)
		for i := math.Ceil(s.low/step - 1e-9); i*step <= s.high+step/1000; i++ {
			all = append(all, i*step+0) // which is 0 where it was -0
		}
		return all
	}
	multiples := []float64{1, 2, 5}
	if math.Log10(s.high/s.low) > 3 {
		multiples = multiples[:1]
	}
	for power := math.Pow(10, math.Floor(math.Log10(s.low))); power <= s.high; power *= 10 {
		for _, m := range multiples {
			if v := m * power; v >= s.low*0.999 && v <= s.high*1.001 {
				all = append(all, v)
			}
		}
	}
	return all
}

// Number writes a value in as few digits as tell it from its neighbours.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 10_000:
		return strconv.FormatFloat(v/1000, 'f', -1, 64) + "k"
	case a == 0 || a >= 1e-4:
		return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
