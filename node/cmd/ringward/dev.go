package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/node"
	"github.com/ringward/ringward/rpc/adminpb"
)

// maxDevNodes bounds a cluster in one process; more want processes of their own.
const maxDevNodes = 16

func (c *command) devVerb() *cobra.Command {
	var nodes, shards, replicas, port int
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a whole small cluster in this process, to try things out",
		Long: `Runs nodes with real disks and a real network between them, on loopback and in a temporary directory, until Ctrl-C. The
directory is removed at the end, and the data with it.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, o := range []struct {
				name             string
				value, low, high int
			}{{"nodes", nodes, 1, maxDevNodes}, {"shards", shards, 1, 1024}, {"replicas", replicas, 1, nodes}, {"port", port, 0, 65535 - maxDevNodes}} {
				if o.value < o.low || o.value > o.high {
					return usagef("--%s %d: want %d to %d", o.name, o.value, o.low, o.high)
				}
			}
			return c.dev(cmd.Context(), nodes, shards, replicas, port)
		},
	}
	cmd.Flags().IntVar(&nodes, "nodes", 3, "nodes")
	cmd.Flags().IntVar(&shards, "shards", 3, "shards of the ring")
	cmd.Flags().IntVar(&replicas, "replicas", 2, "copies of each shard")
	cmd.Flags().IntVar(&port, "port", 0, "node K listens on this port plus K; 0: on any free port")
	return cmd
}

func (c *command) dev(ctx context.Context, nodes, shards, replicas, port int) (err error) {
	timeout, err := c.patience(initTime)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ringward-dev-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cluster, err := startDev(ctx, dir, nodes, port)
	defer func() { err = errors.Join(err, cluster.stop(ctx)) }()
	if err != nil {
		return err
	}
	v, err := c.init(ctx, cluster.endpoints, shards, replicas, timeout)
	if err != nil {
		return err
	}
	endpoints := strings.Join(cluster.endpoints, ",")
	ready := struct {
		Endpoints []string `json:"endpoints"`
		Dir       string   `json:"dir"`
	}{cluster.endpoints, dir}
	err = c.print(ready, func(w io.Writer) {
		v.writeRing(w)
		fmt.Fprintf(w, "\nIn another terminal:\n  export %s=%s\n  ringward put greeting hello\n  ringward get greeting\n  ringward status\n\nCtrl-C ends the cluster and removes its data.\n",
			envEndpoints, endpoints)
	})
	if err != nil {
		return err
	}
	cluster.wait(ctx)
	return nil // stop says why a node failed
}

// devCluster is nodes in this process.
type devCluster struct {
	nodes     []*node.Node
	endpoints []string
}

// startDev starts the nodes. Also when it fails, what it returns is to be stopped.
func startDev(ctx context.Context, dir string, nodes, port int) (*devCluster, error) {
	d := &devCluster{}
	var join []string
	for k := 1; k <= nodes; k++ {
		cfg := node.Defaults()
		cfg.Name = fmt.Sprintf("node-%d", k)
		cfg.Dir = filepath.Join(dir, cfg.Name)
		cfg.Listen, cfg.Gossip, cfg.Ops = "127.0.0.1:0", "127.0.0.1:0", ""
		if port > 0 {
			cfg.Listen = net.JoinHostPort("127.0.0.1", strconv.Itoa(port+k))
		}
		cfg.Join = join
		// Many small nodes share one machine and one terminal.
		cfg.LogSegment, cfg.LogRetention, cfg.LogKeep, cfg.Memtable, cfg.Cache = 8<<20, 64<<20, 64<<20, 8<<20, 16<<20
		cfg.LogLevel = "warn"
		n, err := node.Start(ctx, cfg)
		if err != nil {
			return d, fmt.Errorf("%s: %w", cfg.Name, err)
		}
		d.nodes = append(d.nodes, n)
		d.endpoints = append(d.endpoints, n.Addr().String())
		if k > 1 {
			continue
		}
		// The first node's gossip address is any free one: it tells which.
		id, err := call(ctx, n.Addr().String(), func(ctx context.Context, admin adminpb.AdminClient) (*adminpb.IdentityResponse, error) {
			return admin.Identity(ctx, &adminpb.IdentityRequest{})
		})
		if err != nil {
			return d, fmt.Errorf("%s: %w", cfg.Name, err)
		}
		join = []string{id.GossipAddress}
	}
	return d, nil
}

// wait returns when ctx ends or a node fails.
func (d *devCluster) wait(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, n := range d.nodes {
		go func() {
			select {
			case <-n.Done():
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	<-ctx.Done()
}

// stop ends all nodes at the same time.
func (d *devCluster) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	errs := make([]error, len(d.nodes))
	var all sync.WaitGroup
	for i, n := range d.nodes {
		all.Go(func() { errs[i] = n.Stop(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}
