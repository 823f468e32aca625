package bench

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestZipfIsExact compares what is drawn with the exact chances, by a chi-square test over ranks.
// The seed is fixed, so the outcome is too.
func TestZipfIsExact(t *testing.T) {
	const draws = 500_000
	for _, n := range []uint64{1, 2, 3, 10, 1000, 10_000} {
		z := newZipf(n)
		rng := rand.New(rand.NewPCG(1, n))
		drawn := make([]float64, n)
		for range draws {
			drawn[z.rank(rng)]++
		}
		if bad := chiSquare(drawn, exactZipf(n), draws); bad > 5 {
			t.Errorf("%d records: %.1f standard deviations from the exact distribution, want at most 5", n, bad)
		}
	}
}

// TestZipfTestCanFail shows that the test above tells Theta from its neighbours.
func TestZipfTestCanFail(t *testing.T) {
	const n, draws = 1000, 500_000
	z := newZipf(n)
	rng := rand.New(rand.NewPCG(1, n))
	drawn := make([]float64, n)
	for range draws {
		drawn[z.rank(rng)]++
	}
	want := make([]float64, n)
	sum := 0.0
	for k := range want {
		want[k] = math.Pow(float64(k+1), -(Theta + 0.01))
		sum += want[k]
	}
	for k := range want {
		want[k] /= sum
	}
	if bad := chiSquare(drawn, want, draws); bad < 5 {
		t.Errorf("exponents %v and %v look the same: %.1f standard deviations", Theta, Theta+0.01, bad)
	}
}

func exactZipf(n uint64) []float64 {
	chance := make([]float64, n)
	sum := 0.0
	for k := range chance {
		chance[k] = math.Pow(float64(k+1), -Theta)
		sum += chance[k]
	}
	for k := range chance {
		chance[k] /= sum
	}
	return chance
}

// chiSquare is how many standard deviations the statistic lies above its mean, over cells that
// are joined until each expects at least 20.
func chiSquare(drawn, chance []float64, draws float64) float64 {
	var stat, cells, observed, expected float64
	for k := range chance {
		observed += drawn[k]
		expected += chance[k] * draws
		if expected >= 20 || k == len(chance)-1 {
			stat += (observed - expected) * (observed - expected) / expected
			cells++
			observed, expected = 0, 0
		}
	}
	freedom := max(cells-1, 1)
	return (stat - freedom) / math.Sqrt(2*freedom)
}

func TestZipfStaysInRange(t *testing.T) {
	for _, n := range []uint64{1, 7, MaxRecords} {
		z := newZipf(n)
		rng := rand.New(rand.NewPCG(2, n))
		for range 100_000 {
			if r := z.rank(rng); r >= n {
				t.Fatalf("rank %d of %d", r, n)
			}
		}
	}
}

func TestScrambleIsAPermutation(t *testing.T) {
	for _, n := range []uint64{1, 2, 1000, 10_000, 99_991} {
		seen := make([]bool, n)
		for rank := range n {
			r := scramble(rank, n)
			if r >= n || seen[r] {
				t.Fatalf("%d records: rank %d gets record %d, which is out of range or taken", n, rank, r)
			}
			seen[r] = true
		}
	}
	// For all n up to MaxRecords it is one because the factor is a prime above them.
	for d := uint64(2); d*d <= scrambleFactor; d++ {
		if scrambleFactor%d == 0 {
			t.Fatalf("%d is no prime: %d divides it", scrambleFactor, d)
		}
	}
	if scrambleFactor <= MaxRecords || MaxRecords > math.MaxUint64/scrambleFactor {
		t.Error("the factor is too small, or rank times factor overflows")
	}
}

func TestUniformIsEven(t *testing.T) {
	const n, draws = 100, 200_000
	choose := newChooser(Uniform, n, newInserts(n))
	rng := rand.New(rand.NewPCG(1, 1))
	drawn, even := make([]float64, n), make([]float64, n)
	for range draws {
		drawn[choose(rng)]++
	}
	for k := range even {
		even[k] = 1.0 / n
	}
	if bad := chiSquare(drawn, even, draws); bad > 5 {
		t.Errorf("%.1f standard deviations from even", bad)
	}
}

func TestLatestFollowsTheInserts(t *testing.T) {
	const n = 1000
	in := newInserts(n)
	choose := newChooser(Latest, n, in)
	rng := rand.New(rand.NewPCG(1, 1))
	newest := func() (hits int) {
		there := in.there()
		for range 1000 {
			r := choose(rng)
			if r >= there || r < there-n {
				t.Fatalf("record %d of %d", r, there)
			}
			if r == there-1 {
				hits++
			}
		}
		return hits
	}
	if hits := newest(); hits < 90 || hits > 200 {
		t.Errorf("the newest record was chosen %d times of 1000, want about 130", hits)
	}
	for range 500 {
		in.inserted(in.take())
	}
	if in.there() != n+500 {
		t.Fatalf("%d records after 500 inserts, want %d", in.there(), n+500)
	}
	if hits := newest(); hits < 90 || hits > 200 {
		t.Errorf("after inserts the newest record was chosen %d times of 1000, want about 130", hits)
	}
}

func TestInsertsCountOnlyWithoutHoles(t *testing.T) {
	in := newInserts(10)
	a, b, c := in.take(), in.take(), in.take()
	in.inserted(c)
	in.inserted(b)
	if in.there() != 10 {
		t.Errorf("%d records while number %d is missing, want 10", in.there(), a)
	}
	in.inserted(a)
	if in.there() != 13 || len(in.done) != 0 {
		t.Errorf("%d records and %d remembered, want 13 and 0", in.there(), len(in.done))
	}
}

func TestKey(t *testing.T) {
	for record, want := range map[uint64]string{0: "user000000000000", 42: "user000000000042", 123456789012: "user123456789012"} {
		if got := Key(record); got != want {
			t.Errorf("Key(%d) = %q, want %q", record, got, want)
		}
	}
}

func TestValuesDiffer(t *testing.T) {
	seen := make(map[string]bool)
	for worker := range 3 {
		v := newValues(7, worker, 100, rand.New(rand.NewPCG(1, 1)))
		for range 100 {
			b := v.next()
			if len(b) != 100 || seen[string(b)] {
				t.Fatalf("value of %d bytes, seen before: %v", len(b), seen[string(b)])
			}
			seen[string(b)] = true
		}
	}
	if v := newValues(7, 0, 3, rand.New(rand.NewPCG(1, 1))); len(v.next()) != 3 {
		t.Error("a value of 3 bytes has another length")
	}
}

func TestMixes(t *testing.T) {
	for _, w := range Workloads() {
		const draws = 100_000
		rng := rand.New(rand.NewPCG(1, 1))
		var drawn [opTypes]float64
		for range draws {
			drawn[w.pick(rng)]++
		}
		sum := 0.0
		for op, share := range w.Share {
			sum += share
			if math.Abs(drawn[op]/draws-share) > 0.01 {
				t.Errorf("workload %s: %.3f of the operations are %v, want %.3f", w.Name, drawn[op]/draws, OpType(op), share)
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("workload %s: the shares sum to %v", w.Name, sum)
		}
	}
	if _, err := ParseWorkload("A"); err != nil {
		t.Error(err)
	}
	if _, err := ParseWorkload("e"); err == nil || err.Error() != `workload "e": want one of a, b, c, d, f, puts, gets` {
		t.Errorf("error for workload e: %v", err)
	}
}

func BenchmarkZipf(b *testing.B) {
	z := newZipf(10_000)
	rng := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		z.rank(rng)
	}
}
