package engine

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"
	"github.com/open-policy-agent/opa/v1/version"
)

// Guarded are the built-in functions that reach outside: the network, names, the environment. A module that uses one of these
// does not compile, unless it is allowed.
var Guarded = []string{"http.send", "net.lookup_ip_addr", "opa.runtime"}

// Option changes what a policy may use.
type Option func(*options)

type options struct {
	allow     []string // of Guarded
	hosts     []string // that these may reach
	functions []Function
}

// Allow lets a policy use some of Guarded, and reach the named hosts with them and no other. Decisions of a policy that does are
// never remembered.
func Allow(functions, hosts []string) Option {
	return func(o *options) { o.allow, o.hosts = append(o.allow, functions...), append(o.hosts, hosts...) }
}

// Function is a built-in function of ours.
type Function struct {
	Name, Description string
	Type              *types.Function
	// Steady tells that the same arguments give the same result as long as the snapshot lives. A decision that called one that is
	// not steady is not remembered.
	Steady bool
	// Call gives the result, never nil. It is called by many evaluations at once; bctx.Context carries the request's values
	// but not its cancellation.
	Call func(bctx topdown.BuiltinContext, arguments []*ast.Term) (*ast.Term, error)
}

// WithFunctions gives a policy built-in functions, beside OPA's.
func WithFunctions(f ...Function) Option {
	return func(o *options) { o.functions = append(o.functions, f...) }
}

func gather(opts []Option) (*options, error) {
	o := &options{hosts: []string{}} // not nil: that would allow all
	for _, set := range opts {
		set(o)
	}
	for _, name := range o.allow {
		if !slices.Contains(Guarded, name) {
			return nil, fmt.Errorf("%q can't be allowed: %s can", name, strings.Join(Guarded, ", "))
		}
	}
	if !slices.ContainsFunc(o.functions, func(f Function) bool { return f.Name == grantsName }) {
		o.functions = append(o.functions, grantsFunction(nil))
	}
	return o, nil
}

// capabilities are OPA's, without what is guarded and not allowed, and with our functions.
func (o *options) capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool {
		return slices.Contains(Guarded, b.Name) && !slices.Contains(o.allow, b.Name)
	})
	for _, f := range o.functions {
		c.Builtins = append(c.Builtins, f.declaration())
	}
	c.AllowNet = o.hosts
	return c
}

func (f *Function) declaration() *ast.Builtin {
	return &ast.Builtin{Name: f.Name, Description: f.Description, Decl: f.Type, Nondeterministic: !f.Steady}
}

// builtins are our functions as an evaluation calls them.
func (o *options) builtins() map[string]*topdown.Builtin {
	if len(o.functions) == 0 {
		return nil
	}
	m := make(map[string]*topdown.Builtin, len(o.functions))
	for _, f := range o.functions {
		m[f.Name] = &topdown.Builtin{Decl: f.declaration(), Func: func(bctx topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
			result, err := f.Call(bctx, args)
			if err == nil && result == nil {
				// OPA keeps account of calls by their results: without one a decision would seem to depend on none.
				err = errors.New(f.Name + " gives no result")
			}
			if err != nil {
				failed := &topdown.Error{Code: topdown.BuiltinErr, Message: f.Name + ": " + err.Error(), Location: bctx.Location}
				return topdown.Halt{Err: failed.Wrap(err)}
			}
			return iter(result)
		}}
	}
	return m
}

// runtime is what opa.runtime() gives where it is allowed: the environment, which holds secrets as a rule.
func (o *options) runtime() *ast.Term {
	if !slices.Contains(o.allow, "opa.runtime") {
		return nil
	}
	env := ast.NewObject()
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		env.Insert(ast.StringTerm(name), ast.StringTerm(value))
	}
	return ast.ObjectTerm(pair{ast.StringTerm("env"), ast.NewTerm(env)}, pair{ast.StringTerm("version"), ast.StringTerm(version.Version)})
}
