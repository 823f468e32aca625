package client

import (
	crand "crypto/rand"
	"math/rand/v2"
	"sync"
	"time"
)

// jitter draws random delays. Clients that start together draw different ones.
type jitter struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newJitter() *jitter {
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails
	return &jitter{rng: rand.New(rand.NewChaCha8(seed))}
}

// upTo is a random duration from 0 to just below d, which is above 0.
func (j *jitter) upTo(d time.Duration) time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	return time.Duration(j.rng.Int64N(int64(d)))
}
