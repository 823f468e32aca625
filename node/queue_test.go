package node

import (
	"slices"
	"sync"
	"testing"
)

// What was taken stays as it is while more comes in, also after a take that found nothing: then the two
// buffers were once the same, and records were logged that nobody had written.
func TestQueueKeepsWhatWasTaken(t *testing.T) {
	q := newQueue[int]()
	for _, step := range []struct{ put, want []int }{
		{[]int{1, 2}, []int{1, 2}}, {nil, nil}, {[]int{3}, []int{3}}, {nil, nil}, {nil, nil}, {[]int{4, 5, 6}, []int{4, 5, 6}},
	} {
		q.put(step.put)
		got := q.take()
		q.put([]int{-1, -1, -1})
		if !slices.Equal(got, step.want) {
			t.Fatalf("took %v, want %v", got, step.want)
		}
		q.take()
	}
}

func TestQueueKeepsOrder(t *testing.T) {
	q := newQueue[[2]int]()
	const writers, each = 4, 1000
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				q.put([][2]int{{w, i}})
			}
		})
	}
	var next [writers]int
	for n := 0; n < writers*each; {
		<-q.wake
		for _, item := range q.take() {
			if item[1] != next[item[0]] {
				t.Fatalf("writer %d: took %d, want %d", item[0], item[1], next[item[0]])
			}
			next[item[0]]++
			n++
		}
	}
	all.Wait()
}
