// Package portal is gw_portal: where people sign in. It answers /auth and everything below it, and /.well-known/jwks.json,
// and passes on everything else.
//
//   - Pages, in English, German and what an operator adds: /auth/login (name and password, then the second factor; it also takes a browser back in that still
//     has a session), /auth/mfa (the second factor again), /auth/account and below it. Assets below /auth/assets/.
//   - API: POST /auth/api/login, /auth/api/mfa/totp, /auth/api/refresh, /auth/api/logout, GET /auth/api/session, and below /auth/api/account/ and
//     /auth/api/stepup/ what a signed-in person may change. The pages use the same. Bodies are strict JSON.
//   - /.well-known/security.txt: whom to tell of a weakness, where the operator says so (RFC 9116).
//   - /.well-known/jwks.json: the keys that tokens and assertions verify with.
//
// It stands inside the limits and the WAF, and outside gw_authorize; so it asks the policy itself, with the permission
// "public" or "account:self".
//
// Tokens go out in cookies (HttpOnly, so no script reads them), or in the body where the request says so and brought its secret in
// the body too: a cookie can't be turned into a token that a script could carry away. Never in a URL. GET changes nothing: a browser
// whose access token has expired is let back in by the login page's script, with a POST.
//
// Every wrong login gets the same answer. Requests that change something from another site's pages are refused; there is no CORS.
// Where to go after the login (return_to) is only ever a path of this site.
//
// # When a part is down
//
// It fails closed: 503 where gw_identity or gw_policy can't decide now, 403 where the policy's answer is malformed. Without either it does not load.
//
// # Metrics
//
//   - gateway_portal_requests_total{route,result}: result is ok, refused (4xx) or error (5xx).
package portal
