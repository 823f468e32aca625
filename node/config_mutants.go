//go:build mutants

package node

import "github.com/ringward/ringward/shard/mutant"

// A node of this build may be told which bug to have.
func init() { otherVariables[mutant.Environment] = true }
