package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strconv"
	"time"

	"github.com/ringward/ringward/rpc/client"
)

// What a program does with a cluster, from the beginning to the end.
func Example() {
	endpoints, stop := client.StartForExample() // yours are given to your program
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.Open(ctx, endpoints)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	if _, err := c.Put(ctx, "greeting", []byte("hello")); err != nil {
		log.Fatal(err)
	}
	value, err := c.Get(ctx, "greeting")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", value.Data)

	if _, err := c.Delete(ctx, "greeting"); err != nil {
		log.Fatal(err)
	}
	if _, err = c.Get(ctx, "greeting"); errors.Is(err, client.ErrNotFound) {
		fmt.Println("gone")
	}
	// Output:
	// hello
	// gone
}

// A counter that many programs may increase at once: read, compute, and write on the condition
// that nobody has written since.
func ExampleClient_CompareAndSwap() {
	endpoints, stop := client.StartForExample()
	defer stop()
	ctx := context.Background()
	c, err := client.Open(ctx, endpoints)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	increase := func() (int, error) {
		for {
			value, err := c.Get(ctx, "counter")
			if err != nil && !errors.Is(err, client.ErrNotFound) {
				return 0, err
			}
			n, _ := strconv.Atoi(string(value.Data)) // nothing counts as 0
			n++
			// Of a key that does not exist the version is 0, and so is the zero Value's.
			_, err = c.CompareAndSwap(ctx, "counter", value.Version, []byte(strconv.Itoa(n)))
			if !errors.Is(err, client.ErrVersionMismatch) {
				return n, err
			}
		}
	}
	for range 3 {
		n, err := increase()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(n)
	}
	// Output:
	// 1
	// 2
	// 3
}

// Of all that try, one creates the key; the others learn which version is there.
func ExampleClient_PutIfAbsent() {
	endpoints, stop := client.StartForExample()
	defer stop()
	ctx := context.Background()
	c, err := client.Open(ctx, endpoints)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	for _, worker := range []string{"ann", "bob"} {
		version, err := c.PutIfAbsent(ctx, "task/7/owner", []byte(worker))
		var taken *client.VersionMismatchError
		switch {
		case err == nil:
			fmt.Printf("%s owns the task, by version %d\n", worker, version)
		case errors.As(err, &taken):
			fmt.Printf("%s comes too late for version %d\n", worker, taken.Current)
		default:
			log.Fatal(err)
		}
	}
	// Output:
	// ann owns the task, by version 2
	// bob comes too late for version 2
}

// A read that any member answers from what it has, cut off or not.
func ExampleStale() {
	endpoints, stop := client.StartForExample()
	defer stop()
	ctx := context.Background()
	c, err := client.Open(ctx, endpoints)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	if _, err := c.Put(ctx, "motd", []byte("mind the gap")); err != nil {
		log.Fatal(err)
	}
	value, err := c.Get(ctx, "motd", client.Stale())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", value.Data)
	// Output: mind the gap
}

// A write whose answer is lost for good. It was made conditional, so a read finds out what
// became of it.
func Example_outcomeUnknown() {
	endpoints, stop := client.StartLosingAnAnswer()
	defer stop()
	ctx := context.Background()
	c, err := client.Open(ctx, endpoints)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	old, err := c.Put(ctx, "balance", []byte("alice: 100"))
	if err != nil {
		log.Fatal(err)
	}
	mine := "bob: 120"
	impatient, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err = c.CompareAndSwap(impatient, "balance", old, []byte(mine))
	if errors.Is(err, client.ErrOutcomeUnknown) {
		fmt.Println("unknown, in time:", !errors.Is(err, context.DeadlineExceeded))
		now, err := c.Get(ctx, "balance")
		switch {
		case err != nil:
			log.Fatal(err)
		case now.Version == old:
			fmt.Println("not applied so far; the same CompareAndSwap may be called again")
		case string(now.Data) == mine:
			fmt.Println("applied")
		default:
			fmt.Println("somebody wrote after it, or instead of it")
		}
	}
	// Output:
	// unknown, in time: false
	// applied
}

// The ring, as an operator looks at it.
func ExampleClient_Ring() {
	endpoints, stop := client.StartForExample()
	defer stop()
	ctx := context.Background()
	c, err := client.Open(ctx, endpoints)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	ring, err := c.Ring(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range ring.Shards {
		fmt.Printf("shard %d, epoch %d:", s.ID, s.Epoch)
		for _, id := range s.Members {
			node, _ := ring.Node(id)
			fmt.Printf(" %s", node.Name)
		}
		fmt.Println()
	}
	fmt.Println("the key \"greeting\" is of shard", ring.Owner("greeting").ID)
	// Output:
	// shard 1, epoch 1: node-0 node-1
	// the key "greeting" is of shard 1
}
