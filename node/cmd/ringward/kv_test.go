package main

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"

	"github.com/ringward/ringward/rpc/kvpb"
)

// fakeStore serves keys as a node that holds all of them.
type fakeStore struct {
	kvpb.UnimplementedKVServer
	endpoint string

	mu      sync.Mutex
	version uint64
	keys    map[string]*kvpb.Result
	stale   bool // what the last read asked for
	lost    bool // answers of writes are lost: their outcome is unknown
}

func startStore(t *testing.T) *fakeStore {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeStore{endpoint: l.Addr().String(), keys: map[string]*kvpb.Result{}}
	s := grpc.NewServer()
	kvpb.RegisterKVServer(s, f)
	go s.Serve(l)
	t.Cleanup(s.Stop)
	return f
}

func (f *fakeStore) Ring(context.Context, *kvpb.RingRequest) (*kvpb.RingResponse, error) {
	return &kvpb.RingResponse{Cluster: "c1", Slices: []*kvpb.Slice{{Shard: 1}},
		Configurations: []*kvpb.Configuration{{Shard: 1, Epoch: 1, Members: []uint64{1}}},
		Nodes:          []*kvpb.Node{{Id: 1, Name: "node-1", Address: f.endpoint}}}, nil
}

func (f *fakeStore) Operate(stream grpc.BidiStreamingServer[kvpb.OperateRequest, kvpb.OperateResponse]) error {
	for {
		request, err := stream.Recv()
		if err != nil {
			return nil
		}
		response := &kvpb.OperateResponse{}
		for _, op := range request.Operations {
			r := f.operate(op)
			r.Id = op.Id
			response.Results = append(response.Results, r)
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

func (f *fakeStore) operate(op *kvpb.Operation) *kvpb.Result {
	f.mu.Lock()
	defer f.mu.Unlock()
	has := f.keys[string(op.Key)]
	switch {
	case op.Kind == kvpb.Operation_KIND_OPEN_SESSION:
		f.version++
		return &kvpb.Result{Status: kvpb.Status_STATUS_OK, Version: f.version}
	case op.Kind != kvpb.Operation_KIND_GET && f.lost:
		return &kvpb.Result{Status: kvpb.Status_STATUS_OUTCOME_UNKNOWN}
	case op.IfVersion != nil && *op.IfVersion != has.GetVersion():
		return &kvpb.Result{Status: kvpb.Status_STATUS_VERSION_MISMATCH, Version: has.GetVersion()}
	case op.Kind == kvpb.Operation_KIND_PUT:
		f.version++
		f.keys[string(op.Key)] = &kvpb.Result{Status: kvpb.Status_STATUS_OK, Version: f.version, Value: op.Value}
		return &kvpb.Result{Status: kvpb.Status_STATUS_OK, Version: f.version}
	case has == nil:
		return &kvpb.Result{Status: kvpb.Status_STATUS_NOT_FOUND}
	case op.Kind == kvpb.Operation_KIND_DELETE:
		f.version++
		delete(f.keys, string(op.Key))
		return &kvpb.Result{Status: kvpb.Status_STATUS_OK, Version: f.version}
	}
	f.stale = op.Stale
	return &kvpb.Result{Status: kvpb.Status_STATUS_OK, Version: has.Version, Value: has.Value}
}

// Versions below count from 2: the first write opens the session.
func TestKeys(t *testing.T) {
	f := startStore(t)
	const binary = "\x00\xff\n"
	for _, step := range []struct {
		args, stdin string
		code        int
		stdout      string
		stderr      string
	}{
		{args: "get k", code: exitNotFound, stderr: "not found"},
		{args: "put k v", stdout: "version 2\n"},
		{args: "get k", stdout: "v"},
		{args: "get k -o json", stdout: `{"key":"k","value":"v","version":2}`},
		{args: "put k w --if-version 7", code: exitConditionFailed, stderr: "expected version 7, found version 2"},
		{args: "put k w --if-version 2 -o json", stdout: `{"key":"k","version":5}`},
		{args: "cas k 0 x", code: exitConditionFailed, stderr: "expected no value, found version 5"},
		{args: "cas k 5 -", stdin: binary, stdout: "version 8\n"},
		{args: "get k", stdout: binary},
		{args: "get k -o json", stdout: `{"key":"k","value_base64":"AP8K","version":8}`},
		{args: "put empty -", stdout: "version 10\n"},
		{args: "get empty -o json", stdout: `{"key":"empty","value":"","version":10}`},
		{args: "put -- dash -5", stdout: "version 12\n"},
		{args: "get dash", stdout: "-5"},
		{args: "delete k --if-version 5", code: exitConditionFailed, stderr: "found version 8"},
		{args: "delete k", stdout: "version 15\n"},
		{args: "delete k", code: exitNotFound, stderr: "not found"},
		{args: "cas k 0 again", stdout: "version 18\n"},
	} {
		got := ringward(t, step.stdin, append([]string{"--endpoints", f.endpoint}, strings.Fields(step.args)...)...)
		stdout := got.stdout
		if strings.Contains(step.args, "json") {
			stdout = strings.Join(strings.Fields(strings.ReplaceAll(stdout, `": `, `":`)), "")
		}
		if got.code != step.code || stdout != step.stdout || !strings.Contains(got.stderr, step.stderr) || (step.stderr == "") != (got.stderr == "") {
			t.Errorf("%s: got %+v, want exit %d, stdout %q, stderr %q", step.args, got, step.code, step.stdout, step.stderr)
		}
	}
}

func TestGetStale(t *testing.T) {
	f := startStore(t)
	f.keys["k"] = &kvpb.Result{Version: 1}
	for _, stale := range []string{"true", "false"} {
		if got := ringward(t, "", "get", "k", "--stale="+stale, "--endpoints", f.endpoint); got.code != exitOK {
			t.Errorf("got %+v", got)
		}
		if f.stale != (stale == "true") {
			t.Errorf("--stale=%s: the node was asked with stale %v", stale, f.stale)
		}
	}
}

func TestUnknownOutcome(t *testing.T) {
	f := startStore(t)
	f.lost = true
	got := ringward(t, "", "put", "k", "v", "--timeout", "1500ms", "--endpoints", f.endpoint)
	if got.code != exitOutcomeUnknown || got.stdout != "" || !strings.Contains(got.stderr, "outcome unknown") {
		t.Errorf("got %+v", got)
	}
}

func TestMismatchAsJSON(t *testing.T) {
	f := startStore(t)
	f.keys["k"] = &kvpb.Result{Version: 9}
	got := ringward(t, "", "cas", "k", "3", "v", "-o", "json", "--endpoints", f.endpoint)
	var failure struct{ Exit, Version int }
	if err := json.Unmarshal([]byte(got.stderr), &failure); err != nil || failure.Exit != exitConditionFailed || failure.Version != 9 {
		t.Errorf("got %+v: %v", got, err)
	}
}

func TestNobodyThere(t *testing.T) {
	_, _, lost := threeNodes(t)
	got := ringward(t, "", "get", "k", "--timeout", "300ms", "--endpoints", lost)
	if got.code != exitError || !strings.Contains(got.stderr, "unavailable") {
		t.Errorf("got %+v", got)
	}
}
