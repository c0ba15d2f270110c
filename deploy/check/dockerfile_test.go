package check

import (
	"fmt"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// parseDockerfile reads it as BuildKit does; what its linter says is in complaints.
func parseDockerfile(text string) (stages []instructions.Stage, complaints []string, err error) {
	result, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	lint := linter.New(&linter.Config{Warn: func(rule, description, _, message string, _ []parser.Range) {
		complaints = append(complaints, fmt.Sprintf("%s: %s (%s)", rule, message, description))
	}})
	stages, _, err = instructions.Parse(result.AST, lint)
	for _, w := range result.Warnings {
		complaints = append(complaints, w.Short)
	}
	return stages, complaints, err
}

// faults are what is wrong with an image that such a Dockerfile makes.
func faults(text, goVersion string) ([]string, error) {
	stages, bad, err := parseDockerfile(text)
	if err != nil {
		return nil, err
	}
	for _, s := range stages {
		switch {
		case s.BaseName == "golang:"+goVersion+"-bookworm":
		case s.BaseName == "scratch":
			bad = append(bad, faultsOfImage(s)...)
		default:
			bad = append(bad, fmt.Sprintf("stage %s begins from %q: only the Go of go.mod (%s) and scratch may be", s.Name, s.BaseName, goVersion))
		}
	}
	return bad, nil
}

func faultsOfImage(s instructions.Stage) (bad []string) {
	user, entry := "", false
	for _, c := range s.Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.EntrypointCommand:
			entry = !c.PrependShell
		case *instructions.AddCommand, *instructions.RunCommand:
			bad = append(bad, fmt.Sprintf("stage %s: %s in an image from scratch", s.Name, c.Name()))
		case *instructions.CopyCommand:
			if c.From != "build" {
				bad = append(bad, fmt.Sprintf("stage %s: copies from %q, not from the build", s.Name, c.From))
			}
		}
	}
	if user != "65532:65532" {
		bad = append(bad, fmt.Sprintf("stage %s: runs as %q", s.Name, user))
	}
	if !entry {
		bad = append(bad, fmt.Sprintf("stage %s: no entry point, or one by a shell", s.Name))
	}
	return bad
}

func TestDockerfile(t *testing.T) {
	text := read(t, "deploy", "Dockerfile")
	bad, err := faults(text, goVersion(t))
	if err != nil || len(bad) > 0 {
		t.Fatalf("%v\n%s", err, strings.Join(bad, "\n"))
	}
	stages, _, _ := parseDockerfile(text)
	if last := stages[len(stages)-1].Name; last != "gateway" {
		t.Errorf("without a target, %q is built", last)
	}
}

// What TestDockerfile looks for is found where it is.
func TestDockerfileFaultsAreFound(t *testing.T) {
	text, version := read(t, "deploy", "Dockerfile"), goVersion(t)
	for name, change := range map[string][2]string{
		"root":          {"USER 65532:65532\n", ""},
		"a name":        {"USER 65532:65532", "USER convosphere"},
		"another Go":    {"golang:" + version, "golang:1.20"},
		"a base":        {"FROM scratch AS gateway", "FROM debian:latest AS gateway"},
		"ADD":           {"VOLUME [\"/var/lib/convosphere\"]", "ADD https://example.com/x /x"},
		"from the host": {"COPY --from=build /trees/gateway/ /", "COPY . /"},
		"a shell":       {`ENTRYPOINT ["/convosphere"]`, "ENTRYPOINT /convosphere"},
		"what is gone":  {"ENV HOME=/var/lib/chat", "ENV HOME=/var/lib/chat\nMAINTAINER somebody"},
	} {
		if !strings.Contains(text, change[0]) {
			t.Errorf("%s: the Dockerfile has no %q", name, change[0])
			continue
		}
		if bad, err := faults(strings.ReplaceAll(text, change[0], change[1]), version); err == nil && len(bad) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
}
