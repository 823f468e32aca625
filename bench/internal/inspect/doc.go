// Package inspect judges a cluster that has come to rest after faults: by what is read from it at every node, by what its
// clients were told, and by what its nodes say of themselves.
//
// The one idea: a check must not rest on what it checks. [Missing] looks at the calls for itself, beside the check of the whole
// history; [Counters] are raised by clients who count for themselves; [Survey] asks each node alone, and not through the SDK that
// would ask another one instead.
//
//	held, err := inspect.Survey(ctx, nodes, keys, recorder) // an error where two nodes answer differently
//	err = errors.Join(inspect.Missing(recorder.History(), held), inspect.Miscounted(counters, nil, held))
package inspect
