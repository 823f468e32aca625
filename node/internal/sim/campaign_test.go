package sim

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestCampaign counts the same, however many workers there are.
func TestCampaign(t *testing.T) {
	var pages [2]string
	for i, workers := range []int{1, 3} {
		f, err := Campaign{First: 5, Seeds: 12, Workers: workers, Twice: 4}.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if f.Seeds != 12 || f.Twice != 3 || f.Steps == 0 || f.Elapsed == 0 {
			t.Errorf("got %d seeds, %d of them twice, %d steps in %v", f.Seeds, f.Twice, f.Steps, f.Elapsed)
		}
		f.Elapsed = 0
		var page strings.Builder
		f.Write(&page)
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		pages[i] = page.String() + string(b)
	}
	if pages[0] != pages[1] {
		t.Errorf("with one worker:\n%s\nwith three:\n%s", pages[0], pages[1])
	}
	for _, want := range []string{"slowest calm", "reconfigurations", "crash", `"simulated_hours":`} {
		if !strings.Contains(pages[0], want) {
			t.Errorf("the figures do not tell %q:\n%s", want, pages[0])
		}
	}
}

func TestCampaignEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var looks atomic.Int64
	f, err := Campaign{First: 1, Workers: 2, Every: time.Millisecond, Progress: func(f Figures) {
		if looks.Add(1); f.Seeds >= 2 {
			cancel()
		}
	}}.Run(ctx)
	if err != nil || f.Seeds < 2 || looks.Load() == 0 {
		t.Errorf("cancelled: got %d seeds, %d looks, %v", f.Seeds, looks.Load(), err)
	}
	if f, err = (Campaign{First: 1, Workers: 2, Duration: time.Millisecond}).Run(t.Context()); err != nil || f.Seeds == 0 {
		t.Errorf("after a millisecond: got %d seeds, %v", f.Seeds, err)
	}
}

// TestAgainSeesAnotherTrace compares a run with one that never was.
func TestAgainSeesAnotherTrace(t *testing.T) {
	r, err := Run(Options{Seed: 9})
	if err != nil {
		t.Fatal(err)
	}
	if err := again(Options{Seed: 9}, r); err != nil {
		t.Error(err)
	}
	r.Hash++
	if err := again(Options{Seed: 9}, r); err == nil || !strings.Contains(err.Error(), "seed 9 gave two different traces") {
		t.Errorf("got %v", err)
	}
}
