package bench

import (
	"math"
	"math/rand/v2"
)

// Theta is the exponent of the Zipfian distribution, the one of YCSB: the chance of
// the k-th most popular record is proportional to 1/k^Theta. Among 10000 records the most popular
// one gets about 10% of the operations, among a million 6.5%.
const Theta = 0.99

// zipf draws ranks from 0 to n-1 with chances proportional to 1/(rank+1)^Theta, exactly, in constant
// time and memory, whatever n: by rejection-inversion (Hörmann and Derflinger, "Rejection-
// inversion to generate variates from monotone discrete distributions", ACM TOMACS
// 6(3), 1996). The method that YCSB uses (Gray et al., SIGMOD 1994) is exact for the first two
// ranks only, and sums over all n to begin with.
//
// The idea: a point drawn evenly from the area below the curve x^-Theta lies over some x; the nearest
// rank k is right, unless the point is in the sliver by which the area around k
// exceeds 1/k^Theta. Then another is drawn. With this Theta that happens to less than one
// point in a hundred.
type zipf struct {
	n      float64
	lowest float64 // area at the left edge: that of rank 1 begins exactly 1 before 1.5
	span   float64 // area from there to n+0.5
	near   float64 // a point at most this far left of its k is right, without looking
}

func newZipf(n uint64) zipf {
	z := zipf{n: float64(n)}
	z.lowest = area(1.5) - 1
	z.span = area(z.n+0.5) - z.lowest
	z.near = 2 - areaInverse(area(2.5)-height(2))
	return z
}

// rank draws one rank.
func (z *zipf) rank(rng *rand.Rand) uint64 {
	for {
		u := z.lowest + rng.Float64()*z.span
		x := areaInverse(u)
		k := min(max(math.Round(x), 1), z.n)
		if k-x <= z.near || u >= area(k+0.5)-height(k) {
			return uint64(k) - 1
		}
	}
}

// height is the curve, area its integral, areaInverse the inverse of that.
func height(x float64) float64      { return math.Pow(x, -Theta) }
func area(x float64) float64        { return math.Pow(x, 1-Theta) / (1 - Theta) }
func areaInverse(u float64) float64 { return math.Pow(u*(1-Theta), 1/(1-Theta)) }
