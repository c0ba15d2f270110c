// Package host is what a module asks of the Caddy it runs in: the gateway's ground, and the gateway's apps.
package host

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/ground"
)

// Ground is what the app gateway lends. Where none is configured the error wraps caddy.ErrNotConfigured: a module that can
// do without goes on, any other returns it to the operator.
func Ground(ctx caddy.Context) (*ground.Ground, error) {
	app, err := App[interface{ Ground() *ground.Ground }](ctx, "gateway")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, fmt.Errorf("it needs the global option `gateway`, which brings the store, the database and the keys: %w", err)
	}
	if err != nil {
		return nil, err
	}
	g := app.Ground()
	if g == nil {
		return nil, errors.New("the app gateway has no ground yet: configure the apps that stand on it inside of it, which loads them")
	}
	return g, nil
}

// App is the configured app of that id, as the methods that the module needs of it. The app gateway loads those of ours
// that stand on it, so a module asks for Ground before.
func App[T any](ctx caddy.Context, id string) (T, error) {
	var none T
	app, err := ctx.AppIfConfigured(id)
	if err != nil {
		return none, err
	}
	t, ok := app.(T)
	if !ok {
		return none, fmt.Errorf("the app %s is a %T, which is no %s", id, app, reflect.TypeFor[T]())
	}
	return t, nil
}
