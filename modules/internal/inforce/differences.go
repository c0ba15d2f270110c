package inforce

import (
	"maps"
	"slices"
)

// Differences are what two flat configurations differ in, a line each, by the names of settings: "- name = was", "+ name = is".
func Differences(was, is []Setting) (lines []string) {
	before, after := byName(was), byName(is)
	names := maps.Clone(before)
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		old, there := before[name]
		fresh, stays := after[name]
		if there && (!stays || old != fresh) {
			lines = append(lines, "- "+name+" = "+old)
		}
		if stays && (!there || old != fresh) {
			lines = append(lines, "+ "+name+" = "+fresh)
		}
	}
	return lines
}

func byName(all []Setting) map[string]string {
	m := make(map[string]string, len(all))
	for _, s := range all {
		m[s.Name] = s.Value
	}
	return m
}
