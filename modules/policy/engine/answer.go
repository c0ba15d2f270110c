package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// parseDecision reads {allow, reason, allow_truncated, obligations: {step_up, max_age, mask, encrypt, tier, log, expires, incident}}. Only allow is required. A member of another
// type than it must have makes the whole malformed: an obligation that can't be read can't be met.
func parseDecision(v any) (d Decision, err error) {
	o, ok := v.(ast.Object)
	if !ok {
		return d, errors.New("it is no object")
	}
	allow := o.Get(kAllow)
	if allow == nil {
		return d, errors.New("allow is missing")
	}
	var read Decision
	if err := errors.Join(
		boolean(allow, "allow", &read.Allow),
		text(o.Get(kReason), "reason", &read.Reason),
		boolean(o.Get(kAllowTruncated), "allow_truncated", &read.truncated),
		obligations(o.Get(kObligations), &read.Obligations),
	); err != nil {
		return d, err
	}
	if read.Allow && read.Obligations.StepUp {
		return d, errors.New("it allows and asks for a step up")
	}
	return read, nil
}

func obligations(t *ast.Term, to *Obligations) error {
	if t == nil {
		return nil
	}
	o, ok := t.Value.(ast.Object)
	if !ok {
		return errors.New("obligations is no object")
	}
	return errors.Join(
		boolean(o.Get(kStepUp), "step_up", &to.StepUp),
		seconds(o.Get(kMaxAge), "max_age", &to.MaxAge),
		texts(o.Get(kMask), "mask", &to.Mask),
		text(o.Get(kTier), "tier", &to.Tier),
		texts(o.Get(kEncrypt), "encrypt", &to.Encrypt),
		text(o.Get(kLog), "log", &to.Log),
		seconds(o.Get(kExpires), "expires", &to.Expires),
		text(o.Get(kIncident), "incident", &to.Incident),
	)
}

func boolean(t *ast.Term, name string, to *bool) error {
	if t == nil {
		return nil
	}
	b, ok := t.Value.(ast.Boolean)
	if !ok {
		return fmt.Errorf("%s is no boolean", name)
	}
	*to = bool(b)
	return nil
}

// longest is more than any session lasts.
const longest = 366 * 24 * time.Hour

func seconds(t *ast.Term, name string, to *time.Duration) error {
	if t == nil {
		return nil
	}
	n, ok := t.Value.(ast.Number)
	if !ok {
		return fmt.Errorf("%s is no number", name)
	}
	s, ok := n.Int64()
	if !ok || s < 0 || s > int64(longest/time.Second) {
		return fmt.Errorf("%s is no whole number of seconds up to a year", name)
	}
	*to = time.Duration(s) * time.Second
	return nil
}

func text(t *ast.Term, name string, to *string) error {
	if t == nil {
		return nil
	}
	s, ok := t.Value.(ast.String)
	if !ok {
		return fmt.Errorf("%s is no string", name)
	}
	*to = string(s)
	return nil
}

func texts(t *ast.Term, name string, to *[]string) error {
	if t == nil {
		return nil
	}
	var err error
	each := func(item *ast.Term) {
		var s string
		if e := text(item, "an element of "+name, &s); e != nil {
			err = e
		}
		*to = append(*to, s)
	}
	switch v := t.Value.(type) {
	case *ast.Array:
		v.Foreach(each)
	case ast.Set:
		v.Foreach(each)
	default:
		return fmt.Errorf("%s is no list", name)
	}
	return err
}
