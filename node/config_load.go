package node

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/ringward/ringward/shard/mutant"
)

// envPrefix begins the name of every variable that means something to Ringward.
const envPrefix = "RINGWARD_"

// Variables with the prefix that are no settings of a node.
const (
	envConfig    = envPrefix + "CONFIG"    // the path of the file, as --config
	envEndpoints = envPrefix + "ENDPOINTS" // belongs to the client
)

// Size is a number of bytes, written as 512B, 64KiB, 16MiB, 1GiB or 2TiB.
type Size int64

var sizeUnits = []struct {
	suffix string
	bytes  Size
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.suffix
		}
	}
	return "0B"
}

// ParseSize reads what String writes: a whole number and a unit.
func ParseSize(s string) (Size, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || Size(n) > math.MaxInt64/u.bytes {
			break
		}
		return Size(n) * u.bytes, nil
	}
	return 0, errors.New("want a size such as 512B, 64KiB, 16MiB or 1GiB")
}

// setting is one field of a Config under its name. It is a pflag.Value, and the file and
// the environment are read through it too: a value means the same wherever it comes from.
type setting struct {
	Setting
	secret bool
	given  bool
	field  any // pointer to the field
}

// Setting describes one setting for the documentation.
type Setting struct {
	Key     string // in the file
	Env     string
	Flag    string
	Default string
	Doc     string
}

// Settings lists all settings in the order of Config.
func Settings() []Setting {
	c := Defaults()
	var list []Setting
	for _, s := range c.settings() {
		s.Default = s.String()
		list = append(list, s.Setting)
	}
	return list
}

func (c *Config) settings() []*setting {
	v := reflect.ValueOf(c).Elem()
	list := make([]*setting, v.NumField())
	for i := range list {
		tag, key := v.Type().Field(i).Tag, v.Type().Field(i).Tag.Get("key")
		s := &setting{field: v.Field(i).Addr().Interface(), secret: tag.Get("secret") == "true"}
		s.Setting = Setting{
			Key:  key,
			Env:  envPrefix + strings.ToUpper(strings.ReplaceAll(key, "-", "_")),
			Flag: "--" + key,
			Doc:  tag.Get("doc"),
		}
		list[i] = s
	}
	return list
}

// String is the value in the form that Set reads.
func (s *setting) String() string {
	switch p := s.field.(type) {
	case *string:
		return *p
	case *[]string:
		return strings.Join(*p, ",")
	case *time.Duration:
		return formatDuration(*p)
	default:
		return fmt.Sprint(reflect.ValueOf(s.field).Elem())
	}
}

// Set reads a value. Of a list the first replaces what was there, and further ones add to it.
func (s *setting) Set(text string) (err error) {
	switch p := s.field.(type) {
	case *string:
		*p = text
	case *bool:
		*p, err = strconv.ParseBool(text)
		err = instead(err, "want true or false")
	case *int:
		*p, err = strconv.Atoi(text)
		err = instead(err, "want a whole number")
	case *float64:
		*p, err = strconv.ParseFloat(text, 64)
		err = instead(err, "want a number")
	case *time.Duration:
		*p, err = time.ParseDuration(text)
		err = instead(err, "want a duration such as 10ms, 1s or 1h")
	case *Size:
		*p, err = ParseSize(text)
	case *[]string:
		if !s.given {
			*p = nil
		}
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				*p = append(*p, item)
			}
		}
	default:
		return fmt.Errorf("a field of type %T cannot be a setting", s.field)
	}
	s.given = true
	return err
}

// instead replaces the words of a parser by words about the setting.
func instead(err error, want string) error {
	if err != nil {
		return errors.New(want)
	}
	return nil
}

// Type is what pflag shows for the value in the help.
func (s *setting) Type() string {
	switch s.field.(type) {
	case *Size:
		return "size"
	case *[]string:
		return "list"
	default:
		return strings.ToLower(reflect.TypeOf(s.field).Elem().Name())
	}
}

// IsBoolFlag lets pflag take --insecure without a value.
func (s *setting) IsBoolFlag() bool {
	_, ok := s.field.(*bool)
	return ok
}

// shown is the value as people and logs may see it.
func (s *setting) shown(text string) string {
	if s.secret && text != "" {
		return "********"
	}
	return text
}

// formatDuration drops the zeros that time.Duration ends with: 1h, not 1h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// AddFlags adds --config and one flag for each setting.
func AddFlags(fs *pflag.FlagSet) {
	fs.String("config", "", "file with settings in YAML, also "+envConfig)
	c := Defaults()
	for _, s := range c.settings() {
		fs.Var(s, s.Key, s.Doc)
	}
}

