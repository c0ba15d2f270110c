package host

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/inforce"
)

// mostDepth bounds what holds itself.
const mostDepth = 40

// Teller is a module that knows of settings in force that do not stand in its fields. What it tells stands over what they hold.
type Teller interface{ InForce() map[string]any }

var (
	rawType    = reflect.TypeFor[json.RawMessage]()
	moduleType = reflect.TypeFor[caddy.Module]()
)

// plain is a value as JSON would have it, with two differences: modules that Caddy has made of raw JSON stand in its place, and
// durations stay durations.
func plain(v reflect.Value, depth int) any {
	if !v.IsValid() || depth > mostDepth {
		return nil
	}
	if v.Type() == rawType {
		return decoded(v.Bytes())
	}
	if v.CanInterface() {
		if tree, ok := special(v, depth); ok {
			return tree
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem(), depth+1)
	case reflect.Struct:
		return structure(v, depth)
	case reflect.Map:
		tree := inforce.Tree{}
		for it := v.MapRange(); it.Next(); {
			tree[keyText(it.Key())] = plain(it.Value(), depth+1)
		}
		return tree
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return fmt.Sprintf("%d bytes", v.Len())
		}
		list := make([]any, 0, v.Len())
		for i := range v.Len() {
			list = append(list, plain(v.Index(i), depth+1))
		}
		return list
	}
	return scalar(v)
}

func scalar(v reflect.Value) any {
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if v.Type() == reflect.TypeFor[caddy.Duration]() || v.Type() == reflect.TypeFor[time.Duration]() {
			return time.Duration(v.Int())
		}
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return float64(v.Uint())
	case reflect.Float32, reflect.Float64:
		return v.Float()
	}
	return nil // functions, channels: no settings
}

// special are values that say themselves how they look.
func special(v reflect.Value, depth int) (any, bool) {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, true
	}
	x := v.Interface()
	if t, ok := x.(time.Time); ok {
		return t, true
	}
	if t, ok := x.(Teller); ok && v.Kind() == reflect.Pointer {
		tree, _ := structure(v.Elem(), depth+1).(inforce.Tree)
		for name, told := range t.InForce() {
			tree[name] = plain(reflect.ValueOf(told), depth+1)
		}
		return tree, true
	}
	switch m := x.(type) {
	case json.Marshaler:
		raw, err := m.MarshalJSON()
		if err != nil {
			return nil, true
		}
		return decoded(raw), true
	case encoding.TextMarshaler:
		raw, err := m.MarshalText()
		if err != nil {
			return nil, true
		}
		return string(raw), true
	}
	return nil, false
}

func decoded(raw []byte) any {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return v
}

func keyText(k reflect.Value) string {
	if k.Kind() == reflect.String {
		return k.String()
	}
	return fmt.Sprint(scalar(k))
}

// structure is a struct by the names of its members in JSON.
func structure(v reflect.Value, depth int) any {
	tree := inforce.Tree{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "":
			if inner, ok := plain(v.Field(i), depth+1).(inforce.Tree); ok {
				for n, e := range inner {
					if _, outer := tree[n]; !outer {
						tree[n] = e
					}
				}
			}
			continue
		case f.Tag.Get("caddy") != "" && strings.HasSuffix(f.Name, "Raw"):
			modules(tree, v, f, name, depth)
			continue
		case tag == "-":
			continue
		}
		if name == "" {
			name = f.Name
		}
		if strings.Contains(options, "omitempty") && empty(v.Field(i)) || strings.Contains(options, "omitzero") && v.Field(i).IsZero() {
			continue
		}
		if value := plain(v.Field(i), depth+1); value != nil {
			tree[name] = value
		}
	}
	return tree
}

// empty is what omitempty leaves out.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Array, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// modules adds what Caddy has made of a field of raw JSON, which is empty by then: its neighbour of that name has it.
func modules(tree inforce.Tree, v reflect.Value, f reflect.StructField, name string, depth int) {
	if name == "" || name == "-" {
		name = strings.ToLower(strings.TrimSuffix(f.Name, "Raw"))
	}
	base := strings.TrimSuffix(f.Name, "Raw")
	made, ok := v.Type().FieldByNameFunc(func(other string) bool { return strings.EqualFold(other, base) })
	if !ok {
		if raw := plain(v.FieldByIndex(f.Index), depth+1); raw != nil && !v.FieldByIndex(f.Index).IsZero() {
			tree[name] = raw
		}
		return
	}
	key := ""
	for option := range strings.FieldsSeq(f.Tag.Get("caddy")) {
		if k, ok := strings.CutPrefix(option, "inline_key="); ok {
			key = k
		}
	}
	if value := named(v.FieldByIndex(made.Index), key, depth+1); value != nil {
		tree[name] = value
	}
}

// named is a module, or are several, with their names at the key; without a key, by their names.
func named(v reflect.Value, key string, depth int) any {
	for v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
	}
	if id := moduleID(v); id != "" {
		value := plain(v, depth)
		tree, ok := value.(inforce.Tree)
		switch {
		case key == "":
			return inforce.Tree{id: value}
		case !ok:
			return inforce.Tree{key: id, "value": value}
		}
		tree[key] = id
		return tree
	}
	switch v.Kind() {
	case reflect.Slice:
		if v.Len() == 0 {
			return nil
		}
		var list []any
		for i := range v.Len() {
			list = append(list, named(v.Index(i), key, depth+1))
		}
		return list
	case reflect.Map:
		tree := inforce.Tree{}
		for it := v.MapRange(); it.Next(); {
			tree[keyText(it.Key())] = plain(it.Value(), depth+1)
		}
		return tree
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
	}
	return plain(v, depth)
}

// moduleID is the last part of the name of a module. Of a hidden field it is asked of another value of the type.
func moduleID(v reflect.Value) string {
	if !v.IsValid() || !v.Type().Implements(moduleType) {
		return ""
	}
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return ""
	}
	fresh := reflect.New(v.Type()).Elem()
	if v.Kind() == reflect.Pointer {
		fresh.Set(reflect.New(v.Type().Elem()))
	}
	m, ok := fresh.Interface().(caddy.Module)
	if !ok {
		return ""
	}
	return m.CaddyModule().ID.Name()
}
