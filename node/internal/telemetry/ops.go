package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// opsServer answers those who watch the node.
type opsServer struct {
	address string
	http    *http.Server
	done    chan struct{} // closed when it no longer serves
}

func serveOps(o Options, m *Metrics) (*opsServer, error) {
	address, err := net.ResolveTCPAddr("tcp", o.Ops)
	if err != nil {
		return nil, fmt.Errorf("ops address %q: %w", o.Ops, err)
	}
	if !address.IP.IsLoopback() && !o.Insecure {
		return nil, fmt.Errorf("ops address %q is reached from beyond loopback, where anyone could read it: want a loopback address, or insecure", o.Ops)
	}
	listener, err := net.ListenTCP("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("ops address %q: %w", o.Ops, err)
	}
	s := &opsServer{
		address: listener.Addr().String(),
		done:    make(chan struct{}),
		http: &http.Server{
			Handler: opsHandler(o.Ready, m),
			// Whoever connects and says nothing, or reads nothing, is let go.
			ReadTimeout:    10 * time.Second,
			WriteTimeout:   5 * time.Minute, // a profile takes as long as it is asked to
			IdleTimeout:    2 * time.Minute,
			MaxHeaderBytes: 16 << 10,
			ErrorLog:       slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
		},
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("the ops server has ended", "address", s.address, "error", err)
		}
	}()
	return s, nil
}

func opsHandler(ready func() error, m *Metrics) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	// A process that answers is alive. Whether it is of use is another question, and no reason to kill it.
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if ready != nil {
			if err := ready(); err != nil {
				say(w, http.StatusServiceUnavailable, err.Error())
				return
			}
		}
		say(w, http.StatusOK, "ok")
	})
	// All profiles but the command line, which may hold a key.
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	return mux
}

func say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n") // a reader that is gone needs no answer
}

func (s *opsServer) close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return err
}
