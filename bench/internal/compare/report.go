package compare

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/page"
)

// Kind and Schema are those of a Report.
const (
	Kind   = "compare"
	Schema = 1
)

// Report is all that was measured. The package comment documents its JSON form.
type Report struct {
	page.Heading
	Repeats int         `json:"repeats"`
	Stores  []StoreInfo `json:"stores"`
	LeftOut []string    `json:"left_out,omitempty"`
	Runs    []Result    `json:"runs"`
	Summary []Row       `json:"summary"`
}

// StoreInfo is what a report says of a store.
type StoreInfo struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Promises     string `json:"promises"`
	Linearizable bool   `json:"linearizable"` // by what it promises
}

// Title is its name, with what it lacks.
func (s *StoreInfo) Title() string {
	if s.Linearizable {
		return s.Name
	}
	return s.Name + " (not linearizable)"
}

// Result is one run.
type Result struct {
	Workload string        `json:"workload"`
	Store    string        `json:"store"`
	Repeat   int           `json:"repeat"` // from 1
	Report   *bench.Report `json:"report"`
}

// String is a line about a run.
func (r *Result) String() string {
	text := fmt.Sprintf("workload %s, run %d, %s: %.0f operations a second", r.Workload, r.Repeat, r.Store, r.Report.Total.PerSecond)
	if l := r.Report.Total.Latency; l != nil {
		text += fmt.Sprintf(", p50 %s, p99 %s", page.US(l.P50), page.US(l.P99))
	}
	text += ", errors: " + bench.Failures(r.Report.Total.Errors)
	if c := r.Report.Check; c != nil {
		text += fmt.Sprintf("; %s: %d calls", c.Verdict, c.Calls)
	}
	return text
}

// Broken says what is wrong with the run of a store that promises to be linearizable, or not; empty: nothing.
func (r *Result) Broken(linearizable bool) string {
	if r.Report.Total.Count == 0 && !r.Report.Interrupted {
		return "no operation succeeded"
	}
	if c := r.Report.Check; linearizable && c != nil && c.Verdict != string(history.Linearizable) {
		return fmt.Sprintf("the history is %s, and kept in %s", c.Verdict, c.History)
	}
	return ""
}

// Row is one store with one workload.
type Row struct {
	Workload  string                  `json:"workload"`
	Store     string                  `json:"store"`
	Runs      int                     `json:"runs"`
	Errors    map[bench.Failure]int64 `json:"errors"`
	PerSecond *page.Range             `json:"per_second,omitempty"`
	P50       *page.Range             `json:"p50_us,omitempty"`
	P99       *page.Range             `json:"p99_us,omitempty"`
	// The first store's median by this one's.
	Throughput *float64 `json:"throughput_ratio,omitempty"`
	P50Ratio   *float64 `json:"p50_ratio,omitempty"`
	P99Ratio   *float64 `json:"p99_ratio,omitempty"`
}

// summarize fills in what follows from the runs.
func (r *Report) summarize() {
	r.OK, r.Summary = len(r.Runs) > 0, []Row{}
	firsts := map[string]int{} // of each workload: where the first store's row is
	for i := range r.Runs {
		run := &r.Runs[i]
		r.OK = r.OK && run.Broken(r.store(run.Store).Linearizable) == ""
		r.Build, r.Machine, r.Setting = run.Report.Build, run.Report.Machine, run.Report.Setting
		if _, ok := firsts[run.Workload]; ok {
			continue
		}
		firsts[run.Workload] = len(r.Summary)
		for _, s := range r.Stores {
			row := r.row(run.Workload, s.Name)
			first := row
			if s.Name != r.Stores[0].Name {
				first = r.Summary[firsts[run.Workload]]
			}
			row.Throughput, row.P50Ratio, row.P99Ratio = ratio(first.PerSecond, row.PerSecond), ratio(first.P50, row.P50), ratio(first.P99, row.P99)
			r.Summary = append(r.Summary, row)
		}
	}
	r.Setting.Workload, r.Setting.Mix, r.Setting.Distribution, r.Setting.Theta = "", nil, "", 0
}

