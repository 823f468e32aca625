package node

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ringward/ringward/shard"
)

// Config is everything a node can be told. The tags are the one place where a setting has
// its name and its description: the key `suspect-after` of the file, the variable
// RINGWARD_SUSPECT_AFTER, the flag --suspect-after, the help and the README all come from there.
type Config struct {
	Name string `key:"name" doc:"name of the node for people, in tables and logs; letters, digits, '.', '_' and '-'"`
	Zone string `key:"zone" doc:"failure domain of the node, as a rack or a site: copies of a shard are kept in different ones where possible; letters, digits, '.', '_' and '-'; empty: unknown"`
	Dir  string `key:"dir" doc:"data directory, made if it does not exist; the node's identity lives in it"`

	Listen    string `key:"listen" doc:"address for clients and other nodes (gRPC)"`
	Advertise string `key:"advertise" doc:"address at which others reach listen; empty: the one it listens on"`
	Ops       string `key:"ops" doc:"address for /metrics, /livez and /readyz (HTTP); empty: none"`
	Insecure  bool   `key:"insecure" doc:"allow addresses beyond loopback without TLS and without a gossip key"`

	Gossip          string   `key:"gossip" doc:"address for spreading addresses and hints (TCP and UDP)"`
	GossipAdvertise string   `key:"gossip-advertise" doc:"address at which others reach gossip; empty: the one it listens on"`
	GossipKey       string   `key:"gossip-key" secret:"true" doc:"secret that all nodes of the cluster share: 16, 24 or 32 bytes in base64; rather in the file or the environment than in a flag"`
	Join            []string `key:"join" doc:"gossip addresses of other nodes, separated by commas; any of them may be down"`

	HTTPProxy string `key:"http-proxy" doc:"address of an HTTP proxy through which other nodes are reached (CONNECT); empty: directly. The UDP of gossip goes past it"`

	SuspectAfter  time.Duration `key:"suspect-after" doc:"silence after which a node is suspected; touches speed, never safety"`
	RegrowAfter   time.Duration `key:"regrow-after" doc:"time for which a shard waits for a member that it lost before another node takes its place; 0: nobody does, nor does the member come back"`
	MinReplicas   int           `key:"min-replicas" doc:"members a shard must have for this node, as its head, to take writes; fewer are refused, and reads served; no shard is made smaller by plan"`
	DiskTimeout   time.Duration `key:"disk-timeout" doc:"time that one operation of the disk, as an fsync, may take: then the disk hangs, and the node stops"`
	SessionExpiry time.Duration `key:"session-expiry" doc:"idle time after which a client's session ends"`

	MaxKey           Size `key:"max-key" doc:"longest key"`
	MaxValue         Size `key:"max-value" doc:"longest value"`
	MaxMessage       Size `key:"max-message" doc:"longest message on a stream; also bounds a batch"`
	MaxInFlightBytes Size `key:"max-in-flight-bytes" doc:"bytes of writes per shard that are accepted and not yet answered; more are refused"`
	MaxInFlightOps   int  `key:"max-in-flight-ops" doc:"operations of clients on this node that are not yet answered; more wait"`
	MaxQueuedReads   int  `key:"max-queued-reads" doc:"reads per shard that wait for their fence; more are refused"`

	TransferRate Size `key:"transfer-rate" doc:"bytes per second of each shard that this node takes in as a snapshot, or reads from its log for one that learns; one part of up to 256KiB passes in any case"`
	LogSegment   Size `key:"log-segment" doc:"size of one file of the history log; one more is prepared ahead"`
	LogRetention Size `key:"log-retention" doc:"length of the history log, beyond log-keep, from which on contents are flushed, so that its oldest segments can go"`
	LogKeep      Size `key:"log-keep" doc:"length of the history log that stays for nodes that were away: who lacks no more needs no snapshot; while one learns it may become four times as long as otherwise"`
	Memtable     Size `key:"memtable" doc:"memory for contents that are not yet flushed"`
	Cache        Size `key:"cache" doc:"memory for contents read from disk"`

	OTLP       string  `key:"otlp" doc:"URL that traces go to, as http://host:4317 or https://host:4317 (OTLP over gRPC); empty: no traces"`
	TraceRatio float64 `key:"trace-ratio" doc:"part of the traces begun here that is recorded, 0 to 1; a caller's decision is followed"`
	LogLevel   string  `key:"log-level" doc:"least severe log lines to write: debug, info, warn or error"`
	LogFormat  string  `key:"log-format" doc:"form of log lines: text or json"`
}

