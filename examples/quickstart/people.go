package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
)

// asks reports whether the run waits at its gate for people.
func asks(run pipeline.Run) bool {
	s, ok := run.Step(release)
	return ok && s.Status == pipeline.Waiting && s.For == "approval"
}

// attend does what there is to do when the run has changed: at the gate it
// asks, or answers if it may.
func (s *session) attend(ctx context.Context, run pipeline.Run) error {
	switch {
	case !asks(run):
		s.screen.Asked(false)
		s.asked = ""
		return nil
	case s.asked == run.ID:
		return nil
	}
	s.asked = run.ID
	switch {
	case run.Trigger.Params[first] != "":
		return s.vote(ctx, run.ID, gate.Vote{By: "setup", Approve: true, Comment: "the first version replaces nothing"})
	case s.yes:
		return s.vote(ctx, run.ID, gate.Vote{By: s.by, Approve: true, Comment: "-yes"})
	}
	s.screen.Print("To approve from a second terminal: " + s.program("approve"))
	s.screen.Ask("Approve " + run.ID + " for production? [y/n]")
	return nil
}

// answer takes a line that a person typed.
func (s *session) answer(ctx context.Context, run pipeline.Run, line string) error {
	s.screen.Asked(true)
	if !asks(run) {
		return nil
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return s.vote(ctx, run.ID, gate.Vote{By: s.by, Approve: true})
	case "n", "no":
		return s.vote(ctx, run.ID, gate.Vote{By: s.by})
	}
	s.screen.Ask("Approve " + run.ID + " for production? Please answer y or n:")
	return nil
}

// vote casts v on what the gate asks now. In this program everybody who can
// start it is a release manager; another would ask its directory of people.
func (d *desk) vote(ctx context.Context, run string, v gate.Vote) error {
	question, err := d.Ask(ctx, run, release)
	if err != nil {
		return err
	}
	v.Subject, v.Groups = question.Subject, []string{releaseManagers}
	return d.Vote(ctx, run, release, v)
}

// vote is the commands approve and reject.
func vote(ctx context.Context, o options, approve bool) error {
	d, err := openExisting(ctx, o.dir)
	if err != nil {
		return err
	}
	defer d.close()
	run, ok, err := d.unfinished(ctx)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("nothing is being delivered, so there is nothing to vote on")
	}
	if !asks(run) {
		return fmt.Errorf("%s does not wait for people now; see %s", run.ID, o.program("status"))
	}
	if err := d.vote(ctx, run.ID, gate.Vote{By: o.by, Approve: approve, Comment: o.comment}); err != nil {
		return err
	}
	fmt.Printf("%s: recorded that %s says %s\n", run.ID, o.by, map[bool]string{true: "yes", false: "no"}[approve])
	return nil
}

// program returns what to type for a command.
func (o options) program(name string) string {
	line := "go run ./examples/quickstart " + name
	if dir, err := defaultDir(); err != nil || dir != o.dir {
		line += fmt.Sprintf(" -dir %q", o.dir)
	}
	return line
}
