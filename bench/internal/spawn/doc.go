// Package spawn lets no process and no directory outlive this program.
//
// The one idea: who cleans up must not depend on a program that may be killed. On Linux the kernel ends what a [Spawner] started
// when this program ends in whatever way; and a [Guard] is a small process that waits for that end to remove a directory.
package spawn