// Defaults is the configuration of a node that is told nothing: it serves its own machine.
func Defaults() Config {
	return Config{
		Dir:              "ringward-data",
		Listen:           "127.0.0.1:7001",
		Ops:              "127.0.0.1:7201",
		Gossip:           "127.0.0.1:7101",
		SuspectAfter:     time.Second,
		RegrowAfter:      10 * time.Second,
		MinReplicas:      1,
		DiskTimeout:      20 * time.Second,
		SessionExpiry:    time.Hour,
		MaxKey:           4 << 10,
		MaxValue:         1 << 20,
		MaxMessage:       8 << 20,
		MaxInFlightBytes: 64 << 20,
		MaxInFlightOps:   16384,
		MaxQueuedReads:   16384,
		TransferRate:     16 << 20,
		LogSegment:       64 << 20,
		LogRetention:     256 << 20,
		LogKeep:          256 << 20,
		Memtable:         32 << 20,
		Cache:            64 << 20,
		TraceRatio:       0.01,
		LogLevel:         "info",
		LogFormat:        "text",
	}
}

// Bounds of settings that have no natural ones.
const (
	maxName      = 64
	maxZone      = 32
	minSuspect   = time.Millisecond
	minDisk      = 100 * time.Millisecond // a disk that is well may take longer than less
	maxDuration  = 24 * 365 * time.Hour
	maxKeyLimit  = 64 << 10
	maxMessage   = 1 << 30 // gRPC counts in 32 bits
	maxCount     = 1 << 24
	maxSize      = 1 << 40
	maxMemtable  = 2 << 30 // Pebble's is below 4 GiB
	messageFrame = 64 << 10
)

// Secret is the gossip key in bytes, nil where none is set. Valid says when it cannot be read.
func (c *Config) Secret() []byte {
	key, err := base64.StdEncoding.DecodeString(c.GossipKey)
	if err != nil || len(key) == 0 {
		return nil
	}
	return key
}

// Valid reports all that is wrong with c: each line names the key, its value and what is allowed.
func (c *Config) Valid() error {
	var p problems
	p.check(validName(c.Name, maxName), "name", quote(c.Name), "up to %d letters, digits, '.', '_' and '-'", maxName)
	p.check(validName(c.Zone, maxZone), "zone", quote(c.Zone), "up to %d letters, digits, '.', '_' and '-'", maxZone)
	p.check(c.Dir != "", "dir", quote(c.Dir), "a directory")
	c.validAddresses(&p)
	c.validKey(&p)

	between(&p, "suspect-after", c.SuspectAfter, minSuspect, maxDuration)
	between(&p, "regrow-after", c.RegrowAfter, 0, maxDuration)
	between(&p, "min-replicas", c.MinReplicas, 1, shard.MaxMembers)
	between(&p, "disk-timeout", c.DiskTimeout, minDisk, maxDuration)
	between(&p, "session-expiry", c.SessionExpiry, time.Second, maxDuration)

	between(&p, "max-key", c.MaxKey, 1, maxKeyLimit)
	between(&p, "max-message", c.MaxMessage, messageFrame, maxMessage)
	between(&p, "max-value", c.MaxValue, 1, maxMessage)
	p.check(c.MaxMessage >= c.MaxKey+c.MaxValue+messageFrame, "max-message", c.MaxMessage,
		"at least %v: the longest key and value, and %v around them", c.MaxKey+c.MaxValue+messageFrame, Size(messageFrame))
	between(&p, "max-in-flight-bytes", c.MaxInFlightBytes, c.MaxMessage, maxSize)
	between(&p, "max-in-flight-ops", c.MaxInFlightOps, 1, maxCount)
	between(&p, "max-queued-reads", c.MaxQueuedReads, 1, maxCount)

	between(&p, "transfer-rate", c.TransferRate, 1, maxSize)
	between(&p, "log-segment", c.LogSegment, 1<<20, maxMessage)
	between(&p, "log-retention", c.LogRetention, c.LogSegment, maxSize)
	between(&p, "log-keep", c.LogKeep, 0, maxSize)
	between(&p, "memtable", c.Memtable, 1<<20, maxMemtable)
	between(&p, "cache", c.Cache, 1<<20, maxSize)

	p.check(c.OTLP == "" || validOTLP(c.OTLP), "otlp", quote(c.OTLP), "http://host:port or https://host:port")
	p.check(c.TraceRatio >= 0 && c.TraceRatio <= 1, "trace-ratio", c.TraceRatio, "0 to 1")
	p.oneOf("log-level", c.LogLevel, "debug", "info", "warn", "error")
	p.oneOf("log-format", c.LogFormat, "text", "json")
	return errors.Join(p...)
}

