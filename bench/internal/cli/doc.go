// Package cli is what the programs of bench have in common as commands: how a bad command is told apart from a failure, which flags a load has, how
// Ctrl-C ends a measurement, and where its report goes.
//
// A program is a [Root] with its verbs, run by [Run]. Ctrl-C or SIGTERM ends a measurement, and what was measured by then is reported; a second one
// gives up ([Signals]). The exit code is [OK], [Failed] or [BadUsage].
package cli
