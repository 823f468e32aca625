// Package page is what the reports of different measurements have in common: how figures and tables are written, how a page looks, and
// the files that a report is.
//
// The one idea: a measurement says what there is to show, as a [Report], and nothing about files; [Write] makes of it report.json for
// programs, report.txt and report.html for people, and each drawing as an SVG of its own for pages elsewhere. The HTML is one
// file that needs nothing else: the templates "head", "tiles", "charts" and "foot" are around and between what a measurement's own template says.
package page
