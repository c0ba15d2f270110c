package arch

import (
	"slices"
	"strings"
	"testing"
)

func TestEnginesNeverLinkCaddy(t *testing.T) {
	for _, p := range packages(t) {
		if k, _ := place(p.ImportPath); k == engine && links(p, caddy) {
			t.Errorf("%s is an engine but links Caddy, by one of %q", p.ImportPath, imports(p, module))
		}
	}
}

func TestAppsAndHandlersNeverImportEachOther(t *testing.T) {
	for _, p := range packages(t) {
		k, owner := place(p.ImportPath)
		if k != top && k != glue && k != engine {
			continue
		}
		for _, i := range p.Imports {
			if ik, iowner := place(i); ik == top && iowner != owner {
				t.Errorf("%s imports %s: declare the methods it needs as an interface, and get the app by name", p.ImportPath, i)
			}
		}
	}
}

func TestOnlyHandlersKnowTheGlue(t *testing.T) {
	for _, p := range packages(t) {
		if k, _ := place(p.ImportPath); k != engine {
			continue
		}
		for _, i := range p.Imports {
			if ik, name := place(i); ik == glue {
				t.Errorf("%s is an engine but imports %s", p.ImportPath, name)
			}
		}
	}
}

func TestBackendAndModulesAreStrangers(t *testing.T) {
	for _, p := range packages(t) {
		switch {
		case strings.HasPrefix(p.ImportPath, module+"/backend"):
			if links(p, strings.TrimSuffix(modules, "/")) {
				t.Errorf("%s links packages of the gateway", p.ImportPath)
			}
			if links(p, caddy) {
				t.Errorf("%s links Caddy", p.ImportPath)
			}
		case strings.HasPrefix(p.ImportPath, modules):
			if links(p, module+"/backend") {
				t.Errorf("%s links the back end: nothing in the modules may know it", p.ImportPath)
			}
		}
	}
}

// Others take single modules into their own Caddy: each brings its own engine and no other's.
func TestHandlersLinkOnlyTheirOwnEngines(t *testing.T) {
	may := map[string][]string{
		coraza: {"waf"},
		opa:    {"policy", "authorize", "portal", "console"}, // the ones that ask the policy
	}
	for _, p := range packages(t) {
		k, owner := place(p.ImportPath)
		if k != top && k != glue {
			continue
		}
		for _, lib := range []string{coraza, opa} {
			if links(p, lib) && !slices.Contains(may[lib], owner) {
				t.Errorf("%s links %s, which only %q may", p.ImportPath, lib, may[lib])
			}
		}
	}
}

// Commands hold no code of their own: what they do is registered by the packages that own it.
func TestCommandsImportLittle(t *testing.T) {
	may := map[string][]string{
		module + "/cmd/convosphere": {caddy + "/modules/standard", modules + "standard", modules + "standard/program", modules + "standard/xconnect"},
	}
	seen := 0
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.ImportPath, module+"/cmd/") {
			continue
		}
		seen++
		for _, i := range p.Imports {
			switch {
			case !strings.Contains(i, "."): // the standard library
			case slices.Contains(may[p.ImportPath], i):
			case p.ImportPath == module+"/cmd/chat" && strings.HasPrefix(i, module+"/backend"):
			default:
				t.Errorf("%s imports %s", p.ImportPath, i)
			}
		}
	}
	if seen != 2 {
		t.Errorf("found %d commands, want convosphere and chat", seen)
	}
}

// What an engine does in the database it does in both: its tests run over SQLite and PostgreSQL.
func TestEnginesAreTestedOverBothDatabases(t *testing.T) {
	const base, both = modules + "internal/database", modules + "internal/dbtest"
	for _, p := range packages(t) {
		tests := slices.Concat(p.TestImports, p.XTestImports)
		if k, _ := place(p.ImportPath); k == engine && p.ImportPath != both && slices.Contains(tests, base) && !slices.Contains(tests, both) {
			t.Errorf("the tests of %s open a database without dbtest", p.ImportPath)
		}
		if links(p, both) && p.ImportPath != both {
			t.Errorf("%s links dbtest, which is for tests", p.ImportPath)
		}
	}
}

// The tests of this folder see the gateway from outside, as its users do.
func TestTestsStandOutside(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.ImportPath, module+"/test/") {
			continue
		}
		for _, i := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			// standard is what the gateway is made of, program its command line.
			if strings.HasPrefix(i, modules) && i != modules+"standard" && i != modules+"standard/program" {
				t.Errorf("%s imports %s", p.ImportPath, i)
			}
		}
	}
}
