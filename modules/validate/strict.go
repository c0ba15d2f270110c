package validate

import (
	"errors"
	"slices"
	"strconv"

	"github.com/convosphere/gateway/modules/internal/strictjson"
	"github.com/convosphere/gateway/modules/validate/openapi"
	"github.com/convosphere/gateway/modules/validate/schema"
)

// Kinds of faults besides those of schemas.
const (
	kindSyntax    schema.Kind = "syntax"    // it is no JSON
	kindAmbiguous schema.Kind = "ambiguous" // readers would differ: a member twice, half a character, a number that a double can't hold
	kindDepth     schema.Kind = "depth"     // it is nested too deep
	kindSize      schema.Kind = "size"      // there is too much of it
	kindPath      schema.Kind = "path"      // there is no such path
	kindMethod    schema.Kind = "method"    // the path does not have the method
	kindMedia     schema.Kind = "media"     // the media type, or the encoding, is not one that is taken
	kindStatus    schema.Kind = "status"    // the status is not described
)

// fault makes one of the whole.
func fault(in openapi.Place, kind schema.Kind, reason string) openapi.Fault {
	return openapi.Fault{In: in, Fault: schema.Fault{Kind: kind, Reason: reason}}
}

// read reads JSON that everybody reads alike. The fault, where there is one, is the only thing to say of it.
func (h *Handler) read(in openapi.Place, text []byte) (*strictjson.Value, *openapi.Fault) {
	v, err := strictjson.ParseWithin(text, h.Values, h.Depth)
	if err != nil {
		f := unreadable(in, err)
		return nil, &f
	}
	if tokens, ok := plain(v); !ok {
		slices.Reverse(tokens)
		f := located(fault(in, kindAmbiguous, "is a number that not every reader can hold"), tokens)
		return nil, &f
	}
	return v, nil
}

func unreadable(in openapi.Place, err error) openapi.Fault {
	f := fault(in, kindSyntax, "is not JSON")
	switch {
	case errors.Is(err, strictjson.ErrTwice):
		f = fault(in, kindAmbiguous, "is given twice")
	case errors.Is(err, strictjson.ErrUTF8), errors.Is(err, strictjson.ErrHalf), errors.Is(err, strictjson.ErrControl):
		f = fault(in, kindAmbiguous, "is not well encoded")
	case errors.Is(err, strictjson.ErrDepth):
		f = fault(in, kindDepth, "is nested too deep")
	case errors.Is(err, strictjson.ErrMany):
		return fault(in, kindSize, "holds too many values")
	}
	var where *strictjson.Error
	if errors.As(err, &where) {
		return located(f, where.Tokens)
	}
	return f
}

// longestPlace is how many levels are told.
const longestPlace = 16

// located says where in the text. The names are the sender's, so records have * for each.
func located(f openapi.Fault, tokens []string) openapi.Fault {
	var pointer, place []byte
	for _, t := range tokens[:min(len(tokens), longestPlace)] {
		pointer, place = strictjson.AppendToken(pointer, t), append(place, "/*"...)
	}
	if len(pointer) > 256 {
		pointer = append(pointer[:256], "…"...)
	}
	f.Pointer, f.Place = string(pointer), string(place)
	return f
}

// plain looks for numbers that a double can't hold: to most readers they are infinite, or zero. tokens lead to one, the innermost first.
func plain(v *strictjson.Value) (tokens []string, ok bool) {
	switch v.Kind {
	case strictjson.Number:
		return nil, strictjson.PlainNumber(v.Text)
	case strictjson.Array:
		for i := range v.Items {
			if tokens, ok = plain(&v.Items[i]); !ok {
				return append(tokens, strconv.Itoa(i)), false
			}
		}
	case strictjson.Object:
		for i := range v.Members {
			if tokens, ok = plain(&v.Members[i].Value); !ok {
				return append(tokens, v.Members[i].Name), false
			}
		}
	}
	return nil, true
}
