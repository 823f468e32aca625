// Package processtest holds the tests that only real processes, real disks and a real network can
// do: the built binary is started, killed and restarted while clients of the SDK work, and
// what they saw must be linearizable. It has no code of its own.
package processtest
