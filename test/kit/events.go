package kit

import (
	"bufio"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
)

// Events reads the node's event file. Every line must be one JSON object.
func (n *Node) Events(t T) []Frame {
	t.Helper()
	var all []Frame
	for _, file := range n.EventFiles(t) {
		f, err := os.Open(file)
		if err != nil {
			t.Fatalf("events: %v", err)
		}
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			e := Frame{}
			if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
				t.Errorf("events: a line is no JSON object: %v: %.300s", err, sc.Text())
				continue
			}
			all = append(all, e)
		}
		err = sc.Err()
		f.Close()
		if err != nil {
			t.Fatalf("events: %s: %v", file, err)
		}
	}
	return all
}

// EventFiles lists the node's event files.
func (n *Node) EventFiles(t T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(n.Data, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && filepath.Base(filepath.Dir(path)) == "events" && filepath.Ext(path) == ".jsonl" {
			files = append(files, path)
		}
		return nil // a file that has just gone is none of ours
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("events: no file below %s (%v)", n.Data, err)
	}
	return files
}
