//go:build !mutants

package mutant

// On reports whether the build has the bug m: this one has none.
func On(Mutant) bool { return false }
