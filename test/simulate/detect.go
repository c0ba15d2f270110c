package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// detected has a gateway's binary replay the events while they are made, and scores what it finds.
func detected(o options, program string, rules string, stderr io.Writer) (*report, error) {
	dir, err := os.MkdirTemp("", "simulate-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	findings, err := os.Create(filepath.Join(dir, "findings.jsonl"))
	if err != nil {
		return nil, err
	}
	defer findings.Close()
	truthFile, err := os.Create(filepath.Join(dir, "truth.jsonl"))
	if err != nil {
		return nil, err
	}
	defer truthFile.Close()
	if err := pipe(o, program, rules, findings, truthFile, stderr); err != nil {
		return nil, err
	}
	for _, f := range []*os.File{findings, truthFile} {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
	}
	k, err := readTruth(truthFile)
	if err != nil {
		return nil, err
	}
	return k.score(findings)
}

// pipe sends the events of a world to the program.
func pipe(o options, program, rules string, findings, truthFile io.Writer, stderr io.Writer) error {
	args := []string{"detect", "replay", "-", "--json"}
	if rules != "" {
		args = append(args, "--rules", rules)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = findings, stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w := newWorld(o, in, truthFile)
	err = errors.Join(w.run(), in.Close())
	if ended := cmd.Wait(); ended != nil {
		return fmt.Errorf("%s %v: %w", program, args, errors.Join(ended, err))
	}
	return err
}

// show prints a report, and keeps it as JSON where a file is named.
func show(r *report, file string, stdout io.Writer) error {
	if file != "" {
		b, err := json.MarshalIndent(r, "", "\t")
		if err == nil {
			err = os.WriteFile(file, append(b, '\n'), 0o644)
		}
		if err != nil {
			return err
		}
	}
	return r.write(stdout)
}
