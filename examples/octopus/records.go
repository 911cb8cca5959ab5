package octopus

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
)

// Records is what is known of images.
type Records interface {
	// Passed reports whether an image was tested in an environment, and is good.
	Passed(ctx context.Context, environment string, image artifact.Digest) (bool, error)

	// Defects returns the numbers of the open defects of an image.
	Defects(ctx context.Context, image artifact.Digest) ([]string, error)
}

// often is how often records are looked at.
const often = 5 * time.Minute

// tested is a gate that passes what was tested in so many environments.
type tested struct {
	Records
	Need int
	Of   []string
}

func (g tested) Describe() string {
	return fmt.Sprintf("tested in %d of %s", g.Need, strings.Join(g.Of, ", "))
}

func (g tested) Decide(ctx context.Context, req gate.Request) (gate.Decision, error) {
	var in []string
	for _, environment := range g.Of {
		ok, err := g.Passed(ctx, environment, req.Artifacts["image"].Digest)
		if err != nil {
			return gate.Decision{}, err
		}
		if ok {
			in = append(in, environment)
		}
	}
	if len(in) < g.Need {
		return gate.Waitf("tested in %d of %s; want %d", len(in), strings.Join(g.Of, ", "), g.Need).Until(req.Now.Add(often)), nil
	}
	return gate.Passf("tested in %s", strings.Join(in, " and ")), nil
}

// unblocked is a gate that keeps what has a defect out of phases in which it has
// not been. A pass is good for a short time, for defects are found at any.
type unblocked struct {
	Records
	First func(params map[string]string) bool // whether this is the first phase of the channel, which is always allowed; nil means never
}

func (unblocked) Describe() string { return "no defect blocks it" }

func (g unblocked) Decide(ctx context.Context, req gate.Request) (gate.Decision, error) {
	image, soon := req.Artifacts["image"].Digest, req.Now.Add(often)
	defects, err := g.Defects(ctx, image)
	switch {
	case err != nil:
		return gate.Decision{}, err
	case len(defects) == 0:
		return gate.Passf("no defect is open").Until(soon), nil
	case g.First != nil && g.First(req.Params):
		return gate.Passf("%s does not block the first phase", strings.Join(defects, ", ")).Until(soon), nil
	}
	been, err := g.Passed(ctx, req.Environment, image)
	switch {
	case err != nil:
		return gate.Decision{}, err
	case been:
		return gate.Passf("%s does not block %s, where it was good", strings.Join(defects, ", "), req.Environment).Until(soon), nil
	}
	return gate.Waitf("%s blocks it", strings.Join(defects, ", ")).Until(soon), nil
}
