package authorize

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/convosphere/gateway/test/golden"
)

func TestCaddyfiles(t *testing.T) { golden.Caddyfiles(t) }

// The routes of the chat adapt, and come back from their JSON as they are.
func TestChatRoutes(t *testing.T) {
	h := chatRoutes(t)
	if len(h.Routes) != 11 || len(h.Sockets) != 1 {
		t.Fatalf("%d routes, %d sockets", len(h.Routes), len(h.Sockets))
	}
	raw, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var back Handler
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if _, err := compileRoutes(back.Routes, back.Sockets); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil || !bytes.Equal(raw, again) {
		t.Fatalf("%v\n%s\n%s", err, raw, again)
	}
}

// chatRoutes is the handler of the example that is shipped.
func chatRoutes(t testing.TB) *Handler {
	t.Helper()
	file, err := filepath.Abs("../../caddyfiles/chat-routes.caddy")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if formatted := caddyfile.Format(raw); !bytes.Equal(formatted, raw) {
		t.Errorf("caddy fmt gives\n%s", formatted)
	}
	out, err := golden.Adapt(":8080\ngw_authorize {\n\taudience chat\n\tprotected\n\timport " + file + "\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct {
					Routes []struct {
						Handle []json.RawMessage
					}
				}
			}
		}
	}
	if err := json.Unmarshal(out, &config); err != nil {
		t.Fatal(err)
	}
	h := new(Handler)
	if err := json.Unmarshal(config.Apps.HTTP.Servers["srv0"].Routes[0].Handle[0], h); err != nil {
		t.Fatal(err)
	}
	return h
}