// Load puts a configuration together: defaults, below the file, below the environment (as os.Environ
// gives it), below the flags that AddFlags added. It refuses what it does not know; whether the
// values make sense together is for Valid to say.
func Load(fs *pflag.FlagSet, environ []string) (Config, error) {
	c := Defaults()
	env, problem := readEnviron(environ)
	errs := []error{problem}

	path, _ := fs.GetString("config")
	if path == "" {
		path = env[envConfig]
	}
	if path != "" {
		errs = append(errs, c.loadFile(path))
	}
	for _, s := range c.settings() {
		if text, ok := env[s.Env]; ok {
			if err := s.Set(text); err != nil {
				errs = append(errs, fmt.Errorf("environment: %s: %q: %w", s.Env, s.shown(text), err))
			}
		}
	}
	for _, s := range c.settings() {
		if f := fs.Lookup(s.Key); f != nil && f.Changed {
			if err := s.Set(f.Value.String()); err != nil {
				errs = append(errs, fmt.Errorf("flag %s: %q: %w", s.Flag, s.shown(f.Value.String()), err))
			}
		}
	}
	return c, errors.Join(errs...)
}

// readEnviron picks the variables that are Ringward's and refuses those among them that mean nothing.
func readEnviron(environ []string) (map[string]string, error) {
	known := map[string]bool{envConfig: true, envEndpoints: true, mutant.Environment: true}
	for _, s := range Settings() {
		known[s.Env] = true
	}
	env := map[string]string{}
	var errs []error
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		switch {
		case !strings.HasPrefix(name, envPrefix):
		case known[name]:
			env[name] = value
		default:
			errs = append(errs, fmt.Errorf("environment: %s is no setting: `ringward node --help` lists them", name))
		}
	}
	return env, errors.Join(errs...)
}

func (c *Config) loadFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("configuration file: %w", err)
	}
	defer f.Close()
	var doc yaml.Node
	d := yaml.NewDecoder(f)
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF): // an empty file says nothing, which is allowed
		return nil
	case err != nil:
		return fmt.Errorf("configuration file %s: %w", path, err)
	case d.Decode(new(yaml.Node)) != io.EOF:
		return fmt.Errorf("configuration file %s: want one document, not several", path)
	case doc.Content[0].Tag == "!!null":
		return nil
	case doc.Content[0].Kind != yaml.MappingNode:
		return fmt.Errorf("configuration file %s: want lines of `key: value`", path)
	}
	known := map[string]*setting{}
	for _, s := range c.settings() {
		known[s.Key] = s
	}
	var errs []error
	pairs := doc.Content[0].Content
	for i := 0; i+1 < len(pairs); i += 2 {
		key, value := pairs[i], pairs[i+1]
		if err := setFromFile(known[key.Value], value); err != nil {
			errs = append(errs, fmt.Errorf("configuration file %s, line %d: %s: %w", path, key.Line, key.Value, err))
		}
	}
	return errors.Join(errs...)
}

func setFromFile(s *setting, value *yaml.Node) error {
	if s == nil {
		return errors.New("no such setting: `ringward node --help` lists them")
	}
	if s.given {
		return errors.New("given twice")
	}
	items := []*yaml.Node{value}
	if _, list := s.field.(*[]string); list && value.Kind == yaml.SequenceNode {
		items = value.Content
		s.given = true // an empty list is a value too
		*s.field.(*[]string) = nil
	}
	for _, item := range items {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			return errors.New("want a value")
		}
		if err := s.Set(item.Value); err != nil {
			return fmt.Errorf("%q: %w", s.shown(item.Value), err)
		}
	}
	return nil
}

// WriteYAML writes the configuration as a file would say it, except that secrets are masked.
func (c *Config) WriteYAML(w io.Writer) error {
	doc := yaml.Node{Kind: yaml.MappingNode}
	text := func(s string) *yaml.Node {
		n := new(yaml.Node)
		n.SetString(s) // quotes what would not be read back as a string
		return n
	}
	for _, s := range c.settings() {
		var value *yaml.Node
		switch p := s.field.(type) {
		case *bool, *int, *float64:
			value = &yaml.Node{Kind: yaml.ScalarNode, Value: s.String()}
		case *[]string:
			value = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
			for _, item := range *p {
				value.Content = append(value.Content, text(item))
			}
		default:
			value = text(s.shown(s.String()))
		}
		doc.Content = append(doc.Content, text(s.Key), value)
	}
	e := yaml.NewEncoder(w)
	if err := e.Encode(&doc); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return e.Close()
}
