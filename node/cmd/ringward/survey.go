package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/shard"
)

// maxAdminMessage bounds an answer of the operator's service: a genesis of the largest ring fits.
const maxAdminMessage = 64 << 20

// answer is what one endpoint said of its node, or why it said nothing.
type answer struct {
	endpoint string
	status   *adminpb.StatusResponse
	err      error
}

func (a answer) id() uint64 { return a.status.GetIdentity().GetNode() }

// call asks one endpoint something.
func call[T any](ctx context.Context, endpoint string, ask func(context.Context, adminpb.AdminClient) (T, error)) (T, error) {
	conn, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAdminMessage), grpc.MaxCallSendMsgSize(maxAdminMessage)))
	if err != nil {
		return *new(T), err
	}
	defer conn.Close()
	return ask(ctx, adminpb.NewAdminClient(conn))
}

// survey asks the endpoints, and all nodes that these know of, at the same time. It wants the last decisions about a shard as
// well; 0: of none. The answers come in the
// order of the endpoints, then of addresses; each node is there once. A node that
// does not answer within timeout holds up no other.
func survey(ctx context.Context, endpoints []string, timeout time.Duration, historyOf shard.ID) []answer {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answers := make(chan answer)
	asked := map[string]bool{}
	ask := func(endpoint string) {
		if endpoint == "" || asked[endpoint] {
			return
		}
		asked[endpoint] = true
		go func() {
			s, err := call(ctx, endpoint, func(ctx context.Context, admin adminpb.AdminClient) (*adminpb.StatusResponse, error) {
				return admin.Status(ctx, &adminpb.StatusRequest{HistoryOf: uint32(historyOf)})
			})
			answers <- answer{endpoint, s, err}
		}()
	}
	for _, e := range endpoints {
		ask(e)
	}
	var all []answer
	for len(all) < len(asked) {
		a := <-answers
		all = append(all, a)
		for _, p := range a.status.GetPeers() {
			ask(p.Address)
		}
	}
	place := func(a answer) int {
		if i := slices.Index(endpoints, a.endpoint); i >= 0 {
			return i
		}
		return len(endpoints)
	}
	slices.SortFunc(all, func(a, b answer) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		return strings.Compare(a.endpoint, b.endpoint)
	})
	// One node may go by several addresses.
	seen := map[uint64]bool{}
	return slices.DeleteFunc(all, func(a answer) bool {
		again := a.err == nil && seen[a.id()]
		seen[a.id()] = true
		return again
	})
}

// reason tells a person why a node did not answer, without what gRPC wraps around it.
func reason(err error, timeout time.Duration) string {
	s := status.Convert(err)
	switch s.Code() {
	case codes.DeadlineExceeded:
		return fmt.Sprintf("no answer within %v", timeout)
	case codes.Canceled:
		return "interrupted"
	case codes.Unimplemented:
		return "not a ringward node"
	case codes.Unavailable:
		// It ends with the system's own words: "... dial tcp 127.0.0.1:7001: connect: connection refused".
		words := strings.Split(strings.Trim(s.Message(), `"`), ": ")
		return strings.Trim(words[len(words)-1], `"`)
	}
	return s.Message()
}

// nobody is the error when no endpoint answers.
func nobody(answers []answer, timeout time.Duration) error {
	errs := []error{errors.New("no node answers")}
	for _, a := range answers {
		errs = append(errs, fmt.Errorf("  %s: %s", a.endpoint, reason(a.err, timeout)))
	}
	return errors.Join(errs...)
}
