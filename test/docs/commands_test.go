package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var (
	tableRow = regexp.MustCompile("(?m)^\\| `convosphere (.+?)` \\| ")
	options  = regexp.MustCompile(`\[[^\[\]]*(\[[^\[\]]*\])?[^\[\]]*\]`)
	name     = regexp.MustCompile(`^[a-z][a-z-]*$`)
)

// named are the commands of a row in the table of docs/commands.md, as `user add`: what stands between bars is instead of each other, and what follows of it, an option or an argument, is none of the name.
func named(row string) (paths []string) {
	row = options.ReplaceAllString(strings.ReplaceAll(row, `\|`, "|"), "")
	first, rest, _ := strings.Cut(row, " ")
	if strings.Contains(first, "|") {
		return strings.Split(first, "|")
	}
	prefix, alternatives := first, strings.Split(rest, "|")
	if words := strings.Fields(alternatives[0]); len(words) > 1 && name.MatchString(words[0]) && name.MatchString(words[1]) {
		prefix, alternatives[0] = prefix+" "+words[0], words[1]
	}
	for _, a := range alternatives {
		if words := strings.Fields(a); len(words) > 0 && name.MatchString(words[0]) {
			paths = append(paths, prefix+" "+strings.Join(words, " "))
		}
	}
	if paths == nil {
		paths = []string{strings.TrimSpace(prefix + " " + rest)}
	}
	return paths
}

// command is the name alone, without arguments and flags.
func command(path string) string {
	words := strings.Fields(path)
	for i, w := range words {
		if !name.MatchString(w) {
			return strings.Join(words[:i], " ")
		}
	}
	return path
}

// The table of docs/commands.md has every command, once, and none that there is not.
func TestPageHasEveryCommand(t *testing.T) {
	var all, seen []string
	walk(program(), func(cmd *cobra.Command) {
		if !cmd.HasSubCommands() { // others list what is below them, or have a row all the same
			all = append(all, strings.TrimPrefix(cmd.CommandPath(), "convosphere "))
		}
	})
	var commands []string
	for _, m := range tableRow.FindAllStringSubmatch(read(t, "docs/commands.md").text, -1) {
		for _, path := range named(m[1]) {
			if slices.Contains(seen, path) {
				t.Errorf("docs/commands.md has `%s` twice", path)
			}
			seen, commands = append(seen, path), append(commands, command(path))
		}
	}
	for _, c := range all {
		if !slices.Contains(commands, c) {
			t.Errorf("docs/commands.md does not have `%s`", c)
		}
	}
	for _, c := range commands {
		if _, rest, err := program().Find(strings.Fields(c)); err != nil || len(rest) > 0 {
			t.Errorf("docs/commands.md has `%s`, which is no command", c)
		}
	}
}

func TestNamed(t *testing.T) {
	for in, want := range map[string][]string{
		`user add\|list NAME`:                       {"user add", "user list NAME"},
		`backup\|restore FILE`:                      {"backup", "restore"},
		`keys list --sets\|rotate SET`:              {"keys list --sets", "keys rotate SET"},
		`keys list\|rotate [--withdraw]`:            {"keys list", "keys rotate"},
		`policy data put\|rm`:                       {"policy data put", "policy data rm"},
		`policy explain METHOD PATH\|FILE\|--event`: {"policy explain METHOD PATH"},
		`demo [--listen ADDR]`:                      {"demo"},
		`report a [--format html\|json] [-o FILE]`:  {"report a"},
		`directive [NAME [SECTION]]`:                {"directive"},
	} {
		if got := named(in); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}
