package sim

import (
	"fmt"
	"time"
)

// Pauses are told in the length of a real node's tick, see Tick. The protocol knows no length of it.
const (
	millisecond = tick / moment(Tick/time.Millisecond)
	minute      = moment(time.Minute/Tick) * tick
	// momentMicros is how many microseconds a moment stands for.
	momentMicros = uint64(Tick/time.Microsecond) / uint64(tick)
)

// pause stops a node: it takes nothing in, sends nothing, and its timers fire late. Its disk goes on.
func (f *faults) pause() {
	n := f.someNode()
	lasts := between{millisecond, oneOf(f.random, tick/2, 3*tick, 10*tick, 10*tick, 60*tick, 2*minute)}.pick(f.random)
	if f.happens(Pause, n.up) {
		f.pauseNode(n, lasts)
	}
}

func (f *faults) pauseNode(n *node, lasts moment) {
	n.pause(lasts)
	f.w.trace.note(n, 0, fmt.Sprintf("pauses until %v", n.pausedTo))
}

// slowNode makes whatever a node does take longer.
func (f *faults) slowNode() {
	n, lasts := f.someNode(), 3*f.while()
	if f.happens(SlowNode, n.up) {
		f.slowDown(n, lasts)
	}
}

func (f *faults) slowDown(n *node, lasts moment) {
	n.slowTo, n.slowBy = f.w.now+lasts, between{0, oneOf(f.random, tick/10, tick, 3*tick)}
	f.w.trace.note(n, 0, fmt.Sprintf("is slower by up to %v until %v", n.slowBy.most, n.slowTo))
}

// setClocks gives each node a clock that goes at a rate of its own.
func (f *faults) setClocks() {
	if f.w.plan.faults[ClockRate] == 0 {
		return
	}
	for _, n := range f.w.nodes {
		r := f.apart()
		length := between{tick / 4, 3 * tick}.pick(r)
		if f.happens(ClockRate, true) {
			n.tickLength = length
			f.w.trace.note(n, 0, fmt.Sprintf("has a clock whose ticks take %v", length))
		}
	}
}

// clockJump makes many ticks of one, or lets none come for a while in which all else goes on.
func (f *faults) clockJump() {
	n := f.someNode()
	burst, stands := 1+f.random.IntN(oneOf(f.random, 5, 50)), f.while()
	if !f.happens(ClockJump, n.up) {
		return
	}
	if chance(f.random, 0.5) {
		f.w.trace.note(n, 0, fmt.Sprintf("has a clock that stands still for %v", stands))
		n.stands = f.w.now + stands
		return
	}
	f.w.trace.note(n, 0, fmt.Sprintf("has a clock that jumps by %d ticks", burst))
	for range burst {
		n.take(func() { n.tickHost(false) })
	}
}
