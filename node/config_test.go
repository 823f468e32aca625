package node

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// load runs Load as the binary does. A file is written unless its text is empty.
func load(t *testing.T, file string, environ []string, args ...string) (Config, error) {
	t.Helper()
	fs := pflag.NewFlagSet("node", pflag.ContinueOnError)
	AddFlags(fs)
	if file != "" {
		path := filepath.Join(t.TempDir(), "ringward.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	if err := fs.Parse(args); err != nil {
		return Config{}, err
	}
	return Load(fs, environ)
}

func TestDefaultsAreValid(t *testing.T) {
	c, err := load(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, Defaults()) {
		t.Errorf("nothing given yields %+v, not the defaults", c)
	}
	if err := c.Valid(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
}

func TestPrecedence(t *testing.T) {
	file := "name: file\nsuspect-after: 1ms\nlog-format: json\njoin: [a:1, b:2]\nmax-value: 2MiB\n"
	env := []string{"RINGWARD_SUSPECT_AFTER=2ms", "RINGWARD_NAME=env", "RINGWARD_ENDPOINTS=elsewhere:1", "HOME=/root"}
	c, err := load(t, file, env, "--name", "flag", "--insecure")
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Name, want.SuspectAfter, want.LogFormat = "flag", 2*time.Millisecond, "json"
	want.Join, want.MaxValue, want.Insecure = []string{"a:1", "b:2"}, 2<<20, true
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v\nwant %+v", c, want)
	}
}

func TestFileNamedByEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ringward.yaml")
	if err := os.WriteFile(path, []byte("name: here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, "", []string{"RINGWARD_CONFIG=" + path})
	if err != nil || c.Name != "here" {
		t.Errorf("name %q, %v", c.Name, err)
	}
	if c, err = load(t, "name: flag\n", []string{"RINGWARD_CONFIG=" + path}); err != nil || c.Name != "flag" {
		t.Errorf("--config does not win over the environment: name %q, %v", c.Name, err)
	}
}

func TestLists(t *testing.T) {
	for _, args := range [][]string{
		{"--join", "a:1,b:2"}, {"--join", "a:1", "--join", "b:2"}, {"--join", " a:1 , b:2 ,"},
	} {
		c, err := load(t, "join: [c:3]\n", []string{"RINGWARD_JOIN=d:4"}, args...)
		if err != nil || !reflect.DeepEqual(c.Join, []string{"a:1", "b:2"}) {
			t.Errorf("%q: %q, %v", args, c.Join, err)
		}
	}
	for _, file := range []string{"join: a:1, b:2\n", "join:\n- a:1\n- b:2\n"} {
		c, err := load(t, file, nil)
		if err != nil || !reflect.DeepEqual(c.Join, []string{"a:1", "b:2"}) {
			t.Errorf("%q: %q, %v", file, c.Join, err)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, test := range []struct {
		file string
		env  []string
		args []string
		want []string // each is in the error
	}{
		{file: "suspect_after: 1s\n", want: []string{"line 1: suspect_after: no such setting"}},
		{file: "name: a\nmax-key: 4KB\n", want: []string{`line 2: max-key: "4KB": want a size such as`}},
		{file: "suspect-after: 10\n", want: []string{`suspect-after: "10": want a duration such as 10ms`}},
		{file: "insecure: perhaps\n", want: []string{"want true or false"}},
		{file: "max-in-flight-ops: many\n", want: []string{"want a whole number"}},
		{file: "trace-ratio: some\n", want: []string{"want a number"}},
		{file: "name: a\nname: b\n", want: []string{"name"}},
		{file: "name: {first: a}\n", want: []string{"name: want a value"}},
		{file: "name:\n", want: []string{"name: want a value"}},
		{file: "join: [[a]]\n", want: []string{"join: want a value"}},
		{file: "just words\n", want: []string{"want lines of `key: value`"}},
		{file: "name: a\n---\nname: b\n", want: []string{"want one document"}},
		{file: "name: [\n", want: []string{"ringward.yaml"}},
		{env: []string{"RINGWARD_SUSPECT=1s"}, want: []string{"RINGWARD_SUSPECT is no setting"}},
		{env: []string{"RINGWARD_CACHE=big"}, want: []string{`RINGWARD_CACHE: "big": want a size`}},
		{env: []string{"RINGWARD_CONFIG=/nowhere.yaml"}, want: []string{"/nowhere.yaml"}},
		{args: []string{"--suspect-after", "soon"}, want: []string{`"soon"`, "--suspect-after", "want a duration"}},
		{args: []string{"--suspect", "1s"}, want: []string{"unknown flag: --suspect"}},
		// All that is wrong is said at once.
		{file: "a: 1\nb: 2\n", env: []string{"RINGWARD_C=3"}, want: []string{"a: no such", "b: no such", "RINGWARD_C is no"}},
	} {
		_, err := load(t, test.file, test.env, test.args...)
		if err == nil {
			t.Errorf("%q %q %q: accepted", test.file, test.env, test.args)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q %q %q: error %q does not say %q", test.file, test.env, test.args, err, want)
			}
		}
	}
}

func TestEmptyFileSaysNothing(t *testing.T) {
	for _, file := range []string{"\n", "# only a comment\n", "---\n", "{}\n"} {
		if c, err := load(t, file, nil); err != nil || !reflect.DeepEqual(c, Defaults()) {
			t.Errorf("%q: %v", file, err)
		}
	}
}

func TestValid(t *testing.T) {
	const key = "MDEyMzQ1Njc4OWFiY2RlZg==" // 16 bytes
	for _, test := range []struct {
		name string
		set  func(*Config)
		want string // empty: accepted
	}{
		{"name", func(c *Config) { c.Name = "node 1" }, `name: "node 1": want up to 64 letters`},
		{"long name", func(c *Config) { c.Name = strings.Repeat("a", 65) }, "name: "},
		{"no dir", func(c *Config) { c.Dir = "" }, `dir: "": want a directory`},
		{"any suspect-after", func(c *Config) { c.SuspectAfter = time.Millisecond }, ""},
		{"nobody regrows", func(c *Config) { c.RegrowAfter = 0 }, ""},
		{"a regrow-after before now", func(c *Config) { c.RegrowAfter = -1 }, "regrow-after: -1ns: want 0s to"},
		{"no transfer", func(c *Config) { c.TransferRate = 0 }, "transfer-rate: 0B: want 1B to"},
		{"no disk-timeout", func(c *Config) { c.DiskTimeout = 0 }, "disk-timeout: 0s: want 100ms to"},
		{"no suspect-after", func(c *Config) { c.SuspectAfter = 999 * time.Microsecond }, "suspect-after: 999µs: want 1ms to"},
		{"session-expiry", func(c *Config) { c.SessionExpiry = 0 }, "session-expiry: 0s: want 1s to"},
		{"zone", func(c *Config) { c.Zone = "rack 1" }, `zone: "rack 1": want up to 32 letters`},
		{"max-key", func(c *Config) { c.MaxKey = 1 << 20 }, "max-key: 1MiB: want 1B to 64KiB"},
		{"max-value", func(c *Config) { c.MaxValue = 0 }, "max-value: 0B: want 1B to"},
		{"a value that fits no message", func(c *Config) { c.MaxValue = 8 << 20 }, "max-message: 8MiB: want at least 8260KiB"},
		{"a message that is never in flight", func(c *Config) { c.MaxInFlightBytes = 1 << 20 }, "max-in-flight-bytes: 1MiB: want 8MiB to"},
		{"max-in-flight-ops", func(c *Config) { c.MaxInFlightOps = 0 }, "max-in-flight-ops: 0: want 1 to"},
		{"max-queued-reads", func(c *Config) { c.MaxQueuedReads = -1 }, "max-queued-reads: -1: want 1 to"},
		{"log-segment", func(c *Config) { c.LogSegment = 1 }, "log-segment: 1B: want 1MiB to 1GiB"},
		{"log-keep", func(c *Config) { c.LogKeep = -1 }, "log-keep: -1B: want 0B to"},
		{"log-retention", func(c *Config) { c.LogRetention = 1 << 20 }, "log-retention: 1MiB: want 64MiB to"},
		{"memtable", func(c *Config) { c.Memtable = 4 << 30 }, "memtable: 4GiB: want 1MiB to 2GiB"},
		{"cache", func(c *Config) { c.Cache = 0 }, "cache: 0B: want"},
		{"trace-ratio", func(c *Config) { c.TraceRatio = 1.5 }, "trace-ratio: 1.5: want 0 to 1"},
		{"otlp without scheme", func(c *Config) { c.OTLP = "collector:4317" }, `otlp: "collector:4317": want http://`},
		{"otlp without port", func(c *Config) { c.OTLP = "http://collector" }, "otlp: "},
		{"otlp", func(c *Config) { c.OTLP = "http://collector:4317" }, ""},
		{"log-level", func(c *Config) { c.LogLevel = "loud" }, `log-level: "loud": want debug, info, warn, error`},
		{"log-format", func(c *Config) { c.LogFormat = "xml" }, `log-format: "xml": want text, json`},

		{"no port", func(c *Config) { c.Listen = "127.0.0.1" }, `listen: "127.0.0.1": want host:port`},
		{"port too high", func(c *Config) { c.Gossip = "127.0.0.1:65536" }, `gossip: "127.0.0.1:65536": want host:port`},
		{"free ports", func(c *Config) { c.Listen, c.Gossip, c.Ops = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0" }, ""},
		{"other loopbacks", func(c *Config) { c.Listen, c.Gossip = "localhost:1", "[::1]:2" }, ""},
		{"one port twice", func(c *Config) { c.Ops = c.Listen }, `ops: "127.0.0.1:7001": want another address than listen`},
		{"no ops", func(c *Config) { c.Ops = "" }, ""},
		{"a join without port", func(c *Config) { c.Join = []string{"a:1", "b"} }, `join: "b": want host:port`},
		{"a join with port 0", func(c *Config) { c.Join = []string{"a:0"} }, `join: "a:0": want the host and the port`},

		{"listen beyond loopback", func(c *Config) { c.Listen = "10.0.0.1:1" }, `listen: "10.0.0.1:1": want a loopback address, or --insecure`},
		{"and insecure", func(c *Config) { c.Listen, c.Insecure = "10.0.0.1:1", true }, ""},
		{"ops beyond loopback", func(c *Config) { c.Ops = ":1" }, `ops: ":1": want a loopback address, or --insecure`},
		{"gossip beyond loopback", func(c *Config) { c.Gossip = "10.0.0.1:1" }, `gossip: "10.0.0.1:1": want a loopback address, a gossip-key`},
		{"and a key", func(c *Config) { c.Gossip, c.GossipKey = "10.0.0.1:1", key }, ""},
		{"a short key", func(c *Config) { c.GossipKey = "c2VjcmV0" }, "gossip-key: (6 bytes): want 16, 24 or 32 bytes in base64"},
		{"no base64", func(c *Config) { c.GossipKey = "top secret" }, "gossip-key: (10 characters, not base64): want"},
		{"listening on all", func(c *Config) { c.Listen, c.Insecure = "0.0.0.0:1", true }, `advertise: "": want the address at which others reach listen`},
		{"gossiping on all", func(c *Config) { c.Gossip, c.Insecure = "[::]:1", true }, `gossip-advertise: "": want the address`},
		{"and advertised", func(c *Config) { c.Listen, c.Advertise, c.Insecure = ":1", "kv:1", true }, ""},
		{"advertising any port", func(c *Config) { c.Gossip, c.GossipAdvertise = "127.0.0.1:0", "kv:1" }, `gossip: "127.0.0.1:0": want a port of its own`},
		{"a proxy", func(c *Config) { c.HTTPProxy = "proxy:3128" }, ""},
		{"a proxy's URL", func(c *Config) { c.HTTPProxy = "http://proxy:3128" }, `http-proxy: "http://proxy:3128": want host:port`},
		{"a proxy anywhere", func(c *Config) { c.HTTPProxy = "0.0.0.0:3128" }, `http-proxy: "0.0.0.0:3128": want the host and the port`},
		{"advertising all", func(c *Config) { c.Advertise = "0.0.0.0:1" }, `advertise: "0.0.0.0:1": want the host and the port that others dial`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Defaults()
			test.set(&c)
			err := c.Valid()
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)):
				t.Errorf("got %v\nwant %s...", err, test.want)
			case test.want != "" && strings.Contains(err.Error(), "\n"):
				t.Errorf("more is refused than was wrong: %v", err)
			}
		})
	}
}

func TestSecretStaysSecret(t *testing.T) {
	c := Defaults()
	c.GossipKey = "MDEyMzQ1Njc4OWFiY2RlZg=="
	if got := string(c.Secret()); got != "0123456789abcdef" {
		t.Errorf("secret %q", got)
	}
	var b strings.Builder
	if err := c.WriteYAML(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), c.GossipKey) || !strings.Contains(b.String(), "gossip-key: '********'") {
		t.Errorf("the key is not masked:\n%s", &b)
	}
	c.GossipKey = "secret, and not base64"
	if err := c.Valid(); err == nil || strings.Contains(err.Error(), "secret,") {
		t.Errorf("the refusal shows the key: %v", err)
	}
	if c.Secret() != nil {
		t.Error("an unreadable key is used")
	}
}

