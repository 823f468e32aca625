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
	err     error
}

// begin starts all profiles: the measured phase begins now.
func (p *profiles) begin() {
	p.results = make(chan error, len(p.nodes))
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

// end waits for all that were begun.
func (p *profiles) end() error {
	if p.results == nil {
		return nil // the measured phase was not reached
	}
	pprof.StopCPUProfile()
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second+profileGrace)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", n.Ops, seconds), nil)
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

// profileGrace is how much longer than its profile a node's answer may take.
const profileGrace = 10 * time.Second
