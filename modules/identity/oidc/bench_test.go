package oidc

import "testing"

func BenchmarkVerifyES256(b *testing.B) {
	i, c := newIssuer(b), newClock()
	p := newProvider(b, i, c)
	raw := sign(b, i.keys["k1"], `{"alg":"ES256","kid":"k1","typ":"at+jwt"}`, `{"iss":"`+i.URL+`","sub":"s","aud":"a","exp":4000000000,"iat":1,"groups":["a","b","c"]}`)
	for b.Loop() {
		if _, err := p.Verify(b.Context(), raw, DefaultAlgorithms); err != nil {
			b.Fatal(err)
		}
	}
}
