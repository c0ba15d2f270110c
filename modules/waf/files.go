package waf

import (
	"fmt"
	"path/filepath"
	"strings"
)

// The parts of a plugin of the Core Rule Set, as its plugin template names them.
const (
	pluginConfig = "*-config.conf"
	pluginBefore = "*-before.conf"
	pluginAfter  = "*-after.conf"
)

// validateFile refuses what can't be written into an Include: quotes and ends of lines, and what Coraza's reader takes for more
// than a name (a backslash joins lines, a back tick opens a block).
func validateFile(directive, name string, pattern bool) error {
	forbidden := "\"\n\r`\\\x00"
	if !pattern {
		forbidden += "*?["
	}
	switch {
	case name == "" || name != strings.TrimSpace(name) || strings.ContainsAny(name, forbidden):
		return fmt.Errorf("%s %q: no file can be called so", directive, name)
	case directive == "plugin" && strings.Contains(name, "@"):
		return fmt.Errorf("plugin %q: an @ stands for the rules in the binary", name)
	}
	return nil
}

// validatePlugin refuses a folder without any part of a plugin. It asks the disk.
func validatePlugin(folder string) error {
	for _, part := range []string{pluginConfig, pluginBefore, pluginAfter} {
		names, err := filepath.Glob(filepath.Join(folder, part))
		if err != nil {
			return fmt.Errorf("plugin %s: %w", folder, err)
		}
		if len(names) > 0 {
			return nil
		}
	}
	return fmt.Errorf("plugin %s: it holds no file %s, %s or %s", folder, pluginConfig, pluginBefore, pluginAfter)
}

func include(b *strings.Builder, folders []string, part string) {
	for _, f := range folders {
		fmt.Fprintf(b, "Include %s\n", filepath.Join(f, part))
	}
}
