package compile

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Source is a commit of a repository.
type Source struct {
	Commit string
	At     time.Time // when it was made: the time that everything in a release bears
	Dirty  []string  // files that are not as the commit has them
}

// Head is what lies in the folder.
func Head(ctx context.Context, root string) (Source, error) {
	out, err := git(ctx, root, "show", "-s", "--format=%H %ct", "HEAD")
	if err != nil {
		return Source{}, err
	}
	hash, at, _ := strings.Cut(strings.TrimSpace(out), " ")
	sec, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return Source{}, fmt.Errorf("the time of commit %s: %w", hash, err)
	}
	status, err := git(ctx, root, "status", "--porcelain", "--untracked-files=all")
	if err != nil {
		return Source{}, err
	}
	s := Source{Commit: hash, At: time.Unix(sec, 0).UTC()}
	for line := range strings.Lines(status) {
		s.Dirty = append(s.Dirty, strings.TrimSpace(line))
	}
	return s, nil
}

// Tagged refuses a version whose tag is on another commit. There need be none yet.
func Tagged(ctx context.Context, root, tag, commit string) error {
	out, err := git(ctx, root, "for-each-ref", "--format=%(objectname) %(*objectname)", "refs/tags/"+tag)
	if err != nil || strings.TrimSpace(out) == "" {
		return err
	}
	of, peeled, _ := strings.Cut(strings.TrimSpace(out), " ")
	if peeled != "" { // a tag with a message or a signature is an object of its own
		of = peeled
	}
	if of != commit {
		return fmt.Errorf("the tag %s is on %s, and not on %s", tag, of, commit)
	}
	return nil
}

// Export writes the files of a commit into a folder that is there, without their history.
func Export(ctx context.Context, root, commit, into string) error {
	archive := exec.CommandContext(ctx, "git", "archive", "--format=tar", commit)
	archive.Dir = root
	var stderr bytes.Buffer
	archive.Stderr = &stderr
	unpack := exec.CommandContext(ctx, "tar", "-xf", "-", "-C", into)
	pipe, err := archive.StdoutPipe()
	if err != nil {
		return err
	}
	unpack.Stdin = pipe
	if err := archive.Start(); err != nil {
		return err
	}
	out, failed := unpack.CombinedOutput()
	if err := archive.Wait(); err != nil {
		return fmt.Errorf("git archive: %w: %s", err, stderr.String())
	}
	if failed != nil {
		return fmt.Errorf("unpacking: %w: %s", failed, out)
	}
	return nil
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

func goEnv(ctx context.Context, key string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", key).Output()
	if err != nil {
		return "", fmt.Errorf("go env %s: %w", key, err)
	}
	return strings.TrimSpace(string(out)), nil
}
