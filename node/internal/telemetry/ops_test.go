package telemetry

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

func TestOps(t *testing.T) {
	var problem atomic.Pointer[error]
	notYet := errors.New("2 of 3 shards are not ACTIVE")
	problem.Store(&notYet)
	tel, _ := start(t, Options{Ready: func() error {
		if p := problem.Load(); p != nil {
			return *p
		}
		return nil
	}})
	want := func(path string, code int, text string) {
		t.Helper()
		if c, got := get(t, tel, path); c != code || !strings.Contains(got, text) {
			t.Errorf("%s: %d %q, want %d %q", path, c, got, code, text)
		}
	}
	want("/livez", http.StatusOK, "ok\n")
	want("/readyz", http.StatusServiceUnavailable, notYet.Error()+"\n")
	problem.Store(nil)
	want("/readyz", http.StatusOK, "ok\n")
	want("/metrics", http.StatusOK, "go_goroutines")
	want("/debug/pprof/", http.StatusOK, "goroutine")
	want("/debug/pprof/goroutine?debug=1", http.StatusOK, "goroutine profile")
	want("/debug/pprof/cmdline", http.StatusNotFound, "")
	want("/elsewhere", http.StatusNotFound, "")
	if r, err := http.Post("http://"+tel.OpsAddress()+"/livez", "", nil); err != nil || r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v, %v", r, err)
	}
}

func TestTwoInOneProcess(t *testing.T) {
	a, _ := start(t, Options{Name: "a"})
	b, _ := start(t, Options{Name: "b"})
	a.Metrics().Heartbeat()
	wantMetrics(t, a, `ringward_heartbeats_total{direction="received"} 1`)
	wantMetrics(t, b, `!ringward_heartbeats_total`)
}

func TestOpsRefuses(t *testing.T) {
	holder, _ := start(t, Options{})
	log, err := OpenLog(&sink{}, "info", "text")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close(within(t))
	for address, want := range map[string]string{
		"0.0.0.0:0":         "reached from beyond loopback",
		":0":                "reached from beyond loopback",
		"127.0.0.1":         `ops address "127.0.0.1"`,
		holder.OpsAddress(): "address already in use",
	} {
		if _, err := Open(within(t), Options{Log: log, Ops: address}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
	tel, err := Open(within(t), Options{Log: log, Ops: "0.0.0.0:0", Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := tel.Close(within(t)); err != nil {
		t.Error(err)
	}
}

func TestWithoutOps(t *testing.T) {
	log, err := OpenLog(&sink{}, "info", "text")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close(within(t))
	tel, err := Open(within(t), Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if tel.OpsAddress() != "" {
		t.Errorf("the ops address is %q", tel.OpsAddress())
	}
	if err := tel.Close(within(t)); err != nil {
		t.Error(err)
	}
}
