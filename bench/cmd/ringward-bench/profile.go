package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"github.com/ringward/ringward/bench/internal/cluster"
)

// profiles are where the CPU time of one run went: of the driver and of each node of its cluster, as files for go tool pprof.
type profiles struct {
	dir    string
	nodes  []*cluster.Node
	length time.Duration // of the measured phase
	driver *os.File      // that of this process, while it is written
	// results come one for each node, once its profile is written.
	results chan error
	ctx     context.Context // of the nodes' answers
	cancel  context.CancelFunc
	err     error
}

// begin starts all profiles: the measured phase begins now.
func (p *profiles) begin() {
	p.results = make(chan error, len(p.nodes))
	p.ctx, p.cancel = context.WithCancel(context.Background())
	for _, n := range p.nodes {
		go func() {
			err := p.node(n)
			if err != nil {
				err = fmt.Errorf("profile of %s: %w", n.Name, err)
			}
			p.results <- err
		}()
	}
	if p.driver, p.err = os.Create(filepath.Join(p.dir, "driver.pprof")); p.err == nil {
		p.err = pprof.StartCPUProfile(p.driver)
	}
}

// end waits for all that were begun, and not much longer than the phase has lasted: it may have been interrupted.
func (p *profiles) end() error {
	if p.results == nil {
		return nil // the measured phase was not reached
	}
	pprof.StopCPUProfile()
	defer p.cancel()
	defer time.AfterFunc(profileGrace, p.cancel).Stop()
	err := errors.Join(p.err, p.driver.Close())
	for range p.nodes {
		err = errors.Join(err, <-p.results)
	}
	return err
}

// node has a node take a profile of itself.
func (p *profiles) node(n *cluster.Node) error {
	// What is not whole seconds the nodes do not take.
	seconds := max(1, int(p.length.Seconds()))
	q, err := http.NewRequestWithContext(p.ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", n.Ops, seconds), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	f, err := os.Create(filepath.Join(p.dir, n.Name+".pprof"))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, response.Body)
	return errors.Join(err, f.Close())
}

// profileGrace is how long after the measured phase a node's profile may come.
const profileGrace = 5 * time.Second