// row sums up the runs of a store with a workload; what was cut short is not compared.
func (r *Report) row(workload, store string) Row {
	row := Row{Workload: workload, Store: store, Errors: map[bench.Failure]int64{}}
	var perSecond, p50, p99 []float64
	for _, run := range r.Runs {
		if run.Workload != workload || run.Store != store || run.Report.Interrupted {
			continue
		}
		row.Runs++
		t := &run.Report.Total
		perSecond = append(perSecond, t.PerSecond)
		if l := t.Latency; l != nil {
			p50, p99 = append(p50, float64(l.P50)), append(p99, float64(l.P99))
		}
		for f, n := range t.Errors {
			row.Errors[f] += n
		}
	}
	row.PerSecond, row.P50, row.P99 = page.NewRange(perSecond), page.NewRange(p50), page.NewRange(p99)
	return row
}

// ratio is of medians; nil where there is none.
func ratio(a, b *page.Range) *float64 {
	if a == nil || b == nil || b.Median == 0 {
		return nil
	}
	return new(a.Median / b.Median)
}

// store finds one by its name.
func (r *Report) store(name string) *StoreInfo {
	return &r.Stores[slices.IndexFunc(r.Stores, func(s StoreInfo) bool { return s.Name == name })]
}

// Verdict is what was found of the histories of a row's runs; empty: they were not checked.
func (r *Report) Verdict(row Row) string {
	verdict := ""
	for _, run := range r.Runs {
		if c := run.Report.Check; c != nil && run.Workload == row.Workload && run.Store == row.Store && (verdict == "" || verdict == string(history.Linearizable)) {
			verdict = c.Verdict
		}
	}
	return verdict
}

// Remarks are what went wrong, a line for each run.
func (r *Report) Remarks() (all []string) {
	for i := range r.Runs {
		run := &r.Runs[i]
		s := r.store(run.Store)
		if broken := run.Broken(s.Linearizable); broken != "" {
			all = append(all, fmt.Sprintf("BROKEN: %s, workload %s, run %d: %s", run.Store, run.Workload, run.Repeat, broken))
		} else if odd := run.Broken(true); odd != "" {
			all = append(all, fmt.Sprintf("%s, which does not promise to be linearizable, workload %s, run %d: %s", run.Store, run.Workload, run.Repeat, odd))
		}
	}
	return all
}

// Busy is the largest share of the machine that the driver took, with the store whose client needed it; 0: little.
func (r *Report) Busy() (share float64) {
	for _, run := range r.Runs {
		if run.Report.Driver.Busy() {
			share = max(share, run.Report.Driver.CPUShare)
		}
	}
	return share
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for i := range r.Stores {
		s := &r.Stores[i]
		fmt.Fprintf(&b, "store       %s: %s; %s\n", s.Title(), s.Promises, s.Version)
	}
	for _, text := range r.LeftOut {
		fmt.Fprintf(&b, "left out    %s\n", text)
	}
	page.Conditions(&b, &r.Build, &r.Machine, &r.Setting)
	fmt.Fprintf(&b, "runs        %d of each store with each workload, in turn, %gs after %gs of warmup\n", r.Repeats, r.Setting.Duration, r.Setting.Warmup)
	if r.Interrupted {
		b.WriteString("interrupted: what was measured by then follows\n")
	}
	fmt.Fprintf(&b, "\nmedians of runs; ratios are those of %s by the store's\n", r.Stores[0].Name)
	t := page.NewTable(&b, "workload", "store", "runs", "ops/s", "least", "most", "ratio", "p50", "ratio", "p99", "ratio", "errors", "history")
	for _, row := range r.Summary {
		cells := []any{row.Workload, row.Store, row.Runs, "-", "-", "-", quotient(row.Throughput), micros(row.P50), quotient(row.P50Ratio), micros(row.P99), quotient(row.P99Ratio),
			bench.Failures(row.Errors), r.Verdict(row)}
		if m := row.PerSecond; m != nil {
			cells[3], cells[4], cells[5] = fmt.Sprintf("%.0f", m.Median), fmt.Sprintf("%.0f", m.Least), fmt.Sprintf("%.0f", m.Most)
		}
		t.Row(cells...)
	}
	t.End()
	for _, remark := range r.Remarks() {
		fmt.Fprintf(&b, "\n%s\n", remark)
	}
	if share := r.Busy(); share > 0 {
		fmt.Fprintf(&b, "\nThe driver took up to %.0f%% of this machine's processors, from servers on the same machine: stores may be faster than this.\n", 100*share)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func quotient(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f", *v)
}

func micros(m *page.Range) string {
	if m == nil {
		return "-"
	}
	return page.US(int64(m.Median))
}
