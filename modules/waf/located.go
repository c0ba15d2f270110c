package waf

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/debuglog"

	"github.com/convosphere/gateway/modules/waf/seclang"
)

// located adds to an error of loading the text the file and line of the directive that Coraza stopped at, which it does not say. It loads the text once more
// and counts.
func located(text string, err error) error {
	count := &counting{Logger: debuglog.Noop(), n: new(int)}
	files := new(rulesFS).again()
	if _, same := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(files).WithDebugLogger(count).WithDirectives(text)); same == nil {
		return err // a file that has changed just now
	}
	at, ok := seclang.Find(text, files, *count.n)
	why := strings.TrimPrefix(err.Error(), "invalid WAF config from string: ") // it is not the operator's
	if !ok || at.File == "" {                                                  // a line of ours, as an Include whose file is not there
		return errors.New(why)
	}
	const around = "failed to parse string: " // once for each file that includes the next
	if i := strings.LastIndex(why, around); i >= 0 {
		why = why[i+len(around):]
	}
	return fmt.Errorf("%s:%d: %s", at.File, at.Line, why)
}

// counting is a debug logger that counts the directives as Coraza comes to them, whatever the level that a file sets.
type counting struct {
	debuglog.Logger
	n *int
}

func (c *counting) WithOutput(io.Writer) debuglog.Logger          { return c }
func (c *counting) WithLevel(debuglog.Level) debuglog.Logger      { return c }
func (c *counting) With(...debuglog.ContextField) debuglog.Logger { return c }
func (c *counting) Debug() debuglog.Event                         { return step{c.Logger.Debug(), c.n} }

type step struct {
	debuglog.Event
	n *int
}

func (c step) Str(string, string) debuglog.Event { return c }

func (c step) Msg(msg string) {
	if msg == "Parsing directive" {
		*c.n++
	}
}

// lines are the options that name files of rules, by the name.
type lines struct {
	first  caddyfile.Token
	byName map[string]caddyfile.Token
}

func (l *lines) add(at caddyfile.Token, names []string) {
	if l.byName == nil {
		l.first, l.byName = at, map[string]caddyfile.Token{}
	}
	for _, n := range names {
		l.byName[n] = at
	}
}

// wrap gives the error the line of the option that names its file, or of the first one.
func (l *lines) wrap(err error) error {
	at, longest := l.first, 0
	for name, t := range l.byName {
		if len(name) > longest && strings.Contains(err.Error(), name) {
			at, longest = t, len(name)
		}
	}
	d := caddyfile.NewDispenser([]caddyfile.Token{at})
	d.Next()
	return d.Errf("%s: %v", at.Text, err)
}