func TestYAMLIsReadBack(t *testing.T) {
	c := Defaults()
	c.Name, c.Join, c.Insecure = "123", []string{"a:1", "[::1]:2"}, true
	c.SuspectAfter, c.MaxValue, c.TraceRatio = 1500*time.Microsecond, 1000, 0.25
	var b strings.Builder
	if err := c.WriteYAML(&b); err != nil {
		t.Fatal(err)
	}
	got, err := load(t, b.String(), nil)
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%+v, %v\nfrom\n%s", got, err, &b)
	}
}

func TestSettingsAreDocumented(t *testing.T) {
	fs := pflag.NewFlagSet("node", pflag.ContinueOnError)
	AddFlags(fs)
	seen := map[string]bool{}
	for _, s := range Settings() {
		switch {
		case s.Key == "" || s.Doc == "":
			t.Errorf("%+v: a field of Config lacks a tag", s)
		case seen[s.Key]:
			t.Errorf("two fields of Config have the key %s", s.Key)
		case fs.Lookup(s.Key) == nil:
			t.Errorf("no flag for %s", s.Key)
		}
		seen[s.Key] = true
	}
	want := Setting{Key: "suspect-after", Env: "RINGWARD_SUSPECT_AFTER", Flag: "--suspect-after", Default: "1s"}
	for _, s := range Settings() {
		if s.Key == want.Key {
			if want.Doc = s.Doc; s != want {
				t.Errorf("got %+v, want %+v", s, want)
			}
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0B": 0, "1B": 1, "1000B": 1000, "4KiB": 4096, "1536KiB": 3 << 19, "64MiB": 64 << 20, "3GiB": 3 << 30, "2TiB": 2 << 40,
	} {
		got, err := ParseSize(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %d, written %v, %v", text, got, got, err)
		}
	}
	for _, text := range []string{"", "1", "B", "-1B", "1.5MiB", "1 MiB", "1MB", "1mib", "9999999999TiB", "99999999999999999999B"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add("name: a\njoin: [a:1]\nsuspect-after: 1ms\nmax-key: 1KiB\n")
	f.Add("? [a]\n: b\n")
	f.Add("a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "ringward.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := Defaults()
		if c.loadFile(path) == nil {
			_ = c.Valid()
		}
	})
}
