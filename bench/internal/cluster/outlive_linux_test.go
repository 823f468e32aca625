package cluster

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestNothingOutlivesItsOwner ends a program that owns a cluster in ways that leave it no time to stop it.
func TestNothingOutlivesItsOwner(t *testing.T) {
	ends := map[string]func(*exec.Cmd, *os.File){
		"panic": func(_ *exec.Cmd, stdin *os.File) { fmt.Fprintln(stdin) },
		"kill":  func(cmd *exec.Cmd, _ *os.File) { cmd.Process.Kill() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(self())
			cmd.Env = append(os.Environ(), role+"=owner")
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			r, stdin, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			cmd.Stdin = r
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			r.Close()
			line, err := bufio.NewReader(stdout).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			where := strings.Fields(line)
			dir, endpoints := where[0], where[1:]
			if !exists(dir) || !listens(endpoints[2]) {
				t.Fatalf("%s: no cluster", line)
			}
			end(cmd, stdin)
			if err := cmd.Wait(); err == nil {
				t.Error("the owner ended well")
			}
			eventually(t, "the directory is removed", func() bool { return !exists(dir) })
			for _, e := range endpoints {
				eventually(t, e+" is free", func() bool { return !listens(e) })
			}
		})
	}
}
