package node

import "time"

// pacer spreads what is moved in parts over time, so that they leave room for what clients want: the core bounds what is moved in
// a tick, but a tick is long enough for others to wait behind all of that. It is for one goroutine.
type pacer[K comparable] struct {
	rate float64         // bytes a second
	free map[K]time.Time // when the next part is due
}

func newPacer[K comparable](rate Size) *pacer[K] {
	return &pacer[K]{rate: float64(rate), free: map[K]time.Time{}}
}

// paceCredit is how much time may be made up for that passed with asking and answering.
const paceCredit = 10 * time.Millisecond

// wait is for how long a part has to wait before another may follow.
func (p *pacer[K]) wait(k K, bytes int, now time.Time) time.Duration {
	due := p.free[k]
	if earliest := now.Add(-paceCredit); due.Before(earliest) {
		due = earliest
	}
	p.free[k] = due.Add(time.Duration(float64(bytes) / p.rate * float64(time.Second)))
	return max(0, p.free[k].Sub(now))
}
