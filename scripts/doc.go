// Package scripts holds what a developer runs beside the product, and the rules
// of the source tree as tests: which package may import which, what a PURE package must do
// without, and what no file may contain.
//
//	bootstrap.sh   builds ringward and runs a cluster of real processes on loopback
//	generate.sh    generates code from the .proto files; --check says whether it is up to date
//	tools/         pins the versions of the tools
//
// A rule is a function over a file system, so that the same code judges the tree
// and the small bad trees in testdata, which show that the rule can fail. What a rule
// says names the place and what to do instead.
package scripts
