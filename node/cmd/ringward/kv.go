package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ringward/ringward/rpc/client"
)

// operationTime is how long a read or write tries unless told otherwise.
const operationTime = 10 * time.Second

// maxStdin bounds what is read as a value: no node can be set to take more.
const maxStdin = 1 << 30

// with opens the cluster for one operation.
func (c *command) with(ctx context.Context, do func(context.Context, *client.Client) error) error {
	endpoints, err := c.cluster()
	if err != nil {
		return err
	}
	timeout, err := c.patience(operationTime)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	kv, err := client.Open(ctx, endpoints, client.WithTimeout(timeout))
	if err != nil {
		return err
	}
	defer kv.Close()
	return do(ctx, kv)
}

func (c *command) getVerb() *cobra.Command {
	var stale bool
	cmd := &cobra.Command{
		Use:   "get KEY",
		Short: "Print the value of a key",
		Long: `Prints the value as it is, byte for byte; on a terminal a line break is added where the value has none at its end. With
-o json it prints the version too, and a key or value that is not UTF-8 as key_base64 or value_base64.`,
		Args: exactly("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.with(cmd.Context(), func(ctx context.Context, kv *client.Client) error {
				var options []client.ReadOption
				if stale {
					options = append(options, client.Stale())
				}
				v, err := kv.Get(ctx, args[0], options...)
				if err != nil {
					return err
				}
				return c.print(resultOf(args[0], v.Version).withValue(v.Data), func(w io.Writer) {
					w.Write(v.Data)
					if n := len(v.Data); c.onTerminal() && (n == 0 || v.Data[n-1] != '\n') {
						fmt.Fprintln(w)
					}
				})
			})
		},
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "take what any member has applied, however old")
	return cmd
}

func (c *command) putVerb() *cobra.Command {
	var condition string
	cmd := &cobra.Command{
		Use:   "put KEY VALUE",
		Short: "Set the value of a key",
		Long: `Sets the value and prints the version it has now. VALUE "-" stands for what comes in on standard input, byte for
byte. What begins with a dash goes behind "--": ringward put -- KEY -5.`,
		Args: exactly("KEY", "VALUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := conditionOf(cmd, condition)
			if err != nil {
				return err
			}
			value, err := c.value(args[1])
			if err != nil {
				return err
			}
			return c.write(cmd.Context(), args[0], func(ctx context.Context, kv *client.Client) (client.Version, error) {
				return kv.Put(ctx, args[0], value, options...)
			})
		},
	}
	addCondition(cmd, &condition)
	return cmd
}

func (c *command) deleteVerb() *cobra.Command {
	var condition string
	cmd := &cobra.Command{
		Use:   "delete KEY",
		Short: "Remove a key",
		Long:  `Removes the key and prints the version of the removal.`,
		Args:  exactly("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := conditionOf(cmd, condition)
			if err != nil {
				return err
			}
			return c.write(cmd.Context(), args[0], func(ctx context.Context, kv *client.Client) (client.Version, error) {
				return kv.Delete(ctx, args[0], options...)
			})
		},
	}
	addCondition(cmd, &condition)
	return cmd
}

func (c *command) casVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "cas KEY VERSION VALUE",
		Short: "Set the value of a key if the key has the version",
		Long: `Sets the value if nobody has written the key since it had VERSION, and prints the version it has now. VERSION 0 means
that the key must not exist. VALUE "-" stands for what comes in on standard input.`,
		Args: exactly("KEY", "VERSION", "VALUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			version, err := parseVersion("VERSION", args[1])
			if err != nil {
				return err
			}
			value, err := c.value(args[2])
			if err != nil {
				return err
			}
			return c.write(cmd.Context(), args[0], func(ctx context.Context, kv *client.Client) (client.Version, error) {
				return kv.CompareAndSwap(ctx, args[0], version, value)
			})
		},
	}
}

// write carries out one write and prints the version that it made.
func (c *command) write(ctx context.Context, key string, do func(context.Context, *client.Client) (client.Version, error)) error {
	return c.with(ctx, func(ctx context.Context, kv *client.Client) error {
		version, err := do(ctx, kv)
		if err != nil {
			return err
		}
		return c.print(resultOf(key, version), func(w io.Writer) { fmt.Fprintf(w, "version %d\n", version) })
	})
}

func addCondition(cmd *cobra.Command, condition *string) {
	cmd.Flags().StringVar(condition, "if-version", "", "only if the key has this version; 0: only if it does not exist")
}

func conditionOf(cmd *cobra.Command, condition string) ([]client.WriteOption, error) {
	if !cmd.Flags().Changed("if-version") {
		return nil, nil
	}
	version, err := parseVersion("--if-version", condition)
	return []client.WriteOption{client.IfVersion(version)}, err
}

func parseVersion(what, s string) (client.Version, error) {
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, usagef("%s %q: want a version as get -o json prints it, or 0", what, s)
	}
	return client.Version(v), nil
}

// value is the argument, or standard input where it is "-".
func (c *command) value(arg string) ([]byte, error) {
	if arg != "-" {
		return []byte(arg), nil
	}
	b, err := io.ReadAll(io.LimitReader(c.stdin, maxStdin+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("standard input: %w", err)
	case len(b) > maxStdin:
		return nil, fmt.Errorf("standard input: %w: more than %d bytes", client.ErrTooLarge, maxStdin)
	}
	return b, nil
}

func (c *command) onTerminal() bool {
	f, ok := c.stdout.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// result is the JSON form of what an operation on a key came to. JSON holds text only, so bytes that are
// not UTF-8 stand in a field of another name.
type result struct {
	Key         *string        `json:"key,omitempty"`
	KeyBase64   *string        `json:"key_base64,omitempty"`
	Value       *string        `json:"value,omitempty"`
	ValueBase64 *string        `json:"value_base64,omitempty"`
	Version     client.Version `json:"version"`
}

func resultOf(key string, version client.Version) result {
	r := result{Version: version}
	r.Key, r.KeyBase64 = textOrBase64([]byte(key))
	return r
}

func (r result) withValue(value []byte) result {
	r.Value, r.ValueBase64 = textOrBase64(value)
	return r
}

func textOrBase64(b []byte) (text, encoded *string) {
	if utf8.Valid(b) {
		s := string(b)
		return &s, nil
	}
	s := base64.StdEncoding.EncodeToString(b)
	return nil, &s
}