// Mistakes name the file, the line and the fix.
func TestBadCaddyfiles(t *testing.T) {
	for body, want := range map[string]string{
		"audience":                           "wrong argument count",
		"audience a b":                       "wrong argument count",
		"audience a\naudience b":             "audience is given twice",
		"audeince chat":                      `unknown subdirective "audeince": gw_authorize knows audience`,
		"max_answer much":                    "write a size",
		"max_answer 0":                       "write a size",
		"body_memory 0":                      "write a size",
		"body_memory 1023KiB":                "at least 1.0 MiB",
		"body_memory 1MiB\nbody_memory 1MiB": "body_memory is given twice",
		"route POST /x {\npermission p\nbody 2MiB\n}":                                              "`body <size>` up to 1MiB",
		"route POST /x {\npermission p\nbody 1KiB 2KiB\n}":                                         "`body <size>` up to 1MiB",
		"route POST /x {\npermission p\nbody\nbody\n}":                                             "body is given twice",
		"route POST /x {\npermission p\nclassification secret\n}":                                  "it is one of public, internal, confidential, restricted",
		"route POST /x {\npermission p\ntarget {http.gw.request.json.a}\n}":                        "nothing here is called {http.gw.request.json.a}",
		"socket /x {\npermission p\nbody\n}":                                                       `unknown subdirective "body"`,
		"public":                                                                                   "wrong argument count",
		"public POST":                                                                              "wrong argument count",
		"public get /x":                                                                            "upper case",
		"route GET":                                                                                "write `route <methods> <path>",
		"route GET /x":                                                                             "permission is missing",
		"route GET x {\npermission p\n}":                                                           "must begin with a slash",
		"route GET /x/ {\npermission p\n}":                                                         "two slashes together, nor end in one",
		"route GET /x/* {\npermission p\n}":                                                        "write {name} or {name...}",
		"route GET /x/%2e {\npermission p\n}":                                                      "plain text in place of %-encoding",
		"route GET /../x {\npermission p\n}":                                                       "dot segment",
		"route GET /{a}/{a} {\npermission p\n}":                                                    "{a} stands twice",
		"route GET /{a...}/x {\npermission p\n}":                                                   "must stand at the end",
		"route GET /a{b} {\npermission p\n}":                                                       "fills a whole segment",
		"route GET /{a-b} {\npermission p\n}":                                                      "letters, digits and underscores",
		"route GET /{file} {\npermission p\n}":                                                     "Caddy's own short names",
		"route HEAD /x {\npermission p\n}":                                                         "decided as GET",
		"route GET,get /x {\npermission p\n}":                                                      "upper case",
		"route GET /x {\npermision p\n}":                                                           `unknown subdirective "permision": route knows`,
		"route GET /x {\npermission p q\n}":                                                        "wrong argument count",
		"route GET /x {\npermission p\npermission q\n}":                                            "permission is given twice",
		"route GET /x {\npermission p\nresource room:{id}\n}":                                      "nothing here is called {id}",
		"route GET /{x...} {\npermission p\nresource room:{x}\n}":                                  "nothing here is called {x}",
		"route GET /{id} {\npermission p\nresource {id}\n}":                                        "write an object as type:id",
		"route GET /{id} {\npermission p\nresource Room:{id}\n}":                                   "the type in lower case",
		"route GET /{id} {\npermission p\nresource room:{id\n}":                                    "a brace has no partner",
		"route GET /{id} {\npermission p\nresource a:{id} of b:{id}\n}":                            "write an object, as room:{room}, or one in another",
		"route GET /{id} {\npermission p\nresource a:{id}\nresource a:{id}\n}":                     "resource is given twice",
		"route GET /{id} {\npermission p\ntarget {user}\n}":                                        "nothing here is called {user}",
		"route GET /x {\npermission p\nfilter rooms room:read\n}":                                  "write `filter <member> <permission> <object>`",
		"route GET /x {\npermission p\non 500 grant a b:c\n}":                                      "only answers from 200 to 299",
		"route GET /x {\npermission p\non ok grant a b:c\n}":                                       "it is no status",
		"route GET /x {\npermission p\non 201 give a b:c\n}":                                       "write grant or revoke",
		"route GET /x {\npermission p\non 201 grant b:c d e\n}":                                    "write `grant <relation> <object>",
		"route GET /x {\npermission p\non 201 grant owner b:c to d:e\n}":                           "only the relation parent is granted to an object",
		"route GET /x {\npermission p\non 201 grant parent b:c\n}":                                 "the parent is missing",
		"route GET /x {\npermission p\non 201 grant owner b:c if {http.gw.response.json.v} = x\n}": "write the condition as",
		"route GET /x {\npermission p\non 201 grant owner b:{id}\n}":                               "nothing here is called {id}",
		"route GET /x {\npermission p\non 204 revoke * b:c\n}":                                     "leave the relation out",
		"route GET /x {\npermission p\n}\nroute GET /x {\npermission q\n}":                         "can't be told apart",
		"route GET /x {\npermission p\n}\nroute GET /X {\npermission q\n}":                         "can't be told apart",
		"route GET /{a} {\npermission p\n}\nroute GET /{b} {\npermission q\n}":                     "can't be told apart",
		"route GET /x {\npermission p\n}\nsocket GET /x {\npermission q\n}":                        "can't be told apart",
		"socket POST /x":                                                 "write `socket GET <path>",
		"socket /x {\ntyp t\n}":                                          `unknown subdirective "typ": socket knows`,
		"socket /x {\npermission p\nin\n}":                               "name the types",
		"socket /x {\npermission p\nin a\n}":                             "permission is missing",
		"socket /x {\npermission p\nin a {\ngrant x a:b\n}\n}":           "in knows permission, resource, target, classification, body and drop",
		"socket /x {\npermission p\nout a\n}":                            "otherwise write `pass`",
		"socket /x {\npermission p\npass\n}":                             "wrong argument count",
		"socket /x {\npermission p\npass a\nout a {\npermission q\n}\n}": "given twice",
		"socket /x {\npermission p\nin a a {\npermission q\n}\n}":        "given twice",
	} {
		_, err := golden.Adapt(":8080\ngw_authorize {\n" + body + "\n}\n")
		if err == nil {
			t.Errorf("%s: no error", body)
			continue
		}
		ok := strings.Contains(err.Error(), "Caddyfile:")
		found := false
		for _, w := range strings.Split(want, "|") {
			found = found || strings.Contains(err.Error(), w)
		}
		if !ok || !found {
			t.Errorf("%s\n\tsays  %v\n\tnot   %s", body, err, want)
		}
	}
}
