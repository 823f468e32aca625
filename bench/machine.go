package bench

import (
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

// Build is which driver measured.
type Build struct {
	Version  string `json:"version"`            // of the module; (devel) when built from a working tree
	Revision string `json:"revision,omitempty"` // of the source, with + where it was changed
	Go       string `json:"go"`
}

func thisBuild() Build {
	b := Build{Version: "unknown", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	modified := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.Revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+"
		}
	}
	if b.Revision != "" {
		b.Revision += modified
	}
	return b
}

// Machine is where the driver ran.
type Machine struct {
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	Kernel string `json:"kernel"`
	Cores  int    `json:"cores"` // that the process may use
}

func thisMachine() Machine {
	m := Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	return m
}

// cpu is processor time of this process.
type cpu struct{ user, system time.Duration }

func (c cpu) sub(d cpu) cpu { return cpu{c.user - d.user, c.system - d.system} }

func cpuTime() cpu {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return cpu{}
	}
	return cpu{time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano())}
}

// Driver is what the driver itself used during the measured phase. Where it used most of the machine, the
// result tells of the driver rather than of the store.
type Driver struct {
	UserSeconds   float64 `json:"user_seconds"`
	SystemSeconds float64 `json:"system_seconds"`
	CPUShare      float64 `json:"cpu_share"` // of all cores, 0 to 1
}

// busyShare is the share of the machine from which on a driver is called busy.
const busyShare = 0.4

// Busy reports whether the driver may have been the bottleneck.
func (d *Driver) Busy() bool { return d.CPUShare >= busyShare }

func newDriver(c cpu, wall time.Duration) Driver {
	d := Driver{UserSeconds: c.user.Seconds(), SystemSeconds: c.system.Seconds()}
	if wall > 0 {
		d.CPUShare = (d.UserSeconds + d.SystemSeconds) / (wall.Seconds() * float64(runtime.NumCPU()))
	}
	return d
}