func (c *Config) validAddresses(p *problems) {
	listen := p.address("listen", c.Listen, true)
	gossip := p.address("gossip", c.Gossip, true)
	beyond := func(host string) bool { return host != "" && !loopback(host) && !c.Insecure }
	p.check(!beyond(listen), "listen", quote(c.Listen),
		"a loopback address, or --insecure: others could read and write without TLS")
	p.check(!beyond(gossip) || c.GossipKey != "", "gossip", quote(c.Gossip),
		"a loopback address, a gossip-key, or --insecure: anyone could join")

	advertised := func(key, value, of, host string) {
		if value != "" {
			p.address(key, value, false)
			return
		}
		p.check(!unspecified(host), key, quote(value),
			"the address at which others reach %s, which listens on all addresses", of)
	}
	advertised("advertise", c.Advertise, "listen", listen)
	advertised("gossip-advertise", c.GossipAdvertise, "gossip", gossip)

	_, port, _ := net.SplitHostPort(c.Gossip)
	p.check(c.GossipAdvertise == "" || port != "0", "gossip", quote(c.Gossip), "a port of its own, since gossip-advertise names one")

	if c.Ops != "" {
		ops := p.address("ops", c.Ops, true)
		p.check(!beyond(ops), "ops", quote(c.Ops), "a loopback address, or --insecure: the metrics would be public")
	}
	for _, seed := range c.Join {
		p.address("join", seed, false)
	}
	if c.HTTPProxy != "" {
		p.address("http-proxy", c.HTTPProxy, false)
	}
	p.distinct("listen", c.Listen, "gossip", c.Gossip)
	p.distinct("listen", c.Listen, "ops", c.Ops)
	p.distinct("gossip", c.Gossip, "ops", c.Ops)
}

func (c *Config) validKey(p *problems) {
	if c.GossipKey == "" {
		return
	}
	// The value is a secret: the message says how long it is, and no more.
	key, err := base64.StdEncoding.DecodeString(c.GossipKey)
	const want = "16, 24 or 32 bytes in base64"
	p.check(err == nil, "gossip-key", fmt.Sprintf("(%d characters, not base64)", len(c.GossipKey)), want)
	p.check(err != nil || len(key) == 16 || len(key) == 24 || len(key) == 32,
		"gossip-key", fmt.Sprintf("(%d bytes)", len(key)), want)
}

// problems gathers what Valid finds, so that a person can mend all of it at once.
type problems []error

func (p *problems) check(ok bool, key string, value any, want string, args ...any) {
	if !ok {
		*p = append(*p, fmt.Errorf("%s: %v: want %s", key, value, fmt.Sprintf(want, args...)))
	}
}

func (p *problems) oneOf(key, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	p.check(false, key, quote(value), "%s", strings.Join(allowed, ", "))
}

// address checks host:port and returns the host, empty where the value is no such thing. Port 0 means
// any free port, and makes sense only to listen on.
func (p *problems) address(key, value string, listens bool) (host string) {
	host, port, err := net.SplitHostPort(value)
	n, perr := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil || perr != nil:
		p.check(false, key, quote(value), "host:port, with a port from 0 to 65535")
		return ""
	case listens && host == "":
		return "0.0.0.0"
	case !listens:
		p.check(n > 0 && host != "" && !unspecified(host), key, quote(value), "the host and the port that others dial")
	}
	return host
}

func (p *problems) distinct(key, value, other, otherValue string) {
	_, port, _ := net.SplitHostPort(value)
	p.check(value != otherValue || port == "0", other, quote(otherValue), "another address than %s", key)
}

func between[T int | Size | time.Duration](p *problems, key string, v, low, high T) {
	p.check(v >= low && v <= high, key, v, "%v to %v", low, high)
}

func quote(s string) string { return strconv.Quote(s) }

func loopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

func unspecified(host string) bool { return net.ParseIP(host).IsUnspecified() }

func validName(s string, limit int) bool {
	for _, r := range s {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", r) {
			return false
		}
	}
	return len(s) <= limit
}

func validOTLP(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.Port() != ""
}
