//go:build !mutants

package mutant

// Environment is the variable that names a mutant: there is none.
const Environment = ""

// On reports whether the build has the bug m: this one has none.
func On(Mutant) bool { return false }
