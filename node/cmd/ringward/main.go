// Command ringward is a node of a Ringward cluster, and every verb to use one.
//
//	ringward node     runs a node
//	ringward init     makes a cluster of started nodes, once
//	ringward dev      runs a whole small cluster in one process, to try things out
//	ringward put      sets a key; likewise get, delete and cas
//	ringward status   tells how every shard and every node fares
//	ringward ring     tells which shard owns which keys, who holds it and who sequences it
//	ringward history  tells how a shard's configurations came about
//	ringward drain    moves everything off a node
//	ringward member   lists the nodes of the cluster, or removes one
//	ringward recover  decides where the ring cannot, since every shard has lost a member for good
//	ringward sim      lives through simulated clusters with everything that can go wrong
//	ringward version  names this build
//
// Verbs that use a cluster find it by --endpoints or RINGWARD_ENDPOINTS: addresses of any of its
// nodes, separated by commas. One is enough to begin with, since nodes know each other.
//
// What a verb answers goes to standard output, as text for people or with -o
// json for programs; all else goes to standard error. The exit code says how it ended:
//
//	0  done
//	1  it failed; nothing was changed, unless the message says so
//	2  the command or the configuration makes no sense
//	3  the key, or the shard, does not exist
//	4  the condition of the write did not hold
//	5  whether the write was or will be applied is unknown
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		// The first signal asks for an orderly end. From then on a signal has its usual effect: the
		// second ends the process at once, which a node survives like any crash.
		s := <-signals
		signal.Reset()
		cancel(signalled{s})
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// signalled is why the program is to end.
type signalled struct{ os.Signal }

func (s signalled) Error() string { return fmt.Sprintf("signal: %v", s.Signal) }
