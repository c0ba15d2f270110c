package docs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// takes says what is wrong with the calls of convosphere in a line of a shell: an unknown command or flag, or arguments too few or too many.
func takes(line string) error {
	for _, part := range split(line) {
		words := part
		for len(words) > 0 && (strings.Contains(words[0], "=") || slices.Contains([]string{"sudo", "exec", "$", "if", "!", "then", "do", "-u", "convosphere:"}, words[0])) {
			words = words[1:]
		}
		if len(words) == 0 || words[0] != "convosphere" {
			continue
		}
		if err := parses(words[1:]); err != nil {
			return err
		}
	}
	return nil
}

func parses(args []string) error {
	if len(args) > 0 && slices.Contains(ofCaddy, args[0]) {
		return nil // Caddy's own, of which main adds some
	}
	top := program()
	cmd, rest, err := top.Find(args)
	if err != nil {
		return err
	}
	if cmd == top {
		return fmt.Errorf("no command in %q", args)
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// split cuts a line of a shell into commands and words, as far as examples need it: quotes, pipes, redirections, comments.
func split(line string) (commands [][]string) {
	var words []string
	var word strings.Builder
	var quote rune
	inWord := false
	end := func() {
		if inWord {
			words = append(words, word.String())
		}
		word.Reset()
		inWord = false
	}
	next := func() {
		end()
		if len(words) > 0 {
			commands = append(commands, words)
		}
		words = nil
	}
	skip := false // what a redirection names
	for _, r := range line {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == '#' && !inWord:
			next()
			return commands
		case strings.ContainsRune("|&;()", r):
			next()
			skip = false
		case r == '>' || r == '<':
			end()
			skip = true
		case r == ' ' || r == '\t':
			if skip && inWord {
				word.Reset()
				inWord, skip = false, false
			}
			end()
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if skip {
		inWord = false
	}
	next()
	return commands
}

func TestSplit(t *testing.T) {
	for line, want := range map[string]string{
		`a "b c" d`:               `[[a b c d]]`,
		`a | b - --x 1 && c; d`:   `[[a] [b - --x 1] [c] [d]]`,
		`a b >file c # d`:         `[[a b c]]`,
		`curl -s 'x|y' | a <in`:   `[[curl -s x|y] [a]]`,
		`x=$(convosphere ban ls)`: `[[x=$] [convosphere ban ls]]`,
	} {
		if got := fmt.Sprint(split(line)); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
	for line, wrong := range map[string]string{
		"convosphere ban list --source x": "", "convosphere ban lift 192.0.2.1": "unknown command", "convosphere ban add": "PREFIX is missing",
		"sudo convosphere ban list --sauce x": "unknown flag", "echo convosphere bans": "", "A=b convosphere": "no command",
	} {
		err := takes(line)
		if (err == nil) != (wrong == "") || err != nil && !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v, want %q", line, err, wrong)
		}
	}
}
