package portal

import (
	"maps"
	"strings"
)

// Permissions, as the policy knows them.
const (
	public = "public"        // everybody
	self   = "account:self"  // everybody who is signed in
	admin  = "account:admin" // operators
)

// route is one path of the portal.
type route struct {
	permission string
	methods    map[string]func(*Handler, *call) error
	stepUp     bool // it is the way to give the second factor, so its lack can't close it
}

type methods = map[string]func(*Handler, *call) error

// routes are the portal's paths. One segment may be {id}, which isID describes.
var routes = table(pageRoutes, securityRoutes, signInRoutes, secondStepRoutes, stepUpRoutes, accountRoutes, factorRoutes, sessionRoutes, tokenRoutes, oauthRoutes, serviceRoutes, registerRoutes, profileRoutes, adminRoutes, providerRoutes, breakGlassRoutes, reportRoutes)

var pageRoutes = map[string]route{
	"/auth":                     {permission: public, methods: methods{"GET": (*Handler).root}},
	"/auth/":                    {permission: public, methods: methods{"GET": (*Handler).root}},
	"/auth/login":               {permission: public, methods: methods{"GET": (*Handler).loginPage}},
	"/auth/mfa":                 {permission: self, methods: methods{"GET": (*Handler).mfaPage}, stepUp: true},
	"/auth/account":             {permission: self, methods: methods{"GET": accountSection("account")}},
	"/auth/account/security":    {permission: self, methods: methods{"GET": accountSection("security")}},
	"/auth/account/sessions":    {permission: self, methods: methods{"GET": accountSection("sessions")}},
	"/auth/account/tokens":      {permission: self, methods: methods{"GET": accountSection("tokens")}},
	"/auth/admin":               {permission: admin, methods: methods{"GET": accountSection("people")}},
	"/auth/admin/accounts/{id}": {permission: admin, methods: methods{"GET": accountSection("person")}},
	"/auth/admin/invitations":   {permission: admin, methods: methods{"GET": accountSection("invitations")}},
	"/auth/admin/services":      {permission: admin, methods: methods{"GET": accountSection("services")}},
	"/auth/register":            {permission: public, methods: methods{"GET": publicPage("register", Offers.Register)}},
	"/auth/invite":              {permission: public, methods: methods{"GET": publicPage("invite", Offers.Invitations)}},
	"/auth/verify":              {permission: public, methods: methods{"GET": publicPage("verify", func(o Offers) bool { return o.Mail })}},
	"/auth/reset":               {permission: public, methods: methods{"GET": publicPage("reset", func(o Offers) bool { return o.Reset || o.Expire })}},
	"/auth/assets/":             {permission: public, methods: methods{"GET": (*Handler).asset}},
	"/.well-known/jwks.json":    {permission: public, methods: methods{"GET": (*Handler).jwks}},
}

var signInRoutes = map[string]route{
	"/auth/api/login":    {permission: public, methods: methods{"POST": (*Handler).login}},
	"/auth/api/refresh":  {permission: public, methods: methods{"POST": (*Handler).refresh}},
	"/auth/api/logout":   {permission: public, methods: methods{"POST": (*Handler).logout}},
	"/auth/api/language": {permission: public, methods: methods{"POST": (*Handler).chooseLanguage}},
	"/auth/api/session":  {permission: self, methods: methods{"GET": (*Handler).session}},
}

var accountRoutes = map[string]route{
	"/auth/api/account/password": {permission: self, methods: methods{"POST": (*Handler).changePassword}},
}

// table joins the tables.
func table(parts ...map[string]route) map[string]route {
	all := map[string]route{}
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

// find returns the route of a path, its name, and what stands for {id} in it; ours false: the path is none of the portal's.
func find(path string) (rt route, name, id string, ours bool) {
	if rt, ok := routes[path]; ok && !strings.Contains(path, "{") {
		return rt, path, "", true
	}
	if strings.HasPrefix(path, "/auth/assets/") {
		return routes["/auth/assets/"], "/auth/assets/", "", true
	}
	if !strings.HasPrefix(path, "/auth/") {
		return route{}, "", "", false
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if !isID(s) {
			continue
		}
		segments[i] = "{id}"
		if rt, ok := routes[strings.Join(segments, "/")]; ok {
			return rt, strings.Join(segments, "/"), s, true
		}
		segments[i] = s
	}
	return route{}, "", "", true
}

// isID tells what may stand for {id}: nothing that a cache could take for a file's name, or a proxy for another path.
func isID(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 128
}
